//! The engine on a scripted loop, whatever is asked of it and reported to it, also from inside what it tells: every byte, those of files
//! included, reaches its peer once and in order, whoever was told to wait is told to go on, what fails is told, a connection is closed once
//! and never heard of again.
#![no_main]

use ironwire::engine::{Batch, Datagrams, Engine, Event, FileRange, FileRead, Host, Protocol, Sent, Sink, Transport};
use ironwire::errno::Errno;
use libfuzzer_sys::fuzz_target;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::rc::{Rc, Weak};
use std::sync::{Arc, LazyLock};

const EPIPE: Errno = Errno(-32);
/// Connections and listeners at a time.
const MOST: usize = 6;
/// How deep the listener calls back into the engine.
const DEPTH: usize = 3;
/// Bytes that one connection is given, about.
const GIVEN: usize = 4 << 20;
/// Bytes of a file that leave in one call below, at most.
const PIECE: u64 = 40_000;
/// Bytes of a file that are queued, at most.
const BLOCK: usize = 100;

/// Bytes of the file that is sent: more than are read at a time where the transport sends no files.
const SIZE: u64 = 150_000;

/// The file that is sent, open for reading, and a way to change it. Nobody else finds it.
static FILE: LazyLock<(Arc<File>, File)> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("ironwire-fuzz-engine-{}", std::process::id()));
    let writer = File::create(&path).unwrap();
    let reader = File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    (Arc::new(reader), writer)
});

/// What is at `range` of the file, or would be if it were as long.
fn content(range: std::ops::Range<u64>) -> Vec<u8> {
    range.map(|at| (at * 7 + at / 256) as u8).collect()
}

/// Has the file be `length` bytes long.
fn resize(length: u64) {
    let file = &FILE.1;
    let before = file.metadata().unwrap().len();
    file.set_len(length.min(before)).unwrap();
    if before < length {
        file.write_all_at(&content(before..length), before).unwrap();
    }
}

#[derive(Default)]
struct Wire {
    /// Bytes that the kernel takes at once.
    room: Cell<usize>,
    /// Bytes of files that are in memory, of those to be sent.
    warm: Cell<u64>,
    /// It sends no files.
    unable: Cell<bool>,
    /// The next thing to be sent is a file.
    announced: Cell<bool>,
    queued: RefCell<Option<Vec<u8>>>,
    broken: Cell<bool>,
    shut: Cell<bool>,
    /// What the engine was given for the peer.
    given: RefCell<Vec<u8>>,
    /// How much of that has reached it.
    taken: Cell<usize>,
    /// Something went wrong: not everything leaves.
    failed: Cell<bool>,
    /// Which the engine has told.
    told: Cell<bool>,
    /// The engine has promised to tell of a drain.
    awaited: Cell<bool>,
    ending: Cell<bool>,
    /// How often the engine has told of its close.
    closed: Cell<u32>,
    closing: Cell<bool>,
    is_listener: Cell<bool>,
}

impl Wire {
    /// The peer gets `bytes`.
    fn take(&self, bytes: &[u8]) {
        let taken = self.taken.get();
        assert!(self.given.borrow()[taken..].starts_with(bytes), "out of order");
        self.taken.set(taken + bytes.len());
    }

    /// The kernel takes `bytes`, as far as it has room; returns how many those are.
    fn offer(&self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.room.get());
        self.room.set(self.room.get() - count);
        self.take(&bytes[..count]);
        count
    }

    /// Notes a failure, which the engine has to tell.
    fn fail<T>(&self, error: Errno) -> Result<T, Errno> {
        self.failed.set(true);
        Err(error)
    }

    fn may_send(&self) {
        assert!(self.queued.borrow().is_none(), "overtakes a queued write");
        assert!(!self.shut.get(), "behind the end");
    }
}

enum Report {
    Written(u32, Result<(), Errno>),
    Shutdown(u32),
    Closed(u32),
}

type Reports = Rc<RefCell<VecDeque<Report>>>;

struct Stream {
    id: u32,
    wire: Rc<Wire>,
    reports: Reports,
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut reports = self.reports.borrow_mut();
        // As in libuv: what is queued ends first, cancelled.
        if self.wire.queued.take().is_some() {
            reports.push_back(Report::Written(self.id, Err(Errno::ECANCELED)));
        }
        reports.push_back(Report::Closed(self.id));
    }
}

