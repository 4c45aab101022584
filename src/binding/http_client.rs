//! HTTP clients between the engine and `lib/http/client`: requests down, responses up.
//!
//! What a read says is shown to JavaScript in one call, `onResponses(id, events, text, body)`, with the events in a table that both sides
//! see. JavaScript moves the cursor in the table's first word before it handles an event: when a handler throws, the rest of the batch is
//! shown again, and nothing is lost or seen twice.

use super::engine::{Engine, Protocol};
use super::raw::{Args, Callbacks, Functions, Outcome, SharedBytes, Value};
use super::slab;
use crate::http1::{Batch, Conn, EVENT_WORDS, Expected, Limits, Stop, event};
use crate::uv::Errno;
use std::ops::Range;
use std::rc::Rc;

/// Events per call of JavaScript: a read seldom says more.
const EVENTS: usize = 128;

/// The words before the first event; `lib/http/client/connection.js` knows them.
mod word {
    /// The next event to handle, written by JavaScript.
    pub const CURSOR: usize = 0;
    /// What JavaScript says of an upgrade: 1 when another protocol has the connection from now on.
    pub const TAKEN: usize = 1;
    /// Where in the input the body bytes shown begin.
    pub const BODY_START: usize = 2;
    /// How much of the input the batch covers.
    pub const CONSUMED: usize = 3;
    /// Where in the `ArrayBuffer` shown the body bytes lie, and how many there are; 0 when a `Buffer` is shown.
    pub const BODY_AT: usize = 4;
    pub const BODY_LENGTH: usize = 5;
    /// Events begin here.
    pub const EVENTS: usize = 8;
}

/// One connection's state.
pub struct Client {
    conn: Conn,
    /// JavaScript wants to see the bytes as well: somebody listens for 'data' on the socket.
    tapped: bool,
}

/// What every client's connection of an environment shares.
#[derive(Default)]
pub struct Scratch {
    table: Option<SharedBytes>,
    /// What shows batches to JavaScript.
    listener: Option<Rc<Callbacks<1>>>,
    words: Vec<u32>,
    /// The heads of the batch being shown; it may be shown again.
    text: Vec<u8>,
}

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Engine>) {
    functions.add("httpTabs", |_, args| {
        crate::http1::set_tabs_end_values(args.boolean(0)?);
        Ok(())
    });
    functions.add("clientTable", table);
    functions.add("clientAttach", |engine, args| {
        let attached = engine.connection(args.uint(0)?, |connection| {
            connection.protocol = Protocol::Client(Box::new(Client {
                conn: Conn::client(Limits::default()),
                tapped: false,
            }));
        });
        Ok(attached.map_or_else(|error| error.0, |()| 0))
    });
    functions.add("clientDetach", |engine, args| {
        let detached = engine.connection(args.uint(0)?, |connection| connection.protocol = Protocol::Raw);
        Ok(detached.is_ok())
    });
    functions.add("clientTap", |engine, args| {
        Ok(with(engine, args.uint(0)?, |client| client.tapped = true).is_ok())
    });
    functions.add("clientExpect", |engine, args| {
        let expected = expect(engine, args)?;
        Ok(expected.map_or_else(|error| error.0, |()| 0))
    });
    functions.add("clientSend", send);
    functions.add("clientIsIdle", |engine, args| {
        Ok(with(engine, args.uint(0)?, |client| client.conn.is_idle()) == Ok(true))
    });
    functions.add("clientIsWhole", |engine, args| {
        let finished = with(engine, args.uint(0)?, |client| client.conn.finish().is_ok());
        Ok(finished == Ok(true))
    });
}

/// Runs `code` on a client's connection; `EBADF` for any other.
fn with<T>(engine: &Engine, id: u32, code: impl FnOnce(&mut Client) -> T) -> Result<T, Errno> {
    engine.connection(id, |connection| match &mut connection.protocol {
        Protocol::Client(client) => Ok(code(client)),
        _ => Err(Errno::EBADF),
    })?
}

/// `(listener)`: an object whose `onResponses` is shown batches. Returns the table of events, as an `ArrayBuffer`.
fn table(engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let scratch = &mut *engine.client.borrow_mut();
    scratch.listener = Some(Rc::new(Callbacks::new(args.env(), args.value(0), ["onResponses"])));
    scratch.table = SharedBytes::new(args.env(), (word::EVENTS + EVENTS * EVENT_WORDS) * 4);
    scratch.words = vec![0; EVENTS * EVENT_WORDS];
    Ok(scratch.table.as_ref().map(SharedBytes::value))
}

/// `(id, kind, maxHeaderSize, …)`: a response of that kind (0, 1 to HEAD, 2 to CONNECT) is to come.
fn expect(engine: &Engine, args: &Args) -> Outcome<Result<(), Errno>> {
    let expected = match args.uint(1)? {
        1 => Expected::NoBody,
        2 => Expected::Tunnel,
        _ => Expected::Ordinary,
    };
    let limits = Limits {
        max_header_size: args.uint(2)? as usize,
    };
    let fit = with(engine, args.uint(0)?, |client| client.conn.expect(expected, limits));
    Ok(fit.and_then(|fit| if fit { Ok(()) } else { Err(Errno::EBADF) }))
}

