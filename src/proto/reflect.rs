//! A schema as JSON for people and tools: every file, message, field, enum, service, extension, option and comment, by name.
//!
//! Types refer to each other by full name. 64-bit numbers are decimal strings, bytes are base64, and floats that JSON has no number
//! for are the strings that ProtoJSON has for them. What is not set is left out.

use std::fmt::Write;

use super::schema::{
    Cardinality, Comments, Edition, Enum, Field, File, Idempotency, Kind, Message, OptionEntry, OptionValue, Options,
    Schema, Service, Value,
};

/// The whole schema: `{files, messages, enums, services, extensions}`; `lib/protobuf/index.d.ts` has the shape of each.
pub fn reflect(schema: &Schema) -> String {
    let mut json = Json::default();
    json.object(|json| {
        json.key("files");
        json.list(&schema.files, |json, item| file(json, schema, item));
        json.key("messages");
        json.list(&schema.messages, |json, item| message(json, schema, item));
        json.key("enums");
        json.list(&schema.enums, |json, item| enumeration(json, schema, item));
        json.key("services");
        json.list(&schema.services, |json, item| service(json, schema, item));
        json.key("extensions");
        json.list(&schema.extensions, |json, &id| field(json, schema, &schema[id]));
    });
    json.out
}

/// Writes JSON. Commas come by themselves.
#[derive(Default)]
struct Json {
    out: String,
    comma: bool,
}

impl Json {
    fn raw(&mut self, text: impl std::fmt::Display) {
        self.next();
        write!(self.out, "{text}").expect("writing to a String cannot fail");
        self.comma = true;
    }

    fn next(&mut self) {
        if self.comma {
            self.out.push(',');
        }
        self.comma = false;
    }

    fn string(&mut self, text: &str) {
        self.raw(super::emit::quote(text));
    }

    fn key(&mut self, name: &str) {
        self.string(name);
        self.out.push(':');
        self.comma = false;
    }

    fn open(&mut self, bracket: char) {
        self.next();
        self.out.push(bracket);
    }

    fn close(&mut self, bracket: char) {
        self.out.push(bracket);
        self.comma = true;
    }

    fn object(&mut self, body: impl FnOnce(&mut Self)) {
        self.open('{');
        body(self);
        self.close('}');
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.open('[');
        for item in items {
            each(self, item);
        }
        self.close(']');
    }

    fn entry(&mut self, name: &str, text: &str) {
        self.key(name);
        self.string(text);
    }

    fn flag(&mut self, name: &str, set: bool) {
        if set {
            self.key(name);
            self.raw(true);
        }
    }
}

fn file(json: &mut Json, schema: &Schema, file: &File) {
    json.object(|json| {
        json.entry("name", &file.name);
        json.entry("package", &file.package);
        json.entry(
            "edition",
            match file.edition {
                Edition::Proto2 => "proto2",
                Edition::Proto3 => "proto3",
                Edition::E2023 => "2023",
                Edition::E2024 => "2024",
            },
        );
        json.key("imports");
        let imports: Vec<_> = file.imports.iter().filter_map(|import| import.file).collect();
        json.list(&imports, |json, &id| json.string(&schema[id].name));
        described(json, &file.options, &file.comments);
    });
}

/// Options and comments, where there are any.
fn described(json: &mut Json, options: &Options, comments: &Comments) {
    if !options.is_empty() {
        json.key("options");
        entries(json, &options.entries);
    }
    if let Some(text) = comments.leading() {
        json.entry("comment", text);
    }
    if let Some(text) = comments.trailing() {
        json.entry("trailingComment", text);
    }
}

fn entries(json: &mut Json, entries: &[OptionEntry]) {
    json.object(|json| {
        // Options that the schema does not know have no name to show them under.
        for entry in entries.iter().filter(|entry| !entry.name.is_empty()) {
            json.key(&entry.name);
            option(json, &entry.value);
        }
    });
}

