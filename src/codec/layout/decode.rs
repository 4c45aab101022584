//! Bytes to values: the layout run over an input.

use std::rc::Rc;

use super::expr::{Lookup, Slot, Trouble, evaluate, text as text_value};
use super::wire::{read_bits, read_float, read_int};
use super::*;
use crate::codec::checksum::Checksum;

/// What makes values of what is read. Values are made from the inside out.
pub trait Build {
    /// A value.
    type Value;
    /// What an application's function can fail with.
    type Foreign;

    /// An integer; `big` where it is a BigInt whatever it is.
    fn int(&mut self, value: i128, big: bool) -> Self::Value;
    /// A floating-point number.
    fn float(&mut self, value: f64) -> Self::Value;
    /// A boolean.
    fn bool(&mut self, value: bool) -> Self::Value;
    /// A text.
    fn text(&mut self, text: &str) -> Self::Value;
    /// Bytes of the input.
    fn bytes(&mut self, input: &[u8], start: usize, end: usize) -> Self::Value;
    /// A time, in milliseconds since 1970.
    fn time(&mut self, ms: f64) -> Self::Value;
    /// A list.
    fn list(&mut self, items: Vec<Self::Value>) -> Self::Value;
    /// A record of the struct with this index, with the fields that are there.
    fn record(&mut self, structure: usize, fields: Vec<(usize, Self::Value)>) -> Self::Value;
    /// What the application makes of a value.
    fn map(&mut self, mapper: u32, value: Self::Value) -> Result<Self::Value, Self::Foreign>;
    /// A field or an item begins.
    fn enter(&mut self, _step: &Step) {}
    /// It has ended: the bytes it took, and for bits where in them, what it is, and its value where it has no parts.
    fn leave(&mut self, _kind: &Kind, _start: usize, _end: usize, _value: Option<&Self::Value>) {}
    /// Whether `enter` and `leave` want to be called.
    const TRACES: bool = false;
}

/// Why there is no value.
#[derive(Debug)]
pub enum Failure<F> {
    /// The input is not what the layout says.
    Layout(Error),
    /// A function of the application failed.
    Foreign(F),
}

impl<F> From<Error> for Failure<F> {
    fn from(error: Error) -> Self {
        Failure::Layout(error)
    }
}

impl<F> Failure<F> {
    pub(super) fn within(self, step: impl FnOnce() -> Step) -> Self {
        match self {
            Failure::Layout(error) => Failure::Layout(error.within(step)),
            foreign => foreign,
        }
    }
}

/// Reads the record at `offset`. Gives it and the bytes that it takes.
pub fn decode<B: Build>(
    layout: &Layout,
    input: &[u8],
    offset: usize,
    build: &mut B,
) -> Result<(B::Value, usize), Failure<B::Foreign>> {
    if offset > input.len() {
        return Err(Error::at(Code::Truncated, offset, format!("the input has {} bytes", input.len())).into());
    }
    let budget = (input.len() - offset) as u64 + u64::from(layout.limits.values);
    let mut reader = Reader {
        layout,
        input,
        origin: offset,
        pos: offset,
        end: input.len(),
        high: offset,
        budget,
        depth: 0,
        build,
    };
    let (value, _) = reader.structure(layout.root, Vec::new())?;
    let bytes = reader.high.max(reader.pos) - offset;
    Ok((value, bytes))
}

struct Reader<'a, B> {
    layout: &'a Layout,
    input: &'a [u8],
    /// Where the record begins.
    origin: usize,
    pos: usize,
    /// Where the area ends that is being read.
    end: usize,
    /// The end of what lay furthest, of what lies at offsets.
    high: usize,
    /// What may still be read without spending a byte on it.
    budget: u64,
    depth: u32,
    build: &'a mut B,
}

/// A struct that is being read.
struct Frame<'a> {
    id: usize,
    input: &'a [u8],
    origin: usize,
    args: Vec<i64>,
    slots: Vec<Slot>,
    spans: Vec<(usize, usize)>,
    counts: Vec<u64>,
    present: Vec<bool>,
    item: Slot,
    /// The bytes left where an expression is evaluated.
    remaining: usize,
}

