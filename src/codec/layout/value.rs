//! Values as Rust types, for tests, fuzzing and callers without JavaScript.

use super::decode::{Build, Failure, decode};
use super::encode::{Integer, Source, Text, encode};
use super::*;

/// A value of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The value is absent.
    Absent,
    /// An integer that is a number in JavaScript.
    Int(i64),
    /// An integer that is a BigInt in JavaScript.
    Big(i128),
    /// A number that need not be an integer.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A time in milliseconds since 1970.
    Time(f64),
    /// A list.
    List(Vec<Value>),
    /// A record: its fields by name.
    Record(Vec<(Box<str>, Value)>),
}

/// The error of application functions, which do not exist here.
#[derive(Debug)]
pub enum Never {}

struct Builder<'a>(&'a Layout);

impl Build for Builder<'_> {
    type Value = Value;
    type Foreign = Never;

    fn int(&mut self, value: i128, big: bool) -> Value {
        if big {
            Value::Big(value)
        } else {
            Value::Int(value as i64)
        }
    }

    fn float(&mut self, value: f64) -> Value {
        Value::Float(value)
    }

    fn bool(&mut self, value: bool) -> Value {
        Value::Bool(value)
    }

    fn text(&mut self, text: &str) -> Value {
        Value::Text(text.into())
    }

    fn bytes(&mut self, input: &[u8], start: usize, end: usize) -> Value {
        Value::Bytes(input[start..end].into())
    }

    fn time(&mut self, ms: f64) -> Value {
        Value::Time(ms)
    }

    fn list(&mut self, items: Vec<Value>) -> Value {
        Value::List(items)
    }

    fn record(&mut self, structure: usize, fields: Vec<(usize, Value)>) -> Value {
        let known = &self.0.structs[structure].fields;
        let name = |at: usize| known[at].name.clone().unwrap_or_default();
        Value::Record(fields.into_iter().map(|(at, value)| (name(at), value)).collect())
    }

    fn map(&mut self, _mapper: u32, value: Value) -> Result<Value, Never> {
        Ok(value)
    }
}

impl Source for Builder<'_> {
    type Value = Value;
    type Foreign = Never;

    fn is_record(&mut self, value: &Value) -> bool {
        matches!(value, Value::Record(_))
    }

    fn is_absent(&mut self, value: &Value) -> bool {
        *value == Value::Absent
    }

    fn field(&mut self, record: &Value, structure: usize, field: usize) -> Result<Value, Never> {
        let name = &self.0.structs[structure].fields[field].name;
        let Value::Record(fields) = record else {
            return Ok(Value::Absent);
        };
        let found = fields.iter().find(|(known, _)| Some(known) == name.as_ref());
        Ok(found.map_or(Value::Absent, |(_, value)| value.clone()))
    }

    fn int(&mut self, value: &Value, big: bool) -> Integer {
        match value {
            Value::Int(value) if !big => Integer::Value((*value).into()),
            Value::Big(value) if big => Integer::Value(*value),
            Value::Float(_) if !big => Integer::Fraction,
            _ => Integer::Other,
        }
    }

    fn float(&mut self, value: &Value) -> Option<f64> {
        match value {
            Value::Float(value) => Some(*value),
            Value::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    fn bool(&mut self, value: &Value) -> Option<bool> {
        match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn text(&mut self, value: &Value) -> Text {
        match value {
            Value::Text(text) => Text::Value(text.clone()),
            _ => Text::Other,
        }
    }

    fn bytes(&mut self, value: &Value) -> Option<Vec<u8>> {
        match value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }

    fn time(&mut self, value: &Value) -> Option<f64> {
        match value {
            Value::Time(ms) => Some(*ms),
            _ => None,
        }
    }

    fn list(&mut self, value: &Value) -> Result<Option<usize>, Never> {
        Ok(match value {
            Value::List(items) => Some(items.len()),
            _ => None,
        })
    }

    fn item(&mut self, list: &Value, index: usize) -> Result<Value, Never> {
        Ok(match list {
            Value::List(items) => items[index].clone(),
            _ => Value::Absent,
        })
    }

    fn map(&mut self, _mapper: u32, value: Value) -> Result<Value, Never> {
        Ok(value)
    }
}

fn error(failure: Failure<Never>) -> Error {
    match failure {
        Failure::Layout(error) => error,
        Failure::Foreign(never) => match never {},
    }
}

impl Layout {
    /// Decodes the record at `offset`. Returns it and its size in bytes.
    pub fn decode_value(&self, input: &[u8], offset: usize) -> Result<(Value, usize), Error> {
        decode(self, input, offset, &mut Builder(self)).map_err(error)
    }

    /// Encodes a record.
    pub fn encode_value(&self, value: &Value) -> Result<Vec<u8>, Error> {
        encode(self, &mut Builder(self), value).map_err(|(failure, _)| error(failure))
    }
}
