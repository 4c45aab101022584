//! Tests of the engine on a scripted loop: which events it delivers, in which order, and which bytes reach the peers,
//! also when the receiver of an event calls back into the engine.

mod secure;

use super::*;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Weak;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a peer sees of a connection, and how much the simulated kernel takes.
#[derive(Default)]
struct Wire {
    /// How many bytes are taken at once.
    room: Cell<usize>,
    taken: RefCell<Vec<u8>>,
    /// The number of parts of each `try_write`.
    tries: RefCell<Vec<usize>>,
    /// The file offset at which the bytes not in memory begin; `None` if all are in memory.
    cold: Cell<Option<u64>>,
    /// The transport cannot send files.
    unable: Cell<bool>,
    /// Whether the last write announced a file.
    more: Cell<bool>,
    queued: RefCell<VecDeque<Vec<Bytes>>>,
    broken: Cell<bool>,
    ended: Cell<bool>,
    reset: Cell<bool>,
}

/// The most bytes of a file that the transport queues.
const BLOCK: usize = 3;

/// The most bytes of a file that it sends at a time.
const PIECE: u64 = 200;

/// A report that the scripted loop is going to make.
#[derive(Clone, Copy, Debug)]
enum Report {
    Written(u32, Result<(), Errno>),
    Shutdown(u32),
    Closed(u32),
}

type Reports = Rc<RefCell<VecDeque<Report>>>;

struct FakeStream {
    id: u32,
    wire: Rc<Wire>,
    reports: Reports,
}

impl Drop for FakeStream {
    fn drop(&mut self) {
        // As in libuv, queued writes end first, cancelled.
        while self.wire.queued.borrow_mut().pop_front().is_some() {
            self.reports
                .borrow_mut()
                .push_back(Report::Written(self.id, Err(Errno(-125))));
        }
        self.reports.borrow_mut().push_back(Report::Closed(self.id));
    }
}

impl Sink for FakeStream {
    fn try_write(&self, parts: &[&[u8]], more: bool) -> Result<usize, Errno> {
        assert!(!parts.is_empty() && parts.iter().all(|part| !part.is_empty()));
        assert!(self.wire.queued.borrow().is_empty(), "overtakes a queued write");
        self.wire.tries.borrow_mut().push(parts.len());
        assert!(
            !self.wire.more.replace(more) || !more,
            "a file was announced and did not follow"
        );
        if self.wire.broken.get() {
            return Err(Errno(-32));
        }
        let bytes = parts.concat();
        let count = bytes.len().min(self.wire.room.get());
        self.wire.taken.borrow_mut().extend_from_slice(&bytes[..count]);
        self.wire.room.set(self.wire.room.get() - count);
        Ok(count)
    }

    fn send_file(&self, range: &mut FileRange, share: u64) -> Result<Sent, Errno> {
        assert!(self.wire.queued.borrow().is_empty(), "overtakes a queued write");
        self.wire.more.set(false);
        if self.wire.unable.get() {
            return Ok(Sent::Unable);
        }
        let warm = self
            .wire
            .cold
            .get()
            .map_or(u64::MAX, |cold| cold.saturating_sub(range.at()));
        let count = warm.min(share).min(self.wire.room.get() as u64);
        let mut sent = 0;
        // Sent in pieces, so that an error can come after bytes that were sent.
        while range.left() > 0 && sent < count {
            let bytes = range.read(PIECE.min(count - sent) as usize)?;
            self.wire.room.set(self.wire.room.get() - bytes.len());
            self.wire.taken.borrow_mut().extend_from_slice(&bytes);
            range.advance(bytes.len() as u64);
            sent += bytes.len() as u64;
        }
        if range.left() == 0 {
            return Ok(Sent::Whole);
        }
        if warm == sent {
            return Ok(Sent::Cold);
        }
        let block = range.read(BLOCK)?;
        range.advance(block.len() as u64);
        let length = block.len();
        self.write(vec![block])?;
        Ok(Sent::Queued(length))
    }

    fn write(&self, parts: Vec<Bytes>) -> Result<(), Errno> {
        assert!(!parts.is_empty() && parts.iter().all(|part| !part.is_empty()));
        assert!(self.wire.queued.borrow().is_empty(), "more than one write is queued");
        self.wire.queued.borrow_mut().push_back(parts);
        Ok(())
    }

    fn queued(&self) -> usize {
        self.wire.queued.borrow().iter().flatten().map(Bytes::len).sum()
    }

    fn shutdown(&self) -> Result<(), Errno> {
        assert!(!self.wire.ended.replace(true), "ended twice");
        self.reports.borrow_mut().push_back(Report::Shutdown(self.id));
        Ok(())
    }
}

impl Transport for FakeStream {
    fn reset(self) -> Result<(), Errno> {
        self.wire.reset.set(true);
        Ok(())
    }
}

/// What a peer sees of a port.
#[derive(Default)]
struct Socket {
    /// How many datagrams are taken at once, and the error for the next one.
    room: Cell<usize>,
    error: Cell<Option<Errno>>,
    sent: RefCell<Vec<(Option<SocketAddr>, Vec<u8>)>>,
    arrived: RefCell<VecDeque<(SocketAddr, Vec<u8>)>>,
    watched: Cell<(bool, bool)>,
    watches: Cell<usize>,
}

struct FakeSocket {
    id: u32,
    socket: Rc<Socket>,
    reports: Reports,
}

impl Drop for FakeSocket {
    fn drop(&mut self) {
        self.reports.borrow_mut().push_back(Report::Closed(self.id));
    }
}

impl Datagrams for FakeSocket {
    fn receive(&self, each: &mut dyn FnMut(SocketAddr, &[u8])) -> Result<bool, Errno> {
        if let Some(error) = self.socket.error.take() {
            return Err(error);
        }
        // As in the system, it is decided what one call returns before the first datagram is shown.
        let some: Vec<_> = (0..2)
            .map_while(|_| self.socket.arrived.borrow_mut().pop_front())
            .collect();
        for (from, bytes) in &some {
            each(*from, bytes);
        }
        Ok(some.len() == 2)
    }

    fn send(&self, batch: &Batch<'_>) -> Result<usize, Errno> {
        if let Some(error) = self.socket.error.take() {
            return Err(error);
        }
        let mut count = 0;
        for run in batch.runs(false).take(self.socket.room.get()) {
            self.socket.sent.borrow_mut().push((run.to, run.bytes.to_vec()));
            count += 1;
        }
        self.socket.room.set(self.socket.room.get() - count);
        Ok(count)
    }

    fn watch(&self, readable: bool, writable: bool, again: bool) -> Result<(), Errno> {
        if self.socket.watched.replace((readable, writable)) != (readable, writable) || again {
            self.socket.watches.set(self.socket.watches.get() + 1);
        }
        Ok(())
    }
}

