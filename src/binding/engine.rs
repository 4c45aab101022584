//! The engine in Node, on libuv's loop and with JavaScript as the listener.

use super::raw::{Args, Callbacks, Env, Functions, Landing, Outcome, Teardown, Value};
use super::slab::{self, Slab};
use crate::background::{Lost, Tasks};
use crate::engine::{self, Event, FileRead, Host, LARGE_WRITE, LARGEST_READ, Protocol};
use crate::uv::{Errno, Events, Hook, Loop, Memory, READ_BUFFER, Ready, Stream, Udp, Wake};
use std::cell::{RefCell, RefMut};
use std::rc::{Rc, Weak};

/// The engine of a Node environment.
pub type Engine = engine::Engine<Node>;

/// The JavaScript functions that the engine calls, in the order of [`CALLBACKS`], with their arguments.
#[derive(Clone, Copy)]
enum Callback {
    /// `(listenerId, connectionId | errno)`
    Connection,
    /// `(id, 0 | errno)`
    Connected,
    /// `(id, length | errno, ArrayBuffer | Buffer, offset | -1 for a Buffer)`
    Read,
    /// `(id)`: all written bytes have been sent.
    Drain,
    /// `(id, errno)`: a write failed.
    WriteError,
    /// `(id, 0 | errno)`: our side has ended.
    Shutdown,
    /// `(id)`: the handle is closed, and the id is stale.
    Close,
    /// `(id)`: a TLS client cannot be served here.
    Unanswered,
    /// `(id)`: a TLS client has sent its ClientHello and waits for an answer.
    Hello,
    /// `(id)`: the TLS handshake is complete.
    Secured,
    /// `(id, reason, detail, foreign)`: TLS has failed, by an alert of the peer or an error on our side. `foreign` is
    /// set if another implementation might support what is missing here.
    Insecure,
    /// `(id, lines)`: secrets in the format of a key log.
    Keys,
    /// `(id, name)`: a session that can be resumed, identified by its name.
    Session,
}

const CALLBACKS: [&str; 13] = [
    "onConnection",
    "onConnected",
    "onRead",
    "onDrain",
    "onWriteError",
    "onShutdown",
    "onClose",
    "onUnanswered",
    "onHello",
    "onSecured",
    "onInsecure",
    "onKeys",
    "onSession",
];

/// Tokens of the loop's own handles. They are above every slot id.
const PREPARE_TOKEN: u32 = u32::MAX;
const CHECK_TOKEN: u32 = u32::MAX - 1;
const WAKE_TOKEN: u32 = u32::MAX - 2;
const IDLE_TOKEN: u32 = u32::MAX - 3;

/// A Node environment as the host of the engine.
pub struct Node {
    env: Env,
    uv: Option<Loop>,
    callbacks: Callbacks<{ CALLBACKS.len() }>,
    /// Raw received bytes are copied into this slab.
    inbox: RefCell<Slab>,
    /// The buffer that reads go into.
    landing: RefCell<Option<Rc<Landing>>>,
    prepare: RefCell<Option<Hook>>,
    check: RefCell<Option<Hook>>,
    idle: RefCell<Option<Hook>>,
    /// The background tasks, and the handle that wakes the loop when one has ended. Created with the first task.
    background: RefCell<Option<(Rc<Tasks<Engine>>, Wake)>>,
    /// Held from the end of the environment until the last handle is closed.
    teardown: RefCell<Option<(Teardown, Release)>>,
}

/// How many bytes of a [`Landing`] must be used for the memory to be given to JavaScript without a copy: a chunk that
/// is kept keeps all of it alive.
const WORTH_TAKING: usize = READ_BUFFER / 2;

const _: () = assert!(READ_BUFFER <= LARGEST_READ);

/// Frees the data of the native functions.
type Release = Box<dyn FnOnce()>;

