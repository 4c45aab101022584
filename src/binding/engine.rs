//! The engine of one Node environment: every connection and listener, where received bytes go, when written bytes leave.
//!
//! Everything runs on the environment's thread, inside libuv's callbacks or calls from JavaScript. JavaScript can call back into
//! the engine from any callback, so no borrow of the slot table is ever held while JavaScript runs.
//!
//! Writes gather in a connection's [`Out`] and leave together: at the end of the read event that caused them, or before the loop
//! waits for I/O, whichever comes first.

use super::http::{self, Http};
use super::http_client::{self, Client};
use super::raw::{Args, Callbacks, Env, Functions, Outcome, Teardown, Value};
use super::rpc::{self, Frames};
use super::slab::{self, Slab};
use crate::rpc::Splitter;
use crate::slots::Slots;
use crate::uv::{Errno, Events, Hook, Loop, Stream};
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

/// The JavaScript functions that the engine calls, in the order of [`CALLBACKS`].
#[derive(Clone, Copy)]
pub enum Callback {
    /// `(listenerId, connectionId | errno)`
    Connection,
    /// `(id, 0 | errno)`
    Connected,
    /// `(id, length | errno, ArrayBuffer | Buffer, offset | -1 for a Buffer)`
    Read,
    /// `(id, count, ArrayBuffer)`: so many records are in the table of frames.
    Frames,
    /// `(id)`: everything written has left.
    Drain,
    /// `(id, errno)`: a write failed.
    WriteError,
    /// `(id, 0 | errno)`: our side is ended.
    Shutdown,
    /// `(id)`: the handle is closed, the id stale.
    Close,
}

const CALLBACKS: [&str; 8] = [
    "onConnection",
    "onConnected",
    "onRead",
    "onFrames",
    "onDrain",
    "onWriteError",
    "onShutdown",
    "onClose",
];

/// Pending output that is written at once instead of at the end of the turn: a socket buffer's worth, beyond which gathering
/// saves nothing.
const FLUSH_AT: usize = 64 * 1024;

/// From this size on a chunk is offered to the kernel where it lies in JavaScript's memory instead of being gathered.
const LARGE_WRITE: usize = 16 * 1024;

/// Tokens above every slot id.
const PREPARE_TOKEN: u32 = u32::MAX;
const CHECK_TOKEN: u32 = u32::MAX - 1;

/// What a connection does with the bytes it reads.
pub enum Protocol {
    /// Hands them to JavaScript as they come.
    Raw,
    /// Splits them into RPC frames.
    Frames(Box<Splitter>),
    /// Parses requests and hands those to JavaScript.
    Http(Box<Http>),
    /// Parses responses and hands those to JavaScript.
    Client(Box<Client>),
}

/// Output of one connection.
#[derive(Default)]
pub struct Out {
    /// Not given to libuv yet.
    pub pending: Vec<u8>,
    /// Bytes of the one queued write: the kernel did not take them at once.
    in_flight: usize,
    /// JavaScript waits for [`Callback::Drain`].
    drain_wanted: bool,
    /// Our side ends once `pending` is written.
    shutdown_wanted: bool,
    /// Our side was told to end, once and for all.
    ended: bool,
    /// Whether the connection is in [`Engine::dirty`].
    dirty: bool,
}

/// A connected (or connecting) stream.
pub struct Connection {
    stream: Stream,
    /// Gathered output.
    pub out: Out,
    /// What reads do.
    pub protocol: Protocol,
    /// A connect was asked for: there is no second.
    connecting: bool,
    /// Bytes received.
    pub received: u64,
    /// Bytes taken from JavaScript to be sent.
    pub sent: u64,
}

impl Connection {
    fn new(stream: Stream) -> Connection {
        Connection {
            stream,
            out: Out::default(),
            protocol: Protocol::Raw,
            connecting: false,
            received: 0,
            sent: 0,
        }
    }

    /// Gives pending output to the kernel, and to libuv what the kernel does not take. One write is queued at a time.
    fn flush(&mut self) -> Result<(), Errno> {
        let out = &mut self.out;
        if out.in_flight > 0 {
            return Ok(());
        }
        if !out.pending.is_empty() {
            let written = self.stream.try_write(&out.pending)?;
            if written == out.pending.len() {
                out.pending.clear();
                out.pending.shrink_to(FLUSH_AT);
            } else {
                let mut rest = std::mem::take(&mut out.pending);
                rest.drain(..written);
                out.in_flight = rest.len();
                self.stream.write(rest)?;
            }
        }
        if out.shutdown_wanted {
            out.shutdown_wanted = false;
            // libuv ends our side after the write that is still queued.
            self.stream.shutdown()?;
        }
        Ok(())
    }