type Listener = Rc<dyn Fn(&Engine<Script>, Event<'_>)>;

/// The host: it records every event, and lets `listener` react.
struct Script {
    engine: Weak<Engine<Script>>,
    told: RefCell<Vec<String>>,
    listener: RefCell<Option<Listener>>,
    reports: Reports,
    wires: RefCell<HashMap<u32, Rc<Wire>>>,
    waits: Cell<bool>,
    turns: Cell<bool>,
    hurries: Cell<bool>,
    panics: Cell<usize>,
    reads: RefCell<Vec<(u32, FileRead)>>,
    refuses: Cell<bool>,
}

impl Script {
    fn stream(&self, id: u32) -> FakeStream {
        let wire = Rc::new(Wire::default());
        wire.room.set(usize::MAX);
        self.wires.borrow_mut().insert(id, wire.clone());
        FakeStream {
            id,
            wire,
            reports: self.reports.clone(),
        }
    }
}

impl Host for Script {
    type Transport = FakeStream;
    type Datagrams = FakeSocket;

    fn hurry(&self, wanted: bool) {
        self.hurries.set(wanted);
    }

    fn accept(&self, _listener: &FakeStream, id: u32) -> Result<FakeStream, Errno> {
        let stream = self.stream(id);
        // A stream that was created but could not take the connection is closed again.
        if self.refuses.get() {
            Err(Errno(-103))
        } else {
            Ok(stream)
        }
    }

    fn report_wait(&self, wanted: bool) {
        self.waits.set(wanted);
    }

    fn report_turn(&self, wanted: bool) {
        self.turns.set(wanted);
    }

    fn tell(&self, event: Event<'_>) {
        self.told.borrow_mut().push(format!("{event:?}"));
        let listener = self.listener.borrow().clone();
        if let Some(listener) = listener {
            listener(&self.engine.upgrade().unwrap(), event);
        }
    }

    fn read_file(engine: &Engine<Script>, id: u32, read: FileRead) -> Result<(), Errno> {
        if engine.host.refuses.get() {
            return Err(Errno::ECANCELED);
        }
        engine.host.reads.borrow_mut().push((id, read));
        Ok(())
    }

    fn guard(&self, body: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(body)).is_err() {
            self.panics.set(self.panics.get() + 1);
        }
    }
}

fn engine() -> Rc<Engine<Script>> {
    Rc::new_cyclic(|engine| {
        Engine::new(Script {
            engine: engine.clone(),
            told: RefCell::default(),
            listener: RefCell::default(),
            reports: Reports::default(),
            wires: RefCell::default(),
            waits: Cell::new(false),
            turns: Cell::new(false),
            hurries: Cell::new(false),
            panics: Cell::new(0),
            reads: RefCell::default(),
            refuses: Cell::new(false),
        })
    })
}

impl Engine<Script> {
    fn open(&self) -> u32 {
        self.insert_connection(|id| Ok(self.host.stream(id))).unwrap()
    }

    fn wire(&self, id: u32) -> Rc<Wire> {
        self.host.wires.borrow()[&id].clone()
    }

    fn text(&self, id: u32, text: &str) -> i32 {
        self.append(id, |out| {
            out.extend_from_slice(text.as_bytes());
            Ok::<_, ()>(())
        })
        .unwrap()
    }

    fn sent(&self, id: u32) -> String {
        String::from_utf8(self.wire(id).taken.borrow().clone()).unwrap()
    }

