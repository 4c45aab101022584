//! Fields and their types.

use super::{Comments, EnumId, Features, FileId, MessageId, Options, Position};
use crate::proto::wire::WireType;

/// One field or extension.
#[derive(Debug)]
pub struct Field {
    /// The name as declared. For a proto2 group it is the lower-cased group name.
    pub name: Box<str>,
    /// `json_name` if given, else the camel-cased name.
    pub json_name: Box<str>,
    /// True if `json_name` was written in the source.
    pub json_name_explicit: bool,
    /// The field number: 0 (where the schema declares it) to 536,870,911; to 2,147,483,646 for extensions of a MessageSet.
    pub number: u32,
    /// Type of one value.
    pub kind: Kind,
    /// How many values.
    pub cardinality: Cardinality,
    /// True if "not set" differs from the default value: explicit presence, `required`, oneof members, singular messages.
    /// False for implicit presence (proto3 style: the default value is not written) and for repeated fields and maps.
    pub has_presence: bool,
    /// True if encoders write one length-delimited run. Decoders take both forms either way.
    pub packed: bool,
    /// True if a string must be valid UTF-8 (`features.utf8_validation = VERIFY`); only meaningful for [`Kind::String`].
    pub utf8: bool,
    /// `[default = …]`, if written. [`Field::kind`] gives the variant.
    pub default: Option<Value>,
    /// The oneof it belongs to: an index into the oneofs of its message. Set for proto3 `optional` too (a synthetic oneof).
    pub oneof: Option<u32>,
    /// Declared `optional` in a proto3 file.
    pub proto3_optional: bool,
    /// The message whose wire format it belongs to: the message declaring it, or the extendee of an extension.
    pub message: MessageId,
    /// The message in whose scope it is named. For an extension at the top level of a file it is `None`.
    pub scope: Option<MessageId>,
    /// True for an extension of [`Field::message`].
    pub is_extension: bool,
    /// The file it is declared in.
    pub file: FileId,
    /// Index within the declaring message (without extensions); within [`Schema::extensions`](super::Schema::extensions) for an extension.
    pub index: u32,
    /// `[deprecated = true]`.
    pub deprecated: bool,
    /// The resolved features of this field.
    pub features: Features,
    /// Field options, without `default` and `json_name`.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// The position of its name.
    pub position: Position,
}

impl Field {
    /// True for repeated fields, without maps.
    #[inline]
    pub fn is_repeated(&self) -> bool {
        self.cardinality == Cardinality::Repeated
    }

    /// True for maps.
    #[inline]
    pub fn is_map(&self) -> bool {
        self.cardinality == Cardinality::Map
    }

    /// True for `required` and `features.field_presence = LEGACY_REQUIRED`.
    #[inline]
    pub fn is_required(&self) -> bool {
        self.cardinality == Cardinality::Required
    }

    /// The wire type of one value on its own (never the packed form).
    #[inline]
    pub fn wire_type(&self) -> WireType {
        self.kind.wire_type()
    }
}

/// Type of one value of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kind {
    /// 64-bit float, fixed 8 bytes.
    Double,
    /// 32-bit float, fixed 4 bytes.
    Float,
    /// Signed, varint; negative ones take 10 bytes.
    Int64,
    /// Unsigned, varint.
    Uint64,
    /// Signed, varint; negative ones take 10 bytes.
    Int32,
    /// Unsigned, 8 bytes.
    Fixed64,
    /// Unsigned, 4 bytes.
    Fixed32,
    /// Varint 0 or 1.
    Bool,
    /// UTF-8 text.
    String,
    /// Raw bytes.
    Bytes,
    /// Unsigned, varint.
    Uint32,
    /// Signed, 4 bytes.
    Sfixed32,
    /// Signed, 8 bytes.
    Sfixed64,
    /// Signed, zigzag varint.
    Sint32,
    /// Signed, zigzag varint.
    Sint64,
    /// Varint of an enum's value.
    Enum(EnumId),
    /// Length-prefixed message. With [`Cardinality::Map`] it is the entry type.
    Message(MessageId),
    /// Message between start and end group tags: a proto2 `group`, or `features.message_encoding = DELIMITED`.
    Group(MessageId),
}

impl Kind {
    /// The wire type of one value.
    #[inline]
    pub fn wire_type(self) -> WireType {
        match self {
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => WireType::Fixed64,
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => WireType::Fixed32,
            Kind::String | Kind::Bytes | Kind::Message(_) => WireType::Length,
            Kind::Group(_) => WireType::StartGroup,
            _ => WireType::Varint,
        }
    }

    /// The message type of a message or group.
    #[inline]
    pub fn message(self) -> Option<MessageId> {
        match self {
            Kind::Message(id) | Kind::Group(id) => Some(id),
            _ => None,
        }
    }

    /// True for what can be packed: numbers, bools and enums.
    #[inline]
    pub fn is_packable(self) -> bool {
        !matches!(self, Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Group(_))
    }

    /// The keyword of a scalar type; `None` for enums and messages.
    pub fn keyword(self) -> Option<&'static str> {
        SCALARS.iter().find(|(_, kind)| *kind == self).map(|(name, _)| *name)
    }

    /// The scalar type of a keyword.
    pub fn from_keyword(word: &str) -> Option<Kind> {
        SCALARS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
    }
}

const SCALARS: [(&str, Kind); 15] = [
    ("string", Kind::String),
    ("int32", Kind::Int32),
    ("bool", Kind::Bool),
    ("int64", Kind::Int64),
    ("uint32", Kind::Uint32),
    ("uint64", Kind::Uint64),
    ("bytes", Kind::Bytes),
    ("double", Kind::Double),
    ("float", Kind::Float),
    ("fixed32", Kind::Fixed32),
    ("fixed64", Kind::Fixed64),
    ("sfixed32", Kind::Sfixed32),
    ("sfixed64", Kind::Sfixed64),
    ("sint32", Kind::Sint32),
    ("sint64", Kind::Sint64),
];

/// How many values a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Cardinality {
    /// None or one.
    Optional,
    /// Exactly one; a message without it is not initialised.
    Required,
    /// Any number.
    Repeated,
    /// Any number, by key: `kind` is `Message` of the entry type, see [`Schema::map_entry`](super::Schema::map_entry).
    Map,
}

/// A scalar value, as defaults hold it.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `double`.
    Double(f64),
    /// `float`.
    Float(f32),
    /// `int32`, `sint32`, `sfixed32`.
    Int32(i32),
    /// `int64`, `sint64`, `sfixed64`.
    Int64(i64),
    /// `uint32`, `fixed32`.
    Uint32(u32),
    /// `uint64`, `fixed64`.
    Uint64(u64),
    /// `bool`.
    Bool(bool),
    /// `string`.
    String(Box<str>),
    /// `bytes`.
    Bytes(Box<[u8]>),
    /// The number of an enum's value.
    Enum(i32),
}
