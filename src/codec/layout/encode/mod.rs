//! Encodes values by running the layout over a record.
//!
//! All properties of a record are read, once each, before its first byte is written. Values that depend on sizes,
//! offsets or checksums are left open, and filled in when their struct is complete.

mod content;

use std::rc::Rc;

use super::decode::{Failure, follow};
use super::expr::{Lookup, Slot, Trouble, evaluate};
use super::*;
use crate::codec::checksum::Checksum;

/// A value interpreted as an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integer {
    /// The integer.
    Value(i128),
    /// A number that is not an integer.
    Fraction,
    /// A value of another type.
    Other,
}

/// A value interpreted as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// The text.
    Value(String),
    /// The text contains a lone surrogate, which is not a character.
    Broken,
    /// A value of another type.
    Other,
}

/// The source of the values to encode. Its methods must not change any value.
pub trait Source {
    /// The type of a value.
    type Value: Clone;
    /// The error that reading a value can cause.
    type Foreign;

    /// Whether a value is a record.
    fn is_record(&mut self, value: &Self::Value) -> bool;
    /// Whether a value is absent.
    fn is_absent(&mut self, value: &Self::Value) -> bool;
    /// Returns a field of a record.
    fn field(&mut self, record: &Self::Value, structure: usize, field: usize) -> Result<Self::Value, Self::Foreign>;
    /// Returns a value as an integer. With `big`, only a BigInt counts as one.
    fn int(&mut self, value: &Self::Value, big: bool) -> Integer;
    /// Returns a value as a floating-point number.
    fn float(&mut self, value: &Self::Value) -> Option<f64>;
    /// Returns a value as a boolean.
    fn bool(&mut self, value: &Self::Value) -> Option<bool>;
    /// Returns a value as text.
    fn text(&mut self, value: &Self::Value) -> Text;
    /// Returns a value as bytes.
    fn bytes(&mut self, value: &Self::Value) -> Option<Vec<u8>>;
    /// Returns a value as a time in milliseconds since 1970, which is NaN for an invalid time.
    fn time(&mut self, value: &Self::Value) -> Option<f64>;
    /// Returns the length of a list; `None` if the value is not a list.
    fn list(&mut self, value: &Self::Value) -> Result<Option<usize>, Self::Foreign>;
    /// Returns an item of a list.
    fn item(&mut self, list: &Self::Value, index: usize) -> Result<Self::Value, Self::Foreign>;
    /// Converts a value with an application's function.
    fn map(&mut self, mapper: u32, value: Self::Value) -> Result<Self::Value, Self::Foreign>;
}

/// The most bytes of a record. In JavaScript, positions have 31 bits.
const MOST: u64 = (1 << 31) - 1;

/// Why a record cannot be encoded, and the value that caused it.
pub type Blame<S> = (Failure<<S as Source>::Foreign>, Option<<S as Source>::Value>);

/// Encodes a record. An error comes with the value that caused it.
pub fn encode<S: Source>(layout: &Layout, source: &mut S, record: &S::Value) -> Result<Vec<u8>, Blame<S>> {
    let mut writer = Writer {
        layout,
        source,
        out: Vec::new(),
        pos: 0,
        depth: 0,
        culprit: None,
    };
    match writer.structure(layout.root, Vec::new(), record) {
        Ok(_) => Ok(writer.out),
        Err(failure) => Err((failure, writer.culprit)),
    }
}

pub(super) struct Writer<'a, S: Source> {
    pub(super) layout: &'a Layout,
    pub(super) source: &'a mut S,
    pub(super) out: Vec<u8>,
    pub(super) pos: usize,
    pub(super) depth: u32,
    pub(super) culprit: Option<S::Value>,
}

pub(super) struct Frame<V> {
    pub(super) id: usize,
    pub(super) args: Vec<i64>,
    pub(super) values: Vec<Option<V>>,
    pub(super) slots: Vec<Slot>,
    pub(super) spans: Vec<(usize, usize)>,
    pub(super) counts: Vec<Option<u64>>,
    pub(super) present: Vec<bool>,
    pub(super) item: Slot,
    /// Whether sizes and offsets are known.
    pub(super) written: bool,
    /// The bytes of the struct, while late fields are computed.
    pub(super) bytes: Vec<u8>,
    /// Lengths that could not be checked when they were used: the field, the expression for its length, and its
    /// actual length.
    pub(super) lengths: Vec<(usize, Expr, i64)>,
}