    fn listen(&self, listener: impl Fn(&Engine<Script>, Event<'_>) + 'static) {
        self.host.listener.replace(Some(Rc::new(listener)));
    }

    fn told(&self) -> Vec<String> {
        self.host.told.take()
    }

    /// The kernel takes the queued bytes.
    fn take_queued(&self, id: u32) {
        let wire = self.wire(id);
        if let Some(parts) = wire.queued.borrow_mut().pop_front() {
            wire.taken.borrow_mut().extend(parts.concat());
            self.host.reports.borrow_mut().push_back(Report::Written(id, Ok(())));
        }
    }

    /// Runs the file reads that were asked for. Returns their number.
    fn read_files(&self) -> usize {
        let reads = self.host.reads.take();
        for (id, read) in &reads {
            if !read.keep {
                self.wire(*id).cold.set(Some(read.range.at() + read.length as u64));
            }
            self.on_file_read(*id, read.run());
        }
        reads.len()
    }

    /// Lets the peer of `id` read until nothing more comes. Returns the number of turns.
    fn drain(&self, id: u32) -> usize {
        for turn in 0.. {
            self.take_queued(id);
            self.turn();
            if self.read_files() == 0 && self.wire(id).queued.borrow().is_empty() {
                return turn;
            }
        }
        unreachable!()
    }

    /// Runs one turn of the loop: makes all pending reports.
    fn turn(&self) {
        loop {
            let report = self.host.reports.borrow_mut().pop_front();
            match report {
                Some(Report::Written(id, result)) => self.on_written(id, result),
                Some(Report::Shutdown(id)) => self.on_shutdown(id, Ok(())),
                Some(Report::Closed(id)) => self.on_closed(id),
                None => break,
            }
        }
        if self.host.turns.get() {
            self.on_turn();
        }
        if self.host.waits.get() {
            self.on_wait();
        }
    }
}

#[test]
fn small_writes_leave_together_before_the_loop_waits() {
    let engine = engine();
    let (a, b) = (engine.open(), engine.open());
    for id in [a, b, a] {
        assert_eq!(engine.text(id, "x"), 0);
    }
    assert!(engine.sent(a).is_empty() && engine.host.waits.get());
    engine.turn();
    assert_eq!((engine.sent(a), engine.sent(b)), ("xx".into(), "x".into()));
    assert_eq!(*engine.wire(a).tries.borrow(), [1]);
    assert!(!engine.host.waits.get());
    assert!(engine.told().is_empty(), "nobody waits for a drain");
}

#[test]
fn what_a_read_causes_leaves_at_its_end() {
    let engine = engine();
    let (a, b) = (engine.open(), engine.open());
    engine.listen(move |engine, _| {
        engine.text(a, "answer ");
        engine.text(b, "news");
        engine.text(a, "to it");
        assert!(engine.sent(a).is_empty());
    });
    engine.on_read(a, Ok(b"question"));
    assert_eq!(engine.sent(a), "answer to it");
    assert!(engine.sent(b).is_empty(), "another connection's waits");
    engine.turn();
    assert_eq!(engine.sent(b), "news");
}

#[test]
fn an_exit_from_inside_a_read_loses_nothing() {
    let engine = engine();
    let a = engine.open();
    engine.listen(move |engine, _| {
        engine.text(a, "last words");
        engine.flush_all();
        assert_eq!(engine.sent(a), "last words");
    });
    engine.on_read(a, Ok(b"x"));
    assert_eq!(engine.host.panics.get(), 0);
}

#[test]
fn what_fails_to_leave_from_inside_a_read_is_told() {
    let engine = engine();
    let id = engine.open();
    let (file, _) = file(10);
    engine.wire(id).cold.set(Some(0));
    engine.host.refuses.set(true);
    engine.listen(move |engine, event| {
        if let Event::Read(..) = event {
            engine.append_file(id, part(&file, 0..10));
            engine.flush_all();
        }
    });
    engine.on_read(id, Ok(b"x"));
    engine.turn();
    assert_eq!(
        engine.told()[1..],
        [format!("WriteError({id}, {:?})", Errno::ECANCELED)]
    );
}

#[test]
fn much_leaves_before_the_turn_ends_and_a_large_write_takes_along_what_waits() {
    let engine = engine();
    let id = engine.open();
    engine.text(id, &"x".repeat(FLUSH_AT));
    assert_eq!(engine.sent(id).len(), FLUSH_AT);
    engine.text(id, "head");
    assert_eq!(engine.write_large(id, &[b'y'; LARGE_WRITE]), 0);
    assert_eq!(engine.sent(id).len(), FLUSH_AT + 4 + LARGE_WRITE);
    assert_eq!(*engine.wire(id).tries.borrow(), [1, 2]);
}

#[test]
fn what_the_kernel_does_not_take_waits_in_order_and_drains_once() {
    let engine = engine();
    let id = engine.open();
    let wire = engine.wire(id);
    wire.room.set(6);
    engine.text(id, "head");
    assert_eq!(engine.write_large(id, b"large"), 1);
    assert_eq!(engine.text(id, " more"), 1);
    assert_eq!(engine.write_large(id, b" and more"), 1);
    assert_eq!(engine.text(id, " still"), 1);
    assert_eq!(engine.sent(id), "headla");
    let waiting = engine.connection(id, |connection| connection.queued()).unwrap();
    assert_eq!(waiting, "rge more and more still".len() as u64);
    wire.room.set(usize::MAX);
    engine.take_queued(id);
    engine.turn();
    assert_eq!(engine.sent(id), "headlarge more and more still");
    assert_eq!(*wire.tries.borrow(), [2, 3]);
    assert_eq!(engine.told(), [format!("Drain({id})")]);
    assert_eq!(engine.text(id, "!"), 0);
    engine.turn();
    assert!(engine.told().is_empty());
    assert_eq!(engine.connection(id, |connection| connection.sent), Ok(30));
}

#[test]
fn an_empty_write_is_no_segment() {
    let engine = engine();
    let id = engine.open();
    let wire = engine.wire(id);
    wire.room.set(0);
    assert_eq!(engine.write_large(id, b"x"), 1);
    assert_eq!(engine.write_large(id, b""), 1);
    assert_eq!(engine.text(id, ""), 1);
    assert_eq!(engine.write_large(id, b"y"), 1);
    engine.take_queued(id);
    engine.turn();
    engine.take_queued(id);
    engine.turn();
    assert_eq!(engine.sent(id), "xy");
    assert_eq!(engine.told(), [format!("Drain({id})")]);
    assert_eq!(engine.host.panics.get(), 0);
}

#[test]
fn any_number_of_segments_leaves_in_calls_of_sixteen() {
    for count in [13, 14, 15, 16, 17, 31, 32, 33, 100] {
        let engine = engine();
        let id = engine.open();
        let wire = engine.wire(id);
        wire.room.set(0);
        engine.write_large(id, b"-");
        for _ in 0..count {
            engine.write_large(id, b"x");
        }
        wire.room.set(usize::MAX);
        engine.take_queued(id);
        engine.turn();
        assert_eq!(engine.sent(id), format!("-{}", "x".repeat(count)));
        assert!(wire.tries.borrow().iter().all(|&parts| parts <= 16));
        assert_eq!(engine.told(), [format!("Drain({id})")]);
        assert_eq!(engine.host.panics.get(), 0);
    }
}

#[test]
fn what_comes_before_an_error_of_its_source_is_not_sent() {
    let engine = engine();
    let id = engine.open();
    engine.text(id, "whole");
    let failed = engine.append(id, |out| {
        out.extend_from_slice(b"half");
        Err("no string")
    });
    assert_eq!(failed, Err("no string"));
    engine.turn();
    assert_eq!(engine.sent(id), "whole");
}

#[test]
fn our_side_ends_once_behind_everything_written() {
    let engine = engine();
    let id = engine.open();
    let wire = engine.wire(id);
    wire.room.set(1);
    engine.text(id, "abc");
    engine.end(id).unwrap();
    engine.end(id).unwrap();
    engine.end(id).unwrap();
    assert!(wire.ended.get(), "the transport ends behind its queued write");
    engine.take_queued(id);
    engine.turn();
    assert_eq!(engine.sent(id), "abc");
    assert_eq!(engine.told(), [format!("Shutdown({id}, Ok(()))")]);
}

#[test]
fn an_end_waits_for_what_waits_for_a_queued_write() {
    let engine = engine();
    let id = engine.open();
    let wire = engine.wire(id);
    wire.room.set(0);
    engine.text(id, "a");
    engine.flush(id).unwrap();
    engine.text(id, "b");
    engine.end(id).unwrap();
    assert!(!wire.ended.get());
    wire.room.set(9);
    engine.take_queued(id);
    engine.turn();
    assert_eq!(engine.sent(id), "ab");
    assert!(wire.ended.get());
}

#[test]
fn a_closed_connection_is_told_of_once_and_never_again() {
    let engine = engine();
    let id = engine.open();
    engine.wire(id).room.set(0);
    engine.text(id, "lost");
    engine.flush(id).unwrap();
    engine.close(id, false).unwrap();
    assert_eq!(engine.close(id, false), Err(Errno::EBADF));
    assert_eq!(engine.text(id, "x"), Errno::EBADF.0);
    assert_eq!(engine.write_large(id, b"x"), Errno::EBADF.0);
    assert_eq!(engine.slots_in_use(), 1, "until it is reported closed");
    // The queued write is cancelled first, which is not reported.
    engine.turn();
    assert_eq!(engine.told(), [format!("Close({id})")]);
    assert_eq!(engine.slots_in_use(), 0);
    engine.on_closed(id);
    engine.on_written(id, Ok(()));
    assert!(engine.told().is_empty());
    assert_eq!(engine.connection(id, |_| ()), Err(Errno::EBADF));
}

#[test]
fn a_close_offers_what_waits_but_a_reset_does_not() {
    let engine = engine();
    let (a, b) = (engine.open(), engine.open());
    for id in [a, b] {
        engine.text(id, "bye");
    }
    engine.close(a, false).unwrap();
    engine.close(b, true).unwrap();
    assert_eq!((engine.sent(a), engine.sent(b)), ("bye".into(), "".into()));
    assert!(!engine.wire(a).reset.get() && engine.wire(b).reset.get());
    engine.turn();
    assert_eq!(engine.told(), [format!("Close({a})"), format!("Close({b})")]);
}

#[test]
fn a_failed_write_is_told_outside_of_the_call() {
    let engine = engine();
    let id = engine.open();
    engine.wire(id).broken.set(true);
    engine.listen(move |engine, event| {
        if let Event::WriteError(id, _) = event {
            engine.close(id, false).unwrap();
        }
    });
    assert_eq!(engine.text(id, "x"), 0);
    assert!(engine.told().is_empty());
    engine.turn();
    engine.turn();
    assert_eq!(
        engine.told(),
        [format!("WriteError({id}, Errno(-32))"), format!("Close({id})")]
    );
    let id = engine.open();
    engine.wire(id).broken.set(true);
    assert_eq!(engine.write_large(id, b"x"), -32, "a call that fails says so itself");
}

#[test]
fn a_listener_may_close_its_connection_in_whatever_it_is_told() {
    let engine = engine();
    engine.listen(|engine, event| {
        let (Event::Read(id, _) | Event::Connected(id, _) | Event::Drain(id) | Event::Shutdown(id, _)) = event else {
            return;
        };
        engine.text(id, "x");
        engine.close(id, false).unwrap();
        engine.text(id, "y");
    });
    let ids: Vec<u32> = (0..4).map(|_| engine.open()).collect();
    engine.on_read(ids[0], Ok(b"x"));
    engine.on_connected(ids[1], Ok(()));
    engine.on_shutdown(ids[2], Ok(()));
    engine.wire(ids[3]).room.set(0);
    engine.text(ids[3], "x");
    engine.flush(ids[3]).unwrap();
    assert_eq!(engine.text(ids[3], "x"), 1);
    engine.wire(ids[3]).room.set(9);
    engine.take_queued(ids[3]);
    engine.turn();
    engine.turn();
    assert_eq!(engine.slots_in_use(), 0);
    assert_eq!(engine.host.panics.get(), 0);
    assert_eq!(
        engine.told().iter().filter(|event| event.starts_with("Close")).count(),
        4
    );
}

#[test]
fn listeners_take_connections_and_are_no_connections() {
    let engine = engine();
    let listener = engine.insert_listener(|id| Ok(engine.host.stream(id))).unwrap();
    engine.on_connection(listener, Ok(()));
    assert_eq!(engine.connection(listener, |_| ()), Err(Errno::EINVAL));
    assert_eq!(engine.text(listener, "x"), Errno::EINVAL.0);
    let told = engine.told();
    assert_eq!(told, [format!("Connection({listener}, Ok({}))", listener + 1)]);
    engine.text(listener + 1, "hello");

    engine.host.refuses.set(true);
    engine.on_connection(listener, Ok(()));
    engine.turn();
    assert_eq!(engine.told(), [format!("Connection({listener}, Err(Errno(-103)))")]);
    assert_eq!(engine.slots_in_use(), 2);

    engine.close(listener, false).unwrap();
    engine.host.refuses.set(false);
    engine.on_connection(listener, Ok(()));
    engine.turn();
    let errno = Errno::EBADF;
    let told = [
        format!("Connection({listener}, Err({errno:?}))"),
        format!("Close({listener})"),
    ];
    assert_eq!(engine.told(), told);
    assert_eq!(engine.sent(listener + 1), "hello");
}

#[test]
fn a_connection_connects_once() {
    let engine = engine();
    let id = engine.open();
    assert_eq!(engine.connect(id, |_| Err(Errno::EINVAL)), Err(Errno::EINVAL));
    assert_eq!(engine.connect(id, |_| Ok(())), Ok(()));
    assert_eq!(engine.connect(id, |_| Ok(())), Err(Errno::EALREADY));
}

/// A protocol that gathers received bytes and writes them back once per turn, in capitals.
#[derive(Default)]
struct Shouts {
    gathered: RefCell<Vec<u32>>,
    silent: Cell<bool>,
    /// Whether its output does not count as an answer.
    asks: Cell<bool>,
}

/// The state that [`Shouts`] keeps for a connection.
struct Heard(String);

impl Protocol<Script> for Shouts {
    fn read(&self, engine: &Engine<Script>, id: u32, bytes: &[u8]) {
        assert!(bytes != b"panic");
        let text = String::from_utf8_lossy(bytes).to_uppercase();
        engine.state(id, |heard: &mut Heard| heard.0 += &text);
        self.gathered.borrow_mut().push(id);
        engine.gather();
    }

