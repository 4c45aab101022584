//! Framers for `lib/codec/framing`: they find messages in chunks, many in one call, and JavaScript makes of them what its callers want.
//!
//! What is found is told in a table of the framer's own, an array of words that JavaScript hands over with each chunk.

use super::codec_bulk::Scratch;
use super::raw::{Args, Functions, Misuse, Outcome, Value};
use crate::codec::framing::{Counts, Error, Found, Framing, Length, Prefix, Splitter, Stuffing, Unstuffer};
use crate::slots::Slots;
use napi_derive::napi;
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

/// Where things stand in a table, in words.
pub mod frame_word {
    /// How many messages were found.
    pub const COUNT: usize = 0;
    /// Where the chunk was not looked at any further: at what is left of it, or where the table was full.
    pub const NEXT: usize = 1;
    /// 1 where all of the chunk was looked at.
    pub const DONE: usize = 2;
    /// Of a message that began in an earlier chunk, where its frame ends in this one; 0 where there is none.
    pub const END: usize = 3;
    /// Bytes of that frame before the message, and behind it.
    pub const HEAD: usize = 4;
    pub const FOOT: usize = 5;
    /// Bytes that the frame which has begun will have in all; 0 while that is not known.
    pub const TOTAL: usize = 6;
    /// 1 where a stuffed message has begun that is not whole, and its bytes so far, of which there may be none.
    pub const BEGUN: usize = 7;
    pub const HELD: usize = 8;
    /// One of [`frame_error`](super::frame_error), 0 where nothing is wrong.
    pub const ERROR: usize = 9;
    /// Begin and end of each message from here on: in the chunk, or in the bytes that were made of it.
    pub const ROWS: usize = 10;
}

/// What can be wrong.
pub mod frame_error {
    /// A message is longer than allowed.
    pub const TOO_LARGE: u32 = 1;
    /// There is no telling where messages are.
    pub const INVALID: u32 = 2;
}

/// How messages are told apart, as `lib/codec/framing/options.js` has checked it. One of `width`, `delimiter`, `size` and `stuffing` is there.
#[napi(object)]
pub struct CodecFraming {
    /// Bytes of a length; 0 for a varint.
    pub width: Option<u32>,
    pub little_endian: Option<bool>,
    /// `'message'`, `'rest'` or `'frame'`.
    pub counts: Option<String>,
    pub before: Option<u32>,
    pub after: Option<u32>,
    pub trailer: Option<u32>,
    pub delimiter: Option<napi::bindgen_prelude::Buffer>,
    pub size: Option<u32>,
    /// `'cobs'` or `'slip'`.
    pub stuffing: Option<String>,
    pub strip: bool,
    pub max_length: f64,
}

enum Framer {
    Splitter(Box<Splitter>),
    Unstuffer(Unstuffer),
}

#[derive(Default)]
struct Framers(RefCell<Slots<Framer>>);

const NO_FRAMER: Misuse = Misuse::new(0, "framer");

fn stuffing(name: &str) -> Stuffing {
    if name == "slip" { Stuffing::Slip } else { Stuffing::Cobs }
}

impl CodecFraming {
    fn framer(self) -> Outcome<Framer> {
        let limit = self.max_length as u64;
        if let Some(name) = &self.stuffing {
            return Ok(Framer::Unstuffer(Unstuffer::new(stuffing(name), limit)));
        }
        let framing = match (self.delimiter, self.size, self.width) {
            (Some(delimiter), _, _) => Framing::Delimiter(delimiter.to_vec().into()),
            (None, Some(size), _) => Framing::Size(size),
            (None, None, width) => Framing::Length(Length {
                prefix: match (width.unwrap_or(0) as u8, self.little_endian) {
                    (0, _) => Prefix::Varint,
                    (width, Some(true)) => Prefix::Little(width),
                    (width, _) => Prefix::Big(width),
                },
                counts: match self.counts.as_deref() {
                    Some("rest") => Counts::Rest,
                    Some("frame") => Counts::Frame,
                    _ => Counts::Message,
                },
                before: self.before.unwrap_or(0),
                after: self.after.unwrap_or(0),
                trailer: self.trailer.unwrap_or(0),
            }),
        };
        framing.check().map_err(|_| Misuse::new(0, "framing that can be"))?;
        Ok(Framer::Splitter(Box::new(Splitter::new(framing, limit, self.strip))))
    }
}

/// The table that a call fills.
struct Table<'a> {
    words: &'a mut [u8],
    count: usize,
    most: usize,
}

impl<'a> Table<'a> {
    fn new(words: &'a mut [u8]) -> Self {
        let most = (words.len() / 4).saturating_sub(frame_word::ROWS) / 2;
        let mut table = Table { words, count: 0, most };
        (0..frame_word::ROWS).for_each(|at| table.set(at, 0));
        table
    }

    fn set(&mut self, at: usize, value: usize) {
        if let Some(word) = self.words.get_mut(4 * at..4 * at + 4) {
            // A chunk has less than 4 GiB.
            word.copy_from_slice(&(value as u32).to_ne_bytes());
        }
    }

