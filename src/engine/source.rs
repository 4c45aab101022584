//! Files that a program reads by itself, by a descriptor of its own, as output: what it would read next is taken from the file when it would
//! read it, and leaves without being seen.
//!
//! Nothing here waits for a disk. What cannot be had without, or is no ordinary file, is an error: the program reads it then as it always did.

use super::FileRange;
use bytes::Bytes;

#[cfg(target_os = "linux")]
pub use linux::{give_back, next, open};

/// Bytes of a large file that leave as one part. In between, the program can pause, stop, or do something else with the rest.
pub const PART: u64 = 1024 * 1024;

/// What comes next of a file.
pub enum Part {
    /// That is little, and here it is.
    Bytes(Bytes),
    /// It is to be sent from the file.
    Range(FileRange),
}

impl Part {
    /// How many bytes it has.
    pub fn count(&self) -> u64 {
        match self {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Range(range) => range.left(),
        }
    }
}

/// What comes next, and whether the file ends behind it as it is now.
pub struct Next {
    /// The bytes; none at the end.
    pub part: Option<Part>,
    /// Nothing is behind them.
    pub ends: bool,
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{Next, PART, Part};
    use crate::engine::FileRange;
    use crate::engine::file::{self, Presence};
    use crate::errno::Errno;
    use bytes::Bytes;
    use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, SeekFrom, Stat, fstat, openat2, seek};
    use rustix::io::{Errno as Os, ReadWriteFlags, preadv2};
    use std::fs::File;
    use std::io::IoSliceMut;
    use std::os::fd::{BorrowedFd, OwnedFd};
    use std::path::Path;
    use std::sync::Arc;

    /// Files of which no more than this is left are read at once; of larger ones a range leaves.
    const READ: u64 = 64 * 1024;

    /// Opens an ordinary file for reading, if its path is known to the system without asking a disk. What is no ordinary file may be opened
    /// for a moment, without waiting for it.
    ///
    /// # Errors
    /// The system's; `EINVAL` for what is no ordinary file, `ENOTSUP` for one that may hold something else than its size says.
    pub fn open(path: &Path) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).map_err(errno)?;
        check(&fstat(&file).map_err(errno)?)?;
        Ok(file)
    }

    /// The next part of a file, of at most `most` bytes: from `position` on, or from the descriptor's own.
    ///
    /// # Errors
    /// The system's; `EAGAIN` where a disk must be waited for, `EINVAL` for what is no ordinary file, `ENOTSUP` for one that may hold something
    /// else than its size says.
    pub fn next(file: BorrowedFd<'_>, position: Option<u64>, most: u64) -> Result<Next, Errno> {
        let size = check(&fstat(file).map_err(errno)?)?;
        let at = position.map_or_else(|| seek(file, SeekFrom::Current(0)).map_err(errno), Ok)?;
        let left = size.saturating_sub(at);
        let length = left.min(most).min(PART);
        if length == 0 {
            return Ok(Next { part: None, ends: true });
        }
        let part = if length <= READ {
            Part::Bytes(read(file, at, length as usize)?)
        } else {
            if !tells(file, at)? {
                return Err(Errno::ENOTSUP);
            }
            let copy = file.try_clone_to_owned();
            let copy = copy.map_err(|error| Errno(-error.raw_os_error().unwrap_or(libc::EMFILE)))?;
            Part::Range(FileRange::new(Arc::new(File::from(copy)), at..at + length))
        };
        let count = part.count();
        if position.is_none() {
            seek(file, SeekFrom::Start(at + count)).map_err(errno)?;
        }
        Ok(Next {
            part: Some(part),
            ends: count == left || count == most,
        })
    }

    /// Puts a descriptor's own position back, before a part that was not sent.
    ///
    /// # Errors
    /// The system's.
    pub fn give_back(file: BorrowedFd<'_>, count: u64) -> Result<(), Errno> {
        seek(file, SeekFrom::Current(-(count as i64))).map(drop).map_err(errno)
    }

    /// All of `length` bytes.
    fn read(file: BorrowedFd<'_>, at: u64, length: usize) -> Result<Bytes, Errno> {
        let mut bytes = vec![0; length];
        match file::read_now(file, at, &mut bytes)? {
            Presence::Warm => Ok(bytes.into()),
            Presence::Cold => Err(Errno::EAGAIN),
        }
    }

    /// Whether a file's system says what is in memory, or has nothing elsewhere. The kernel's own (`/sys`) do not: what they have can be less
    /// than the size says.
    fn tells(file: BorrowedFd<'_>, at: u64) -> Result<bool, Errno> {
        let mut byte = [0];
        match preadv2(file, &mut [IoSliceMut::new(&mut byte)], at, ReadWriteFlags::NOWAIT) {
            Ok(_) | Err(Os::AGAIN) => Ok(true),
            Err(Os::OPNOTSUPP) => Ok(file::is_memory(file)),
            Err(error) => Err(errno(error)),
        }
    }

    /// The size of an ordinary file.
    fn check(stat: &Stat) -> Result<u64, Errno> {
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Errno::EINVAL);
        }
        // The kernel's own files (`/proc`) have content without a size.
        match u64::try_from(stat.st_size) {
            Ok(size) if size > 0 => Ok(size),
            _ => Err(Errno::ENOTSUP),
        }
    }

    fn errno(error: Os) -> Errno {
        Errno(-error.raw_os_error())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::errno::Errno;
    use std::fs::{self, File};
    use std::io::{Seek, Write};
    use std::os::fd::AsFd;
    use std::path::Path;

    fn with_file(name: &str, size: usize, test: impl FnOnce(&Path)) {
        let path = std::env::temp_dir().join(format!("ironwire-source-{name}-{}", std::process::id()));
        fs::write(&path, vec![7; size]).unwrap();
        test(&path);
        let _ = fs::remove_file(&path);
    }

    /// How many bytes come next, whether the file ends there, and whether they were read.
    fn look(file: &File, position: Option<u64>, most: u64) -> Result<(u64, bool, bool), Errno> {
        let Next { part, ends } = next(file.as_fd(), position, most)?;
        let read = matches!(part, Some(Part::Bytes(_)));
        Ok((part.map_or(0, |part| part.count()), ends, read))
    }

    #[test]
    fn parts_come_from_a_position_up_to_the_end() {
        with_file("parts", 2_500_000, |path| {
            let file = File::from(open(path).unwrap());
            assert_eq!(look(&file, Some(0), u64::MAX), Ok((PART, false, false)));
            assert_eq!(
                look(&file, Some(2 * PART), u64::MAX),
                Ok((2_500_000 - 2 * PART, true, false))
            );
            assert_eq!(look(&file, Some(2_499_990), u64::MAX), Ok((10, true, true)));
            assert_eq!(look(&file, Some(0), 10), Ok((10, true, true)));
            assert_eq!(look(&file, Some(2_500_000), u64::MAX), Ok((0, true, false)));
            assert_eq!(look(&file, Some(u64::MAX), u64::MAX), Ok((0, true, false)));
        });
    }

    #[test]
    fn a_descriptors_own_position_moves_and_can_be_put_back() {
        with_file("position", 200_000, |path| {
            let mut file = File::open(path).unwrap();
            assert_eq!(look(&file, None, 1000), Ok((1000, true, true)));
            assert_eq!(file.stream_position().unwrap(), 1000);
            assert_eq!(look(&file, None, 100_000), Ok((100_000, true, false)));
            assert_eq!(file.stream_position().unwrap(), 101_000);
            give_back(file.as_fd(), 100_000).unwrap();
            assert_eq!(file.stream_position().unwrap(), 1000);
            assert_eq!(look(&file, Some(0), 10), Ok((10, true, true)));
            assert_eq!(file.stream_position().unwrap(), 1000);
        });
    }

    #[test]
    fn a_file_ends_where_it_ends_now() {
        with_file("changes", 1000, |path| {
            let file = File::open(path).unwrap();
            fs::OpenOptions::new()
                .append(true)
                .open(path)
                .unwrap()
                .write_all(b"more")
                .unwrap();
            assert_eq!(look(&file, Some(0), u64::MAX), Ok((1004, true, true)));
            fs::OpenOptions::new()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(100)
                .unwrap();
            assert_eq!(look(&file, Some(0), u64::MAX), Ok((100, true, true)));
            assert_eq!(look(&file, Some(500), u64::MAX), Ok((0, true, false)));
        });
    }

    #[test]
    fn what_is_no_ordinary_file_is_left_alone() {
        let folder = std::env::temp_dir();
        // Looked at once, a path is known to the system, unless that keeps nothing of its kind.
        let opened = |path: &Path| {
            let _ = fs::metadata(path);
            open(path).map(drop)
        };
        assert_eq!(opened(&folder), Err(Errno::EINVAL));
        assert!(matches!(
            opened(Path::new("/dev/null")),
            Err(Errno::EINVAL | Errno::EAGAIN)
        ));
        assert!(matches!(
            opened(Path::new("/proc/version")),
            Err(Errno::ENOTSUP | Errno::EAGAIN)
        ));
        assert!(opened(&folder.join("ironwire-nothing")).is_err());
        let (reader, _writer) = std::io::pipe().unwrap();
        assert!(matches!(next(reader.as_fd(), None, 10), Err(Errno::EINVAL)));
    }
}
