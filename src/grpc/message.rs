//! The framing of gRPC messages on a stream: one byte that says whether the message is compressed, its length in four
//! bytes (big-endian), and the message.

/// The length of the prefix of a message, in bytes.
pub const HEAD: usize = 5;

/// The most bytes allocated for a message by its announced length alone. A peer cannot reserve memory by announcing
/// long messages that it never sends.
const FIRST: usize = 16 * 1024;

/// What a [`Splitter`] finds in its input.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A complete message.
    Message {
        /// Whether it is compressed, by the method that the call's headers name.
        compressed: bool,
        /// The message without its prefix.
        data: &'a [u8],
        /// How many bytes of the current input belong to it. The receiver gives them back to the flow control window
        /// when it has taken the message.
        used: u32,
    },
    /// A message longer than the limit. Everything after it on this stream is ignored.
    TooLarge {
        /// The length that the message announces.
        length: u32,
    },
}

/// Splits the data of one stream into messages.
#[derive(Debug, Default)]
pub struct Splitter {
    head: [u8; HEAD],
    /// How many bytes of `head` have been received.
    had: usize,
    /// The received part of the message, until it is complete.
    body: Vec<u8>,
    over: bool,
}

impl Splitter {
    /// Takes the next bytes of the stream and calls `each` for every message that they complete, or once for a message
    /// longer than `limit` bytes.
    ///
    /// Returns how many bytes of `input` belong to no message passed to `each`: they are buffered here or ignored. The
    /// caller gives those back to the flow control window itself.
    pub fn push(&mut self, input: &[u8], limit: u32, each: &mut dyn FnMut(Piece<'_>)) -> u32 {
        let mut rest = input;
        while !rest.is_empty() && !self.over {
            let start = rest.len();
            if self.had < HEAD {
                let count = rest.len().min(HEAD - self.had);
                let (part, behind) = rest.split_at(count);
                self.head[self.had..self.had + count].copy_from_slice(part);
                self.had += count;
                rest = behind;
                if self.had < HEAD {
                    return start as u32;
                }
            }
            let [flag, length @ ..] = self.head;
            let length = u32::from_be_bytes(length);
            if length > limit {
                self.over = true;
                self.body = Vec::new();
                each(Piece::TooLarge { length });
                return start as u32;
            }
            let missing = length as usize - self.body.len();
            if rest.len() < missing {
                if self.body.capacity() == 0 {
                    self.body.reserve((length as usize).min(FIRST.max(rest.len())));
                }
                self.body.extend_from_slice(rest);
                return start as u32;
            }
            let (part, behind) = rest.split_at(missing);
            let used = (start - behind.len()) as u32;
            self.had = 0;
            rest = behind;
            let compressed = flag == 1;
            if self.body.is_empty() {
                each(Piece::Message {
                    compressed,
                    data: part,
                    used,
                });
                continue;
            }
            let mut body = std::mem::take(&mut self.body);
            body.extend_from_slice(part);
            each(Piece::Message {
                compressed,
                data: &body,
                used,
            });
        }
        rest.len() as u32
    }

    /// How many bytes of an incomplete message are buffered.
    pub fn held(&self) -> usize {
        self.body.len()
    }

    /// How many bytes are allocated for it.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.body.capacity()
    }

    /// Whether a message has begun but is not complete.
    pub fn is_within(&self) -> bool {
        self.had > 0 && !self.over
    }
}

/// Appends an uncompressed message with its prefix. It must be shorter than 4 GiB.
pub fn frame(message: &[u8], out: &mut Vec<u8>) {
    out.reserve(HEAD + message.len());
    out.push(0);
    out.extend_from_slice(&(message.len() as u32).to_be_bytes());
    out.extend_from_slice(message);
}
