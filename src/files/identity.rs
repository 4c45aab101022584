//! Identifies a state of a file, with what the system reports about it.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A time since 1970. Seconds are negative before that; nanoseconds always count forward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Time {
    pub seconds: i64,
    pub nanoseconds: u32,
}

impl Time {
    /// Milliseconds as in JavaScript's `stat.mtime`, rounded with the same arithmetic.
    pub fn milliseconds(self) -> i64 {
        let exact = self.seconds as f64 * 1e3 + f64::from(self.nanoseconds) / 1e6;
        (exact + 0.5).floor() as i64
    }
}

/// One state of one file. Equal states have equal content, with the exception of [`Identity::is_young`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    device: u64,
    inode: u64,
    pub size: u64,
    pub modified: Time,
    /// When the content, name or permissions last changed. No call can set this back. On Windows, the time of
    /// creation.
    changed: Time,
}

/// The kind of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    File,
    Directory,
    /// A device, a pipe or a socket. It is never opened.
    Special,
}

impl Kind {
    fn of(metadata: &Metadata) -> Kind {
        if metadata.is_file() {
            Kind::File
        } else if metadata.is_dir() {
            Kind::Directory
        } else {
            Kind::Special
        }
    }
}

/// How long after a change another change may get the same timestamp. Kernels use the clock of their last tick, at
/// most 10 ms apart, on Windows 16. File systems with a resolution of one or two seconds are recognised by the
/// missing fraction.
const TICK: Duration = Duration::from_millis(50);
const COARSE_TICK: Duration = Duration::from_millis(2_100);

impl Identity {
    /// Whether the last change is so recent that another one could follow without changing the timestamp. Content
    /// read now must not be cached.
    pub fn is_young(&self) -> bool {
        // A program can set the modification time to any value, even in the future, but not the time of the change.
        let last = if cfg!(unix) { self.changed } else { self.modified };
        let coarse = self.modified.nanoseconds == 0 && self.changed.nanoseconds == 0;
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let last = Duration::new(last.seconds.max(0) as u64, last.nanoseconds);
        since < last.saturating_add(if coarse { COARSE_TICK } else { TICK })
    }

    /// The state of an open file.
    #[cfg(unix)]
    pub fn of(metadata: &Metadata) -> (Identity, Kind) {
        use std::os::unix::fs::MetadataExt;
        let time = |seconds, nanoseconds| Time {
            seconds,
            nanoseconds: nanoseconds as u32,
        };
        let identity = Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            changed: time(metadata.ctime(), metadata.ctime_nsec()),
        };
        (identity, Kind::of(metadata))
    }

    /// The state of an open file.
    #[cfg(not(unix))]
    pub fn of(metadata: &Metadata) -> (Identity, Kind) {
        let time = |time: io::Result<SystemTime>| {
            let since = time
                .ok()
                .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok())
                .unwrap_or_default();
            Time {
                seconds: since.as_secs() as i64,
                nanoseconds: since.subsec_nanos(),
            }
        };
        let identity = Identity {
            device: 0,
            inode: 0,
            size: metadata.len(),
            modified: time(metadata.modified()),
            changed: time(metadata.created()),
        };
        (identity, Kind::of(metadata))
    }

    /// Whether both are states of the same file or directory, whatever has changed in it.
    pub fn is_same_file(&self, other: &Identity) -> bool {
        (self.device, self.inode) == (other.device, other.inode) && (cfg!(unix) || self.changed == other.changed)
    }
}

/// A path in the form that the system takes, so that it is converted only once.
#[derive(Debug)]
pub struct SystemPath {
    #[cfg(unix)]
    raw: std::ffi::CString,
    #[cfg(not(unix))]
    raw: std::path::PathBuf,
}

impl SystemPath {
    /// Converts a path. Fails if it contains a NUL.
    pub fn new(path: &Path) -> io::Result<SystemPath> {
        #[cfg(unix)]
        let raw = std::ffi::CString::new(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()))?;
        #[cfg(not(unix))]
        let raw = path.to_owned();
        Ok(SystemPath { raw })
    }

    /// The path itself.
    pub fn as_path(&self) -> &Path {
        #[cfg(unix)]
        return Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(
            self.raw.as_bytes(),
        ));
        #[cfg(not(unix))]
        return &self.raw;
    }

    /// The current state of the file at this path.
    #[cfg(unix)]
    pub fn stat(&self) -> io::Result<(Identity, Kind)> {
        use rustix::fs::FileType;
        let stat = rustix::fs::stat(&*self.raw)?;
        let identity = Identity {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: Time {
                seconds: stat.st_mtime as i64,
                nanoseconds: stat.st_mtime_nsec as u32,
            },
            changed: Time {
                seconds: stat.st_ctime as i64,
                nanoseconds: stat.st_ctime_nsec as u32,
            },
        };
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            _ => Kind::Special,
        };
        Ok((identity, kind))
    }

    /// The current state of the file at this path.
    #[cfg(not(unix))]
    pub fn stat(&self) -> io::Result<(Identity, Kind)> {
        Ok(Identity::of(&std::fs::metadata(&self.raw)?))
    }
}
