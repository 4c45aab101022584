//! The caches: small files in memory, and large files that stay open. They are bounded in entries and bytes. The
//! oldest entry is evicted first, but an entry that was used since is spared once (the "clock" algorithm), so a
//! lookup moves nothing.
//!
//! The locks are held only for lookups and insertions, never during a system call, so the loop's thread never waits
//! for a disk because of them.

use super::file::{Content, File};
use lru::LruCache;
use std::sync::{Arc, Mutex, PoisonError};

/// The overhead in bytes of an entry besides its key and file.
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

    /// Inserts a file. Returns the evicted ones, to be dropped after the lock is released.
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

/// The memory that an entry takes, in bytes.
fn weight(key: &str, file: &File) -> usize {
    key.len() + file.weight() + ENTRY
}

fn locked<T>(bounded: &Mutex<Bounded>, use_it: impl FnOnce(&mut Bounded) -> T) -> T {
    // The guarded data is consistent at every point where a panic could happen, so a poisoned lock can be used.
    use_it(&mut bounded.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Cache {
    /// Creates an empty cache with the limits: the number of files in memory, their bytes, and the number of open
    /// files.
    pub fn new(files: usize, memory: usize, handles: usize) -> Cache {
        Cache {
            memory: Bounded::new(files, memory),
            handles: Bounded::new(handles, usize::MAX),
        }
    }

    /// Returns the file under a key.
    pub fn get(&self, key: &str) -> Option<Arc<File>> {
        let of = |bounded| locked(bounded, |bounded| bounded.entries.peek(key).cloned());
        of(&self.memory).or_else(|| of(&self.handles))
    }

    /// Inserts a file under a key and replaces an existing one.
    pub fn insert(&self, key: &str, file: &Arc<File>) {
        let (to, other) = match file.content {
            Content::Memory(_) => (&self.memory, &self.handles),
            Content::Handle(_) => (&self.handles, &self.memory),
        };
        let other = locked(other, |bounded| bounded.remove(key));
        let gone = locked(to, |bounded| bounded.insert(key, file.clone()));
        drop((other, gone));
    }

    /// Removes the file under a key.
    pub fn remove(&self, key: &str) {
        let gone = [&self.memory, &self.handles].map(|bounded| locked(bounded, |bounded| bounded.remove(key)));
        drop(gone);
    }

    /// Closes the cached open files. Those that are being sent stay open until they are sent.
    pub fn drop_handles(&self) {
        let gone = locked(&self.handles, |bounded| {
            bounded.weight = 0;
            std::mem::replace(&mut bounded.entries, LruCache::unbounded())
        });
        drop(gone);
    }

    /// Closes the cached open files for which `keep` returns `false`.
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

    /// The number of files in memory, their bytes, and the number of open files.
    pub fn usage(&self) -> (usize, usize, usize) {
        let (files, weight) = locked(&self.memory, |bounded| (bounded.entries.len(), bounded.weight));
        (files, weight, locked(&self.handles, |bounded| bounded.entries.len()))
    }
}
