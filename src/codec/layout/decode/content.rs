//! Decodes the contents of fields: numbers, text, arrays, and alternatives.

use super::super::expr::text as text_value;
use super::super::wire::{read_bits, read_float, read_int};
use super::*;

impl<'a, B: Build> Reader<'a, B> {
    /// Converts a length that was read or computed. A negative one is an error.
    pub(super) fn length(&self, length: i64) -> Outcome<u64, B::Foreign> {
        u64::try_from(length)
            .map_err(|_| self.error(Code::Invalid, format!("its length must be 0 or more, but is {length}")))
    }

    pub(super) fn prefix(&mut self, kind: &Kind) -> Outcome<i64, B::Foreign> {
        let value = self.integer(kind)?;
        i64::try_from(value)
            .ok()
            .filter(|value| *value <= SAFE)
            .ok_or_else(|| self.error(Code::Truncated, format!("its length of {value} is too large")))
    }

    fn integer(&mut self, kind: &Kind) -> Outcome<i128, B::Foreign> {
        match kind {
            Kind::Int(int) => {
                let bytes = self.take(int.bytes.into())?;
                Ok(read_int(*int, bytes))
            }
            Kind::Bits(bits) => {
                if bits.at == 0 {
                    self.need(bits.run.into())?;
                }
                let value = read_bits(*bits, &self.input[self.pos..]);
                if bits.last {
                    self.pos += bits.run as usize;
                }
                Ok(value)
            }
            Kind::Varint(varint) => self.varint(*varint),
            Kind::Bool(inner) | Kind::Enum(_, inner) | Kind::Time(inner, _) | Kind::Map(_, inner) => {
                self.integer(inner)
            }
            _ => Ok(0),
        }
    }

    fn varint(&mut self, varint: Varint) -> Outcome<i128, B::Foreign> {
        let start = self.pos;
        let mut value = 0i128;
        let mut shift = 0;
        loop {
            if shift / 7 == u32::from(varint.max) {
                self.pos = start;
                let message = format!("it is longer than {} bytes", varint.max);
                return Err(self.error(Code::Invalid, message));
            }
            let byte = self.take(1)?[0];
            value |= i128::from(byte & 127) << shift;
            shift += 7;
            if byte < 128 {
                let value = match varint.sign {
                    Sign::Unsigned => value,
                    Sign::Signed if byte & 64 != 0 => value - (1 << shift),
                    Sign::Signed => value,
                    Sign::Zigzag => value >> 1 ^ -(value & 1),
                };
                let (min, max) = varint.range();
                if value < min || value > max {
                    self.pos = start;
                    return Err(self.error(Code::Invalid, format!("{value} must be >= {min} and <= {max}")));
                }
                return Ok(value);
            }
        }
    }

