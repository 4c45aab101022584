//! The stored state of a registry: a snapshot, and a journal of the changes since.
//!
//! `snapshot` holds the complete state at its generation G; `journal.G` holds the changes since. A new snapshot is
//! written to `snapshot.new`, made durable, and renamed over the old one. From then on, `journal.G+1` counts. A crash
//! at any moment leaves everything that was acknowledged. If the tail of a file is not a complete record (a write cut
//! by a crash, or lost by the disk), the records before it count, and a copy of the file is kept as `….damaged`.

use super::journal::{Records, frame};
use super::messages::{Change, FileHead, Put, Record};
use super::server::{Commit, Snapshot};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

const SNAPSHOT: &str = "snapshot";
const SNAPSHOT_NEW: &str = "snapshot.new";
const LOCK: &str = "lock";

fn journal(generation: u64) -> String {
    format!("journal.{generation}")
}

/// The generations of all journals, in ascending order.
fn journals(disk: &mut impl Disk) -> io::Result<Vec<u64>> {
    let names = disk.list()?;
    let numbers = names
        .iter()
        .filter_map(|name| name.strip_prefix("journal.")?.parse().ok());
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Copies a damaged file to `….damaged` and notes it in `cuts`. The file itself stays in use until there is a new
/// snapshot.
fn set_aside(disk: &mut impl Disk, name: &str, bytes: &[u8], at: usize, cuts: &mut Vec<Cut>) -> io::Result<()> {
    let file = format!("{name}.damaged");
    disk.write(&file, bytes)?;
    let length = bytes.len();
    cuts.push(Cut { file, at, length });
    Ok(())
}

/// The files of one folder. Contents are durable when a call returns; names are durable only after [`Disk::sync`].
pub trait Disk: Send {
    /// Reads a whole file; `None` if it does not exist.
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Writes a whole file and replaces an existing one.
    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Appends to a file, which is created if it does not exist.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Renames a file and replaces an existing one.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file, if it exists.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Lists the names of all files.
    fn list(&mut self) -> io::Result<Vec<String>>;
    /// Makes names durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file whose tail was not a complete record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The name of the copy.
    pub file: String,
    /// The offset behind the last complete record.
    pub at: usize,
    /// The length of the file in bytes.
    pub length: usize,
}

/// The loaded state.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The epoch of the state.
    pub epoch: String,
    /// The last revision.
    pub revision: u64,
    /// Every registration.
    pub puts: Vec<std::sync::Arc<Put>>,
    /// The files that were damaged.
    pub cuts: Vec<Cut>,
}

/// Applies a journal's complete records to `known`. Returns the offset behind the last one. Accepts any bytes.
pub fn replay(bytes: &[u8], known: &mut BTreeMap<(String, String), Put>, revision: &mut u64) -> usize {
    let mut records = Records::new(bytes);
    while let Some(Record { change }) = records.message() {
        match change {
            Some(Change::Put(put)) => {
                *revision = put.revision.max(*revision);
                let id = put.instance.as_ref().map(|instance| instance.id.clone());
                known.insert((put.service.clone(), id.unwrap_or_default()), put);
            }
            Some(Change::Removed(removed)) => {
                *revision = removed.revision.max(*revision);
                known.remove(&(removed.service, removed.id));
            }
            // A kind of change that a later version has introduced.
            None => {}
        }
    }
    records.position()
}

/// The snapshot and the journal of one registry.
pub struct Store<D> {
    disk: D,
    /// The generation of the current snapshot; 0 if there is none yet.
    generation: u64,
    /// Set by a failure: the journal may end with an incomplete record, so nothing may be appended to it.
    broken: bool,
    /// Whether the files of earlier generations have been removed, or there were none.
    tidy: bool,
}

impl<D: Disk> Store<D> {
    /// Loads the stored state. `epoch` is the epoch of a new registry if there is none.
    pub fn open(mut disk: D, epoch: String) -> io::Result<(Store<D>, Loaded)> {
        let mut loaded = Loaded {
            epoch: epoch.clone(),
            revision: 0,
            puts: Vec::new(),
            cuts: Vec::new(),
        };
        let mut known = BTreeMap::new();
        let mut generation = None;
        if let Some(bytes) = disk.read(SNAPSHOT)? {
            let mut records = Records::new(&bytes);
            let head: Option<FileHead> = records.message();
            let start = records.position();
            let end = start + replay(&bytes[start..], &mut known, &mut loaded.revision);
            let mut whole = end == bytes.len();
            if let Some(head) = head {
                whole &= head.records == known.len() as u64;
                generation = Some(head.generation);
                loaded.revision = loaded.revision.max(head.revision);
                if whole {
                    loaded.epoch = head.epoch;
                }
            }
            if !whole {
                set_aside(&mut disk, SNAPSHOT, &bytes, end, &mut loaded.cuts)?;
            }
        }
        // Without a snapshot that names the journal that counts, all of them do.
        let journals = match generation {
            Some(generation) => vec![generation],
            None => journals(&mut disk)?,
        };
        for &number in &journals {
            let name = journal(number);
            let Some(bytes) = disk.read(&name)? else { continue };
            let mut records = Records::new(&bytes);
            let head: Option<FileHead> = records.message();
            let start = records.position();
            let end = match head {
                Some(head) if head.generation == number => {
                    start + replay(&bytes[start..], &mut known, &mut loaded.revision)
                }
                _ => 0,
            };
            if end < bytes.len() {
                set_aside(&mut disk, &name, &bytes, end, &mut loaded.cuts)?;
            }
        }
        let generation = journals.last().copied().unwrap_or(0);
        if !loaded.cuts.is_empty() {
            // Changes may be missing. With a new epoch, clients that know more do not conclude that the missing
            // instances were removed.
            loaded.epoch = epoch;
        }
        loaded.puts = known.into_values().map(std::sync::Arc::new).collect();
        let store = Store {
            disk,
            generation,
            broken: true,
            tidy: false,
        };
        Ok((store, loaded))
    }

