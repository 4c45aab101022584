//! The interfaces that the engine runs on: event loop, listener, transports. In Node they are libuv and JavaScript;
//! in tests they are a script.

use super::{Datagrams, Engine, Event, FileRange, FileRead};
use crate::errno::Errno;
use bytes::Bytes;

/// An environment: an event loop, and a listener that receives events.
pub trait Host: Sized + 'static {
    /// The streams behind connections and listeners.
    type Transport: Transport;

    /// The sockets behind ports.
    type Datagrams: Datagrams;

    /// Accepts a connection that a listener has reported. The new transport reports its events under `id`.
    ///
    /// # Errors
    /// The system's.
    fn accept(&self, listener: &Self::Transport, id: u32) -> Result<Self::Transport, Errno>;

    /// Turns on or off that [`super::Engine::on_wait`] is called each time before the loop waits for I/O.
    fn report_wait(&self, wanted: bool);

    /// Turns on or off that [`super::Engine::on_turn`] is called each time after the loop has handled its events.
    fn report_turn(&self, wanted: bool);

    /// While `wanted`, the loop polls for I/O without waiting.
    fn hurry(&self, wanted: bool);

    /// Delivers an event to the listener, which may call back into the engine meanwhile.
    fn tell(&self, event: Event<'_>);

    /// Runs `read` on a thread that may wait for a disk, and reports its result to [`Engine::on_file_read`], never
    /// from within this call.
    ///
    /// # Errors
    /// That the read could not be started.
    fn read_file(engine: &Engine<Self>, id: u32, read: FileRead) -> Result<(), Errno>;

    /// Runs a part of a report from the loop, and stops a panic in it from unwinding further.
    fn guard(&self, body: impl FnOnce());
}

/// A byte stream to a peer, or a listener for such streams. It reports its events to the engine under the id that it
/// was created with, never from within a call. Dropping it closes it; [`super::Engine::on_closed`] reports the end of
/// that.
pub trait Transport: Sink {
    /// Closes the stream so that the peer sees an error.
    ///
    /// # Errors
    /// The system's, or that this kind of stream cannot be reset; it is closed all the same.
    fn reset(self) -> Result<(), Errno>;
}

/// A destination of output: a transport, or a filter in front of one.
pub trait Sink {
    /// Writes as much as can be written at once. Returns the number of bytes taken, 0 if the sink takes none now.
    /// `more` says that a file follows, or bytes that end our side.
    ///
    /// # Errors
    /// The system's.
    fn try_write(&self, parts: &[&[u8]], more: bool) -> Result<usize, Errno>;

    /// Whether the end of our side also consists of bytes, as with TLS. They are sent together with the bytes before
    /// them, which are written with `more` set.
    fn ends_with_bytes(&self) -> bool {
        false
    }

    /// Whether bytes taken earlier have not been sent yet, or the sink takes nothing yet. While it is busy, bytes
    /// that were not taken must not be queued, but offered again after [`super::Engine::on_written`].
    fn is_busy(&self) -> bool {
        false
    }

    /// Sends from the front of `range`, at most `share` bytes, as long as the data is in memory and is taken at once.
    /// If the sink stops taking, a small part is queued as by [`Sink::write`], whose end says that more will be
    /// taken. Afterwards `range` holds the bytes that are neither sent nor queued.
    ///
    /// # Errors
    /// The system's, or `EIO` if the file ends before the range.
    fn send_file(&self, range: &mut FileRange, share: u64) -> Result<Sent, Errno>;

    /// Queues bytes in this order. [`super::Engine::on_written`] reports the result.
    ///
    /// # Errors
    /// The system's. Nothing is queued then, and no result is reported.
    fn write(&self, parts: Vec<Bytes>) -> Result<(), Errno>;

    /// Bytes of queued writes that have not been taken yet; 0 after one of them failed.
    fn queued(&self) -> usize;

    /// Ends our sending side after all queued writes. [`super::Engine::on_shutdown`] reports the result.
    ///
    /// # Errors
    /// The system's.
    fn shutdown(&self) -> Result<(), Errno>;
}

/// How far [`Sink::send_file`] got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// The whole range was sent.
    Whole,
    /// This many bytes are queued.
    Queued(usize),
    /// The next bytes are not in memory.
    Cold,
    /// The sink cannot send files, or not this one: it needs the bytes.
    Unable,
}