impl<V> Frame<V> {
    pub(super) fn range(&self, span: Span) -> (usize, usize) {
        (self.spans[usize::from(span.from)].0, self.spans[usize::from(span.to)].1)
    }
}

impl<V> Lookup for Frame<V> {
    fn field(&self, path: &[u16]) -> Option<&Slot> {
        follow(&self.slots[usize::from(path[0])], &path[1..])
    }

    fn param(&self, at: u16) -> i64 {
        self.args[usize::from(at)]
    }

    fn remaining(&self) -> Option<i64> {
        None
    }

    fn item(&self, path: &[u16]) -> Option<&Slot> {
        follow(&self.item, path)
    }

    fn size(&self, span: Span) -> Option<i64> {
        let (from, to) = self.range(span);
        self.written.then_some(to as i64 - from as i64)
    }

    fn count(&self, at: u16) -> Option<i64> {
        self.counts[usize::from(at)].map(|count| count as i64)
    }

    fn offset(&self, at: u16) -> Option<i64> {
        self.written.then_some(self.spans[usize::from(at)].0 as i64)
    }

    fn present(&self, at: u16) -> Option<bool> {
        Some(self.present[usize::from(at)])
    }

    fn checksum(&self, checksum: Checksum, span: Span) -> Option<u64> {
        let (from, to) = self.range(span);
        self.written.then(|| checksum.of(&self.bytes[from.min(to)..to]))
    }
}

pub(super) type Outcome<T, F> = Result<T, Failure<F>>;

