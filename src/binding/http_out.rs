//! HTTP responses on their way from `lib/http` to the engine: heads and bodies, each in one call.

use super::engine::Engine;
use super::http_file::Sources;
use super::raw::{Args, Functions, Outcome};
use crate::http1::encode::{self, Connection, DateCache, Framing, ResponseHead};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The bits of `respond`'s second argument, above the status.
pub(super) mod respond_bit {
    /// The status.
    pub const STATUS: u32 = (1 << 10) - 1;
    /// `Connection: close`.
    pub const CLOSE: u32 = 1 << 10;
    /// `Transfer-Encoding: chunked`.
    pub const CHUNKED: u32 = 1 << 11;
    /// `Content-Length`.
    pub const LENGTH: u32 = 1 << 12;
    /// From this bit on: the `Keep-Alive` timeout in seconds plus one, or 0 for no such header.
    pub const SECONDS: u32 = 17;
    /// The largest timeout that fits, in seconds: about nine hours.
    pub const MAX_SECONDS: u32 = (u32::MAX >> SECONDS) - 1;
}

/// Bits of `send`'s second argument.
pub(super) mod send_bit {
    /// The body is a string, to be sent as UTF-8.
    pub const TEXT: u32 = 1;
    /// The body is a string, to be sent as latin1.
    pub const LATIN1: u32 = 2;
    /// The body is bytes.
    pub const BYTES: u32 = 4;
    /// The body is a chunk of a chunked body.
    pub const CHUNK: u32 = 8;
    /// The chunked body ends.
    pub const LAST: u32 = 16;
    /// A head is passed.
    pub const HEAD: u32 = 32;
    /// The head (or its lines) is UTF-8 instead of latin1.
    pub const UTF8_HEAD: u32 = 64;
    /// The body is the part that a [source](super::super::http_file) has prepared.
    pub const FILE: u32 = 128;
}

/// The data for building the heads of an environment's responses.
#[derive(Default)]
pub(super) struct Heads {
    /// The header lines of the response being written.
    lines: Vec<u8>,
    pub(super) date: DateCache,
    /// The loop time when `date` was last checked.
    dated: u64,
}

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Engine>, sources: &Rc<Sources>) {
    let heads = Rc::new(RefCell::new(Heads::default()));
    functions.add_with(&heads, "httpRespond", respond);
    functions.add_with(sources, "httpSend", send);
}

/// `(id, bits, bodyBits, lines, body, length)`: sends a whole response. `lines` are the application's header lines.
/// The bits from 17 on are the `Keep-Alive` timeout in seconds plus one, or 0 for no such header. Returns the same as
/// `write`.
fn respond(heads: &Rc<RefCell<Heads>>, engine: &Engine, args: &Args) -> Outcome<i32> {
    use respond_bit::*;
    let (id, bits, body_bits) = (args.uint(0)?, args.uint(1)?, args.uint(2)?);
    let length = if body_bits & (send_bit::TEXT | send_bit::LATIN1 | send_bit::BYTES) == 0 {
        0
    } else {
        args.uint(5)?
    };
    let heads = &mut *heads.borrow_mut();
    heads.lines.clear();
    append_head(args, body_bits, 3, &mut heads.lines)?;
    heads.check_date(engine.now());
    let framing = if bits & CHUNKED != 0 {
        Framing::Chunked
    } else if bits & LENGTH != 0 {
        Framing::Length(u64::from(length))
    } else {
        Framing::Given
    };
    let head = ResponseHead {
        status: (bits & STATUS) as u16,
        headers: &heads.lines,
        connection: if bits & CLOSE != 0 {
            Connection::Close
        } else {
            Connection::KeepAlive((bits >> SECONDS).checked_sub(1))
        },
        framing,
    };
    engine.append(id, |out| {
        encode::head(out, &head, &heads.date);
        write_body(args, body_bits, 4, length, out)
    })
}

pub(super) fn append_head(args: &Args, bits: u32, at: usize, out: &mut Vec<u8>) -> Outcome<usize> {
    if bits & send_bit::UTF8_HEAD != 0 {
        args.append_utf8(at, out)
    } else {
        args.append_latin1(at, out)
    }
}

/// Appends a body or a part of it, as described by `bits`, from the arguments from `at` on.
fn write_body(args: &Args, bits: u32, at: usize, length: u32, out: &mut Vec<u8>) -> Outcome<()> {
    use send_bit::*;
    let body = |out: &mut Vec<u8>| {
        if bits & TEXT != 0 {
            args.append_utf8(at, out)?;
        } else if bits & LATIN1 != 0 {
            args.append_latin1(at, out)?;
        } else if bits & BYTES != 0 {
            args.bytes(at, 0, length as usize, |bytes| out.extend_from_slice(bytes))?;
        }
        Ok(())
    };
    if bits & CHUNK != 0 {
        encode::chunk(out, u64::from(length), body)?;
    } else {
        body(out)?;
    }
    if bits & LAST != 0 {
        encode::last_chunk(out);
    }
    Ok(())
}

/// `(id, bits, head, body, length)`: sends a head (latin1) and the body or a part of it. Returns the same as `write`.
fn send(sources: &Rc<Sources>, engine: &Engine, args: &Args) -> Outcome<i32> {
    use send_bit::*;
    let (id, bits) = (args.uint(0)?, args.uint(1)?);
    if bits & FILE != 0 {
        return sources.send(engine, args, id, bits);
    }
    let length = if bits & (TEXT | LATIN1 | BYTES) == 0 {
        0
    } else {
        args.uint(4)?
    };
    engine.append(id, |out| {
        if bits & HEAD != 0 {
            append_head(args, bits, 2, out)?;
        }
        write_body(args, bits, 3, length, out)
    })
}

impl Heads {
    /// Updates the date. The system's clock is read only if the loop's clock has advanced.
    pub(super) fn check_date(&mut self, now: u64) {
        if now != self.dated {
            self.dated = now;
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.date.set(since.as_secs());
        }
    }
}
