//! What tells one state of a file from another, as the system has it.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A time since 1970, before which the seconds are negative; the nanoseconds always count forward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Time {
    pub seconds: i64,
    pub nanoseconds: u32,
}

impl Time {
    /// As JavaScript's `stat.mtime`: milliseconds, rounded to the nearest with the same arithmetic.
    pub fn milliseconds(self) -> i64 {
        let exact = self.seconds as f64 * 1e3 + f64::from(self.nanoseconds) / 1e6;
        (exact + 0.5).floor() as i64
    }
}

/// One state of one file. Equal states have equal content, but see [`Identity::is_young`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    device: u64,
    inode: u64,
    pub size: u64,
    pub modified: Time,
    /// When content, name or permissions changed last, which no call can set back; Windows has the time of creation here.
    changed: Time,
}

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    File,
    Directory,
    /// A device, a pipe, a socket: nothing that is ever opened.
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

/// How long after a change another one may bear the same time: kernels stamp files with the clock of their last tick, 10 ms apart at
/// most, Windows 16. File systems that count whole seconds, or two, show it by having nothing below.
const TICK: Duration = Duration::from_millis(50);
const COARSE_TICK: Duration = Duration::from_millis(2_100);

impl Identity {
    /// Whether the last change is so near that another could follow without showing: what is read now may not be kept.
    pub fn is_young(&self) -> bool {
        // A program can set the time of the last modification as it likes, into the future for one, but not that of the change.
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

    /// Whether both are states of one directory or file, whatever has changed in it.
    pub fn is_same_file(&self, other: &Identity) -> bool {
        (self.device, self.inode) == (other.device, other.inode) && (cfg!(unix) || self.changed == other.changed)
    }
}

/// A path as the system takes it, made once for a file that is asked for again and again.
#[derive(Debug)]
pub struct SystemPath {
    #[cfg(unix)]
    raw: std::ffi::CString,
    #[cfg(not(unix))]
    raw: std::path::PathBuf,
}

impl SystemPath {
    /// A path without a NUL.
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

    /// What is there now.
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

    /// What is there now.
    #[cfg(not(unix))]
    pub fn stat(&self) -> io::Result<(Identity, Kind)> {
        Ok(Identity::of(&std::fs::metadata(&self.raw)?))
    }
}
