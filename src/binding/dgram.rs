//! The native functions behind `lib/dgram`, whose sockets receive and send many datagrams at a time.
//!
//! As with [reads](super::net_reads), everything that the sockets received in a turn of the loop is delivered to
//! JavaScript in one call: `onDatagrams(count, addresses, ...memories)` receives a [table](super::table) of rows.
//! Each row has the id of the socket and either the position and sender of a message, or a result. An address is
//! passed as text once, and by number from then on.

use super::engine::{Engine, Node};
use super::raw::{Args, Functions, Outcome, SharedBytes, Value};
use super::slab::{OWN, SIZE};
use super::table::Table;
use crate::engine::{Protocol, To};
use crate::uv::{Errno, Udp, ip_text, parse_ip};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::rc::Rc;

/// The most rows per call of JavaScript. More would gain nothing.
const ROWS: usize = 512;

/// The most bytes that wait for the end of the loop's turn.
const GATHERED: usize = 256 * 1024;

/// The most pieces of memory per call of JavaScript: slabs that small messages share, and large messages.
const MEMORIES: usize = 8;

/// The most addresses that are known by number. If there are more, the oldest is forgotten, after all rows that refer
/// to it have been delivered.
const ADDRESSES: usize = 4 * ROWS;

/// The positions in the table, in words.
pub mod row {
    /// The start of the first row.
    pub const FIRST: usize = 1;
    /// The size of a row.
    pub const WORDS: usize = 7;
    /// In a row: the kind of event, one of the next three.
    pub const KIND: usize = 0;
    /// A message was received.
    pub const MESSAGE: u32 = 0;
    /// Receiving failed.
    pub const FAILED: u32 = 1;
    /// The oldest awaited datagram was sent or failed.
    pub const SENT: u32 = 2;
    /// In a row: the id of the socket.
    pub const ID: usize = 1;
    /// In a row: the length of a message, or for other events 0 or an errno.
    pub const STATUS: usize = 2;
    /// In a row: the number of the memory piece with the message.
    pub const MEMORY: usize = 3;
    /// In a row: the offset in that piece.
    pub const OFFSET: usize = 4;
    /// In a row: the number of the sender's address.
    pub const ADDRESS: usize = 5;
    /// In a row: the sender's port.
    pub const PORT: usize = 6;
}

/// An event to be delivered.
enum Item {
    Message {
        id: u32,
        range: Range<usize>,
        address: u32,
        port: u16,
    },
    Failed(u32, Errno),
    Sent(u32, Result<(), Errno>),
}

#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    items: VecDeque<Item>,
    /// The rows of the next call of JavaScript.
    rows: Vec<u32>,
    addresses: Addresses,
}

/// The numbering of addresses.
#[derive(Default)]
struct Addresses {
    numbers: HashMap<IpAddr, u32>,
    /// The reverse mapping, as a ring. `None` for an address that is not to be found again.
    ring: Vec<Option<IpAddr>>,
    next: usize,
    last: Option<(IpAddr, u32)>,
    /// Addresses that JavaScript does not know yet: `number text` for each, separated by a space.
    fresh: String,
}

impl Addresses {
    fn number(&mut self, from: &SocketAddr) -> u32 {
        let ip = from.ip();
        if let Some((last, number)) = self.last
            && last == ip
        {
            return number;
        }
        // The name of a network interface can change, so such an address is not kept.
        let lasts = !matches!(from, SocketAddr::V6(v6) if v6.scope_id() != 0);
        let known = if lasts { self.numbers.get(&ip).copied() } else { None };
        let number = known.unwrap_or_else(|| self.add(from, lasts.then_some(ip)));
        self.last = lasts.then_some((ip, number));
        number
    }

