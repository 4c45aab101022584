//! The output of one connection: a queue of segments, in the order in which they leave.
//!
//! A segment is bytes or a range of a file. Small writes gather behind the last one; large ones are segments of their own, and are copied only
//! when they cannot leave at once. What the transport does not take is queued with it, one write at a time, and nothing is moved or
//! copied for that. A range stays in the queue until its bytes have left; what of it is not in memory, the host reads elsewhere.

use super::{FileRange, Sent, Sink};
use crate::errno::Errno;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;

/// Segments that are offered to the transport in one call.
const PARTS: usize = 16;

/// Bytes of files that one connection sends in one turn of the loop: the others' are next then, however fast its peer reads.
pub const SHARE: u64 = 1024 * 1024;

/// Bodies up to this size are copied next to their heads: that costs less than to write two parts.
pub const COPIED: usize = 2 * 1024;

/// Bytes that are brought to memory together, where they were not: long enough for a disk to be worth asking, short enough for the first of
/// them not to wait.
const WARMED: usize = 512 * 1024;

/// Bytes of a file that are read and written together, where the transport does not send files.
const BY_HAND: usize = 64 * 1024;

enum Segment {
    Bytes(Bytes),
    File(FileRange),
}

impl Segment {
    fn len(&self) -> u64 {
        match self {
            Segment::Bytes(bytes) => bytes.len() as u64,
            Segment::File(range) => range.left(),
        }
    }
}

/// What a connection waits for, from a file. The host sees to it where it may wait for a disk.
#[derive(Clone)]
pub struct FileRead {
    /// Of which the first bytes are wanted.
    pub range: FileRange,
    /// How many, at most.
    pub length: usize,
    /// To have them; else it is enough that they are in memory.
    pub keep: bool,
}

impl FileRead {
    /// Reads. Without [`FileRead::keep`] no bytes are the result.
    ///
    /// # Errors
    /// The system's, or `EIO` for a file that has become too short.
    pub fn run(&self) -> Result<Bytes, Errno> {
        if self.keep {
            return self.range.read(self.length);
        }
        self.range.warm(self.length).map(|()| Bytes::new())
    }
}

/// What is allocated when output begins to gather, in bytes: an ordinary head with a small body.
const FIRST_TAIL: usize = 512;

/// See the module's documentation.
#[derive(Default)]
pub struct Out {
    /// Those that nothing is added to any more.
    segments: VecDeque<Segment>,
    /// Bytes in them.
    waiting: u64,
    /// Where output gathers, behind them.
    tail: Vec<u8>,
    /// Bytes of the one queued write.
    in_flight: usize,
    /// The sink has not done with what it has, and will report that.
    held: bool,
    /// The first segment is a file, and this part of it is being read.
    reading: Option<Box<FileRead>>,
    /// That is not asked for yet.
    asks: bool,
    /// The listener waits for everything to have left.
    awaited: bool,
    /// Our side ends behind what waits.
    ends: bool,
    /// Our side was told to end, once and for all.
    ended: bool,
}

impl Out {
    /// Bytes that the transport has not been given.
    pub fn waiting(&self) -> u64 {
        self.waiting + self.tail.len() as u64
    }

    /// Bytes that have been copied to gather.
    pub fn gathered(&self) -> usize {
        self.tail.len()
    }

    /// Whether what comes waits for a report: of a queued write's end, or of a file.
    pub fn is_busy(&self) -> bool {
        self.in_flight > 0 || self.held || self.reading.is_some()
    }

