//! RPC connections. Frames are split here, and JavaScript is entered once per read with a table of them.
//!
//! The [table](super::table) has records of [`RECORD_WORDS`] words from its second word on, see [`Event::record`].
//! Their bodies are in a slab. Its bytes are never overwritten after JavaScript has seen them, so views of it stay
//! valid.

use super::engine::{Engine, Node};
use super::raw::{Args, Env, Functions, Outcome, SharedBytes, Value};
use super::slab::{self, Slab};
use super::table::Table;
use crate::engine::{LARGEST_READ, Protocol};
use crate::rpc::{Event, HEADER_SIZE, LENGTH_SIZE, RECORD_WORDS, Role, Splitter, record};
use crate::uv::Errno;
use std::cell::RefCell;
use std::rc::Rc;

/// More records than one read can produce. The smallest frame has 10 bytes; one may have begun in an earlier read,
/// and an error adds a record.
const MAX_RECORDS: usize = LARGEST_READ / (LENGTH_SIZE + HEADER_SIZE) + 2;

/// The start of the first record in words, after the table's cursor.
pub const RECORDS: usize = 1;

/// The kind of a record for a protocol violation. It is the last in its table. Its code is the reason, and its body
/// the message.
pub const BROKEN: u32 = 255;

/// The most bytes of that message.
const MESSAGE_SIZE: usize = 256;

/// The protocol in one environment. The state of a connection is its [`Splitter`].
#[derive(Default)]
struct Rpc {
    /// `None` until `lib/rpc` has asked for it.
    frames: RefCell<Option<Frames>>,
}

/// The memory in which an environment's frames are laid out for JavaScript.
struct Frames {
    table: Table,
    /// The words to be written to the table.
    words: Vec<u32>,
    slab: Slab,
    /// The memory for a table with a large body, used instead of the slab.
    own: Option<SharedBytes>,
}

/// The result of laying out one table.
struct Filled {
    count: u32,
    /// How many bytes of the input were consumed.
    taken: usize,
    /// Whether the next unit needs another table, because all bodies of a table must be in one piece of memory.
    more: bool,
}

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Engine>) {
    let rpc = Rc::new(Rpc::default());
    functions.state().add_protocol(rpc.clone());
    functions.add_with(&rpc, "framesTable", frames_table);
    functions.add_with(&rpc, "speakFrames", speak_frames);
    functions.add("bytesReceived", |engine, args| {
        Ok(engine
            .connection(args.uint(0)?, |connection| connection.received as f64)
            .unwrap_or(0.0))
    });
    functions.add("bytesSent", |engine, args| {
        Ok(engine
            .connection(args.uint(0)?, |connection| connection.sent as f64)
            .unwrap_or(0.0))
    });
    functions.add("unencrypted", |engine, args| {
        let waiting = engine.connection(args.uint(0)?, |connection| connection.unencrypted());
        Ok(waiting.unwrap_or(0) as f64)
    });
    functions.add("queued", |engine, args| {
        let queued = engine.connection(args.uint(0)?, |connection| connection.queued());
        Ok(queued.unwrap_or(0) as f64)
    });
}

/// `(listener)`: the first call sets an object whose `onFrames(id, count, memory)` receives records. Returns the
/// table as an `ArrayBuffer`, or nothing if there is no memory for it.
fn frames_table(rpc: &Rc<Rpc>, engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let mut frames = rpc.frames.borrow_mut();
    if frames.is_none() {
        let table = Table::new(
            engine.env(),
            RECORDS + MAX_RECORDS * RECORD_WORDS,
            args.value(0),
            "onFrames",
        );
        *frames = table.map(|table| Frames {
            table,
            words: Vec::new(),
            slab: Slab::default(),
            own: None,
        });
    }
    Ok(frames.as_ref().map(|frames| frames.table.value()))
}

/// `(id, isServer, maxFrame, guarded)`: splits the connection's bytes into frames of at most `maxFrame` bytes from
/// now on. With `guarded`, the peer must first prove that it knows a secret.
fn speak_frames(rpc: &Rc<Rpc>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let role = if args.boolean(1)? { Role::Server } else { Role::Client };
    let mut splitter = Splitter::new(role, args.uint(2)?);
    if args.boolean(3)? {
        splitter = splitter.guarded();
    }
    let set = engine.connection(args.uint(0)?, |connection| connection.speak(rpc.clone(), splitter));
    Ok(Errno::code(set))
}

