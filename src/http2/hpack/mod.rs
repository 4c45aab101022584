//! Header compression for HTTP/2 (RFC 7541).
//!
//! A [`Decoder`] and an [`Encoder`] each keep a table of fields that were sent before, which must stay the same as the other end's: so what
//! cannot be read ends the connection. Both tables are bounded by what was announced, and nothing that a peer sends makes either copy more
//! than it sent.

mod decode;
mod encode;
pub mod huffman;
mod integer;
mod statics;
mod table;

pub use decode::Decoder;
pub use encode::{Encoder, Indexing};
use std::fmt;

/// The size of a table before anybody has said another (RFC 9113, 6.5.2).
pub const TABLE_SIZE: u32 = 4096;

/// What a field takes in a table beyond its octets (RFC 7541, 4.1), and in the size of a list of fields (RFC 9113, 6.5.2).
pub const OVERHEAD: usize = 32;

/// A field of a header or trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name, in whatever case it was sent.
    pub name: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// It must never be put into a table, here or by whoever passes it on (RFC 7541, 7.1.3).
    pub sensitive: bool,
}

impl Field<'_> {
    /// What it counts for in the size of a list of fields.
    pub fn size(&self) -> usize {
        self.name.len() + self.value.len() + OVERHEAD
    }
}

/// Why a block cannot be read. Each is a connection error `COMPRESSION_ERROR` (RFC 9113, 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It ends within a field.
    Truncated,
    /// An integer is larger than any that is needed, or written with needless octets.
    Integer,
    /// A string is no code.
    Huffman,
    /// There is no field of this index.
    Index(u32),
    /// The table is made larger than was announced.
    TableSize(u32),
    /// The size of the table changes behind a field.
    LateTableSize,
    /// The table was announced to be smaller, and was not made so.
    NoTableSize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Truncated => f.write_str("a block of fields ends within one"),
            Error::Integer => f.write_str("an integer in a block of fields is too large"),
            Error::Huffman => f.write_str("a string in a block of fields is no Huffman code"),
            Error::Index(index) => write!(f, "a block of fields refers to field {index}, which there is not"),
            Error::TableSize(size) => write!(
                f,
                "the table of fields would have {size} bytes, more than was announced"
            ),
            Error::LateTableSize => f.write_str("the size of the table of fields changes within a block"),
            Error::NoTableSize => f.write_str("the table of fields is not made as small as was announced"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests;