    /// Writes bytes that lie in JavaScript's memory, copying only what the kernel does not take.
    fn write_large(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.sent += bytes.len() as u64;
        self.flush()?;
        let written = if self.out.in_flight == 0 {
            self.stream.try_write(bytes)?
        } else {
            0
        };
        self.out.pending.extend_from_slice(&bytes[written..]);
        if written < bytes.len() { self.flush() } else { Ok(()) }
    }

    /// Bytes written that the kernel has not taken.
    pub fn queued(&self) -> usize {
        self.out.pending.len() + self.stream.queued()
    }

    /// 1 when JavaScript is to wait for a drain before it writes more, else 0.
    fn backlog(&mut self) -> i32 {
        self.out.drain_wanted |= self.out.in_flight > 0;
        i32::from(self.out.drain_wanted)
    }
}

/// A listening stream.
pub struct Listener {
    stream: Rc<Stream>,
}

enum Slot {
    Listener(Listener),
    Connection(Box<Connection>),
    /// Dropped; libuv has not reported it closed yet.
    Closing,
}

/// See the module's documentation.
pub struct Engine {
    env: Env,
    uv: OnceCell<Loop>,
    slots: RefCell<Slots<Slot>>,
    callbacks: Callbacks<{ CALLBACKS.len() }>,
    /// Where raw received bytes go.
    inbox: RefCell<Slab>,
    /// Where RPC frames are laid out, once `lib/rpc` has asked for it.
    pub frames: RefCell<Option<Frames>>,
    /// What HTTP connections share.
    pub(super) http: RefCell<http::Scratch>,
    /// What HTTP clients share.
    pub(super) client: RefCell<http_client::Scratch>,
    /// Connections with output to flush before the loop waits.
    dirty: RefCell<Vec<u32>>,
    prepare: RefCell<Option<Hook>>,
    /// Runs after the last read of a turn, while received bytes wait for it.
    check: RefCell<Option<Hook>>,
    /// The connection whose read event runs: its output is flushed at the event's end.
    reading: Cell<Option<u32>>,
    /// Held from the environment's end until the last handle is closed.
    teardown: RefCell<Option<(Teardown, Release)>>,
}

/// Frees what the native functions point to.
type Release = Box<dyn FnOnce()>;

/// Makes the environment's engine and the object of its native functions.
pub fn start(env: Env, callbacks: Value, register: impl FnOnce(&mut Functions<Engine>)) -> Option<Value> {
    let engine = Rc::new(Engine {
        env,
        uv: OnceCell::new(),
        slots: RefCell::default(),
        callbacks: Callbacks::new(env, callbacks, CALLBACKS),
        inbox: RefCell::default(),
        frames: RefCell::default(),
        http: RefCell::default(),
        client: RefCell::default(),
        dirty: RefCell::default(),
        prepare: RefCell::default(),
        check: RefCell::default(),
        reading: Cell::new(None),
        teardown: RefCell::default(),
    });
    let events: Weak<Engine> = Rc::downgrade(&engine);
    let uv = env.uv(events)?;
    engine.prepare.replace(Hook::prepare(&uv, PREPARE_TOKEN).ok());
    engine.check.replace(Hook::check(&uv, CHECK_TOKEN).ok());
    engine.uv.set(uv).ok()?;

    let mut functions = Functions::new(env, engine.clone());
    register(&mut functions);
    let (object, release) = functions.finish();
    env.on_teardown(move |teardown| engine.close_all(teardown, Box::new(release)));
    Some(object)
}

impl Engine {
    /// The environment that the engine works for.
    pub fn env(&self) -> Env {
        self.env
    }

    /// The loop that every handle lives on.
    pub fn uv(&self) -> Result<&Loop, Errno> {
        self.uv.get().ok_or(Errno::EBADF)
    }

    /// Calls a JavaScript function; an exception in it goes to `uncaughtException` and `false` comes back.
    pub fn call<const A: usize>(&self, callback: Callback, arguments: impl FnOnce(Env) -> [Value; A]) -> bool {
        // What was received before this comes before it.
        http::handle_reads(self);
        self.callbacks.call(callback as usize, arguments)
    }