    fn add(&mut self, from: &SocketAddr, ip: Option<IpAddr>) -> u32 {
        let at = self.next;
        self.next = (at + 1) % ADDRESSES;
        if at == self.ring.len() {
            self.ring.push(ip);
        } else if let Some(old) = std::mem::replace(&mut self.ring[at], ip) {
            self.numbers.remove(&old);
        }
        if let Some(ip) = ip {
            self.numbers.insert(ip, at as u32);
        }
        let space = if self.fresh.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(self.fresh, "{space}{at} {}", ip_text(from));
        at as u32
    }
}

/// The memory of messages: slabs that small messages share, like those of [`super::slab`], and pieces for single
/// messages.
#[derive(Default)]
struct Memories {
    pieces: Vec<SharedBytes>,
    /// How much of the last slab is used, and the number of that piece.
    used: usize,
    slab: Option<usize>,
}

/// Why a message could not be stored.
enum Unplaced {
    /// All pieces of this call are full.
    Full,
    /// There is no memory.
    Lost,
}

impl Memories {
    /// Releases all pieces except a slab with room left.
    fn renew(&mut self) {
        let slab = self.slab.take().filter(|_| self.used < SIZE);
        for (at, piece) in std::mem::take(&mut self.pieces).into_iter().enumerate() {
            if slab == Some(at) && piece.is_attached() {
                self.slab = Some(self.pieces.len());
                self.pieces.push(piece);
            } else {
                piece.release();
            }
        }
    }

    /// Copies a message to memory that JavaScript can keep. Returns the number of the piece, and the offset in it.
    fn place(&mut self, engine: &Engine, bytes: &[u8]) -> Result<(usize, usize), Unplaced> {
        let shares = bytes.len() < OWN;
        if shares
            && let Some(slab) = self.slab
            && bytes.len() <= SIZE - self.used
        {
            return Ok(self.copy(slab, bytes));
        }
        if self.pieces.len() == MEMORIES {
            return Err(Unplaced::Full);
        }
        let size = if shares { SIZE } else { bytes.len() };
        let piece = SharedBytes::new(engine.env(), size).ok_or(Unplaced::Lost)?;
        let at = self.pieces.len();
        self.pieces.push(piece);
        if !shares {
            self.pieces[at].copy_in(0, bytes);
            return Ok((at, 0));
        }
        (self.slab, self.used) = (Some(at), 0);
        Ok(self.copy(at, bytes))
    }

    fn copy(&mut self, slab: usize, bytes: &[u8]) -> (usize, usize) {
        let at = self.used;
        self.pieces[slab].copy_in(at, bytes);
        // Aligned, so that views with wider elements can begin there.
        self.used = (at + bytes.len()).next_multiple_of(8).min(SIZE);
        (slab, at)
    }
}

/// The protocol of the sockets of `lib/dgram` in one environment.
#[derive(Default)]
struct Dgram {
    /// `None` until `lib/dgram` has asked for it.
    table: RefCell<Option<Table>>,
    gathered: RefCell<Gathered>,
    memories: RefCell<Memories>,
    /// Whether gathered events are being delivered.
    showing: Cell<bool>,
    /// A buffer for parsing addresses.
    text: RefCell<Vec<u8>>,
}

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Engine>) {
    let dgram = Rc::new(Dgram::default());
    functions.state().add_protocol(dgram.clone());
    functions.add_with(&dgram, "dgramTable", table);
    functions.add_with(&dgram, "dgramOpen", open);
    functions.add_with(&dgram, "dgramSend", send);
    functions.add("dgramReceive", receive);
    functions.add_with(&dgram, "dgramShare", share);
    functions.add("dgramSetRef", |engine, args| {
        let referenced = args.boolean(1)?;
        Ok(Errno::code(
            engine.port(args.uint(0)?, |port| port.socket.set_ref(referenced)),
        ))
    });
    functions.add("dgramQueueCount", |engine, args| Ok(queued(engine, args)?.0 as f64));
    functions.add("dgramQueueSize", |engine, args| Ok(queued(engine, args)?.1 as f64));
}

