//! What the protocols over HTTP/2 have in common between the engine and JavaScript: events are delivered in batches,
//! and waiting data is sent as room becomes available.
//!
//! The events of all connections that received something in a turn of the loop are delivered to JavaScript in one
//! call, `(count, text, body)`, after the last read, because entering JavaScript costs more than reading a request.
//! Each event is a row in a [table](super::table), whose second word is the id of the connection. Data to be sent on
//! a stream waits in the session until there is a flow-control window for it, and room in the connection's output.

use super::engine::{Engine, Node};
use super::raw::{Args, SharedBytes, Value};
use super::table::{Showing, Table};
use crate::engine::Protocol;
use crate::http2::{Gone, Wrote};
use crate::uv::{Errno, Stream};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The most events per call of JavaScript. More would gain nothing.
const EVENTS: usize = 512;

/// The most bytes of header lists per call of JavaScript. They form one string, which stays alive as long as any part
/// of it.
const TEXT: usize = 64 * 1024;

/// The most bytes of bodies of several reads per call of JavaScript. They share one Buffer, and a part that is kept
/// keeps all of it alive.
pub(super) const SHARED_BODY: usize = 8 * 1024;

/// The most bytes of data in a connection's output. More would only wait there, while other streams could be served.
const ROOM: u64 = 64 * 1024;

/// With more unsent output than this, a connection is not read any more. Data alone cannot reach this limit. A peer
/// that sends requests without reading the responses is not read until it does.
const FLOOD: u64 = 4 * ROOM;

/// The start of the first row, in words.
pub const FIRST: usize = 1;

/// The word of a row with the id of the connection.
pub const ID: usize = 1;

/// The results of the calls that send; -1 for a stream that no longer exists, or invalid fields.
pub mod sent {
    /// Everything was framed. No event will report that.
    pub const ALL: i32 = 1;
    /// The stream has ended. No event will report that.
    pub const CLOSED: i32 = 2;
}

/// See [`sent`].
pub(super) const GONE: i32 = -1;