fn option(json: &mut Json, value: &OptionValue) {
    match value {
        OptionValue::Scalar(value) => scalar(json, value),
        OptionValue::Enum(number, name) if name.is_empty() => json.raw(number),
        OptionValue::Enum(_, name) => json.string(name),
        OptionValue::Message(fields) => entries(json, fields),
        OptionValue::List(items) => json.list(items, option),
    }
}

fn scalar(json: &mut Json, value: &Value) {
    match value {
        Value::Double(value) => float(json, *value),
        Value::Float(value) => float(json, f64::from(*value)),
        Value::Int32(value) | Value::Enum(value) => json.raw(value),
        Value::Uint32(value) => json.raw(value),
        Value::Int64(value) => json.string(&value.to_string()),
        Value::Uint64(value) => json.string(&value.to_string()),
        Value::Bool(value) => json.raw(value),
        Value::String(value) => json.string(value),
        Value::Bytes(value) => json.string(&base64(value)),
    }
}

fn float(json: &mut Json, value: f64) {
    if value.is_nan() {
        json.string("NaN");
    } else if value.is_infinite() {
        json.string(if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else {
        json.raw(format_args!("{value:?}"));
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                out.push(DIGITS[(word >> (18 - 6 * place) & 63) as usize] as char);
            } else {
                out.push('=');
            }
        }
    }
    out
}

fn message(json: &mut Json, schema: &Schema, message: &Message) {
    json.object(|json| {
        json.entry("name", &message.name);
        json.entry("fullName", &message.full_name);
        json.entry("file", &schema[message.file].name);
        if let Some(parent) = message.parent {
            json.entry("parent", &schema[parent].full_name);
        }
        json.flag("mapEntry", message.is_map_entry);
        json.key("fields");
        let fields: Vec<_> = message.field_ids().collect();
        json.list(&fields, |json, &id| field(json, schema, &schema[id]));
        let oneofs: Vec<_> = message.oneofs.iter().filter(|oneof| !oneof.synthetic).collect();
        json.key("oneofs");
        json.list(&oneofs, |json, oneof| {
            json.object(|json| {
                json.entry("name", &oneof.name);
                json.key("fields");
                json.list(&oneof.fields, |json, &id| json.string(&schema[id].name));
                described(json, &oneof.options, &oneof.comments);
            });
        });
        if !message.extension_ranges.is_empty() {
            json.key("extensionRanges");
            json.list(&message.extension_ranges, |json, range| {
                json.list(&[range.start, range.end], |json, end| json.raw(end))
            });
        }
        if !message.reserved_ranges.is_empty() {
            json.key("reservedRanges");
            json.list(&message.reserved_ranges, |json, range| {
                json.list(&[range.0, range.1], |json, end| json.raw(end))
            });
        }
        if !message.reserved_names.is_empty() {
            json.key("reservedNames");
            json.list(&message.reserved_names, |json, name| json.string(name));
        }
        described(json, &message.options, &message.comments);
    });
}

fn kind(json: &mut Json, schema: &Schema, kind: Kind) {
    match kind {
        Kind::Message(id) => {
            json.entry("type", "message");
            json.entry("typeName", &schema[id].full_name);
        }
        Kind::Group(id) => {
            json.entry("type", "group");
            json.entry("typeName", &schema[id].full_name);
        }
        Kind::Enum(id) => {
            json.entry("type", "enum");
            json.entry("typeName", &schema[id].full_name);
        }
        scalar => json.entry("type", scalar.keyword().unwrap_or_default()),
    }
}