/// `(id, kind, maxHeaderSize, request, utf8)`: expects a response and writes a whole request. Returns what `write` returns.
fn send(engine: &Engine, args: &Args) -> Outcome<i32> {
    if let Err(error) = expect(engine, args)? {
        return Ok(error.0);
    }
    let utf8 = args.boolean(4)?;
    engine.append(args.uint(0)?, |pending| {
        let appended = if utf8 {
            args.append_utf8(3, pending)
        } else {
            args.append_latin1(3, pending)
        };
        appended.map(drop)
    })
}

/// Bytes that a client's connection has received: parses and shows them.
pub fn read(engine: &Engine, id: u32, bytes: &[u8]) {
    let tapped = with(engine, id, |client| client.tapped);
    parse(engine, id, bytes);
    if tapped == Ok(true) {
        engine.read_raw(id, bytes);
    }
}

fn parse(engine: &Engine, id: u32, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let fed = engine.connection(id, |connection| match &mut connection.protocol {
            Protocol::Client(client) => {
                let scratch = &mut *engine.client.borrow_mut();
                scratch.text.clear();
                let mut batch = Batch {
                    table: &mut scratch.words,
                    count: 0,
                    text: &mut scratch.text,
                };
                let (taken, stop) = client.conn.feed(rest, &mut batch);
                Some((taken, batch.count, stop))
            }
            // JavaScript gave the connection to another protocol in the middle of this read.
            _ => None,
        });
        let (taken, count, stop) = match fed {
            Ok(Some(fed)) => fed,
            Ok(None) => return engine.read_raw(id, rest),
            Err(_) => return,
        };
        if count > 0 {
            show(engine, id, rest, taken, count, stop);
        }
        if matches!(stop, Stop::Failed | Stop::Upgrade) {
            return;
        }
        rest = &rest[taken..];
    }
}

/// Shows one batch to JavaScript, again and again while handlers throw.
fn show(engine: &Engine, id: u32, input: &[u8], taken: usize, count: usize, stop: Stop) {
    let (listener, body) = {
        let scratch = engine.client.borrow();
        let (Some(table), Some(listener)) = (attached(&scratch), &scratch.listener) else {
            return;
        };
        let body = body_range(&scratch.words[..count * EVENT_WORDS], input, stop);
        table.set_word(word::CURSOR, 0);
        table.set_word(word::TAKEN, 0);
        table.set_word(word::BODY_START, body.start as u32);
        table.set_word(word::CONSUMED, taken as u32);
        table.copy_words(word::EVENTS, &scratch.words[..count * EVENT_WORDS]);
        (listener.clone(), body)
    };
    let bytes = &input[body];
    let mut before = 0;
    loop {
        let returned = listener.call(0, |env| {
            let shared = !bytes.is_empty() && bytes.len() < slab::OWN;
            let placed = if shared { engine.place(bytes) } else { None };
            let scratch = engine.client.borrow();
            if let Some(table) = attached(&scratch) {
                table.set_word(word::BODY_AT, placed.map_or(0, |(_, at)| at as u32));
                table.set_word(word::BODY_LENGTH, placed.map_or(0, |_| bytes.len() as u32));
            }
            let body = match placed {
                Some((memory, _)) => memory,
                None if bytes.is_empty() => env.undefined(),
                None => env.buffer_copy(bytes),
            };
            [
                env.int(id as i32),
                env.int(count as i32),
                env.latin1(&scratch.text),
                body,
            ]
        });
        let scratch = engine.client.borrow();
        let cursor = attached(&scratch).map_or(count, |table| table.word(word::CURSOR) as usize);
        // After a throw it is called even when no event is left: it has its own end of a batch to come to.
        if returned || cursor == before {
            return;
        }
        before = cursor;
    }
}

fn attached(scratch: &Scratch) -> Option<&SharedBytes> {
    scratch.table.as_ref().filter(|table| table.is_attached())
}

/// Which part of the input JavaScript gets to see: from the first body byte to the last; all of it with an error, which reports the
/// packet, and with an upgrade, whose first bytes of the other protocol may lie behind the head.
fn body_range(words: &[u32], input: &[u8], stop: Stop) -> Range<usize> {
    if matches!(stop, Stop::Failed | Stop::Upgrade) {
        return 0..input.len();
    }
    let bodies = words.chunks_exact(EVENT_WORDS).filter(|row| row[0] == event::BODY);
    bodies.fold(0..0, |range, row| {
        let (start, end) = (row[1] as usize, (row[1] + row[2]) as usize);
        if range.is_empty() { start..end } else { range.start..end }
    })
}
