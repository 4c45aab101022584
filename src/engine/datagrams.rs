//! Datagram sockets: the queue of datagrams to send, and how they are grouped into system calls.

use super::{Host, Protocol};
use crate::errno::Errno;
use std::net::SocketAddr;
use std::rc::Rc;

/// The longest datagram that is sent together with others as one message, which the system splits (generic
/// segmentation offload). It is the size that every IPv6 link must carry (1,280 bytes, RFC 8200) less the headers. A
/// longer one might not fit a link on its way, and the system does not fragment the pieces.
const CUT: usize = 1280 - 40 - 8;

/// The most datagrams in one such message: `UDP_MAX_SEGMENTS` of Linux. Newer versions allow twice as many.
const CUTS: usize = 64;

/// The most bytes in one such message: its length field has 16 bits and includes the headers.
const RUN: usize = 65_000;

/// When this many datagrams or bytes are gathered, they are sent at once instead of at the end of the turn: gathering
/// more saves nothing.
const FLUSH_AT: (usize, usize) = (256, 64 * 1024);

/// The capacity in bytes that an empty queue keeps for the next turn.
const KEPT: usize = 256 * 1024;

/// A datagram socket. It reports its events to the engine under the id that it was created with, never from within a
/// call. Dropping it closes it; [`super::Engine::on_closed`] reports the end of that.
pub trait Datagrams {
    /// Passes arrived datagrams to `each`, at most as many as one system call returns. Returns whether there may be
    /// more.
    ///
    /// # Errors
    /// The system's, which may concern a datagram sent earlier.
    fn receive(&self, each: &mut dyn FnMut(SocketAddr, &[u8])) -> Result<bool, Errno>;

    /// Sends datagrams from the front of `batch`. Returns how many were sent, 0 if the system takes none now.
    ///
    /// # Errors
    /// The system's, about the first datagram. None was sent then.
    fn send(&self, batch: &Batch<'_>) -> Result<usize, Errno>;

    /// Requests calls of [`super::Engine::on_ready`] while there is something to receive (`readable`) or room to send
    /// (`writable`). An error report ends watching; `again` starts it anew.
    ///
    /// # Errors
    /// The system's.
    fn watch(&self, readable: bool, writable: bool, again: bool) -> Result<(), Errno>;
}

/// A queued datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Outgoing {
    /// `None` for a connected socket.
    to: Option<SocketAddr>,
    length: usize,
    /// Whether the sender wants to hear of its result.
    awaited: bool,
}

/// Queued datagrams, the next one first.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    bytes: &'a [u8],
    datagrams: &'a [Outgoing],
}

/// Datagrams that can be sent as one message: all to the same peer and of the same length, except for the last, which
/// may be shorter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run<'a> {
    /// The peer; `None` for a connected socket.
    pub to: Option<SocketAddr>,
    /// Their bytes, one datagram after another.
    pub bytes: &'a [u8],
    /// The number of datagrams.
    pub count: usize,
    /// The length in bytes of each but the last.
    pub length: usize,
}

impl<'a> Batch<'a> {
    /// Splits the batch into runs. Without `cut`, each datagram is a run of its own.
    pub fn runs(self, cut: bool) -> impl Iterator<Item = Run<'a>> {
        let Batch {
            mut bytes,
            mut datagrams,
        } = self;
        std::iter::from_fn(move || {
            let first = datagrams.first()?;
            let (mut count, mut total) = (1, first.length);
            let most = if cut && first.length <= CUT { CUTS } else { 1 };
            while count < most
                && let Some(next) = datagrams.get(count)
                // An empty datagram would vanish inside a run.
                && (1..=first.length).contains(&next.length)
                && next.to == first.to
                && total + next.length <= RUN
            {
                count += 1;
                total += next.length;
                if next.length < first.length {
                    break;
                }
            }
            let (run, rest) = bytes.split_at(total);
            bytes = rest;
            datagrams = &datagrams[count..];
            Some(Run {
                to: first.to,
                bytes: run,
                count,
                length: first.length,
            })
        })
    }
}

/// The send queue of a socket.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    datagrams: Vec<Outgoing>,
    /// How many bytes and datagrams at the front have been sent. They are removed when all, or more than half, have
    /// been sent.
    gone: (usize, usize),
}

impl Queue {
    fn count(&self) -> usize {
        self.datagrams.len() - self.gone.1
    }

