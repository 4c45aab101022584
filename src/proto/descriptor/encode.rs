//! Converts a schema into a `FileDescriptorSet`. Fields are written in order of their numbers, as by `protoc`.

use super::numbers::{default_text, type_number};
use super::options::encode_entries;
use super::source_info::SourceInfo;
use crate::proto::schema::{
    Cardinality, Edition, Enum, Field, FileId, ImportKind, Kind, MessageId, Options, Schema, Service, Value, Visibility,
};
use crate::proto::wire::{WireType, put_bytes, put_delimited, put_tag, put_varint};

/// Encodes the whole schema as a `google.protobuf.FileDescriptorSet`, imports before importers, with comments and
/// positions if `source_info` is set.
pub fn encode(schema: &Schema, source_info: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for index in 0..schema.files.len() as u32 {
        message(&mut out, 1, |out| file(out, schema, FileId(index), source_info));
    }
    out
}

/// Encodes one file as a `google.protobuf.FileDescriptorProto`.
pub fn encode_file(schema: &Schema, id: FileId, source_info: bool) -> Vec<u8> {
    let mut out = Vec::new();
    file(&mut out, schema, id, source_info);
    out
}

pub(super) fn message(out: &mut Vec<u8>, number: u32, body: impl FnOnce(&mut Vec<u8>)) {
    put_tag(out, number, WireType::Length);
    let Ok(()) = put_delimited(out, |out| -> Result<(), std::convert::Infallible> {
        body(out);
        Ok(())
    });
}

pub(super) fn string(out: &mut Vec<u8>, number: u32, text: &str) {
    put_tag(out, number, WireType::Length);
    put_bytes(out, text.as_bytes());
}

fn varint(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, WireType::Varint);
    put_varint(out, value);
}

fn flag(out: &mut Vec<u8>, number: u32, value: bool) {
    if value {
        varint(out, number, 1);
    }
}

fn options(out: &mut Vec<u8>, number: u32, options: &Options) {
    // Number 0 marks an option that is kept as written and was never resolved.
    if options.entries.iter().any(|entry| entry.number != 0) {
        message(out, number, |out| encode_entries(&options.entries, out));
    }
}

fn visibility(out: &mut Vec<u8>, number: u32, visibility: Visibility) {
    match visibility {
        Visibility::Unset => {}
        Visibility::Local => varint(out, number, 1),
        Visibility::Export => varint(out, number, 2),
    }
}

fn file(out: &mut Vec<u8>, schema: &Schema, id: FileId, source_info: bool) {
    let file = &schema[id];
    string(out, 1, &file.name);
    if !file.package.is_empty() {
        string(out, 2, &file.package);
    }
    let imports = file
        .imports
        .iter()
        .filter_map(|import| import.file.map(|id| (&*schema[id].name, import.kind)));
    let plain = imports.clone().filter(|(_, kind)| *kind != ImportKind::Option);
    plain.clone().for_each(|(name, _)| string(out, 3, name));
    file.messages
        .iter()
        .for_each(|&id| message(out, 4, |out| descriptor(out, schema, id)));
    file.enums
        .iter()
        .for_each(|&id| message(out, 5, |out| enumeration(out, &schema[id])));
    file.services
        .iter()
        .for_each(|&id| message(out, 6, |out| service(out, schema, &schema[id])));
    file.extensions
        .iter()
        .for_each(|&id| message(out, 7, |out| field(out, schema, &schema[id])));
    options(out, 8, &file.options);
    if source_info {
        message(out, 9, |out| SourceInfo::new(out).file(schema, id));
    }
    for (number, wanted) in [(10, ImportKind::Public), (11, ImportKind::Weak)] {
        let wanted = plain.clone().enumerate().filter(|(_, (_, kind))| *kind == wanted);
        wanted.for_each(|(index, _)| varint(out, number, index as u64));
    }
    match file.edition {
        Edition::Proto2 => {}
        Edition::Proto3 => string(out, 12, "proto3"),
        edition => {
            string(out, 12, "editions");
            varint(out, 14, edition as u64);
        }
    }
    imports
        .filter(|(_, kind)| *kind == ImportKind::Option)
        .for_each(|(name, _)| string(out, 15, name));
}