/// A value, what is kept of it for expressions, and how many items it has.
struct Read<V> {
    value: V,
    slot: Slot,
    count: u64,
}

/// A record, and what is kept of its fields for expressions.
type Record<V> = (V, Rc<Vec<Slot>>);

pub(super) fn follow<'s>(slot: &'s Slot, path: &[u16]) -> Option<&'s Slot> {
    path.iter().try_fold(slot, |slot, &step| match slot {
        Slot::Struct(slots) => slots.get(usize::from(step)),
        _ => None,
    })
}

impl Lookup for Frame<'_> {
    fn field(&self, path: &[u16]) -> Option<&Slot> {
        follow(&self.slots[usize::from(path[0])], &path[1..])
    }

    fn param(&self, at: u16) -> i64 {
        self.args[usize::from(at)]
    }

    fn remaining(&self) -> Option<i64> {
        Some(self.remaining as i64)
    }

    fn item(&self, path: &[u16]) -> Option<&Slot> {
        follow(&self.item, path)
    }

    fn size(&self, span: Span) -> Option<i64> {
        let (from, to) = self.range(span);
        Some(to as i64 - from as i64)
    }

    fn count(&self, at: u16) -> Option<i64> {
        Some(self.counts[usize::from(at)] as i64)
    }

    fn offset(&self, at: u16) -> Option<i64> {
        Some((self.spans[usize::from(at)].0 - self.origin) as i64)
    }

    fn present(&self, at: u16) -> Option<bool> {
        Some(self.present[usize::from(at)])
    }

    fn checksum(&self, checksum: Checksum, span: Span) -> Option<u64> {
        let (from, to) = self.range(span);
        Some(checksum.of(&self.input[from.min(to)..to]))
    }
}

impl Frame<'_> {
    fn range(&self, span: Span) -> (usize, usize) {
        (self.spans[usize::from(span.from)].0, self.spans[usize::from(span.to)].1)
    }
}

type Outcome<T, F> = Result<T, Failure<F>>;

impl<'a, B: Build> Reader<'a, B> {
    fn error(&self, code: Code, message: impl Into<String>) -> Failure<B::Foreign> {
        Error::at(code, self.pos, message).into()
    }

    fn need(&self, bytes: u64) -> Outcome<(), B::Foreign> {
        let left = self.end - self.pos;
        if bytes > left as u64 {
            let many = if bytes == 1 {
                "1 byte is".into()
            } else {
                format!("{bytes} bytes are")
            };
            let are = if left == 1 { "is" } else { "are" };
            let message = format!("{many} needed, {left} {are} left");
            return Err(self.error(Code::Truncated, message));
        }
        Ok(())
    }