    /// Copies received bytes to where JavaScript sees them for good; returns the `ArrayBuffer` and the offset.
    pub fn place(&self, bytes: &[u8]) -> Option<(Value, usize)> {
        let mut inbox = self.inbox.borrow_mut();
        inbox.reserve(self.env, bytes.len())?;
        let offset = inbox.offset();
        inbox.push(bytes);
        inbox.align();
        Some((inbox.value(self.env), offset))
    }

    /// Runs `code` on a connection; `EBADF` for a stale id, `EINVAL` for a listener's. JavaScript must not run inside.
    pub fn connection<T>(&self, id: u32, code: impl FnOnce(&mut Connection) -> T) -> Result<T, Errno> {
        match self.slots.borrow_mut().get_mut(id) {
            Some(Slot::Connection(connection)) => Ok(code(connection)),
            Some(Slot::Listener(_)) => Err(Errno::EINVAL),
            _ => Err(Errno::EBADF),
        }
    }

    /// Runs `code` on the stream of a connection.
    pub fn stream<T>(&self, id: u32, code: impl FnOnce(&Stream) -> Result<T, Errno>) -> Result<T, Errno> {
        self.connection(id, |connection| code(&connection.stream))?
    }

    /// Starts to connect a connection's stream.
    pub fn connect(&self, id: u32, start: impl FnOnce(&Stream) -> Result<(), Errno>) -> Result<(), Errno> {
        self.connection(id, |connection| {
            if connection.connecting {
                return Err(Errno::EALREADY);
            }
            start(&connection.stream)?;
            connection.connecting = true;
            Ok(())
        })?
    }

    /// Runs `code` on the stream of a connection or listener.
    pub fn any_stream<T>(&self, id: u32, code: impl FnOnce(&Stream) -> Result<T, Errno>) -> Result<T, Errno> {
        match self.slots.borrow_mut().get_mut(id) {
            Some(Slot::Connection(connection)) => code(&connection.stream),
            Some(Slot::Listener(listener)) => code(&listener.stream),
            _ => Err(Errno::EBADF),
        }
    }

    /// Makes a slot around a stream that `make` creates under the slot's id.
    fn add(&self, make: impl FnOnce(&Loop, u32) -> Result<Slot, Errno>) -> Result<u32, Errno> {
        let uv = self.uv()?;
        self.slots
            .borrow_mut()
            .insert_with(|id| make(uv, id))
            .ok_or(Errno::EMFILE)?
    }

    /// A listener on a stream that `make` has bound and set to listen.
    pub fn add_listener(&self, make: impl FnOnce(&Loop, u32) -> Result<Stream, Errno>) -> Result<u32, Errno> {
        self.add(|uv, id| {
            Ok(Slot::Listener(Listener {
                stream: Rc::new(make(uv, id)?),
            }))
        })
    }

    /// A connection on a stream that `make` has opened or begun to connect.
    pub fn add_connection(&self, make: impl FnOnce(&Loop, u32) -> Result<Stream, Errno>) -> Result<u32, Errno> {
        self.add(|uv, id| Ok(Slot::Connection(Box::new(Connection::new(make(uv, id)?)))))
    }

    /// Gathers output: `fill` appends to what is pending. Returns 1 when JavaScript is to wait for the drain, else 0; an error
    /// is a negative errno.
    pub fn append(&self, id: u32, fill: impl FnOnce(&mut Vec<u8>) -> Outcome<()>) -> Outcome<i32> {
        let appended = self.connection(id, |connection| {
            let before = connection.out.pending.len();
            fill(&mut connection.out.pending)?;
            connection.sent += (connection.out.pending.len() - before) as u64;
            if connection.out.pending.len() >= FLUSH_AT
                && let Err(error) = connection.flush()
            {
                return Ok(error.0);
            }
            self.touch(id, connection);
            Ok(connection.backlog())
        });
        appended.unwrap_or_else(|error| Ok(error.0))
    }

    /// Has the bytes that wait handled after the last read of this turn.
    pub fn check_soon(&self) {
        if let Some(check) = &*self.check.borrow() {
            check.start();
        }
    }

    /// Sees to it that pending output leaves in this turn of the loop.
    fn touch(&self, id: u32, connection: &mut Connection) {
        let out = &mut connection.out;
        if out.dirty || out.pending.is_empty() || out.in_flight > 0 || self.reading.get() == Some(id) {
            return;
        }
        out.dirty = true;
        let mut dirty = self.dirty.borrow_mut();
        if dirty.is_empty()
            && let Some(prepare) = &*self.prepare.borrow()
        {
            prepare.start();
        }
        dirty.push(id);
    }

