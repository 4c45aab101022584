//! What connections speak.

use super::{Engine, Event, Host};
use crate::errno::Errno;
use std::net::SocketAddr;

/// A protocol in one environment. It keeps here what its connections share; what each of them has of its own goes with the connection, see
/// [`Connection::speak`](super::Connection::speak).
///
/// A method may tell the listener, who can call back into the engine and into the protocol: none may be called with a borrow held.
pub trait Protocol<H: Host> {
    /// A connection has received bytes.
    fn read(&self, engine: &Engine<H>, id: u32, bytes: &[u8]) {
        engine.tell(Event::Read(id, Ok(bytes)));
    }

    /// A [`Port`](super::Port) has received a datagram.
    fn datagram(&self, _engine: &Engine<H>, _id: u32, _from: SocketAddr, _bytes: &[u8]) {}

    /// A port could not receive. It goes on: the error may be about something that was sent before, as ICMP has it.
    fn not_received(&self, _engine: &Engine<H>, _id: u32, _error: Errno) {}

    /// The oldest datagram of a port whose end is awaited has left, or could not.
    fn sent(&self, _engine: &Engine<H>, _id: u32, _result: Result<(), Errno>) {}

    /// Whether what a read makes its connection write is an answer, best written when the read is done. What is not rather leaves with what
    /// other connections write in this turn.
    fn answers(&self) -> bool {
        true
    }

    /// A connection will receive nothing more: [`Errno::EOF`] when the peer has ended its side.
    fn failed(&self, engine: &Engine<H>, id: u32, error: Errno) {
        engine.tell(Event::Read(id, Err(error)));
    }

    /// Everything written to a connection has left; `awaited` when the listener was told to wait for that.
    fn drained(&self, engine: &Engine<H>, id: u32, awaited: bool) {
        if awaited {
            engine.tell(Event::Drain(id));
        }
    }

    /// What reads have gathered is to be shown now, see [`Engine::gather`].
    fn tick(&self, _engine: &Engine<H>) {}

    /// The environment ends: nothing is shown any more.
    fn silence(&self) {}
}

/// What connections speak that speak nothing: their bytes are shown to the listener as they come.
pub(super) struct Plain;

impl<H: Host> Protocol<H> for Plain {}
