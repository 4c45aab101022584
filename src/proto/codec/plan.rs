//! A compact copy of the parts of a schema that the codec needs: 32 bytes per field, with encoded JSON keys.
//!
//! A field of the linked model spans several cache lines. The codec accesses a field once per value, so it keeps a
//! smaller copy.

use std::sync::Arc;

use super::{Error, ErrorKind, UNKNOWN};
use crate::proto::schema::{Cardinality, EnumId, Field, FieldId, Kind, MessageId, Schema, WellKnown};
use crate::proto::wire::{self, WireType};

/// Keys of up to this many bytes, which are most, are copied as one block of this size.
const KEY_WINDOW: usize = 32;

/// A schema, ready to encode and decode. Cheap to share, immutable.
pub struct Codec {
    schema: Arc<Schema>,
    /// By [`FieldId`].
    fields: Box<[FieldPlan]>,
    /// By [`MessageId`].
    messages: Box<[MessagePlan]>,
    /// `"name":` of every field, one after the other.
    json_keys: Box<[u8]>,
}

/// The type of one value. For messages it includes how they are delimited, for enums whether they are closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are those of the .proto language")]
pub(in crate::proto) enum FieldType {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    Enum(EnumId),
    ClosedEnum(EnumId),
    Message(MessageId),
    Group(MessageId),
}

impl FieldType {
    fn new(schema: &Schema, kind: Kind) -> Self {
        match kind {
            Kind::Double => FieldType::Double,
            Kind::Float => FieldType::Float,
            Kind::Int32 => FieldType::Int32,
            Kind::Int64 => FieldType::Int64,
            Kind::Uint32 => FieldType::Uint32,
            Kind::Uint64 => FieldType::Uint64,
            Kind::Sint32 => FieldType::Sint32,
            Kind::Sint64 => FieldType::Sint64,
            Kind::Fixed32 => FieldType::Fixed32,
            Kind::Fixed64 => FieldType::Fixed64,
            Kind::Sfixed32 => FieldType::Sfixed32,
            Kind::Sfixed64 => FieldType::Sfixed64,
            Kind::Bool => FieldType::Bool,
            Kind::String => FieldType::String,
            Kind::Bytes => FieldType::Bytes,
            Kind::Enum(id) if schema[id].closed => FieldType::ClosedEnum(id),
            Kind::Enum(id) => FieldType::Enum(id),
            Kind::Message(id) => FieldType::Message(id),
            Kind::Group(id) => FieldType::Group(id),
        }
    }

    /// Normalises a number: cuts a varint to the width of the field and decodes zigzag, so that equal values have
    /// equal bits. Signed integers are sign-extended to 64 bits; floats are their IEEE bits.
    #[inline]
    pub fn normal_bits(self, bits: u64) -> u64 {
        match self {
            FieldType::Int32 | FieldType::Sfixed32 | FieldType::Enum(_) | FieldType::ClosedEnum(_) => {
                i64::from(bits as i32) as u64
            }
            FieldType::Uint32 => bits & 0xffff_ffff,
            FieldType::Sint32 => i64::from(wire::unzigzag32(bits as u32)) as u64,
            FieldType::Sint64 => wire::unzigzag64(bits) as u64,
            FieldType::Bool => (bits != 0).into(),
            _ => bits,
        }
    }

    /// An integer in the form of [`FieldType::normal_bits`]. `None` if the type is not an integer type or the value
    /// does not fit.
    #[inline]
    pub fn fit(self, value: i64) -> Option<u64> {
        match self {
            FieldType::Int32 | FieldType::Sint32 | FieldType::Sfixed32 => {
                i32::try_from(value).ok().map(|_| value as u64)
            }
            FieldType::Uint32 | FieldType::Fixed32 => u32::try_from(value).ok().map(u64::from),
            FieldType::Int64 | FieldType::Sint64 | FieldType::Sfixed64 => Some(value as u64),
            FieldType::Uint64 | FieldType::Fixed64 => u64::try_from(value).ok(),
            _ => None,
        }
    }

    /// The inverse of [`FieldType::normal_bits`], for writing.
    #[inline]
    pub fn wire_bits(self, normal: u64) -> u64 {
        match self {
            FieldType::Sint32 => wire::zigzag32(normal as i32).into(),
            FieldType::Sint64 => wire::zigzag64(normal as i64),
            _ => normal,
        }
    }
}

/// The parts of a field's schema that the codec needs.
#[derive(Clone, Copy, Debug)]
pub(in crate::proto) struct FieldPlan {
    pub ty: FieldType,
    pub number: u32,
    /// The index among the message's oneofs. Not set for a synthetic oneof, in which no member replaces another.
    pub oneof: Option<u16>,
    pub wire_type: WireType,
    /// Repeated fields and maps.
    pub repeated: bool,
    pub map: bool,
    /// Whether it is written packed. Both forms are read.
    pub packed: bool,
    /// False where the default value is not written.
    pub presence: bool,
    /// A string that must be UTF-8.
    pub utf8: bool,
    /// Whether it is a map whose values are of a closed enum. Entries with an unknown number become unknown fields.
    pub closed_map: bool,
    /// `"name":` in [`Codec::json_key`].
    key: (u32, u32),
}