    fn answers(&self) -> bool {
        !self.asks.get()
    }

    fn drained(&self, engine: &Engine<Script>, id: u32, _awaited: bool) {
        engine.tell(Event::Drain(id));
    }

    fn tick(&self, engine: &Engine<Script>) {
        for id in self.gathered.take() {
            let text = engine.state(id, |heard: &mut Heard| std::mem::take(&mut heard.0));
            if let Some(text) = text {
                engine.text(id, &text);
                engine.host.told.borrow_mut().push(text);
            }
        }
    }

    fn silence(&self) {
        self.silent.set(true);
    }
}

fn shouting(engine: &Engine<Script>) -> (Rc<Shouts>, u32) {
    let protocol = Rc::new(Shouts::default());
    engine.add_protocol(protocol.clone());
    let id = engine.open();
    engine
        .connection(id, |connection| {
            connection.speak(protocol.clone(), Heard(String::new()))
        })
        .unwrap();
    (protocol, id)
}

#[test]
fn a_protocol_shows_what_it_gathered_before_anything_else_is_told() {
    let engine = engine();
    let (_, id) = shouting(&engine);
    let plain = engine.open();
    engine.on_read(id, Ok(b"a"));
    engine.on_read(id, Ok(b"b"));
    assert!(engine.told().is_empty() && engine.host.turns.get());
    engine.turn();
    assert_eq!(engine.told(), ["AB", ""]);
    assert_eq!(engine.sent(id), "AB");
    assert!(!engine.host.turns.get());

    engine.on_read(id, Ok(b"c"));
    engine.on_read(plain, Ok(b"raw"));
    engine.on_read(id, Err(Errno::EOF));
    let raw = format!("Read({plain}, Ok([114, 97, 119]))");
    assert_eq!(
        engine.told(),
        ["C".into(), raw, format!("Read({id}, Err(Errno(-4095)))")]
    );
    engine.turn();
    assert_eq!(engine.connection(id, |connection| connection.received), Ok(3));
}

/// A protocol for connections without one: holds received bytes until it is asked to show them.
#[derive(Default)]
struct Holds(RefCell<Vec<(u32, Vec<u8>)>>);

impl Protocol<Script> for Holds {
    fn read(&self, engine: &Engine<Script>, id: u32, bytes: &[u8]) {
        engine.connection(id, |connection| connection.gathered = true).unwrap();
        self.0.borrow_mut().push((id, bytes.to_vec()));
        engine.gather();
    }

