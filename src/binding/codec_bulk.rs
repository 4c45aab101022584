//! The native functions behind the bulk operations, arrays and framers of `lib/codec`. JavaScript has checked the
//! arguments: typed arrays, and ranges within them.

use super::raw::{Args, Env, Functions, Outcome, Value};
use super::{codec_arrays, codec_framer};
use crate::codec::bulk;
use napi_derive::napi;
use std::cell::RefCell;
use std::rc::Rc;

/// The most bytes of memory that is kept for the next call. New memory costs page faults.
const KEPT: usize = 4 << 20;

/// Memory that a call can write to before the destination is known.
#[derive(Default)]
pub struct Scratch(RefCell<Vec<u8>>);

impl Scratch {
    /// Takes the memory, which is empty.
    pub fn take(&self) -> Vec<u8> {
        self.0.take()
    }

    /// Gives the memory back for the next call.
    pub fn keep(&self, mut room: Vec<u8>) {
        room.clear();
        room.shrink_to(KEPT);
        self.0.replace(room);
    }
}

/// Returns an object with the functions for large inputs. `lib/codec/native.js` calls it once per environment.
#[napi(ts_return_type = "Record<string, (...args: any[]) => any>")]
pub fn codec_bulk(env: &napi::Env) -> Value {
    let env = Env::from(env);
    let mut functions = Functions::new(env, Rc::new(Scratch::default()));
    register(&mut functions);
    codec_arrays::register(&mut functions);
    codec_framer::register(&mut functions);
    let (object, release) = functions.finish();
    env.on_teardown(move |_teardown| release());
    object
}

type Find = fn(&[u8], &[u8]) -> Option<usize>;

/// A position, or -1.
fn position(found: Option<usize>) -> f64 {
    found.map_or(-1.0, |at| at as f64)
}

/// (bytes, needle): returns the position of the needle, or -1.
fn search(args: &Args, find: Find) -> Outcome<f64> {
    args.look(0, |bytes| args.look(1, |needle| position(find(bytes, needle))))?
}

/// (bytes, string): returns the position of the string's UTF-8, or -1.
fn search_text(scratch: &Scratch, args: &Args, find: Find) -> Outcome<f64> {
    let mut text = scratch.take();
    args.append_utf8(1, &mut text)?;
    let found = args.look(0, |bytes| position(find(bytes, &text)))?;
    scratch.keep(text);
    Ok(found)
}

fn register(functions: &mut Functions<Scratch>) {
    // (bytes): returns a string, or undefined if it would be too long
    functions.add("hexEncode", |_, args| {
        let mut text = Vec::new();
        args.look(0, |bytes| bulk::hex_encode(bytes, &mut text))?;
        Ok(args.env().latin1_of(text))
    });
    // (string, out): returns the number of bytes. Only the lowest byte of each character counts, as in Node.
    functions.add("hexDecode", |scratch, args| {
        let mut text = scratch.take();
        args.append_latin1(0, &mut text)?;
        let written = args.change(1, |out| bulk::hex_decode(&text, out))?;
        scratch.keep(text);
        Ok(written as f64)
    });
    functions.add("indexOf", |_, args| search(args, bulk::find));
    functions.add("lastIndexOf", |_, args| search(args, bulk::find_last));
    functions.add("indexOfText", |scratch, args| search_text(scratch, args, bulk::find));
    functions.add("lastIndexOfText", |scratch, args| {
        search_text(scratch, args, bulk::find_last)
    });
    // (bytes)
    functions.add("swap16", |_, args| args.change(0, bulk::swap16));
    functions.add("swap32", |_, args| args.change(0, bulk::swap32));
    functions.add("swap64", |_, args| args.change(0, bulk::swap64));
}
