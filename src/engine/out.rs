//! The output of one connection: a queue of segments, in the order in which they are sent.
//!
//! A segment is either bytes or a range of a file. Small writes are gathered in a buffer behind the last segment.
//! Large writes become segments of their own and are copied only if they cannot be sent at once. Bytes that the
//! transport does not take are queued with it, without moving or copying them, as one write at a time. A file range
//! stays in the queue until its bytes have been sent; if part of it is not in memory, the host reads that part on
//! another thread.

use super::{FileRange, Sent, Sink};
use crate::errno::Errno;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;

/// The most segments that are offered to the transport in one call.
const PARTS: usize = 16;

/// The most file bytes that one connection sends in one turn of the loop. Other connections get their turn then,
/// however fast this peer reads.
pub const SHARE: u64 = 1024 * 1024;

/// Bodies up to this many bytes are copied behind their heads: the copy costs less than writing two parts.
pub const COPIED: usize = 2 * 1024;

/// How many bytes of a file are brought into memory together: enough to make a disk access worthwhile, few enough
/// that the first of them need not wait long for the last.
const WARMED: usize = 512 * 1024;

/// How many bytes of a file are read and written together when the transport cannot send files itself.
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

/// A read of a file that a connection waits for. The host runs it on a thread that may wait for a disk.
#[derive(Clone)]
pub struct FileRead {
    /// The range whose first bytes are wanted.
    pub range: FileRange,
    /// The most bytes to read.
    pub length: usize,
    /// Whether the bytes are wanted. If `false`, they only need to be brought into memory.
    pub keep: bool,
}

impl FileRead {
    /// Runs the read. The result is empty without [`FileRead::keep`].
    ///
    /// # Errors
    /// The system's, or `EIO` if the file has become shorter than the range.
    pub fn run(&self) -> Result<Bytes, Errno> {
        if self.keep {
            return self.range.read(self.length);
        }
        self.range.warm(self.length).map(|()| Bytes::new())
    }
}

/// The initial capacity of the gathering buffer in bytes, enough for an ordinary head with a small body.
const FIRST_TAIL: usize = 512;

/// See the module's documentation.
#[derive(Default)]
pub struct Out {
    /// Complete segments: nothing is appended to them.
    segments: VecDeque<Segment>,
    /// The number of bytes in `segments`.
    waiting: u64,
    /// The buffer in which small writes are gathered. It comes after `segments`.
    tail: Vec<u8>,
    /// The number of bytes in the queued write; there is at most one.
    in_flight: usize,
    /// The sink has not finished what it took, and will report when it has.
    held: bool,
    /// The first segment is a file, and this part of it is being read.
    reading: Option<Box<FileRead>>,
    /// `reading` has not been handed to the host yet.
    asks: bool,
    /// The listener waits until everything has been sent.
    awaited: bool,
    /// Our side must still be ended once all waiting output is sent.
    ends: bool,
    /// Our side was asked to end. This is never reset.
    ended: bool,
}

impl Out {
    /// Bytes that the transport has not been given yet.
    pub fn waiting(&self) -> u64 {
        self.waiting + self.tail.len() as u64
    }

    /// Bytes in the gathering buffer.
    pub fn gathered(&self) -> usize {
        self.tail.len()
    }

    /// Whether output must wait for a report: the end of a queued write, or of a file read.
    pub fn is_busy(&self) -> bool {
        self.in_flight > 0 || self.held || self.reading.is_some()
    }

    /// Whether output waits only for the sink itself, which has no write of ours queued.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Whether the listener should wait for a drain before it writes more; it will be told then. With `ready` unset,
    /// the sink takes no output yet, which counts as congestion as soon as bytes wait.
    pub fn congested(&mut self, ready: bool) -> bool {
        self.held |= !ready && self.waiting() > 0;
        self.awaited |= self.is_busy();
        self.awaited
    }

    /// Gathers the bytes that `fill` appends and returns their number. If `fill` fails, the bytes it appended are
    /// dropped.
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

    /// Gathers bytes that may be shared with other connections. More than [`COPIED`] bytes are not copied.
    pub fn share(&mut self, bytes: Bytes) {
        if bytes.len() <= COPIED {
            self.tail.extend_from_slice(&bytes);
        } else {
            self.seal();
            self.push(Segment::Bytes(bytes));
        }
    }