impl FieldPlan {
    #[inline]
    pub fn packable(&self) -> bool {
        !matches!(
            self.ty,
            FieldType::String | FieldType::Bytes | FieldType::Message(_) | FieldType::Group(_)
        )
    }
}

/// The parts of a message's schema that the codec needs.
#[derive(Clone, Debug)]
pub(in crate::proto) struct MessagePlan {
    /// Ids of the required fields, ascending.
    pub required: Box<[u32]>,
    /// Id of the first declared field.
    pub first: u32,
    /// Number of declared fields.
    pub count: u32,
    /// Number of oneofs, synthetic ones too.
    pub oneof_count: u32,
    /// The ids of declared fields with small numbers, by number; [`UNKNOWN`] for numbers that are not declared.
    numbers: Box<[u32]>,
    /// Whether there is a oneof that is not synthetic.
    pub oneofs: bool,
    pub message_set: bool,
    pub well_known: Option<WellKnown>,
}

impl Codec {
    /// Prepares a schema.
    pub fn new(schema: Arc<Schema>) -> Self {
        let mut json_keys = Vec::new();
        let fields = schema
            .fields
            .iter()
            .map(|field| plan_field(&schema, field, &mut json_keys))
            .collect();
        json_keys.extend_from_slice(&[0; KEY_WINDOW]);
        let messages = (0..schema.messages.len())
            .map(|index| plan_message(&schema, MessageId(index as u32)))
            .collect();
        Codec {
            fields,
            messages,
            json_keys: json_keys.into(),
            schema,
        }
    }

    /// The schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    #[inline]
    pub(in crate::proto) fn field(&self, id: u32) -> &FieldPlan {
        &self.fields[id as usize]
    }

    #[inline]
    pub(in crate::proto) fn message(&self, id: MessageId) -> &MessagePlan {
        &self.messages[id.index()]
    }

    /// The plans of the declared fields, and the id of the first.
    pub(in crate::proto) fn fields_of(&self, id: MessageId) -> (u32, &[FieldPlan]) {
        let plan = self.message(id);
        let first = plan.first as usize;
        (plan.first, &self.fields[first..first + plan.count as usize])
    }

    /// The field or extension with this number.
    #[inline]
    pub(in crate::proto) fn by_number(&self, message: MessageId, number: u32) -> Option<u32> {
        match self.message(message).numbers.get(number as usize) {
            Some(&id) if id != UNKNOWN => Some(id),
            _ => self.schema.any_field_by_number(message, number).map(|id| id.0),
        }
    }

    /// `"name":`, quoted and escaped, and for an extension `"[full.name]":`.
    #[inline]
    pub(in crate::proto) fn json_key(&self, field: &FieldPlan) -> &[u8] {
        &self.json_keys[field.key.0 as usize..field.key.1 as usize]
    }

    /// Appends [`Codec::json_key`].
    #[inline]
    pub(in crate::proto) fn put_json_key(&self, field: &FieldPlan, out: &mut Vec<u8>) {
        let (start, length) = (field.key.0 as usize, (field.key.1 - field.key.0) as usize);
        if length <= KEY_WINDOW {
            // A copy of constant length takes two moves. The excess is cut off again.
            let end = out.len() + length;
            out.extend_from_slice(&self.json_keys[start..start + KEY_WINDOW]);
            out.truncate(end);
        } else {
            out.extend_from_slice(self.json_key(field));
        }
    }

    #[cold]
    pub(in crate::proto) fn missing(&self, message: MessageId, id: u32) -> Error {
        let message = &self.schema[message].full_name;
        Error::new(
            ErrorKind::Required,
            format!("{message} has no value for its required field {}", self.field_name(id)),
        )
    }

    /// The field's name for error messages.
    pub(in crate::proto) fn field_name(&self, id: u32) -> String {
        let field = &self.schema[FieldId(id)];
        if field.is_extension {
            format!("[{}]", self.schema.field_full_name(field))
        } else {
            field.name.to_string()
        }
    }
}

