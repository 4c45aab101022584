//! Framers for `lib/codec/framing`. They find many messages of a chunk in one call, and JavaScript turns them into
//! what its callers want.
//!
//! The messages are described in the framer's own table, an array of words that JavaScript passes with each chunk.

use super::codec_bulk::Scratch;
use super::raw::{Args, Env, Functions, Misuse, Outcome, Value};
use crate::codec::framing::{Counts, Error, Found, Framing, Length, Prefix, Splitter, Stuffing, Unstuffer};
use crate::slots::Slots;
use napi_derive::napi;
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

/// The positions in a table, in words.
pub mod frame_word {
    /// The number of messages found.
    pub const COUNT: usize = 0;
    /// Where the search stopped: at the end of the chunk, or earlier if the table was full.
    pub const NEXT: usize = 1;
    /// 1 if a message has begun and is incomplete, followed by the number of its bytes so far. That can be 0 if it is
    /// stuffed.
    pub const BEGUN: usize = 2;
    pub const HELD: usize = 3;
    /// The total size of its frame; 0 if it is not known yet.
    pub const TOTAL: usize = 4;
    /// One of [`frame_error`](super::frame_error), or 0.
    pub const ERROR: usize = 5;
    /// From here on, the start and end of each message: in the chunk, or in the bytes that were created.
    pub const ROWS: usize = 6;
}

/// The errors.
pub mod frame_error {
    /// A message exceeds the limit.
    pub const TOO_LARGE: u32 = 1;
    /// The stream is invalid: the position of the next message is unknown.
    pub const INVALID: u32 = 2;
}

/// How messages are separated; `lib/codec/framing/options.js` has checked it. Exactly one of `width`, `delimiter`, `size` and `stuffing`
/// is set.
#[napi(object)]
pub struct CodecFraming {
    /// The width of the length field in bytes; 0 for a varint.
    pub width: Option<u32>,
    pub little_endian: Option<bool>,
    /// What the length counts: `'message'`, `'rest'` (everything after the length field) or `'frame'` (everything).
    pub counts: Option<String>,
    /// The number of header bytes before and after the length field, and of bytes after the message.
    pub before: Option<u32>,
    pub after: Option<u32>,
    pub trailer: Option<u32>,
    /// The bytes after each message.
    pub delimiter: Option<napi::bindgen_prelude::Buffer>,
    /// The size of every message.
    pub size: Option<u32>,
    /// The method of byte stuffing: `'cobs'` or `'slip'`.
    pub stuffing: Option<String>,
    pub strip: bool,
    pub max_length: f64,
}

enum Framer {
    Splitter(Box<Splitter>),
    Unstuffer(Unstuffer),
}

impl Framer {
    /// The memory for an incomplete message.
    fn capacity(&self) -> usize {
        match self {
            Framer::Splitter(splitter) => splitter.capacity(),
            Framer::Unstuffer(unstuffer) => unstuffer.capacity(),
        }
    }

    fn reset(&mut self) {
        match self {
            Framer::Splitter(splitter) => splitter.reset(),
            Framer::Unstuffer(unstuffer) => unstuffer.reset(),
        }
    }

    /// The number of bytes of an incomplete message, which can be 0 if it is stuffed.
    fn held(&self) -> Option<usize> {
        match self {
            Framer::Splitter(splitter) => Some(splitter.held().len()).filter(|&held| held > 0),
            Framer::Unstuffer(unstuffer) => unstuffer.held(),
        }
    }

    /// The total size of its frame, if known.
    fn announced(&self) -> Option<u64> {
        match self {
            Framer::Splitter(splitter) => splitter.announced(),
            Framer::Unstuffer(_) => None,
        }
    }