    /// Gathers a range of a file.
    pub fn append_file(&mut self, range: FileRange) {
        if range.left() > 0 {
            self.seal();
            self.push(Segment::File(range));
        }
    }

    /// Passes waiting output to the transport, and then ends our side if that was asked for.
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
        // A write that the transport has queued may still be pending: it shuts down after that.
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

    /// Writes `bytes` after the waiting output, which is sent along. They are copied only if they cannot be sent at
    /// once.
    pub fn write(&mut self, sink: &dyn Sink, bytes: &[u8]) -> Result<(), Errno> {
        if self.is_busy() {
            self.seal();
            self.push(Segment::Bytes(Bytes::copy_from_slice(bytes)));
            return Ok(());
        }
        self.offer(sink, bytes)
    }

    /// Takes back the waiting bytes up to the first file range, and discards the rest. None of them will be sent.
    pub fn take(&mut self) -> Vec<u8> {
        self.seal();
        let mut taken = Vec::with_capacity(self.waiting as usize);
        for segment in std::mem::take(self).segments {
            let Segment::Bytes(bytes) = segment else { break };
            taken.extend_from_slice(&bytes);
        }
        taken
    }

    /// Asks to end our side after everything written. Further calls have no effect.
    pub fn end(&mut self) {
        self.ends |= !self.ended;
        self.ended = true;
    }

    /// Whether our side was asked to end.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The queued write has ended. Continues with waiting output. Returns whether everything has been sent, and
    /// whether the listener waits for that.
    pub fn written(&mut self, sink: &dyn Sink, result: Result<(), Errno>) -> Result<(bool, bool), Errno> {
        self.in_flight = 0;
        self.held = false;
        result?;
        self.go_on(sink)
    }

    /// The file read that the output waits for, if it has not been returned before.
    pub fn asks(&mut self) -> Option<FileRead> {
        if !std::mem::take(&mut self.asks) {
            return None;
        }
        self.reading.as_deref().cloned()
    }

    /// The result of a read that [`Out::asks`] returned. Continues and returns as [`Out::written`] does.
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

    /// Offers the waiting output and `last` to the transport, and queues what it does not take.
    fn offer(&mut self, sink: &dyn Sink, last: &[u8]) -> Result<(), Errno> {
        if !self.segments.is_empty() {
            self.seal();
            if !last.is_empty() {
                self.push(Segment::Bytes(Bytes::copy_from_slice(last)));
            }
            return self.send(sink);
        }
        // The most frequent case: only the gathering buffer and `last`, without the work of a segment queue.
        let waiting = self.tail.len();
        if waiting + last.len() == 0 {
            return Ok(());
        }
        let (from, to) = (usize::from(self.tail.is_empty()), 1 + usize::from(!last.is_empty()));
        let more = self.ends && sink.ends_with_bytes();
        let written = sink.try_write(&[&*self.tail, last][from..to], more)?;
        if written == waiting + last.len() {
            // The buffer is released, so that thousands of idle connections hold no memory. The allocator reuses it
            // at once for the next one.
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

    /// Sends segments until the sink takes no more or this turn's share of file bytes is used up.
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
            // Bytes may have been sent even if an error is returned.
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

    /// Sends the bytes in front of the first file. Returns whether all were sent; if not, the rest is queued with the
    /// transport.
    fn send_bytes(&mut self, sink: &dyn Sink) -> Result<bool, Errno> {
        let mut parts: [&[u8]; PARTS] = [&[]; PARTS];
        let mut count = 0;
        for (part, segment) in parts.iter_mut().zip(&self.segments) {
            let Segment::Bytes(bytes) = segment else { break };
            *part = bytes;
            count += 1;
        }
        let offered: usize = parts.iter().map(|part| part.len()).sum();
        // A head is sent in one packet together with the beginning of the file that follows.
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

    /// Removes `count` sent bytes from the front. The segments concerned are bytes, not files.
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

    /// Queues the waiting bytes up to the first file as one write.
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

    /// Turns the gathering buffer into a segment.
    fn seal(&mut self) {
        let tail = std::mem::take(&mut self.tail);
        self.push(Segment::Bytes(tail.into()));
    }

    /// Appends a segment, unless it is empty.
    fn push(&mut self, segment: Segment) {
        if segment.len() == 0 {
            return;
        }
        self.waiting += segment.len();
        self.segments.push_back(segment);
    }
}
