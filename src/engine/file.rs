//! Ranges of open files, as output.
//!
//! A range stays a range until the transport takes its bytes, so that a slow peer costs no memory. Nothing here is read on the loop's thread
//! that is not in memory: what is not is asked for with [`FileRange::warm`] or [`FileRange::read`] on another thread.

use crate::errno::Errno;
use crate::warmth::Warmth;
use bytes::Bytes;
use std::fs::File;
use std::ops::Range;
#[cfg(target_os = "linux")]
use std::os::fd::AsFd;
use std::sync::Arc;

/// What keeps a file open.
pub trait Source: Send + Sync + 'static {
    /// The file.
    fn file(&self) -> &File;

    /// Where it is kept which part of it was in memory.
    fn warmth(&self) -> Option<&Warmth> {
        None
    }
}

impl Source for File {
    fn file(&self) -> &File {
        self
    }
}

/// What is still to be sent of a file. The open file pins what was opened: another one of its name does not matter.
#[derive(Clone)]
pub struct FileRange {
    source: Arc<dyn Source>,
    at: u64,
    end: u64,
    /// Bytes up to here were brought to memory a moment ago.
    warm: u64,
}

/// Whether bytes are in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// They are.
    Warm,
    /// Some are not, or the system does not say.
    Cold,
}

/// The distance between the bytes that are asked for: Linux reads ahead that much.
#[cfg(target_os = "linux")]
const PROBE_EVERY: u64 = 128 * 1024;

/// A file ended before its range did: what was promised cannot be sent.
const SHORT: Errno = Errno::EIO;

impl FileRange {
    /// A range of an open file; nothing is read yet.
    pub fn new(source: Arc<dyn Source>, range: Range<u64>) -> FileRange {
        FileRange {
            source,
            at: range.start,
            end: range.end,
            warm: 0,
        }
    }

    /// Bytes that are left.
    pub fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    /// Where the next of them lies.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The file.
    pub fn file(&self) -> &File {
        self.source.file()
    }

    /// The first `count` bytes have left.
    pub fn advance(&mut self, count: u64) {
        self.at += count;
    }

    /// The next `length` bytes were brought to memory. That is believed once, or a system that is short of memory would never get on.
    pub fn warmed(&mut self, length: u64) {
        self.warm = self.at + length;
    }

    /// Whether the next `length` bytes can be had without waiting for a disk.
    ///
    /// # Errors
    /// `EIO` where the file ends before them, or the system's.
    pub fn presence(&self, length: u64) -> Result<Presence, Errno> {
        let end = self.at + length;
        if end <= self.warm {
            return Ok(Presence::Warm);
        }
        let Some(warmth) = self.source.warmth() else {
            return self.probe(end);
        };
        if warmth.covers(&(self.at..end)) {
            return Ok(Presence::Warm);
        }
        let presence = self.probe(end)?;
        if presence == Presence::Warm {
            warmth.note(self.at..end);
        }
        Ok(presence)
    }

    #[cfg(target_os = "linux")]
    fn probe(&self, end: u64) -> Result<Presence, Errno> {
        let mut at = self.at;
        let mut byte = [0];
        loop {
            if read_now(self.file(), at, &mut byte)? == Presence::Cold {
                return Ok(Presence::Cold);
            }
            if at + 1 >= end {
                return Ok(Presence::Warm);
            }
            at = (at + PROBE_EVERY).min(end - 1);
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn probe(&self, _end: u64) -> Result<Presence, Errno> {
        Ok(Presence::Cold)
    }

    /// The next bytes, at most `most` of them, if they are in memory.
    ///
    /// # Errors
    /// Those of [`FileRange::presence`].
    #[cfg(target_os = "linux")]
    pub fn next_now(&self, most: usize) -> Result<Option<Bytes>, Errno> {
        let length = self.at_most(most);
        let mut block = vec![0; length];
        if self.at + length as u64 <= self.warm {
            read_at(self.file(), self.at, &mut block)?;
            return Ok(Some(block.into()));
        }
        let present = read_now(self.file(), self.at, &mut block)? == Presence::Warm;
        Ok(present.then(|| block.into()))
    }

    /// The next bytes, at most `most` of them; waits for the disk.
    ///
    /// # Errors
    /// `EIO` where the file ends before them, or the system's.
    pub fn read(&self, most: usize) -> Result<Bytes, Errno> {
        let mut block = vec![0; self.at_most(most)];
        read_at(self.file(), self.at, &mut block)?;
        Ok(block.into())
    }

    /// Brings the next bytes to memory, at most `most` of them, and waits for that.
    ///
    /// # Errors
    /// Those of [`FileRange::read`].
    pub fn warm(&self, most: usize) -> Result<(), Errno> {
        let end = self.at + self.at_most(most) as u64;
        let mut block = [0; 16 * 1024];
        let mut at = self.at;
        while at < end {
            let length = (end - at).min(block.len() as u64) as usize;
            read_at(self.file(), at, &mut block[..length])?;
            at += length as u64;
        }
        Ok(())
    }

    /// How many of `most` bytes are left.
    pub fn at_most(&self, most: usize) -> usize {
        usize::try_from(self.left()).map_or(most, |left| left.min(most))
    }
}

/// Fills `out` from `offset` on, unless that means to wait.
///
/// # Errors
/// `EIO` where the file ends there, or the system's.
#[cfg(target_os = "linux")]
pub(super) fn read_now(file: impl AsFd, offset: u64, out: &mut [u8]) -> Result<Presence, Errno> {
    use rustix::io::{Errno as Os, ReadWriteFlags, pread, preadv2};
    let length = out.len();
    let mut parts = [std::io::IoSliceMut::new(out)];
    let read = match preadv2(&file, &mut parts, offset, ReadWriteFlags::NOWAIT) {
        // A filesystem that does not say: one without a disk below is never cold.
        Err(Os::OPNOTSUPP) if is_memory(&file) => pread(&file, out, offset),
        read => read,
    };
    match read {
        Ok(0) => Err(SHORT),
        Ok(count) if count == length => Ok(Presence::Warm),
        Ok(_) | Err(Os::AGAIN | Os::OPNOTSUPP) => Ok(Presence::Cold),
        Err(error) => Err(Errno(-error.raw_os_error())),
    }
}

/// Fills `out` from `offset` on.
fn read_at(file: &File, mut offset: u64, mut out: &mut [u8]) -> Result<(), Errno> {
    while !out.is_empty() {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, out, offset);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, out, offset);
        match read {
            Ok(0) => return Err(SHORT),
            Ok(count) => {
                offset += count as u64;
                out = &mut out[count..];
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            #[cfg(unix)]
            Err(error) => return Err(Errno(-error.raw_os_error().unwrap_or(libc::EIO))),
            #[cfg(windows)]
            Err(_) => return Err(Errno::EIO),
        }
    }
    Ok(())
}

/// Whether a file's system has nothing but memory (`tmpfs`, `ramfs`).
#[cfg(target_os = "linux")]
pub(super) fn is_memory(file: impl AsFd) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    rustix::fs::fstatfs(file).is_ok_and(|system| matches!(system.f_type as u64, TMPFS | RAMFS))
}
