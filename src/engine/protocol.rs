//! The interface between the engine and the protocols that connections speak.

use super::{Engine, Event, Host};
use crate::errno::Errno;
use std::net::SocketAddr;

/// A protocol in one environment. The implementor holds what all its connections share; the state of a single
/// connection is stored with that connection, see [`Connection::speak`](super::Connection::speak).
///
/// Methods may deliver events to the listener, which may call back into the engine and the protocol. So the caller
/// must not hold a borrow during a call.
pub trait Protocol<H: Host> {
    /// A connection has received bytes.
    fn read(&self, engine: &Engine<H>, id: u32, bytes: &[u8]) {
        engine.tell(Event::Read(id, Ok(bytes)));
    }

    /// A [`Port`](super::Port) has received a datagram.
    fn datagram(&self, _engine: &Engine<H>, _id: u32, _from: SocketAddr, _bytes: &[u8]) {}

    /// A port failed to receive. It keeps receiving: the error may concern a datagram sent earlier, as with an ICMP
    /// error.
    fn not_received(&self, _engine: &Engine<H>, _id: u32, _error: Errno) {}

    /// The oldest datagram of a port whose result is awaited was sent, or failed.
    fn sent(&self, _engine: &Engine<H>, _id: u32, _result: Result<(), Errno>) {}

    /// Whether output written during a read is an answer, which is sent as soon as the read event ends. If `false`,
    /// it is sent before the loop waits, together with the output of other connections.
    fn answers(&self) -> bool {
        true
    }

    /// Nothing more will be received. The error is [`Errno::EOF`] when the peer has ended its side.
    fn failed(&self, engine: &Engine<H>, id: u32, error: Errno) {
        engine.tell(Event::Read(id, Err(error)));
    }

    /// All written bytes have been sent. `awaited` is set when the listener was asked to wait for that.
    fn drained(&self, engine: &Engine<H>, id: u32, awaited: bool) {
        if awaited {
            engine.tell(Event::Drain(id));
        }
    }

    /// Delivers the events that reads have gathered, see [`Engine::gather`].
    fn tick(&self, _engine: &Engine<H>) {}

    /// The environment ends: no more events may be delivered.
    fn silence(&self) {}
}

/// The protocol of connections without one: passes each read to the listener.
pub(super) struct Plain;

impl<H: Host> Protocol<H> for Plain {}