/// Creates the environment's engine and the object of its native functions.
pub fn start(env: Env, callbacks: Value, register: impl FnOnce(&mut Functions<Engine>)) -> Option<Value> {
    let engine = Rc::new_cyclic(|engine: &Weak<Engine>| {
        let uv = env.uv(engine.clone());
        let hook = |make: fn(&Loop, u32) -> Result<Hook, Errno>, token| uv.as_ref().and_then(|uv| make(uv, token).ok());
        Engine::new(Node {
            env,
            prepare: RefCell::new(hook(Hook::prepare, PREPARE_TOKEN)),
            check: RefCell::new(hook(Hook::check, CHECK_TOKEN)),
            idle: RefCell::new(hook(Hook::idle, IDLE_TOKEN)),
            background: RefCell::default(),
            uv,
            callbacks: Callbacks::new(env, callbacks, CALLBACKS),
            inbox: RefCell::default(),
            landing: RefCell::default(),
            teardown: RefCell::default(),
        })
    });
    engine.uv().ok()?;

    let mut functions = Functions::new(env, engine.clone());
    register(&mut functions);
    let (object, release) = functions.finish();
    env.on_teardown(move |teardown| engine.end_environment(teardown, Box::new(release)));
    Some(object)
}

impl Engine {
    /// The environment that the engine belongs to.
    pub fn env(&self) -> Env {
        self.host().env
    }

    /// The loop that all handles belong to.
    pub fn uv(&self) -> Result<&Loop, Errno> {
        self.host().uv.as_ref().ok_or(Errno::EBADF)
    }

    /// The loop's clock in milliseconds, as of the current turn.
    pub fn now(&self) -> u64 {
        self.uv().map_or(0, Loop::now)
    }

    /// Gives the memory of the current read to JavaScript, if `bytes` are enough of it to be worthwhile. Returns the
    /// memory and their offset in it. The caller must not access the read any more.
    pub fn take(&self, bytes: &[u8]) -> Option<(Rc<Landing>, usize)> {
        if bytes.len() < WORTH_TAKING {
            return None;
        }
        let landing = self.host().landing.borrow().clone()?;
        let offset = landing.take(bytes)?;
        Some((landing, offset))
    }

