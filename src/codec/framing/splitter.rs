use super::{Assembler, Counts, Error, Extent, Framing, Length, Prefix, Units};
use memchr::{memchr, memmem};
use std::ops::Range;

/// The most bytes of a length: those of a 64-bit varint.
const MOST_DIGITS: usize = 10;

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// It began in an earlier chunk, so it was assembled. Only the first message of a push can be one.
    Joined(&'a [u8]),
    /// It lies in the current chunk, at this range.
    Whole(Range<usize>),
}

/// Finds messages in a stream.
#[derive(Debug)]
pub struct Splitter {
    assembler: Assembler<Frames>,
}

impl Splitter {
    /// Creates a splitter for a new stream. `framing` must have been [checked](Framing::check). Messages may have at
    /// most `limit` bytes. If `strips`, only the message is returned, otherwise its whole frame.
    pub fn new(framing: Framing, limit: u64, strips: bool) -> Splitter {
        let finder = match &framing {
            Framing::Delimiter(delimiter) if delimiter.len() > 1 => Some(memmem::Finder::new(delimiter).into_owned()),
            _ => None,
        };
        Splitter {
            assembler: Assembler::new(Frames {
                framing,
                finder,
                limit,
                strips,
            }),
        }
    }

    /// Discards all state: a new stream begins.
    pub fn reset(&mut self) {
        self.assembler.reset();
    }

    /// The stored bytes of an incomplete frame. If there are any when the stream ends, the stream was cut short.
    pub fn held(&self) -> &[u8] {
        self.assembler.held()
    }

    /// The total size of the incomplete frame, if it is known.
    pub fn announced(&self) -> Option<u64> {
        self.assembler.extent().map(Extent::total)
    }

    /// The capacity of the memory for the incomplete frame.
    pub fn capacity(&self) -> usize {
        self.assembler.capacity()
    }

    /// Takes the next chunk and passes each message that ends in it to `sink`, until `sink` refuses one. Returns the
    /// number of bytes consumed.
    ///
    /// # Errors
    /// Why the stream cannot be read further, repeated by every later call. Messages passed before remain valid.
    pub fn push(&mut self, chunk: &[u8], mut sink: impl FnMut(Found<'_>) -> bool) -> Result<usize, Error> {
        self.assembler.push(chunk, |frames, unit| {
            let message = if frames.strips {
                let head = unit.extent.head as usize;
                head..head + unit.extent.body as usize
            } else {
                0..unit.bytes.len()
            };
            Ok(sink(match unit.start {
                Some(start) => Found::Whole(start + message.start..start + message.end),
                None => Found::Joined(&unit.bytes[message]),
            }))
        })
    }
}

/// The format of a stream's frames.
#[derive(Debug)]
struct Frames {
    framing: Framing,
    finder: Option<memmem::Finder<'static>>,
    /// The most bytes of a message.
    limit: u64,
    strips: bool,
}

impl Units for Frames {
    type Error = Error;

    // Always inlined: a message costs less than a call.
    #[inline(always)]
    fn measure(&self, bytes: &[u8]) -> Result<Option<Extent>, Error> {
        match &self.framing {
            Framing::Length(length) => match bytes.get(length.before as usize..) {
                Some(digits) => self.behind(length, digits),
                None => Ok(None),
            },
            Framing::Size(size) => self.plain((*size).into(), 0).map(Some),
            Framing::Delimiter(delimiter) => self.ended(delimiter, self.find(delimiter, bytes), bytes.len()),
        }
    }

    fn measure_joined(&self, held: &[u8], more: &[u8]) -> Result<Option<Extent>, Error> {
        match &self.framing {
            Framing::Length(length) => {
                let bytes = held.iter().chain(more).skip(length.before as usize);
                self.behind(length, &bytes.take(MOST_DIGITS).copied().collect::<Vec<u8>>())
            }
            Framing::Size(_) => self.measure(held),
            Framing::Delimiter(delimiter) => {
                // The delimiter may begin in the held bytes, so the search includes their end.
                let most = delimiter.len() - 1;
                let start = held.len().saturating_sub(most);
                let seam: Vec<u8> = held[start..].iter().chain(more.iter().take(most)).copied().collect();
                let across = self.find(delimiter, &seam).map(|at| start + at);
                let end = across.or_else(|| self.find(delimiter, more).map(|at| held.len() + at));
                self.ended(delimiter, end, held.len() + more.len())
            }
        }
    }
}

impl Frames {
    /// A frame without a header.
    fn plain(&self, body: u64, foot: usize) -> Result<Extent, Error> {
        self.check(body)?;
        let foot = foot as u64;
        Ok(Extent { head: 0, body, foot })
    }

    /// A frame whose delimiter is at `end`, if `end` is within the `length` bytes that have arrived.
    #[inline]
    fn ended(&self, delimiter: &[u8], end: Option<usize>, length: usize) -> Result<Option<Extent>, Error> {
        match end {
            Some(end) => self.plain(end as u64, delimiter.len()).map(Some),
            // Everything except a possible beginning of the delimiter belongs to the message.
            None => self
                .check(length.saturating_sub(delimiter.len() - 1) as u64)
                .map(|()| None),
        }
    }

    /// A frame that begins with `bytes` and states its length in them.
    #[inline(always)]
    fn behind(&self, length: &Length, bytes: &[u8]) -> Result<Option<Extent>, Error> {
        let Some((value, digits)) = length.prefix.read(bytes)? else {
            return Ok(None);
        };
        let before = u64::from(length.before) + u64::from(digits);
        let (after, foot) = (u64::from(length.after), u64::from(length.trailer));
        let least = match length.counts {
            Counts::Message => 0,
            Counts::Rest => after + foot,
            Counts::Frame => before + after + foot,
        };
        let body = value
            .checked_sub(least)
            .ok_or(Error::TooSmall { length: value, least })?;
        self.check(body)?;
        Ok(Some(Extent {
            head: before + after,
            body,
            foot,
        }))
    }

    #[inline]
    fn check(&self, length: u64) -> Result<(), Error> {
        let limit = self.limit;
        if length <= limit {
            Ok(())
        } else {
            Err(Error::TooLarge { length, limit })
        }
    }

    #[inline]
    fn find(&self, delimiter: &[u8], bytes: &[u8]) -> Option<usize> {
        match &self.finder {
            Some(finder) => finder.find(bytes),
            None => memchr(delimiter[0], bytes),
        }
    }
}

impl Prefix {
    /// Reads the length at the start of `bytes`. Returns its value and size; `None` if it is incomplete.
    #[inline(always)]
    fn read(self, bytes: &[u8]) -> Result<Option<(u64, u8)>, Error> {
        Ok(match self {
            Prefix::Big(4) => bytes
                .first_chunk()
                .map(|bytes| (u64::from(u32::from_be_bytes(*bytes)), 4)),
            Prefix::Big(width) => bytes.get(..width.into()).map(|bytes| {
                let value = bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
                (value, width)
            }),
            Prefix::Little(width) => bytes.get(..width.into()).map(|bytes| {
                let value = bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
                (value, width)
            }),
            Prefix::Varint => {
                let mut value = 0;
                for (digits, &byte) in (0u8..).zip(bytes) {
                    // The tenth byte holds the last of 64 bits and must be the last byte.
                    if digits > 9 || digits == 9 && byte > 1 {
                        return Err(Error::Varint);
                    }
                    value |= u64::from(byte & 0x7f) << (7 * digits);
                    if byte < 0x80 {
                        return Ok(Some((value, digits + 1)));
                    }
                }
                None
            }
        })
    }
}
