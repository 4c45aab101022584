//! What the engine stands on and whom it tells. In Node that is libuv's loop below and JavaScript above; in tests it is a script.

use super::{Datagrams, Engine, Event, FileRange, FileRead};
use crate::errno::Errno;
use bytes::Bytes;

/// An environment: its loop, and whoever listens.
pub trait Host: Sized + 'static {
    /// What connections and listeners are made of.
    type Transport: Transport;

    /// What ports are made of.
    type Datagrams: Datagrams;

    /// Takes a connection that a listener has reported; it reports under `id`.
    ///
    /// # Errors
    /// The system's.
    fn accept(&self, listener: &Self::Transport, id: u32) -> Result<Self::Transport, Errno>;

    /// Has [`super::Engine::on_wait`] called each time before the loop waits for I/O, or no longer.
    fn report_wait(&self, wanted: bool);

    /// Has [`super::Engine::on_turn`] called each time after the loop has handled what came, or no longer.
    fn report_turn(&self, wanted: bool);

    /// Has the loop go round without waiting for I/O, or no longer.
    fn hurry(&self, wanted: bool);

    /// Tells the listener. It can call back into the engine meanwhile.
    fn tell(&self, event: Event<'_>);

    /// Runs `read` where it may wait for a disk, and reports what it says to [`Engine::on_file_read`], not from within this call.
    ///
    /// # Errors
    /// That it cannot.
    fn read_file(engine: &Engine<Self>, id: u32, read: FileRead) -> Result<(), Errno>;

    /// Runs a part of a report from below. A panic in it ends here.
    fn guard(&self, body: impl FnOnce());
}

/// A stream of bytes to a peer, or a listener for such. What happens on it is reported to the engine, under the id that it was made with,
/// and never from within a call. Dropping it closes it, which is reported as [`super::Engine::on_closed`].
pub trait Transport: Sink {
    /// Closes in a way that the peer sees as an error.
    ///
    /// # Errors
    /// The system's, or that there is no such way; it is closed all the same.
    fn reset(self) -> Result<(), Errno>;
}

/// Where output goes: a transport, or a filter before one.
pub trait Sink {
    /// Writes what is taken at once; returns how many bytes that is, 0 when none are taken now. With `more`, a file follows.
    ///
    /// # Errors
    /// The system's.
    fn try_write(&self, parts: &[&[u8]], more: bool) -> Result<usize, Errno>;

    /// Whether its end consists of bytes, too. They leave with the bytes before them, for which `more` is set then.
    fn ends_with_bytes(&self) -> bool {
        false
    }

    /// Whether some of what was taken has not left, or nothing is taken yet. What was not taken is to be offered again after
    /// [`super::Engine::on_written`], not queued.
    fn is_busy(&self) -> bool {
        false
    }

    /// Sends from the front of `range`, at most `share` bytes of what is in memory, as long as they are taken at once. When some of it is left
    /// then, a small part is queued as by [`Sink::write`]: its end says that more will be taken. `range` is left with what has neither
    /// left nor is queued.
    ///
    /// # Errors
    /// The system's, or `EIO` for a file that ends before the range.
    fn send_file(&self, range: &mut FileRange, share: u64) -> Result<Sent, Errno>;

    /// Queues bytes, in this order; the end is [`super::Engine::on_written`].
    ///
    /// # Errors
    /// The system's: nothing is queued then, and no end comes.
    fn write(&self, parts: Vec<Bytes>) -> Result<(), Errno>;

    /// Bytes of queued writes that are not taken yet; 0 after one of them failed.
    fn queued(&self) -> usize;

    /// Ends our side after all queued writes; the end is [`super::Engine::on_shutdown`].
    ///
    /// # Errors
    /// The system's.
    fn shutdown(&self) -> Result<(), Errno>;
}

/// What became of a range of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// All of it has left.
    Whole,
    /// So many bytes are queued.
    Queued(usize),
    /// What comes next is not in memory.
    Cold,
    /// The transport sends no files, or not this one: it wants bytes.
    Unable,
}
