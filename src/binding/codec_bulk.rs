//! The native functions behind the bulk work of `lib/codec`, which has checked what it hands over: typed arrays, and ranges within them.

use super::raw::{Env, Functions, Value};
use crate::codec::bulk;
use napi_derive::napi;
use std::cell::RefCell;
use std::rc::Rc;

/// What calls keep of their memory for the next: what is allocated anew costs page faults.
const KEPT: usize = 4 << 20;

/// The text that a call was given. Used again and again.
type Scratch = RefCell<Vec<u8>>;

/// The functions, as an object. Called once in an environment, by `lib/codec/bulk.js`.
#[napi(ts_return_type = "Record<string, (...args: any[]) => any>")]
pub fn codec_bulk(env: &napi::Env) -> Value {
    let env = Env::from(env);
    let mut functions = Functions::new(env, Rc::new(Scratch::default()));
    register(&mut functions);
    let (object, release) = functions.finish();
    env.on_teardown(move |_teardown| release());
    object
}

/// A position, or -1.
fn position(found: Option<usize>) -> f64 {
    found.map_or(-1.0, |at| at as f64)
}

fn register(functions: &mut Functions<Scratch>) {
    // (bytes): a string
    functions.add("hexEncode", |_, args| {
        let mut text = Vec::new();
        args.look(0, |bytes| bulk::hex_encode(bytes, &mut text))?;
        Ok(args.env().text(text))
    });
    // (string, out): how many bytes. A character counts for its lowest byte, as it does for Node.
    functions.add("hexDecode", |scratch, args| {
        let mut text = scratch.borrow_mut();
        text.clear();
        args.append_latin1(0, &mut text)?;
        let written = args.change(1, |out| bulk::hex_decode(&text, out))?;
        if text.capacity() > KEPT {
            *text = Vec::new();
        }
        Ok(written as f64)
    });
    // (bytes, needle): where it is, or -1
    functions.add("indexOf", |_, args| {
        args.look(0, |bytes| args.look(1, |needle| position(bulk::find(bytes, needle))))?
    });
    functions.add("lastIndexOf", |_, args| {
        args.look(0, |bytes| {
            args.look(1, |needle| position(bulk::find_last(bytes, needle)))
        })?
    });
    // (bytes)
    functions.add("swap16", |_, args| args.change(0, bulk::swap16));
    functions.add("swap32", |_, args| args.change(0, bulk::swap32));
    functions.add("swap64", |_, args| args.change(0, bulk::swap64));
}