fn field(json: &mut Json, schema: &Schema, field: &Field) {
    json.object(|json| {
        json.entry("name", &field.name);
        json.entry("property", &super::emit::property(schema, field));
        json.entry("jsonName", &field.json_name);
        json.key("number");
        json.raw(field.number);
        json.entry(
            "label",
            match field.cardinality {
                Cardinality::Optional => "optional",
                Cardinality::Required => "required",
                Cardinality::Repeated => "repeated",
                Cardinality::Map => "map",
            },
        );
        if let Some((key, value)) = schema.map_entry(field) {
            json.entry("keyType", key.kind.keyword().unwrap_or_default());
            kind(json, schema, value.kind);
        } else {
            kind(json, schema, field.kind);
        }
        json.flag("presence", field.has_presence);
        json.flag("packed", field.packed);
        json.flag("deprecated", field.deprecated);
        let oneof = field
            .oneof
            .filter(|_| !field.is_extension)
            .map(|index| &schema[field.message].oneofs[index as usize]);
        if let Some(oneof) = oneof.filter(|oneof| !oneof.synthetic) {
            json.entry("oneof", &oneof.name);
        }
        if let Some(default) = &field.default {
            json.key("default");
            match (default, field.kind) {
                (Value::Enum(number), Kind::Enum(id)) => match schema[id].by_number(*number) {
                    Some(value) => json.string(&value.name),
                    None => json.raw(number),
                },
                _ => scalar(json, default),
            }
        }
        if field.is_extension {
            json.entry("fullName", &schema.field_full_name(field));
            json.entry("extendee", &schema[field.message].full_name);
        }
        described(json, &field.options, &field.comments);
    });
}

fn enumeration(json: &mut Json, schema: &Schema, item: &Enum) {
    json.object(|json| {
        json.entry("name", &item.name);
        json.entry("fullName", &item.full_name);
        json.entry("file", &schema[item.file].name);
        if let Some(parent) = item.parent {
            json.entry("parent", &schema[parent].full_name);
        }
        json.flag("closed", item.closed);
        json.key("values");
        json.list(&item.values, |json, value| {
            json.object(|json| {
                json.entry("name", &value.name);
                json.key("number");
                json.raw(value.number);
                described(json, &value.options, &value.comments);
            });
        });
        described(json, &item.options, &item.comments);
    });
}

fn service(json: &mut Json, schema: &Schema, service: &Service) {
    json.object(|json| {
        json.entry("name", &service.name);
        json.entry("fullName", &service.full_name);
        json.entry("file", &schema[service.file].name);
        json.key("methods");
        json.list(&service.methods, |json, method| {
            json.object(|json| {
                json.entry("name", &method.name);
                json.entry("request", &schema[method.input].full_name);
                json.entry("reply", &schema[method.output].full_name);
                json.flag("clientStreaming", method.client_streaming);
                json.flag("serverStreaming", method.server_streaming);
                match method.idempotency {
                    Idempotency::Unknown => {}
                    Idempotency::NoSideEffects => json.entry("idempotency", "NO_SIDE_EFFECTS"),
                    Idempotency::Idempotent => json.entry("idempotency", "IDEMPOTENT"),
                }
                described(json, &method.options, &method.comments);
            });
        });
        described(json, &service.options, &service.comments);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{CompileOptions, compile_source};

    fn json(source: &str) -> String {
        let schema = compile_source("a.proto", source, &CompileOptions::default(), &mut |_| Ok(None));
        reflect(&schema.expect("the source compiles"))
    }

    #[test]
    fn fields_say_what_they_are() {
        let all = json(
            "syntax = \"proto2\"; package p; enum E { A = 0; }
             // A thing.
             message M { required int64 n = 1 [default = -5, deprecated = true]; map<string, E> m = 2; oneof o { bytes b = 3; } }",
        );
        for part in [
            r#""name":"a.proto","package":"p","edition":"proto2""#,
            r#"{"name":"n","property":"n","jsonName":"n","number":1,"label":"required","type":"int64","presence":true,"deprecated":true,"default":"-5","options":{"deprecated":true}}"#,
            r#""label":"map","keyType":"string","type":"enum","typeName":"p.E""#,
            r#""oneof":"o""#,
            r#""comment":" A thing."#,
        ] {
            assert!(all.contains(part), "{part} is not in {all}");
        }
    }

    #[test]
    fn base64_pads() {
        let encoded = ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes()));
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }
}