    /// Processes a chunk from `from` on and fills a table. Returns the bytes that had to be created, and the error.
    /// These bytes are the message that began in an earlier chunk, if it ends here; for stuffed messages, they are
    /// the bytes that the table's rows refer to.
    fn push(
        &mut self,
        env: Env,
        scratch: &Scratch,
        chunk: &[u8],
        from: usize,
        words: &mut [u8],
    ) -> (Option<Value>, Option<Error>) {
        let mut table = Table::new(words);
        let mut made = None;
        let rest = &chunk[from..];
        let pushed = match self {
            Framer::Splitter(splitter) => splitter.push(rest, |found| {
                match found {
                    Found::Joined(message) => made = Some(env.buffer_copy(message)),
                    Found::Whole(_) if table.is_full() => return false,
                    Found::Whole(message) => table.add(from + message.start, from + message.end),
                }
                true
            }),
            Framer::Unstuffer(unstuffer) => {
                let mut out = scratch.take();
                let pushed = unstuffer.push(rest, &mut out, |message| {
                    table.add(message.start, message.end);
                    !table.is_full()
                });
                made = Some(env.buffer_copy(&out));
                scratch.keep(out);
                pushed
            }
        };
        table.set(frame_word::COUNT, table.count);
        table.set(frame_word::NEXT, pushed.map_or(from, |taken| from + taken));
        table.set(frame_word::BEGUN, self.held().is_some().into());
        table.set(frame_word::HELD, self.held().unwrap_or(0));
        table.set(frame_word::TOTAL, self.announced().unwrap_or(0) as usize);
        let wrong = match pushed {
            Ok(_) => 0,
            Err(Error::TooLarge { .. }) => frame_error::TOO_LARGE,
            Err(_) => frame_error::INVALID,
        };
        table.set(frame_word::ERROR, wrong as usize);
        (made, pushed.err())
    }
}

#[derive(Default)]
struct Framers(RefCell<Slots<Framer>>);

impl Framers {
    /// Changes a framer. V8 is told about its memory, so that it collects unused framers soon enough.
    fn change<T>(&self, args: &Args, change: impl FnOnce(&mut Framer) -> Outcome<T>) -> Outcome<T> {
        let mut framers = self.0.borrow_mut();
        let framer = framers.get_mut(args.uint(0)?).ok_or(NO_FRAMER)?;
        let before = framer.capacity();
        let result = change(framer);
        args.env().account(framer.capacity() as i64 - before as i64);
        result
    }
}

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
        framing.check().map_err(|_| Misuse::new(0, "valid framing"))?;
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
        Table { words, count: 0, most }
    }

    fn set(&mut self, at: usize, value: usize) {
        if let Some(word) = self.words.get_mut(4 * at..4 * at + 4) {
            // A chunk is smaller than 4 GiB.
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
}

pub fn register(functions: &mut Functions<Scratch>) {
    let framers = Rc::new(Framers::default());
    // (framing): returns its id
    functions.add_with(&framers, "framer", |framers, _, args| {
        let framer = args.object::<CodecFraming>(0)?.framer()?;
        let made = framers.0.borrow_mut().insert_with(|_| Ok::<_, Infallible>(framer));
        Ok(made.map(|Ok(id)| f64::from(id)))
    });
    functions.add_with(&framers, "framerDrop", |framers, _, args| {
        let framer = framers.0.borrow_mut().remove(args.uint(0)?);
        let freed = framer.map_or(0, |framer| framer.capacity());
        args.env().account(-(freed as i64));
        Ok(())
    });
    functions.add_with(&framers, "framerReset", |framers, _, args| {
        framers.change(args, |framer| {
            framer.reset();
            Ok(())
        })
    });
    functions.add_with(&framers, "framerPush", push);
    // (id): returns the bytes of the incomplete frame
    functions.add_with(&framers, "framerHeld", |framers, _, args| {
        framers.change(args, |framer| match framer {
            Framer::Splitter(splitter) => Ok(args.env().buffer_copy(splitter.held())),
            Framer::Unstuffer(_) => Err(NO_FRAMER),
        })
    });
    // ('cobs' | 'slip', bytes): returns the encoded message with its delimiter
    functions.add("stuff", |scratch, args| {
        let stuffing = stuffing(&args.string(0)?);
        let mut out = scratch.take();
        args.look(1, |message| stuffing.encode(message, &mut out))?;
        let made = args.env().buffer_copy(&out);
        scratch.keep(out);
        Ok(made)
    });
}

/// (id, chunk, from, table): see [`Framer::push`]. If the table reports an error, returns an array of the bytes and
/// the error.
fn push(framers: &Rc<Framers>, scratch: &Scratch, args: &Args) -> Outcome<Value> {
    let env = args.env();
    let from = args.uint(2)? as usize;
    let (made, error) = framers.change(args, |framer| {
        args.convert(1, 3, |chunk, words| {
            framer.push(env, scratch, chunk, from.min(chunk.len()), words)
        })
    })?;
    let made = made.unwrap_or_else(|| env.undefined());
    let Some(error) = error else { return Ok(made) };
    Ok(env.array(&[made, env.string(&error.to_string())]))
}