impl Sink for Stream {
    fn try_write(&self, parts: &[&[u8]], more: bool) -> Result<usize, Errno> {
        assert!(!parts.is_empty() && parts.iter().all(|part| !part.is_empty()));
        self.wire.may_send();
        assert!(!self.wire.announced.get(), "a file was announced and did not follow");
        if self.wire.broken.get() {
            return self.wire.fail(EPIPE);
        }
        self.wire.announced.set(more);
        Ok(self.wire.offer(&parts.concat()))
    }

    fn send_file(&self, range: &mut FileRange, share: u64) -> Result<Sent, Errno> {
        let wire = &self.wire;
        wire.may_send();
        wire.announced.set(false);
        if wire.broken.get() {
            return wire.fail(EPIPE);
        }
        if wire.unable.get() {
            return Ok(Sent::Unable);
        }
        // In pieces, so that an error can come behind what has left.
        let mut share = share;
        while range.left() > 0 && share > 0 && wire.warm.get() > 0 && wire.room.get() > 0 {
            let most = share.min(wire.warm.get()).min(PIECE);
            let count = wire.offer(&range.read(most as usize).or_else(|error| wire.fail(error))?) as u64;
            range.advance(count);
            wire.warm.set(wire.warm.get() - count);
            share -= count;
        }
        if range.left() == 0 {
            return Ok(Sent::Whole);
        }
        if wire.warm.get() == 0 {
            return Ok(Sent::Cold);
        }
        let block = range.read(BLOCK).or_else(|error| wire.fail(error))?;
        let length = block.len();
        range.advance(length as u64);
        self.write(vec![block])?;
        Ok(Sent::Queued(length))
    }

    fn write(&self, parts: Vec<bytes::Bytes>) -> Result<(), Errno> {
        assert!(!parts.is_empty() && parts.iter().all(|part| !part.is_empty()));
        assert!(!self.wire.shut.get(), "behind the end");
        let queued = self.wire.queued.replace(Some(parts.concat()));
        assert!(queued.is_none(), "more than one write is queued");
        Ok(())
    }

    fn queued(&self) -> usize {
        self.wire.queued.borrow().as_ref().map_or(0, Vec::len)
    }

    fn shutdown(&self) -> Result<(), Errno> {
        assert!(!self.wire.shut.replace(true), "ended twice");
        self.reports.borrow_mut().push_back(Report::Shutdown(self.id));
        Ok(())
    }
}

impl Transport for Stream {
    fn reset(self) -> Result<(), Errno> {
        Ok(())
    }
}

/// There are no ports here: what waits in them has property tests of its own.
enum Nothing {}

impl Datagrams for Nothing {
    fn receive(&self, _each: &mut dyn FnMut(SocketAddr, &[u8])) -> Result<bool, Errno> {
        match *self {}
    }

    fn send(&self, _batch: &Batch<'_>) -> Result<usize, Errno> {
        match *self {}
    }

    fn watch(&self, _readable: bool, _writable: bool, _again: bool) -> Result<(), Errno> {
        match *self {}
    }
}

/// The host, which does with the engine what the input says.
struct Script {
    engine: Weak<Engine<Script>>,
    input: RefCell<VecDeque<u8>>,
    reports: Reports,
    /// Every connection and listener that there was.
    wires: RefCell<HashMap<u32, Rc<Wire>>>,
    /// Those that are not closed.
    open: RefCell<Vec<u32>>,
    /// What is being read of files.
    reads: RefCell<Vec<(u32, FileRead)>>,
    echo: Rc<Echo>,
    depth: Cell<usize>,
    waits: Cell<bool>,
    turns: Cell<bool>,
}

impl Host for Script {
    type Transport = Stream;
    type Datagrams = Nothing;

    fn hurry(&self, wanted: bool) {
        assert!(!wanted, "no port has sent anything");
    }

    fn accept(&self, _listener: &Stream, id: u32) -> Result<Stream, Errno> {
        let stream = self.stream(id);
        if self.byte() & 7 == 0 {
            Err(Errno::EMFILE)
        } else {
            Ok(stream)
        }
    }

    fn read_file(engine: &Engine<Script>, id: u32, read: FileRead) -> Result<(), Errno> {
        let script = engine.host();
        let wire = script.wire(id);
        wire.may_send();
        assert!(read.length > 0 && read.range.left() > 0);
        if script.byte() & 15 == 15 {
            return wire.fail(Errno::EMFILE);
        }
        let mut reads = script.reads.borrow_mut();
        assert!(reads.iter().all(|&(other, _)| other != id), "one at a time");
        reads.push((id, read));
        Ok(())
    }

