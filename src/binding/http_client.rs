//! HTTP clients between the engine and `lib/http/client`: requests down, responses up.
//!
//! What the connections of one turn of the loop have received is parsed as it comes, and shown to JavaScript in one call,
//! `onResponses(events, text, body)`, after the last of them was read: to enter JavaScript costs more than to parse a small response. The
//! events stand in a [table](super::table); those of a connection follow a row that names it, and between two connections
//! JavaScript runs ticks and promise jobs, as Node does between two reads.

use super::engine::{Engine, Node};
use super::raw::{Args, Env, Functions, Landing, Outcome, SharedBytes, Value};
use super::slab::{self, Slab};
use super::table::{Showing, Table};
use crate::engine::Protocol;
use crate::http1::{Batch, Conn, EVENT_WORDS, Expected, Limits, Stop, parts};
use crate::uv::Errno;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

/// Events per call of JavaScript: more gain nothing from being shown together.
const EVENTS: usize = 512;

/// Heads per call of JavaScript, in bytes: they are one string, which lives as long as any part of it.
const TEXT: usize = 64 * 1024;

/// The words before the first event.
pub(super) mod word {
    /// Where in the `ArrayBuffer` shown the body bytes lie, and how many there are; 0 when a `Buffer` is shown.
    pub const BODY_AT: usize = 1;
    pub const BODY_LENGTH: usize = 2;
    /// Events begin here.
    pub const EVENTS: usize = 8;
}

/// A row before the events of one connection.
pub(super) mod answer_row {
    /// Its kind.
    pub const READ: u32 = 5;
    /// Whose they are.
    pub const ID: usize = 1;
    /// The number of the event behind its last.
    pub const NEXT: usize = 2;
    /// Where among the body bytes all that was received lies, if it is shown: with an error, or an upgrade.
    pub const PACKET: usize = 3;
    /// How many bytes that is.
    pub const PACKET_LENGTH: usize = 4;
    /// How many of the bytes received the events are of.
    pub const LENGTH: usize = 5;
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
    /// A batch is being shown.
    showing: Cell<bool>,
}

/// What every client's connection of an environment shares.
#[derive(Default)]
struct Scratch {
    table: Option<Table>,
    words: Vec<u32>,
    /// Events of the batch being made or shown, the rows before them included.
    count: usize,
    /// The heads of the batch being shown; it may be shown again.
    text: Vec<u8>,
    /// Its body bytes, those of one large read apart.
    body: Vec<u8>,
    /// Where JavaScript sees them.
    slab: Slab,
    /// Where in a large read its body bytes are.
    lying: Range<usize>,
    /// What was received meanwhile, by a loop that the program runs inside of its own.
    late: Vec<(u32, Vec<u8>)>,
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
    // What nobody has asked for has come meanwhile: the connection is about to be closed.
    Ok(fit.and_then(|fit| if fit { Ok(()) } else { Err(Errno::ECONNRESET) }))
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
        let tapped = with(engine, id, |client| client.tapped) == Ok(true);
        read(self, engine, id, bytes, !tapped);
        if tapped {
            engine.read_raw(id, bytes);
        }
    }

    /// The next request rather leaves with those on other connections: a server that slept is then woken once for all of them.
    fn answers(&self) -> bool {
        false
    }

    fn tick(&self, engine: &Engine) {
        show(self, engine, &[], false);
    }

    fn silence(&self) {
        if let Some(table) = &self.scratch.borrow().table {
            table.silence();
        }
    }
}

/// Parses what a connection has received. A large read is shown at once, because its bytes are not to be copied twice; so is what JavaScript
/// has to decide upon before the connection is read on. `last`: nobody looks at them after.
fn read(clients: &Clients, engine: &Engine, id: u32, bytes: &[u8], last: bool) {
    if clients.showing.get() {
        clients.scratch.borrow_mut().late.push((id, bytes.to_vec()));
        return;
    }
    let large = bytes.len() >= slab::OWN;
    let mut rest = bytes;
    while !rest.is_empty() {
        if large || !clients.scratch.borrow().has_room_for(rest.len()) {
            show(clients, engine, &[], false);
        }
        let (taken, stop) = match parse(clients, engine, id, rest, large) {
            Ok(Some(parsed)) => parsed,
            // JavaScript gave the connection to another protocol in the middle of this read.
            Ok(None) => return engine.read_raw(id, rest),
            Err(_) => return,
        };
        if large || stop != Stop::Drained {
            show(clients, engine, rest, last && stop == Stop::Drained);
        } else {
            engine.gather();
        }
        if matches!(stop, Stop::Failed | Stop::Upgrade) {
            return;
        }
        rest = &rest[taken..];
    }
}

