//! HTTP clients: requests on their way from `lib/http/client` to the engine, and responses back.
//!
//! Responses of all connections that received something in a turn of the loop are parsed at once, and delivered to
//! JavaScript after the last read in one call, `onResponses(events, text, body)`, because entering JavaScript costs
//! more than parsing a small response. The events are in a [table](super::table); a row that names the connection
//! precedes its events. Between two connections, JavaScript runs ticks and promise jobs, as Node does between two
//! reads.

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

/// The most events per call of JavaScript. More would gain nothing.
const EVENTS: usize = 512;

/// The most bytes of heads per call of JavaScript. They form one string, which stays alive as long as any part of it.
const TEXT: usize = 64 * 1024;

/// The words before the first event.
pub(super) mod word {
    /// The offset and the number of body bytes in the `ArrayBuffer` that is passed; 0 if a `Buffer` is passed.
    pub const BODY_AT: usize = 1;
    pub const BODY_LENGTH: usize = 2;
    /// The start of the first event.
    pub const EVENTS: usize = 8;
}

/// The row before the events of one connection.
pub(super) mod answer_row {
    /// The kind of this row.
    pub const READ: u32 = 5;
    /// The id of the connection.
    pub const ID: usize = 1;
    /// The number of the event after its last one.
    pub const NEXT: usize = 2;
    /// The offset of the received bytes among the body bytes, if they are passed: with an error or an upgrade.
    pub const PACKET: usize = 3;
    /// The number of those bytes.
    pub const PACKET_LENGTH: usize = 4;
    /// How many of the received bytes the events cover.
    pub const LENGTH: usize = 5;
}

/// The request methods that affect the framing of the response; 0 for all others.
pub(super) mod answers {
    /// `HEAD`.
    pub const HEAD: u32 = 1;
    /// `CONNECT`.
    pub const CONNECT: u32 = 2;
}

/// One connection's state.
struct Client {
    conn: Conn,
    /// Whether JavaScript also wants the raw bytes, because of a 'data' listener on the socket.
    tapped: bool,
}

/// The HTTP client protocol in one environment.
#[derive(Default)]
struct Clients {
    scratch: RefCell<Scratch>,
    /// Whether a batch is being delivered.
    showing: Cell<bool>,
}

/// The data shared by all client connections of an environment.
#[derive(Default)]
struct Scratch {
    table: Option<Table>,
    words: Vec<u32>,
    /// The number of rows in the current batch, including the rows before each connection's events.
    count: usize,
    /// The heads of the batch. It may be delivered again.
    text: Vec<u8>,
    /// The body bytes of the batch, except those of a large read.
    body: Vec<u8>,
    /// The slab in which JavaScript sees the body bytes.
    slab: Slab,
    /// The range of a large read that holds its body bytes.
    lying: Range<usize>,
    /// Bytes received during the delivery of a batch, when the program runs the loop inside of a handler.
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

/// Runs `code` on a client connection. `EBADF` for any other.
fn with<T>(engine: &Engine, id: u32, code: impl FnOnce(&mut Client) -> T) -> Result<T, Errno> {
    engine.state(id, code).ok_or(Errno::EBADF)
}

/// `(listener)`: sets an object whose `onResponses` receives batches. Returns the table of events as an
/// `ArrayBuffer`.
fn table(clients: &Rc<Clients>, _engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let scratch = &mut *clients.scratch.borrow_mut();
    if scratch.table.is_none() {
        let words = word::EVENTS + EVENTS * EVENT_WORDS;
        scratch.table = Table::new(args.env(), words, args.value(0), "onResponses");
        scratch.words = vec![0; EVENTS * EVENT_WORDS];
    }
    Ok(scratch.table.as_ref().map(Table::value))
}

/// `(id, kind, maxHeaderSize, …)`: expects a response of this kind, see [`answers`].
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
    // Unsolicited bytes have arrived, and the connection is about to be closed.
    Ok(fit.and_then(|fit| if fit { Ok(()) } else { Err(Errno::ECONNRESET) }))
}

/// `(id, kind, maxHeaderSize, request, utf8)`: expects a response and writes a whole request. Returns the same as
/// `write`.
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

    /// A next request is sent together with those of other connections. A sleeping server is then woken only once for
    /// all of them.
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

/// Parses received bytes. A large read is delivered at once, so that its bytes are not copied twice. So are events
/// about which JavaScript must decide before the connection is read further. `last`: the caller does not access the
/// bytes afterwards.
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

/// Parses bytes of one connection into the batch. `None` if it speaks another protocol.
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
    /// The connections with events in the batch.
    fn connections(&self) -> Vec<u32> {
        let rows = self.words[..self.count * EVENT_WORDS].chunks_exact(EVENT_WORDS);
        rows.filter(|words| words[0] == answer_row::READ)
            .map(|words| words[answer_row::ID])
            .collect()
    }

    /// Whether there is room for the events and a body of `length` more bytes.
    fn has_room_for(&self, length: usize) -> bool {
        self.count + 4 <= EVENTS && self.text.len() < TEXT && self.body.len() + length <= slab::SIZE
    }

    /// Writes the row before a connection's events, and the positions of its body bytes. `whole`: all received bytes
    /// are passed.
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

    /// Gives the memory of a large read to JavaScript instead of a copy, if its body is large enough. Adjusts the
    /// positions in the events.
    fn take(&mut self, engine: &Engine, input: &[u8]) -> Option<Rc<Landing>> {
        let (landing, offset) = engine.take(&input[self.lying.clone()])?;
        parts::move_on(&mut self.words[..self.count * EVENT_WORDS], offset);
        Some(landing)
    }

    /// Copies the body bytes to memory that JavaScript can keep. Returns the offset.
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

    /// The body bytes of the batch as a JavaScript value.
    fn shown_body(&self, env: Env, input: &[u8]) -> Value {
        if !self.lying.is_empty() {
            env.buffer_copy(&input[self.lying.clone()])
        } else if self.body.is_empty() {
            env.undefined()
        } else {
            self.slab.value(env)
        }
    }

    /// Clears the batch.
    fn clear(&mut self) {
        self.count = 0;
        self.text.clear();
        self.body.clear();
        self.lying = 0..0;
    }
}

/// Delivers the batch to JavaScript, with repeated calls while handlers throw. `input` is the large read that it
/// comes from, if any. `last`: the caller does not access `input` afterwards.
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