    fn tick(&self, engine: &Engine<Script>) {
        for (id, bytes) in self.0.take() {
            let spoken = engine.connection(id, |connection| {
                connection.gathered = false;
                connection.protocol()
            });
            match spoken {
                Ok(Some(protocol)) => protocol.read(engine, id, &bytes),
                Ok(None) => engine.host.tell(Event::Read(id, Ok(&bytes))),
                Err(_) => {}
            }
        }
    }
}

#[test]
fn what_plain_connections_receive_can_be_gathered() {
    let engine = engine();
    engine.add_plain(Rc::new(Holds::default()));
    let (a, b) = (engine.open(), engine.open());
    engine.on_read(a, Ok(b"1"));
    engine.on_read(b, Ok(b"2"));
    assert!(engine.told().is_empty());
    // The end of one connection is reported after the bytes that came before it.
    engine.on_read(a, Err(Errno::EOF));
    assert_eq!(
        engine.told(),
        [
            format!("Read({a}, Ok([49]))"),
            format!("Read({b}, Ok([50]))"),
            format!("Read({a}, Err(Errno(-4095)))")
        ]
    );
    engine.on_read(b, Ok(b"3"));
    engine.close(b, false).unwrap();
    engine.turn();
    assert_eq!(engine.told(), [format!("Close({b})")], "closed, it hears of no bytes");
}

#[test]
fn a_connection_that_begins_to_speak_is_shown_first_what_was_gathered_before() {
    let engine = engine();
    engine.add_plain(Rc::new(Holds::default()));
    let id = engine.open();
    engine.on_read(id, Ok(b"a"));
    let shouts = Rc::new(Shouts::default());
    engine.add_protocol(shouts.clone());
    engine
        .connection(id, |connection| connection.speak(shouts, Heard(String::new())))
        .unwrap();
    engine.on_read(id, Ok(b"b"));
    engine.turn();
    assert_eq!(engine.told().concat(), "AB");
}

#[test]
fn what_is_gathered_while_it_shows_is_for_the_next_turn() {
    let engine = engine();
    let (protocol, id) = shouting(&engine);
    engine.on_read(id, Ok(b"a"));
    let plain = engine.open();
    engine.listen(move |engine, event| {
        // A read happens during another event, as when a handler runs the loop or feeds bytes itself.
        if matches!(event, Event::Read(..)) {
            engine.on_read(id, Ok(b"b"));
        }
    });
    engine.on_read(plain, Ok(b"x"));
    assert_eq!(protocol.gathered.borrow().len(), 1);
    engine.turn();
    assert!(engine.told().ends_with(&["B".into()]));
}

#[test]
fn a_protocol_decides_about_drains_and_has_state_of_its_own() {
    let engine = engine();
    let (_, id) = shouting(&engine);
    engine.wire(id).room.set(0);
    engine.text(id, "x");
    engine.flush(id).unwrap();
    engine.take_queued(id);
    engine.turn();
    assert_eq!(
        engine.told(),
        [format!("Drain({id})")],
        "though nobody was told to wait"
    );

    assert_eq!(engine.state(id, |_: &mut u64| ()), None);
    engine
        .connection(id, |connection| {
            assert!(connection.hush::<u64>().is_none());
            assert!(connection.protocol().is_some());
            assert!(connection.hush::<Heard>().is_some());
            assert!(connection.hush::<Heard>().is_none());
        })
        .unwrap();
    engine.on_read(id, Ok(b"x"));
    assert_eq!(engine.told(), [format!("Read({id}, Ok([120]))")]);
    engine.close(id, false).unwrap();
    assert_eq!(engine.state(id, |_: &mut Heard| ()), None);
}

#[test]
fn what_is_no_answer_leaves_with_the_turn() {
    let engine = engine();
    let (protocol, id) = shouting(&engine);
    protocol.asks.set(true);
    engine.listen(move |engine, _| assert_eq!(engine.text(id, "next"), 0));
    engine.on_read(id, Err(Errno::EOF));
    assert!(engine.sent(id).is_empty() && engine.host.waits.get());
    engine.turn();
    assert_eq!(engine.sent(id), "next");
}

#[test]
fn a_panic_costs_its_read_only() {
    let engine = engine();
    let (_, id) = shouting(&engine);
    engine.on_read(id, Ok(b"panic"));
    assert_eq!(engine.host.panics.get(), 1);
    engine.on_read(id, Ok(b"a"));
    engine.turn();
    assert_eq!(engine.sent(id), "A");
}

#[test]
fn the_end_of_the_environment_writes_and_closes_everything_and_tells_nobody() {
    let engine = engine();
    let (protocol, id) = shouting(&engine);
    let other = engine.open();
    engine.insert_listener(|id| Ok(engine.host.stream(id))).unwrap();
    engine.text(id, "bye");
    engine.text(other, "bye");
    engine.close_all();
    assert!(protocol.silent.get());
    assert_eq!((engine.sent(id), engine.sent(other)), ("bye".into(), "bye".into()));
    assert_eq!(engine.slots_in_use(), 0);
    assert_eq!(engine.host.reports.borrow().len(), 3);
    engine.turn();
    assert!(engine.told().is_empty());
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Small(usize),
    Large(usize),
    Shared(usize),
    File(usize),
    Cold(u64),
    Unable(bool),
    ReadFiles,
    Room(usize),
    Take,
    Turn,
    Flush,
    Read,
}

fn act() -> impl proptest::strategy::Strategy<Value = Act> {
    use proptest::prelude::*;
    prop_oneof![
        (0usize..200).prop_map(Act::Small),
        (0usize..200).prop_map(Act::Large),
        (1usize..200).prop_map(|length| Act::Shared(length * 50)),
        (0usize..400).prop_map(Act::File),
        (0u64..600).prop_map(Act::Cold),
        proptest::bool::ANY.prop_map(Act::Unable),
        Just(Act::ReadFiles),
        (0usize..300).prop_map(Act::Room),
        Just(Act::Take),
        Just(Act::Turn),
        Just(Act::Flush),
        Just(Act::Read),
    ]
}

proptest::proptest! {
    /// Whatever is written when, and however little the kernel takes, the peer gets every byte once and in order, and
    /// a listener that was asked to wait gets a drain event.
    #[test]
    fn every_byte_leaves_once_and_in_order(acts in proptest::collection::vec(act(), 0..150)) {
        let engine = engine();
        let id = engine.open();
        let wire = engine.wire(id);
        let waits = Rc::new(Cell::new(false));
        let drained = waits.clone();
        engine.listen(move |_, event| {
            if matches!(event, Event::Drain(_)) {
                drained.set(false);
            }
        });
        let mut written = Vec::new();
        let source = numbers();
        for act in acts {
            let mut bytes = |length: usize| {
                let bytes: Vec<u8> = (0..length).map(|at| (written.len() + at) as u8).collect();
                written.extend_from_slice(&bytes);
                bytes
            };
            match act {
                Act::Small(length) => {
                    let bytes = bytes(length);
                    let status = engine.append(id, |out| { out.extend_from_slice(&bytes); Ok::<_, ()>(()) });
                    waits.set(waits.get() | (status == Ok(1)));
                }
                Act::Large(length) => {
                    let status = engine.write_large(id, &bytes(length));
                    waits.set(waits.get() | (status == 1));
                }
                Act::Shared(length) => {
                    let status = engine.share(id, bytes(length).into());
                    waits.set(waits.get() | (status == 1));
                }
                Act::File(length) => {
                    let start = written.len() as u64 % 256;
                    written.extend((start..start + length as u64).map(|at| at as u8));
                    let status = engine.append_file(id, FileRange::new(source.clone(), start..start + length as u64));
                    waits.set(waits.get() | (status == 1));
                }
                Act::Cold(from) => wire.cold.set(Some(from)),
                Act::Unable(unable) => wire.unable.set(unable),
                Act::ReadFiles => { engine.read_files(); }
                Act::Room(room) => wire.room.set(room),
                Act::Take => engine.take_queued(id),
                Act::Turn => engine.turn(),
                Act::Flush => engine.flush(id).unwrap(),
                Act::Read => engine.on_read(id, Ok(b"x")),
            }
            let left = wire.taken.borrow().len();
            let queued = engine.connection(id, |connection| connection.queued()).unwrap();
            assert_eq!(left as u64 + queued, written.len() as u64);
            assert_eq!(*wire.taken.borrow(), written[..left]);
        }
        wire.room.set(usize::MAX);
        engine.flush(id).unwrap();
        engine.drain(id);
        assert_eq!(*wire.taken.borrow(), written);
        assert!(!waits.get(), "a drain was promised");
        assert_eq!(engine.host.panics.get(), 0);
    }
}

/// An open file of `length` bytes that no other code can find, and a second handle to change it.
fn file(length: usize) -> (Arc<File>, File) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("ironwire-engine-{}-{number}", std::process::id()));
    let mut options = File::options();
    let mut file = options.read(true).write(true).create_new(true).open(&path).unwrap();
    file.write_all(&content(0..length)).unwrap();
    let reader = File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    (Arc::new(reader), file)
}

