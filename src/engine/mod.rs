//! The engine of one environment: every connection and listener, where received bytes go, when written bytes leave.
//!
//! It knows neither Node nor libuv nor any protocol: the first two are its [`Host`], the others [`Protocol`]s, and its tests are a script
//! in place of both. Everything runs on one thread, in reports from below or calls from above. Whoever is told something can call
//! back into the engine, so no borrow of the slot table is ever held meanwhile.
//!
//! Writes gather in each connection and leave together: at the end of the read that caused them, or before the loop waits for
//! I/O, whichever comes first.

mod connection;
mod datagrams;
mod file;
mod filter;
mod host;
mod out;
mod protocol;
pub mod source;
#[cfg(test)]
mod tests;

use crate::errno::Errno;
use crate::slots::Slots;
use crate::tls::{Answer, Failure, News, Session, SessionName};
use bytes::Bytes;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub use connection::Connection;
pub use datagrams::{Batch, Datagrams, Port, Run, To};
pub use file::{FileRange, Presence, Source};
pub use filter::Filter;
pub use host::{Host, Sent, Sink, Transport};
use out::Out;
pub use out::{COPIED, FileRead, SHARE};
use protocol::Plain;
pub use protocol::Protocol;

/// Output that is written at once instead of at the end of the turn: a socket buffer's worth, beyond which gathering saves nothing.
const FLUSH_AT: usize = 64 * 1024;

/// From this size on a chunk is offered to the transport where it lies instead of being gathered.
pub const LARGE_WRITE: usize = 16 * 1024;

/// What a protocol is given in one read at most. Records that were not whole before can make more of it than the transport reads at once.
pub const LARGEST_READ: usize = 64 * 1024;

/// How often a port receives in a turn while there is more: others have their turn, too.
const RECEIVES: usize = 8;

