use super::{Assembler, Counts, Error, Extent, Framing, Length, Prefix, Units};
use memchr::{memchr, memmem};
use std::ops::Range;

/// A varint of 64 bits has no more bytes, and no other length has as many.
const MOST_DIGITS: usize = 10;

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// It began in an earlier chunk, so it was put together. That is always the first.
    Joined(&'a [u8]),
    /// It lies in this one, there.
    Whole(Range<usize>),
}

/// Finds messages in a stream.
#[derive(Debug)]
pub struct Splitter {
    assembler: Assembler<Frames>,
}

impl Splitter {
    /// A splitter of a stream that begins; `framing` has been [checked](Framing::check), and messages have `limit` bytes at most. What is found is
    /// the message alone if it `strips`, else all of its frame.
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

    /// Forgets what has come: another stream begins.
    pub fn reset(&mut self) {
        self.assembler.reset();
    }

    /// The bytes that have come of a frame whose end has not: when the stream ends, any at all mean that it was cut short.
    pub fn held(&self) -> &[u8] {
        self.assembler.held()
    }

    /// Bytes that this frame will have in all, once that is known.
    pub fn announced(&self) -> Option<u64> {
        self.assembler.extent().map(Extent::total)
    }

    /// The memory for it.
    pub fn capacity(&self) -> usize {
        self.assembler.capacity()
    }

    /// Takes the next chunk, and tells `sink` of each message that ends there, until that refuses one. Returns how many bytes are taken.
    ///
    /// # Errors
    /// Why the stream cannot be read on, again with every later call. What was told before holds.
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

/// What the frames of a stream are.
#[derive(Debug)]
struct Frames {
    framing: Framing,
    finder: Option<memmem::Finder<'static>>,
    /// The longest message.
    limit: u64,
    strips: bool,
}

impl Units for Frames {
    type Error = Error;

    // Always: what one message costs is less than a call.
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
                // One that began in what is held, or else one behind that.
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
    /// A frame without a head.
    fn plain(&self, body: u64, foot: usize) -> Result<Extent, Error> {
        self.check(body)?;
        let foot = foot as u64;
        Ok(Extent { head: 0, body, foot })
    }

    /// A frame whose delimiter stands at `end`, if that is among the `length` bytes that have come.
    #[inline]
    fn ended(&self, delimiter: &[u8], end: Option<usize>, length: usize) -> Result<Option<Extent>, Error> {
        match end {
            Some(end) => self.plain(end as u64, delimiter.len()).map(Some),
            // All but what may be the beginning of a delimiter is the message's.
            None => self
                .check(length.saturating_sub(delimiter.len() - 1) as u64)
                .map(|()| None),
        }
    }

    /// A frame whose length begins with these bytes.
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
    /// The length that bytes begin with, and how many of them it has, if they are all there.
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
                    // The tenth has one bit of 64, and must be the last.
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
