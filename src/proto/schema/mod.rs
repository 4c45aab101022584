//! The linked schema: the meaning of a set of `.proto` files after every name, option and feature is resolved.
//!
//! Everything after the compiler (the JavaScript emitter, the codec, JSON, text format, reflection, descriptors)
//! works on this model and never sees source text. It is flat: one vector per kind of element, with typed indices
//! between them, and no reference counting or lifetimes. So walking it only takes array accesses. It is immutable
//! once linked.
//!
//! Source: the protobuf language specifications (proto2, proto3, editions 2023 and 2024) and `descriptor.proto`.

mod enumeration;
mod features;
mod field;
mod message;
mod options;
mod service;
mod source;

use std::collections::HashMap;
use std::ops::Index;
use std::sync::Arc;

pub use enumeration::{Enum, EnumValue};
pub use features::{DefaultVisibility, Features, FieldPresence, Visibility};
pub use field::{Cardinality, Field, Kind, Value};
pub use message::{ExtensionRange, Message, NumberIndex, Oneof, WellKnown};
pub use options::{OptionEncoding, OptionEntry, OptionValue, Options};
pub use service::{Idempotency, Method, Service};
pub use source::{CommentText, Comments, Edition, File, Import, ImportKind, Position};

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
    /// Fields of all messages and all extensions. The fields of one message lie together, in order of declaration.
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

/// The element that a full name refers to.
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