    fn report_wait(&self, wanted: bool) {
        self.waits.set(wanted);
    }

    fn report_turn(&self, wanted: bool) {
        self.turns.set(wanted);
    }

    fn tell(&self, event: Event<'_>) {
        let (Event::Connection(id, _)
        | Event::Connected(id, _)
        | Event::Read(id, _)
        | Event::Drain(id)
        | Event::WriteError(id, _)
        | Event::Shutdown(id, _)
        | Event::Close(id)
        | Event::Unanswered(id)
        | Event::Hello(id)
        | Event::Secured(id)
        | Event::Insecure(id, _)
        | Event::Keys(id, _)
        | Event::Session(id, _)) = event;
        let wire = self.wire(id);
        assert_eq!(wire.closed.get(), 0, "told of one that is closed");
        match event {
            Event::Connection(_, Ok(id)) => self.open.borrow_mut().push(id),
            Event::Drain(_) => assert!(wire.awaited.replace(false), "nobody waits for it"),
            Event::WriteError(..) => {
                wire.told.set(true);
                assert!(wire.failed.get() || wire.closing.get());
            }
            Event::Close(_) => {
                assert!(wire.closing.get(), "nobody has closed it");
                wire.closed.set(1);
                self.open.borrow_mut().retain(|&open| open != id);
            }
            _ => {}
        }
        if self.depth.get() < DEPTH {
            self.depth.set(self.depth.get() + 1);
            let engine = self.engine.upgrade().expect("the engine tells it");
            for _ in 0..self.byte() & 3 {
                self.ask(&engine);
            }
            self.depth.set(self.depth.get() - 1);
        }
    }

    fn guard(&self, body: impl FnOnce()) {
        body();
    }
}

/// Gathers what connections receive, and gives it back when it is shown.
#[derive(Default)]
struct Echo {
    gathered: RefCell<Vec<u32>>,
}

struct Heard(Vec<u8>);

impl Protocol<Script> for Echo {
    fn read(&self, engine: &Engine<Script>, id: u32, bytes: &[u8]) {
        engine.state(id, |heard: &mut Heard| heard.0.extend_from_slice(bytes));
        self.gathered.borrow_mut().push(id);
        engine.gather();
    }

    fn answers(&self) -> bool {
        self.gathered.borrow().len() % 2 == 0
    }

    fn tick(&self, engine: &Engine<Script>) {
        for id in self.gathered.take() {
            if let Some(bytes) = engine.state(id, |heard: &mut Heard| std::mem::take(&mut heard.0)) {
                engine.host().append(engine, id, &bytes);
                engine.tell(Event::Read(id, Ok(&bytes)));
            }
        }
    }
}

impl Script {
    fn byte(&self) -> u8 {
        self.input.borrow_mut().pop_front().unwrap_or(0)
    }

    fn stream(&self, id: u32) -> Stream {
        let wire = Rc::new(Wire::default());
        wire.room.set(usize::MAX);
        wire.warm.set(u64::MAX);
        let before = self.wires.borrow_mut().insert(id, wire.clone());
        assert!(before.is_none(), "an id comes again");
        Stream {
            id,
            wire,
            reports: self.reports.clone(),
        }
    }

    fn wire(&self, id: u32) -> Rc<Wire> {
        self.wires.borrow()[&id].clone()
    }

    /// Looks at what a write has returned.
    fn written(&self, id: u32, status: i32) {
        let wire = self.wire(id);
        match status {
            0 => {}
            1 => wire.awaited.set(true),
            _ => self.refused(&wire),
        }
    }

    /// A call has failed.
    fn refused(&self, wire: &Wire) {
        assert!(wire.failed.get());
        wire.told.set(true);
    }

    /// Notes that `bytes` are going to be written to a connection; whether they may be.
    fn give(&self, id: u32, bytes: &[u8]) -> bool {
        let wire = self.wire(id);
        let mut given = wire.given.borrow_mut();
        if wire.ending.get() || wire.closing.get() || wire.is_listener.get() || given.len() > GIVEN {
            return false;
        }
        given.extend_from_slice(bytes);
        true
    }

    fn append(&self, engine: &Engine<Script>, id: u32, bytes: &[u8]) {
        if !self.give(id, bytes) {
            return;
        }
        let status = engine.append(id, |out| {
            out.extend_from_slice(bytes);
            Ok::<_, ()>(())
        });
        self.written(id, status.expect("it is not refused"));
    }

