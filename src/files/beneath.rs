//! Opens files below the root, and nothing outside of it.
//!
//! `cap-std` resolves every path relative to the open directory of the root: with `openat2(RESOLVE_BENEATH)` if the
//! kernel has it, otherwise component by component. So neither a link nor a concurrent rename can lead outside. The
//! root itself is the application's choice. It is opened by its name, and again when that name refers to another
//! directory.

use super::identity::{Identity, Kind, SystemPath};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The directory that a site serves.
pub struct Root {
    path: PathBuf,
    name: SystemPath,
    opened: Mutex<Option<Arc<Opened>>>,
}

struct Opened {
    dir: Dir,
    identity: Identity,
}

/// What exists at a path.
pub enum Node {
    /// A regular file, open for reading.
    File(File, Identity),
    Directory,
    /// Neither a file nor a directory. It is not opened: opening a pipe waits for a writer, and opening a device can
    /// have any effect.
    Special,
}

impl Root {
    /// Creates a root. The directory need not exist yet.
    pub fn new(path: &Path) -> io::Result<Root> {
        let path = std::path::absolute(path)?;
        Ok(Root {
            name: SystemPath::new(&path)?,
            path,
            opened: Mutex::default(),
        })
    }

    /// The absolute path of a path below the root.
    pub fn absolute(&self, relative: &str) -> PathBuf {
        // Joining an empty path would add a slash.
        if relative.is_empty() {
            self.path.clone()
        } else {
            self.path.join(relative)
        }
    }

    /// Checks that the root exists and is a directory.
    pub fn check(&self) -> io::Result<()> {
        self.dir().map(drop)
    }

    /// Opens the directory that the root's name refers to now.
    fn dir(&self) -> io::Result<Arc<Opened>> {
        let (identity, kind) = self.name.stat()?;
        if kind != Kind::Directory {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = opened.as_ref().filter(|opened| opened.identity.is_same_file(&identity)) {
            return Ok(opened.clone());
        }
        drop(opened.take());
        drop(opened);
        let dir = Dir::open_ambient_dir(&self.path, ambient_authority())?;
        let (identity, _) = Identity::of(&dir.try_clone()?.into_std_file().metadata()?);
        let fresh = Arc::new(Opened { dir, identity });
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh.clone());
        Ok(fresh)
    }

    /// Opens what exists at a path below the root.
    pub fn open(&self, relative: &str) -> io::Result<Node> {
        if relative.is_empty() {
            return self.open_itself();
        }
        let root = self.dir()?;
        match open(&root.dir, Path::new(relative)) {
            Err(error) if is_escape(&error) => {
                // A link with an absolute target is refused, although the target may be below the root. If it is, the
                // path that it resolves to is opened instead.
                let target = std::fs::canonicalize(self.absolute(relative))?;
                let target = target
                    .strip_prefix(std::fs::canonicalize(&self.path)?)
                    .map_err(|_| error)?;
                if target.as_os_str().is_empty() {
                    Ok(Node::Directory)
                } else {
                    open(&root.dir, target)
                }
            }
            opened => opened,
        }
    }

    /// Opens the root itself, which is a directory or the only file to be served.
    fn open_itself(&self) -> io::Result<Node> {
        match self.name.stat()? {
            (_, Kind::Directory) => Ok(Node::Directory),
            (_, Kind::Special) => Ok(Node::Special),
            (_, Kind::File) => {
                let mut options = std::fs::OpenOptions::new();
                options.read(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, NEVER_WAIT);
                node(options.open(&self.path)?)
            }
        }
    }

    /// Lists a directory below the root: at most `limit` entries with their kinds, and whether there are more.
    pub fn list(&self, relative: &str, limit: usize) -> io::Result<(Vec<Entry>, bool)> {
        let root = self.dir()?;
        let relative = if relative.is_empty() { "." } else { relative };
        let mut entries = Vec::new();
        for entry in root.dir.read_dir(relative)? {
            if entries.len() == limit {
                return Ok((entries, true));
            }
            let entry = entry?;
            // Skips names that cannot be part of a URL, and links that lead outside or nowhere.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let Ok(metadata) = root.dir.metadata(Path::new(relative).join(&name)) else {
                continue;
            };
            if !metadata.is_dir() && !metadata.is_file() {
                continue;
            }
            entries.push(Entry {
                name,
                directory: metadata.is_dir(),
                size: metadata.len(),
                modified: metadata.modified().ok().map(cap_std::time::SystemTime::into_std),
            });
        }
        Ok((entries, false))
    }

    /// Whether it is known without waiting for a disk that nothing exists at a path. `false` means unknown.
    #[cfg(target_os = "linux")]
    pub fn is_known_missing(&self, relative: &str) -> bool {
        use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
        // The root itself is not a name below it.
        if relative.is_empty() {
            return false;
        }
        let Ok((identity, Kind::Directory)) = self.name.stat() else {
            return false;
        };
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(root) = opened.as_ref().filter(|opened| opened.identity.is_same_file(&identity)) else {
            return false;
        };
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::CACHED;
        openat2(&root.dir, relative, flags, Mode::empty(), resolve)
            .is_err_and(|error| error == rustix::io::Errno::NOENT)
    }

    /// Whether it is known without waiting for a disk that nothing exists at a path. `false` means unknown.
    #[cfg(not(target_os = "linux"))]
    pub fn is_known_missing(&self, _relative: &str) -> bool {
        false
    }
}

/// An entry of a directory.
pub struct Entry {
    pub name: String,
    pub directory: bool,
    pub size: u64,
    pub modified: Option<std::time::SystemTime>,
}

/// A file may be replaced by a pipe between the check and the opening. With these flags, opening a pipe does not
/// wait.
#[cfg(unix)]
const NEVER_WAIT: i32 = (rustix::fs::OFlags::NONBLOCK.bits() | rustix::fs::OFlags::NOCTTY.bits()) as i32;

fn open(dir: &Dir, path: &Path) -> io::Result<Node> {
    let metadata = dir.metadata(path)?;
    if metadata.is_dir() {
        return Ok(Node::Directory);
    }
    if !metadata.is_file() {
        return Ok(Node::Special);
    }
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::custom_flags(&mut options, NEVER_WAIT);
    node(dir.open_with(path, &options)?.into_std())
}

fn node(file: File) -> io::Result<Node> {
    Ok(match Identity::of(&file.metadata()?) {
        (identity, Kind::File) => Node::File(file, identity),
        (_, Kind::Directory) => Node::Directory,
        (_, Kind::Special) => Node::Special,
    })
}

/// Whether a path was refused because it leads out of the root. `cap-std` reports that without an error number.
pub fn is_escape(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}