    /// The slab for received bytes that JavaScript may keep.
    pub fn inbox(&self) -> RefMut<'_, Slab> {
        self.host().inbox.borrow_mut()
    }

    /// Adds a listener on a stream that `make` has bound and set to listen.
    pub fn add_listener(&self, make: impl FnOnce(&Loop, u32) -> Result<Stream, Errno>) -> Result<u32, Errno> {
        let uv = self.uv()?;
        self.insert_listener(|id| make(uv, id))
    }

    /// Adds a connection on a stream that `make` has opened or started to connect.
    pub fn add_connection(&self, make: impl FnOnce(&Loop, u32) -> Result<Stream, Errno>) -> Result<u32, Errno> {
        let uv = self.uv()?;
        self.insert_connection(|id| make(uv, id))
    }

    /// Adds a port over a socket that `make` has opened. `protocol` receives its datagrams.
    pub fn add_port(
        &self,
        protocol: Rc<dyn Protocol<Node>>,
        make: impl FnOnce(&Loop, u32) -> Result<Udp, Errno>,
    ) -> Result<u32, Errno> {
        let uv = self.uv()?;
        self.insert_port(protocol, |id| make(uv, id))
    }

    /// Writes bytes of a JavaScript buffer. Few bytes are gathered; [`LARGE_WRITE`] or more are offered to the kernel
    /// in place.
    pub fn write_bytes(&self, id: u32, args: &Args, index: usize, offset: usize, length: usize) -> Outcome<i32> {
        if length < LARGE_WRITE {
            return self.append(id, |pending| {
                args.bytes(index, offset, length, |bytes| pending.extend_from_slice(bytes))
            });
        }
        args.bytes(index, offset, length, |bytes| self.write_large(id, bytes))
    }

    /// Tells JavaScript that nothing more can be read; `UV_EOF` means that the peer ended its side.
    pub fn read_failed(&self, id: u32, error: Errno) {
        self.tell(Event::Read(id, Err(error)));
    }

    /// Passes bytes to JavaScript unchanged.
    pub fn read_raw(&self, id: u32, bytes: &[u8]) {
        self.tell(Event::Read(id, Ok(bytes)));
    }

    /// Runs `work` on a thread of the pool, where it may wait for a disk. In a later turn, runs `end` with its result
    /// on the loop's thread. The loop stays alive until then. When the environment ends, `end` is dropped, and so is
    /// `work` if it has not started.
    pub fn in_background<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        end: impl FnOnce(&Engine, Result<T, Lost>) + 'static,
    ) -> Result<(), Errno> {
        let tasks = self.tasks()?;
        tasks.run(work, end);
        self.keep_alive(tasks.pending());
        Ok(())
    }

    fn tasks(&self) -> Result<Rc<Tasks<Engine>>, Errno> {
        if self.host().teardown.borrow().is_some() {
            return Err(Errno::ECANCELED);
        }
        let mut background = self.host().background.borrow_mut();
        if let Some((tasks, _)) = &*background {
            return Ok(tasks.clone());
        }
        let wake = Wake::new(self.uv()?, WAKE_TOKEN)?;
        let waker = wake.waker();
        let tasks = Rc::new(Tasks::new(move || waker.wake()));
        *background = Some((tasks.clone(), wake));
        Ok(tasks)
    }

    /// Keeps the loop alive while tasks are pending.
    fn keep_alive(&self, pending: usize) {
        if let Some((_, wake)) = &*self.host().background.borrow() {
            wake.set_ref(pending > 0);
        }
    }

    /// Handles tasks that threads have completed.
    fn tasks_ended(&self) {
        let Some(tasks) = self.host().background.borrow().as_ref().map(|(tasks, _)| tasks.clone()) else {
            return;
        };
        for end in tasks.deliver() {
            self.host().guard(|| end(self));
        }
        self.keep_alive(tasks.pending());
        if self.host().teardown.borrow().is_some() {
            self.end_tasks();
        }
    }

    /// Called when the environment ends: waits for tasks that have started, because they may use memory of the
    /// environment, and then closes the wake-up handle.
    fn end_tasks(&self) {
        let background = &self.host().background;
        let Some(tasks) = background.borrow().as_ref().map(|(tasks, _)| tasks.clone()) else {
            return;
        };
        tasks.cancel();
        self.keep_alive(tasks.pending());
        if tasks.pending() == 0 {
            background.take();
        }
    }

    /// The number of handles that are open or closing, for leak tests.
    pub fn open_handles(&self) -> usize {
        self.uv().map_or(0, Loop::open_handles)
    }

    /// Called when the environment ends: closes every handle, and lets the environment go when the last one is
    /// closed.
    fn end_environment(&self, teardown: Teardown, release: Release) {
        let host = self.host();
        host.callbacks.silence();
        self.close_all();
        host.prepare.take();
        host.check.take();
        host.idle.take();
        host.landing.take();
        if let Ok(uv) = self.uv() {
            uv.release_memory();
        }
        host.teardown.replace(Some((teardown, release)));
        self.end_tasks();
        if self.uv().map_or(true, Loop::drain) {
            self.drained();
        }
    }
}

impl Node {
    /// Copies received bytes to memory that JavaScript can keep. Returns the `ArrayBuffer` and the offset.
    fn place(&self, bytes: &[u8]) -> Option<(Value, usize)> {
        let mut inbox = self.inbox.borrow_mut();
        inbox.reserve(self.env, bytes.len())?;
        let offset = inbox.offset();
        inbox.push(bytes);
        inbox.align();
        Some((inbox.value(self.env), offset))
    }

    /// Calls a function with the arguments `(id, number)`.
    fn call(&self, callback: Callback, id: u32, number: i32) {
        self.callbacks
            .call(callback as usize, |env| [env.int(id as i32), env.int(number)]);
    }

    fn show(&self, id: u32, bytes: &[u8]) {
        self.callbacks.call(Callback::Read as usize, |env| {
            let large = bytes.len() >= slab::OWN;
            let placed = if large { None } else { self.place(bytes) };
            let (memory, offset) = match placed {
                Some((memory, offset)) => (memory, offset as i32),
                None => (env.buffer_copy(bytes), -1),
            };
            [env.int(id as i32), env.int(bytes.len() as i32), memory, env.int(offset)]
        });
    }
}

fn start_or_stop(hook: &RefCell<Option<Hook>>, wanted: bool) {
    match &*hook.borrow() {
        Some(hook) if wanted => hook.start(),
        Some(hook) => hook.stop(),
        None => {}
    }
}

