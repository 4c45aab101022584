//! Ranges of open files, as output.
//!
//! A range is read only when the transport takes its bytes, so a slow peer costs no memory. The loop's thread reads
//! only bytes that are already in memory; for all others, [`FileRange::warm`] or [`FileRange::read`] must run on
//! another thread.

use crate::errno::Errno;
use crate::warmth::Warmth;
use bytes::Bytes;
use std::fs::File;
use std::ops::Range;
#[cfg(target_os = "linux")]
use std::os::fd::AsFd;
use std::sync::Arc;

/// An owner of an open file, which stays open as long as this exists.
pub trait Source: Send + Sync + 'static {
    /// The open file.
    fn file(&self) -> &File;

    /// A record of the parts of the file that were found in memory, if the owner keeps one.
    fn warmth(&self) -> Option<&Warmth> {
        None
    }
}

impl Source for File {
    fn file(&self) -> &File {
        self
    }
}

/// The part of a file that is still to be sent. It refers to the opened file: a new file under the same name has no
/// effect.
#[derive(Clone)]
pub struct FileRange {
    source: Arc<dyn Source>,
    at: u64,
    end: u64,
    /// Bytes before this offset were just brought into memory.
    warm: u64,
}

/// Whether bytes are in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// All of them are.
    Warm,
    /// Some are not, or the system cannot tell.
    Cold,
}

/// The distance in bytes between the bytes that are probed; Linux reads ahead this far.
#[cfg(target_os = "linux")]
const PROBE_EVERY: u64 = 128 * 1024;

/// The error for a file that ends before its range does, so that the promised length cannot be sent.
const SHORT: Errno = Errno::EIO;

impl FileRange {
    /// A range of an open file. Nothing is read yet.
    pub fn new(source: Arc<dyn Source>, range: Range<u64>) -> FileRange {
        FileRange {
            source,
            at: range.start,
            end: range.end,
            warm: 0,
        }
    }

    /// The number of bytes that are left.
    pub fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    /// The file offset of the next byte.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The open file.
    pub fn file(&self) -> &File {
        self.source.file()
    }

    /// Removes the first `count` bytes, which have been sent.
    pub fn advance(&mut self, count: u64) {
        self.at += count;
    }

    /// Notes that the next `length` bytes were brought into memory. They are then not probed again: on a system short
    /// of memory they could be evicted again and again, and the range would never make progress.
    pub fn warmed(&mut self, length: u64) {
        self.warm = self.at + length;
    }

    /// Whether the next `length` bytes can be read without waiting for a disk.
    ///
    /// # Errors
    /// `EIO` if the file ends before them, or the system's.
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

    /// Returns the next bytes, at most `most`, if they are in memory.
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

    /// Reads the next bytes, at most `most`. Waits for the disk.
    ///
    /// # Errors
    /// `EIO` if the file ends before them, or the system's.
    pub fn read(&self, most: usize) -> Result<Bytes, Errno> {
        let mut block = vec![0; self.at_most(most)];
        read_at(self.file(), self.at, &mut block)?;
        Ok(block.into())
    }

    /// Brings the next bytes, at most `most`, into memory. Waits for the disk.
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

    /// The number of bytes left, at most `most`.
    pub fn at_most(&self, most: usize) -> usize {
        usize::try_from(self.left()).map_or(most, |left| left.min(most))
    }
}

/// Fills `out` from `offset`, unless that requires waiting.
///
/// # Errors
/// `EIO` if the file ends at `offset`, or the system's.
#[cfg(target_os = "linux")]
pub(super) fn read_now(file: impl AsFd, offset: u64, out: &mut [u8]) -> Result<Presence, Errno> {
    use rustix::io::{Errno as Os, ReadWriteFlags, pread, preadv2};
    let length = out.len();
    let mut parts = [std::io::IoSliceMut::new(out)];
    let read = match preadv2(&file, &mut parts, offset, ReadWriteFlags::NOWAIT) {
        // The file system cannot tell what is cached. One that lives in memory is always warm.
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

/// Fills `out` from `offset`. Waits for the disk.
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

/// Whether the file's file system keeps everything in memory (`tmpfs`, `ramfs`).
#[cfg(target_os = "linux")]
pub(super) fn is_memory(file: impl AsFd) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    rustix::fs::fstatfs(file).is_ok_and(|system| matches!(system.f_type as u64, TMPFS | RAMFS))
}
