//! How messages are told apart.

/// How a length is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// So many bytes, 1 to 8, the most significant first.
    Big(u8),
    /// So many bytes, 1 to 8, the least significant first.
    Little(u8),
    /// Seven bits a byte, the least significant first (LEB128), as protobuf has it.
    Varint,
}

/// What a length counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// The message.
    Message,
    /// All that follows the length.
    Rest,
    /// All of the frame, what precedes the length and the length itself included.
    Frame,
}

/// Messages behind their lengths: `before` bytes, the length, `after` bytes, the message, `trailer` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// How the length is written.
    pub prefix: Prefix,
    /// What it counts.
    pub counts: Counts,
    /// Bytes of a header before it.
    pub before: u32,
    /// Bytes of a header behind it.
    pub after: u32,
    /// Bytes behind the message.
    pub trailer: u32,
}

/// How messages are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By their lengths.
    Length(Length),
    /// By what stands behind each.
    Delimiter(Box<[u8]>),
    /// All have so many bytes.
    Size(u32),
}

/// What is wrong with a [`Framing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// A length has no bytes, or more than eight.
    Width,
    /// A header or trailer has more bytes than [`Framing::MOST_AROUND`].
    Around,
    /// A delimiter has no bytes, or more than [`Framing::MOST_DELIMITER`].
    Delimiter,
    /// Messages have no bytes: there would be no end of them.
    Size,
}

impl Framing {
    /// Bytes that a header or a trailer may have.
    pub const MOST_AROUND: u32 = 65_535;
    /// Bytes that a delimiter may have.
    pub const MOST_DELIMITER: usize = 256;

    /// Whether it can be.
    ///
    /// # Errors
    /// What cannot.
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