fn plan_field(schema: &Schema, field: &Field, json_keys: &mut Vec<u8>) -> FieldPlan {
    let start = json_keys.len() as u32;
    let full_name;
    let name = if field.is_extension {
        full_name = format!("[{}]", schema.field_full_name(field));
        &full_name
    } else {
        &*field.json_name
    };
    crate::proto::json::write_string(name.as_bytes(), json_keys);
    json_keys.push(b':');
    let ty = FieldType::new(schema, field.kind);
    // More than 65,535 oneofs in one message would require several megabytes of source for that message alone.
    // Members of later oneofs are then not exclusive.
    let real = |index: &u32| !field.is_extension && !schema[field.message].oneofs[*index as usize].synthetic;
    let closed_map = schema.map_entry(field).is_some_and(|(_, value)| match value.kind {
        Kind::Enum(id) => schema[id].closed,
        _ => false,
    });
    FieldPlan {
        ty,
        number: field.number,
        oneof: field.oneof.filter(real).and_then(|index| index.try_into().ok()),
        wire_type: field.kind.wire_type(),
        repeated: matches!(field.cardinality, Cardinality::Repeated | Cardinality::Map),
        map: field.is_map(),
        packed: field.packed,
        presence: field.has_presence,
        utf8: field.utf8 && field.kind == Kind::String,
        closed_map,
        key: (start, json_keys.len() as u32),
    }
}

fn plan_message(schema: &Schema, id: MessageId) -> MessagePlan {
    let message = &schema[id];
    let required = message
        .fields
        .clone()
        .filter(|&field| schema[FieldId(field)].is_required())
        .collect();
    // At most four entries per field, so that one large number does not cause a large table.
    let bound = message.field_count() * 4 + 16;
    let mut numbers = Vec::new();
    for id in message.field_ids() {
        let number = schema[id].number as usize;
        if number < bound {
            numbers.resize(numbers.len().max(number + 1), UNKNOWN);
            // In a lenient schema, several fields can have the same number: the first one wins.
            if numbers[number] == UNKNOWN {
                numbers[number] = id.0;
            }
        }
    }
    MessagePlan {
        required,
        first: message.fields.start,
        count: message.field_count() as u32,
        oneof_count: message.oneofs.len() as u32,
        numbers: numbers.into(),
        oneofs: message.oneofs.iter().any(|oneof| !oneof.synthetic),
        message_set: message.message_set,
        well_known: message
            .well_known
            .filter(|&well_known| has_shape(schema, id, well_known)),
    }
}

/// Whether a message with a well-known name has the fields that `google/protobuf/*.proto` gives it. Otherwise it is
/// treated as an ordinary message.
fn has_shape(schema: &Schema, id: MessageId, well_known: WellKnown) -> bool {
    let is_value = |kind: Kind| matches!(kind, Kind::Message(id) if schema[id].well_known == Some(WellKnown::Value));
    let field = |number| schema.field_by_number(id, number).map(|id| &schema[id]);
    let one = |number, kind| {
        field(number).is_some_and(|field| field.kind == kind && field.cardinality == Cardinality::Optional)
    };
    let count = schema.fields_of(id).len();
    let only = |kind| count == 1 && one(1, kind);
    match well_known {
        WellKnown::Any => count == 2 && one(1, Kind::String) && one(2, Kind::Bytes),
        WellKnown::Timestamp | WellKnown::Duration => count == 2 && one(1, Kind::Int64) && one(2, Kind::Int32),
        WellKnown::FieldMask => {
            count == 1
                && field(1)
                    .is_some_and(|field| field.kind == Kind::String && field.cardinality == Cardinality::Repeated)
        }
        WellKnown::Struct => {
            let entry = field(1).and_then(|field| schema.map_entry(field));
            count == 1 && entry.is_some_and(|(key, value)| key.kind == Kind::String && is_value(value.kind))
        }
        WellKnown::ListValue => {
            count == 1
                && field(1).is_some_and(|field| field.cardinality == Cardinality::Repeated && is_value(field.kind))
        }
        WellKnown::Value => {
            let is = |number, wanted| {
                let kind = field(number).map(|field| field.kind);
                matches!(kind, Some(Kind::Message(id)) if schema[id].well_known == Some(wanted))
            };
            let null = field(1).is_some_and(|field| matches!(field.kind, Kind::Enum(id) if schema[id].is_null_value));
            let scalars = null && one(2, Kind::Double) && one(3, Kind::String) && one(4, Kind::Bool);
            count == 6 && scalars && is(5, WellKnown::Struct) && is(6, WellKnown::ListValue)
        }
        WellKnown::Empty => count == 0,
        WellKnown::DoubleValue => only(Kind::Double),
        WellKnown::FloatValue => only(Kind::Float),
        WellKnown::Int64Value => only(Kind::Int64),
        WellKnown::Uint64Value => only(Kind::Uint64),
        WellKnown::Int32Value => only(Kind::Int32),
        WellKnown::Uint32Value => only(Kind::Uint32),
        WellKnown::BoolValue => only(Kind::Bool),
        WellKnown::StringValue => only(Kind::String),
        WellKnown::BytesValue => only(Kind::Bytes),
    }
}