    /// Whether what comes waits for the sink alone, which has no write of ours queued.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Whether the listener is to wait before it writes more, and so will be told; for what the sink is not ready to take, too.
    pub fn congested(&mut self, ready: bool) -> bool {
        self.held |= !ready && self.waiting() > 0;
        self.awaited |= self.is_busy();
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

    /// Gathers bytes that others may have, too: long ones are not copied.
    pub fn share(&mut self, bytes: Bytes) {
        if bytes.len() <= COPIED {
            self.tail.extend_from_slice(&bytes);
        } else {
            self.seal();
            self.push(Segment::Bytes(bytes));
        }
    }

    /// Gathers a part of a file.
    pub fn append_file(&mut self, range: FileRange) {
        if range.left() > 0 {
            self.seal();
            self.push(Segment::File(range));
        }
    }

    /// Gives what waits to the transport, and our side's end behind it.
    pub fn flush(&mut self, sink: &dyn Sink) -> Result<(), Errno> {
        if self.is_busy() {
            return Ok(());
        }
        if self.waiting() > 0 {
            self.offer(sink, &[])?;
        }
        self.end_behind(sink)
    }

    fn end_behind(&mut self, sink: &dyn Sink) -> Result<(), Errno> {
        // The transport ends after the write that it has queued.
        if !self.ends || self.waiting() > 0 {
            return Ok(());
        }
        if sink.is_busy() {
            self.held = true;
            return Ok(());
        }
        self.ends = false;
        sink.shutdown()
    }

    /// Writes `bytes` behind what waits, and what waits with them; they are copied only if they do not leave at once.
    pub fn write(&mut self, sink: &dyn Sink, bytes: &[u8]) -> Result<(), Errno> {
        if self.is_busy() {
            self.seal();
            self.push(Segment::Bytes(Bytes::copy_from_slice(bytes)));
            return Ok(());
        }
        self.offer(sink, bytes)
    }

    /// The bytes that wait, which are not to leave any more, up to the first part of a file.
    pub fn take(&mut self) -> Vec<u8> {
        self.seal();
        let mut taken = Vec::with_capacity(self.waiting as usize);
        for segment in std::mem::take(self).segments {
            let Segment::Bytes(bytes) = segment else { break };
            taken.extend_from_slice(&bytes);
        }
        taken
    }

    /// Our side ends behind what is written. Only the first time counts.
    pub fn end(&mut self) {
        self.ends |= !self.ended;
        self.ended = true;
    }

    /// Whether our side was told to end.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The queued write has ended. Goes on with what waits; returns whether all has left, and whether the listener waits for that.
    pub fn written(&mut self, sink: &dyn Sink, result: Result<(), Errno>) -> Result<(bool, bool), Errno> {
        self.in_flight = 0;
        self.held = false;
        result?;
        self.go_on(sink)
    }

    /// What the connection needs from a file and has not been asked for.
    pub fn asks(&mut self) -> Option<FileRead> {
        if !std::mem::take(&mut self.asks) {
            return None;
        }
        self.reading.as_deref().cloned()
    }

    /// The end of what [`Out::asks`] gave. Goes on as [`Out::written`] does.
    pub fn file_read(&mut self, sink: &dyn Sink, result: Result<Bytes, Errno>) -> Result<(bool, bool), Errno> {
        let Some(read) = self.reading.take() else {
            return Ok((false, false));
        };
        let bytes = result?;
        if let Some(Segment::File(range)) = self.segments.front_mut() {
            if read.keep {
                self.waiting -= bytes.len() as u64;
                range.advance(bytes.len() as u64);
                if range.left() == 0 {
                    self.segments.pop_front();
                }
                self.waiting += bytes.len() as u64;
                self.segments.push_front(Segment::Bytes(bytes));
            } else {
                range.warmed(range.at_most(read.length) as u64);
            }
        }
        self.go_on(sink)
    }

    fn go_on(&mut self, sink: &dyn Sink) -> Result<(bool, bool), Errno> {
        self.flush(sink)?;
        let left = !self.is_busy();
        let awaited = self.awaited;
        self.awaited &= !left;
        Ok((left, awaited))
    }

    /// Offers what waits and `last` to the transport, and queues with it what it does not take.
    fn offer(&mut self, sink: &dyn Sink, last: &[u8]) -> Result<(), Errno> {
        if !self.segments.is_empty() {
            self.seal();
            if !last.is_empty() {
                self.push(Segment::Bytes(Bytes::copy_from_slice(last)));
            }
            return self.send(sink);
        }
        // Nearly always, so without the work there.
        let waiting = self.tail.len();
        if waiting + last.len() == 0 {
            return Ok(());
        }
        let (from, to) = (usize::from(self.tail.is_empty()), 1 + usize::from(!last.is_empty()));
        let more = self.ends && sink.ends_with_bytes();
        let written = sink.try_write(&[&*self.tail, last][from..to], more)?;
        if written == waiting + last.len() {
            // Thousands of idle connections keep nothing; the allocator has it for the next one at once.
            self.tail = Vec::new();
            self.held = sink.is_busy();
            return Ok(());
        }
        self.seal();
        let of_last = written.saturating_sub(waiting);
        if of_last < last.len() {
            self.push(Segment::Bytes(Bytes::copy_from_slice(&last[of_last..])));
        }
        self.left(written - of_last);
        self.queue(sink)
    }

    /// Sends segments, until the sink takes no more, or for one turn's share.
    fn send(&mut self, sink: &dyn Sink) -> Result<(), Errno> {
        let mut share = SHARE;
        while let Some(first) = self.segments.front_mut() {
            let Segment::File(range) = first else {
                if self.send_bytes(sink)? {
                    continue;
                }
                return Ok(());
            };
            let before = range.left();
            let sent = sink.send_file(range, share);
            // An error can come behind bytes that have left.
            let count = before - range.left();
            self.waiting -= count;
            share = share.saturating_sub(count);
            let mut read = |length, keep| {
                let range = range.clone();
                self.reading = Some(Box::new(FileRead { range, length, keep }));
                self.asks = true;
            };
            match sent? {
                Sent::Whole => {}
                Sent::Queued(length) => self.in_flight = length,
                Sent::Cold => read(WARMED, false),
                Sent::Unable => read(BY_HAND, true),
            }
            if range.left() == 0 {
                self.segments.pop_front();
            }
            if self.is_busy() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sends the bytes in front, and returns whether all of them have left; else they are queued with the transport.
    fn send_bytes(&mut self, sink: &dyn Sink) -> Result<bool, Errno> {
        let mut parts: [&[u8]; PARTS] = [&[]; PARTS];
        let mut count = 0;
        for (part, segment) in parts.iter_mut().zip(&self.segments) {
            let Segment::Bytes(bytes) = segment else { break };
            *part = bytes;
            count += 1;
        }
        let offered: usize = parts.iter().map(|part| part.len()).sum();
        // A head leaves in one packet with the beginning of the file behind it.
        let more = matches!(self.segments.get(count), Some(Segment::File(_)));
        let written = sink.try_write(&parts[..count], more)?;
        self.left(written);
        if written < offered {
            self.queue(sink)?;
        } else {
            self.held = sink.is_busy();
        }
        Ok(written == offered && !self.held)
    }

    /// So many bytes of the segments have left; those are no files.
    fn left(&mut self, mut count: usize) {
        self.waiting -= count as u64;
        while count > 0
            && let Some(Segment::Bytes(first)) = self.segments.front_mut()
        {
            let part = count.min(first.len());
            first.advance(part);
            count -= part;
            if first.is_empty() {
                self.segments.pop_front();
            }
        }
    }

    /// Queues what waits, as far as the first file, as one write.
    fn queue(&mut self, sink: &dyn Sink) -> Result<(), Errno> {
        if sink.is_busy() {
            self.held = true;
            return Ok(());
        }
        let mut parts = Vec::with_capacity(self.segments.len().min(PARTS));
        let mut length = 0;
        while let Some(Segment::Bytes(_)) = self.segments.front()
            && let Some(Segment::Bytes(bytes)) = self.segments.pop_front()
        {
            length += bytes.len();
            parts.push(bytes);
        }
        self.waiting -= length as u64;
        self.in_flight = length;
        sink.write(parts)
    }

    /// What has gathered is a segment.
    fn seal(&mut self) {
        let tail = std::mem::take(&mut self.tail);
        self.push(Segment::Bytes(tail.into()));
    }

    /// Adds a segment; none is empty.
    fn push(&mut self, segment: Segment) {
        if segment.len() == 0 {
            return;
        }
        self.waiting += segment.len();
        self.segments.push_back(segment);
    }
}