fn queued(engine: &Engine, args: &Args) -> Outcome<(usize, usize)> {
    Ok(engine.port(args.uint(0)?, |port| port.queued()).unwrap_or_default())
}

/// `(listener)`: the first call sets an object whose `onDatagrams(count, addresses, ...memories)` receives events.
/// Returns the table as an `ArrayBuffer`, or nothing if there is no memory for it.
fn table(dgram: &Rc<Dgram>, _engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let mut table = dgram.table.borrow_mut();
    if table.is_none() {
        let words = row::FIRST + ROWS * row::WORDS;
        *table = Table::new(args.env(), words, args.value(0), "onDatagrams");
    }
    Ok(table.as_ref().map(Table::value))
}

/// `(fd)`: returns the id of a port over a copy of the descriptor, or a negative errno.
fn open(dgram: &Rc<Dgram>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let fd = args.int(0)?;
    let opened = engine.add_port(dgram.clone(), |uv, id| Udp::open_copy(uv, id, fd));
    Ok(opened.map_or_else(|error| error.0, |id| id as i32))
}

/// `(id, receiving)`: returns 0 or a negative errno.
fn receive(engine: &Engine, args: &Args) -> Outcome<i32> {
    let receiving = args.boolean(1)?;
    let done = engine.port(args.uint(0)?, |port| {
        if receiving {
            port.socket.join();
        }
        port.receive(receiving)
    });
    Ok(Errno::code(done.and_then(|result| result)))
}

/// `(id)`: prepares for another reader of the same socket.
fn share(dgram: &Rc<Dgram>, engine: &Engine, args: &Args) -> Outcome<()> {
    let id = args.uint(0)?;
    if let Ok(socket) = engine.port(id, |port| port.socket.clone()) {
        // This is called by JavaScript, so datagrams received now are delivered later.
        let showing = dgram.showing.replace(true);
        socket.part(|| engine.receive_all(id));
        dgram.showing.set(showing);
    }
    Ok(())
}

/// `(id, awaited, bytes, port, address)`: gathers a datagram. Without a port, it goes to the last address; with port
/// 0, to the peer that the socket is connected to. Returns 0 or a negative errno; `EINVAL` if the address is not of
/// the socket's family.
fn send(dgram: &Rc<Dgram>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let (id, awaited, port) = (args.uint(0)?, args.boolean(1)?, args.int(3)?);
    let to = match port {
        ..0 => To::Again,
        0 => To::Connected,
        _ => match dgram.address(engine, id, args, port as u16)? {
            Ok(address) => To::Address(address),
            Err(error) => return Ok(error.0),
        },
    };
    let sent = engine.send_datagram(id, to, awaited, |queue| {
        args.look(2, |bytes| queue.extend_from_slice(bytes))
    })?;
    Ok(Errno::code(sent))
}

impl Protocol<Node> for Dgram {
    fn datagram(&self, engine: &Engine, id: u32, from: SocketAddr, bytes: &[u8]) {
        let full = {
            let gathered = &mut *self.gathered.borrow_mut();
            let start = gathered.bytes.len();
            gathered.bytes.extend_from_slice(bytes);
            let message = Item::Message {
                id,
                range: start..gathered.bytes.len(),
                address: gathered.addresses.number(&from),
                port: from.port(),
            };
            gathered.items.push_back(message);
            gathered.items.len() >= ROWS || gathered.bytes.len() >= GATHERED
        };
        engine.gather();
        if full {
            engine.catch_up();
        }
    }

    fn not_received(&self, engine: &Engine, id: u32, error: Errno) {
        self.gathered.borrow_mut().items.push_back(Item::Failed(id, error));
        engine.gather();
    }

    fn sent(&self, engine: &Engine, id: u32, result: Result<(), Errno>) {
        self.gathered.borrow_mut().items.push_back(Item::Sent(id, result));
        engine.gather();
    }

