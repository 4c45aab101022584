//! What is kept between requests: small files in memory, large ones open. Bounded in entries and bytes: what came first goes first, but what was
//! asked for since then is spared once (the "clock" algorithm), so that to ask for a file moves nothing.
//!
//! The locks are held for looking up and putting in only, never while the system is asked for anything, so that the loop's thread
//! never waits for a disk through them.

use super::file::{Content, File};
use lru::LruCache;
use std::sync::{Arc, Mutex, PoisonError};

/// What a key costs besides its bytes, and an entry besides its file.
const ENTRY: usize = 96;

/// See the module's documentation.
pub struct Cache {
    memory: Mutex<Bounded>,
    handles: Mutex<Bounded>,
}

struct Bounded {
    entries: LruCache<Box<str>, Arc<File>>,
    weight: usize,
    max_weight: usize,
    max_entries: usize,
}

impl Bounded {
    fn new(max_entries: usize, max_weight: usize) -> Mutex<Bounded> {
        let entries = LruCache::unbounded();
        Mutex::new(Bounded {
            entries,
            weight: 0,
            max_weight,
            max_entries,
        })
    }

    /// Puts a file in; what has to go for it is returned, to be let go when the lock is.
    fn insert(&mut self, key: &str, file: Arc<File>) -> Vec<Arc<File>> {
        let mut gone = Vec::new();
        let added = weight(key, &file);
        if added > self.max_weight || self.max_entries == 0 {
            gone.extend(self.remove(key));
            return gone;
        }
        if let Some((key, old)) = self.entries.push(key.into(), file) {
            self.weight -= weight(&key, &old);
            gone.push(old);
        }
        self.weight += added;
        while self.weight > self.max_weight || self.entries.len() > self.max_entries {
            let Some((key, old)) = self.entries.pop_lru() else {
                break;
            };
            if old.take_use() {
                self.entries.push(key, old);
                continue;
            }
            self.weight -= weight(&key, &old);
            gone.push(old);
        }
        gone
    }

    fn remove(&mut self, key: &str) -> Option<Arc<File>> {
        let (key, file) = self.entries.pop_entry(key)?;
        self.weight -= weight(&key, &file);
        Some(file)
    }
}

/// What an entry takes.
fn weight(key: &str, file: &File) -> usize {
    key.len() + file.weight() + ENTRY
}

fn locked<T>(bounded: &Mutex<Bounded>, use_it: impl FnOnce(&mut Bounded) -> T) -> T {
    // What the lock guards is consistent at every point where it could panic.
    use_it(&mut bounded.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Cache {
    /// An empty cache with limits: files in memory, their bytes, and open files.
    pub fn new(files: usize, memory: usize, handles: usize) -> Cache {
        Cache {
            memory: Bounded::new(files, memory),
            handles: Bounded::new(handles, usize::MAX),
        }
    }

    /// The file under a key.
    pub fn get(&self, key: &str) -> Option<Arc<File>> {
        let of = |bounded| locked(bounded, |bounded| bounded.entries.peek(key).cloned());
        of(&self.memory).or_else(|| of(&self.handles))
    }

    /// Puts a file under a key, in place of what is there.
    pub fn insert(&self, key: &str, file: &Arc<File>) {
        let (to, other) = match file.content {
            Content::Memory(_) => (&self.memory, &self.handles),
            Content::Handle(_) => (&self.handles, &self.memory),
        };
        let other = locked(other, |bounded| bounded.remove(key));
        let gone = locked(to, |bounded| bounded.insert(key, file.clone()));
        drop((other, gone));
    }

    /// Lets the file under a key go.
    pub fn remove(&self, key: &str) {
        let gone = [&self.memory, &self.handles].map(|bounded| locked(bounded, |bounded| bounded.remove(key)));
        drop(gone);
    }

    /// Closes the files that are kept open; those that are being sent stay so until they are.
    pub fn drop_handles(&self) {
        let gone = locked(&self.handles, |bounded| {
            bounded.weight = 0;
            std::mem::replace(&mut bounded.entries, LruCache::unbounded())
        });
        drop(gone);
    }

    /// Keeps those files open for which `keep` holds.
    pub fn keep_handles(&self, keep: impl Fn(&File) -> bool) {
        let all: Vec<_> = locked(&self.handles, |bounded| {
            bounded
                .entries
                .iter()
                .map(|(key, file)| (key.clone(), file.clone()))
                .collect()
        });
        for (key, file) in all {
            if !keep(&file) {
                let same =
                    |bounded: &mut Bounded| bounded.entries.peek(&key).is_some_and(|now| Arc::ptr_eq(now, &file));
                let gone = locked(&self.handles, |bounded| same(bounded).then(|| bounded.remove(&key)));
                drop(gone);
            }
        }
    }

    /// Files in memory, what they weigh, and files kept open.
    pub fn usage(&self) -> (usize, usize, usize) {
        let (files, weight) = locked(&self.memory, |bounded| (bounded.entries.len(), bounded.weight));
        (files, weight, locked(&self.handles, |bounded| bounded.entries.len()))
    }
}
