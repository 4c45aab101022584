//! RPC connections: frames are split here, and JavaScript is entered once per read with a table of them.
//!
//! The table is one `Uint32Array` per environment. Word 0 is the cursor: how many records JavaScript has taken, which it counts up
//! before it calls anything that could throw. From word 1 on come records of [`RECORD_WORDS`] words, see [`Event::record`]; their
//! bodies lie in a slab that is never written again once JavaScript has seen it, so views of it stay good.

use super::engine::{Callback, Engine, Protocol};
use super::raw::{Args, Env, Functions, Outcome, SharedBytes, Value};
use super::slab::{self, Slab};
use crate::rpc::{Event, HEADER_SIZE, LENGTH_SIZE, RECORD_WORDS, Role, Splitter};
use crate::uv::{Errno, READ_BUFFER};

/// More units than one read can complete: the smallest frame has 10 bytes; one may have begun before, and an error adds a record.
const MAX_RECORDS: usize = READ_BUFFER / (LENGTH_SIZE + HEADER_SIZE) + 2;

/// The kind of the record that ends a table when the stream broke the protocol: its code is the reason, its body the message.
const BROKEN: u32 = 255;

/// Bytes of that message at most.
const MESSAGE_SIZE: usize = 256;

/// Where an environment's frames are laid out for JavaScript.
pub struct Frames {
    table: SharedBytes,
    slab: Slab,
    /// The memory of a table with a large body, instead of the slab.
    own: Option<SharedBytes>,
}

/// A table that is laid out.
struct Filled {
    count: u32,
    /// Bytes of the input that it took.
    taken: usize,
    /// The next unit needs a table of its own: bodies of one table lie in one piece of memory.
    more: bool,
}

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Engine>) {
    functions.add("framesTable", frames_table);
    functions.add("speakFrames", speak_frames);
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
    functions.add("queued", |engine, args| {
        let queued = engine.connection(args.uint(0)?, |connection| connection.queued());
        Ok(queued.unwrap_or(0) as f64)
    });
}

/// The `ArrayBuffer` under the table; nothing when there is no memory for it.
fn frames_table(engine: &Engine, _args: &Args) -> Outcome<Option<Value>> {
    let mut frames = engine.frames.borrow_mut();
    if frames.is_none() {
        *frames = Frames::new(engine.env());
    }
    Ok(frames.as_ref().map(|frames| frames.table.value()))
}

/// `(id, isServer, maxFrame)`: from now on the connection's bytes are split into frames of at most `maxFrame` bytes.
fn speak_frames(engine: &Engine, args: &Args) -> Outcome<i32> {
    let role = if args.boolean(1)? { Role::Server } else { Role::Client };
    let splitter = Splitter::new(role, args.uint(2)?);
    let set = engine.connection(args.uint(0)?, |connection| {
        connection.protocol = Protocol::Frames(Box::new(splitter));
    });
    Ok(set.map_or_else(|error| error.0, |()| 0))
}

impl Frames {
    /// `None` when there is no memory for the table.
    pub fn new(env: Env) -> Option<Frames> {
        let table = SharedBytes::new(env, (1 + MAX_RECORDS * RECORD_WORDS) * 4)?;
        Some(Frames {
            table,
            slab: Slab::default(),
            own: None,
        })
    }

    /// Splits `bytes` and lays out what they complete, as far as one table's memory goes.
    fn fill(&mut self, env: Env, splitter: &mut Splitter, bytes: &[u8]) -> Result<Filled, Errno> {
        self.slab.reserve(env, 0).ok_or(Errno::ENOMEM)?;
        let (mut count, mut placed) = (0, false);
        let mut refused = Ok(false);
        let split = splitter.push(bytes, |event: Event<'_>| match self.place(env, event.body(), placed) {
            Ok(Some(offset)) => {
                placed |= !event.body().is_empty();
                self.add(count, event.record(offset));
                count += 1;
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
                    let record = [BROKEN, 0, u32::from(error.reason()), 0, offset, text.len() as u32];
                    self.add(count, record);
                    count += 1;
                } else {
                    // The splitter says so again.
                    more = true;
                }
            }
        }
        self.table.set_word(0, 0);
        Ok(Filled {
            count: count as u32,
            taken,
            more,
        })
    }

    /// Copies a body into the table's memory and returns where it lies there; `None` when it needs other memory than the bodies that
    /// are `placed` already.
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

    /// The `ArrayBuffer` that the table's offsets are of.
    fn memory(&self, env: Env) -> Value {
        self.own
            .as_ref()
            .map_or_else(|| self.slab.value(env), SharedBytes::value)
    }

    fn add(&mut self, index: usize, record: [u32; RECORD_WORDS]) {
        let mut words = [0; RECORD_WORDS * 4];
        for (target, word) in words.chunks_exact_mut(4).zip(record) {
            target.copy_from_slice(&word.to_ne_bytes());
        }
        self.table.copy_in(4 + index * words.len(), &words);
    }
}

/// A read of a connection that speaks frames: usually one table, more where its bodies fill more than one piece of memory.
pub fn read(engine: &Engine, id: u32, bytes: &[u8]) {
    let mut rest = bytes;
    loop {
        let filled = engine.connection(id, |connection| {
            match (&mut connection.protocol, &mut *engine.frames.borrow_mut()) {
                (Protocol::Frames(splitter), Some(frames)) => frames.fill(engine.env(), splitter, rest),
                _ => Err(Errno::ENOMEM),
            }
        });
        match filled.and_then(|filled| filled) {
            Ok(Filled { count, taken, more }) => {
                deliver(engine, id, count);
                if let Some(frames) = &mut *engine.frames.borrow_mut()
                    && let Some(own) = frames.own.take()
                {
                    own.release();
                }
                if !more {
                    return;
                }
                rest = &rest[taken..];
            }
            Err(error) => return engine.read_failed(id, error),
        }
    }
}

/// Calls JavaScript until it has taken every record: a callback that throws costs its own record only. A read that completes
/// nothing is reported too, since it shows that the peer is alive.
fn deliver(engine: &Engine, id: u32, count: u32) {
    let cursor = || {
        engine
            .frames
            .borrow()
            .as_ref()
            .map_or(count, |frames| frames.table.word(0))
    };
    let mut taken = 0;
    loop {
        let returned = engine.call(Callback::Frames, |env| {
            let slab = engine
                .frames
                .borrow()
                .as_ref()
                .map_or_else(|| env.undefined(), |frames| frames.memory(env));
            [env.int(id as i32), env.int(count as i32), slab]
        });
        let next = cursor();
        if returned || next >= count || next <= taken {
            return;
        }
        taken = next;
    }
}
