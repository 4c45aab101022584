//! Header compression for HTTP/2 (RFC 7541).
//!
//! A [`Decoder`] and an [`Encoder`] each keep a table of fields that were sent before. It must stay the same as the
//! table at the other end, so a block that cannot be decoded ends the connection. Both tables are bounded by the
//! announced sizes, and a field that a block refers to by its index is not copied.

mod decode;
mod encode;
pub mod huffman;
mod integer;
mod statics;
mod table;

pub use decode::Decoder;
pub use encode::{Encoder, Indexing};
use std::fmt;

/// The size of a table until another one is announced (RFC 9113, 6.5.2), in bytes.
pub const TABLE_SIZE: u32 = 4096;

/// The size that a field counts in addition to its bytes, in a table (RFC 7541, 4.1) and in a list of fields (RFC 9113,
/// 6.5.2).
pub const OVERHEAD: usize = 32;

/// A field of a header or of trailers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name, in the case in which it was sent.
    pub name: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Whether the field must never be put into a table, neither here nor by a proxy that forwards it (RFC 7541,
    /// 7.1.3).
    pub sensitive: bool,
}

impl Field<'_> {
    /// The size that it counts in a list of fields.
    pub fn size(&self) -> usize {
        self.name.len() + self.value.len() + OVERHEAD
    }
}

/// Why a block cannot be decoded. Each of these is a connection error `COMPRESSION_ERROR` (RFC 9113, 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The block ends within a field.
    Truncated,
    /// An integer is larger than any that is needed, or has more bytes than it needs.
    Integer,
    /// A string is not valid Huffman code.
    Huffman,
    /// There is no field with this index.
    Index(u32),
    /// The table is made larger than was announced.
    TableSize(u32),
    /// The size of the table changes after a field instead of at the beginning of the block.
    LateTableSize,
    /// A smaller table was announced, but the block does not begin with an update to that size or below.
    NoTableSize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Truncated => f.write_str("a header block ends inside a field"),
            Error::Integer => f.write_str("an integer in a header block is too large"),
            Error::Huffman => f.write_str("a string in a header block is not valid Huffman code"),
            Error::Index(index) => write!(
                f,
                "a header block refers to the table entry {index}, which does not exist"
            ),
            Error::TableSize(size) => write!(
                f,
                "the size {size} of the header table exceeds SETTINGS_HEADER_TABLE_SIZE"
            ),
            Error::LateTableSize => {
                f.write_str("a change of the header table's size must be at the start of a header block")
            }
            Error::NoTableSize => f.write_str("the header table was not reduced to the new SETTINGS_HEADER_TABLE_SIZE"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests;
