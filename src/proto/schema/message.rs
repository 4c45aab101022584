//! Messages and what they declare: oneofs, ranges.

use std::ops::Range;
use std::sync::Arc;

use super::{Comments, EnumId, Features, FieldId, FileId, MessageId, Options, Position, Visibility};

/// One message type.
#[derive(Debug)]
pub struct Message {
    /// The name as declared.
    pub name: Box<str>,
    /// Package, outer messages and name, without a leading dot.
    pub full_name: Arc<str>,
    /// The file it is declared in.
    pub file: FileId,
    /// The message around it.
    pub parent: Option<MessageId>,
    /// Its fields as a range of [`Schema::fields`](super::Schema::fields); see [`Schema::fields_of`](super::Schema::fields_of).
    pub fields: Range<u32>,
    /// Its fields by number; see [`Schema::field_by_number`](super::Schema::field_by_number).
    pub numbers: NumberIndex,
    /// Indices within the message, ordered by name; see [`Schema::field_by_name`](super::Schema::field_by_name).
    pub by_name: Box<[u32]>,
    /// Indices within the message, ordered by JSON name; see [`Schema::field_by_json_name`](super::Schema::field_by_json_name).
    pub by_json_name: Box<[u32]>,
    /// Oneofs in order of declaration; synthetic ones (proto3 `optional`) last.
    pub oneofs: Vec<Oneof>,
    /// Extensions of this message, ordered by number, from all files of the schema.
    pub extensions: Vec<FieldId>,
    /// Nested messages, map entries and groups included, in order of declaration.
    pub nested_messages: Vec<MessageId>,
    /// Nested enums.
    pub nested_enums: Vec<EnumId>,
    /// Extensions declared in the scope of this message (of whatever message they extend).
    pub nested_extensions: Vec<FieldId>,
    /// Numbers set aside for extensions, in order of declaration.
    pub extension_ranges: Vec<ExtensionRange>,
    /// The same ranges (start, end), ordered by number and without overlaps; see [`Message::is_extension_number`].
    pub extension_spans: Box<[(u32, u32)]>,
    /// Numbers that no field may use, both ends included.
    pub reserved_ranges: Vec<(u32, u32)>,
    /// Names that no field may use.
    pub reserved_names: Vec<Box<str>>,
    /// True for the synthetic entry type of a map field: its fields are `key` = 1 and `value` = 2.
    pub is_map_entry: bool,
    /// `option message_set_wire_format = true`.
    pub message_set: bool,
    /// Which well-known type it is, for JSON.
    pub well_known: Option<WellKnown>,
    /// `export` or `local`, if written.
    pub visibility: Visibility,
    /// The resolved features of this message.
    pub features: Features,
    /// Message options.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// The position of its name.
    pub position: Position,
}

impl Message {
    /// How many fields it declares.
    #[inline]
    pub fn field_count(&self) -> usize {
        self.fields.len()
    }

    /// Its fields as ids.
    pub fn field_ids(&self) -> impl DoubleEndedIterator<Item = FieldId> + ExactSizeIterator + use<> {
        self.fields.clone().map(FieldId)
    }

    /// True if this number is set aside for extensions.
    pub fn is_extension_number(&self, number: u32) -> bool {
        let at = self.extension_spans.partition_point(|&(start, _)| start <= number);
        at > 0 && number <= self.extension_spans[at - 1].1
    }
}

/// A range of field numbers set aside for extensions.
#[derive(Debug)]
pub struct ExtensionRange {
    /// First number.
    pub start: u32,
    /// Last number, included.
    pub end: u32,
    /// Options of the range (declarations, verification).
    pub options: Options,
}

/// A oneof of a message.
#[derive(Debug)]
pub struct Oneof {
    /// The name as declared.
    pub name: Box<str>,
    /// Its members, in order of declaration.
    pub fields: Vec<FieldId>,
    /// True for the oneof around one proto3 `optional` field, which exists in descriptors only.
    pub synthetic: bool,
    /// The resolved features of this oneof.
    pub features: Features,
    /// Options.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// The position of its name.
    pub position: Position,
}

/// Message types with a JSON form of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are those of google.protobuf")]
pub enum WellKnown {
    Any,
    Timestamp,
    Duration,
    Struct,
    Value,
    ListValue,
    FieldMask,
    Empty,
    DoubleValue,
    FloatValue,
    Int64Value,
    Uint64Value,
    Int32Value,
    Uint32Value,
    BoolValue,
    StringValue,
    BytesValue,
}

impl WellKnown {
    /// Recognises a full name.
    pub fn from_full_name(full_name: &str) -> Option<Self> {
        Some(match full_name.strip_prefix("google.protobuf.")? {
            "Any" => Self::Any,
            "Timestamp" => Self::Timestamp,
            "Duration" => Self::Duration,
            "Struct" => Self::Struct,
            "Value" => Self::Value,
            "ListValue" => Self::ListValue,
            "FieldMask" => Self::FieldMask,
            "Empty" => Self::Empty,
            "DoubleValue" => Self::DoubleValue,
            "FloatValue" => Self::FloatValue,
            "Int64Value" => Self::Int64Value,
            "UInt64Value" => Self::Uint64Value,
            "Int32Value" => Self::Int32Value,
            "UInt32Value" => Self::Uint32Value,
            "BoolValue" => Self::BoolValue,
            "StringValue" => Self::StringValue,
            "BytesValue" => Self::BytesValue,
            _ => return None,
        })
    }
}

/// Finds a field by number, with a table for small dense numbers, which nearly all schemas use, and a sorted list for
/// the others.
#[derive(Debug, Default, Clone)]
pub struct NumberIndex {
    /// `dense[number]` is the index of the field within its message plus one, 0 if there is none.
    dense: Box<[u32]>,
    sparse: Box<[(u32, u32)]>,
}

impl NumberIndex {
    /// Indexes the numbers in order of declaration. A repeated number keeps its first field.
    pub fn new(numbers: impl Iterator<Item = u32> + Clone) -> Self {
        // The table has at most four entries per field, so that a schema cannot cause a large table with one large
        // number.
        let bound = numbers.clone().count() as u32 * 4 + 16;
        let top = numbers.clone().filter(|&n| n < bound).max();
        let mut dense = vec![0; top.map_or(0, |n| n as usize + 1)];
        let mut sparse = Vec::new();
        for (index, number) in numbers.enumerate() {
            match dense.get_mut(number as usize) {
                Some(0) => dense[number as usize] = index as u32 + 1,
                Some(_) => {}
                None => sparse.push((number, index as u32)),
            }
        }
        sparse.sort();
        sparse.dedup_by_key(|entry| entry.0);
        Self {
            dense: dense.into(),
            sparse: sparse.into(),
        }
    }

    /// The index within its message of the field with this number.
    #[inline]
    pub fn get(&self, number: u32) -> Option<u32> {
        match self.dense.get(number as usize) {
            Some(0) => None,
            Some(&index) => Some(index - 1),
            None => self
                .sparse
                .binary_search_by_key(&number, |entry| entry.0)
                .ok()
                .map(|at| self.sparse[at].1),
        }
    }
}