    pub(super) fn kind(
        &mut self,
        frame: &mut Frame<'a>,
        kind: &Kind,
        keep: bool,
    ) -> Outcome<Read<B::Value>, B::Foreign> {
        let start = self.pos;
        let plain = |value| Read {
            value,
            slot: Slot::Absent,
            count: 0,
        };
        Ok(match kind {
            Kind::Int(_) | Kind::Bits(_) | Kind::Varint(_) => {
                let value = self.integer(kind)?;
                Read {
                    value: self.build.int(value, kind.is_big()),
                    slot: Slot::Int(value),
                    count: 0,
                }
            }
            Kind::Bool(inner) => {
                let value = self.integer(inner)?;
                if value > 1 {
                    return Err(
                        Error::at(Code::Invalid, start, format!("a boolean must be 0 or 1, not {value}")).into(),
                    );
                }
                Read {
                    value: self.build.bool(value == 1),
                    slot: Slot::Int(value),
                    count: 0,
                }
            }
            Kind::Enum(id, inner) => {
                let value = self.integer(inner)?;
                let name = i64::try_from(value)
                    .ok()
                    .and_then(|value| self.layout.enums[*id].name_of(value));
                let shown = match name {
                    Some(name) => self.build.text(name),
                    None => self.build.int(value, inner.is_big()),
                };
                Read {
                    value: shown,
                    slot: Slot::Int(value),
                    count: 0,
                }
            }
            Kind::Time(inner, unit) => {
                let value = self.integer(inner)?;
                let ms = value * i128::from(*unit);
                if ms.abs() > 8_640_000_000_000_000 {
                    return Err(Error::at(Code::Invalid, start, format!("{value} is out of range for a Date")).into());
                }
                Read {
                    value: self.build.time(ms as f64),
                    slot: Slot::Int(value),
                    count: 0,
                }
            }
            Kind::Float { bytes, little } => {
                let bytes = self.take((*bytes).into())?;
                plain(self.build.float(read_float(bytes, *little)))
            }
            Kind::Address(address) => {
                let bytes = self.take(address.bytes())?;
                plain(self.build.text(&address.text(bytes)))
            }
            Kind::Text { encoding, length, fill } => {
                let wide = encoding.is_wide();
                let (mut bytes, from) = self.bytes(frame, length, wide)?;
                let count = bytes.len() as u64;
                if let Some(fill) = fill {
                    bytes = text::trim(*encoding, bytes, *fill);
                }
                let text = text::decode(*encoding, bytes);
                let text = text.map_err(|why| Error::at(Code::Invalid, from, why))?;
                let slot = if keep {
                    Slot::Text(text.as_str().into())
                } else {
                    Slot::Absent
                };
                Read {
                    value: self.build.text(&text),
                    slot,
                    count,
                }
            }
            Kind::Bytes(length) => {
                let (bytes, from) = self.bytes(frame, length, false)?;
                let (count, to) = (bytes.len() as u64, from + bytes.len());
                let slot = match keep {
                    true => Slot::Text(String::from_utf8_lossy(bytes).into()),
                    false => Slot::Absent,
                };
                Read {
                    value: self.build.bytes(self.input, from, to),
                    slot,
                    count,
                }
            }
            Kind::Array(item, length) => self.array(frame, item, length)?,
            Kind::Struct(id, args) => {
                let mut given = Vec::with_capacity(args.len());
                for arg in args {
                    given.push(self.evaluate(frame, arg)?);
                }
                let (value, slots) = self.structure(*id, given)?;
                Read {
                    value,
                    slot: Slot::Struct(slots),
                    count: 0,
                }
            }
            Kind::Switch(choices) => {
                let chosen = self.choose(frame, choices)?;
                let read = self.kind(frame, chosen, false)?;
                Read {
                    value: read.value,
                    slot: Slot::Absent,
                    count: read.count,
                }
            }
            Kind::Map(mapper, inner) => {
                let read = self.kind(frame, inner, keep)?;
                let value = self.build.map(*mapper, read.value).map_err(Failure::Foreign)?;
                Read { value, ..read }
            }
            Kind::Magic(wanted) => {
                let found = self.take(wanted.len())?;
                if found != wanted {
                    let message = format!("the bytes are {}, not {}", show(found), show(wanted));
                    return Err(Error::at(Code::Invalid, start, message).into());
                }
                plain(self.build.bytes(self.input, start, self.pos))
            }
            Kind::Pad(count) => {
                let count = self.evaluate(frame, count)?;
                let count = self.length(count)?;
                self.need(count)?;
                self.pos += count as usize;
                plain(self.build.bytes(self.input, start, self.pos))
            }
            Kind::Align(to, _) => {
                let to = *to as usize;
                let count = (to - (self.pos - self.origin) % to) % to;
                self.take(count)?;
                plain(self.build.bytes(self.input, start, self.pos))
            }
        })
    }

    fn choose<'c>(&mut self, frame: &mut Frame<'a>, choices: &'c Choices) -> Outcome<&'c Kind, B::Foreign> {
        let text = text_value(&choices.on, frame).ok().flatten().map(str::to_string);
        let is_text = matches!(choices.cases.first(), Some((tags, _)) if matches!(tags.first(), Some(Tag::Text(_))));
        let (found, shown) = if is_text {
            let text = text.unwrap_or_default();
            (find_text(choices, &text), format!("{text:?}"))
        } else {
            let on = self.evaluate(frame, &choices.on)?;
            (find_int(choices, on), on.to_string())
        };
        found.ok_or_else(|| self.error(Code::Invalid, format!("no case has the value {shown}")))
    }

