//! The interpreted options of elements.

use super::{Kind, Value};

/// The options of one element: the fields that are set in its `google.protobuf.FileOptions`, `FieldOptions` and so
/// on, including custom options (extensions of those), in order of appearance.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Options {
    /// Set options.
    pub entries: Vec<OptionEntry>,
}

impl Options {
    /// True if nothing is set.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of an option: `deprecated`, or `(pkg.custom)` by its full name between parentheses.
    pub fn get(&self, name: &str) -> Option<&OptionValue> {
        self.entries
            .iter()
            .find(|entry| &*entry.name == name)
            .map(|entry| &entry.value)
    }

    /// The value of a `bool` option, false where it is not set.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(OptionValue::Scalar(Value::Bool(true))))
    }
}

/// One set option, or one set field within an option's message value.
#[derive(Clone, PartialEq, Debug)]
pub struct OptionEntry {
    /// `deprecated`, or `(pkg.custom)` for an extension. Empty if a descriptor contains a number that the schema does
    /// not know.
    pub name: Box<str>,
    /// Field number within the options message.
    pub number: u32,
    /// How the value is encoded on the wire.
    pub encoding: OptionEncoding,
    /// The value.
    pub value: OptionValue,
}

/// The wire format of an option's value: the kind of its field, without the type that it refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OptionEncoding {
    /// A scalar of this kind (never an enum, message or group).
    Scalar(Kind),
    /// An enum.
    Enum,
    /// A length-prefixed message.
    Message,
    /// A group.
    Group,
    /// Bytes of a field that the schema does not know, tag included.
    Raw,
}

/// The value of an option.
#[derive(Clone, PartialEq, Debug)]
pub enum OptionValue {
    /// A number, bool, string or bytes; for [`OptionEncoding::Raw`] the raw bytes.
    Scalar(Value),
    /// An enum's value: number and name. The name is empty where an open enum does not name the number.
    Enum(i32, Box<str>),
    /// A message, by its set fields.
    Message(Vec<OptionEntry>),
    /// A repeated field (or a map, as its entries).
    List(Vec<OptionValue>),
}