/// Parses one connection's bytes on into the batch; nothing when it speaks something else.
fn parse(
    clients: &Clients,
    engine: &Engine,
    id: u32,
    bytes: &[u8],
    large: bool,
) -> Result<Option<(usize, Stop)>, Errno> {
    engine.connection(id, |connection| {
        let client = connection.state::<Client>()?;
        let scratch = &mut *clients.scratch.borrow_mut();
        let row = scratch.count;
        let mut batch = Batch {
            table: &mut scratch.words,
            count: row + 1,
            text: &mut scratch.text,
        };
        let (taken, stop) = client.conn.feed(bytes, &mut batch);
        if batch.count > row + 1 {
            scratch.count = batch.count;
            let whole = matches!(stop, Stop::Failed | Stop::Upgrade);
            scratch.place_body(row, id, bytes, taken, large, whole);
        }
        Some((taken, stop))
    })
}

impl Scratch {
    /// Whose events the batch has.
    fn connections(&self) -> Vec<u32> {
        let rows = self.words[..self.count * EVENT_WORDS].chunks_exact(EVENT_WORDS);
        rows.filter(|words| words[0] == answer_row::READ)
            .map(|words| words[answer_row::ID])
            .collect()
    }

    /// Whether the events and the body of so many bytes more have room.
    fn has_room_for(&self, length: usize) -> bool {
        self.count + 4 <= EVENTS && self.text.len() < TEXT && self.body.len() + length <= slab::SIZE
    }

    /// Writes the row before a connection's events, and where its body bytes are. `whole`: all that was received is shown.
    fn place_body(&mut self, at: usize, id: u32, bytes: &[u8], taken: usize, large: bool, whole: bool) {
        let rows = &mut self.words[at * EVENT_WORDS..self.count * EVENT_WORDS];
        let (head, events) = rows.split_at_mut(EVENT_WORDS);
        let base = self.body.len();
        if large && whole {
            self.lying = 0..bytes.len();
        } else if large {
            self.lying = parts::trim(events);
        } else if whole {
            self.body.extend_from_slice(bytes);
            parts::move_on(events, base);
        } else {
            parts::gather(events, bytes, &mut self.body);
        }
        head.copy_from_slice(&[
            answer_row::READ,
            id,
            self.count as u32,
            base as u32,
            if whole { bytes.len() as u32 } else { 0 },
            taken as u32,
            0,
            0,
        ]);
    }

    /// Gives the memory of a large read to JavaScript, instead of a copy, if its body is worth it. The events say where in it that is.
    fn take(&mut self, engine: &Engine, input: &[u8]) -> Option<Rc<Landing>> {
        let (landing, offset) = engine.take(&input[self.lying.clone()])?;
        parts::move_on(&mut self.words[..self.count * EVENT_WORDS], offset);
        Some(landing)
    }

    /// Copies the body bytes to where JavaScript sees them for good; returns the offset.
    fn place(&mut self, env: Env) -> Option<usize> {
        if self.body.is_empty() {
            return None;
        }
        self.slab.reserve(env, self.body.len())?;
        let offset = self.slab.offset();
        self.slab.push(&self.body);
        self.slab.align();
        Some(offset)
    }

    /// The body bytes of the batch, as JavaScript sees them.
    fn shown_body(&self, env: Env, input: &[u8]) -> Value {
        if !self.lying.is_empty() {
            env.buffer_copy(&input[self.lying.clone()])
        } else if self.body.is_empty() {
            env.undefined()
        } else {
            self.slab.value(env)
        }
    }

    /// The batch is over.
    fn clear(&mut self) {
        self.count = 0;
        self.text.clear();
        self.body.clear();
        self.lying = 0..0;
    }
}

/// Shows the batch to JavaScript, again and again while handlers throw. `input` is the large read that it is of, where it is of one; `last`:
/// nobody looks at that after.
fn show(clients: &Clients, engine: &Engine, input: &[u8], last: bool) {
    let env = engine.env();
    let (table, count, at, taken) = {
        let mut scratch = clients.scratch.borrow_mut();
        let Some(table) = scratch.table.clone() else { return };
        if scratch.count == 0 || clients.showing.get() {
            return;
        }
        let taken = if last { scratch.take(engine, input) } else { None };
        (table, scratch.count, scratch.place(env), taken)
    };
    let showing = Showing::new(&clients.showing);
    let fill = |words: &SharedBytes| {
        let scratch = clients.scratch.borrow();
        words.set_word(word::BODY_AT, at.unwrap_or(0) as u32);
        words.set_word(word::BODY_LENGTH, at.map_or(0, |_| scratch.body.len() as u32));
        words.copy_words(word::EVENTS, &scratch.words[..count * EVENT_WORDS]);
    };
    let shown = table.show(fill, |env| {
        let scratch = clients.scratch.borrow();
        let body = match &taken {
            Some(landing) => landing.value(env),
            None => scratch.shown_body(env, input),
        };
        [env.int(count as i32), env.latin1(&scratch.text), body]
    });
    if shown.is_err() {
        env.report("ironwire: the table of HTTP responses was detached");
        let connections = clients.scratch.borrow().connections();
        for id in connections {
            // It may be closed already.
            let _ = engine.close(id, false);
        }
    }
    clients.scratch.borrow_mut().clear();
    drop(showing);
    loop {
        let late = std::mem::take(&mut clients.scratch.borrow_mut().late);
        if late.is_empty() {
            return;
        }
        for (id, bytes) in late {
            read(clients, engine, id, &bytes, false);
        }
    }
}
