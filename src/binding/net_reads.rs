//! Reads of `lib/net` sockets: gathered while the loop reports them, and delivered to JavaScript in one call.
//!
//! Entering JavaScript costs more than a small read. So the bytes of all sockets that received something in a turn of
//! the loop are copied to shared memory, and `onReads(count, memory)` receives a [table](super::table) with a row for
//! each read. Between two rows, JavaScript runs ticks and promise jobs, as Node does between two reads. Output
//! written meanwhile is sent after the last row.

use super::engine::{Engine, Node};
use super::raw::{Args, Functions, Outcome, SharedBytes, Value};
use super::slab::{self, Slab};
use super::table::{Showing, Table};
use crate::engine::{Event, Host, Protocol};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

/// The most rows per call of JavaScript. More would gain nothing.
const ROWS: usize = 512;

/// The most bytes that wait for the end of the loop's turn.
const GATHERED: usize = 256 * 1024;

/// The positions in the table, in words.
pub mod row {
    /// The start of the first row.
    pub const FIRST: usize = 1;
    /// The size of a row.
    pub const WORDS: usize = 3;
    /// In a row: the id of the connection.
    pub const ID: usize = 0;
    /// In a row: the offset of the bytes in the memory.
    pub const OFFSET: usize = 1;
    /// In a row: the number of bytes.
    pub const LENGTH: usize = 2;
}

/// The protocol of connections without one, in one environment.
#[derive(Default)]
struct Reads {
    /// `None` until `lib/net` has asked for it.
    table: RefCell<Option<Table>>,
    gathered: RefCell<Gathered>,
    /// Whether gathered reads are being delivered.
    showing: Cell<bool>,
}

/// Reads that were not delivered yet.
#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    reads: VecDeque<Read>,
    /// The rows of the next call of JavaScript.
    rows: Vec<u32>,
}

/// A read of one connection: a range of the gathered bytes.
struct Read {
    id: u32,
    range: Range<usize>,
}

/// What happens with the next reads.
enum Next {
    /// Deliver the rows to JavaScript.
    Show,
    /// Deliver a single read to JavaScript, because there was no memory to share with others.
    Tell(u32, Vec<u8>),
    /// Pass the bytes to a protocol that the connection was given after the read.
    Speak(Rc<dyn Protocol<Node>>, u32, Vec<u8>),
}

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Engine>) {
    let reads = Rc::new(Reads::default());
    functions.state().add_plain(reads.clone());
    functions.add_with(&reads, "readsTable", table);
    functions.add_with(&reads, "takeReads", |reads, _, args| {
        let taken = reads.gathered.borrow_mut().take(args.uint(0)?);
        Ok((!taken.is_empty()).then(|| args.env().buffer_copy(&taken)))
    });
}

/// `(listener)`: the first call sets an object whose `onReads(count, memory)` receives reads. Returns the table as an
/// `ArrayBuffer`, or nothing if there is no memory for it.
fn table(reads: &Rc<Reads>, _engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let mut table = reads.table.borrow_mut();
    if table.is_none() {
        *table = Table::new(args.env(), row::FIRST + ROWS * row::WORDS, args.value(0), "onReads");
    }
    Ok(table.as_ref().map(Table::value))
}

impl Protocol<Node> for Reads {
    fn read(&self, engine: &Engine, id: u32, bytes: &[u8]) {
        if bytes.len() >= slab::OWN || self.table.borrow().is_none() {
            return engine.read_raw(id, bytes);
        }
        // The connection is open, because it has just received bytes.
        let _ = engine.connection(id, |connection| connection.gathered = true);
        let full = self.gathered.borrow_mut().add(id, bytes);
        engine.gather();
        if full {
            engine.catch_up();
        }
    }

    /// Output that is caused by reads delivered together is sent together.
    fn answers(&self) -> bool {
        false
    }

    fn tick(&self, engine: &Engine) {
        if self.gathered.borrow().reads.is_empty() || self.showing.get() {
            return;
        }
        let showing = Showing::new(&self.showing);
        while let Some(next) = self.next(engine) {
            match next {
                Next::Show => self.show(engine),
                Next::Tell(id, bytes) => engine.host().tell(Event::Read(id, Ok(&bytes))),
                Next::Speak(protocol, id, bytes) => protocol.read(engine, id, &bytes),
            }
        }
        self.gathered.borrow_mut().bytes.clear();
        drop(showing);
        engine.flush_all();
    }

    fn silence(&self) {
        if let Some(table) = &*self.table.borrow() {
            table.silence();
        }
    }
}

impl Reads {
    /// Lays out as many reads as fit into one piece of memory. If the first read must be handled differently, only
    /// that one is returned.
    fn next(&self, engine: &Engine) -> Option<Next> {
        let gathered = &mut *self.gathered.borrow_mut();
        let mut slab = engine.inbox();
        gathered.rows.clear();
        while let Some(Read { id, range }) = gathered.reads.front() {
            let (id, bytes) = (*id, &gathered.bytes[range.clone()]);
            let spoken = engine.connection(id, |connection| {
                connection.gathered = false;
                connection.protocol()
            });
            let first = gathered.rows.is_empty();
            match spoken {
                Ok(None) if gathered.rows.len() < ROWS * row::WORDS && has_room(&mut slab, engine, bytes, first) => {
                    let read = [id, slab.offset() as u32, bytes.len() as u32];
                    gathered.rows.extend_from_slice(&read);
                    slab.push(bytes);
                    slab.align();
                }
                // The connection was closed meanwhile.
                Err(_) => {}
                Ok(_) if !first => break,
                Ok(None) => {
                    let bytes = bytes.to_vec();
                    gathered.reads.pop_front();
                    return Some(Next::Tell(id, bytes));
                }
                Ok(Some(protocol)) => {
                    let bytes = bytes.to_vec();
                    gathered.reads.pop_front();
                    return Some(Next::Speak(protocol, id, bytes));
                }
            }
            gathered.reads.pop_front();
        }
        (!gathered.rows.is_empty()).then_some(Next::Show)
    }

    fn show(&self, engine: &Engine) {
        let Some(table) = self.table.borrow().clone() else {
            return;
        };
        let fill = |words: &SharedBytes| words.copy_words(row::FIRST, &self.gathered.borrow().rows);
        let shown = table.show(fill, |env| {
            let count = self.gathered.borrow().rows.len() / row::WORDS;
            [env.int(count as i32), engine.inbox().value(env)]
        });
        if shown.is_err() {
            engine.env().report("ironwire: the table of reads was detached");
        }
    }
}

/// Whether bytes fit into the slab after others that are delivered with them, or, for the first bytes, into a new
/// slab.
fn has_room(slab: &mut Slab, engine: &Engine, bytes: &[u8], first: bool) -> bool {
    if first {
        slab.reserve(engine.env(), bytes.len()).is_some()
    } else {
        slab.fits(bytes.len())
    }
}

impl Gathered {
    /// Adds a read. Returns whether the gathered reads have reached the limit.
    fn add(&mut self, id: u32, bytes: &[u8]) -> bool {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let range = start..self.bytes.len();
        self.reads.push_back(Read { id, range });
        self.bytes.len() >= GATHERED
    }

    /// Removes and returns the gathered bytes of a connection, which are not delivered any more.
    fn take(&mut self, id: u32) -> Vec<u8> {
        let mut taken = Vec::new();
        self.reads.retain(|read| {
            if read.id == id {
                taken.extend_from_slice(&self.bytes[read.range.clone()]);
            }
            read.id != id
        });
        taken
    }
}
