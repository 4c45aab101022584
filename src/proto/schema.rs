//! The linked schema: what a set of `.proto` files means once every name, option and feature is resolved.
//!
//! Everything that follows the compiler (the JavaScript emitter, the codec, JSON, text format, reflection, descriptors) works on
//! this model and never sees source text. It is flat: one vector per kind of element, typed indices between them, no reference
//! counting and no lifetimes, so that walking it is array access. It is immutable once linked.
//!
//! Source: the protobuf language specifications (proto2, proto3, editions 2023 and 2024) and `descriptor.proto`.

use std::collections::HashMap;
use std::fmt;
use std::ops::{Index, Range};
use std::sync::Arc;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident => $field:ident : $target:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u32);

        impl $name {
            /// The position in the schema's vector of this kind.
            #[inline]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl Index<$name> for Schema {
            type Output = $target;
            #[inline]
            fn index(&self, id: $name) -> &$target {
                &self.$field[id.index()]
            }
        }
    )*};
}

ids! {
    /// Names a [`File`] of one schema.
    FileId => files: File;
    /// Names a [`Message`] of one schema.
    MessageId => messages: Message;
    /// Names a [`Field`] of one schema, extensions included.
    FieldId => fields: Field;
    /// Names an [`Enum`] of one schema.
    EnumId => enums: Enum;
    /// Names a [`Service`] of one schema.
    ServiceId => services: Service;
}

/// A linked set of files. Index it with any id: `schema[message_id]`, `schema[field_id]`.
#[derive(Debug, Default)]
pub struct Schema {
    /// Files, every import before its importer; the last one is the last root.
    pub files: Vec<File>,
    /// Messages of all files, an outer one before its nested ones, in order of declaration.
    pub messages: Vec<Message>,
    /// Fields of all messages (those of one message lie together, in order of declaration), then all extensions.
    pub fields: Vec<Field>,
    /// Enums of all files.
    pub enums: Vec<Enum>,
    /// Services of all files.
    pub services: Vec<Service>,
    /// All extensions of all files, in order of declaration.
    pub extensions: Vec<FieldId>,
    /// Types, services and extensions by full name without a leading dot.
    pub symbols: HashMap<Arc<str>, Symbol>,
}

/// What a full name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Symbol {
    /// A message type.
    Message(MessageId),
    /// An enum type.
    Enum(EnumId),
    /// A service.
    Service(ServiceId),
    /// An extension field.
    Extension(FieldId),
}

impl Schema {
    /// The message of this full name (`pkg.Outer.Inner`, no leading dot).
    pub fn message_by_name(&self, full_name: &str) -> Option<MessageId> {
        match self.symbols.get(full_name) {
            Some(&Symbol::Message(id)) => Some(id),
            _ => None,
        }
    }

    /// The enum of this full name.
    pub fn enum_by_name(&self, full_name: &str) -> Option<EnumId> {
        match self.symbols.get(full_name) {
            Some(&Symbol::Enum(id)) => Some(id),
            _ => None,
        }
    }

    /// The service of this full name.
    pub fn service_by_name(&self, full_name: &str) -> Option<ServiceId> {
        match self.symbols.get(full_name) {
            Some(&Symbol::Service(id)) => Some(id),
            _ => None,
        }
    }

    /// The extension of this full name (`pkg.Scope.name`, as JSON and text format write it between brackets).
    pub fn extension_by_name(&self, full_name: &str) -> Option<FieldId> {
        match self.symbols.get(full_name) {
            Some(&Symbol::Extension(id)) => Some(id),
            _ => None,
        }
    }

    /// The file of this name, as it was imported.
    pub fn file_by_name(&self, name: &str) -> Option<FileId> {
        self.files
            .iter()
            .position(|file| &*file.name == name)
            .map(|index| FileId(index as u32))
    }

    /// The declared fields of a message, in order of declaration, without extensions.
    #[inline]
    pub fn fields_of(&self, message: MessageId) -> &[Field] {
        let range = &self[message].fields;
        &self.fields[range.start as usize..range.end as usize]
    }