impl Host for Node {
    type Transport = Stream;
    type Datagrams = Udp;

    fn accept(&self, listener: &Stream, id: u32) -> Result<Stream, Errno> {
        listener.accept(self.uv.as_ref().ok_or(Errno::EBADF)?, id)
    }

    fn report_wait(&self, wanted: bool) {
        start_or_stop(&self.prepare, wanted);
    }

    fn report_turn(&self, wanted: bool) {
        start_or_stop(&self.check, wanted);
    }

    fn hurry(&self, wanted: bool) {
        start_or_stop(&self.idle, wanted);
    }

    /// Delivers an event to JavaScript. An exception goes to `uncaughtException`.
    fn tell(&self, event: Event<'_>) {
        match event {
            Event::Connection(listener, accepted) => {
                let code = accepted.map_or_else(|error| error.0, |id| id as i32);
                self.call(Callback::Connection, listener, code);
            }
            Event::Connected(id, result) => self.call(Callback::Connected, id, Errno::code(result)),
            Event::Read(id, Ok(bytes)) => self.show(id, bytes),
            Event::Read(id, Err(error)) => self.call(Callback::Read, id, error.0),
            Event::Drain(id) => self.call(Callback::Drain, id, 0),
            Event::WriteError(id, error) => self.call(Callback::WriteError, id, error.0),
            Event::Shutdown(id, result) => self.call(Callback::Shutdown, id, Errno::code(result)),
            Event::Close(id) => self.call(Callback::Close, id, 0),
            Event::Unanswered(id) => self.call(Callback::Unanswered, id, 0),
            Event::Hello(id) => self.call(Callback::Hello, id, 0),
            Event::Secured(id) => self.call(Callback::Secured, id, 0),
            Event::Insecure(id, failure) => {
                self.callbacks.call(Callback::Insecure as usize, |env| {
                    let (reason, detail) = (env.string(&failure.reason), env.string(&failure.detail));
                    [env.int(id as i32), reason, detail, env.boolean(failure.foreign)]
                });
            }
            Event::Keys(id, lines) => {
                self.callbacks
                    .call(Callback::Keys as usize, |env| [env.int(id as i32), env.string(lines)]);
            }
            Event::Session(id, name) => {
                self.callbacks.call(Callback::Session as usize, |env| {
                    [env.int(id as i32), env.buffer_copy(name)]
                });
            }
        }
    }

    fn read_file(engine: &Engine, id: u32, read: FileRead) -> Result<(), Errno> {
        engine.in_background(
            move || read.run(),
            move |engine, result| engine.on_file_read(id, result.unwrap_or(Err(Errno::EIO))),
        )
    }

    fn guard(&self, body: impl FnOnce()) {
        self.env.guard(body);
    }
}

impl Events for Engine {
    fn connection(&self, token: u32, result: Result<(), Errno>) {
        self.on_connection(token, result);
    }

    fn connected(&self, token: u32, result: Result<(), Errno>) {
        self.on_connected(token, result);
    }

    fn memory(&self) -> Option<Rc<dyn Memory>> {
        let landing = Rc::new(Landing::new(self.env())?);
        self.host().landing.replace(Some(landing.clone()));
        Some(landing)
    }

    fn read(&self, token: u32, result: Result<&[u8], Errno>) {
        self.on_read(token, result);
    }

    fn written(&self, token: u32, result: Result<(), Errno>) {
        self.on_written(token, result);
    }

    fn shutdown(&self, token: u32, result: Result<(), Errno>) {
        self.on_shutdown(token, result);
    }

    fn ready(&self, token: u32, ready: Result<Ready, Errno>) {
        let Ready { readable, writable } = ready.unwrap_or_default();
        self.on_ready(token, readable, writable, ready.is_err());
    }

    fn closed(&self, token: u32) {
        self.on_closed(token);
    }

    fn prepare(&self) {
        self.on_wait();
    }

    fn check(&self) {
        self.on_turn();
    }

    fn woken(&self) {
        self.tasks_ended();
    }

    fn drained(&self) {
        if let Some((teardown, release)) = self.host().teardown.take() {
            release();
            drop(teardown);
        }
    }
}
