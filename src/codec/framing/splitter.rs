use super::{Counts, Error, Framing, Length, Prefix};
use memchr::{memchr, memmem};
use std::ops::Range;

/// A message that was found in a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It began in an earlier chunk. That is always the first.
    Continued(Continued),
    /// It lies here.
    Whole(Range<usize>),
}

/// A message that began in an earlier chunk and ends in this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continued {
    /// Where in the chunk the frame ends.
    pub end: usize,
    /// Bytes of the frame before the message.
    pub head: usize,
    /// Bytes of the frame behind the message.
    pub foot: usize,
}

/// What is left of a chunk: the beginning of a frame, or more of one that began before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Where in the chunk it begins; its length where nothing is left.
    pub start: usize,
    /// Bytes that the frame will have in all, as far as that is known, else 0.
    pub total: u64,
}

/// What is to be done with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    head: u64,
    body: u64,
    foot: u64,
}

impl Extent {
    fn total(self) -> u64 {
        self.head + self.body + self.foot
    }
}

/// What is known of a frame whose end has not come.
#[derive(Debug, Default)]
struct Part {
    /// Bytes that have come.
    seen: u64,
    /// Of its length, as far as that has come: the value, and its bytes.
    value: u64,
    digits: u8,
    /// All of it, once the length is there.
    extent: Option<Extent>,
    /// The last bytes that may be the beginning of a delimiter.
    last: Vec<u8>,
}