impl<S: Source> Writer<'_, S> {
    pub(super) fn error(&self, code: Code, message: impl Into<String>) -> Failure<S::Foreign> {
        Error::new(code, message).into()
    }

    /// Creates an error about a value.
    pub(super) fn wrong<T>(
        &mut self,
        value: &S::Value,
        code: Code,
        message: impl Into<String>,
    ) -> Outcome<T, S::Foreign> {
        self.culprit = Some(value.clone());
        Err(self.error(code, message))
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Outcome<(), S::Foreign> {
        self.reserve(bytes.len() as u64)?;
        self.out[self.pos..self.pos + bytes.len()].copy_from_slice(bytes);
        self.pos += bytes.len();
        Ok(())
    }

    /// Appends zeros at the position, to be filled in.
    pub(super) fn reserve(&mut self, bytes: u64) -> Outcome<(), S::Foreign> {
        let end = self.pos as u64 + bytes;
        if end > MOST {
            return Err(self.error(Code::Limit, format!("a record has at most {MOST} bytes")));
        }
        if end as usize > self.out.len() {
            self.out.resize(end as usize, 0);
        }
        Ok(())
    }

    /// Evaluates an expression; `None` if its value is not known yet.
    pub(super) fn evaluate(&self, frame: &Frame<S::Value>, expr: &Expr) -> Outcome<Option<i64>, S::Foreign> {
        match evaluate(expr, frame) {
            Ok(value) => Ok(Some(value)),
            Err(Trouble::Unknown) => Ok(None),
            Err(Trouble::Wrong(why)) => {
                Err(self.error(Code::Invalid, format!("an expression cannot be computed: {why}")))
            }
        }
    }

    pub(super) fn known(&self, frame: &Frame<S::Value>, expr: &Expr) -> Outcome<i64, S::Foreign> {
        let value = self.evaluate(frame, expr)?;
        value.ok_or_else(|| self.error(Code::Invalid, "an expression needs a value that is not known yet"))
    }

    pub(super) fn structure(
        &mut self,
        id: usize,
        args: Vec<i64>,
        record: &S::Value,
    ) -> Outcome<Rc<Vec<Slot>>, S::Foreign> {
        let layout = self.layout;
        let structure = &layout.structs[id];
        stack::descend(structure, &layout.limits, &mut self.depth).map_err(|why| self.error(Code::Limit, why))?;
        if !self.source.is_record(record) {
            return self.wrong(record, Code::Type, "of type object");
        }
        let count = structure.fields.len();
        let mut frame = Frame {
            id,
            args,
            values: vec![None; count],
            slots: vec![Slot::Absent; count],
            spans: vec![(0, 0); count],
            counts: vec![None; count],
            present: vec![false; count],
            item: Slot::Absent,
            written: false,
            bytes: Vec::new(),
            lengths: Vec::new(),
        };
        for (at, field) in structure.fields.iter().enumerate() {
            if field.name.is_some() && field.value.is_none() && !field.peek {
                let value = self.source.field(record, id, at).map_err(Failure::Foreign)?;
                frame.present[at] = !self.source.is_absent(&value);
                frame.values[at] = Some(value);
            }
        }
        for at in 0..count {
            self.prepare(&mut frame, at)
                .map_err(|failure| self.named(id, at, failure))?;
        }
        for at in 0..count {
            self.early(&mut frame, at)
                .map_err(|failure| self.named(id, at, failure))?;
        }
        for at in 0..count {
            self.field(&mut frame, at)
                .map_err(|failure| self.named(id, at, failure))?;
        }
        self.finish(&mut frame)?;
        if structure.recursive {
            self.depth -= 1;
        }
        Ok(Rc::new(frame.slots))
    }

    pub(super) fn named(&self, id: usize, at: usize, failure: Failure<S::Foreign>) -> Failure<S::Foreign> {
        match &self.layout.structs[id].fields[at].name {
            Some(name) => failure.within(|| Step::Field(name.clone())),
            None => failure,
        }
    }

    /// Converts a value, and stores what expressions need of it.
    pub(super) fn prepare(&mut self, frame: &mut Frame<S::Value>, at: usize) -> Outcome<(), S::Foreign> {
        let field = &self.layout.structs[frame.id].fields[at];
        let Some(value) = &frame.values[at] else { return Ok(()) };
        if !frame.present[at] {
            return Ok(());
        }
        let mut kind = &field.kind;
        let mut value = value.clone();
        while let Kind::Map(mapper, inner) = kind {
            value = self.source.map(*mapper, value).map_err(Failure::Foreign)?;
            kind = inner;
        }
        if field.tracked {
            frame.counts[at] = self.count(kind, &value)?;
        }
        if field.used {
            if kind.integer().is_some() {
                frame.slots[at] = Slot::Int(self.integer(kind, &value)?);
            } else if kind.is_text() {
                frame.slots[at] = match self.source.text(&value) {
                    Text::Value(text) => Slot::Text(text.into()),
                    _ => Slot::Absent,
                };
            }
        }
        frame.values[at] = Some(value);
        Ok(())
    }

    /// The number of items of a list, or of bytes of text or bytes.
    pub(super) fn count(&mut self, kind: &Kind, value: &S::Value) -> Outcome<Option<u64>, S::Foreign> {
        Ok(match kind {
            Kind::Array(..) => match self.source.list(value).map_err(Failure::Foreign)? {
                Some(count) => Some(count as u64),
                None => return self.wrong(value, Code::Type, "an instance of Array"),
            },
            Kind::Bytes(_) => Some(self.bytes_of(value)?.len() as u64),
            Kind::Text {
                fill: Some(_),
                length: Length::Expr(Expr::Int(size)),
                ..
            } => Some(*size as u64),
            Kind::Text { encoding, .. } => {
                let text = self.text_value(value)?;
                match text::encode(*encoding, &text) {
                    Ok(bytes) => Some(bytes.len() as u64),
                    Err(why) => return self.wrong(value, Code::Value, why),
                }
            }
            _ => None,
        })
    }

    pub(super) fn bytes_of(&mut self, value: &S::Value) -> Outcome<Vec<u8>, S::Foreign> {
        match self.source.bytes(value) {
            Some(bytes) => Ok(bytes),
            None => self.wrong(value, Code::Type, "an instance of Buffer or Uint8Array"),
        }
    }

    pub(super) fn text_value(&mut self, value: &S::Value) -> Outcome<String, S::Foreign> {
        match self.source.text(value) {
            Text::Value(text) => Ok(text),
            Text::Broken => self.wrong(value, Code::Value, "must not contain a lone surrogate"),
            Text::Other => self.wrong(value, Code::Type, "of type string"),
        }
    }

    /// Computes a field that depends only on values.
    pub(super) fn early(&mut self, frame: &mut Frame<S::Value>, at: usize) -> Outcome<(), S::Foreign> {
        let field = &self.layout.structs[frame.id].fields[at];
        frame.slots[at] = match &field.value {
            None => return Ok(()),
            Some(Given::Int(value)) => Slot::Int(*value),
            Some(Given::Text(text)) => Slot::Text((&**text).into()),
            Some(given) if given.is_late() => Slot::Unknown,
            Some(Given::Expr { expr, .. }) => {
                let value = i128::from(self.known(frame, expr)?);
                self.fits(&field.kind, value)?;
                Slot::Int(value)
            }
            Some(Given::Checksum(..)) => Slot::Unknown,
        };
        frame.present[at] = true;
        Ok(())
    }

    /// Checks that a computed value fits its field.
    pub(super) fn fits(&self, kind: &Kind, value: i128) -> Outcome<(), S::Foreign> {
        let (min, max) = kind.range().unwrap_or((0, 0));
        if value < min || value > max {
            return Err(self.error(
                Code::Invalid,
                format!("it must be >= {min} and <= {max}, but its value is {value}"),
            ));
        }
        Ok(())
    }

    pub(super) fn field(&mut self, frame: &mut Frame<S::Value>, at: usize) -> Outcome<(), S::Foreign> {
        let field = &self.layout.structs[frame.id].fields[at];
        frame.spans[at] = (self.pos, self.pos);
        if field.peek {
            return Ok(());
        }
        if let Some(condition) = &field.condition
            && self.known(frame, condition)? == 0
        {
            if frame.present[at] && field.value.is_none() {
                let value = frame.values[at].clone();
                self.culprit = value;
                return Err(self.error(Code::Value, "must be undefined, because its condition is false"));
            }
            frame.present[at] = false;
            frame.slots[at] = Slot::Absent;
            return Ok(());
        }
        let back = self.pos;
        if let Some(place) = &field.place {
            let offset = self.known(frame, place)?;
            if offset < 0 {
                return Err(self.error(Code::Invalid, format!("its offset must be 0 or more, but is {offset}")));
            }
            self.pos = 0;
            self.reserve(offset as u64)?;
            self.pos = offset as usize;
        }
        let start = self.pos;
        let mut content = start;
        if let Some(Length::Prefix(prefix)) = &field.area {
            self.put(&vec![0; sizes::of_kind(prefix, &[]).min as usize])?;
            content = self.pos;
        }
        self.content(frame, at)?;
        let size = (self.pos - content) as i64;
        match &field.area {
            Some(Length::Expr(expr)) => self.agrees(frame, at, expr, size, "bytes")?,
            Some(Length::Prefix(prefix)) => self.patch_varying(prefix, start, size.into())?,
            _ => {}
        }
        frame.spans[at] = (start, self.pos);
        if field.place.is_some() {
            self.pos = back;
        }
        Ok(())
    }

    /// Checks that a length equals its expression, now or when that is known.
    pub(super) fn agrees(
        &mut self,
        frame: &mut Frame<S::Value>,
        at: usize,
        expr: &Expr,
        actual: i64,
        what: &str,
    ) -> Outcome<(), S::Foreign> {
        match self.evaluate(frame, expr)? {
            None => frame.lengths.push((at, expr.clone(), actual)),
            Some(wanted) if wanted != actual => {
                let message = format!("must have {wanted} {what}, but has {actual}");
                self.culprit = frame.values[at].clone();
                return Err(self.error(Code::Value, message));
            }
            Some(_) => {}
        }
        Ok(())
    }
}
