//! The engine of one environment. It owns every connection and listener, dispatches received bytes to protocols, and
//! decides when written bytes are sent.
//!
//! The engine knows neither Node nor libuv nor any protocol. It reaches Node and libuv through its [`Host`], and
//! every protocol through the [`Protocol`] trait; its tests replace both with a script. Everything runs on one
//! thread: the engine is entered by reports from the host (`on_…` methods) and by calls from the listener. A protocol
//! or listener that receives an event may call back into the engine, so the slot table is never borrowed while an
//! event is delivered.
//!
//! Writes are gathered per connection and sent together: at the end of the read event that caused them, or before the
//! loop waits for I/O, whichever comes first.

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

/// Gathered output of this many bytes is sent at once instead of at the end of the turn. It is about the size of a
/// socket buffer, so gathering more saves nothing.
const FLUSH_AT: usize = 64 * 1024;

/// A chunk of at least this many bytes is offered to the transport in place instead of being copied into the gathered
/// output.
pub const LARGE_WRITE: usize = 16 * 1024;

/// The most bytes that a protocol receives in one read. Decryption can yield more than one transport read, because it
/// can complete TLS records that had arrived in part before; the excess is delivered as further reads.
pub const LARGEST_READ: usize = 64 * 1024;

/// How many times a port receives in one turn of the loop while more datagrams are available. The limit keeps one
/// busy port from starving the others.
const RECEIVES: usize = 8;