/// A file whose bytes count up.
fn numbers() -> Arc<File> {
    let (reader, mut file) = file(0);
    file.write_all(&(0..1024).map(|at| at as u8).collect::<Vec<_>>())
        .unwrap();
    reader
}

fn content(range: Range<usize>) -> Vec<u8> {
    range
        .map(|i| b'a' + (i * 7 % 26) as u8 - (i / 100 % 2) as u8 * 32)
        .collect()
}

fn part(file: &Arc<File>, range: Range<usize>) -> FileRange {
    FileRange::new(file.clone(), range.start as u64..range.end as u64)
}

#[test]
fn a_file_leaves_in_its_place() {
    let engine = engine();
    let id = engine.open();
    let (file, _) = file(1000);
    engine.text(id, "head ");
    assert_eq!(engine.append_file(id, part(&file, 10..900)), 0);
    engine.text(id, " between ");
    assert_eq!(engine.append_file(id, part(&file, 0..3)), 0);
    assert_eq!(engine.append_file(id, part(&file, 5..5)), 0);
    assert_eq!(engine.share(id, Bytes::from_static(&[b's'; 5000])), 0);
    engine.write_large(id, b" large");
    engine.text(id, " end");
    engine.turn();
    let wanted = [
        b"head ",
        &*content(10..900),
        b" between ",
        &content(0..3),
        &[b's'; 5000],
        b" large",
        b" end",
    ];
    assert_eq!(engine.sent(id).as_bytes(), wanted.concat());
    assert_eq!(
        engine.connection(id, |connection| connection.sent),
        Ok(wanted.concat().len() as u64)
    );
    assert!(engine.told().is_empty(), "nobody waits for a drain");
    assert_eq!(engine.host.panics.get(), 0);
}

#[test]
fn a_slow_peer_gets_a_file_as_it_takes_it_and_costs_a_block() {
    let engine = engine();
    let id = engine.open();
    let wire = engine.wire(id);
    let (file, _) = file(1000);
    wire.room.set(7);
    engine.text(id, "head ");
    engine.append_file(id, part(&file, 0..1000));
    engine.turn();
    assert_eq!(engine.sent(id).len(), 7);
    assert_eq!(wire.queued.borrow()[0][0].len(), BLOCK);
    assert_eq!(engine.text(id, " end"), 1, "and from now on the listener waits");
    let queued = || engine.connection(id, |connection| connection.queued()).unwrap();
    assert_eq!(queued(), 998 + 4);
    for taken in 1..=98 {
        wire.room.set(7);
        engine.take_queued(id);
        engine.turn();
        assert!(wire.queued.borrow().iter().flatten().map(Bytes::len).sum::<usize>() <= BLOCK);
        assert_eq!(queued(), 998 + 4 - taken * (7 + BLOCK as u64));
    }
    wire.room.set(usize::MAX);
    engine.drain(id);
    let wanted = [b"head ", &*content(0..1000), b" end"].concat();
    assert_eq!(engine.sent(id).as_bytes(), wanted);
    assert_eq!(engine.told(), [format!("Drain({id})")]);
    assert_eq!((queued(), engine.host.panics.get()), (0, 0));
}

#[test]
fn a_fast_peer_gets_no_more_than_its_share_of_a_turn() {
    let engine = engine();
    let (a, b) = (engine.open(), engine.open());
    let length = SHARE as usize * 2 + 1000;
    let (file, _) = file(length);
    for id in [a, b] {
        engine.append_file(id, part(&file, 0..length));
    }
    engine.turn();
    assert_eq!(
        (engine.sent(a).len(), engine.sent(b).len()),
        (SHARE as usize, SHARE as usize)
    );
    assert_eq!(engine.drain(a), 1, "the second turn's share and the rest");
    engine.drain(b);
    assert!(engine.sent(a).as_bytes() == content(0..length) && engine.sent(a) == engine.sent(b));
    // Many small files do not get around the limit.
    let id = engine.open();
    for _ in 0..20 {
        engine.append_file(id, part(&file, 0..SHARE as usize / 8));
    }
    engine.turn();
    assert_eq!(engine.sent(id).len(), SHARE as usize);
    engine.drain(id);
    assert_eq!(engine.sent(id).len(), SHARE as usize / 8 * 20);
}

