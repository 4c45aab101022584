//! A socket of datagrams: what waits to be sent, and in which pieces it leaves.

use super::{Host, Protocol};
use crate::errno::Errno;
use std::net::SocketAddr;
use std::rc::Rc;

/// The longest datagram that is sent together with others, as one message that the system cuts: what every IPv6 link must carry (1,280 bytes,
/// RFC 8200), less the headers. A longer one may not fit a link on its way, and the system does not cut into fragments.
const CUT: usize = 1280 - 40 - 8;

/// The most datagrams of one such message: Linux's `UDP_MAX_SEGMENTS`, which newer ones have doubled.
const CUTS: usize = 64;

/// The most bytes of one such message: its length has 16 bits, headers included.
const RUN: usize = 65_000;

/// Datagrams, or bytes of them, that are sent at once instead of at the end of the turn: beyond that, gathering saves nothing.
const FLUSH_AT: (usize, usize) = (256, 64 * 1024);

/// Room that is kept for the next turn.
const KEPT: usize = 256 * 1024;

/// What datagrams go over. What happens is reported to the engine, under the id that it was made with, and never from within a call. Dropping it
/// closes it, which is reported as [`super::Engine::on_closed`].
pub trait Datagrams {
    /// Shows what has arrived, at most as much as one call of the system brings; returns whether there may be more.
    ///
    /// # Errors
    /// The system's, which may be about something sent earlier.
    fn receive(&self, each: &mut dyn FnMut(SocketAddr, &[u8])) -> Result<bool, Errno>;

    /// Sends from the front of `batch`; returns how many datagrams have left, 0 when none are taken now.
    ///
    /// # Errors
    /// The system's, about the first datagram: none has left.
    fn send(&self, batch: &Batch<'_>) -> Result<usize, Errno>;

    /// Has [`super::Engine::on_ready`] called while there is something to receive, or room to send; `again` after it was told of an error, which
    /// ends that.
    ///
    /// # Errors
    /// The system's.
    fn watch(&self, readable: bool, writable: bool, again: bool) -> Result<(), Errno>;
}

/// A datagram that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Outgoing {
    /// Nobody for a connected socket.
    to: Option<SocketAddr>,
    length: usize,
    /// Somebody wants to hear of its end.
    awaited: bool,
}

/// Datagrams that wait, the next one first.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    bytes: &'a [u8],
    datagrams: &'a [Outgoing],
}

/// Datagrams that can leave as one message: all to one peer, and as long as each other, but for the last, which may be shorter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run<'a> {
    /// The peer; nobody for a connected socket.
    pub to: Option<SocketAddr>,
    /// Theirs, one after another.
    pub bytes: &'a [u8],
    /// How many there are.
    pub count: usize,
    /// How long each is.
    pub length: usize,
}

impl<'a> Batch<'a> {
    /// The datagrams in runs: each in one of its own unless `cut`.
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
                // One of no bytes would be lost in others'.
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

/// The queue of a socket.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    datagrams: Vec<Outgoing>,
    /// Of both, what has left: it goes when all has, or when it is more than half.
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

    /// Lets the next datagram go; returns whether its end is awaited.
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

/// Where a datagram goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// The peer that the socket is connected to.
    Connected,
    /// Where the last one with an address of its own went.
    Again,
    /// There.
    Address(SocketAddr),
}

/// A socket in the engine.
pub struct Port<H: Host> {
    /// What its datagrams go over.
    pub socket: Rc<H::Datagrams>,
    protocol: Rc<dyn Protocol<H>>,
    queue: Queue,
    last: Option<SocketAddr>,
    receiving: bool,
    /// The system takes nothing for now.
    full: bool,
    /// It is among those that have output to flush before the loop waits.
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

    /// Has `protocol` take what it receives from now on.
    pub fn speak(&mut self, protocol: Rc<dyn Protocol<H>>) {
        self.protocol = protocol;
    }

    /// What takes what it receives.
    pub fn protocol(&self) -> Rc<dyn Protocol<H>> {
        self.protocol.clone()
    }

    /// Whether what arrives is received.
    pub fn is_receiving(&self) -> bool {
        self.receiving
    }

    /// Receives, or no longer.
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

    /// Datagrams that wait to be sent, and their bytes.
    pub fn queued(&self) -> (usize, usize) {
        (self.queue.count(), self.queue.size())
    }

    /// Whether output gathers that nothing is going to send by itself.
    pub(super) fn gathers(&self) -> bool {
        self.queue.count() > 0 && !self.full
    }

    /// Gathers a datagram of what `fill` appends; returns whether there are as many as are to be sent at once.
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

    /// Sends what waits, until the system takes no more; `ended` hears of each datagram whose end is awaited.
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
            // Nothing will say when there is room again.
            self.cancel(error, ended);
        }
    }

    /// Gives up what waits.
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
