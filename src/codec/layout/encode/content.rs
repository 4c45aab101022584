//! Encodes the contents of fields: numbers, text, arrays, and alternatives.

use super::super::decode::{find_int, find_text};
use super::super::expr::text as text_value;
use super::super::wire::{float_bytes, int_bytes, put_bits, varint_bytes};
use super::*;

impl<S: Source> Writer<'_, S> {
    pub(super) fn content(&mut self, frame: &mut Frame<S::Value>, at: usize) -> Outcome<(), S::Foreign> {
        let field = &self.layout.structs[frame.id].fields[at];
        let mut kind = &field.kind;
        match (&field.value, &frame.slots[at]) {
            (None, _) => {}
            (Some(_), Slot::Text(text)) => {
                let text = text.clone();
                return self.text_of(frame, at, kind, &text, None);
            }
            (Some(_), Slot::Int(value)) => return self.put_int(kind, *value),
            // The value is filled in later.
            (Some(_), _) => return self.put_int(kind, 0),
        }
        while let Kind::Map(_, inner) = kind {
            kind = inner;
        }
        match frame.values[at].clone() {
            Some(value) => {
                let slots = self.kind(frame, at, kind, &value)?;
                if let Some(slots) = slots {
                    frame.slots[at] = Slot::Struct(slots);
                }
                Ok(())
            }
            None => self.filler(frame, kind),
        }
    }

    /// Writes fields without a value: magic bytes and padding.
    fn filler(&mut self, frame: &mut Frame<S::Value>, kind: &Kind) -> Outcome<(), S::Foreign> {
        match kind {
            Kind::Magic(bytes) => self.put(bytes),
            Kind::Pad(count) => {
                let count = self.known(frame, count)?;
                let count = u64::try_from(count)
                    .map_err(|_| self.error(Code::Invalid, format!("its length must be 0 or more, but is {count}")))?;
                self.reserve(count)?;
                self.pos += count as usize;
                Ok(())
            }
            Kind::Align(to, fill) => {
                let to = *to as usize;
                self.put(&vec![*fill; (to - self.pos % to) % to])
            }
            _ => Ok(()),
        }
    }

    /// Converts a value to the integer that is stored.
    pub(super) fn integer(&mut self, kind: &Kind, value: &S::Value) -> Outcome<i128, S::Foreign> {
        match kind {
            Kind::Bool(_) => match self.source.bool(value) {
                Some(value) => Ok(value.into()),
                None => self.wrong(value, Code::Type, "of type boolean"),
            },
            Kind::Time(inner, unit) => {
                let Some(ms) = self.source.time(value) else {
                    return self.wrong(value, Code::Type, "an instance of Date");
                };
                let count = ms / f64::from(*unit);
                if count.is_nan() {
                    return self.wrong(value, Code::Value, "must be a valid Date");
                }
                if count.fract() != 0.0 {
                    return self.wrong(value, Code::Value, "must be a time in whole seconds");
                }
                let (min, max) = inner.range().unwrap_or_default();
                if (count as i128) < min || count as i128 > max {
                    return self.wrong(value, Code::Value, format!("must be {min} to {max} when written"));
                }
                Ok(count as i128)
            }
            Kind::Enum(id, inner) => {
                let names = &self.layout.enums[*id];
                match self.source.text(value) {
                    Text::Value(name) => match names.value_of(&name) {
                        Some(found) => Ok(found.into()),
                        None => self.wrong(value, Code::Value, format!("must be {}", choice(names))),
                    },
                    _ if self.source.int(value, inner.is_big()) == Integer::Other => {
                        let message = format!("{}, or of type {}", choice(names), number_type(inner));
                        self.wrong(value, Code::Type, message)
                    }
                    _ => self.integer(inner, value),
                }
            }
            Kind::Map(mapper, inner) => {
                let value = self.source.map(*mapper, value.clone()).map_err(Failure::Foreign)?;
                self.integer(inner, &value)
            }
            _ => match self.source.int(value, kind.is_big()) {
                Integer::Value(found) => {
                    let (min, max) = kind.range().unwrap_or_default();
                    if found < min || found > max {
                        return self.wrong(value, Code::Range, range_text(kind));
                    }
                    Ok(found)
                }
                Integer::Fraction => {
                    // A fraction that is also out of range is reported as out of range.
                    let (min, max) = kind.range().unwrap_or_default();
                    let float = self.source.float(value).unwrap_or(0.0);
                    let text = if float < min as f64 || float > max as f64 {
                        range_text(kind)
                    } else {
                        "an integer".into()
                    };
                    self.wrong(value, Code::Range, text)
                }
                Integer::Other => self.wrong(value, Code::Type, format!("of type {}", number_type(kind))),
            },
        }
    }

    /// Writes an integer, which must fit.
    pub(in super::super) fn put_int(&mut self, kind: &Kind, value: i128) -> Outcome<(), S::Foreign> {
        match kind.integer() {
            Some(Kind::Int(int)) => {
                let (bytes, size) = int_bytes(*int, value);
                self.put(&bytes[..size])
            }
            Some(Kind::Bits(bits)) => {
                if bits.at == 0 {
                    self.reserve(bits.run.into())?;
                    let end = self.pos + bits.run as usize;
                    self.out[self.pos..end].fill(0);
                }
                put_bits(*bits, value, &mut self.out[self.pos..]);
                if bits.last {
                    self.pos += bits.run as usize;
                }
                Ok(())
            }
            Some(Kind::Varint(varint)) => {
                let (bytes, size) = varint_bytes(*varint, value);
                self.put(&bytes[..size])
            }
            _ => Ok(()),
        }
    }

    /// Writes a value of the field `at`, or a part of it. Returns what is kept of a struct.
    fn kind(
        &mut self,
        frame: &mut Frame<S::Value>,
        at: usize,
        kind: &Kind,
        value: &S::Value,
    ) -> Outcome<Option<Rc<Vec<Slot>>>, S::Foreign> {
        match kind {
            Kind::Float { bytes, little } => {
                let Some(float) = self.source.float(value) else {
                    return self.wrong(value, Code::Type, "of type number");
                };
                let (raw, size) = float_bytes(float, *bytes, *little);
                self.put(&raw[..size])?;
            }
            Kind::Address(address) => {
                let Text::Value(text) = self.source.text(value) else {
                    return self.wrong(value, Code::Type, "of type string");
                };
                match address.parse(&text) {
                    Some(bytes) => self.put(&bytes)?,
                    None => return self.wrong(value, Code::Value, address_text(*address)),
                }
            }
            Kind::Text { .. } => {
                let text = self.text_value(value)?;
                self.text_of(frame, at, kind, &text, Some(value))?;
            }
            Kind::Bytes(length) => {
                let bytes = self.bytes_of(value)?;
                self.sized(frame, at, length, &bytes, false, Some(value))?;
            }
            Kind::Array(item, length) => self.array(frame, at, item, length, value)?,
            Kind::Struct(id, args) => {
                let mut given = Vec::with_capacity(args.len());
                for arg in args {
                    given.push(self.known(frame, arg)?);
                }
                return self.structure(*id, given, value).map(Some);
            }
            Kind::Switch(choices) => {
                let chosen = self.choose(frame, choices)?;
                self.kind(frame, at, chosen, value)?;
            }
            Kind::Map(mapper, inner) => {
                let value = self.source.map(*mapper, value.clone()).map_err(Failure::Foreign)?;
                return self.kind(frame, at, inner, &value);
            }
            Kind::Magic(_) | Kind::Pad(_) | Kind::Align(..) => self.filler(frame, kind)?,
            _ => {
                let raw = self.integer(kind, value)?;
                self.put_int(kind, raw)?;
            }
        }
        Ok(None)
    }

    fn choose<'c>(&mut self, frame: &Frame<S::Value>, choices: &'c Choices) -> Outcome<&'c Kind, S::Foreign> {
        let is_text = matches!(choices.cases.first(), Some((tags, _)) if matches!(tags.first(), Some(Tag::Text(_))));
        let (found, shown) = if is_text {
            let text = text_value(&choices.on, frame).ok().flatten().unwrap_or_default();
            (find_text(choices, text), format!("{text:?}"))
        } else {
            let on = self.known(frame, &choices.on)?;
            (find_int(choices, on), on.to_string())
        };
        found.ok_or_else(|| self.error(Code::Invalid, format!("no case has the value {shown}")))
    }

    fn text_of(
        &mut self,
        frame: &mut Frame<S::Value>,
        at: usize,
        kind: &Kind,
        text: &str,
        value: Option<&S::Value>,
    ) -> Outcome<(), S::Foreign> {
        let (encoding, length, fill) = match kind {
            Kind::Text { encoding, length, fill } => (*encoding, length, *fill),
            Kind::Bytes(length) => return self.sized(frame, at, length, text.as_bytes(), false, value),
            _ => return Ok(()),
        };
        let mut bytes = match text::encode(encoding, text) {
            Ok(bytes) => bytes,
            Err(why) => {
                self.culprit = value.cloned();
                return Err(self.error(Code::Value, why));
            }
        };
        let wide = encoding.is_wide();
        if let (Some(fill), Length::Expr(Expr::Int(size))) = (fill, length) {
            if text::trim(encoding, &bytes, fill).len() < bytes.len() {
                self.culprit = value.cloned();
                return Err(self.error(Code::Value, format!("must not end with its fill byte {fill}")));
            }
            if bytes.len() as i64 <= *size {
                self.reserve(*size as u64)?;
                text::pad(encoding, &mut bytes, *size as usize, fill);
            }
        }
        self.sized(frame, at, length, &bytes, wide, value)
    }

    /// Writes bytes with their length prefix or terminator.
    fn sized(
        &mut self,
        frame: &mut Frame<S::Value>,
        at: usize,
        length: &Length,
        bytes: &[u8],
        wide: bool,
        value: Option<&S::Value>,
    ) -> Outcome<(), S::Foreign> {
        self.culprit = value.cloned();
        match length {
            Length::Expr(expr) => {
                // Parts of a field are checked separately.
                let result = self.agrees(frame, at, expr, bytes.len() as i64, "bytes");
                if result.is_err() {
                    self.culprit = value.cloned();
                    return result;
                }
            }
            Length::Prefix(prefix) => self.put_length(prefix, bytes.len())?,
            Length::Until(stop) => {
                let stop = *stop as u8;
                let found = match wide {
                    false => memchr::memchr(stop, bytes).is_some(),
                    true => bytes.chunks_exact(2).any(|pair| pair == [stop, 0]),
                };
                if found {
                    return Err(self.error(Code::Value, format!("must not contain the byte {stop}, which ends it")));
                }
            }
            Length::Rest | Length::UntilItem(_) => {}
        }
        self.put(bytes)?;
        if let Length::Until(stop) = length {
            self.put(&[*stop as u8, 0][..if wide { 2 } else { 1 }])?;
        }
        Ok(())
    }

    fn put_length(&mut self, prefix: &Kind, length: usize) -> Outcome<(), S::Foreign> {
        let (_, max) = prefix.range().unwrap_or_default();
        if length as i128 > max {
            return Err(self.error(
                Code::Value,
                format!("must have a length of at most {max}, but has {length}"),
            ));
        }
        self.put_int(prefix, length as i128)
    }

    fn array(
        &mut self,
        frame: &mut Frame<S::Value>,
        at: usize,
        item: &Kind,
        length: &Length,
        value: &S::Value,
    ) -> Outcome<(), S::Foreign> {
        let Some(count) = self.source.list(value).map_err(Failure::Foreign)? else {
            return self.wrong(value, Code::Type, "an instance of Array");
        };
        self.culprit = Some(value.clone());
        match length {
            Length::Expr(expr) => {
                let result = self.agrees(frame, at, expr, count as i64, "items");
                if result.is_err() {
                    self.culprit = Some(value.clone());
                    return result;
                }
            }
            Length::Prefix(prefix) => self.put_length(prefix, count)?,
            Length::UntilItem(_) if count == 0 => {
                return self.wrong(value, Code::Value, "must not be empty: its last item ends it");
            }
            _ => {}
        }
        for index in 0..count {
            let step = || Step::Index(index);
            let part = self.source.item(value, index).map_err(Failure::Foreign)?;
            let slots = self.item(frame, at, item, length, &part, index + 1 == count);
            slots.map_err(|failure| failure.within(step))?;
        }
        if let Length::Until(stop) = length {
            self.put_int(item, i128::from(*stop))?;
        }
        Ok(())
    }

    fn item(
        &mut self,
        frame: &mut Frame<S::Value>,
        at: usize,
        item: &Kind,
        length: &Length,
        value: &S::Value,
        last: bool,
    ) -> Outcome<(), S::Foreign> {
        let mut raw = Slot::Absent;
        let mut part = value.clone();
        let mut kind = item;
        while let Kind::Map(mapper, inner) = kind {
            part = self.source.map(*mapper, part).map_err(Failure::Foreign)?;
            kind = inner;
        }
        if kind.integer().is_some() {
            let found = self.integer(kind, &part)?;
            if let Length::Until(stop) = length
                && found == i128::from(*stop)
            {
                return self.wrong(value, Code::Value, format!("must not be {stop}, which ends the list"));
            }
            raw = Slot::Int(found);
            self.put_int(kind, found)?;
        } else {
            if kind.is_text()
                && let Text::Value(text) = self.source.text(&part)
            {
                raw = Slot::Text(text.into());
            }
            if let Some(slots) = self.kind(frame, at, kind, &part)? {
                raw = Slot::Struct(slots);
            }
        }
        if let Length::UntilItem(expr) = length {
            frame.item = raw;
            if (self.known(frame, expr)? != 0) != last {
                let message = if last {
                    "must fulfill the condition that ends the list, because it is the last item"
                } else {
                    "must be the last item, because it ends the list"
                };
                return self.wrong(value, Code::Value, message);
            }
        }
        Ok(())
    }
}

