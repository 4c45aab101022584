//! How the messages of a stream are delimited.

/// The encoding of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// This many bytes, 1 to 8, the most significant first.
    Big(u8),
    /// This many bytes, 1 to 8, the least significant first.
    Little(u8),
    /// Seven bits per byte, the least significant first (LEB128), as in protobuf.
    Varint,
}

/// What a length counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// The message only.
    Message,
    /// Everything after the length.
    Rest,
    /// The whole frame, including the length and the bytes before it.
    Frame,
}

/// Length-prefixed messages: `before` bytes, the length, `after` bytes, the message, `trailer` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// The encoding of the length.
    pub prefix: Prefix,
    /// What it counts.
    pub counts: Counts,
    /// The number of header bytes before the length.
    pub before: u32,
    /// The number of header bytes after the length.
    pub after: u32,
    /// The number of bytes after the message.
    pub trailer: u32,
}

/// How messages are delimited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By a length before each.
    Length(Length),
    /// By a byte sequence after each.
    Delimiter(Box<[u8]>),
    /// All messages have this many bytes.
    Size(u32),
}

/// Why a [`Framing`] is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// A length of no bytes or more than eight.
    Width,
    /// A header or trailer of more than [`Framing::MOST_AROUND`] bytes.
    Around,
    /// A delimiter of no bytes or more than [`Framing::MOST_DELIMITER`].
    Delimiter,
    /// Messages of no bytes: there would be infinitely many.
    Size,
}

impl Framing {
    /// The most bytes of a header or trailer.
    pub const MOST_AROUND: u32 = 65_535;
    /// The most bytes of a delimiter.
    pub const MOST_DELIMITER: usize = 256;

    /// Checks that the framing is valid.
    ///
    /// # Errors
    /// What is invalid.
    pub fn check(&self) -> Result<(), Invalid> {
        match self {
            Framing::Length(length) => {
                let Length {
                    prefix,
                    before,
                    after,
                    trailer,
                    ..
                } = *length;
                if matches!(prefix, Prefix::Big(width) | Prefix::Little(width) if !(1..=8).contains(&width)) {
                    return Err(Invalid::Width);
                }
                let fits = [before, after, trailer]
                    .into_iter()
                    .all(|bytes| bytes <= Self::MOST_AROUND);
                if fits { Ok(()) } else { Err(Invalid::Around) }
            }
            Framing::Delimiter(delimiter) if (1..=Self::MOST_DELIMITER).contains(&delimiter.len()) => Ok(()),
            Framing::Delimiter(_) => Err(Invalid::Delimiter),
            Framing::Size(0) => Err(Invalid::Size),
            Framing::Size(_) => Ok(()),
        }
    }
}
