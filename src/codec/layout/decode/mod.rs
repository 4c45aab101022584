//! Decodes bytes by running the layout over an input.

mod content;

use std::rc::Rc;

use super::expr::{Lookup, Slot, Trouble, evaluate};
use super::*;
use crate::codec::checksum::Checksum;

/// Creates the decoded values, the innermost first.
pub trait Build {
    /// The type of a value.
    type Value;
    /// The error that an application's function can cause.
    type Foreign;

    /// Creates an integer. With `big`, it is a BigInt in any case.
    fn int(&mut self, value: i128, big: bool) -> Self::Value;
    /// Creates a floating-point number.
    fn float(&mut self, value: f64) -> Self::Value;
    /// Creates a boolean.
    fn bool(&mut self, value: bool) -> Self::Value;
    /// Creates a text.
    fn text(&mut self, text: &str) -> Self::Value;
    /// Creates bytes from a range of the input.
    fn bytes(&mut self, input: &[u8], start: usize, end: usize) -> Self::Value;
    /// Creates a time from milliseconds since 1970.
    fn time(&mut self, ms: f64) -> Self::Value;
    /// Creates a list.
    fn list(&mut self, items: Vec<Self::Value>) -> Self::Value;
    /// Creates a record of the struct with this index, with the fields that are present.
    fn record(&mut self, structure: usize, fields: Vec<(usize, Self::Value)>) -> Self::Value;
    /// Converts a value with an application's function.
    fn map(&mut self, mapper: u32, value: Self::Value) -> Result<Self::Value, Self::Foreign>;
    /// Called when a field or an item begins.
    fn enter(&mut self, _step: &Step) {}
    /// Called when it has ended, with its byte range (for bit fields, their bit range in it), its kind, and its value
    /// unless it has parts.
    fn leave(&mut self, _kind: &Kind, _start: usize, _end: usize, _value: Option<&Self::Value>) {}
    /// Whether `enter` and `leave` are called.
    const TRACES: bool = false;
}

/// Why decoding failed.
#[derive(Debug)]
pub enum Failure<F> {
    /// The input does not match the layout.
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

/// Decodes the record at `offset`. Returns it and its size in bytes.
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
    /// The start of the record.
    origin: usize,
    pos: usize,
    /// The end of the area that is being read.
    end: usize,
    /// The highest end of everything that was read at offsets.
    high: usize,
    /// How many values may still be read without consuming bytes.
    budget: u64,
    depth: u32,
    build: &'a mut B,
}

/// A struct that is being decoded.
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
    /// The number of bytes left where an expression is evaluated.
    remaining: usize,
}

/// A decoded value, what expressions need of it, and its number of items.
struct Read<V> {
    value: V,
    slot: Slot,
    count: u64,
}

/// A record, and what expressions need of its fields.
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
            return Err(self.error(Code::Limit, format!("more than {limit} values take no bytes")));
        }
        self.budget -= 1;
        Ok(())
    }

    fn evaluate(&mut self, frame: &mut Frame, expr: &Expr) -> Outcome<i64, B::Foreign> {
        frame.remaining = self.end - self.pos;
        evaluate(expr, frame).map_err(|trouble| match trouble {
            Trouble::Wrong(why) => self.error(Code::Invalid, format!("an expression cannot be computed: {why}")),
            Trouble::Unknown => self.error(Code::Invalid, "an expression needs a value that is not known"),
        })
    }

    fn structure(&mut self, id: usize, args: Vec<i64>) -> Outcome<Record<B::Value>, B::Foreign> {
        let layout = self.layout;
        let structure = &layout.structs[id];
        stack::descend(structure, &layout.limits, &mut self.depth).map_err(|why| self.error(Code::Limit, why))?;
        if structure.recursive {
            self.spend()?;
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
                    let message = format!("its offset {offset} is outside of the record of {most} bytes");
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
                let message = format!(
                    "its size counts {} bytes that its fields do not use",
                    self.end - self.pos
                );
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
            (Some(Given::Int(wanted)), Slot::Int(found)) if wanted != found => {
                format!("it is {found} instead of {wanted}")
            }
            (Some(Given::Text(wanted)), Slot::Text(found)) if wanted[..] != found[..] => {
                format!("it is {found:?} instead of {wanted:?}")
            }
            _ => return Ok(()),
        };
        Err(Error::at(Code::Invalid, begin, found).into())
    }

    /// Checks that a computed field has the computed value.
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
                    wanted.map_err(|_| Error::at(Code::Invalid, own.0, "its expected value cannot be computed"))?;
                (i128::from(wanted), Code::Invalid)
            }
            _ => return Ok(()),
        };
        match frame.slots[at] {
            Slot::Int(found) if found != wanted => {
                Err(Error::at(code, own.0, format!("it is {found}, but must be {wanted}")).into())
            }
            _ => Ok(()),
        }
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