/// What the listener is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// A listener has a new connection, by its id, or failed to take one.
    Connection(u32, Result<u32, Errno>),
    /// A connect ended.
    Connected(u32, Result<(), Errno>),
    /// Bytes of a connection without a protocol, or the end of what any connection receives.
    Read(u32, Result<&'a [u8], Errno>),
    /// Everything written has left.
    Drain(u32),
    /// A write failed.
    WriteError(u32, Errno),
    /// Our side is ended.
    Shutdown(u32, Result<(), Errno>),
    /// The transport is closed, the id stale.
    Close(u32),
    /// A client of TLS has no answer here: by [`Engine::unsecure`] somebody else can have it.
    Unanswered(u32),
    /// A client of TLS has said what it wants, and waits for [`Engine::answer`].
    Hello(u32),
    /// The handshake of TLS is done.
    Secured(u32),
    /// TLS has come to an end that is an error. Nothing is received any more.
    Insecure(u32, &'a Failure),
    /// Secrets of a connection, as lines of a key log.
    Keys(u32, &'a str),
    /// A server has given a client a session to go on with, by its name.
    Session(u32, &'a SessionName),
}

enum Slot<H: Host> {
    Listener(Rc<H::Transport>),
    Connection(Box<Connection<H>>),
    Port(Box<Port<H>>),
    /// Dropped, and not reported closed yet.
    Closing,
}

/// See the module's documentation.
pub struct Engine<H: Host> {
    host: H,
    slots: RefCell<Slots<Slot<H>>>,
    protocols: RefCell<Vec<Rc<dyn Protocol<H>>>>,
    /// What connections speak that speak nothing.
    plain: RefCell<Rc<dyn Protocol<H>>>,
    /// A protocol has gathered something to show.
    gathering: Cell<bool>,
    /// A protocol has gathered something, ends of sending for the most part, to show before the loop waits.
    ended: Cell<bool>,
    /// Connections and ports with output to flush before the loop waits.
    dirty: RefCell<Vec<u32>>,
    /// The connection whose read is reported: its output is flushed at the end of that.
    reading: Cell<Option<u32>>,
    /// Memory for what was decrypted.
    plaintext: RefCell<Vec<u8>>,
}

impl<H: Host> Engine<H> {
    /// An engine without connections.
    pub fn new(host: H) -> Engine<H> {
        Engine {
            host,
            slots: RefCell::default(),
            protocols: RefCell::default(),
            plain: RefCell::new(Rc::new(Plain)),
            gathering: Cell::new(false),
            ended: Cell::new(false),
            dirty: RefCell::default(),
            reading: Cell::new(None),
            plaintext: RefCell::default(),
        }
    }

    /// What the engine stands on.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// Has `protocol` take part in what concerns the whole environment.
    pub fn add_protocol(&self, protocol: Rc<dyn Protocol<H>>) {
        self.protocols.borrow_mut().push(protocol);
    }

    /// Has `protocol` take the bytes of all connections that speak nothing, instead of showing them as they come.
    pub fn add_plain(&self, protocol: Rc<dyn Protocol<H>>) {
        self.plain.replace(protocol.clone());
        self.add_protocol(protocol);
    }

    /// A protocol has gathered reads: it shows them after the last read of this turn, and in any case before anything else is told.
    pub fn gather(&self) {
        if !self.gathering.replace(true) {
            self.host.report_turn(true);
        }
    }

    /// The same in a call from above, where no turn of the loop may follow by itself: it is shown before the loop waits.
    pub fn gather_before_wait(&self) {
        self.gather();
        if !self.ended.replace(true) {
            self.host.report_wait(true);
        }
    }

    /// Shows what was received before.
    pub fn catch_up(&self) {
        if self.gathering.get() {
            self.tick();
        }
    }

    fn tick(&self) {
        for at in 0.. {
            let Some(protocol) = self.protocols.borrow().get(at).cloned() else {
                return;
            };
            protocol.tick(self);
        }
    }

    /// Tells the listener something, after all that came before it.
    pub fn tell(&self, event: Event<'_>) {
        self.catch_up();
        self.host.tell(event);
    }

    /// Runs `code` on a connection; `EBADF` for a stale id, `EINVAL` for a listener's. The listener must not be told anything inside.
    ///
    /// # Errors
    /// Those two.
    pub fn connection<T>(&self, id: u32, code: impl FnOnce(&mut Connection<H>) -> T) -> Result<T, Errno> {
        match self.slots.borrow_mut().get_mut(id) {
            Some(Slot::Connection(connection)) => Ok(code(connection)),
            Some(Slot::Listener(_) | Slot::Port(_)) => Err(Errno::EINVAL),
            _ => Err(Errno::EBADF),
        }
    }

    /// Runs `code` on what a protocol keeps about a connection; nothing for one that speaks something else, or is gone.
    pub fn state<S: Any, T>(&self, id: u32, code: impl FnOnce(&mut S) -> T) -> Option<T> {
        self.connection(id, |connection| connection.state().map(code)).ok()?
    }

    /// Runs `code` on the transport of a connection.
    ///
    /// # Errors
    /// Those of [`Engine::connection`], or `code`'s.
    pub fn stream<T>(&self, id: u32, code: impl FnOnce(&H::Transport) -> Result<T, Errno>) -> Result<T, Errno> {
        self.connection(id, |connection| code(&connection.transport))?
    }

    /// Runs `code` on the transport of a connection or listener.
    ///
    /// # Errors
    /// `EBADF` for a stale id, or `code`'s.
    pub fn any_stream<T>(&self, id: u32, code: impl FnOnce(&H::Transport) -> Result<T, Errno>) -> Result<T, Errno> {
        match self.slots.borrow_mut().get_mut(id) {
            Some(Slot::Connection(connection)) => code(&connection.transport),
            Some(Slot::Listener(listener)) => code(listener),
            Some(Slot::Port(_)) => Err(Errno::EINVAL),
            _ => Err(Errno::EBADF),
        }
    }

    /// Runs `code` on a port; `EBADF` for a stale id, `EINVAL` for another's. The listener must not be told anything inside.
    ///
    /// # Errors
    /// Those two.
    pub fn port<T>(&self, id: u32, code: impl FnOnce(&mut Port<H>) -> T) -> Result<T, Errno> {
        match self.slots.borrow_mut().get_mut(id) {
            Some(Slot::Port(port)) => Ok(code(port)),
            Some(Slot::Listener(_) | Slot::Connection(_)) => Err(Errno::EINVAL),
            _ => Err(Errno::EBADF),
        }
    }

    /// Starts to connect a connection's transport.
    ///
    /// # Errors
    /// `EALREADY` the second time, those of [`Engine::connection`], or `start`'s.
    pub fn connect(&self, id: u32, start: impl FnOnce(&H::Transport) -> Result<(), Errno>) -> Result<(), Errno> {
        self.connection(id, |connection| {
            if connection.connecting {
                return Err(Errno::EALREADY);
            }
            start(&connection.transport)?;
            connection.connecting = true;
            Ok(())
        })?
    }

    /// A listener on a transport that `make` creates under the slot's id.
    ///
    /// # Errors
    /// `EMFILE` when all slots are in use, or `make`'s.
    pub fn insert_listener(&self, make: impl FnOnce(u32) -> Result<H::Transport, Errno>) -> Result<u32, Errno> {
        self.insert(|id| Ok(Slot::Listener(Rc::new(make(id)?))))
    }

    /// A connection on a transport that `make` creates under the slot's id.
    ///
    /// # Errors
    /// `EMFILE` when all slots are in use, or `make`'s.
    pub fn insert_connection(&self, make: impl FnOnce(u32) -> Result<H::Transport, Errno>) -> Result<u32, Errno> {
        self.insert(|id| Ok(Slot::Connection(Box::new(Connection::new(make(id)?)))))
    }

    /// A port over a socket that `make` creates under the slot's id; `protocol` takes what it receives.
    ///
    /// # Errors
    /// `EMFILE` when all slots are in use, or `make`'s.
    pub fn insert_port(
        &self,
        protocol: Rc<dyn Protocol<H>>,
        make: impl FnOnce(u32) -> Result<H::Datagrams, Errno>,
    ) -> Result<u32, Errno> {
        self.insert(|id| Ok(Slot::Port(Box::new(Port::new(make(id)?, protocol)))))
    }

    fn insert(&self, make: impl FnOnce(u32) -> Result<Slot<H>, Errno>) -> Result<u32, Errno> {
        self.slots.borrow_mut().insert_with(make).ok_or(Errno::EMFILE)?
    }

    /// Gathers output: `fill` appends to it. Returns 1 when the listener is to wait for the drain, else 0, or a negative errno.
    ///
    /// # Errors
    /// `fill`'s.
    pub fn append<E>(&self, id: u32, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<i32, E> {
        let appended = self.connection(id, |connection| {
            if connection.gather(fill)? >= FLUSH_AT
                && let Err(error) = self.send(id, connection)
            {
                return Ok(error.0);
            }
            Ok(self.appended(id, connection))
        });
        appended.unwrap_or_else(|error| Ok(error.0))
    }

    /// Has what a protocol keeps about a connection gather output; `code` gets that with where output gathers, and how many bytes have not
    /// left. Nothing for a connection that speaks something else, or is gone.
    pub fn append_with<S: Any, T>(&self, id: u32, code: impl FnOnce(&mut S, &mut Vec<u8>, u64) -> T) -> Option<T> {
        let appended = self.connection(id, |connection| {
            let (made, gathered) = connection.gather_with(code)?;
            if gathered >= FLUSH_AT {
                // An error is told when it is tried again: whoever called is not to be called meanwhile.
                let _ = self.send(id, connection);
            }
            self.touch(id, connection);
            Some(made)
        });
        appended.ok()?
    }

    /// Gathers bytes that others may have, too. Returns what [`Engine::append`] returns.
    pub fn share(&self, id: u32, bytes: Bytes) -> i32 {
        let appended = self.connection(id, |connection| {
            connection.share(bytes);
            self.appended(id, connection)
        });
        appended.unwrap_or_else(|error| error.0)
    }

    /// Gathers a part of a file, which is read as the peer takes it. When the file has become too short for it, that is an [`Event::WriteError`],
    /// and nothing more is sent. Returns what [`Engine::append`] returns.
    pub fn append_file(&self, id: u32, range: FileRange) -> i32 {
        let appended = self.connection(id, |connection| {
            connection.append_file(range);
            self.appended(id, connection)
        });
        appended.unwrap_or_else(|error| error.0)
    }

    fn appended(&self, id: u32, connection: &mut Connection<H>) -> i32 {
        self.touch(id, connection);
        connection.backlog()
    }

    /// Writes [many](LARGE_WRITE) bytes. Returns what [`Engine::append`] returns.
    pub fn write_large(&self, id: u32, bytes: &[u8]) -> i32 {
        let written = self.connection(id, |connection| {
            connection.write(bytes)?;
            self.ask(id, connection)?;
            Ok(connection.backlog())
        });
        written.and_then(|result| result).unwrap_or_else(|error| error.0)
    }

    /// Gathers a datagram of what `fill` appends; it leaves with the others of this turn. Its end is [`Protocol::sent`] if `awaited`.
    ///
    /// # Errors
    /// `fill`'s; inside, those of [`Engine::port`].
    pub fn send_datagram<E>(
        &self,
        id: u32,
        to: To,
        awaited: bool,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Result<(), Errno>, E> {
        let pushed = self.port(id, |port| {
            let full = port.push(to, awaited, fill)?;
            if !port.dirty && port.gathers() {
                port.dirty = true;
                self.await_flush(id);
            }
            Ok(full)
        });
        match pushed {
            Ok(Ok(full)) => {
                if full {
                    let _ = self.flush_port(id);
                }
                Ok(Ok(()))
            }
            Ok(Err(error)) => Err(error),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Sends what a port has gathered.
    ///
    /// # Errors
    /// Those of [`Engine::port`].
    pub fn flush_port(&self, id: u32) -> Result<(), Errno> {
        let mut ends = Vec::new();
        let protocol = self.port(id, |port| {
            port.flush(|end| ends.push(end));
            port.protocol()
        })?;
        self.report_sent(id, &*protocol, ends);
        Ok(())
    }

    fn report_sent(&self, id: u32, protocol: &dyn Protocol<H>, ends: Vec<Result<(), Errno>>) {
        if !ends.is_empty() && !self.ended.replace(true) {
            self.host.report_wait(true);
        }
        for end in ends {
            protocol.sent(self, id, end);
        }
    }

    /// Gives what waits to the transport.
    fn send(&self, id: u32, connection: &mut Connection<H>) -> Result<(), Errno> {
        connection.flush()?;
        self.ask(id, connection)
    }

    /// Has the host read what a connection needs from a file.
    fn ask(&self, id: u32, connection: &mut Connection<H>) -> Result<(), Errno> {
        match connection.asks() {
            Some(read) => H::read_file(self, id, read),
            None => Ok(()),
        }
    }

    /// Sees to it that gathered output leaves in this turn of the loop.
    fn touch(&self, id: u32, connection: &mut Connection<H>) {
        if connection.gathers() && self.reading.get() != Some(id) {
            self.soil(id, connection);
        }
    }

    /// Has a connection flushed before the loop waits.
    fn soil(&self, id: u32, connection: &mut Connection<H>) {
        if !connection.dirty {
            connection.dirty = true;
            self.await_flush(id);
        }
    }

    fn await_flush(&self, id: u32) {
        let mut dirty = self.dirty.borrow_mut();
        if dirty.is_empty() {
            self.host.report_wait(true);
        }
        dirty.push(id);
    }

    /// Writes what is gathered now.
    ///
    /// # Errors
    /// Those of [`Engine::connection`], or the system's.
    pub fn flush(&self, id: u32) -> Result<(), Errno> {
        self.connection(id, |connection| self.send(id, connection))?
    }

    /// Writes what every connection has gathered now: nothing may be lost when the process exits by itself.
    pub fn flush_all(&self) {
        let dirty = self.dirty.take();
        if !dirty.is_empty() && !self.ended.get() {
            self.host.report_wait(false);
        }
        // When the process exits from inside a read event, its end, which would write that connection's, does not come.
        for id in self.reading.get().into_iter().chain(dirty) {
            let flushed = self.connection(id, |connection| {
                connection.dirty = false;
                self.send(id, connection)
            });
            match flushed {
                Ok(Err(error)) => self.tell(Event::WriteError(id, error)),
                // A port, if it is not gone.
                Err(_) if self.port(id, |port| port.dirty = false).is_ok() => {
                    let _ = self.flush_port(id);
                }
                _ => {}
            }
        }
    }

    /// Ends our side after everything written; the end comes as [`Event::Shutdown`].
    ///
    /// # Errors
    /// Those of [`Engine::connection`], or the system's.
    pub fn end(&self, id: u32) -> Result<(), Errno> {
        self.connection(id, |connection| {
            connection.end()?;
            self.ask(id, connection)
        })?
    }

    /// Closes a connection or listener; gathered output is offered to the transport once more before. With `reset` the peer sees an error.
    /// The id is stale when [`Event::Close`] comes.
    ///
    /// # Errors
    /// `EBADF` for a stale id; that it cannot be reset, but it is closed all the same.
    pub fn close(&self, id: u32, reset: bool) -> Result<(), Errno> {
        let slot = match self.slots.borrow_mut().get_mut(id) {
            Some(slot @ (Slot::Connection(_) | Slot::Listener(_) | Slot::Port(_))) => {
                std::mem::replace(slot, Slot::Closing)
            }
            _ => return Err(Errno::EBADF),
        };
        match slot {
            Slot::Connection(connection) if reset => connection.transport.reset(),
            Slot::Connection(mut connection) => {
                // The close is what was asked for: a peer that is gone already is no error of it.
                let _ = connection.flush_last();
                Ok(())
            }
            Slot::Port(mut port) => {
                let mut ends = Vec::new();
                port.flush(|end| ends.push(end));
                port.cancel(Errno::ECANCELED, |end| ends.push(end));
                self.report_sent(id, &*port.protocol(), ends);
                Ok(())
            }
            Slot::Listener(_) | Slot::Closing => Ok(()),
        }
    }

    /// Slots in use, for leak tests.
    pub fn slots_in_use(&self) -> usize {
        self.slots.borrow().len()
    }

    /// The environment ends: writes what is gathered, and closes everything. No [`Event::Close`] comes any more.
    pub fn close_all(&self) {
        for protocol in &*self.protocols.borrow() {
            protocol.silence();
        }
        self.flush_all();
        let slots = self.slots.borrow_mut().drain();
        drop(slots);
    }

    /// A listener has a connection to be taken.
    pub fn on_connection(&self, listener: u32, result: Result<(), Errno>) {
        self.host.guard(|| {
            let accepted = result.and_then(|()| self.accept(listener));
            self.tell(Event::Connection(listener, accepted));
        });
    }

    fn accept(&self, listener: u32) -> Result<u32, Errno> {
        let listener = match self.slots.borrow_mut().get_mut(listener) {
            Some(Slot::Listener(listener)) => listener.clone(),
            _ => return Err(Errno::EBADF),
        };
        self.insert_connection(|id| self.host.accept(&listener, id))
    }

    /// A connect ended.
    pub fn on_connected(&self, id: u32, result: Result<(), Errno>) {
        self.host.guard(|| self.tell(Event::Connected(id, result)));
    }

    /// Has a connection speak TLS from now on. Whatever it speaks otherwise goes through that.
    ///
    /// # Errors
    /// Those of [`Engine::connection`], or the system's; `EALREADY` for one that does so already, or has written something that has not left.
    pub fn secure(&self, id: u32, session: Session) -> Result<(), Errno> {
        self.connection(id, |connection| {
            if connection.filter.is_some() || connection.queued() > 0 {
                return Err(Errno::EALREADY);
            }
            connection.filter = Some(Box::new(Filter::new(session)));
            connection.flush()
        })?
    }

    /// The peer of a client's connection is who it should be: what was written leaves, as soon as the handshake is done.
    ///
    /// # Errors
    /// Those of [`Engine::connection`].
    pub fn trust(&self, id: u32) -> Result<(), Errno> {
        self.connection(id, Connection::trust)?;
        self.go_on(id, Connection::secured);
        Ok(())
    }

    /// Has a connection speak no TLS any more, as it was not answered; returns what has come.
    ///
    /// # Errors
    /// Those of [`Engine::connection`].
    pub fn unsecure(&self, id: u32) -> Result<Vec<u8>, Errno> {
        let filter = self.connection(id, |connection| connection.filter.take())?;
        Ok(filter.map_or_else(Vec::new, |filter| filter.into_session().received()))
    }

    /// Answers a client of TLS that has said what it wants.
    pub fn answer(&self, id: u32, answer: Answer) {
        self.decrypt(id, |filter, plain| filter.answer(answer, plain));
    }

    /// Bytes arrived, or no more will.
    pub fn on_read(&self, id: u32, result: Result<&[u8], Errno>) {
        let ended = self.connection(id, |connection| {
            connection.filter.as_ref().map(|filter| filter.has_ended())
        });
        match (ended, result) {
            (Ok(Some(_)), Ok(bytes)) => self.decrypt(id, |filter, plain| filter.receive(bytes, plain)),
            // The peer has said so before.
            (Ok(Some(true)), Err(Errno::EOF)) => {}
            _ => self.received(id, result),
        }
    }

    /// Tells what a filter makes of what came: first that there is TLS now, as those who hear of that may say what the connection speaks.
    fn decrypt(&self, id: u32, hear: impl FnOnce(&mut Filter, &mut Vec<u8>) -> News) {
        let mut plain = self.plaintext.take();
        plain.clear();
        let decrypted = self.connection(id, |connection| connection.decrypt(&mut plain, hear));
        // A connection that is closed has nobody to tell.
        let Ok(decrypted) = decrypted else { return };
        let news = match decrypted {
            Ok(news) => news,
            Err(error) => {
                self.host.guard(|| self.tell(Event::WriteError(id, error)));
                News::default()
            }
        };
        if !news.keys.is_empty() {
            self.host.guard(|| self.tell(Event::Keys(id, &news.keys)));
        }
        if news.unanswered {
            self.host.guard(|| self.tell(Event::Unanswered(id)));
        }
        if news.asks {
            self.host.guard(|| self.tell(Event::Hello(id)));
        }
        for session in &news.sessions {
            self.host.guard(|| self.tell(Event::Session(id, session)));
        }
        if news.secured {
            self.host.guard(|| self.tell(Event::Secured(id)));
            self.go_on(id, Connection::secured);
        }
        for part in plain.chunks(LARGEST_READ) {
            self.received(id, Ok(part));
        }
        if news.ended {
            self.received(id, Err(Errno::EOF));
        }
        if let Some(failure) = &news.failure {
            self.host.guard(|| {
                if let Ok(Err(error)) = self.connection(id, Connection::flush_filter) {
                    self.tell(Event::WriteError(id, error));
                }
            });
            self.host.guard(|| self.tell(Event::Insecure(id, failure)));
        } else {
            // Tickets, for example: they leave with an answer of this turn.
            let _ = self.connection(id, |connection| {
                if connection.filter().is_some_and(|filter| filter.waiting() > 0) {
                    self.soil(id, connection);
                }
            });
        }
        self.plaintext.replace(plain);
    }

    /// Bytes that have come over the transport before it was known what the connection speaks. They are shown before this returns.
    pub fn feed(&self, id: u32, bytes: &[u8]) {
        self.on_read(id, Ok(bytes));
        self.catch_up();
    }

    /// Bytes that have come another way than over the transport. They are shown before this returns.
    pub fn inject(&self, id: u32, bytes: &[u8]) {
        self.received(id, Ok(bytes));
        self.catch_up();
    }

    /// Bytes for a protocol, or that no more will come.
    fn received(&self, id: u32, result: Result<&[u8], Errno>) {
        self.host.guard(|| {
            let spoken = self.connection(id, |connection| {
                connection.received += result.map_or(0, <[u8]>::len) as u64;
                (connection.protocol(), connection.gathered)
            });
            // A connection that is closed has nobody to tell.
            let Ok((protocol, gathered)) = spoken else { return };
            if gathered && protocol.is_some() {
                // It spoke nothing when those came.
                self.catch_up();
            }
            let protocol = protocol.unwrap_or_else(|| self.plain.borrow().clone());
            self.reading.set(protocol.answers().then_some(id));
            match result {
                Ok(bytes) => protocol.read(self, id, bytes),
                Err(error) => protocol.failed(self, id, error),
            }
        });
        if self.reading.take().is_none() {
            return;
        }
        self.host.guard(|| {
            // A connection that was closed meanwhile has nothing left to flush. The TLS's own messages wait for an answer of this turn.
            let flushed = self.connection(id, |connection| {
                if connection.gathers() {
                    return self.send(id, connection);
                }
                Ok(())
            });
            if let Ok(Err(error)) = flushed {
                self.tell(Event::WriteError(id, error));
            }
        });
    }

    /// A queued write ended.
    pub fn on_written(&self, id: u32, result: Result<(), Errno>) {
        self.go_on(id, |connection| connection.written(result));
    }

    /// A part of a file was read: the end of what [`Host::read_file`] was asked for.
    pub fn on_file_read(&self, id: u32, result: Result<Bytes, Errno>) {
        self.go_on(id, |connection| connection.file_read(result));
    }

    /// Output goes on: `code` says whether all of it has left, and whether that is waited for.
    fn go_on(&self, id: u32, code: impl FnOnce(&mut Connection<H>) -> Result<(bool, bool), Errno>) {
        self.host.guard(|| {
            let went = self.connection(id, |connection| {
                let (left, awaited) = code(connection)?;
                self.ask(id, connection)?;
                Ok(left.then(|| (connection.protocol(), awaited)))
            });
            match went {
                Ok(Ok(Some((protocol, awaited)))) => {
                    let protocol = protocol.unwrap_or_else(|| self.plain.borrow().clone());
                    protocol.drained(self, id, awaited);
                }
                Ok(Err(error)) => self.tell(Event::WriteError(id, error)),
                Ok(Ok(_)) | Err(_) => {}
            }
        });
    }

    /// A port can receive or send, or has failed and is not watched any more.
    pub fn on_ready(&self, id: u32, readable: bool, writable: bool, failed: bool) {
        self.host.guard(|| {
            if writable || failed {
                let _ = self.flush_port(id);
            }
            if readable || failed {
                self.receive(id);
            }
            if failed {
                let _ = self.port(id, |port| port.watch(true));
            }
        });
    }

    /// Hands a port's protocol what has arrived, a turn's share of it.
    fn receive(&self, id: u32) {
        for _ in 0..RECEIVES {
            if !self.receive_some(id) {
                return;
            }
        }
    }

    /// Hands a port's protocol all that has arrived, in a call from above: what it gathers is shown before the loop waits.
    pub fn receive_all(&self, id: u32) {
        while self.receive_some(id) {}
        if !self.ended.replace(true) {
            self.host.report_wait(true);
        }
    }

    /// Returns whether there may be more.
    fn receive_some(&self, id: u32) -> bool {
        let spoken = self.port(id, |port| (port.is_receiving(), port.protocol(), port.socket.clone()));
        let Ok((true, protocol, socket)) = spoken else {
            return false;
        };
        match socket.receive(&mut |from, bytes| protocol.datagram(self, id, from, bytes)) {
            Ok(more) => more,
            Err(error) => {
                protocol.not_received(self, id, error);
                false
            }
        }
    }

    /// Our side is ended.
    pub fn on_shutdown(&self, id: u32, result: Result<(), Errno>) {
        self.host.guard(|| self.tell(Event::Shutdown(id, result)));
    }

    /// A transport is closed.
    pub fn on_closed(&self, id: u32) {
        self.host.guard(|| {
            // One whose slot was never filled (a failed connect or listen) was never the listener's.
            if self.slots.borrow_mut().remove(id).is_some() {
                self.tell(Event::Close(id));
            }
        });
    }

    /// The loop is about to wait.
    pub fn on_wait(&self) {
        self.host.guard(|| self.flush_all());
        if !self.ended.take() {
            return;
        }
        if self.dirty.borrow().is_empty() {
            self.host.report_wait(false);
        }
        self.host.guard(|| self.catch_up());
        // Who hears that something was sent may have sent more: how that ended is told in the next turn, before which there is nothing to wait for.
        self.host.hurry(self.ended.get());
    }

    /// The loop has handled what came.
    pub fn on_turn(&self) {
        // First, because what is gathered meanwhile is for the next turn to show.
        if self.gathering.take() {
            self.host.report_turn(false);
        }
        self.host.guard(|| self.tick());
    }
}
