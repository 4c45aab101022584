//! Finds the messages in a stream of bytes, wherever the reads cut the stream.
//!
//! A [`Splitter`] finds messages that appear unchanged in the stream: after a length, before a delimiter, or all of
//! one size. For a message within one chunk, it returns the position. Only a message that spans chunks is copied, by
//! an [`Assembler`], which also serves the frames of [`rpc`](crate::rpc). An [`Unstuffer`] decodes formats that
//! change the bytes of messages so that one byte value can serve as the delimiter (COBS, SLIP).
//!
//! A length is checked as soon as it arrives, and no memory is allocated for a length that is only announced.

mod assembler;
mod options;
mod splitter;
mod stuffing;

pub use assembler::{Assembler, Extent, Unit, Units};
pub use options::{Counts, Framing, Invalid, Length, Prefix};
pub use splitter::{Found, Splitter};
use std::fmt;
pub use stuffing::{Stuffing, Unstuffer};

/// Why a stream cannot be read further: the start of the next message is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A message exceeds the limit.
    TooLarge {
        /// Its length. For a message that a delimiter ends, the length known so far.
        length: u64,
        /// The limit.
        limit: u64,
    },
    /// A length that counts more than the message is smaller than the part that it must at least count.
    TooSmall {
        /// The value of the length.
        length: u64,
        /// The smallest valid value.
        least: u64,
    },
    /// A varint has more than ten bytes, or more than 64 bits.
    Varint,
    /// A zero, which ends a COBS message, within a group of bytes.
    Cobs,
    /// A byte that must not follow SLIP's escape byte.
    Slip(u8),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::TooLarge { length, limit } => {
                write!(f, "A message of {length} bytes is above the limit of {limit}")
            }
            Error::TooSmall { length, least } => {
                write!(
                    f,
                    "The length is {length}, but it must be at least {least} to count the bytes around the message"
                )
            }
            Error::Varint => f.write_str("The length of a message has more than ten bytes or 64 bits"),
            Error::Cobs => f.write_str("Not valid COBS: a group of bytes contains a zero"),
            Error::Slip(byte) => write!(f, "Not valid SLIP: the byte 0x{byte:02x} follows an escape"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests;