    /// The declared field with this number; extensions are found by [`Schema::extension_by_number`].
    #[inline]
    pub fn field_by_number(&self, message: MessageId, number: u32) -> Option<FieldId> {
        let message = &self[message];
        message
            .numbers
            .get(number)
            .map(|index| FieldId(message.fields.start + index))
    }

    /// The field with this name as declared (`snake_case`); the first one where a lenient schema repeats a name.
    pub fn field_by_name(&self, message: MessageId, name: &str) -> Option<FieldId> {
        let owner = &self[message];
        let fields = self.fields_of(message);
        find(&owner.by_name, name, |index| &fields[index as usize].name).map(|i| FieldId(owner.fields.start + i))
    }

    /// The field with this JSON name (`json_name` or the camel-cased name). JSON parsers accept [`Schema::field_by_name`] too.
    pub fn field_by_json_name(&self, message: MessageId, name: &str) -> Option<FieldId> {
        let owner = &self[message];
        let fields = self.fields_of(message);
        find(&owner.by_json_name, name, |index| &fields[index as usize].json_name)
            .map(|i| FieldId(owner.fields.start + i))
    }

    /// The extension of this message with this number, wherever it was declared.
    pub fn extension_by_number(&self, message: MessageId, number: u32) -> Option<FieldId> {
        let extensions = &self[message].extensions;
        extensions
            .binary_search_by_key(&number, |&id| self[id].number)
            .ok()
            .map(|at| extensions[at])
    }

    /// The field or extension with this number.
    #[inline]
    pub fn any_field_by_number(&self, message: MessageId, number: u32) -> Option<FieldId> {
        self.field_by_number(message, number)
            .or_else(|| self.extension_by_number(message, number))
    }

    /// Key and value field of a map field; `None` for any other field.
    pub fn map_entry(&self, field: &Field) -> Option<(&Field, &Field)> {
        match (field.cardinality, field.kind) {
            (Cardinality::Map, Kind::Message(entry)) => {
                let fields = self.fields_of(entry);
                Some((&fields[0], &fields[1]))
            }
            _ => None,
        }
    }

    /// The full name of a field: that of its message (of its scope, for an extension) and its own.
    pub fn field_full_name(&self, field: &Field) -> String {
        match field.scope {
            Some(scope) => format!("{}.{}", self[scope].full_name, field.name),
            None if self[field.file].package.is_empty() => field.name.to_string(),
            None => format!("{}.{}", self[field.file].package, field.name),
        }
    }
}

fn find<'a>(sorted: &[u32], name: &str, name_of: impl Fn(u32) -> &'a str) -> Option<u32> {
    let at = sorted.partition_point(|&index| name_of(index) < name);
    sorted.get(at).copied().filter(|&index| name_of(index) == name)
}

/// Finds a field by number: a table for the small dense numbers that nearly all schemas use, a sorted list for the others.
#[derive(Debug, Default, Clone)]
pub struct NumberIndex {
    /// `dense[number]` is the index of the field within its message plus one, 0 where there is none.
    dense: Box<[u32]>,
    sparse: Box<[(u32, u32)]>,
}

