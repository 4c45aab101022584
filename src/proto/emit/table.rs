//! The table of fields as JSON for `lib/protobuf/table.js`, which replaces emitted code where code generation is not
//! allowed.

use std::fmt::Write;

use super::js::{self, Names, quote};
use super::{EmitOptions, Int64};
use crate::proto::schema::{Cardinality, Field, FieldId, Kind, MessageId, Schema, Value};

/// A repeated field.
pub const REPEATED: u32 = 1;
/// A map. Its kind is the message of the entry.
pub const MAP: u32 = 2;
/// A required field.
pub const REQUIRED: u32 = 4;
/// A field with presence.
pub const PRESENCE: u32 = 8;
/// A property of every new object: not a member of a oneof, not an extension of another file.
pub const INITIAL: u32 = 16;

/// The table, by position: for every message
///
/// ```text
/// [[[property, field id, kind, flags, oneof or -1, default, conversion], …], [[oneof, [position of a member among the fields, …], property], …]]
/// ```
///
/// Kinds are those of the outline. A default is JSON, or a list if JSON has no such value: `["int", digits]`, `["float", name]`,
/// `["bytes", hex]`. A conversion is `[to, from]`, the names of the helpers for a well-known type; other fields have none.
pub fn table(schema: &Schema, options: &EmitOptions) -> String {
    let mut out = String::from("[");
    for index in 0..schema.messages.len() {
        if index > 0 {
            out.push(',');
        }
        message(&mut out, schema, MessageId(index as u32), options);
    }
    out.push(']');
    out
}

fn message(out: &mut String, schema: &Schema, id: MessageId, options: &EmitOptions) {
    out.push_str("[[");
    let ids = schema[id].field_ids().chain(schema[id].extensions.iter().copied());
    let names = Names::of(schema, id, options);
    for (at, id) in ids.enumerate() {
        if at > 0 {
            out.push(',');
        }
        field(out, schema, id, &names, options);
    }
    out.push_str("],[");
    let first = schema[id].fields.start;
    let real = schema[id].oneofs.iter().filter(|oneof| !oneof.synthetic);
    // Synthetic oneofs are last, so the names match by position.
    for (at, (oneof, property)) in real.zip(&names.oneofs).enumerate() {
        if at > 0 {
            out.push(',');
        }
        let members: Vec<String> = oneof
            .fields
            .iter()
            .map(|member| (member.0 - first).to_string())
            .collect();
        let (name, members) = (quote(&oneof.name), members.join(","));
        write!(out, "[{name},[{members}],{}]", quote(property)).expect("writing to a String cannot fail");
    }
    out.push_str("]]");
}

fn field(out: &mut String, schema: &Schema, id: FieldId, names: &Names, options: &EmitOptions) {
    let field = &schema[id];
    let synthetic = |index: u32| schema[field.message].oneofs[index as usize].synthetic;
    let oneof = field.oneof.filter(|&index| !field.is_extension && !synthetic(index));
    // Synthetic oneofs are last, so the index is that among the real ones.
    let position = oneof.map_or(-1, i64::from);
    let kind = match field.kind {
        Kind::Message(id) | Kind::Group(id) => id.0.to_string(),
        Kind::Enum(id) => (-1 - i64::from(id.0)).to_string(),
        scalar => quote(scalar.keyword().unwrap_or_default()),
    };
    let mut flags = match field.cardinality {
        Cardinality::Optional => 0,
        Cardinality::Required => REQUIRED,
        Cardinality::Repeated => REPEATED,
        Cardinality::Map => MAP,
    };
    if field.has_presence {
        flags |= PRESENCE;
    }
    if oneof.is_none() && (!field.is_extension || js::is_beside(schema, field)) {
        flags |= INITIAL;
    }
    let name = quote(names.property(schema, field));
    let default = default(schema, field, options);
    let conversion = match js::conversion(schema, field.kind, options) {
        Some((to, from)) => format!(",[\"{to}\",\"{from}\"]"),
        None => String::new(),
    };
    write!(out, "[{name},{},{kind},{flags},{position},{default}{conversion}]", id.0)
        .expect("writing to a String cannot fail");
}

/// The default of a field as JSON; see [`table`].
pub(super) fn default(schema: &Schema, field: &Field, options: &EmitOptions) -> String {
    let wide = |value: i128| match options.int64 {
        Int64::String => format!("\"{value}\""),
        Int64::Number => (value as f64).to_string(),
        Int64::Auto if value.unsigned_abs() < 1 << 53 => value.to_string(),
        _ => format!("[\"int\",\"{value}\"]"),
    };
    let float = |value: f64| match value {
        f64::INFINITY => "[\"float\",\"Infinity\"]".to_owned(),
        f64::NEG_INFINITY => "[\"float\",\"-Infinity\"]".to_owned(),
        _ if value.is_nan() => "[\"float\",\"NaN\"]".to_owned(),
        _ => format!("{value:?}"),
    };
    match (&field.default, field.kind) {
        (Some(Value::Double(value)), _) => float(*value),
        (Some(Value::Float(value)), _) => float(f64::from(*value)),
        (Some(Value::Int64(value)), _) => wide(i128::from(*value)),
        (Some(Value::Uint64(value)), _) => wide(i128::from(*value)),
        (Some(Value::Bytes(value)), _) => {
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("[\"bytes\",\"{hex}\"]")
        }
        (None, Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64) => wide(0),
        (None, Kind::Bytes) if options.presence => "[\"bytes\",\"\"]".into(),
        // Numbers, words and quoted strings are the same in JSON.
        _ => js::default(schema, field, options),
    }
}