/// An event for the listener. The first field of each variant is the id of the connection or listener concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// A listener has accepted a connection, whose id is given, or failed to accept one.
    Connection(u32, Result<u32, Errno>),
    /// A connection attempt has succeeded or failed.
    Connected(u32, Result<(), Errno>),
    /// A connection without a protocol has received bytes; or, on any connection, nothing more will be received
    /// ([`Errno::EOF`] after the peer ended its side).
    Read(u32, Result<&'a [u8], Errno>),
    /// All written bytes have been sent.
    Drain(u32),
    /// A write failed.
    WriteError(u32, Errno),
    /// Our sending side has ended, or could not be ended.
    Shutdown(u32, Result<(), Errno>),
    /// The transport is closed. The id is invalid from now on.
    Close(u32),
    /// A TLS client cannot be served by the session here. [`Engine::unsecure`] returns the bytes received so far, so
    /// that another TLS implementation can take over.
    Unanswered(u32),
    /// A TLS client has sent its ClientHello and waits for [`Engine::answer`].
    Hello(u32),
    /// The TLS handshake is complete.
    Secured(u32),
    /// TLS has failed. Nothing more will be received.
    Insecure(u32, &'a Failure),
    /// TLS secrets of a connection, in the format of an NSS key log.
    Keys(u32, &'a str),
    /// A TLS server has issued a session that can be resumed later; it is identified by its name.
    Session(u32, &'a SessionName),
}

enum Slot<H: Host> {
    Listener(Rc<H::Transport>),
    Connection(Box<Connection<H>>),
    Port(Box<Port<H>>),
    /// The slot's owner has dropped it, but the host has not reported the close yet.
    Closing,
}

/// See the module's documentation.
pub struct Engine<H: Host> {
    host: H,
    slots: RefCell<Slots<Slot<H>>>,
    protocols: RefCell<Vec<Rc<dyn Protocol<H>>>>,
    /// Receives the bytes of connections that have no protocol of their own.
    plain: RefCell<Rc<dyn Protocol<H>>>,
    /// A protocol has gathered events that [`Engine::on_turn`] must deliver.
    gathering: Cell<bool>,
    /// A protocol has gathered events, mostly results of sends, that must be delivered before the loop waits.
    ended: Cell<bool>,
    /// Connections and ports whose output must be flushed before the loop waits.
    dirty: RefCell<Vec<u32>>,
    /// The connection whose read event is being delivered. Its output is flushed at the end of that event.
    reading: Cell<Option<u32>>,
    /// A buffer for decrypted bytes, reused between reads.
    plaintext: RefCell<Vec<u8>>,
}

impl<H: Host> Engine<H> {
    /// Creates an engine without connections.
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

    /// Returns the host of this engine.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// Registers `protocol`, so that its [`Protocol::tick`] and [`Protocol::silence`] are called.
    pub fn add_protocol(&self, protocol: Rc<dyn Protocol<H>>) {
        self.protocols.borrow_mut().push(protocol);
    }

    /// Makes `protocol` receive the bytes of every connection without a protocol of its own, instead of passing each
    /// read to the listener.
    pub fn add_plain(&self, protocol: Rc<dyn Protocol<H>>) {
        self.plain.replace(protocol.clone());
        self.add_protocol(protocol);
    }

    /// Called by a protocol that has gathered events. [`Protocol::tick`] will be called after the last read of this
    /// turn, and always before any other event is delivered.
    pub fn gather(&self) {
        if !self.gathering.replace(true) {
            self.host.report_turn(true);
        }
    }

    /// Like [`Engine::gather`], for calls from the listener. Such a call may not be followed by a turn of the loop on
    /// its own, so the events are also delivered before the loop waits.
    pub fn gather_before_wait(&self) {
        self.gather();
        if !self.ended.replace(true) {
            self.host.report_wait(true);
        }
    }

    /// Delivers all gathered events now.
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

    /// Delivers `event` to the listener, after all events gathered before it.
    pub fn tell(&self, event: Event<'_>) {
        self.catch_up();
        self.host.tell(event);
    }

    /// Runs `code` on a connection. `code` must not deliver events: the slot table is borrowed while it runs.
    ///
    /// # Errors
    /// `EBADF` for a stale id, `EINVAL` for the id of a listener or port.
    pub fn connection<T>(&self, id: u32, code: impl FnOnce(&mut Connection<H>) -> T) -> Result<T, Errno> {
        match self.slots.borrow_mut().get_mut(id) {
            Some(Slot::Connection(connection)) => Ok(code(connection)),
            Some(Slot::Listener(_) | Slot::Port(_)) => Err(Errno::EINVAL),
            _ => Err(Errno::EBADF),
        }
    }

    /// Runs `code` on the protocol's state of a connection. Returns `None` if the connection is gone or its state is
    /// not an `S`.
    pub fn state<S: Any, T>(&self, id: u32, code: impl FnOnce(&mut S) -> T) -> Option<T> {
        self.connection(id, |connection| connection.state().map(code)).ok()?
    }

    /// Runs `code` on the transport of a connection.
    ///
    /// # Errors
    /// Those of [`Engine::connection`], or the error that `code` returns.
    pub fn stream<T>(&self, id: u32, code: impl FnOnce(&H::Transport) -> Result<T, Errno>) -> Result<T, Errno> {
        self.connection(id, |connection| code(&connection.transport))?
    }

    /// Runs `code` on the transport of a connection or listener.
    ///
    /// # Errors
    /// `EBADF` for a stale id, `EINVAL` for a port, or the error that `code` returns.
    pub fn any_stream<T>(&self, id: u32, code: impl FnOnce(&H::Transport) -> Result<T, Errno>) -> Result<T, Errno> {
        match self.slots.borrow_mut().get_mut(id) {
            Some(Slot::Connection(connection)) => code(&connection.transport),
            Some(Slot::Listener(listener)) => code(listener),
            Some(Slot::Port(_)) => Err(Errno::EINVAL),
            _ => Err(Errno::EBADF),
        }
    }

    /// Runs `code` on a port. `code` must not deliver events: the slot table is borrowed while it runs.
    ///
    /// # Errors
    /// `EBADF` for a stale id, `EINVAL` for the id of a connection or listener.
    pub fn port<T>(&self, id: u32, code: impl FnOnce(&mut Port<H>) -> T) -> Result<T, Errno> {
        match self.slots.borrow_mut().get_mut(id) {
            Some(Slot::Port(port)) => Ok(code(port)),
            Some(Slot::Listener(_) | Slot::Connection(_)) => Err(Errno::EINVAL),
            _ => Err(Errno::EBADF),
        }
    }

    /// Starts to connect the transport of a connection.
    ///
    /// # Errors
    /// `EALREADY` if a connect was started before, those of [`Engine::connection`], or the error that `start`
    /// returns.
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

    /// Adds a listener and returns its id. `make` receives the id and creates the transport.
    ///
    /// # Errors
    /// `EMFILE` when all slots are in use, or the error that `make` returns.
    pub fn insert_listener(&self, make: impl FnOnce(u32) -> Result<H::Transport, Errno>) -> Result<u32, Errno> {
        self.insert(|id| Ok(Slot::Listener(Rc::new(make(id)?))))
    }

    /// Adds a connection and returns its id. `make` receives the id and creates the transport.
    ///
    /// # Errors
    /// `EMFILE` when all slots are in use, or the error that `make` returns.
    pub fn insert_connection(&self, make: impl FnOnce(u32) -> Result<H::Transport, Errno>) -> Result<u32, Errno> {
        self.insert(|id| Ok(Slot::Connection(Box::new(Connection::new(make(id)?)))))
    }

    /// Adds a port and returns its id. `make` receives the id and creates the socket; `protocol` gets the received
    /// datagrams.
    ///
    /// # Errors
    /// `EMFILE` when all slots are in use, or the error that `make` returns.
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

    /// Gathers output: `fill` appends the bytes. Returns 1 if the listener should wait for [`Event::Drain`] before it
    /// writes more, 0 if not, or a negative errno.
    ///
    /// # Errors
    /// The error that `fill` returns; none of its bytes are sent then.
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

    /// Lets a protocol's state gather output. `code` receives the state, the buffer to append to, and the number of
    /// bytes that were queued before. Returns `None` if the connection is gone or its state is not an `S`.
    pub fn append_with<S: Any, T>(&self, id: u32, code: impl FnOnce(&mut S, &mut Vec<u8>, u64) -> T) -> Option<T> {
        let appended = self.connection(id, |connection| {
            let (made, gathered) = connection.gather_with(code)?;
            if gathered >= FLUSH_AT {
                // The error is reported when the flush is tried again: the caller must not be re-entered from here.
                let _ = self.send(id, connection);
            }
            self.touch(id, connection);
            Some(made)
        });
        appended.ok()?
    }

    /// Gathers bytes that may be shared with other connections. Returns the same as [`Engine::append`].
    pub fn share(&self, id: u32, bytes: Bytes) -> i32 {
        let appended = self.connection(id, |connection| {
            connection.share(bytes);
            self.appended(id, connection)
        });
        appended.unwrap_or_else(|error| error.0)
    }

    /// Gathers a range of a file. It is read only as fast as the peer accepts it. If the file turns out to be shorter
    /// than the range, the listener gets [`Event::WriteError`] and nothing more is sent. Returns the same as
    /// [`Engine::append`].
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

    /// Writes at least [`LARGE_WRITE`] bytes. They are copied only if they cannot be sent at once. Returns the same
    /// as [`Engine::append`].
    pub fn write_large(&self, id: u32, bytes: &[u8]) -> i32 {
        let written = self.connection(id, |connection| {
            connection.write(bytes)?;
            self.ask(id, connection)?;
            Ok(connection.backlog())
        });
        written.and_then(|result| result).unwrap_or_else(|error| error.0)
    }

    /// Gathers one datagram, whose bytes `fill` appends. It is sent with the other datagrams of this turn. If
    /// `awaited`, [`Protocol::sent`] reports its result.
    ///
    /// # Errors
    /// The error that `fill` returns. The inner result has the errors of [`Engine::port`].
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

    /// Sends the datagrams that a port has gathered.
    ///
    /// # Errors
    /// Those of [`Engine::port`]. Send errors go to [`Protocol::sent`].
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

    /// Passes waiting output to the transport.
    fn send(&self, id: u32, connection: &mut Connection<H>) -> Result<(), Errno> {
        connection.flush()?;
        self.ask(id, connection)
    }

    /// Asks the host to read the part of a file that the connection's output needs next, if any.
    fn ask(&self, id: u32, connection: &mut Connection<H>) -> Result<(), Errno> {
        match connection.asks() {
            Some(read) => H::read_file(self, id, read),
            None => Ok(()),
        }
    }

    /// Makes sure that gathered output is sent in this turn of the loop.
    fn touch(&self, id: u32, connection: &mut Connection<H>) {
        if connection.gathers() && self.reading.get() != Some(id) {
            self.soil(id, connection);
        }
    }

    /// Makes sure that a connection is flushed before the loop waits.
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

    /// Sends the gathered output now.
    ///
    /// # Errors
    /// Those of [`Engine::connection`], or the system's.
    pub fn flush(&self, id: u32) -> Result<(), Errno> {
        self.connection(id, |connection| self.send(id, connection))?
    }

    /// Sends the gathered output of every connection and port now, so that nothing is lost when the process exits on
    /// its own.
    pub fn flush_all(&self) {
        let dirty = self.dirty.take();
        if !dirty.is_empty() && !self.ended.get() {
            self.host.report_wait(false);
        }
        // If the process exits inside a read event, the end of that event never comes, which would have flushed its
        // connection.
        for id in self.reading.get().into_iter().chain(dirty) {
            let flushed = self.connection(id, |connection| {
                connection.dirty = false;
                self.send(id, connection)
            });
            match flushed {
                Ok(Err(error)) => self.tell(Event::WriteError(id, error)),
                // The id belongs to a port, unless it is stale.
                Err(_) if self.port(id, |port| port.dirty = false).is_ok() => {
                    let _ = self.flush_port(id);
                }
                _ => {}
            }
        }
    }

    /// Ends our sending side after everything written so far. [`Event::Shutdown`] reports the result.
    ///
    /// # Errors
    /// Those of [`Engine::connection`], or the system's.
    pub fn end(&self, id: u32) -> Result<(), Errno> {
        self.connection(id, |connection| {
            connection.end()?;
            self.ask(id, connection)
        })?
    }

    /// Closes a connection, listener or port. Gathered output is offered to the transport once more first, unless
    /// `reset` is set: then the peer sees an error. [`Event::Close`] follows, after which the id is stale.
    ///
    /// # Errors
    /// `EBADF` for a stale id, or the error of a failed reset; the connection is closed even then.
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
                // The caller asked to close, so a peer that is already gone is not an error.
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

    /// The number of slots in use, for leak tests.
    pub fn slots_in_use(&self) -> usize {
        self.slots.borrow().len()
    }

    /// Called when the environment ends: sends the gathered output and closes everything. No [`Event::Close`]
    /// follows.
    pub fn close_all(&self) {
        for protocol in &*self.protocols.borrow() {
            protocol.silence();
        }
        self.flush_all();
        let slots = self.slots.borrow_mut().drain();
        drop(slots);
    }

    /// The host reports that a listener has a connection to accept.
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

    /// The host reports the result of a connect.
    pub fn on_connected(&self, id: u32, result: Result<(), Errno>) {
        self.host.guard(|| self.tell(Event::Connected(id, result)));
    }

    /// Switches a connection to TLS. A protocol that the connection speaks now or later is carried over TLS.
    ///
    /// # Errors
    /// Those of [`Engine::connection`], or the system's; `EALREADY` if the connection already speaks TLS or has
    /// unsent output.
    pub fn secure(&self, id: u32, session: Session) -> Result<(), Errno> {
        self.connection(id, |connection| {
            if connection.filter.is_some() || connection.queued() > 0 {
                return Err(Errno::EALREADY);
            }
            connection.filter = Some(Box::new(Filter::new(session)));
            connection.flush()
        })?
    }

    /// Confirms that the server at the other end of a client's connection is the expected one. Waiting output is sent
    /// as soon as the handshake is complete.
    ///
    /// # Errors
    /// Those of [`Engine::connection`].
    pub fn trust(&self, id: u32) -> Result<(), Errno> {
        self.connection(id, Connection::trust)?;
        self.go_on(id, Connection::secured);
        Ok(())
    }

    /// Removes TLS from a connection whose client was not answered. Returns the bytes received so far.
    ///
    /// # Errors
    /// Those of [`Engine::connection`].
    pub fn unsecure(&self, id: u32) -> Result<Vec<u8>, Errno> {
        let filter = self.connection(id, |connection| connection.filter.take())?;
        Ok(filter.map_or_else(Vec::new, |filter| filter.into_session().received()))
    }

    /// Answers the ClientHello of a TLS client that was reported as [`Event::Hello`].
    pub fn answer(&self, id: u32, answer: Answer) {
        self.decrypt(id, |filter, plain| filter.answer(answer, plain));
    }

    /// The host reports received bytes, or that no more will come.
    pub fn on_read(&self, id: u32, result: Result<&[u8], Errno>) {
        let ended = self.connection(id, |connection| {
            connection.filter.as_ref().map(|filter| filter.has_ended())
        });
        match (ended, result) {
            (Ok(Some(_)), Ok(bytes)) => self.decrypt(id, |filter, plain| filter.receive(bytes, plain)),
            // The peer already ended its side on the TLS level, so the end of the transport's input is ignored.
            (Ok(Some(true)), Err(Errno::EOF)) => {}
            _ => self.received(id, result),
        }
    }

    /// Passes input to the filter through `hear` and delivers the resulting events. [`Event::Secured`] comes before
    /// the decrypted bytes, because its receiver may choose the protocol that gets them.
    fn decrypt(&self, id: u32, hear: impl FnOnce(&mut Filter, &mut Vec<u8>) -> News) {
        let mut plain = self.plaintext.take();
        plain.clear();
        let decrypted = self.connection(id, |connection| connection.decrypt(&mut plain, hear));
        // The connection is closed, so there is no receiver.
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
            // Messages of TLS itself, such as tickets, are sent with an answer of this turn.
            let _ = self.connection(id, |connection| {
                if connection.filter().is_some_and(|filter| filter.waiting() > 0) {
                    self.soil(id, connection);
                }
            });
        }
        self.plaintext.replace(plain);
    }

    /// Handles bytes that came over the transport before the connection's protocol was known. Their events are
    /// delivered before this returns.
    pub fn feed(&self, id: u32, bytes: &[u8]) {
        self.on_read(id, Ok(bytes));
        self.catch_up();
    }

    /// Handles bytes that did not come over the transport. They bypass TLS. Their events are delivered before this
    /// returns.
    pub fn inject(&self, id: u32, bytes: &[u8]) {
        self.received(id, Ok(bytes));
        self.catch_up();
    }

    /// Passes bytes, or the end of input, to the connection's protocol.
    fn received(&self, id: u32, result: Result<&[u8], Errno>) {
        self.host.guard(|| {
            let spoken = self.connection(id, |connection| {
                connection.received += result.map_or(0, <[u8]>::len) as u64;
                (connection.protocol(), connection.gathered)
            });
            // The connection is closed, so there is no receiver.
            let Ok((protocol, gathered)) = spoken else { return };
            if gathered && protocol.is_some() {
                // Bytes gathered before the connection had a protocol are delivered first.
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
            // A connection that was closed during the read has nothing left to flush. Messages of TLS itself wait for an
            // answer of this turn.
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

    /// The host reports the result of a queued write.
    pub fn on_written(&self, id: u32, result: Result<(), Errno>) {
        self.go_on(id, |connection| connection.written(result));
    }

    /// The host reports the result of a read that [`Host::read_file`] was asked for.
    pub fn on_file_read(&self, id: u32, result: Result<Bytes, Errno>) {
        self.go_on(id, |connection| connection.file_read(result));
    }

    /// Continues output after a report. `code` returns whether all output has been sent, and whether the listener
    /// waits for that.
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

    /// The host reports that a port can receive or send, or that watching it has failed; after a failure, watching is
    /// started again.
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

    /// Passes arrived datagrams to a port's protocol, at most [`RECEIVES`] batches per turn.
    fn receive(&self, id: u32) {
        for _ in 0..RECEIVES {
            if !self.receive_some(id) {
                return;
            }
        }
    }

    /// Passes all arrived datagrams to a port's protocol, in a call from the listener. Events that the protocol
    /// gathers are delivered before the loop waits.
    pub fn receive_all(&self, id: u32) {
        while self.receive_some(id) {}
        if !self.ended.replace(true) {
            self.host.report_wait(true);
        }
    }

    /// Receives one batch. Returns whether more may be available.
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

    /// The host reports the result of ending our side.
    pub fn on_shutdown(&self, id: u32, result: Result<(), Errno>) {
        self.host.guard(|| self.tell(Event::Shutdown(id, result)));
    }

    /// The host reports that a transport is closed.
    pub fn on_closed(&self, id: u32) {
        self.host.guard(|| {
            // A slot that was never filled, because a connect or listen failed, was never known to the listener.
            if self.slots.borrow_mut().remove(id).is_some() {
                self.tell(Event::Close(id));
            }
        });
    }

    /// The host reports that the loop is about to wait.
    pub fn on_wait(&self) {
        self.host.guard(|| self.flush_all());
        if !self.ended.take() {
            return;
        }
        if self.dirty.borrow().is_empty() {
            self.host.report_wait(false);
        }
        self.host.guard(|| self.catch_up());
        // A receiver of these events may have sent more datagrams. Their results are delivered in the next turn, so
        // the loop must not wait before it.
        self.host.hurry(self.ended.get());
    }

    /// The host reports that the loop has handled all pending events.
    pub fn on_turn(&self) {
        // Reset first: events gathered during the tick belong to the next turn.
        if self.gathering.take() {
            self.host.report_turn(false);
        }
        self.host.guard(|| self.tick());
    }
}