    fn take(&mut self, bytes: usize) -> Outcome<&'a [u8], B::Foreign> {
        self.need(bytes as u64)?;
        let input = self.input;
        let taken = &input[self.pos..self.pos + bytes];
        self.pos += bytes;
        Ok(taken)
    }

    fn spend(&mut self) -> Outcome<(), B::Foreign> {
        if self.budget == 0 {
            let limit = self.layout.limits.values;
            return Err(self.error(
                Code::Limit,
                format!("more than {limit} values take no bytes of their own"),
            ));
        }
        self.budget -= 1;
        Ok(())
    }

    fn evaluate(&mut self, frame: &mut Frame, expr: &Expr) -> Outcome<i64, B::Foreign> {
        frame.remaining = self.end - self.pos;
        evaluate(expr, frame).map_err(|trouble| match trouble {
            Trouble::Wrong(why) => self.error(Code::Invalid, format!("an expression cannot be computed: {why}")),
            Trouble::Unknown => self.error(Code::Invalid, "an expression asks for what is not known"),
        })
    }

    fn structure(&mut self, id: usize, args: Vec<i64>) -> Outcome<Record<B::Value>, B::Foreign> {
        if !stack::has_room() {
            return Err(self.error(Code::Limit, "there is no more room on the stack"));
        }
        let layout = self.layout;
        let structure = &layout.structs[id];
        if structure.recursive {
            self.spend()?;
            self.depth += 1;
            if self.depth > layout.limits.depth {
                let message = format!("structs are nested deeper than {}", layout.limits.depth);
                return Err(self.error(Code::Limit, message));
            }
        }
        let count = structure.fields.len();
        let mut frame = Frame {
            id,
            input: self.input,
            origin: self.origin,
            args,
            slots: vec![Slot::Absent; count],
            spans: vec![(self.pos, self.pos); count],
            counts: vec![0; count],
            present: vec![false; count],
            item: Slot::Absent,
            remaining: 0,
        };
        let mut fields = Vec::with_capacity(count);
        for (at, field) in structure.fields.iter().enumerate() {
            let read = self.field(&mut frame, at);
            let read = read.map_err(|failure| match &field.name {
                Some(name) => failure.within(|| Step::Field(name.clone())),
                None => failure,
            })?;
            if let Some(value) = read
                && field.name.is_some()
            {
                fields.push((at, value));
            }
        }
        for (at, field) in structure.fields.iter().enumerate() {
            self.check(&mut frame, at).map_err(|failure| match &field.name {
                Some(name) => failure.within(|| Step::Field(name.clone())),
                None => failure,
            })?;
        }
        if structure.recursive {
            self.depth -= 1;
        }
        Ok((self.build.record(id, fields), Rc::new(frame.slots)))
    }

    fn field(&mut self, frame: &mut Frame<'a>, at: usize) -> Outcome<Option<B::Value>, B::Foreign> {
        let field = &self.layout.structs[frame.id].fields[at];
        frame.spans[at] = (self.pos, self.pos);
        if let Some(condition) = &field.condition
            && self.evaluate(frame, condition)? == 0
        {
            return Ok(None);
        }
        frame.present[at] = true;
        if B::TRACES {
            self.build.enter(&Step::Field(field.name.clone().unwrap_or_default()));
        }
        let back = match &field.place {
            None => None,
            Some(place) => {
                self.spend()?;
                let offset = self.evaluate(frame, place)?;
                let most = self.input.len() - self.origin;
                if offset < 0 || offset as u64 > most as u64 {
                    let message = format!("it lies at offset {offset} of the record, of which there are {most} bytes");
                    return Err(self.error(Code::Truncated, message));
                }
                let back = (self.pos, self.end);
                self.pos = self.origin + offset as usize;
                self.end = self.input.len();
                Some(back)
            }
        };
        let begin = self.pos;
        let outer = match &field.area {
            None => None,
            Some(area) => {
                let size = match area {
                    Length::Prefix(kind) => self.prefix(kind)?,
                    Length::Expr(expr) => self.evaluate(frame, expr)?,
                    _ => 0,
                };
                let size = self.length(size)?;
                self.need(size)?;
                Some(std::mem::replace(&mut self.end, self.pos + size as usize))
            }
        };
        let read = self.kind(frame, &field.kind, field.used || field.value.is_some())?;
        if let Some(outer) = outer {
            if self.pos != self.end {
                let message = format!("{} bytes of its size are left", self.end - self.pos);
                return Err(self.error(Code::Invalid, message));
            }
            self.end = outer;
        }
        frame.spans[at] = (begin, self.pos);
        if let Some((pos, end)) = back {
            if !field.peek {
                self.high = self.high.max(self.pos);
            }
            self.pos = pos;
            self.end = end;
        }
        frame.slots[at] = read.slot;
        frame.counts[at] = read.count;
        if B::TRACES {
            let (start, end) = frame.spans[at];
            self.build.leave(&field.kind, start, end, Some(&read.value));
        }
        if let Some(Given::Int(_) | Given::Text(_)) = &field.value {
            self.check_constant(frame, at, begin)?;
        }
        Ok(Some(read.value))
    }

    fn check_constant(&self, frame: &Frame, at: usize, begin: usize) -> Outcome<(), B::Foreign> {
        let found = match (&self.layout.structs[frame.id].fields[at].value, &frame.slots[at]) {
            (Some(Given::Int(wanted)), Slot::Int(found)) if wanted != found => format!("it is {found}, not {wanted}"),
            (Some(Given::Text(wanted)), Slot::Text(found)) if wanted[..] != found[..] => {
                format!("it is {found:?}, not {wanted:?}")
            }
            _ => return Ok(()),
        };
        Err(Error::at(Code::Invalid, begin, found).into())
    }

    /// Whether a computed field is what it should be.
    fn check(&mut self, frame: &mut Frame<'a>, at: usize) -> Outcome<(), B::Foreign> {
        let field = &self.layout.structs[frame.id].fields[at];
        if !frame.present[at] {
            return Ok(());
        }
        let own = frame.spans[at];
        let (wanted, code) = match &field.value {
            Some(Given::Checksum(checksum, span)) => {
                let (from, to) = frame.range(*span);
                let bytes = &self.input[from.min(to)..to];
                (i128::from(checksum.without(bytes, from, own)), Code::Checksum)
            }
            Some(Given::Expr { expr, .. }) => {
                let wanted = evaluate(expr, frame);
                let wanted =
                    wanted.map_err(|_| Error::at(Code::Invalid, own.0, "what it should be cannot be computed"))?;
                (i128::from(wanted), Code::Invalid)
            }
            _ => return Ok(()),
        };
        match frame.slots[at] {
            Slot::Int(found) if found != wanted => {
                Err(Error::at(code, own.0, format!("it is {found}, and should be {wanted}")).into())
            }
            _ => Ok(()),
        }
    }

    /// A length that was read or computed, as one.
    fn length(&self, length: i64) -> Outcome<u64, B::Foreign> {
        u64::try_from(length).map_err(|_| self.error(Code::Invalid, format!("its length would be {length}")))
    }

    fn prefix(&mut self, kind: &Kind) -> Outcome<i64, B::Foreign> {
        let value = self.integer(kind)?;
        i64::try_from(value)
            .ok()
            .filter(|value| *value <= SAFE)
            .ok_or_else(|| self.error(Code::Truncated, format!("it would be {value} long")))
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
                    return Err(self.error(Code::Invalid, format!("{value} is not within {min} and {max}")));
                }
                return Ok(value);
            }
        }
    }

    fn kind(&mut self, frame: &mut Frame<'a>, kind: &Kind, keep: bool) -> Outcome<Read<B::Value>, B::Foreign> {
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
                    return Err(Error::at(Code::Invalid, start, format!("a boolean is 0 or 1, not {value}")).into());
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
                    return Err(Error::at(Code::Invalid, start, format!("no Date is as far away as {value}")).into());
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
        found.ok_or_else(|| self.error(Code::Invalid, format!("there is no case for {shown}")))
    }

    /// The bytes of text or bytes, and where they are; what comes before or ends them is passed over.
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
                    return Err(self.error(Code::Truncated, format!("there is no {stop} to end it")));
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
            // What is promised must be there before there is room made for it.
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
                    return Err(self.error(Code::Invalid, "an item of no bytes never comes to the end"));
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

pub(super) fn find_int(choices: &Choices, on: i64) -> Option<&Kind> {
    let fits = |tag: &Tag| matches!(tag, Tag::Ints(from, to) if (*from..=*to).contains(&on));
    let found = choices.cases.iter().find(|(tags, _)| tags.iter().any(fits));
    found.map(|(_, kind)| kind).or(choices.default.as_ref())
}

pub(super) fn find_text<'c>(choices: &'c Choices, on: &str) -> Option<&'c Kind> {
    let fits = |tag: &Tag| matches!(tag, Tag::Text(text) if **text == *on);
    let found = choices.cases.iter().find(|(tags, _)| tags.iter().any(fits));
    found.map(|(_, kind)| kind).or(choices.default.as_ref())
}

fn show(bytes: &[u8]) -> String {
    let shown: Vec<String> = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    shown.join(" ")
}
