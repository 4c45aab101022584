//! Reads the chunked transfer coding (RFC 9112 §7.1). Extensions are checked and dropped.

use super::chars::{self, run};
use super::error::ParseError;

/// The most bytes of extensions in one chunk. They are hardly used in practice, but unbounded ones let a client keep
/// a server busy at no cost (CVE-2024-22019). Node has the same limit.
pub const MAX_EXTENSIONS: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    SizeStart,
    Size,
    SizeLf,
    ExtensionStart,
    ExtensionName,
    ExtensionValue,
    Quoted,
    QuotedPair,
    QuotedEnd,
    Data,
    DataCr,
    DataLf,
}

/// The state of reading one chunked body.
#[derive(Clone, Debug)]
pub struct Chunked {
    state: State,
    /// How many bytes of the current chunk are left.
    left: u64,
    extensions: usize,
}

/// What ended a call of [`Chunked::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The input ended outside the data of a chunk.
    More,
    /// The last so many of the consumed bytes are body.
    Data(usize),
    /// The size line of the last chunk is complete: trailers follow.
    Last,
}

impl Default for Chunked {
    fn default() -> Self {
        Self {
            state: State::SizeStart,
            left: 0,
            extensions: 0,
        }
    }
}

impl Chunked {
    /// Reads up to and including the next run of body bytes. Returns the number of bytes consumed, and what ended
    /// them.
    ///
    /// # Errors
    /// The parse error, and its offset in `input`.
    pub fn next(&mut self, input: &[u8]) -> Result<(usize, Piece), (ParseError, usize)> {
        let mut at = 0;
        while at < input.len() {
            if self.state == State::Data {
                let len = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len() - at);
                self.left -= len as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                return Ok((at + len, Piece::Data(len)));
            }
            let before = self.state;
            at += self.line(&input[at..]).map_err(|error| (error, at))?;
            if before == State::SizeLf {
                if self.left == 0 {
                    return Ok((at, Piece::Last));
                }
                self.state = State::Data;
            }
        }
        Ok((at, Piece::More))
    }

    /// Takes one step outside the data of a chunk. Consumes at least one byte.
    fn line(&mut self, input: &[u8]) -> Result<usize, ParseError> {
        let byte = input[0];
        self.state = match self.state {
            State::SizeStart | State::Size => match hex(byte) {
                Some(digit) => {
                    let grown = if self.left >> 60 == 0 {
                        Some(self.left << 4 | u64::from(digit))
                    } else {
                        None
                    };
                    self.left = grown.ok_or(ParseError::ChunkSizeOverflow)?;
                    State::Size
                }
                None if self.state == State::SizeStart => return Err(ParseError::ChunkSizeChar),
                None => match byte {
                    b'\r' => State::SizeLf,
                    b'\n' => return Err(ParseError::ChunkSizeCr),
                    b';' => State::ExtensionStart,
                    _ => return Err(ParseError::ChunkSizeChar),
                },
            },
            State::SizeLf if byte == b'\n' => State::SizeLf,
            State::SizeLf => return Err(ParseError::ChunkSizeLf),
            State::DataCr if byte == b'\r' => State::DataLf,
            State::DataCr if byte == b'\n' => return Err(ParseError::ChunkDataCr),
            State::DataLf if byte == b'\n' => {
                self.extensions = 0;
                State::SizeStart
            }
            State::DataCr | State::DataLf => return Err(ParseError::ChunkDataLf),
            _ => return self.extension(input),
        };
        Ok(1)
    }

    fn extension(&mut self, input: &[u8]) -> Result<usize, ParseError> {
        use State::*;
        let class = match self.state {
            ExtensionName | ExtensionValue => chars::TOKEN,
            Quoted => chars::QDTEXT,
            _ => 0,
        };
        let len = run(input, class);
        let Some(&byte) = input.get(len) else {
            return self.count_extension(len);
        };
        self.state = match (self.state, byte) {
            (ExtensionStart, b' ' | b'\r') => return Err(ParseError::ChunkExtension),
            (ExtensionStart, _) => {
                self.state = ExtensionName;
                return self.extension(input);
            }
            (ExtensionName, b'=') => ExtensionValue,
            (ExtensionName | ExtensionValue | QuotedEnd, b';') => ExtensionStart,
            (ExtensionName | ExtensionValue | QuotedEnd, b'\r') => SizeLf,
            (ExtensionName, b'\n') => return Err(ParseError::ChunkExtensionNameCr),
            (ExtensionName, _) => return Err(ParseError::ChunkExtensionName),
            (ExtensionValue, b'"') => Quoted,
            (ExtensionValue | QuotedEnd, b'\n') => return Err(ParseError::ChunkExtensionValueCr),
            (ExtensionValue, _) => return Err(ParseError::ChunkExtensionValue),
            (Quoted, b'"') => QuotedEnd,
            (Quoted, b'\\') => QuotedPair,
            (Quoted, _) => return Err(ParseError::ChunkExtensionQuoted),
            (QuotedPair, _) if chars::is(byte, chars::VALUE) => Quoted,
            (QuotedPair, _) => return Err(ParseError::ChunkExtensionQuotedPair),
            _ => return Err(ParseError::ChunkExtensionQuotedEnd),
        };
        self.count_extension(len + 1)
    }

    fn count_extension(&mut self, len: usize) -> Result<usize, ParseError> {
        self.extensions += len;
        if self.extensions > MAX_EXTENSIONS {
            Err(ParseError::ChunkExtensionsOverflow)
        } else {
            Ok(len)
        }
    }
}

fn hex(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}
