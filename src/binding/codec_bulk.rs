//! The native functions behind the bulk work, the arrays and the framers of `lib/codec`, which has checked what it hands over: typed arrays, and ranges within them.

use super::raw::{Args, Env, Functions, Outcome, Value};
use super::{codec_arrays, codec_framer};
use crate::codec::bulk;
use napi_derive::napi;
use std::cell::RefCell;
use std::rc::Rc;

/// What calls keep of their memory for the next: what is allocated anew costs page faults.
const KEPT: usize = 4 << 20;

/// What a call writes before it is known where it goes.
#[derive(Default)]
pub struct Scratch(RefCell<Vec<u8>>);

impl Scratch {
    /// Room, empty.
    pub fn take(&self) -> Vec<u8> {
        self.0.take()
    }

    /// Gives it back, for the next call.
    pub fn keep(&self, mut room: Vec<u8>) {
        room.clear();
        room.shrink_to(KEPT);
        self.0.replace(room);
    }
}

/// The functions, as an object. Called once in an environment, by `lib/codec/native.js`.
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

/// (bytes, needle): where it is, or -1.
fn search(args: &Args, find: Find) -> Outcome<f64> {
    args.look(0, |bytes| args.look(1, |needle| position(find(bytes, needle))))?
}

/// (bytes, string): where its UTF-8 is, or -1.
fn search_text(scratch: &Scratch, args: &Args, find: Find) -> Outcome<f64> {
    let mut text = scratch.take();
    args.append_utf8(1, &mut text)?;
    let found = args.look(0, |bytes| position(find(bytes, &text)))?;
    scratch.keep(text);
    Ok(found)
}

fn register(functions: &mut Functions<Scratch>) {
    // (bytes): a string, or undefined where it would be too long
    functions.add("hexEncode", |_, args| {
        let mut text = Vec::new();
        args.look(0, |bytes| bulk::hex_encode(bytes, &mut text))?;
        Ok(args.env().latin1_of(text))
    });
    // (string, out): how many bytes. A character counts for its lowest byte, as it does for Node.
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
