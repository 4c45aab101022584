//! Describes single elements for reflection as JSON. Each element is requested by itself, so that a large schema
//! costs only as much as is looked at.
//!
//! Elements are identified by their index, and types as in the outline. Option values are JSON. Values without a JSON
//! form are lists: `["int", digits]`, `["float", name]`, `["bytes", hex]`, `["enum", number, name]`, `["list",
//! [value, …]]`, `["message", [[name, value], …]]`. Empty and false values are left out, except for numbers.

use std::fmt::{Display, Write};

use super::js::Names;
use super::{EmitOptions, js, table};
use crate::proto::schema::{
    Cardinality, Comments, Edition, Enum, EnumId, Field, FieldId, FileId, Idempotency, ImportKind, Kind, Message,
    MessageId, Oneof, OptionEntry, OptionValue, Options, Position, Schema, Service, ServiceId, Value,
};

/// A file: edition, imports, top-level elements, options, comments.
pub fn file(schema: &Schema, id: FileId) -> String {
    let file = &schema[id];
    Json::object(|json| {
        let edition = match file.edition {
            Edition::Proto2 => "proto2",
            Edition::Proto3 => "proto3",
            Edition::E2023 => "2023",
            Edition::E2024 => "2024",
        };
        json.text("edition", edition);
        json.list("imports", &file.imports, |json, import| {
            let kind = match import.kind {
                ImportKind::Plain => "plain",
                ImportKind::Public => "public",
                ImportKind::Weak => "weak",
                ImportKind::Option => "option",
            };
            let index = import.file.map_or(-1, |id| i64::from(id.0));
            json.raw(format_args!("[{index},\"{kind}\"]"));
        });
        json.ids("messages", file.messages.iter().map(|id| id.0));
        json.ids("enums", file.enums.iter().map(|id| id.0));
        json.ids("services", file.services.iter().map(|id| id.0));
        json.ids("extensions", file.extensions.iter().map(|id| id.0));
        json.about(&file.options, &file.comments, Position::default());
        json.comments("packageComment", &file.package_comments);
    })
}

/// A message: fields, oneofs, nested elements, extensions of it, ranges, options, comments.
pub fn message(schema: &Schema, id: MessageId, options: &EmitOptions) -> String {
    let message = &schema[id];
    Json::object(|json| {
        json.number("file", message.file.0);
        json.number("parent", message.parent.map_or(-1, |id| i64::from(id.0)));
        let names = Names::of(schema, id, options);
        json.list("fields", message.field_ids(), |json, id| {
            json.braces(|json| field(json, schema, &schema[id], &names, options));
        });
        json.list(
            "oneofs",
            message.oneofs.iter().zip(&names.oneofs),
            |json, (item, property)| {
                oneof(json, message, item, Some(property).filter(|_| options.oneof_cases));
            },
        );
        json.ids("messages", message.nested_messages.iter().map(|id| id.0));
        json.ids("enums", message.nested_enums.iter().map(|id| id.0));
        json.ids("nestedExtensions", message.nested_extensions.iter().map(|id| id.0));
        json.ids("extensions", message.extensions.iter().map(|id| id.0));
        json.list("extensionRanges", &message.extension_ranges, |json, range| {
            json.braces(|json| {
                json.number("start", range.start);
                json.number("end", range.end);
                json.options(&range.options);
            });
        });
        json.list("reservedRanges", &message.reserved_ranges, |json, (start, end)| {
            json.raw(format_args!("[{start},{end}]"));
        });
        json.list("reservedNames", &message.reserved_names, |json, name| {
            json.raw(js::quote(name));
        });
        json.about(&message.options, &message.comments, message.position);
    })
}

fn oneof(json: &mut Json, message: &Message, item: &Oneof, property: Option<&String>) {
    json.braces(|json| {
        json.text("name", &item.name);
        if let Some(property) = property.filter(|_| !item.synthetic) {
            json.text("property", property);
        }
        json.ids("fields", item.fields.iter().map(|id| id.0 - message.fields.start));
        json.flag("synthetic", item.synthetic);
        json.about(&item.options, &item.comments, item.position);
    });
}

/// Describes an extension in the same way as a field of a message.
pub fn extension(schema: &Schema, id: FieldId, options: &EmitOptions) -> String {
    let names = Names::of(schema, schema[id].message, options);
    Json::object(|json| field(json, schema, &schema[id], &names, options))
}

