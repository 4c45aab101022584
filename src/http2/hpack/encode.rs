use super::statics::{self, Found};
use super::table::{Hashes, Table};
use super::{Field, OVERHEAD, TABLE_SIZE, huffman, integer};
use std::hash::Hasher;
use twox_hash::XxHash32;

/// The largest table that is kept, even if the peer allows more, in bytes: it is searched for every field.
const MOST: u32 = 4096;

/// What to do with a field that is not in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexing {
    /// Add it, because it is likely to be sent again.
    Add,
    /// Do not add it, because it is unlikely to be sent again.
    Pass,
    /// Do not add it, and forbid anybody else to: an attacker could guess a secret value by the size of the compressed
    /// guesses (RFC 7541, 7.1).
    Never,
}

impl Indexing {
    /// The usual choice for a field. `name` is in lower case.
    pub fn of(name: &[u8], value: &[u8]) -> Indexing {
        match name {
            b"authorization" | b"proxy-authorization" => Indexing::Never,
            // A short value could be guessed.
            b"cookie" if value.len() < 20 => Indexing::Never,
            b"content-length" | b":path" | b"etag" | b"last-modified" | b"if-none-match" | b"if-modified-since"
            | b"age" | b"location" | b"content-range" | b"range" | b"set-cookie" | b"grpc-timeout" => Indexing::Pass,
            _ => Indexing::Add,
        }
    }
}

/// Encodes field blocks, which must be sent in the order in which they were encoded.
pub struct Encoder {
    table: Table,
    /// Changes of the table's size that the peer has not been told yet: the smallest since the last block, and the
    /// current one.
    resized: Option<(u32, u32)>,
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder {
            table: Table::new(TABLE_SIZE as usize),
            resized: None,
        }
    }
}

fn hash(parts: &[&[u8]]) -> u32 {
    let mut hasher = XxHash32::with_seed(0);
    for part in parts {
        hasher.write(part);
        hasher.write_u8(0);
    }
    hasher.finish() as u32
}

impl Encoder {
    /// Sets the largest table that the peer allows, in bytes: its `SETTINGS_HEADER_TABLE_SIZE`.
    pub fn limit(&mut self, limit: u32) {
        let size = limit.min(MOST);
        if self.resized.is_none() && size as usize == self.table.max() {
            return;
        }
        let smallest = self.resized.map_or(size, |(smallest, _)| smallest.min(size));
        self.resized = Some((smallest, size));
    }

    /// Begins a block, with updates of the table's size if there are any.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        let Some((smallest, last)) = self.resized.take() else {
            return;
        };
        if smallest < last {
            self.table.resize(smallest as usize);
            integer::encode(smallest as usize, 5, 0x20, out);
        }
        self.table.resize(last as usize);
        integer::encode(last as usize, 5, 0x20, out);
    }

    /// Appends a field to the block in `out`. Its name must be in lower case.
    pub fn field(&mut self, Field { name, value, .. }: Field<'_>, indexing: Indexing, out: &mut Vec<u8>) {
        let statics = statics::find(name, value);
        if let Found::Field(index) = statics {
            return integer::encode(index, 7, 0x80, out);
        }
        let hashes = Hashes {
            name: hash(&[name]),
            field: hash(&[name, value]),
        };
        if indexing != Indexing::Never
            && let Some(age) = self.table.find(|other| other == hashes)
            && self.table.get(age) == Some((name, value))
        {
            return integer::encode(statics::FIELDS.len() + 1 + age, 7, 0x80, out);
        }
        let known = match statics {
            Found::Name(index) => index,
            _ => self.named(name, hashes.name).unwrap_or(0),
        };
        let adds = indexing == Indexing::Add && name.len() + value.len() + OVERHEAD <= self.table.max();
        let (bits, flags) = match indexing {
            Indexing::Add if adds => (6, 0x40),
            Indexing::Never => (4, 0x10),
            _ => (4, 0),
        };
        integer::encode(known, bits, flags, out);
        if known == 0 {
            text(name, out);
        }
        text(value, out);
        if adds {
            self.table.add(name, value, hashes);
        }
    }

    /// The index of the newest field with this name.
    fn named(&self, name: &[u8], hash: u32) -> Option<usize> {
        let age = self.table.find(|other| other.name == hash)?;
        let (known, _) = self.table.get(age)?;
        (known == name).then_some(statics::FIELDS.len() + 1 + age)
    }
}

/// Appends a string, Huffman-coded if that is shorter.
fn text(plain: &[u8], out: &mut Vec<u8>) {
    let coded = huffman::length(plain);
    if coded < plain.len() {
        integer::encode(coded, 7, 0x80, out);
        huffman::encode(plain, out);
    } else {
        integer::encode(plain.len(), 7, 0, out);
        out.extend_from_slice(plain);
    }
}