fn descriptor(out: &mut Vec<u8>, schema: &Schema, id: MessageId) {
    let model = &schema[id];
    string(out, 1, &model.name);
    schema
        .fields_of(id)
        .iter()
        .for_each(|model| message(out, 2, |out| field(out, schema, model)));
    model
        .nested_messages
        .iter()
        .for_each(|&id| message(out, 3, |out| descriptor(out, schema, id)));
    model
        .nested_enums
        .iter()
        .for_each(|&id| message(out, 4, |out| enumeration(out, &schema[id])));
    for range in &model.extension_ranges {
        message(out, 5, |out| {
            varint(out, 1, range.start as u64);
            varint(out, 2, range.end as u64 + 1);
            options(out, 3, &range.options);
        });
    }
    model
        .nested_extensions
        .iter()
        .for_each(|&id| message(out, 6, |out| field(out, schema, &schema[id])));
    match model.is_map_entry {
        // Source text never contains `option map_entry = true`, but every descriptor of a map entry does.
        true => message(out, 7, |out| flag(out, 7, true)),
        false => options(out, 7, &model.options),
    }
    for oneof in &model.oneofs {
        message(out, 8, |out| {
            string(out, 1, &oneof.name);
            options(out, 2, &oneof.options);
        });
    }
    for &(start, end) in &model.reserved_ranges {
        message(out, 9, |out| {
            varint(out, 1, start as u64);
            varint(out, 2, end as u64 + 1);
        });
    }
    model.reserved_names.iter().for_each(|name| string(out, 10, name));
    visibility(out, 11, model.visibility);
}

fn field(out: &mut Vec<u8>, schema: &Schema, field: &Field) {
    string(out, 1, &field.name);
    if field.is_extension {
        type_name(out, 2, &schema[field.message].full_name);
    }
    varint(out, 3, field.number as u64);
    let editions = schema[field.file].edition >= Edition::E2023;
    varint(
        out,
        4,
        match field.cardinality {
            Cardinality::Repeated | Cardinality::Map => 3,
            // In editions, `required` is a feature and not a label.
            Cardinality::Required if !editions => 2,
            _ => 1,
        },
    );
    // In editions, groups are a feature too.
    let kind = match field.kind {
        Kind::Group(id) if editions => Kind::Message(id),
        kind => kind,
    };
    varint(out, 5, type_number(kind));
    match kind {
        Kind::Message(id) | Kind::Group(id) => type_name(out, 6, &schema[id].full_name),
        Kind::Enum(id) => type_name(out, 6, &schema[id].full_name),
        _ => {}
    }
    match (&field.default, kind) {
        (Some(Value::Enum(number)), Kind::Enum(id)) => {
            string(out, 7, schema[id].by_number(*number).map_or("", |value| &value.name));
        }
        (Some(value), _) => string(out, 7, &default_text(value)),
        (None, _) => {}
    }
    options(out, 8, &field.options);
    if let Some(oneof) = field.oneof {
        varint(out, 9, oneof as u64);
    }
    string(out, 10, &field.json_name);
    flag(out, 17, field.proto3_optional);
}

fn type_name(out: &mut Vec<u8>, number: u32, full_name: &str) {
    put_tag(out, number, WireType::Length);
    put_varint(out, full_name.len() as u64 + 1);
    out.push(b'.');
    out.extend_from_slice(full_name.as_bytes());
}

fn enumeration(out: &mut Vec<u8>, model: &Enum) {
    string(out, 1, &model.name);
    for value in &model.values {
        message(out, 2, |out| {
            string(out, 1, &value.name);
            varint(out, 2, value.number as i64 as u64);
            options(out, 3, &value.options);
        });
    }
    options(out, 3, &model.options);
    for &(start, end) in &model.reserved_ranges {
        message(out, 4, |out| {
            varint(out, 1, start as i64 as u64);
            varint(out, 2, end as i64 as u64);
        });
    }
    model.reserved_names.iter().for_each(|name| string(out, 5, name));
    visibility(out, 6, model.visibility);
}

fn service(out: &mut Vec<u8>, schema: &Schema, service: &Service) {
    string(out, 1, &service.name);
    for method in &service.methods {
        message(out, 2, |out| {
            string(out, 1, &method.name);
            type_name(out, 2, &schema[method.input].full_name);
            type_name(out, 3, &schema[method.output].full_name);
            options(out, 4, &method.options);
            flag(out, 5, method.client_streaming);
            flag(out, 6, method.server_streaming);
        });
    }
    options(out, 3, &service.options);
}