    /// Writes one of JavaScript's buffers: gathers a small one, offers a large one to the kernel in place.
    pub fn write_bytes(&self, id: u32, args: &Args, index: usize, offset: usize, length: usize) -> Outcome<i32> {
        if length < LARGE_WRITE {
            return self.append(id, |pending| {
                args.bytes(index, offset, length, |bytes| pending.extend_from_slice(bytes))
            });
        }
        args.bytes(index, offset, length, |bytes| {
            let written = self.connection(id, |connection| {
                connection.write_large(bytes).map(|()| connection.backlog())
            });
            written.and_then(|result| result).unwrap_or_else(|error| error.0)
        })
    }

    /// Writes what is pending now.
    pub fn flush(&self, id: u32) -> Result<(), Errno> {
        self.connection(id, Connection::flush)?
    }

    /// Writes what every connection has pending now: nothing may be lost when the process exits by itself.
    pub fn flush_all(&self) {
        if let Some(id) = self.reading.get() {
            // An exit from inside a read event: its end, which would have written this, does not come. An error has no one to go to.
            let _ = self.flush(id);
        }
        let dirty = self.dirty.take();
        if dirty.is_empty() {
            return;
        }
        if let Some(prepare) = &*self.prepare.borrow() {
            prepare.stop();
        }
        for id in dirty {
            let flushed = self.connection(id, |connection| {
                connection.out.dirty = false;
                connection.flush()
            });
            if let Ok(Err(error)) = flushed {
                self.write_failed(id, error);
            }
        }
    }

    fn write_failed(&self, id: u32, error: Errno) {
        self.call(Callback::WriteError, |env| [env.int(id as i32), env.int(error.0)]);
    }

    /// Ends our side after everything written; the end comes as [`Callback::Shutdown`].
    pub fn end(&self, id: u32) -> Result<(), Errno> {
        self.connection(id, |connection| {
            let again = std::mem::replace(&mut connection.out.ended, true);
            connection.out.shutdown_wanted |= !again;
            connection.flush()
        })?
    }

