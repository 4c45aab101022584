//! The dynamic table: the fields that were sent before, newest first (RFC 7541, 2.3.2).

use super::OVERHEAD;
use std::collections::VecDeque;

/// The position of a field's bytes: the start of its name, and the lengths of name and value.
struct Entry {
    start: usize,
    name: usize,
    value: usize,
    /// For the encoder, which searches fields by their content.
    hashes: Hashes,
}

/// Hashes of the name, and of the name and the value.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Hashes {
    pub name: u32,
    pub field: u32,
}

/// The bytes of all fields lie in one buffer, oldest first. Evicted fields stay at its front until they take as much as
/// the table may hold.
pub struct Table {
    entries: VecDeque<Entry>,
    octets: Vec<u8>,
    size: usize,
    max: usize,
}

impl Table {
    pub fn new(max: usize) -> Self {
        Table {
            entries: VecDeque::new(),
            octets: Vec::new(),
            size: 0,
            max,
        }
    }

    pub fn max(&self) -> usize {
        self.max
    }

    /// Sets the largest size.
    pub fn resize(&mut self, max: usize) {
        self.max = max;
        self.evict(0);
        if self.entries.is_empty() {
            // Releases the buffer of a table that was large.
            self.octets = Vec::new();
        }
    }

    /// The field that was added `age` fields before the newest one.
    pub fn get(&self, age: usize) -> Option<(&[u8], &[u8])> {
        let entry = self.entries.get(self.entries.len().checked_sub(age + 1)?)?;
        let octets = self.octets.get(entry.start..entry.start + entry.name + entry.value)?;
        octets.split_at_checked(entry.name)
    }

    /// The age of the newest field whose hashes satisfy `is`.
    pub fn find(&self, is: impl Fn(Hashes) -> bool) -> Option<usize> {
        self.entries.iter().rev().position(|entry| is(entry.hashes))
    }

    /// Adds a field and evicts older ones as needed. A field larger than the table empties it and is not added (RFC
    /// 7541, 4.4).
    pub fn add(&mut self, name: &[u8], value: &[u8], hashes: Hashes) {
        let size = name.len() + value.len() + OVERHEAD;
        self.evict(size);
        if size > self.max {
            return;
        }
        let start = self.octets.len();
        self.octets.extend_from_slice(name);
        self.octets.extend_from_slice(value);
        self.entries.push_back(Entry {
            start,
            name: name.len(),
            value: value.len(),
            hashes,
        });
        self.size += size;
    }

    /// Evicts the oldest fields until there is this much room.
    fn evict(&mut self, room: usize) {
        while self.size + room > self.max
            && let Some(entry) = self.entries.pop_front()
        {
            self.size -= entry.name + entry.value + OVERHEAD;
        }
        let gone = self.entries.front().map_or(self.octets.len(), |entry| entry.start);
        if gone > 0 && (self.entries.is_empty() || gone >= self.max) {
            self.octets.drain(..gone);
            for entry in &mut self.entries {
                entry.start -= gone;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A plain implementation to compare with.
    struct Plain {
        fields: Vec<(Vec<u8>, Vec<u8>)>,
        max: usize,
    }

    impl Plain {
        fn shrink(&mut self, room: usize) {
            let size = |fields: &[(Vec<u8>, Vec<u8>)]| -> usize {
                fields
                    .iter()
                    .map(|(name, value)| name.len() + value.len() + OVERHEAD)
                    .sum()
            };
            while size(&self.fields) + room > self.max && !self.fields.is_empty() {
                self.fields.pop();
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_what_a_plain_list_is(
            steps in prop::collection::vec((0usize..200, prop::option::weighted(0.1, 0usize..400)), 1..200)
        ) {
            let mut table = Table::new(300);
            let mut plain = Plain { fields: Vec::new(), max: 300 };
            for (at, (length, resize)) in steps.into_iter().enumerate() {
                if let Some(max) = resize {
                    plain.max = max;
                    plain.shrink(0);
                    table.resize(max);
                }
                let (name, value) = (vec![b'a' + (at % 26) as u8; length % 7], vec![b'x'; length]);
                let size = name.len() + value.len() + OVERHEAD;
                plain.shrink(size);
                if size <= plain.max {
                    plain.fields.insert(0, (name.clone(), value.clone()));
                }
                table.add(&name, &value, Hashes { name: at as u32, field: 0 });
                prop_assert_eq!(table.entries.len(), plain.fields.len());
                for (age, (name, value)) in plain.fields.iter().enumerate() {
                    prop_assert_eq!(table.get(age), Some((&name[..], &value[..])));
                }
                prop_assert_eq!(table.get(plain.fields.len()), None);
                prop_assert!(table.octets.len() <= 2 * 400 + 210);
            }
        }
    }
}
