//! HTTP clients between the engine and `lib/http/client`: requests down, responses up.
//!
//! What a read says is shown to JavaScript in one call, `onResponses(id, events, text, body)`, with the events in a [table](super::table).

use super::engine::{Engine, Node};
use super::raw::{Args, Functions, Outcome, SharedBytes, Value};
use super::slab;
use super::table::Table;
use crate::engine::Protocol;
use crate::http1::{Batch, Conn, EVENT_WORDS, Expected, Limits, Stop, event, row};
use crate::uv::Errno;
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

/// Events per call of JavaScript: a read seldom says more.
const EVENTS: usize = 128;

/// The words before the first event.
pub(super) mod word {
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

/// What a response answers, as far as its framing depends on it; 0 for all else.
pub(super) mod answers {
    /// `HEAD`.
    pub const HEAD: u32 = 1;
    /// `CONNECT`.
    pub const CONNECT: u32 = 2;
}

/// One connection's state.
struct Client {
    conn: Conn,
    /// JavaScript wants to see the bytes as well: somebody listens for 'data' on the socket.
    tapped: bool,
}

/// The protocol in one environment.
#[derive(Default)]
struct Clients {
    scratch: RefCell<Scratch>,
}

/// What every client's connection of an environment shares.
#[derive(Default)]
struct Scratch {
    table: Option<Table>,
    words: Vec<u32>,
    /// The heads of the batch being shown; it may be shown again.
    text: Vec<u8>,
}

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Engine>) {
    let clients = Rc::new(Clients::default());
    functions.state().add_protocol(clients.clone());
    functions.add("httpTabs", |_, args| {
        crate::http1::set_tabs_end_values(args.boolean(0)?);
        Ok(())
    });
    functions.add_with(&clients, "clientTable", table);
    functions.add_with(&clients, "clientAttach", |clients, engine, args| {
        let client = Client {
            conn: Conn::client(Limits::default()),
            tapped: false,
        };
        let attached = engine.connection(args.uint(0)?, |connection| connection.speak(clients.clone(), client));
        Ok(Errno::code(attached))
    });
    functions.add("clientDetach", |engine, args| {
        let detached = engine.connection(args.uint(0)?, |connection| connection.hush::<Client>().is_some());
        Ok(detached == Ok(true))
    });
    functions.add("clientTap", |engine, args| {
        Ok(with(engine, args.uint(0)?, |client| client.tapped = true).is_ok())
    });
    functions.add("clientExpect", |engine, args| {
        let expected = expect(engine, args)?;
        Ok(Errno::code(expected))
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
    engine.state(id, code).ok_or(Errno::EBADF)
}

/// `(listener)`: an object whose `onResponses` is shown batches. Returns the table of events, as an `ArrayBuffer`.
fn table(clients: &Rc<Clients>, _engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let scratch = &mut *clients.scratch.borrow_mut();
    if scratch.table.is_none() {
        let words = word::EVENTS + EVENTS * EVENT_WORDS;
        scratch.table = Table::new(args.env(), words, args.value(0), "onResponses");
        scratch.words = vec![0; EVENTS * EVENT_WORDS];
    }
    Ok(scratch.table.as_ref().map(Table::value))
}

/// `(id, kind, maxHeaderSize, …)`: a response of that kind, one of [`answers`], is to come.
fn expect(engine: &Engine, args: &Args) -> Outcome<Result<(), Errno>> {
    let expected = match args.uint(1)? {
        answers::HEAD => Expected::NoBody,
        answers::CONNECT => Expected::Tunnel,
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

impl Protocol<Node> for Clients {
    fn read(&self, engine: &Engine, id: u32, bytes: &[u8]) {
        let tapped = with(engine, id, |client| client.tapped);
        parse(self, engine, id, bytes);
        if tapped == Ok(true) {
            engine.read_raw(id, bytes);
        }
    }

    /// The next request rather leaves with those on other connections: a server that slept is then woken once for all of them.
    fn answers(&self) -> bool {
        false
    }

    fn silence(&self) {
        if let Some(table) = &self.scratch.borrow().table {
            table.silence();
        }
    }
}

fn parse(clients: &Clients, engine: &Engine, id: u32, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let fed = engine.connection(id, |connection| {
            let client = connection.state::<Client>()?;
            let scratch = &mut *clients.scratch.borrow_mut();
            scratch.text.clear();
            let mut batch = Batch {
                table: &mut scratch.words,
                count: 0,
                text: &mut scratch.text,
            };
            let (taken, stop) = client.conn.feed(rest, &mut batch);
            Some((taken, batch.count, stop))
        });
        let (taken, count, stop) = match fed {
            Ok(Some(fed)) => fed,
            // JavaScript gave the connection to another protocol in the middle of this read.
            Ok(None) => return engine.read_raw(id, rest),
            Err(_) => return,
        };
        if count > 0 {
            show(clients, engine, id, rest, taken, count, stop);
        }
        if matches!(stop, Stop::Failed | Stop::Upgrade) {
            return;
        }
        rest = &rest[taken..];
    }
}

/// Shows one batch to JavaScript.
fn show(clients: &Clients, engine: &Engine, id: u32, input: &[u8], taken: usize, count: usize, stop: Stop) {
    let (table, body) = {
        let scratch = clients.scratch.borrow();
        let Some(table) = scratch.table.clone() else { return };
        let body = body_range(&scratch.words[..count * EVENT_WORDS], input, stop);
        (table, body)
    };
    let fill = |words: &SharedBytes| {
        words.set_word(word::TAKEN, 0);
        words.set_word(word::BODY_START, body.start as u32);
        words.set_word(word::CONSUMED, taken as u32);
        words.copy_words(word::EVENTS, &clients.scratch.borrow().words[..count * EVENT_WORDS]);
    };
    let bytes = &input[body.clone()];
    let shown = table.show(fill, |env| {
        let shared = !bytes.is_empty() && bytes.len() < slab::OWN;
        let placed = if shared { engine.place(bytes) } else { None };
        if let Some(words) = table.words() {
            words.set_word(word::BODY_AT, placed.map_or(0, |(_, at)| at as u32));
            words.set_word(word::BODY_LENGTH, placed.map_or(0, |_| bytes.len() as u32));
        }
        let body = match placed {
            Some((memory, _)) => memory,
            None if bytes.is_empty() => env.undefined(),
            None => env.buffer_copy(bytes),
        };
        [
            env.int(id as i32),
            env.int(count as i32),
            env.latin1(&clients.scratch.borrow().text),
            body,
        ]
    });
    if shown.is_err() {
        engine
            .env()
            .report("ironwire: the table of HTTP responses was detached");
        // It may be closed already.
        let _ = engine.close(id, false);
    }
}

/// Which part of the input JavaScript gets to see: from the first body byte to the last; all of it with an error, which reports the
/// packet, and with an upgrade, whose first bytes of the other protocol may lie behind the head.
fn body_range(words: &[u32], input: &[u8], stop: Stop) -> Range<usize> {
    if matches!(stop, Stop::Failed | Stop::Upgrade) {
        return 0..input.len();
    }
    let bodies = words.chunks_exact(EVENT_WORDS).filter(|words| words[0] == event::BODY);
    bodies.fold(0..0, |range, words| {
        let start = words[row::PART] as usize;
        let end = start + words[row::PART_LENGTH] as usize;
        if range.is_empty() { start..end } else { range.start..end }
    })
}