    fn is_full(&self) -> bool {
        self.count >= self.most
    }

    fn add(&mut self, start: usize, end: usize) {
        let at = frame_word::ROWS + 2 * self.count;
        self.set(at, start);
        self.set(at + 1, end);
        self.count += 1;
    }

    fn finish(&mut self, error: Option<Error>) {
        self.set(frame_word::COUNT, self.count);
        if let Some(error) = error {
            let number = match error {
                Error::TooLarge { .. } => frame_error::TOO_LARGE,
                _ => frame_error::INVALID,
            };
            self.set(frame_word::ERROR, number as usize);
        }
    }
}

pub fn register(functions: &mut Functions<Scratch>) {
    let framers = Rc::new(Framers::default());
    // (framing): its id
    functions.add_with(&framers, "framer", |framers, _, args| {
        let framer = args.object::<CodecFraming>(0)?.framer()?;
        let made = framers.0.borrow_mut().insert_with(|_| Ok::<_, Infallible>(framer));
        Ok(made.map(|Ok(id)| f64::from(id)))
    });
    functions.add_with(&framers, "framerDrop", |framers, _, args| {
        framers.0.borrow_mut().remove(args.uint(0)?);
        Ok(())
    });
    functions.add_with(&framers, "framerReset", |framers, _, args| {
        match framers.0.borrow_mut().get_mut(args.uint(0)?).ok_or(NO_FRAMER)? {
            Framer::Splitter(splitter) => splitter.reset(),
            Framer::Unstuffer(unstuffer) => unstuffer.reset(),
        }
        Ok(())
    });
    functions.add_with(&framers, "framerPush", push);
    functions.add_with(&framers, "framerUnstuff", unstuff);
    // ('cobs' | 'slip', bytes): the message with what ends it
    functions.add("stuff", |scratch, args| {
        let stuffing = stuffing(&args.string(0)?);
        let mut out = scratch.take();
        args.look(1, |message| stuffing.encode(message, &mut out))?;
        let made = args.env().buffer_copy(&out);
        scratch.keep(out);
        Ok(made)
    });
}

/// (id, chunk, from, table): what is wrong, where the table says that something is.
fn push(framers: &Rc<Framers>, _: &Scratch, args: &Args) -> Outcome<Option<Value>> {
    let from = args.uint(2)? as usize;
    let mut framers = framers.0.borrow_mut();
    let Some(Framer::Splitter(splitter)) = framers.get_mut(args.uint(0)?) else {
        return Err(NO_FRAMER);
    };
    let error = args.convert(1, 3, |chunk, words| {
        let mut table = Table::new(words);
        let pushed = splitter.push(chunk, from.min(chunk.len()), |found| {
            match found {
                Found::Continued(continued) => {
                    table.set(frame_word::END, continued.end);
                    table.set(frame_word::HEAD, continued.head);
                    table.set(frame_word::FOOT, continued.foot);
                }
                Found::Whole(_) if table.is_full() => return false,
                Found::Whole(message) => table.add(message.start, message.end),
            }
            true
        });
        match pushed {
            Ok(Ok(tail)) => {
                table.set(frame_word::NEXT, tail.start);
                table.set(frame_word::DONE, 1);
                table.set(frame_word::TOTAL, tail.total as usize);
            }
            Ok(Err(at)) => table.set(frame_word::NEXT, at),
            Err(_) => {}
        }
        table.finish(pushed.err());
        pushed.err()
    })?;
    Ok(error.map(|error| args.env().string(&error.to_string())))
}

/// (id, chunk, from, table): the bytes that the table's messages are in, or what is wrong. `COUNT` is what tells how much of the bytes there is.
fn unstuff(framers: &Rc<Framers>, scratch: &Scratch, args: &Args) -> Outcome<Value> {
    let from = args.uint(2)? as usize;
    let mut framers = framers.0.borrow_mut();
    let Some(Framer::Unstuffer(unstuffer)) = framers.get_mut(args.uint(0)?) else {
        return Err(NO_FRAMER);
    };
    let mut out = scratch.take();
    let error = args.convert(1, 3, |chunk, words| {
        let mut table = Table::new(words);
        let pushed = unstuffer.push(chunk, from.min(chunk.len()), &mut out, |message| {
            table.add(message.start, message.end);
            !table.is_full()
        });
        if let Ok(next) = pushed {
            table.set(frame_word::NEXT, next);
            table.set(frame_word::DONE, usize::from(next == chunk.len()));
            table.set(frame_word::BEGUN, usize::from(unstuffer.held().is_some()));
            table.set(frame_word::HELD, unstuffer.held().unwrap_or(0));
        }
        table.finish(pushed.err());
        pushed.err()
    })?;
    let env = args.env();
    let bytes = env.buffer_copy(&out);
    scratch.keep(out);
    let Some(error) = error else { return Ok(bytes) };
    Ok(env.array(&[bytes, env.string(&error.to_string())]))
}
