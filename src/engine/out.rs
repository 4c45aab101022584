//! The output of one connection: a queue of segments, in the order in which they leave.
//!
//! Small writes gather in the last one; large ones are segments of their own, and are copied only when they cannot leave at once. What
//! the transport does not take is queued with it, one write at a time, and nothing is moved or copied for that.

use super::Transport;
use crate::errno::Errno;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;

/// Segments that are offered to the transport in one call.
const PARTS: usize = 16;

/// What is allocated when output begins to gather, in bytes: an ordinary head with a small body.
const FIRST_TAIL: usize = 512;

/// See the module's documentation.
#[derive(Default)]
pub struct Out {
    /// Those that nothing is added to any more.
    segments: VecDeque<Bytes>,
    /// Bytes in them.
    waiting: usize,
    /// Where output gathers, behind them.
    tail: Vec<u8>,
    /// Bytes of the one queued write.
    in_flight: usize,
    /// The listener waits for everything to have left.
    awaited: bool,
    /// Our side ends behind what waits.
    ends: bool,
    /// Our side was told to end, once and for all.
    ended: bool,
}

impl Out {
    /// Bytes that the transport has not been given.
    pub fn waiting(&self) -> usize {
        self.waiting + self.tail.len()
    }

    /// Whether a write is queued with the transport: what comes waits for its end.
    pub fn is_busy(&self) -> bool {
        self.in_flight > 0
    }

    /// Whether the listener is to wait before it writes more, and so will be told.
    pub fn congested(&mut self) -> bool {
        self.awaited |= self.in_flight > 0;
        self.awaited
    }

    /// Gathers what `fill` appends. Returns how many bytes that were; what comes before an error of `fill` is not sent.
    pub fn gather<E>(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<usize, E> {
        if self.tail.capacity() == 0 {
            self.tail.reserve(FIRST_TAIL);
        }
        let before = self.tail.len();
        let filled = fill(&mut self.tail);
        if filled.is_err() {
            self.tail.truncate(before);
        }
        filled.map(|()| self.tail.len() - before)
    }

    /// Gives what waits to the transport, and our side's end behind it.
    pub fn flush(&mut self, transport: &impl Transport) -> Result<(), Errno> {
        if self.in_flight > 0 {
            return Ok(());
        }
        if self.waiting() > 0 {
            self.offer(transport, &[])?;
        }
        if self.ends {
            self.ends = false;
            // It is ended after the write that is still queued.
            transport.shutdown()?;
        }
        Ok(())
    }

    /// Writes `bytes` behind what waits, and what waits with them; they are copied only if they do not leave at once.
    pub fn write(&mut self, transport: &impl Transport, bytes: &[u8]) -> Result<(), Errno> {
        if self.in_flight > 0 {
            self.seal();
            self.push(Bytes::copy_from_slice(bytes));
            return Ok(());
        }
        self.offer(transport, bytes)
    }

    /// Our side ends behind what is written. Only the first time counts.
    pub fn end(&mut self) {
        self.ends |= !self.ended;
        self.ended = true;
    }

    /// The queued write has ended. Goes on with what waits; returns whether all has left, and whether the listener waits for that.
    pub fn written(&mut self, transport: &impl Transport, result: Result<(), Errno>) -> Result<(bool, bool), Errno> {
        self.in_flight = 0;
        result?;
        self.flush(transport)?;
        let left = self.in_flight == 0;
        let awaited = self.awaited;
        self.awaited &= !left;
        Ok((left, awaited))
    }

    /// Offers what waits and `last` to the transport, and queues with it what it does not take.
    fn offer(&mut self, transport: &impl Transport, last: &[u8]) -> Result<(), Errno> {
        while self.segments.len() > PARTS - 2 {
            let mut parts: [&[u8]; PARTS] = [&[]; PARTS];
            for (part, segment) in parts.iter_mut().zip(&self.segments) {
                *part = segment;
            }
            let offered: usize = parts.iter().map(|part| part.len()).sum();
            let written = transport.try_write(&parts[..self.segments.len().min(PARTS)])?;
            self.left(written);
            if written < offered {
                return self.queue(transport, last);
            }
        }
        if self.waiting() + last.len() == 0 {
            return Ok(());
        }
        let written = if self.segments.is_empty() {
            // Nearly always, so without the work below.
            let (from, to) = (usize::from(self.tail.is_empty()), 1 + usize::from(!last.is_empty()));
            transport.try_write(&[&*self.tail, last][from..to])?
        } else {
            let mut parts: [&[u8]; PARTS] = [&[]; PARTS];
            let segments = self.segments.iter().map(|segment| &**segment);
            let all = segments.chain([&*self.tail, last]).filter(|part| !part.is_empty());
            let count = parts.iter_mut().zip(all).map(|(part, bytes)| *part = bytes).count();
            transport.try_write(&parts[..count])?
        };
        if written == self.waiting() + last.len() {
            self.segments.clear();
            self.waiting = 0;
            // Thousands of idle connections keep nothing; the allocator has it for the next one at once.
            self.tail = Vec::new();
            return Ok(());
        }
        let of_last = written.saturating_sub(self.waiting());
        self.seal();
        self.left(written - of_last);
        self.queue(transport, &last[of_last..])
    }

    /// So many bytes of the segments have left.
    fn left(&mut self, mut count: usize) {
        self.waiting -= count;
        while count > 0
            && let Some(first) = self.segments.front_mut()
        {
            let part = count.min(first.len());
            first.advance(part);
            count -= part;
            if first.is_empty() {
                self.segments.pop_front();
            }
        }
    }

    /// Queues what waits, and a copy of `last`, as one write.
    fn queue(&mut self, transport: &impl Transport, last: &[u8]) -> Result<(), Errno> {
        self.seal();
        self.push(Bytes::copy_from_slice(last));
        self.in_flight = std::mem::take(&mut self.waiting);
        transport.write(std::mem::take(&mut self.segments).into())
    }

    /// What has gathered is a segment.
    fn seal(&mut self) {
        let tail = std::mem::take(&mut self.tail);
        self.push(tail.into());
    }

    /// Adds a segment; none is empty.
    fn push(&mut self, segment: Bytes) {
        if segment.is_empty() {
            return;
        }
        self.waiting += segment.len();
        self.segments.push_back(segment);
    }
}