    /// Writes a commit. If it returns without an error, the commit is durable.
    pub fn commit(&mut self, commit: &Commit) -> io::Result<()> {
        let done = match &commit.snapshot {
            Some(snapshot) => self.begin(snapshot),
            None if self.broken => Err(io::Error::other("the journal cannot be written to after a failure")),
            None => self.disk.append(&journal(self.generation), &commit.records),
        };
        self.broken = done.is_err();
        done
    }

    /// Starts a new generation with a snapshot.
    fn begin(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let generation = self.generation + 1;
        let mut head = FileHead {
            epoch: snapshot.epoch.clone(),
            generation,
            revision: snapshot.revision,
            records: snapshot.puts.len() as u64,
        };
        let mut bytes = Vec::new();
        frame(&mut bytes, &head);
        for put in &snapshot.puts {
            let change = Some(Change::Put((**put).clone()));
            frame(&mut bytes, &Record { change });
        }
        self.disk.write(SNAPSHOT_NEW, &bytes)?;
        // Overwrites a journal left behind by a generation that was never completed.
        (head.revision, head.records, bytes) = (0, 0, Vec::new());
        frame(&mut bytes, &head);
        self.disk.write(&journal(generation), &bytes)?;
        self.disk.sync()?;
        self.disk.rename(SNAPSHOT_NEW, SNAPSHOT)?;
        // From here on, nothing may be appended to the old journal, even after an error: the new snapshot may already
        // be in place.
        let old = std::mem::replace(&mut self.generation, generation);
        self.disk.sync()?;
        self.clear_away(old);
        Ok(())
    }

    /// Removes the files that the new snapshot replaces. Errors are ignored: leftover files do no harm.
    fn clear_away(&mut self, old: u64) {
        if self.tidy {
            let _ = self.disk.remove(&journal(old));
            return;
        }
        for number in journals(&mut self.disk).unwrap_or_default() {
            if number != self.generation {
                let _ = self.disk.remove(&journal(number));
            }
        }
        self.tidy = true;
    }
}

/// A folder of the file system, locked by this process.
pub struct Folder {
    path: PathBuf,
    /// Holds the lock as long as the folder is in use.
    _lock: fs::File,
    /// The file that was appended to last.
    appended: Option<(String, fs::File)>,
}

impl Folder {
    /// Opens and locks a folder, which is created if it does not exist. Fails with `WouldBlock` if another process
    /// has locked it.
    pub fn open(path: &Path) -> io::Result<Folder> {
        fs::create_dir_all(path)?;
        let lock = lock(&path.join(LOCK))?;
        Ok(Folder {
            path: path.to_owned(),
            _lock: lock,
            appended: None,
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Locks a file. The system releases the lock when the process ends, however it ends.
#[cfg(unix)]
fn lock(path: &Path) -> io::Result<fs::File> {
    let file = fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

#[cfg(windows)]
fn lock(path: &Path) -> io::Result<fs::File> {
    use std::os::windows::fs::OpenOptionsExt;
    let opened = fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .share_mode(0)
        .open(path);
    // ERROR_SHARING_VIOLATION
    opened.map_err(|error| {
        if error.raw_os_error() == Some(32) {
            ErrorKind::WouldBlock.into()
        } else {
            error
        }
    })
}

impl Disk for Folder {
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.file(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.appended = None;
        let mut file = fs::File::create(self.file(name))?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let open = match self.appended.take() {
            Some((open, file)) if open == name => file,
            _ => fs::File::options().create(true).append(true).open(self.file(name))?,
        };
        let (_, file) = self.appended.insert((name.to_owned(), open));
        file.write_all(bytes)?;
        file.sync_data()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.file(from), self.file(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.path)?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn sync(&mut self) -> io::Result<()> {
        // On other systems a folder cannot be opened, and a rename cannot be made more durable.
        #[cfg(unix)]
        fs::File::open(&self.path)?.sync_all()?;
        Ok(())
    }
}