    fn tick(&self, engine: &Engine) {
        if self.gathered.borrow().items.is_empty() || self.showing.replace(true) {
            return;
        }
        // Results of datagrams that are sent meanwhile are delivered in a later turn.
        let mut left = self.gathered.borrow().items.len();
        while left > 0 {
            left = left.saturating_sub(self.lay_out(engine, left));
            self.show(engine);
        }
        if self.gathered.borrow().items.is_empty() {
            let bytes = &mut self.gathered.borrow_mut().bytes;
            bytes.clear();
            bytes.shrink_to(GATHERED);
        }
        self.showing.set(false);
        engine.flush_all();
    }

    fn silence(&self) {
        if let Some(table) = &*self.table.borrow() {
            table.silence();
        }
    }
}

impl Dgram {
    /// Parses the address in the arguments.
    fn address(&self, engine: &Engine, id: u32, args: &Args, port: u16) -> Outcome<Result<SocketAddr, Errno>> {
        let text = &mut *self.text.borrow_mut();
        text.clear();
        args.append_latin1(4, text)?;
        let parsed = str::from_utf8(text)
            .map_err(|_| Errno::EINVAL)
            .and_then(|text| parse_ip(text, port))
            .and_then(|address| {
                let is_v6 = engine.port(id, |port| port.socket.is_v6())?;
                (address.is_ipv6() == is_v6).then_some(address).ok_or(Errno::EINVAL)
            });
        Ok(parsed)
    }

    /// Lays out the first items, at most `most` and as many as fit into one call of JavaScript. Returns their number.
    fn lay_out(&self, engine: &Engine, most: usize) -> usize {
        let Gathered { bytes, items, rows, .. } = &mut *self.gathered.borrow_mut();
        let memories = &mut *self.memories.borrow_mut();
        rows.clear();
        memories.renew();
        let mut count = 0;
        while count < most.min(ROWS)
            && let Some(item) = items.front()
        {
            let row = match item {
                Item::Message {
                    id,
                    range,
                    address,
                    port,
                } => match memories.place(engine, &bytes[range.clone()]) {
                    Ok((piece, offset)) => {
                        let (length, port) = (range.len() as u32, u32::from(*port));
                        [row::MESSAGE, *id, length, piece as u32, offset as u32, *address, port]
                    }
                    Err(Unplaced::Full) => break,
                    Err(Unplaced::Lost) => end(row::FAILED, *id, Errno::ENOBUFS.0),
                },
                Item::Failed(id, error) => end(row::FAILED, *id, error.0),
                Item::Sent(id, result) => end(row::SENT, *id, Errno::code(*result)),
            };
            rows.extend_from_slice(&row);
            items.pop_front();
            count += 1;
        }
        count
    }

    fn show(&self, engine: &Engine) {
        let Some(table) = self.table.borrow().clone() else {
            return;
        };
        let (count, fresh) = {
            let mut gathered = self.gathered.borrow_mut();
            let fresh = std::mem::take(&mut gathered.addresses.fresh);
            (gathered.rows.len() / row::WORDS, fresh)
        };
        let fill = |words: &SharedBytes| words.copy_words(row::FIRST, &self.gathered.borrow().rows);
        let shown = table.show(fill, |env| {
            let mut arguments = [env.undefined(); 2 + MEMORIES];
            arguments[0] = env.int(count as i32);
            arguments[1] = env.utf8(&fresh);
            for (argument, piece) in arguments[2..].iter_mut().zip(&self.memories.borrow().pieces) {
                *argument = piece.value();
            }
            arguments
        });
        if shown.is_err() {
            engine.env().report("ironwire: the table of datagrams was detached");
        }
    }
}

/// A row for a result.
fn end(kind: u32, id: u32, status: i32) -> [u32; row::WORDS] {
    [kind, id, status as u32, 0, 0, 0, 0]
}