#[test]
fn what_is_not_in_memory_is_read_elsewhere_and_nothing_overtakes_it() {
    let engine = engine();
    let id = engine.open();
    let wire = engine.wire(id);
    let (file, _) = file(1000);
    wire.cold.set(Some(600));
    engine.text(id, "head ");
    engine.append_file(id, part(&file, 0..1000));
    engine.turn();
    assert_eq!(engine.sent(id).len(), 605);
    assert_eq!(engine.text(id, " end"), 1);
    engine.end(id).unwrap();
    engine.turn();
    assert!(!wire.ended.get() && wire.queued.borrow().is_empty());
    assert_eq!((engine.sent(id).len(), engine.host.reads.borrow().len()), (605, 1));
    engine.drain(id);
    assert_eq!(
        engine.sent(id).as_bytes(),
        [b"head ", &*content(0..1000), b" end"].concat()
    );
    assert_eq!(
        engine.told(),
        [format!("Drain({id})"), format!("Shutdown({id}, Ok(()))")]
    );
    assert_eq!(engine.host.panics.get(), 0);
}

#[test]
fn a_transport_that_sends_no_files_gets_their_bytes() {
    let engine = engine();
    let id = engine.open();
    let wire = engine.wire(id);
    wire.unable.set(true);
    let (file, _) = file(200_000);
    engine.text(id, "head ");
    engine.append_file(id, part(&file, 1..200_000));
    engine.text(id, " end");
    engine.turn();
    assert_eq!(engine.sent(id), "head ");
    wire.room.set(100);
    assert_eq!(engine.read_files(), 1);
    assert_eq!(engine.sent(id).len(), 105);
    assert_eq!(
        engine.host.reads.borrow().len(),
        0,
        "the next part is read when this one has left"
    );
    wire.room.set(usize::MAX);
    engine.drain(id);
    assert_eq!(
        engine.sent(id).as_bytes(),
        [b"head ", &*content(1..200_000), b" end"].concat()
    );
}

#[test]
fn a_file_that_has_become_too_short_ends_it_with_an_error_and_no_other_bytes() {
    for (cold, unable) in [(None, false), (Some(100), false), (None, true)] {
        let engine = engine();
        let id = engine.open();
        let wire = engine.wire(id);
        let (file, changed) = file(1000);
        wire.room.set(50);
        wire.cold.set(cold);
        wire.unable.set(unable);
        engine.listen(|engine, event| {
            if let Event::WriteError(id, _) = event {
                let queued = engine.connection(id, |connection| connection.queued()).unwrap();
                assert_eq!(
                    engine.sent(id).len() as u64 + queued,
                    1015,
                    "neither lost nor counted twice"
                );
                engine.close(id, false).unwrap();
            }
        });
        engine.append_file(id, part(&file, 0..1000));
        engine.text(id, "the next answer");
        engine.turn();
        changed.set_len(500).unwrap();
        wire.room.set(usize::MAX);
        engine.drain(id);
        let sent = engine.sent(id);
        assert!(content(0..500).starts_with(sent.as_bytes()), "{sent}");
        assert_eq!(
            engine.told(),
            [format!("WriteError({id}, {:?})", Errno::EIO), format!("Close({id})")],
            "{cold:?} {unable}"
        );
        assert_eq!((engine.slots_in_use(), engine.host.panics.get()), (0, 0));
    }
}

#[test]
fn a_connection_may_be_closed_or_reset_while_its_file_is_read() {
    for reset in [false, true] {
        let engine = engine();
        let id = engine.open();
        let (file, _) = file(1000);
        engine.wire(id).cold.set(Some(10));
        engine.append_file(id, part(&file, 0..1000));
        engine.turn();
        engine.close(id, reset).unwrap();
        engine.turn();
        engine.read_files();
        assert_eq!(engine.sent(id).len(), 10);
        assert_eq!(engine.told(), [format!("Close({id})")]);
        assert_eq!(Arc::strong_count(&file), 1, "the file is closed with it");
    }
}

#[test]
fn an_exit_writes_of_a_file_what_leaves_at_once() {
    let engine = engine();
    let id = engine.open();
    let (file, _) = file(1000);
    engine.text(id, "head ");
    engine.append_file(id, part(&file, 0..1000));
    engine.flush_all();
    assert_eq!(engine.sent(id).len(), 1005);
}

type Then = Box<dyn FnOnce(&Engine<Script>)>;

/// A protocol that records what ports receive and send.
#[derive(Default)]
struct Mail {
    gathered: RefCell<Vec<String>>,
    shown: RefCell<Vec<String>>,
    /// Run once, at the next event.
    then: RefCell<Option<Then>>,
}

impl Protocol<Script> for Mail {
    fn datagram(&self, engine: &Engine<Script>, _id: u32, from: SocketAddr, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.gathered.borrow_mut().push(format!("{text} from {}", from.port()));
        engine.gather();
    }

    fn not_received(&self, engine: &Engine<Script>, _id: u32, error: Errno) {
        self.gathered.borrow_mut().push(format!("failed {}", error.0));
        engine.gather();
    }

    fn sent(&self, engine: &Engine<Script>, _id: u32, result: Result<(), Errno>) {
        self.gathered.borrow_mut().push(format!("sent {}", Errno::code(result)));
        engine.gather();
    }

    fn tick(&self, engine: &Engine<Script>) {
        let gathered = self.gathered.take();
        if gathered.is_empty() {
            return;
        }
        self.shown.borrow_mut().extend(gathered);
        if let Some(then) = self.then.take() {
            then(engine);
        }
        engine.flush_all();
    }
}

impl Engine<Script> {
    fn mail(&self) -> (Rc<Mail>, u32, Rc<Socket>) {
        let mail = Rc::new(Mail::default());
        self.add_protocol(mail.clone());
        let socket = Rc::new(Socket::default());
        socket.room.set(usize::MAX);
        let (fake, reports) = (socket.clone(), self.host.reports.clone());
        let id = self.insert_port(mail.clone(), |id| {
            Ok(FakeSocket {
                id,
                socket: fake,
                reports,
            })
        });
        (mail, id.unwrap(), socket)
    }

