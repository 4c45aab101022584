//! What connections over HTTP/2 have in common between the engine and JavaScript, whichever protocol they speak: what peers say comes up in
//! batches, and data that wait go down as there is room.
//!
//! What the connections of one turn of the loop have received is shown to JavaScript in one call, `(count, text, body)`, after the last of them
//! was read: to enter JavaScript costs more than to read a request. The events stand in a [table](super::table), a row each, which names the
//! connection in its second word. Data that a stream has to send wait in its session until there is a window for them, and room in the
//! connection's output.

use super::engine::{Engine, Node};
use super::raw::{Args, SharedBytes, Value};
use super::table::{Showing, Table};
use crate::engine::Protocol;
use crate::http2::{Gone, Wrote};
use crate::uv::{Errno, Stream};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Events per call of JavaScript: more gain nothing from being shown together.
const EVENTS: usize = 512;

/// Header lists per call of JavaScript, in bytes: they are one string, which lives as long as any part of it.
const TEXT: usize = 64 * 1024;

/// Bodies of several reads per call of JavaScript, in bytes: they share one Buffer, which a part that is kept keeps whole.
pub(super) const SHARED_BODY: usize = 8 * 1024;

/// Data that are put into a connection's output: what goes beyond that would only lie there, while other streams could have their turn.
const ROOM: u64 = 64 * 1024;

/// Output that nobody takes, beyond which a connection is not read any more. It is more than data alone can make: whoever asks, and does not read
/// what is answered, is not heard until he does.
const FLOOD: u64 = 4 * ROOM;

/// Where the first row begins, in words.
pub const FIRST: usize = 1;

/// The word of a row that names the connection.
pub const ID: usize = 1;

/// What the calls that send return; -1 for a stream that is gone, or fields that are none.
pub mod sent {
    /// All is framed: nothing will be told of that.
    pub const ALL: i32 = 1;
    /// The stream is over: nothing will be told of that.
    pub const CLOSED: i32 = 2;
}

/// See [`sent`].
pub(super) const GONE: i32 = -1;

/// What a connection is to its protocol: a state machine over HTTP/2's frames.
pub(super) trait Session: 'static {
    /// What it tells.
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

    /// Whether there are data to be pumped.
    fn has_ready(&self) -> bool;
}

/// One connection's state.
pub(super) struct Connection<S> {
    pub session: S,
    /// It is not read until its output has left.
    flooded: bool,
}

/// A protocol that is shown in rows of so many words.
pub(super) trait Rows<const WORDS: usize>: 'static {
    type Session: Session;

    /// Appends what was told of a connection.
    fn add(&self, batch: &mut Batch<WORDS>, id: u32, event: &<Self::Session as Session>::Event<'_>);
}

/// What is being gathered.
#[derive(Default)]
pub(super) struct Batch<const WORDS: usize> {
    pub rows: Vec<[u32; WORDS]>,
    /// Lists of fields; they may be shown again.
    text: Vec<u8>,
    body: Vec<u8>,
}

/// A protocol in one environment, which is `P` and what it gathers.
pub(super) struct Batches<P, const WORDS: usize> {
    pub protocol: P,
    table: RefCell<Option<Table>>,
    batch: RefCell<Batch<WORDS>>,
    /// What was received while a batch was shown, by a loop that the program runs inside of its own.
    late: RefCell<Vec<(u32, Vec<u8>)>>,
    showing: Cell<bool>,
}

impl<const WORDS: usize> Batch<WORDS> {
    fn has_room(&self) -> bool {
        self.rows.len() < EVENTS && self.text.len() < TEXT
    }

    /// Whether the body of so many bytes of one more read has room.
    fn has_room_for(&self, length: usize) -> bool {
        self.has_room() && (self.body.is_empty() || self.body.len() + length <= SHARED_BODY)
    }

    /// Returns where the text lies, and how long it is.
    pub fn add_text(&mut self, text: &[u8]) -> (u32, u32) {
        append(&mut self.text, text)
    }

    /// The same with what has two parts.
    pub fn add_text_of(&mut self, parts: [&[u8]; 2]) -> (u32, u32) {
        let (at, length) = self.add_text(parts[0]);
        (at, length + self.add_text(parts[1]).1)
    }

    /// Returns where the bytes lie, and how many they are.
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

/// Room for data in the output of a connection of which so many bytes have not left.
pub(super) fn room(queued: u64) -> usize {
    ROOM.saturating_sub(queued) as usize
}

/// What a call that sends returns.
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

    /// `(listener)`: an object whose function `name` is shown batches, the first time. Returns the table, as an `ArrayBuffer`.
    pub fn table(&self, args: &Args, name: &str) -> Option<Value> {
        let mut table = self.table.borrow_mut();
        if table.is_none() {
            *table = Table::new(args.env(), FIRST + EVENTS * WORDS, args.value(0), name);
        }
        table.as_ref().map(Table::value)
    }

    /// The connection is this machine's from now on, and is read; `out` is what it begins with. Returns an error of the system's, or 0.
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

    /// Where not all was sent for want of room in the output, there is room again: what is gathered has left. Returns `wrote`.
    pub fn go_on(&self, engine: &Engine, id: u32, wrote: i32) -> i32 {
        if wrote & sent::ALL == 0 {
            self.pump(engine, id);
        }
        wrote
    }

    /// Bytes that a connection has received.
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
        // So much has been offered to the kernel, which has not taken it: it will be said when it has.
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

    /// Puts data that wait into a connection's output, as far as windows and room go.
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
                // A peer with large windows may have nothing more to say.
                engine.gather_before_wait();
            }
            if more != Some(true) {
                return;
            }
        }
    }

    /// Shows what was gathered, again and again while handlers throw.
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
            // The memory serves the next batch.
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

    /// There is room again.
    fn drained(&self, engine: &Engine, id: u32, _awaited: bool) {
        self.pump(engine, id);
        let flooded = engine.state(id, |connection: &mut Connection<P::Session>| {
            std::mem::take(&mut connection.flooded)
        });
        if flooded == Some(true) {
            // A connection that is closed meanwhile is not read.
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