fn number_type(kind: &Kind) -> &'static str {
    if kind.is_big() { "bigint" } else { "number" }
}

fn choice(names: &Enum) -> String {
    let mut shown: Vec<&str> = names.values.iter().take(12).map(|(name, _)| &**name).collect();
    if names.values.len() > 12 {
        shown.push("…");
    }
    format!("one of {}", shown.join(", "))
}

fn address_text(address: Address) -> &'static str {
    match address {
        Address::Ipv4 => "must be an IPv4 address",
        Address::Ipv6 => "must be an IPv6 address",
        Address::Mac => "must be a MAC address such as 00:1b:44:11:3a:b7",
        Address::Uuid => "must be a UUID such as 123e4567-e89b-12d3-a456-426614174000",
    }
}

/// A range in the wording of Node.
fn range_text(kind: &Kind) -> String {
    let (min, max) = kind.range().unwrap_or_default();
    let n = if kind.is_big() { "n" } else { "" };
    let bits = match kind.integer() {
        Some(Kind::Int(int)) => u32::from(int.bytes) * 8,
        Some(Kind::Bits(bits)) => bits.width.into(),
        _ => 0,
    };
    match (bits > 32, min < 0) {
        (true, false) => format!(">= 0{n} and < 2{n} ** {bits}{n}"),
        (true, true) => format!(">= -(2{n} ** {}{n}) and < 2{n} ** {}{n}", bits - 1, bits - 1),
        _ => format!(">= {min}{n} and <= {max}{n}"),
    }
}