    fn post(&self, id: u32, to: To, awaited: bool, text: &str) -> Result<(), Errno> {
        self.send_datagram(id, to, awaited, |queue| {
            queue.extend_from_slice(text.as_bytes());
            Ok::<_, ()>(())
        })
        .unwrap()
    }
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn sent(socket: &Socket) -> Vec<(u16, String)> {
    let sent = socket.sent.take().into_iter();
    sent.map(|(to, bytes)| (to.map_or(0, |to| to.port()), String::from_utf8(bytes).unwrap()))
        .collect()
}

#[test]
fn datagrams_of_a_turn_leave_together_and_say_so_in_order() {
    let engine = engine();
    let (mail, id, socket) = engine.mail();
    engine.post(id, To::Address(at(1)), true, "a").unwrap();
    engine.post(id, To::Again, false, "b").unwrap();
    engine.post(id, To::Connected, true, "").unwrap();
    assert_eq!(engine.port(id, |port| port.queued()), Ok((3, 2)));
    assert!(sent(&socket).is_empty() && engine.host.waits.get());
    engine.on_wait();
    assert_eq!(sent(&socket), [(1, "a".into()), (1, "b".into()), (0, String::new())]);
    assert_eq!(mail.shown.take(), ["sent 0", "sent 0"]);
    assert!(!engine.host.waits.get() && !engine.host.hurries.get());
}

#[test]
fn what_is_sent_when_something_was_sent_does_not_wait_for_io() {
    let engine = engine();
    let (mail, id, socket) = engine.mail();
    mail.then.replace(Some(Box::new(move |engine| {
        engine.post(id, To::Again, true, "b").unwrap()
    })));
    engine.post(id, To::Address(at(1)), true, "a").unwrap();
    engine.on_wait();
    assert_eq!(sent(&socket).len(), 2);
    assert_eq!(mail.shown.take(), ["sent 0"]);
    assert!(engine.host.waits.get() && engine.host.hurries.get());
    engine.on_wait();
    assert_eq!(mail.shown.take(), ["sent 0"]);
    assert!(!engine.host.waits.get() && !engine.host.hurries.get());
}

#[test]
fn a_full_socket_is_waited_for_and_an_error_is_one_datagrams() {
    let engine = engine();
    let (mail, id, socket) = engine.mail();
    socket.room.set(1);
    for text in ["a", "b", "c"] {
        engine.post(id, To::Address(at(7)), true, text).unwrap();
    }
    engine.on_wait();
    assert_eq!(socket.watched.get(), (false, true));
    // It is not tried again before there is room.
    engine.post(id, To::Again, true, "d").unwrap();
    engine.on_wait();
    assert_eq!(sent(&socket), [(7, "a".into())]);
    socket.room.set(usize::MAX);
    socket.error.set(Some(Errno::EMSGSIZE));
    engine.on_ready(id, false, true, false);
    engine.on_turn();
    assert_eq!(sent(&socket), [(7, "c".into()), (7, "d".into())]);
    assert_eq!(
        mail.shown.take(),
        [
            "sent 0".into(),
            format!("sent {}", Errno::EMSGSIZE.0),
            "sent 0".into(),
            "sent 0".into()
        ]
    );
    assert_eq!(socket.watched.get(), (false, false));
}

#[test]
fn many_datagrams_do_not_wait_for_the_end_of_the_turn() {
    let engine = engine();
    let (_, id, socket) = engine.mail();
    for _ in 0..1_000 {
        engine.post(id, To::Address(at(1)), false, "x").unwrap();
    }
    let early = sent(&socket).len();
    assert!((500..1_000).contains(&early), "{early}");
    engine.on_wait();
    assert_eq!(early + sent(&socket).len(), 1_000);
}

#[test]
fn a_port_receives_while_it_is_told_to_and_shows_it_in_the_turn() {
    let engine = engine();
    let (mail, id, socket) = engine.mail();
    engine.port(id, |port| port.receive(true)).unwrap().unwrap();
    assert_eq!(socket.watched.get(), (true, false));
    socket
        .arrived
        .borrow_mut()
        .extend((1..=5).map(|port| (at(port), b"hi".to_vec())));
    engine.on_ready(id, true, false, false);
    assert!(mail.shown.borrow().is_empty() && engine.host.turns.get());
    engine.on_turn();
    assert_eq!(mail.shown.take().len(), 5);
    engine.port(id, |port| port.receive(false)).unwrap().unwrap();
    socket.arrived.borrow_mut().push_back((at(1), b"late".to_vec()));
    engine.on_ready(id, true, false, false);
    engine.on_turn();
    assert!(mail.shown.take().is_empty());
}

#[test]
fn one_port_does_not_keep_the_others_waiting() {
    let engine = engine();
    let (mail, id, socket) = engine.mail();
    engine.port(id, |port| port.receive(true)).unwrap().unwrap();
    socket
        .arrived
        .borrow_mut()
        .extend((0..100).map(|_| (at(1), b"hi".to_vec())));
    engine.on_ready(id, true, false, false);
    engine.on_turn();
    assert_eq!(mail.shown.take().len(), 2 * RECEIVES);
}

#[test]
fn a_failed_port_is_watched_again() {
    let engine = engine();
    let (mail, id, socket) = engine.mail();
    engine.port(id, |port| port.receive(true)).unwrap().unwrap();
    let watches = socket.watches.get();
    socket.error.set(Some(Errno(-111)));
    engine.on_ready(id, false, false, true);
    engine.on_turn();
    assert_eq!(mail.shown.take(), ["failed -111"]);
    assert_eq!(
        (socket.watched.get(), socket.watches.get()),
        ((true, false), watches + 1)
    );
}

#[test]
fn a_closed_port_has_sent_what_it_could_and_says_what_it_could_not() {
    let engine = engine();
    let (mail, id, socket) = engine.mail();
    socket.room.set(1);
    for text in ["a", "b"] {
        engine.post(id, To::Address(at(1)), true, text).unwrap();
    }
    engine.close(id, false).unwrap();
    assert_eq!(sent(&socket), [(1, "a".into())]);
    assert_eq!(engine.post(id, To::Again, false, "c"), Err(Errno::EBADF));
    assert_eq!(engine.close(id, false), Err(Errno::EBADF));
    engine.on_wait();
    assert_eq!(
        mail.shown.take(),
        ["sent 0".into(), format!("sent {}", Errno::ECANCELED.0)]
    );
    engine.on_closed(id);
    assert_eq!(engine.told(), [format!("Close({id})")]);
    assert_eq!(engine.slots_in_use(), 0);
}

#[test]
fn a_port_is_no_connection_and_the_other_way_round() {
    let engine = engine();
    let (_, port, _) = engine.mail();
    let connection = engine.open();
    assert_eq!(engine.text(port, "x"), Errno::EINVAL.0);
    assert_eq!(engine.stream(port, |_| Ok(())), Err(Errno::EINVAL));
    assert_eq!(engine.any_stream(port, |_| Ok(())), Err(Errno::EINVAL));
    assert_eq!(engine.post(connection, To::Connected, false, "x"), Err(Errno::EINVAL));
}
