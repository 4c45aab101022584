//! Messages in a stream of bytes: where each begins and ends, however the stream was cut.
//!
//! A [`Splitter`] finds messages that lie in the stream as they are: behind a length, before a delimiter, or all of one size. Of those that
//! lie in one chunk it says where they are; only what was cut is put together, by an [`Assembler`], which does the same for the frames of
//! [`rpc`](crate::rpc). An [`Unstuffer`] undoes codings that have changed the bytes so that one of them can be the delimiter (COBS, SLIP).
//!
//! A length is checked as soon as it is there. Nothing is allocated for what is merely announced.

mod assembler;
mod options;
mod splitter;
mod stuffing;

pub use assembler::{Assembler, Extent, Unit, Units};
pub use options::{Counts, Framing, Invalid, Length, Prefix};
pub use splitter::{Found, Splitter};
use std::fmt;
pub use stuffing::{Stuffing, Unstuffer};

/// Why a stream cannot be read on. Nothing behind it can: there is no telling where the next message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A message is longer than allowed; of one that a delimiter ends, only that it is.
    TooLarge {
        /// Its length, as far as that is known.
        length: u64,
        /// The longest.
        limit: u64,
    },
    /// A length counts more than the message, and is less than what it must count besides.
    TooSmall {
        /// The length.
        length: u64,
        /// The least.
        least: u64,
    },
    /// A varint has more than ten bytes, or more than 64 bits.
    Varint,
    /// A zero, which ends a message of COBS, within a group of bytes.
    Cobs,
    /// A byte that SLIP's escape cannot precede.
    Slip(u8),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::TooLarge { length, limit } => write!(f, "A message of {length} bytes is above the limit of {limit}"),
            Error::TooSmall { length, least } => {
                write!(
                    f,
                    "A length of {length} was received, and it counts {least} bytes besides the message"
                )
            }
            Error::Varint => f.write_str("The length of a message has more than ten bytes or 64 bits"),
            Error::Cobs => f.write_str("A zero within a group of bytes: this is no COBS"),
            Error::Slip(byte) => write!(f, "A byte 0x{byte:02x} behind an escape: this is no SLIP"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests;