impl NumberIndex {
    /// Indexes the numbers in order of declaration. A repeated number keeps its first field.
    pub fn new(numbers: impl Iterator<Item = u32> + Clone) -> Self {
        // At most four table entries a field, so that a schema cannot buy a large table with one large number.
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

/// One `.proto` file.
#[derive(Debug)]
pub struct File {
    /// The name it was imported by, `google/protobuf/any.proto`.
    pub name: Box<str>,
    /// The package, empty where none is declared.
    pub package: Box<str>,
    /// Language version.
    pub edition: Edition,
    /// True where the file has no `syntax` and no `edition` line ([`Edition::Proto2`] then, as `protoc` has it).
    pub syntax_omitted: bool,
    /// Imports in order of declaration.
    pub imports: Vec<Import>,
    /// Top-level messages, in order of declaration.
    pub messages: Vec<MessageId>,
    /// Top-level enums.
    pub enums: Vec<EnumId>,
    /// Services.
    pub services: Vec<ServiceId>,
    /// Top-level extensions.
    pub extensions: Vec<FieldId>,
    /// File options.
    pub options: Options,
    /// Features as they hold for the file.
    pub features: Features,
    /// Comments on the `syntax`/`edition` line.
    pub comments: Comments,
    /// Comments on the `package` line.
    pub package_comments: Comments,
}

/// One import of a file.
#[derive(Debug, Clone, Copy)]
pub struct Import {
    /// The imported file. `None` for an `import option` whose file could not be found, which is legal.
    pub file: Option<FileId>,
    /// What kind of import.
    pub kind: ImportKind,
}

/// The word after `import`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportKind {
    /// `import "x"`.
    Plain,
    /// `import public "x"`: importers of this file see `x` too.
    Public,
    /// `import weak "x"`.
    Weak,
    /// `import option "x"` (edition 2024): only custom options are taken from `x`.
    Option,
}

/// Language version of a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(i32)]
pub enum Edition {
    /// `syntax = "proto2"`, or no syntax line.
    Proto2 = 998,
    /// `syntax = "proto3"`.
    Proto3 = 999,
    /// `edition = "2023"`.
    E2023 = 1000,
    /// `edition = "2024"`.
    E2024 = 1001,
}

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
    /// Its fields as a range of [`Schema::fields`]; see [`Schema::fields_of`].
    pub fields: Range<u32>,
    /// Its fields by number; see [`Schema::field_by_number`].
    pub numbers: NumberIndex,
    /// Indices within the message, ordered by name; see [`Schema::field_by_name`].
    pub by_name: Box<[u32]>,
    /// Indices within the message, ordered by JSON name; see [`Schema::field_by_json_name`].
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
    /// The same ranges (start, end) in order of number and without overlap; see [`Message::is_extension_number`].
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
    /// `export` or `local`, where written.
    pub visibility: Visibility,
    /// Features as they hold for this message.
    pub features: Features,
    /// Message options.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// Where its name stands.
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

/// One field or extension.
#[derive(Debug)]
pub struct Field {
    /// The name as declared. For a proto2 group it is the lower-cased group name.
    pub name: Box<str>,
    /// `json_name` where given, else the camel-cased name.
    pub json_name: Box<str>,
    /// True where `json_name` was written in the source.
    pub json_name_explicit: bool,
    /// The field number: 0 (where the schema declares it) to 536,870,911.
    pub number: u32,
    /// Type of one value.
    pub kind: Kind,
    /// How many values.
    pub cardinality: Cardinality,
    /// True where "not set" differs from the default value: explicit presence, `required`, oneof members, singular messages.
    /// False for implicit presence (proto3 style: the default value is not written) and for repeated fields and maps.
    pub has_presence: bool,
    /// True where encoders write one length-delimited run. Decoders take both forms either way.
    pub packed: bool,
    /// True where a string must be valid UTF-8 (`features.utf8_validation = VERIFY`); only meaningful for [`Kind::String`].
    pub utf8: bool,
    /// `[default = …]`, where written. [`Field::kind`] gives the variant.
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
    /// Index within the declaring message (without extensions); within [`Schema::extensions`] for an extension.
    pub index: u32,
    /// `[deprecated = true]`.
    pub deprecated: bool,
    /// Features as they hold for this field.
    pub features: Features,
    /// Field options, without `default` and `json_name`.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// Where its name stands.
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
    pub fn wire_type(&self) -> super::wire::WireType {
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
    pub fn wire_type(self) -> super::wire::WireType {
        use super::wire::WireType;
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
    /// Any number, by key: `kind` is `Message` of the entry type, see [`Schema::map_entry`].
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

/// One oneof of a message.
#[derive(Debug)]
pub struct Oneof {
    /// The name as declared.
    pub name: Box<str>,
    /// Its members, in order of declaration.
    pub fields: Vec<FieldId>,
    /// True for the oneof around one proto3 `optional` field, which exists in descriptors only.
    pub synthetic: bool,
    /// Features as they hold for this oneof.
    pub features: Features,
    /// Options.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// Where its name stands.
    pub position: Position,
}

/// One enum type.
#[derive(Debug)]
pub struct Enum {
    /// The name as declared.
    pub name: Box<str>,
    /// Package, outer messages and name, without a leading dot.
    pub full_name: Arc<str>,
    /// The file it is declared in.
    pub file: FileId,
    /// The message around it.
    pub parent: Option<MessageId>,
    /// Values in order of declaration, aliases included; never empty in a strict schema. The first is the default.
    pub values: Vec<EnumValue>,
    /// Indices into `values` ordered by number, then by declaration; see [`Enum::by_number`].
    pub order_by_number: Box<[u32]>,
    /// Indices into `values` ordered by name; see [`Enum::by_name`].
    pub order_by_name: Box<[u32]>,
    /// Closed enums (proto2) keep unknown numbers among the unknown fields; open ones hold any number.
    pub closed: bool,
    /// `option allow_alias = true`.
    pub allow_alias: bool,
    /// True for `google.protobuf.NullValue`, which JSON writes as `null`.
    pub is_null_value: bool,
    /// Numbers that no value may use, both ends included.
    pub reserved_ranges: Vec<(i32, i32)>,
    /// Names that no value may use.
    pub reserved_names: Vec<Box<str>>,
    /// `export` or `local`, where written.
    pub visibility: Visibility,
    /// Features as they hold for this enum.
    pub features: Features,
    /// Options.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// Where its name stands.
    pub position: Position,
}

impl Enum {
    /// The first declared value with this number (an alias comes later).
    pub fn by_number(&self, number: i32) -> Option<&EnumValue> {
        let at = self
            .order_by_number
            .partition_point(|&index| self.values[index as usize].number < number);
        let value = &self.values[*self.order_by_number.get(at)? as usize];
        (value.number == number).then_some(value)
    }

    /// The value with this name.
    pub fn by_name(&self, name: &str) -> Option<&EnumValue> {
        find(&self.order_by_name, name, |index| &self.values[index as usize].name)
            .map(|index| &self.values[index as usize])
    }

    /// The number of the default value: the first declared one, 0 where there is none.
    pub fn default_number(&self) -> i32 {
        self.values.first().map_or(0, |value| value.number)
    }
}

/// One value of an enum.
#[derive(Debug)]
pub struct EnumValue {
    /// The name as declared.
    pub name: Box<str>,
    /// Its number.
    pub number: i32,
    /// Features as they hold for this value.
    pub features: Features,
    /// Options.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// Where its name stands.
    pub position: Position,
}

/// One service.
#[derive(Debug)]
pub struct Service {
    /// The name as declared.
    pub name: Box<str>,
    /// Package and name, without a leading dot.
    pub full_name: Arc<str>,
    /// The file it is declared in.
    pub file: FileId,
    /// Methods in order of declaration.
    pub methods: Vec<Method>,
    /// Features as they hold for this service.
    pub features: Features,
    /// Options.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// Where its name stands.
    pub position: Position,
}

/// One method of a service.
#[derive(Debug)]
pub struct Method {
    /// The name as declared.
    pub name: Box<str>,
    /// Request type.
    pub input: MessageId,
    /// Reply type.
    pub output: MessageId,
    /// `(stream Request)`.
    pub client_streaming: bool,
    /// `returns (stream Reply)`.
    pub server_streaming: bool,
    /// `option idempotency_level`.
    pub idempotency: Idempotency,
    /// Features as they hold for this method.
    pub features: Features,
    /// Options.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// Where its name stands.
    pub position: Position,
}

/// What a method promises about being called again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Idempotency {
    /// Nothing.
    #[default]
    Unknown,
    /// It changes nothing.
    NoSideEffects,
    /// Calling it twice does what calling it once does.
    Idempotent,
}

/// `export` and `local` of edition 2024.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Visibility {
    /// Not written; the feature `default_symbol_visibility` decides.
    #[default]
    Unset,
    /// Only this file sees the type.
    Local,
    /// Importers see the type.
    Export,
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

/// The features of `google.protobuf.FeatureSet`, resolved: defaults of the edition, overridden from the file inwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Features {
    /// `field_presence`.
    pub field_presence: FieldPresence,
    /// `enum_type` is `CLOSED`.
    pub closed_enum: bool,
    /// `repeated_field_encoding` is `PACKED`.
    pub packed: bool,
    /// `utf8_validation` is `VERIFY`.
    pub utf8: bool,
    /// `message_encoding` is `DELIMITED`.
    pub delimited: bool,
    /// `json_format` is `LEGACY_BEST_EFFORT`: JSON name conflicts are tolerated.
    pub json_best_effort: bool,
    /// `enforce_naming_style` is `STYLE2024`.
    pub enforce_style: bool,
    /// `default_symbol_visibility`.
    pub visibility: DefaultVisibility,
}

/// `features.field_presence`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldPresence {
    /// A set field is written whatever its value.
    Explicit,
    /// Only values other than the default are written.
    Implicit,
    /// Must be set.
    LegacyRequired,
}

/// `features.default_symbol_visibility`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultVisibility {
    /// Every type is visible to importers.
    ExportAll,
    /// Nested types are not.
    ExportTopLevel,
    /// No type is, unless `export` is written.
    LocalAll,
    /// As `LocalAll`, and nested types cannot be exported.
    Strict,
}

