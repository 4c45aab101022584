//! Messages on a stream: a byte that says whether one is compressed, four that say how long it is, and it.

/// Bytes before each message.
pub const HEAD: usize = 5;

/// What is allocated for a message before any of it has come, at most: a peer that only says that it is long costs no more.
const FIRST: usize = 16 * 1024;

/// What has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A whole message.
    Message {
        /// By what the call's header says.
        compressed: bool,
        /// Its bytes.
        data: &'a [u8],
        /// How many bytes of this input it has used: what its reader has to take before the peer may send as much again.
        used: u32,
    },
    /// A message that is longer than may be. Nothing that follows is looked at.
    TooLarge {
        /// What it says of itself.
        length: u32,
    },
}

/// Takes the messages of one stream apart.
#[derive(Debug, Default)]
pub struct Splitter {
    head: [u8; HEAD],
    /// How much of the head has come.
    had: usize,
    /// What has come of the message behind it.
    body: Vec<u8>,
    over: bool,
}

impl Splitter {
    /// Takes bytes, and tells `each` what they bring; a message may have `limit` bytes. Returns how many of them are not told of: they lie here, or
    /// are passed over, and nobody will take them.
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

    /// Bytes of a message that is not whole.
    pub fn held(&self) -> usize {
        self.body.len()
    }

    /// Bytes that are allocated for it.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.body.capacity()
    }

    /// A message has begun, and is not whole.
    pub fn is_within(&self) -> bool {
        self.had > 0 && !self.over
    }
}

/// Appends a message that is not compressed.
pub fn frame(message: &[u8], out: &mut Vec<u8>) {
    out.reserve(HEAD + message.len());
    out.push(0);
    out.extend_from_slice(&(message.len() as u32).to_be_bytes());
    out.extend_from_slice(message);
}