impl Frames {
    /// Splits `bytes` and lays out the completed units, as far as they fit into one table's memory.
    fn fill(&mut self, env: Env, splitter: &mut Splitter, bytes: &[u8]) -> Result<Filled, Errno> {
        self.slab.reserve(env, 0).ok_or(Errno::ENOMEM)?;
        self.words.clear();
        let mut placed = false;
        let mut refused = Ok(false);
        let split = splitter.push(bytes, |event: Event<'_>| match self.place(env, event.body(), placed) {
            Ok(Some(offset)) => {
                placed |= !event.body().is_empty();
                self.add(event.record(offset));
                true
            }
            other => {
                refused = other.map(|_| true);
                false
            }
        });
        let mut more = refused?;
        let mut taken = bytes.len();
        match split {
            Ok(length) => taken = length,
            Err(error) => {
                let message = error.to_string();
                let text = &message.as_bytes()[..message.len().min(MESSAGE_SIZE)];
                if let Some(offset) = self.place(env, text, placed)? {
                    let mut words = [0; RECORD_WORDS];
                    words[0] = BROKEN;
                    words[record::CODE] = u32::from(error.reason());
                    words[record::BODY] = offset;
                    words[record::LENGTH] = text.len() as u32;
                    self.add(words);
                } else {
                    // An error is returned by the splitter again in the next table.
                    more = true;
                }
            }
        }
        Ok(Filled {
            count: (self.words.len() / RECORD_WORDS) as u32,
            taken,
            more,
        })
    }

    /// Copies a body into the table's memory and returns its offset. `None` if it needs other memory than the bodies
    /// that are already `placed`.
    fn place(&mut self, env: Env, body: &[u8], placed: bool) -> Result<Option<u32>, Errno> {
        if body.is_empty() {
            return Ok(Some(0));
        }
        if placed && (self.own.is_some() || body.len() >= slab::OWN || !self.slab.fits(body.len())) {
            return Ok(None);
        }
        if body.len() >= slab::OWN {
            let own = SharedBytes::new(env, body.len()).ok_or(Errno::ENOMEM)?;
            own.copy_in(0, body);
            self.own = Some(own);
            return Ok(Some(0));
        }
        if !self.slab.fits(body.len()) {
            self.slab.renew(env).ok_or(Errno::ENOMEM)?;
        }
        let offset = self.slab.offset();
        self.slab.push(body);
        Ok(Some(offset as u32))
    }

    /// The `ArrayBuffer` that the offsets in the table refer to.
    fn memory(&self, env: Env) -> Value {
        self.own
            .as_ref()
            .map_or_else(|| self.slab.value(env), SharedBytes::value)
    }

    fn add(&mut self, record: [u32; RECORD_WORDS]) {
        self.words.extend_from_slice(&record);
    }
}

impl Protocol<Node> for Rpc {
    /// Delivers a read: usually with one table, or several if the bodies need more than one piece of memory.
    fn read(&self, engine: &Engine, id: u32, bytes: &[u8]) {
        engine.catch_up();
        let mut rest = bytes;
        loop {
            let filled = engine.state(id, |splitter: &mut Splitter| match &mut *self.frames.borrow_mut() {
                Some(frames) => frames.fill(engine.env(), splitter, rest),
                None => Err(Errno::ENOMEM),
            });
            let filled = match filled {
                Some(Ok(filled)) => filled,
                Some(Err(error)) => return engine.read_failed(id, error),
                // The connection was closed during the previous table.
                None => return,
            };
            self.show(engine, id, filled.count);
            if let Some(frames) = &mut *self.frames.borrow_mut()
                && let Some(own) = frames.own.take()
            {
                own.release();
            }
            if !filled.more {
                return;
            }
            rest = &rest[filled.taken..];
        }
    }

    fn silence(&self) {
        if let Some(frames) = &*self.frames.borrow() {
            frames.table.silence();
        }
    }
}

impl Rpc {
    /// Delivers records. A callback that throws affects only its own record. A read without a complete frame is
    /// delivered too, because it shows that the peer is alive.
    fn show(&self, engine: &Engine, id: u32, count: u32) {
        let Some(table) = self.frames.borrow().as_ref().map(|frames| frames.table.clone()) else {
            return;
        };
        let fill = |words: &SharedBytes| {
            if let Some(frames) = &*self.frames.borrow() {
                words.copy_words(RECORDS, &frames.words);
            }
        };
        let shown = table.show(fill, |env| {
            let frames = self.frames.borrow();
            let memory = frames
                .as_ref()
                .map_or_else(|| env.undefined(), |frames| frames.memory(env));
            [env.int(id as i32), env.int(count as i32), memory]
        });
        if shown.is_err() {
            engine.env().report("ironwire: the table of RPC frames was detached");
            // It may be closed already.
            let _ = engine.close(id, false);
        }
    }
}