impl Features {
    /// The defaults of an edition.
    pub const fn defaults(edition: Edition) -> Self {
        let proto2 = matches!(edition, Edition::Proto2);
        Self {
            field_presence: match edition {
                Edition::Proto3 => FieldPresence::Implicit,
                _ => FieldPresence::Explicit,
            },
            closed_enum: proto2,
            packed: !proto2,
            utf8: !proto2,
            delimited: false,
            json_best_effort: proto2,
            enforce_style: matches!(edition, Edition::E2024),
            visibility: match edition {
                Edition::E2024 => DefaultVisibility::ExportTopLevel,
                _ => DefaultVisibility::ExportAll,
            },
        }
    }
}

/// Options of one element, interpreted: the set fields of `google.protobuf.FileOptions`, `FieldOptions` and so on, custom options
/// (extensions of those) among them, in order of appearance.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Options {
    /// Set options.
    pub entries: Vec<OptionEntry>,
}

impl Options {
    /// True where nothing is set.
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
    /// `deprecated`, or `(pkg.custom)` for an extension. Empty where a descriptor brought a number that the schema does not know.
    pub name: Box<str>,
    /// Field number within the options message.
    pub number: u32,
    /// How the value is encoded on the wire.
    pub encoding: OptionEncoding,
    /// The value.
    pub value: OptionValue,
}

/// The wire form of an option's value: the kind of its field, without the type that it names.
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

/// The comments that belong to an element, as `protoc` attaches them. `None` where there are none.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Comments(pub Option<Box<CommentText>>);

/// The text of comments, without comment marks.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct CommentText {
    /// Right before the element.
    pub leading: Option<Box<str>>,
    /// Right after it.
    pub trailing: Option<Box<str>>,
    /// Before the leading one, separated by an empty line each.
    pub detached: Vec<Box<str>>,
}

impl Comments {
    /// The comment right before the element.
    pub fn leading(&self) -> Option<&str> {
        self.0.as_ref()?.leading.as_deref()
    }

    /// The comment right after the element.
    pub fn trailing(&self) -> Option<&str> {
        self.0.as_ref()?.trailing.as_deref()
    }
}

/// A place in a source file. Line 0 where the element did not come from source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}