fn field(json: &mut Json, schema: &Schema, field: &Field, names: &Names, options: &EmitOptions) {
    json.text("name", &field.name);
    json.text("fullName", &schema.field_full_name(field));
    json.text("jsonName", &field.json_name);
    json.text("property", names.property(schema, field));
    json.number("number", field.number);
    match field.kind {
        Kind::Message(id) | Kind::Group(id) => json.number("type", id.0),
        Kind::Enum(id) => json.number("type", -1 - i64::from(id.0)),
        scalar => json.text("type", scalar.keyword().unwrap_or_default()),
    }
    json.flag("group", matches!(field.kind, Kind::Group(_)));
    let label = match field.cardinality {
        Cardinality::Optional => "optional",
        Cardinality::Required => "required",
        Cardinality::Repeated => "repeated",
        Cardinality::Map => "map",
    };
    json.text("label", label);
    json.flag("hasPresence", field.has_presence);
    json.flag("packed", field.packed);
    json.flag("hasDefault", field.default.is_some());
    if matches!(field.cardinality, Cardinality::Optional | Cardinality::Required) {
        json.key("default");
        json.raw(table::default(schema, field, options));
    }
    // An extension is in no oneof, so the index would have no meaning.
    json.number(
        "oneof",
        field.oneof.filter(|_| !field.is_extension).map_or(-1, i64::from),
    );
    json.flag("isExtension", field.is_extension);
    json.number("parent", field.message.0);
    json.number("file", field.file.0);
    json.about(&field.options, &field.comments, field.position);
}

/// An enum: values, reserved numbers and names, options, comments.
pub fn enumeration(schema: &Schema, id: EnumId) -> String {
    let item: &Enum = &schema[id];
    Json::object(|json| {
        json.number("file", item.file.0);
        json.number("parent", item.parent.map_or(-1, |id| i64::from(id.0)));
        json.flag("closed", item.closed);
        json.list("values", &item.values, |json, value| {
            json.braces(|json| {
                json.text("name", &value.name);
                json.number("number", value.number);
                json.about(&value.options, &value.comments, value.position);
            });
        });
        json.list("reservedRanges", &item.reserved_ranges, |json, (start, end)| {
            json.raw(format_args!("[{start},{end}]"));
        });
        json.list("reservedNames", &item.reserved_names, |json, name| {
            json.raw(js::quote(name));
        });
        json.about(&item.options, &item.comments, item.position);
    })
}

/// A service: methods, options, comments.
pub fn service(schema: &Schema, id: ServiceId) -> String {
    let service: &Service = &schema[id];
    Json::object(|json| {
        json.number("file", service.file.0);
        json.list("methods", &service.methods, |json, method| {
            json.braces(|json| {
                json.text("name", &method.name);
                json.number("input", method.input.0);
                json.number("output", method.output.0);
                json.flag("clientStreaming", method.client_streaming);
                json.flag("serverStreaming", method.server_streaming);
                let idempotency = match method.idempotency {
                    Idempotency::Unknown => "unknown",
                    Idempotency::NoSideEffects => "no-side-effects",
                    Idempotency::Idempotent => "idempotent",
                };
                json.text("idempotency", idempotency);
                json.about(&method.options, &method.comments, method.position);
            });
        });
        json.about(&service.options, &service.comments, service.position);
    })
}

/// JSON under construction. A comma is written before anything that follows a complete value.
struct Json(String);

impl Json {
    fn object(body: impl FnOnce(&mut Self)) -> String {
        let mut json = Self(String::new());
        json.braces(body);
        json.0
    }

    fn comma(&mut self) {
        if !self.0.is_empty() && !self.0.ends_with(['{', '[', ':']) {
            self.0.push(',');
        }
    }

    fn raw(&mut self, text: impl Display) {
        self.comma();
        write!(self.0, "{text}").expect("writing to a String cannot fail");
    }

    fn braces(&mut self, body: impl FnOnce(&mut Self)) {
        self.raw('{');
        body(self);
        self.0.push('}');
    }

    fn brackets(&mut self, body: impl FnOnce(&mut Self)) {
        self.raw('[');
        body(self);
        self.0.push(']');
    }

    fn key(&mut self, name: &str) {
        self.raw(format_args!("\"{name}\":"));
    }

    fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        self.raw(js::quote(value));
    }

    fn number(&mut self, name: &str, value: impl Display) {
        self.key(name);
        self.raw(value);
    }

    fn flag(&mut self, name: &str, value: bool) {
        if value {
            self.key(name);
            self.raw("true");
        }
    }

    fn list<T>(&mut self, name: &str, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_some() {
            self.key(name);
            self.brackets(|json| items.for_each(|item| each(json, item)));
        }
    }

    fn ids(&mut self, name: &str, ids: impl IntoIterator<Item = u32>) {
        self.list(name, ids, |json, id| json.raw(id));
    }

    fn about(&mut self, options: &Options, comments: &Comments, position: Position) {
        self.options(options);
        self.comments("comment", comments);
        if position.line > 0 {
            self.key("position");
            self.raw(format_args!("[{},{}]", position.line, position.column));
        }
    }

    fn comments(&mut self, name: &str, comments: &Comments) {
        let Some(text) = &comments.0 else { return };
        self.key(name);
        self.braces(|json| {
            if let Some(leading) = &text.leading {
                json.text("leading", leading);
            }
            if let Some(trailing) = &text.trailing {
                json.text("trailing", trailing);
            }
            json.list("detached", &text.detached, |json, comment| json.raw(js::quote(comment)));
        });
    }

    fn options(&mut self, options: &Options) {
        self.list("options", &options.entries, Self::option);
    }

    fn option(&mut self, entry: &OptionEntry) {
        self.brackets(|json| {
            if entry.name.is_empty() {
                json.raw(js::quote(&entry.number.to_string()));
            } else {
                json.raw(js::quote(&entry.name));
            }
            json.option_value(&entry.value);
        });
    }

    fn option_value(&mut self, value: &OptionValue) {
        match value {
            OptionValue::Scalar(value) => self.scalar(value),
            OptionValue::Enum(number, name) => self.raw(format_args!("[\"enum\",{number},{}]", js::quote(name))),
            OptionValue::Message(entries) => self.brackets(|json| {
                json.raw("\"message\"");
                json.brackets(|json| entries.iter().for_each(|entry| json.option(entry)));
            }),
            OptionValue::List(items) => self.brackets(|json| {
                json.raw("\"list\"");
                json.brackets(|json| items.iter().for_each(|item| json.option_value(item)));
            }),
        }
    }

    fn scalar(&mut self, value: &Value) {
        match value {
            Value::Double(value) => self.float(*value),
            Value::Float(value) => self.float(f64::from(*value)),
            Value::Int32(value) | Value::Enum(value) => self.raw(value),
            Value::Uint32(value) => self.raw(value),
            Value::Int64(value) => self.integer(i128::from(*value)),
            Value::Uint64(value) => self.integer(i128::from(*value)),
            Value::Bool(value) => self.raw(value),
            Value::String(value) => self.raw(js::quote(value)),
            Value::Bytes(value) => {
                let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
                self.raw(format_args!("[\"bytes\",\"{hex}\"]"));
            }
        }
    }

    fn integer(&mut self, value: i128) {
        if value.unsigned_abs() < 1 << 53 {
            self.raw(value);
        } else {
            self.raw(format_args!("[\"int\",\"{value}\"]"));
        }
    }

    fn float(&mut self, value: f64) {
        if value.is_finite() {
            self.raw(format_args!("{value:?}"));
        } else if value.is_nan() {
            self.raw("[\"float\",\"NaN\"]");
        } else {
            let sign = if value < 0.0 { "-" } else { "" };
            self.raw(format_args!("[\"float\",\"{sign}Infinity\"]"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{CompileOptions, compile_source};

    fn schema(source: &str) -> Schema {
        compile_source("a.proto", source, &CompileOptions::default(), &mut |_| Ok(None)).unwrap()
    }

    #[test]
    fn a_field_with_all_it_has() {
        let schema = schema(
            "syntax = \"proto2\";\nmessage A {\n  // A count.\n  optional int64 n = 1 [default = -9007199254740993, deprecated = true];\n}",
        );
        assert_eq!(
            message(&schema, MessageId(0), &EmitOptions::default()),
            "{\"file\":0,\"parent\":-1,\"fields\":[{\"name\":\"n\",\"fullName\":\"A.n\",\"jsonName\":\"n\",\"property\":\"n\",\
             \"number\":1,\"type\":\"int64\",\"label\":\"optional\",\"hasPresence\":true,\"hasDefault\":true,\
             \"default\":[\"int\",\"-9007199254740993\"],\"oneof\":-1,\"parent\":0,\"file\":0,\
             \"options\":[[\"deprecated\",true]],\"comment\":{\"leading\":\" A count.\\u000a\"},\"position\":[4,18]}],\
             \"position\":[2,9]}"
        );
    }

    #[test]
    fn options_of_every_shape() {
        let schema = schema(
            "syntax = \"proto2\"; import \"google/protobuf/descriptor.proto\";
             message Rule { optional double d = 1; repeated bytes b = 2; optional Rule r = 3; enum E { X = 1; } optional E e = 4; }
             extend google.protobuf.ServiceOptions { optional Rule rule = 50000; }
             service S { option (rule) = { d: inf b: \"\\xff\" b: \"\" r { e: X } }; }",
        );
        assert_eq!(
            service(&schema, ServiceId(0)),
            "{\"file\":1,\"options\":[[\"(rule)\",[\"message\",[[\"d\",[\"float\",\"Infinity\"]],\
             [\"b\",[\"list\",[[\"bytes\",\"ff\"],[\"bytes\",\"\"]]]],[\"r\",[\"message\",[[\"e\",[\"enum\",1,\"X\"]]]]]]]]],\
             \"position\":[4,22]}"
        );
    }
}
