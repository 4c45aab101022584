//! What the sockets of `lib/net` receive: gathered while the loop reports what came, and shown to JavaScript in one call.
//!
//! To enter JavaScript costs more than a small read. So the bytes of all sockets that received something in a turn of the loop are laid out
//! in memory that they share, and `onReads(count, memory)` gets a [table](super::table) of rows that say whose they are. Between two rows
//! JavaScript runs ticks and promise jobs, as Node does between two reads. What is written meanwhile leaves after the last one.

use super::engine::{Engine, Node};
use super::raw::{Args, Functions, Outcome, SharedBytes, Value};
use super::slab::{self, Slab};
use super::table::{Showing, Table};
use crate::engine::{Event, Host, Protocol};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

/// Rows per call of JavaScript: more gain nothing from being shown together.
const ROWS: usize = 512;

/// Bytes that may wait for the end of the loop's turn.
const GATHERED: usize = 256 * 1024;

/// Where things stand in the table, in words.
pub mod row {
    /// The first row.
    pub const FIRST: usize = 1;
    /// What a row takes.
    pub const WORDS: usize = 3;
    /// Whose the bytes are.
    pub const ID: usize = 0;
    /// Where in the memory they lie.
    pub const OFFSET: usize = 1;
    /// How many there are.
    pub const LENGTH: usize = 2;
}

/// What connections speak that speak nothing else, in one environment.
#[derive(Default)]
struct Reads {
    /// Once `lib/net` has asked for it.
    table: RefCell<Option<Table>>,
    gathered: RefCell<Gathered>,
    /// What was gathered is being shown.
    showing: Cell<bool>,
}

/// What was received and is not shown.
#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    reads: VecDeque<Read>,
    /// What JavaScript is shown next.
    rows: Vec<u32>,
}

/// Bytes of one connection: a range of those gathered.
struct Read {
    id: u32,
    range: Range<usize>,
}

/// What is to be done with the next of the reads.
enum Next {
    /// JavaScript is shown the rows.
    Show,
    /// JavaScript is told of one read: there is no memory that it could share with others.
    Tell(u32, Vec<u8>),
    /// The connection has begun to speak something after it was read.
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

/// `(listener)`: an object whose `onReads(count, memory)` is shown reads, the first time. Returns the table, as an `ArrayBuffer`; nothing
/// when there is no memory for it.
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
        // It is open: it was read from.
        let _ = engine.connection(id, |connection| connection.gathered = true);
        let full = self.gathered.borrow_mut().add(id, bytes);
        engine.gather();
        if full {
            engine.catch_up();
        }
    }

    /// What was received together is answered together.
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
    /// Lays out as many of the reads as lie in one piece of memory, unless the first of them is one that JavaScript is not shown like that.
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
                // Closed since.
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

/// Whether bytes fit into the slab, behind others that will be shown with them, or into a new one.
fn has_room(slab: &mut Slab, engine: &Engine, bytes: &[u8], first: bool) -> bool {
    if first {
        slab.reserve(engine.env(), bytes.len()).is_some()
    } else {
        slab.fits(bytes.len())
    }
}

impl Gathered {
    /// Returns whether these are as many as may wait.
    fn add(&mut self, id: u32, bytes: &[u8]) -> bool {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let range = start..self.bytes.len();
        self.reads.push_back(Read { id, range });
        self.bytes.len() >= GATHERED
    }

    /// What waits of a connection's bytes: nobody else will see them.
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