    /// Asks the engine for something, as JavaScript would.
    fn ask(&self, engine: &Engine<Script>) {
        let (act, which, size) = (self.byte(), self.byte(), self.byte());
        let picked = {
            let open = self.open.borrow();
            open.get(usize::from(which) % open.len().max(1)).copied()
        };
        let Some(id) = picked else {
            return self.insert(engine, false);
        };
        let wire = self.wire(id);
        let usable = !wire.closing.get() && !wire.is_listener.get();
        let payload = || {
            vec![
                size;
                if which & 0x80 == 0 {
                    usize::from(size) + 1
                } else {
                    300 * usize::from(size)
                }
            ]
        };
        match act % 17 {
            0 | 1 => self.append(engine, id, &payload()),
            2 => {
                let bytes = payload();
                if self.give(id, &bytes) {
                    self.written(id, engine.write_large(id, &bytes));
                }
            }
            3 => wire.room.set(if size == 0xff { usize::MAX } else { usize::from(size) }),
            4 => {
                if engine.flush(id).is_err() && usable {
                    self.refused(&wire);
                }
            }
            5 => engine.flush_all(),
            6 if usable => {
                wire.ending.set(true);
                if engine.end(id).is_err() {
                    self.refused(&wire);
                }
            }
            7 => {
                let closed = engine.close(id, size & 1 == 1);
                assert_eq!(closed.is_ok(), !wire.closing.replace(true));
            }
            8 => self.insert(engine, size & 3 == 0),
            9 => {
                let refused = engine.append(id, |out| {
                    out.extend_from_slice(&payload());
                    Err::<(), _>(())
                });
                assert!(refused.is_err() || !usable);
            }
            10 if usable => {
                let echo = self.echo.clone();
                let speaks = engine.connection(id, |connection| match connection.hush::<Heard>() {
                    Some(_) => false,
                    None => {
                        connection.speak(echo, Heard(Vec::new()));
                        true
                    }
                });
                assert!(speaks.is_ok());
            }
            11 => drop(engine.connect(id, |_| if size & 1 == 0 { Ok(()) } else { Err(Errno::EINVAL) })),
            12 | 13 => {
                // Some reach beyond the end.
                let (start, length) = (u64::from(self.byte()) * 600, payload().len() as u64 * 3);
                if self.give(id, &content(start..start + length)) {
                    let range = FileRange::new(FILE.0.clone(), start..start + length);
                    self.written(id, engine.append_file(id, range));
                }
            }
            14 => {
                let bytes = payload();
                if self.give(id, &bytes) {
                    self.written(id, engine.share(id, bytes.into()));
                }
            }
            15 => wire
                .warm
                .set(if size == 0xff { u64::MAX } else { 100 * u64::from(size) }),
            16 => wire.unable.set(size & 1 == 1),
            _ => {}
        }
    }

    fn insert(&self, engine: &Engine<Script>, listener: bool) {
        if self.open.borrow().len() >= MOST {
            return;
        }
        let make = |id| Ok(self.stream(id));
        let id = if listener {
            engine.insert_listener(make)
        } else {
            engine.insert_connection(make)
        };
        let id = id.expect("there is room");
        self.wire(id).is_listener.set(listener);
        self.open.borrow_mut().push(id);
    }

    /// Something happens below.
    fn happen(&self, engine: &Engine<Script>) {
        let (what, which, size) = (self.byte(), self.byte(), self.byte());
        match what % 10 {
            7 | 8 => return self.read(engine, which.into(), size),
            9 => return resize(SIZE.min(u64::from(size) * 1000)),
            _ => {}
        }
        let picked = {
            let open = self.open.borrow();
            open.get(usize::from(which) % open.len().max(1)).copied()
        };
        let Some(id) = picked else { return };
        let wire = self.wire(id);
        if wire.closing.get() {
            return self.turn(engine);
        }
        match what % 10 {
            _ if wire.is_listener.get() => {
                let result = if size & 15 == 15 { Err(Errno::EMFILE) } else { Ok(()) };
                engine.on_connection(id, result);
            }
            0 | 1 => engine.on_read(id, Ok(&vec![size; usize::from(size) + 1])),
            2 => engine.on_read(id, Err(if size & 1 == 0 { Errno::EOF } else { EPIPE })),
            3 => self.take_queued(id, &wire),
            4 => {
                wire.broken.set(true);
                if wire.queued.take().is_some() {
                    wire.failed.set(true);
                    self.reports.borrow_mut().push_back(Report::Written(id, Err(EPIPE)));
                }
            }
            5 => engine.on_connected(id, if size & 1 == 0 { Ok(()) } else { Err(EPIPE) }),
            _ => self.turn(engine),
        }
    }