    /// The bytes of text or bytes, and their offset. The length prefix or terminator is consumed.
    fn bytes(&mut self, frame: &mut Frame, length: &Length, wide: bool) -> Outcome<(&'a [u8], usize), B::Foreign> {
        let size = match length {
            Length::Expr(expr) => self.evaluate(frame, expr)?,
            Length::Prefix(kind) => self.prefix(kind)?,
            Length::Rest | Length::UntilItem(_) => (self.end - self.pos) as i64,
            Length::Until(stop) => {
                let rest = &self.input[self.pos..self.end];
                let stop = *stop as u8;
                let found = match wide {
                    false => memchr::memchr(stop, rest),
                    true => rest.chunks_exact(2).position(|pair| pair == [stop, 0]).map(|at| at * 2),
                };
                let Some(found) = found else {
                    return Err(self.error(Code::Truncated, format!("the {stop} that ends it is missing")));
                };
                let from = self.pos;
                self.pos += found + if wide { 2 } else { 1 };
                return Ok((&self.input[from..from + found], from));
            }
        };
        let size = self.length(size)?;
        self.need(size)?;
        let from = self.pos;
        Ok((self.take(size as usize)?, from))
    }

    fn array(&mut self, frame: &mut Frame<'a>, item: &Kind, length: &Length) -> Outcome<Read<B::Value>, B::Foreign> {
        let min = sizes::of_kind(item, &self.layout.structs).min;
        let count = match length {
            Length::Expr(expr) => Some(self.evaluate(frame, expr)?),
            Length::Prefix(kind) => Some(self.prefix(kind)?),
            _ => None,
        };
        let mut items = Vec::new();
        if let Some(count) = count {
            let count = self.length(count)?;
            // The bytes of the items must be in the input before memory for them is allocated.
            self.need(count.saturating_mul(min))?;
            if min > 0 {
                items.reserve_exact(count as usize);
            }
            for _ in 0..count {
                let read = self.item(frame, item, items.len(), min)?;
                items.push(read.value);
            }
        } else {
            loop {
                if matches!(length, Length::Rest) && self.pos == self.end {
                    break;
                }
                let until = match length {
                    Length::UntilItem(expr) => Some(expr),
                    _ => None,
                };
                let before = self.pos;
                let read = self.item(frame, item, items.len(), min)?;
                if let (Length::Until(stop), Slot::Int(found)) = (length, &read.slot)
                    && *found == i128::from(*stop)
                {
                    break;
                }
                if matches!(length, Length::Rest) && self.pos == before {
                    return Err(self.error(Code::Invalid, "an item without bytes would repeat without end"));
                }
                items.push(read.value);
                if let Some(expr) = until {
                    frame.item = read.slot;
                    if self.evaluate(frame, expr)? != 0 {
                        break;
                    }
                }
            }
        }
        let count = items.len() as u64;
        Ok(Read {
            value: self.build.list(items),
            slot: Slot::Absent,
            count,
        })
    }

    fn item(
        &mut self,
        frame: &mut Frame<'a>,
        item: &Kind,
        index: usize,
        min: u64,
    ) -> Outcome<Read<B::Value>, B::Foreign> {
        if min == 0 {
            self.spend()?;
        }
        let step = || Step::Index(index);
        if B::TRACES {
            self.build.enter(&step());
        }
        let start = self.pos;
        let read = self.kind(frame, item, true).map_err(|failure| failure.within(step))?;
        if B::TRACES {
            self.build.leave(item, start, self.pos, Some(&read.value));
        }
        Ok(read)
    }
}

fn show(bytes: &[u8]) -> String {
    let shown: Vec<String> = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    shown.join(" ")
}