    fn size(&self) -> usize {
        self.bytes.len() - self.gone.0
    }

    fn batch(&self) -> Batch<'_> {
        Batch {
            bytes: &self.bytes[self.gone.0..],
            datagrams: &self.datagrams[self.gone.1..],
        }
    }

    /// Marks the next datagram as done. Returns whether its result is awaited, or `None` if there is none.
    fn next(&mut self) -> Option<bool> {
        let next = *self.datagrams.get(self.gone.1)?;
        self.gone = (self.gone.0 + next.length, self.gone.1 + 1);
        Some(next.awaited)
    }

    fn tidy(&mut self) {
        if self.count() == 0 {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
            self.datagrams.clear();
            self.datagrams.shrink_to(KEPT / size_of::<Outgoing>());
        } else if self.gone.1 > self.count() {
            self.bytes.drain(..self.gone.0);
            self.datagrams.drain(..self.gone.1);
        } else {
            return;
        }
        self.gone = (0, 0);
    }
}

/// The destination of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// The peer that the socket is connected to.
    Connected,
    /// The same address as the last datagram that had an address.
    Again,
    /// This address.
    Address(SocketAddr),
}

/// A datagram socket in the engine.
pub struct Port<H: Host> {
    /// The system's socket.
    pub socket: Rc<H::Datagrams>,
    protocol: Rc<dyn Protocol<H>>,
    queue: Queue,
    last: Option<SocketAddr>,
    receiving: bool,
    /// The system takes no datagrams for now.
    full: bool,
    /// Whether its id is in the engine's list of output to flush before the loop waits.
    pub(super) dirty: bool,
}

impl<H: Host> Port<H> {
    pub(super) fn new(socket: H::Datagrams, protocol: Rc<dyn Protocol<H>>) -> Port<H> {
        Port {
            socket: Rc::new(socket),
            protocol,
            queue: Queue::default(),
            last: None,
            receiving: false,
            full: false,
            dirty: false,
        }
    }

    /// Makes `protocol` receive the datagrams from now on.
    pub fn speak(&mut self, protocol: Rc<dyn Protocol<H>>) {
        self.protocol = protocol;
    }

    /// The protocol that receives the datagrams.
    pub fn protocol(&self) -> Rc<dyn Protocol<H>> {
        self.protocol.clone()
    }

    /// Whether arriving datagrams are received.
    pub fn is_receiving(&self) -> bool {
        self.receiving
    }

    /// Starts or stops receiving.
    ///
    /// # Errors
    /// The system's.
    pub fn receive(&mut self, receiving: bool) -> Result<(), Errno> {
        self.receiving = receiving;
        self.watch(false)
    }

    pub(super) fn watch(&self, again: bool) -> Result<(), Errno> {
        self.socket.watch(self.receiving, self.full, again)
    }

    /// The number of queued datagrams, and of their bytes.
    pub fn queued(&self) -> (usize, usize) {
        (self.queue.count(), self.queue.size())
    }

    /// Whether there are gathered datagrams that no pending report will send.
    pub(super) fn gathers(&self) -> bool {
        self.queue.count() > 0 && !self.full
    }

    /// Gathers a datagram, whose bytes `fill` appends. Returns whether the queue is full enough to be sent at once.
    pub(super) fn push<E>(
        &mut self,
        to: To,
        awaited: bool,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let start = self.queue.bytes.len();
        if let Err(error) = fill(&mut self.queue.bytes) {
            self.queue.bytes.truncate(start);
            return Err(error);
        }
        let length = self.queue.bytes.len() - start;
        let to = match to {
            To::Connected => None,
            To::Again => self.last,
            To::Address(address) => {
                self.last = Some(address);
                self.last
            }
        };
        self.queue.datagrams.push(Outgoing { to, length, awaited });
        Ok(!self.full && (self.queue.count() >= FLUSH_AT.0 || self.queue.size() >= FLUSH_AT.1))
    }

