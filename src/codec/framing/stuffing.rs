use super::Error;
use memchr::{memchr, memchr2};
use std::ops::Range;

/// Encodings that remove one byte value from messages, so that it can delimit them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuffing {
    /// Consistent overhead byte stuffing (Cheshire and Baker, 1999): a zero ends each message; at most one byte per
    /// 254 is added.
    Cobs,
    /// RFC 1055: 0xc0 ends each message, and also precedes it.
    Slip,
}

const END: u8 = 0xc0;
const ESCAPE: u8 = 0xdb;
const ESCAPED_END: u8 = 0xdc;
const ESCAPED_ESCAPE: u8 = 0xdd;

impl Stuffing {
    /// The most bytes that a message of `length` bytes takes when encoded.
    pub fn most(self, length: usize) -> usize {
        match self {
            // One byte per 254, the first code byte, and the final zero.
            Stuffing::Cobs => length + length / 254 + 2,
            Stuffing::Slip => 2 * length + 2,
        }
    }

    /// Appends an encoded message with its delimiter.
    pub fn encode(self, message: &[u8], out: &mut Vec<u8>) {
        match self {
            Stuffing::Cobs => {
                let mut rest = message;
                loop {
                    let window = &rest[..rest.len().min(254)];
                    let zero = memchr(0, window);
                    let group = &window[..zero.unwrap_or(window.len())];
                    out.push(group.len() as u8 + 1);
                    out.extend_from_slice(group);
                    rest = &rest[group.len()..];
                    match zero {
                        // The zero is not written: the code byte of the next group stands for it.
                        Some(_) => rest = &rest[1..],
                        None if rest.is_empty() => break,
                        None => {}
                    }
                }
                out.push(0);
            }
            Stuffing::Slip => {
                out.push(END);
                let mut rest = message;
                while let Some(at) = memchr2(END, ESCAPE, rest) {
                    out.extend_from_slice(&rest[..at]);
                    out.extend_from_slice(if rest[at] == END {
                        &[ESCAPE, ESCAPED_END]
                    } else {
                        &[ESCAPE, ESCAPED_ESCAPE]
                    });
                    rest = &rest[at + 1..];
                }
                out.extend_from_slice(rest);
                out.push(END);
            }
        }
    }
}

/// Decodes a stream message by message.
#[derive(Debug)]
pub struct Unstuffer {
    stuffing: Stuffing,
    limit: u64,
    /// The decoded beginning of an incomplete message.
    partial: Vec<u8>,
    /// For COBS: the bytes left of a group, and whether a zero follows it.
    left: u8,
    zero: bool,
    /// Whether bytes of a message have arrived, even if they decode to nothing yet.
    begun: bool,
    /// For SLIP: whether the last byte was an escape.
    escaped: bool,
    failed: Option<Error>,
}

impl Unstuffer {
    /// Creates a decoder for a new stream. Messages may have at most `limit` bytes.
    pub fn new(stuffing: Stuffing, limit: u64) -> Unstuffer {
        Unstuffer {
            stuffing,
            limit,
            partial: Vec::new(),
            left: 0,
            zero: false,
            begun: false,
            escaped: false,
            failed: None,
        }
    }

    /// Discards all state: a new stream begins.
    pub fn reset(&mut self) {
        *self = Unstuffer::new(self.stuffing, self.limit);
    }

    /// The number of bytes decoded of an incomplete message; `None` between messages.
    pub fn held(&self) -> Option<usize> {
        self.begun.then_some(self.partial.len())
    }

    /// The capacity of the memory for an incomplete message.
    pub fn capacity(&self) -> usize {
        self.partial.capacity()
    }

    /// Takes the next chunk. Appends decoded messages to `out` and passes the range of each to `sink`, until `sink`
    /// refuses more. Returns the number of bytes consumed.
    ///
    /// # Errors
    /// Why the stream cannot be read further, repeated by every later call. Messages passed before remain valid.
    pub fn push(
        &mut self,
        chunk: &[u8],
        out: &mut Vec<u8>,
        mut sink: impl FnMut(Range<usize>) -> bool,
    ) -> Result<usize, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut at = 0;
        while at < chunk.len() {
            let end = match self.stuffing {
                Stuffing::Cobs => self.cobs(&chunk[at..]),
                Stuffing::Slip => self.slip(&chunk[at..]),
            };
            let (taken, ends) = match end {
                Ok(taken) => taken,
                Err(error) => {
                    self.reset();
                    self.failed = Some(error);
                    return Err(error);
                }
            };
            at += taken;
            if ends {
                let start = out.len();
                out.append(&mut self.partial);
                self.begun = false;
                if !sink(start..out.len()) {
                    return Ok(at);
                }
            }
        }
        Ok(at)
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let length = (self.partial.len() + bytes.len()) as u64;
        if length > self.limit {
            let limit = self.limit;
            return Err(Error::TooLarge { length, limit });
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    /// Decodes COBS up to the end of a message or of `bytes`. Returns the number of bytes consumed, and whether a
    /// message ends there.
    fn cobs(&mut self, bytes: &[u8]) -> Result<(usize, bool), Error> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.left > 0 {
                let rest = &bytes[at..];
                let group = &rest[..rest.len().min(self.left.into())];
                if memchr(0, group).is_some() {
                    return Err(Error::Cobs);
                }
                self.add(group)?;
                self.left -= group.len() as u8;
                at += group.len();
                continue;
            }
            at += 1;
            if byte == 0 {
                // The zero of the last group stands for the end. Zeros between messages do not make empty messages.
                self.zero = false;
                if self.begun {
                    return Ok((at, true));
                }
                continue;
            }
            if self.zero {
                self.add(&[0])?;
            }
            self.begun = true;
            self.left = byte - 1;
            self.zero = byte != 0xff;
        }
        Ok((at, false))
    }

    /// Decodes SLIP, like [`Unstuffer::cobs`].
    fn slip(&mut self, bytes: &[u8]) -> Result<(usize, bool), Error> {
        let mut at = 0;
        while at < bytes.len() {
            if self.escaped {
                let byte = match bytes[at] {
                    ESCAPED_END => END,
                    ESCAPED_ESCAPE => ESCAPE,
                    other => return Err(Error::Slip(other)),
                };
                self.add(&[byte])?;
                self.escaped = false;
                at += 1;
                continue;
            }
            let rest = &bytes[at..];
            let plain = memchr2(END, ESCAPE, rest).unwrap_or(rest.len());
            self.add(&rest[..plain])?;
            self.begun |= plain > 0;
            at += plain;
            match bytes.get(at) {
                Some(&END) => {
                    at += 1;
                    // Delimiters between messages do not make empty messages.
                    if self.begun {
                        return Ok((at, true));
                    }
                }
                Some(_) => {
                    at += 1;
                    self.begun = true;
                    self.escaped = true;
                }
                None => {}
            }
        }
        Ok((at, false))
    }
}