    fn take_queued(&self, id: u32, wire: &Wire) {
        if let Some(bytes) = wire.queued.take() {
            wire.take(&bytes);
            self.reports.borrow_mut().push_back(Report::Written(id, Ok(())));
        }
    }

    /// One of the reads of files ends; of a connection that may be closed.
    fn read(&self, engine: &Engine<Script>, which: usize, how: u8) {
        let (id, read) = {
            let mut reads = self.reads.borrow_mut();
            if reads.is_empty() {
                return;
            }
            let at = which % reads.len();
            reads.swap_remove(at)
        };
        let wire = self.wire(id);
        let result = if how == 0xff { Err(Errno::EIO) } else { read.run() };
        match &result {
            Err(_) => wire.failed.set(true),
            Ok(bytes) if read.keep => assert_eq!(bytes.len(), read.range.at_most(read.length)),
            // Some of it may be gone from memory again.
            Ok(_) => wire.warm.set(read.length as u64 >> (how & 31)),
        }
        engine.on_file_read(id, result);
    }

    /// One turn of the loop.
    fn turn(&self, engine: &Engine<Script>) {
        loop {
            let report = self.reports.borrow_mut().pop_front();
            match report {
                Some(Report::Written(id, result)) => engine.on_written(id, result),
                Some(Report::Shutdown(id)) => engine.on_shutdown(id, Ok(())),
                Some(Report::Closed(id)) => engine.on_closed(id),
                None => break,
            }
        }
        if self.turns.get() {
            engine.on_turn();
        }
        if self.waits.get() {
            engine.on_wait();
        }
    }

    fn check(&self, engine: &Engine<Script>) {
        for (&id, wire) in &*self.wires.borrow() {
            // A broken one loses what was queued.
            if let Ok(waiting) = engine.connection(id, |connection| connection.queued())
                && !wire.broken.get()
            {
                assert_eq!(
                    wire.taken.get() as u64 + waiting,
                    wire.given.borrow().len() as u64,
                    "lost"
                );
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    resize(SIZE);
    let engine = Rc::new_cyclic(|engine| {
        Engine::new(Script {
            engine: engine.clone(),
            input: RefCell::new(data.iter().copied().collect()),
            reports: Reports::default(),
            wires: RefCell::default(),
            open: RefCell::default(),
            reads: RefCell::default(),
            echo: Rc::default(),
            depth: Cell::new(0),
            waits: Cell::new(false),
            turns: Cell::new(false),
        })
    });
    let script = engine.host();
    engine.add_protocol(script.echo.clone());
    script.insert(&engine, false);
    while !script.input.borrow().is_empty() {
        if script.byte() & 1 == 0 {
            script.ask(&engine);
        } else {
            script.happen(&engine);
        }
        script.check(&engine);
    }

    // The kernel takes everything from here on, and no disk is slow.
    resize(SIZE);
    let mut goes_on = true;
    while goes_on {
        for (&id, wire) in &*script.wires.borrow() {
            wire.room.set(usize::MAX);
            wire.warm.set(u64::MAX);
            if !wire.closing.get() {
                script.take_queued(id, wire);
            }
        }
        script.turn(&engine);
        goes_on = !script.reports.borrow().is_empty() || !script.reads.borrow().is_empty() || script.waits.get();
        while !script.reads.borrow().is_empty() {
            script.read(&engine, 0, 0);
        }
        goes_on |= script
            .wires
            .borrow()
            .values()
            .any(|wire| wire.queued.borrow().is_some());
    }
    script.check(&engine);
    let open: Vec<u32> = script.open.borrow().clone();
    for &id in &open {
        let wire = script.wire(id);
        if wire.closing.get() || wire.is_listener.get() {
            continue;
        }
        if wire.failed.get() {
            assert!(wire.told.get(), "nobody was told");
            continue;
        }
        assert_eq!(wire.taken.get(), wire.given.borrow().len());
        assert!(!wire.awaited.get(), "a drain was promised");
        assert_eq!(wire.shut.get(), wire.ending.get());
    }
    for id in open {
        let wire = script.wire(id);
        if !wire.closing.replace(true) {
            assert_eq!(engine.close(id, false), Ok(()));
        }
    }
    script.turn(&engine);
    assert!(script.open.borrow().is_empty());
    assert_eq!(engine.slots_in_use(), 0);
    assert_eq!(Arc::strong_count(&FILE.0), 1, "it is kept open");
});
