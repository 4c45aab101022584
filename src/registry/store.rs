//! What of a registry survives its process: a snapshot, and a journal of what came after it.
//!
//! `snapshot` holds everything as of its generation G; `journal.G` what has changed since. A new snapshot is written beside the old one as
//! `snapshot.new`, made durable, and renamed over it; from then on `journal.G+1` counts, which does not exist yet. So there is no moment at which
//! a crash leaves less than what was acknowledged. A file's tail that is no whole record (a write that a crash has cut, or a disk that has
//! forgotten) is not guessed at: what is before it counts, and the file is kept as `….damaged`.

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

/// The generations of all journals, in their order.
fn journals(disk: &mut impl Disk) -> io::Result<Vec<u64>> {
    let names = disk.list()?;
    let numbers = names
        .iter()
        .filter_map(|name| name.strip_prefix("journal.")?.parse().ok());
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Keeps a copy of a damaged file: until there is a new snapshot, the file itself is what there is.
fn set_aside(disk: &mut impl Disk, name: &str, bytes: &[u8], at: usize, cuts: &mut Vec<Cut>) -> io::Result<()> {
    let file = format!("{name}.damaged");
    disk.write(&file, bytes)?;
    let length = bytes.len();
    cuts.push(Cut { file, at, length });
    Ok(())
}

/// The files of one folder. What has returned is durable, but for names, which [`Disk::sync`] makes durable.
pub trait Disk: Send {
    /// All of a file; nothing where there is none.
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Writes a whole file, over an old one.
    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Adds to the end of a file that may not exist yet.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Gives a file another name, whatever had it before.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Takes a file away, if there is one.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Every file's name.
    fn list(&mut self) -> io::Result<Vec<String>>;
    /// Makes names durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file whose tail was no whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// What it is called now.
    pub file: String,
    /// Where the whole records end.
    pub at: usize,
    /// How long the file is.
    pub length: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Of what is remembered.
    pub epoch: String,
    /// The last revision given.
    pub revision: u64,
    /// Every instance.
    pub puts: Vec<std::sync::Arc<Put>>,
    /// Files that were damaged.
    pub cuts: Vec<Cut>,
}

/// Applies a journal to what a snapshot holds, as far as its records are whole; returns how far that is. For any bytes at all.
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
            // A change of a kind that came later than this version.
            None => {}
        }
    }
    records.position()
}

/// The snapshot and the journal of one registry.
pub struct Store<D> {
    disk: D,
    /// Of the snapshot that is there; 0 when there is none yet.
    generation: u64,
    /// Set by a failure: the journal may have a torn tail, so nothing may be added behind it.
    broken: bool,
    /// Files of earlier generations have been cleared away, or there were none.
    tidy: bool,
}

impl<D: Disk> Store<D> {
    /// Reads what is there. `epoch` names the beginning, where nothing is.
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
        // Where no snapshot says which journal counts, all that there are do.
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
            // Something may be missing: whoever knows more must not believe that it has been taken out.
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

    /// Carries a commit out; when it returns without an error it is durable.
    pub fn commit(&mut self, commit: &Commit) -> io::Result<()> {
        let done = match &commit.snapshot {
            Some(snapshot) => self.begin(snapshot),
            None if self.broken => Err(io::Error::other("the journal cannot be added to after a failure")),
            None => self.disk.append(&journal(self.generation), &commit.records),
        };
        self.broken = done.is_err();
        done
    }

    /// A new generation, which begins with a snapshot.
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
        // Over what a generation that never began has left.
        (head.revision, head.records, bytes) = (0, 0, Vec::new());
        frame(&mut bytes, &head);
        self.disk.write(&journal(generation), &bytes)?;
        self.disk.sync()?;
        self.disk.rename(SNAPSHOT_NEW, SNAPSHOT)?;
        // Whatever comes now, the old journal may not be added to: the new snapshot may be there already.
        let old = std::mem::replace(&mut self.generation, generation);
        self.disk.sync()?;
        self.clear_away(old);
        Ok(())
    }

    /// What the new snapshot has taken the place of. That it cannot be removed harms nobody.
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

/// A folder of the file system, locked for this process.
pub struct Folder {
    path: PathBuf,
    /// Held as long as the folder is.
    _lock: fs::File,
    /// The file that was last added to.
    appended: Option<(String, fs::File)>,
}

impl Folder {
    /// Opens a folder, makes it where it is not there, and locks it: `WouldBlock` when another process has it.
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

/// The lock ends with the process, however it ends.
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
        // Elsewhere a folder cannot be opened, and renaming is as durable as it gets.
        #[cfg(unix)]
        fs::File::open(&self.path)?.sync_all()?;
        Ok(())
    }
}