/// The state machine of one connection over the frames of HTTP/2, as its protocol sees it.
pub(super) trait Session: 'static {
    /// The events that it yields.
    type Event<'a>;

    /// See [`Session::feed`](crate::http2::Session::feed).
    fn feed(
        &mut self,
        input: &[u8],
        now: u64,
        out: &mut Vec<u8>,
        room: &dyn Fn() -> bool,
        each: &mut dyn FnMut(Self::Event<'_>),
    ) -> usize;

    /// See [`Session::pump`](crate::http2::Session::pump).
    fn pump(&mut self, room: usize, out: &mut Vec<u8>, each: &mut dyn FnMut(Self::Event<'_>));

    /// Whether there is data to be pumped.
    fn has_ready(&self) -> bool;
}

/// The state of one connection.
pub(super) struct Connection<S> {
    pub session: S,
    /// Whether it is not read until its output has been sent.
    flooded: bool,
}

/// A protocol whose events are rows of `WORDS` words.
pub(super) trait Rows<const WORDS: usize>: 'static {
    type Session: Session;

    /// Appends an event of a connection to the batch.
    fn add(&self, batch: &mut Batch<WORDS>, id: u32, event: &<Self::Session as Session>::Event<'_>);
}

/// Events that are being gathered.
#[derive(Default)]
pub(super) struct Batch<const WORDS: usize> {
    pub rows: Vec<[u32; WORDS]>,
    /// Header lists. They may be delivered again.
    text: Vec<u8>,
    body: Vec<u8>,
}

/// A protocol in one environment: `P`, and the events that it gathers.
pub(super) struct Batches<P, const WORDS: usize> {
    pub protocol: P,
    table: RefCell<Option<Table>>,
    batch: RefCell<Batch<WORDS>>,
    /// Bytes received during the delivery of a batch, when the program runs the loop inside of a handler.
    late: RefCell<Vec<(u32, Vec<u8>)>>,
    showing: Cell<bool>,
}

impl<const WORDS: usize> Batch<WORDS> {
    fn has_room(&self) -> bool {
        self.rows.len() < EVENTS && self.text.len() < TEXT
    }

    /// Whether there is room for one more read with a body of `length` bytes.
    fn has_room_for(&self, length: usize) -> bool {
        self.has_room() && (self.body.is_empty() || self.body.len() + length <= SHARED_BODY)
    }

    /// Appends text. Returns its offset and length.
    pub fn add_text(&mut self, text: &[u8]) -> (u32, u32) {
        append(&mut self.text, text)
    }

    /// Appends text that has two parts. Returns its offset and length.
    pub fn add_text_of(&mut self, parts: [&[u8]; 2]) -> (u32, u32) {
        let (at, length) = self.add_text(parts[0]);
        (at, length + self.add_text(parts[1]).1)
    }

    /// Appends body bytes. Returns their offset and number.
    pub fn add_body(&mut self, bytes: &[u8]) -> (u32, u32) {
        append(&mut self.body, bytes)
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.text.is_empty() && self.body.is_empty()
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.text.clear();
        self.body.clear();
        self.body.shrink_to(TEXT);
    }
}

fn append(all: &mut Vec<u8>, bytes: &[u8]) -> (u32, u32) {
    let at = all.len() as u32;
    all.extend_from_slice(bytes);
    (at, bytes.len() as u32)
}

/// How many bytes of data fit into the output of a connection with `queued` unsent bytes.
pub(super) fn room(queued: u64) -> usize {
    ROOM.saturating_sub(queued) as usize
}

/// The result of a call that sends.
pub(super) fn said(wrote: Option<Result<Wrote, Gone>>) -> i32 {
    match wrote {
        Some(Ok(Wrote { all, closed })) => (i32::from(all) * sent::ALL) | (i32::from(closed) * sent::CLOSED),
        _ => GONE,
    }
}

impl<P: Rows<WORDS>, const WORDS: usize> Batches<P, WORDS> {
    pub fn new(protocol: P) -> Rc<Self> {
        Rc::new(Batches {
            protocol,
            table: RefCell::default(),
            batch: RefCell::default(),
            late: RefCell::default(),
            showing: Cell::new(false),
        })
    }

    /// `(listener)`: the first call sets an object whose function `name` receives batches. Returns the table as an
    /// `ArrayBuffer`.
    pub fn table(&self, args: &Args, name: &str) -> Option<Value> {
        let mut table = self.table.borrow_mut();
        if table.is_none() {
            *table = Table::new(args.env(), FIRST + EVENTS * WORDS, args.value(0), name);
        }
        table.as_ref().map(Table::value)
    }

    /// Gives the connection to this protocol and starts reading it. `out` is sent first. Returns a system error or 0.
    pub fn attach(self: &Rc<Self>, engine: &Engine, id: u32, session: P::Session, out: &[u8]) -> i32 {
        let connection = Connection {
            session,
            flooded: false,
        };
        let attached = engine.connection(id, |spoken| spoken.speak(self.clone(), connection));
        if let Err(error) = attached {
            return error.0;
        }
        engine.append_with(id, |_: &mut Connection<P::Session>, pending, _| {
            pending.extend_from_slice(out)
        });
        Errno::code(engine.stream(id, Stream::read_start))
    }

    /// If not everything was sent for lack of room in the output, tries again, because the gathered output has been
    /// flushed. Returns `wrote`.
    pub fn go_on(&self, engine: &Engine, id: u32, wrote: i32) -> i32 {
        if wrote & sent::ALL == 0 {
            self.pump(engine, id);
        }
        wrote
    }

    /// Handles received bytes of a connection.
    pub fn receive(&self, engine: &Engine, id: u32, bytes: &[u8]) {
        if self.showing.get() {
            self.late.borrow_mut().push((id, bytes.to_vec()));
            return;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            if !self.batch.borrow().has_room_for(rest.len()) {
                self.show(engine);
            }
            let now = engine.now();
            let room = || self.batch.borrow().has_room();
            let fed = engine.append_with(id, |connection: &mut Connection<P::Session>, out, _| {
                connection.session.feed(rest, now, out, &room, &mut |event| {
                    self.protocol.add(&mut self.batch.borrow_mut(), id, &event);
                })
            });
            let Some(taken) = fed else { return };
            rest = &rest[taken..];
            self.pump(engine, id);
        }
        // This much was offered to the kernel and not taken. A drain will be reported.
        let queued = engine.connection(id, |connection| connection.queued());
        if queued.is_ok_and(|queued| queued > FLOOD) {
            engine.state(id, |connection: &mut Connection<P::Session>| connection.flooded = true);
            let _ = engine.stream(id, |stream| {
                stream.read_stop();
                Ok(())
            });
        }
        if !self.batch.borrow().rows.is_empty() {
            engine.gather();
        }
    }

    /// Moves waiting data to a connection's output, as far as windows and room allow.
    pub fn pump(&self, engine: &Engine, id: u32) {
        loop {
            let before = self.batch.borrow().rows.len();
            let more = engine.append_with(
                id,
                |Connection { session, .. }: &mut Connection<P::Session>, out, queued| {
                    let room = room(queued);
                    if room == 0 || !session.has_ready() {
                        return false;
                    }
                    let length = out.len();
                    session.pump(room, out, &mut |event| {
                        self.protocol.add(&mut self.batch.borrow_mut(), id, &event);
                    });
                    out.len() > length
                },
            );
            if self.batch.borrow().rows.len() > before {
                // A peer with large windows may send nothing more, so no read would lead to delivery.
                engine.gather_before_wait();
            }
            if more != Some(true) {
                return;
            }
        }
    }

    /// Delivers the gathered events, with repeated calls while handlers throw.
    fn show(&self, engine: &Engine) {
        if self.showing.get() || self.batch.borrow().rows.is_empty() {
            return;
        }
        let Some(table) = self.table.borrow().clone() else {
            return;
        };
        let mut shown = self.batch.take();
        let showing = Showing::new(&self.showing);
        for rows in shown.rows.chunks(EVENTS) {
            let result = table.show(
                |words: &SharedBytes| words.copy_words(FIRST, rows.as_flattened()),
                |env| {
                    let bytes = if shown.body.is_empty() {
                        env.undefined()
                    } else {
                        env.buffer_copy(&shown.body)
                    };
                    [env.int(rows.len() as i32), env.latin1(&shown.text), bytes]
                },
            );
            if result.is_err() {
                engine.env().report("ironwire: a table of events was detached");
                for row in rows {
                    // It may be closed already.
                    let _ = engine.close(row[ID], false);
                }
            }
        }
        drop(showing);
        if self.batch.borrow().is_empty() {
            // The memory is used again for the next batch.
            shown.clear();
            self.batch.replace(shown);
        }
        for (id, bytes) in self.late.take() {
            self.receive(engine, id, &bytes);
        }
    }
}

impl<P: Rows<WORDS>, const WORDS: usize> Protocol<Node> for Batches<P, WORDS> {
    fn read(&self, engine: &Engine, id: u32, bytes: &[u8]) {
        self.receive(engine, id, bytes);
    }

    /// There is room for output again.
    fn drained(&self, engine: &Engine, id: u32, _awaited: bool) {
        self.pump(engine, id);
        let flooded = engine.state(id, |connection: &mut Connection<P::Session>| {
            std::mem::take(&mut connection.flooded)
        });
        if flooded == Some(true) {
            // A connection that was closed meanwhile is not read.
            let _ = engine.stream(id, Stream::read_start);
        }
    }

    fn tick(&self, engine: &Engine) {
        self.show(engine);
    }

    fn silence(&self) {
        if let Some(table) = &*self.table.borrow() {
            table.silence();
        }
    }
}
