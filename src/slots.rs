//! A table of slots with generations. JavaScript holds their ids instead of pointers.
//!
//! An id consists of a slot's number (20 bits) and its generation (11 bits). It is positive and has 31 bits, so V8
//! stores it as a small integer. A freed slot gets the next generation and goes to the end of the free list. So an id
//! is reused only after its slot was used 2,048 times; until then, a stale id finds nothing.

use std::collections::VecDeque;

const INDEX_BITS: u32 = 20;
const GENERATION_MASK: u32 = (1 << 11) - 1;

/// The most slots that can be in use at once: about a million.
pub const MAX_SLOTS: usize = 1 << INDEX_BITS;

/// The bits of an id with the slot's number, with which JavaScript indexes its own tables.
pub const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;

/// Freed slots are reused only when more than this many are free, so that generations are used up slowly.
const REUSE_DELAY: usize = 64;

struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

/// The table.
pub struct Slots<T> {
    entries: Vec<Entry<T>>,
    free: VecDeque<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots {
            entries: Vec::new(),
            free: VecDeque::new(),
        }
    }
}

fn index(id: u32) -> usize {
    (id & INDEX_MASK) as usize
}

impl<T> Slots<T> {
    /// Adds a value that `make` creates with its id. `None` if all slots are in use; the error if `make` fails.
    pub fn insert_with<E>(&mut self, make: impl FnOnce(u32) -> Result<T, E>) -> Option<Result<u32, E>> {
        let at = if self.free.len() > REUSE_DELAY || self.entries.len() >= MAX_SLOTS {
            self.free.pop_front()? as usize
        } else {
            self.entries.push(Entry {
                generation: 0,
                value: None,
            });
            self.entries.len() - 1
        };
        let entry = &mut self.entries[at];
        let id = entry.generation << INDEX_BITS | at as u32;
        match make(id) {
            Ok(value) => {
                entry.value = Some(value);
                Some(Ok(id))
            }
            Err(error) => {
                // A handle that is being closed may still use this id, so it must not be assigned again.
                entry.generation = (entry.generation + 1) & GENERATION_MASK;
                self.free.push_back(at as u32);
                Some(Err(error))
            }
        }
    }

    fn entry(&mut self, id: u32) -> Option<&mut Entry<T>> {
        let entry = self.entries.get_mut(index(id))?;
        (entry.generation == id >> INDEX_BITS).then_some(entry)
    }

    /// The value with this id; `None` for a stale id.
    pub fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.entry(id)?.value.as_mut()
    }

    /// Removes and returns the value, and frees its slot.
    pub fn remove(&mut self, id: u32) -> Option<T> {
        let entry = self.entry(id)?;
        let value = entry.value.take()?;
        entry.generation = (entry.generation + 1) & GENERATION_MASK;
        self.free.push_back(index(id) as u32);
        Some(value)
    }

    /// The number of slots in use.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether no slot is in use.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every value in use, in slot order.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|entry| entry.value.as_ref())
    }

    /// Removes and returns all values, and frees all slots.
    pub fn drain(&mut self) -> Vec<T> {
        let mut values = Vec::new();
        for (at, entry) in self.entries.iter_mut().enumerate() {
            if let Some(value) = entry.value.take() {
                entry.generation = (entry.generation + 1) & GENERATION_MASK;
                self.free.push_back(at as u32);
                values.push(value);
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn insert(slots: &mut Slots<u64>, value: u64) -> u32 {
        slots.insert_with(|_| Ok::<_, ()>(value)).unwrap().unwrap()
    }

    #[test]
    fn a_stale_id_finds_nothing() {
        let mut slots = Slots::default();
        let first = insert(&mut slots, 1);
        assert_eq!(slots.remove(first), Some(1));
        for value in 0..1_000 {
            let id = insert(&mut slots, value);
            assert_ne!(id, first);
            assert_eq!(slots.get_mut(first), None);
            slots.remove(id);
        }
        assert!(slots.is_empty());
        assert!(slots.entries.len() <= REUSE_DELAY + 2);
    }

    #[test]
    fn a_failed_make_takes_no_slot() {
        let mut slots = Slots::<u64>::default();
        assert_eq!(slots.insert_with(|_| Err::<u64, _>("no")), Some(Err("no")));
        assert_eq!(slots.len(), 0);
    }

    #[test]
    fn ids_are_small_positive_integers() {
        let mut slots = Slots::default();
        for _ in 0..200_000 {
            let id = insert(&mut slots, 0);
            assert!(id <= i32::MAX as u32);
            slots.remove(id);
        }
    }

    proptest::proptest! {
        #[test]
        fn behaves_like_a_map(operations in proptest::collection::vec((0u8..2, 0usize..40, 0u64..1000), 0..400)) {
            let mut slots = Slots::default();
            let mut twin = HashMap::new();
            let mut ids = Vec::new();
            for (kind, pick, value) in operations {
                if kind == 0 {
                    let id = insert(&mut slots, value);
                    assert!(twin.insert(id, value).is_none());
                    ids.push(id);
                } else if !ids.is_empty() {
                    let id = ids[pick % ids.len()];
                    assert_eq!(slots.remove(id), twin.remove(&id));
                }
                assert_eq!(slots.len(), twin.len());
            }
            for id in ids {
                assert_eq!(slots.get_mut(id).copied(), twin.get(&id).copied());
            }
        }
    }
}
