//! Sends a file that a program reads itself through its own descriptor (`fs.createReadStream(path).pipe(res)`). The
//! bytes of the program's next read are taken from the file at the time of that read, and are sent without entering
//! JavaScript.
//!
//! Nothing here waits for a disk. If the bytes cannot be had without waiting, or the descriptor is not a regular
//! file, the result is an error, and the program reads as it does without this module.

use super::FileRange;
use bytes::Bytes;

#[cfg(target_os = "linux")]
pub use linux::{give_back, next, open};

/// The most bytes of a large file that are sent as one part. Between parts, the program can pause, stop, or use the
/// rest differently.
pub const PART: u64 = 1024 * 1024;

/// The next bytes of a file.
pub enum Part {
    /// A small part, already read.
    Bytes(Bytes),
    /// A larger part, to be sent from the file.
    Range(FileRange),
}

impl Part {
    /// The number of bytes in the part.
    pub fn count(&self) -> u64 {
        match self {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Range(range) => range.left(),
        }
    }
}

/// The next part, and whether the file currently ends behind it.
pub struct Next {
    /// The bytes; `None` at the end of the file.
    pub part: Option<Part>,
    /// No more bytes follow: the file or the requested amount ends here.
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

    /// Up to this many bytes are read at once; a longer part is sent as a file range.
    const READ: u64 = 64 * 1024;

    /// Opens a regular file for reading, if the kernel can resolve the path from its cache without a disk access.
    /// Another kind of file may be opened for a moment, without blocking, before it is rejected.
    ///
    /// # Errors
    /// The system's; `EINVAL` if it is not a regular file, `ENOTSUP` if its content may differ from its size.
    pub fn open(path: &Path) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).map_err(errno)?;
        check(&fstat(&file).map_err(errno)?)?;
        Ok(file)
    }

    /// Returns the next part of a file, at most `most` bytes. It starts at `position`, or at the descriptor's own
    /// offset, which then advances.
    ///
    /// # Errors
    /// The system's; `EAGAIN` if the disk would have to be waited for, `EINVAL` if it is not a regular file,
    /// `ENOTSUP` if its content may differ from its size.
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

    /// Moves a descriptor's own offset back by `count` bytes, for a part that was not sent.
    ///
    /// # Errors
    /// The system's.
    pub fn give_back(file: BorrowedFd<'_>, count: u64) -> Result<(), Errno> {
        seek(file, SeekFrom::Current(-(count as i64))).map(drop).map_err(errno)
    }

    /// Reads exactly `length` bytes.
    fn read(file: BorrowedFd<'_>, at: u64, length: usize) -> Result<Bytes, Errno> {
        let mut bytes = vec![0; length];
        match file::read_now(file, at, &mut bytes)? {
            Presence::Warm => Ok(bytes.into()),
            Presence::Cold => Err(Errno::EAGAIN),
        }
    }

    /// Whether the file system can tell which bytes are in memory, or keeps all of them there. The kernel's own file
    /// systems such as `/sys` do neither: their files can hold fewer bytes than their size says.
    fn tells(file: BorrowedFd<'_>, at: u64) -> Result<bool, Errno> {
        let mut byte = [0];
        match preadv2(file, &mut [IoSliceMut::new(&mut byte)], at, ReadWriteFlags::NOWAIT) {
            Ok(_) | Err(Os::AGAIN) => Ok(true),
            Err(Os::OPNOTSUPP) => Ok(file::is_memory(file)),
            Err(error) => Err(errno(error)),
        }
    }

    /// The size of a regular file.
    fn check(stat: &Stat) -> Result<u64, Errno> {
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Errno::EINVAL);
        }
        // The kernel's own files, such as those in `/proc`, have content although their size is 0.
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

    /// Returns the number of bytes of the next part, whether the file ends there, and whether they were already read.
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
        // The stat brings the path into the kernel's cache, unless its file system caches no such entries.
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