/// Finds messages in a stream.
#[derive(Debug)]
pub struct Splitter {
    framing: Framing,
    finder: Option<memmem::Finder<'static>>,
    /// The longest message.
    limit: u64,
    /// What is found is the message alone, not all of its frame.
    strips: bool,
    part: Part,
    failed: Option<Error>,
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
            framing,
            finder,
            limit,
            strips,
            part: Part::default(),
            failed: None,
        }
    }

    /// Forgets what has come: another stream begins.
    pub fn reset(&mut self) {
        self.part = Part::default();
        self.failed = None;
    }

    /// Bytes that have come of a frame whose end has not: when the stream ends, anything but 0 means that it was cut short.
    pub fn held(&self) -> u64 {
        self.part.seen
    }

    /// Bytes that this frame will have in all, once that is known.
    pub fn announced(&self) -> Option<u64> {
        self.part.extent.map(Extent::total)
    }

    /// Takes the chunk from `from` on, and tells `sink` of each message that ends there, until that refuses one. Returns what is left where none
    /// was refused, and otherwise where to go on: the chunk is to be given again from there. What began before it cannot be refused.
    ///
    /// # Errors
    /// Why the stream cannot be read on, again with every later call. What was told before holds.
    pub fn push(
        &mut self,
        chunk: &[u8],
        from: usize,
        mut sink: impl FnMut(Found) -> bool,
    ) -> Result<Result<Tail, usize>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut at = from;
        let result = (|| {
            if self.part.seen > 0 {
                match self.go_on(&chunk[at..])? {
                    Some(found) => {
                        let end = at + found.end;
                        self.part = Part {
                            last: std::mem::take(&mut self.part.last),
                            ..Part::default()
                        };
                        self.part.last.clear();
                        sink(Found::Continued(Continued { end, ..found }));
                        at = end;
                    }
                    None => return Ok(Ok(self.tail(at))),
                }
            }
            while at < chunk.len() {
                let Some((message, length)) = self.next(&chunk[at..])? else {
                    // It begins here and goes on in the next chunk.
                    let none = self.go_on(&chunk[at..])?;
                    debug_assert_eq!(none, None, "a frame that was not whole");
                    break;
                };
                if !sink(Found::Whole(at + message.start..at + message.end)) {
                    return Ok(Err(at));
                }
                at += length;
            }
            Ok(Ok(self.tail(at)))
        })();
        if let Err(error) = result {
            self.failed = Some(error);
            self.part = Part::default();
        }
        result
    }

    fn tail(&self, start: usize) -> Tail {
        Tail {
            start,
            total: self.announced().unwrap_or(0),
        }
    }

    /// What is found in the frame that bytes begin with, if all of it is there, and its length.
    #[inline]
    fn next(&self, bytes: &[u8]) -> Result<Option<(Range<usize>, usize)>, Error> {
        let extent = match &self.framing {
            Framing::Length(length) => {
                let Some((value, digits)) = read_prefix(length, bytes)? else {
                    return Ok(None);
                };
                self.extent(length, value, digits)?
            }
            Framing::Size(size) => self.plain((*size).into(), 0)?,
            Framing::Delimiter(delimiter) => match self.find(delimiter, bytes) {
                Some(length) => self.plain(length as u64, delimiter.len())?,
                None => return Ok(None),
            },
        };
        let total = extent.total();
        if total > bytes.len() as u64 {
            return Ok(None);
        }
        let total = total as usize;
        let found = if self.strips {
            extent.head as usize..total - extent.foot as usize
        } else {
            0..total
        };
        Ok(Some((found, total)))
    }

    /// A frame without a head.
    fn plain(&self, body: u64, foot: usize) -> Result<Extent, Error> {
        self.check(body)?;
        let foot = foot as u64;
        Ok(Extent { head: 0, body, foot })
    }

    /// A frame that began earlier ends at `end`.
    fn ended(&self, end: usize, extent: Extent) -> Continued {
        let (head, foot) = if self.strips {
            (extent.head, extent.foot)
        } else {
            (0, 0)
        };
        Continued {
            end,
            head: head as usize,
            foot: foot as usize,
        }
    }

    /// More bytes of a frame, of which some may have come before. Returns where in them it ends, if it does.
    fn go_on(&mut self, bytes: &[u8]) -> Result<Option<Continued>, Error> {
        let seen = self.part.seen;
        match &self.framing {
            Framing::Length(length) => {
                let length = *length;
                self.read_on(&length, bytes)?;
            }
            Framing::Size(size) => {
                self.part.extent = Some(self.plain((*size).into(), 0)?);
            }
            Framing::Delimiter(_) => return self.search_on(bytes),
        }
        let Some(extent) = self.part.extent else {
            self.part.seen = seen + bytes.len() as u64;
            return Ok(None);
        };
        let missing = extent.total() - seen;
        if missing > bytes.len() as u64 {
            self.part.seen = seen + bytes.len() as u64;
            return Ok(None);
        }
        Ok(Some(self.ended(missing as usize, extent)))
    }

    /// Reads a length on, byte by byte.
    fn read_on(&mut self, length: &Length, bytes: &[u8]) -> Result<(), Error> {
        if self.part.extent.is_some() {
            return Ok(());
        }
        let Part {
            seen, value, digits, ..
        } = &mut self.part;
        let first = u64::from(length.before) + u64::from(*digits);
        let skipped = first.saturating_sub(*seen);
        for &byte in bytes.iter().skip(usize::try_from(skipped).unwrap_or(usize::MAX)) {
            let ends = match length.prefix {
                Prefix::Big(width) => {
                    *value = *value << 8 | u64::from(byte);
                    *digits + 1 == width
                }
                Prefix::Little(width) => {
                    *value |= u64::from(byte) << (8 * *digits);
                    *digits + 1 == width
                }
                Prefix::Varint => {
                    add_seven(value, byte, *digits)?;
                    byte < 0x80
                }
            };
            *digits += 1;
            if ends {
                let (value, digits) = (*value, *digits);
                self.part.extent = Some(self.extent(length, value, digits)?);
                return Ok(());
            }
        }
        Ok(())
    }

    /// What a frame is made of, by its length and how many bytes that has.
    #[inline]
    fn extent(&self, length: &Length, value: u64, digits: u8) -> Result<Extent, Error> {
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
        Ok(Extent {
            head: before + after,
            body,
            foot,
        })
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

    fn find(&self, delimiter: &[u8], bytes: &[u8]) -> Option<usize> {
        match &self.finder {
            Some(finder) => finder.find(bytes),
            None => memchr(delimiter[0], bytes),
        }
    }

    /// Looks for the end of a message of which some has come.
    fn search_on(&mut self, bytes: &[u8]) -> Result<Option<Continued>, Error> {
        let Framing::Delimiter(delimiter) = &self.framing else {
            return Ok(None);
        };
        let seen = self.part.seen;
        let most = delimiter.len() - 1;
        // A delimiter that began in an earlier chunk.
        let before = self.part.last.len();
        let across = if before == 0 {
            None
        } else {
            let mut both = std::mem::take(&mut self.part.last);
            both.extend_from_slice(&bytes[..most.min(bytes.len())]);
            let found = self.find(delimiter, &both);
            both.truncate(before);
            self.part.last = both;
            found.map(|at| (seen - before as u64 + at as u64, at + delimiter.len() - before))
        };
        let found = across.or_else(|| {
            self.find(delimiter, bytes)
                .map(|at| (seen + at as u64, at + delimiter.len()))
        });
        if let Some((length, end)) = found {
            let extent = self.plain(length, delimiter.len())?;
            return Ok(Some(self.ended(end, extent)));
        }
        // All but what may be the beginning of a delimiter is the message's.
        let total = seen + bytes.len() as u64;
        self.check(total.saturating_sub(most as u64))?;
        self.part.seen = total;
        let last = &mut self.part.last;
        let kept = most.saturating_sub(bytes.len());
        last.drain(..last.len().saturating_sub(kept));
        last.extend_from_slice(&bytes[bytes.len().saturating_sub(most)..]);
        Ok(None)
    }
}

/// The length that a frame has, and its bytes, if they are all there.
#[inline]
fn read_prefix(length: &Length, bytes: &[u8]) -> Result<Option<(u64, u8)>, Error> {
    let Some(bytes) = bytes.get(length.before as usize..) else {
        return Ok(None);
    };
    Ok(match length.prefix {
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
                add_seven(&mut value, byte, digits)?;
                if byte < 0x80 {
                    return Ok(Some((value, digits + 1)));
                }
            }
            None
        }
    })
}

/// Adds a byte to a varint of which `digits` have come.
#[inline]
fn add_seven(value: &mut u64, byte: u8, digits: u8) -> Result<(), Error> {
    // The tenth has one bit of 64, and must be the last.
    if digits > 9 || digits == 9 && byte > 1 {
        return Err(Error::Varint);
    }
    *value |= u64::from(byte & 0x7f) << (7 * digits);
    Ok(())
}
