//! The engine on a scripted loop, whatever is asked of it and reported to it, also from inside what it tells: every byte reaches its peer
//! once and in order, whoever was told to wait is told to go on, a connection is closed once and never heard of again.
#![no_main]

use ironwire::engine::{Engine, Event, FileRange, FileRead, Host, Protocol, Sent, Transport};
use ironwire::errno::Errno;
use libfuzzer_sys::fuzz_target;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};

const EPIPE: Errno = Errno(-32);
/// Connections and listeners at a time.
const MOST: usize = 6;
/// How deep the listener calls back into the engine.
const DEPTH: usize = 3;

#[derive(Default)]
struct Wire {
    /// Bytes that the kernel takes at once.
    room: Cell<usize>,
    taken: RefCell<Vec<u8>>,
    queued: RefCell<Option<Vec<u8>>>,
    broken: Cell<bool>,
    shut: Cell<bool>,
    /// What the engine was given for the peer.
    given: RefCell<Vec<u8>>,
    /// Something went wrong: not everything leaves.
    failed: Cell<bool>,
    /// The engine has promised to tell of a drain.
    awaited: Cell<bool>,
    ending: Cell<bool>,
    /// How often the engine has told of its close.
    closed: Cell<u32>,
    closing: Cell<bool>,
    is_listener: Cell<bool>,
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

impl Transport for Stream {
    fn try_write(&self, parts: &[&[u8]], _more: bool) -> Result<usize, Errno> {
        assert!(!parts.is_empty() && parts.iter().all(|part| !part.is_empty()));
        assert!(self.wire.queued.borrow().is_none(), "overtakes a queued write");
        assert!(!self.wire.shut.get(), "behind the end");
        if self.wire.broken.get() {
            self.wire.failed.set(true);
            return Err(EPIPE);
        }
        let bytes = parts.concat();
        let count = bytes.len().min(self.wire.room.get());
        self.wire.room.set(self.wire.room.get() - count);
        self.wire.taken.borrow_mut().extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn send_file(&self, _range: &mut FileRange, _share: u64) -> Result<Sent, Errno> {
        unreachable!("no input appends files yet")
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

    fn reset(self) -> Result<(), Errno> {
        Ok(())
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
    echo: Rc<Echo>,
    depth: Cell<usize>,
    waits: Cell<bool>,
    turns: Cell<bool>,
}

impl Host for Script {
    type Transport = Stream;

    fn accept(&self, _listener: &Stream, id: u32) -> Result<Stream, Errno> {
        let stream = self.stream(id);
        if self.byte() & 7 == 0 {
            Err(Errno::EMFILE)
        } else {
            Ok(stream)
        }
    }

    fn read_file(_engine: &Engine<Script>, _id: u32, _read: FileRead) -> Result<(), Errno> {
        unreachable!("no input appends files yet")
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
        | Event::Close(id)) = event;
        let wire = self.wire(id);
        assert_eq!(wire.closed.get(), 0, "told of one that is closed");
        match event {
            Event::Connection(_, Ok(id)) => self.open.borrow_mut().push(id),
            Event::Drain(_) => wire.awaited.set(false),
            Event::WriteError(..) => assert!(wire.failed.replace(true) || wire.closing.get()),
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
            _ => assert!(wire.failed.get(), "{status}"),
        }
    }

    fn append(&self, engine: &Engine<Script>, id: u32, bytes: &[u8]) {
        let wire = self.wire(id);
        if wire.ending.get() || wire.closing.get() || wire.is_listener.get() {
            return;
        }
        wire.given.borrow_mut().extend_from_slice(bytes);
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
        match act % 12 {
            0 | 1 => self.append(engine, id, &payload()),
            2 if usable && !wire.ending.get() => {
                let bytes = payload();
                wire.given.borrow_mut().extend_from_slice(&bytes);
                let status = engine.write_large(id, &bytes);
                self.written(id, status);
            }
            3 => wire.room.set(if size == 0xff { usize::MAX } else { usize::from(size) }),
            4 => {
                let flushed = engine.flush(id);
                assert!(flushed.is_ok() || !usable || wire.failed.get());
            }
            5 => engine.flush_all(),
            6 if usable => {
                wire.ending.set(true);
                let ended = engine.end(id);
                assert!(ended.is_ok() || wire.failed.get());
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
        let picked = {
            let open = self.open.borrow();
            open.get(usize::from(which) % open.len().max(1)).copied()
        };
        let Some(id) = picked else { return };
        let wire = self.wire(id);
        if wire.closing.get() {
            return self.turn(engine);
        }
        match what % 7 {
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
            wire.taken.borrow_mut().extend_from_slice(&bytes);
            self.reports.borrow_mut().push_back(Report::Written(id, Ok(())));
        }
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
            let (given, taken) = (wire.given.borrow(), wire.taken.borrow());
            assert!(given.starts_with(&taken), "out of order");
            if let Ok(waiting) = engine.connection(id, |connection| connection.queued())
                && !wire.failed.get()
            {
                assert_eq!(taken.len() as u64 + waiting, given.len() as u64, "lost");
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let engine = Rc::new_cyclic(|engine| {
        Engine::new(Script {
            engine: engine.clone(),
            input: RefCell::new(data.iter().copied().collect()),
            reports: Reports::default(),
            wires: RefCell::default(),
            open: RefCell::default(),
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

    // The kernel takes everything from here on.
    for _ in 0..4 {
        for (&id, wire) in &*script.wires.borrow() {
            wire.room.set(usize::MAX);
            if !wire.closing.get() {
                script.take_queued(id, wire);
            }
        }
        script.turn(&engine);
    }
    script.check(&engine);
    let open: Vec<u32> = script.open.borrow().clone();
    for &id in &open {
        let wire = script.wire(id);
        if wire.closing.get() || wire.failed.get() || wire.is_listener.get() {
            continue;
        }
        assert_eq!(*wire.taken.borrow(), *wire.given.borrow());
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
});