    /// Closes a connection or listener; pending output is offered to the kernel once more before. With `reset` the peer gets an
    /// RST. The id is stale when [`Callback::Close`] comes.
    pub fn close(&self, id: u32, reset: bool) -> Result<(), Errno> {
        let slot = match self.slots.borrow_mut().get_mut(id) {
            Some(slot @ (Slot::Connection(_) | Slot::Listener(_))) => std::mem::replace(slot, Slot::Closing),
            _ => return Err(Errno::EBADF),
        };
        match slot {
            Slot::Connection(connection) if reset => connection.stream.reset(),
            Slot::Connection(mut connection) => {
                // The close is what was asked for: a peer that is gone already is no error of it.
                let _ = connection.flush();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// `[slots in use, libuv handles]`, for leak tests.
    pub fn usage(&self) -> (usize, usize) {
        (self.slots.borrow().len(), self.uv.get().map_or(0, Loop::open_handles))
    }

    /// The environment ends: closes every handle, and lets it go when libuv is done with the last.
    fn close_all(&self, teardown: Teardown, release: Release) {
        self.callbacks.silence();
        self.http.borrow().silence();
        self.flush_all();
        self.prepare.take();
        self.check.take();
        drop(self.slots.borrow_mut().drain());
        self.teardown.replace(Some((teardown, release)));
        if self.uv.get().is_none_or(Loop::drain) {
            self.drained();
        }
    }

    fn accept(&self, listener_id: u32) -> Result<u32, Errno> {
        let stream = match self.slots.borrow_mut().get_mut(listener_id) {
            Some(Slot::Listener(listener)) => listener.stream.clone(),
            _ => return Err(Errno::EBADF),
        };
        self.add(|uv, id| Ok(Slot::Connection(Box::new(Connection::new(stream.accept(uv, id)?)))))
    }

    /// Tells JavaScript that nothing more can be read, `UV_EOF` included.
    pub fn read_failed(&self, id: u32, error: Errno) {
        self.call(Callback::Read, |env| {
            [env.int(id as i32), env.int(error.0), env.undefined(), env.int(0)]
        });
    }

    /// Hands bytes to JavaScript as they are.
    pub fn read_raw(&self, id: u32, bytes: &[u8]) {
        self.call(Callback::Read, |env| {
            let large = bytes.len() >= slab::OWN;
            let placed = if large { None } else { self.place(bytes) };
            let (memory, offset) = match placed {
                Some((memory, offset)) => (memory, offset as i32),
                None => (env.buffer_copy(bytes), -1),
            };
            [env.int(id as i32), env.int(bytes.len() as i32), memory, env.int(offset)]
        });
    }

    /// Who takes so many bytes that a connection has read.
    fn reader(&self, id: u32, length: usize) -> fn(&Engine, u32, &[u8]) {
        self.connection(id, |connection| {
            connection.received += length as u64;
            match connection.protocol {
                Protocol::Raw => Engine::read_raw as fn(&Engine, u32, &[u8]),
                Protocol::Frames(_) => rpc::read,
                Protocol::Http(_) => http::read,
                Protocol::Client(_) => http_client::read,
            }
        })
        .unwrap_or(Engine::read_raw)
    }

    /// Whether what a read makes a connection write is best written when the read is done, being an answer to it. A client's next request
    /// rather leaves with those on other connections: a server that slept is then woken once for all of them.
    fn answers(&self, id: u32) -> bool {
        self.connection(id, |connection| !matches!(connection.protocol, Protocol::Client(_)))
            .unwrap_or(true)
    }

    fn report(&self, callback: Callback, id: u32, result: Result<(), Errno>) {
        let code = result.map_or_else(|error| error.0, |()| 0);
        self.call(callback, |env| [env.int(id as i32), env.int(code)]);
    }
}

impl Events for Engine {
    fn connection(&self, token: u32, result: Result<(), Errno>) {
        self.env.guard(|| {
            let accepted = result.and_then(|()| self.accept(token));
            let code = accepted.map_or_else(|error| error.0, |id| id as i32);
            self.call(Callback::Connection, |env| [env.int(token as i32), env.int(code)]);
        });
    }

    fn connected(&self, token: u32, result: Result<(), Errno>) {
        self.env.guard(|| self.report(Callback::Connected, token, result));
    }

    fn read(&self, token: u32, result: Result<&[u8], Errno>) {
        self.env.guard(|| {
            self.reading.set(self.answers(token).then_some(token));
            match result {
                Ok(bytes) => self.reader(token, bytes.len())(self, token, bytes),
                Err(error) => self.read_failed(token, error),
            }
        });
        if self.reading.take().is_none() {
            return;
        }
        self.env.guard(|| {
            // A connection that JavaScript closed meanwhile has nothing left to flush.
            if let Ok(Err(error)) = self.connection(token, Connection::flush) {
                self.write_failed(token, error);
            }
        });
    }

    fn written(&self, token: u32, result: Result<(), Errno>) {
        self.env.guard(|| {
            let flushed = self.connection(token, |connection| {
                connection.out.in_flight = 0;
                result.and_then(|()| connection.flush())?;
                let wanted = std::mem::take(&mut connection.out.drain_wanted);
                // A server's idle clock starts when the last of a response has left, also when no one waits for that.
                let heard = wanted || matches!(connection.protocol, Protocol::Http(_));
                connection.out.drain_wanted = wanted && connection.out.in_flight > 0;
                Ok(heard && connection.out.in_flight == 0)
            });
            match flushed {
                Ok(Ok(true)) => {
                    self.call(Callback::Drain, |env| [env.int(token as i32)]);
                }
                Ok(Err(error)) => self.write_failed(token, error),
                Ok(Ok(false)) | Err(_) => {}
            }
        });
    }

    fn shutdown(&self, token: u32, result: Result<(), Errno>) {
        self.env.guard(|| self.report(Callback::Shutdown, token, result));
    }

    fn closed(&self, token: u32) {
        self.env.guard(|| {
            // A handle whose slot was never filled (a failed connect or listen) was never JavaScript's.
            if self.slots.borrow_mut().remove(token).is_some() {
                self.call(Callback::Close, |env| [env.int(token as i32)]);
            }
        });
    }

    fn prepare(&self) {
        self.env.guard(|| self.flush_all());
    }

    fn check(&self) {
        if let Some(check) = &*self.check.borrow() {
            check.stop();
        }
        self.env.guard(|| http::handle_reads(self));
    }

    fn drained(&self) {
        if let Some((teardown, release)) = self.teardown.take() {
            release();
            drop(teardown);
        }
    }
}