    /// Sends the queue until the system takes no more. `ended` is called with the result of each datagram that is
    /// awaited.
    pub(super) fn flush(&mut self, mut ended: impl FnMut(Result<(), Errno>)) {
        self.full = false;
        while self.queue.count() > 0 {
            let (result, count) = match self.socket.send(&self.queue.batch()) {
                Ok(0) => {
                    self.full = true;
                    break;
                }
                Ok(count) => (Ok(()), count),
                Err(error) => (Err(error), 1),
            };
            for _ in 0..count {
                if self.queue.next() == Some(true) {
                    ended(result);
                }
            }
        }
        self.queue.tidy();
        if let Err(error) = self.watch(false) {
            // No report will say when there is room again.
            self.cancel(error, ended);
        }
    }

    /// Drops the queue. `ended` is called with `error` for each datagram that is awaited.
    pub(super) fn cancel(&mut self, error: Errno, mut ended: impl FnMut(Result<(), Errno>)) {
        while let Some(awaited) = self.queue.next() {
            if awaited {
                ended(Err(error));
            }
        }
        self.queue.tidy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn peer(port: u16) -> Option<SocketAddr> {
        Some(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn queue(lengths: &[(u16, usize)]) -> Queue {
        let mut queue = Queue::default();
        for (at, &(port, length)) in lengths.iter().enumerate() {
            queue.bytes.resize(queue.bytes.len() + length, at as u8);
            queue.datagrams.push(Outgoing {
                to: peer(port),
                length,
                awaited: at % 2 == 0,
            });
        }
        queue
    }

    fn counts(queue: &Queue, cut: bool) -> Vec<usize> {
        queue.batch().runs(cut).map(|run| run.count).collect()
    }

    #[test]
    fn equal_ones_to_one_peer_are_a_run_and_a_shorter_one_ends_it() {
        let queue = queue(&[
            (1, 64),
            (1, 64),
            (1, 10),
            (1, 10),
            (2, 10),
            (1, 0),
            (1, 0),
            (1, 2_000),
            (1, 2_000),
        ]);
        assert_eq!(counts(&queue, true), [3, 1, 1, 1, 1, 1, 1]);
        assert_eq!(counts(&queue, false), [1; 9]);
    }

    #[test]
    fn a_run_is_as_long_as_the_system_takes() {
        assert_eq!(counts(&queue(&[(1, 1); 150]), true), [64, 64, 22]);
        let long = queue(&[(1, CUT); 60]);
        let runs: Vec<_> = long.batch().runs(true).collect();
        assert!(runs.iter().all(|run| run.bytes.len() <= RUN), "{runs:?}");
        assert_eq!(runs.iter().map(|run| run.count).sum::<usize>(), 60);
    }

    proptest! {
        #[test]
        fn runs_cut_back_are_the_datagrams(
            lengths in proptest::collection::vec((1u16..4, prop_oneof![0usize..4, 60usize..70, 1_200usize..1_300]), 0..200),
            cut: bool,
        ) {
            let queue = queue(&lengths);
            let mut found = Vec::new();
            for run in queue.batch().runs(cut) {
                prop_assert!(run.count <= CUTS && (run.count == 1 || run.bytes.len() <= RUN));
                let pieces: Vec<&[u8]> = match run.length {
                    0 => vec![run.bytes],
                    length => run.bytes.chunks(length).collect(),
                };
                prop_assert_eq!(pieces.len(), run.count);
                for piece in pieces {
                    let at = found.len() as u8;
                    prop_assert!(piece.iter().all(|&byte| byte == at));
                    found.push((run.to.unwrap().port(), piece.len()));
                }
            }
            prop_assert_eq!(found, lengths);
        }

        #[test]
        fn what_has_left_is_forgotten(
            lengths in proptest::collection::vec((1u16..4, 0usize..9), 0..60),
            steps in proptest::collection::vec(0usize..20, 0..20),
        ) {
            let mut queue = queue(&lengths);
            let mut left = lengths.len();
            for step in steps {
                for _ in 0..step {
                    prop_assert_eq!(queue.next().is_some(), left > 0);
                    left = left.saturating_sub(1);
                }
                queue.tidy();
                prop_assert_eq!(queue.count(), left);
                prop_assert!(queue.datagrams.len() <= 2 * left + 1);
                let rest = &lengths[lengths.len() - left..];
                prop_assert_eq!(queue.size(), rest.iter().map(|(_, length)| length).sum::<usize>());
                if let Some(run) = queue.batch().runs(false).next() {
                    let first = (lengths.len() - left) as u8;
                    prop_assert!(run.bytes.iter().all(|&byte| byte == first));
                }
            }
        }
    }
}
