//! The outline of a schema as JSON, from which JavaScript builds its message objects. Passing one string to
//! JavaScript is cheaper than a thousand properties.

use std::fmt::Write;

use super::js::quote;
use crate::proto::schema::{Field, Kind, Schema};

/// The outline, by position:
///
/// ```text
/// { "files":    [[name, package, [import, …], [top-level message, …], [top-level enum, …], [service, …]], …],
///   "messages": [[name, full name, [nested message, …], [nested enum, …], is map entry, [[name, type, key type, value type], …]], …],
///   "enums":    [[name, full name, closed, [[value, number], …]], …],
///   "services": [[name, full name, [[name, request, reply, client streams, server streams], …]], …] }
/// ```
///
/// Elements are named by their index. A type is a keyword, the index of a message, or `-1 - index` of an enum. Only maps have a key type
/// and a value type; their type is that of the entry.
pub fn outline(schema: &Schema) -> String {
    let mut out = String::from("{\"files\":");
    list(&mut out, schema.files.iter(), |out, file| {
        out.push('[');
        out.push_str(&quote(&file.name));
        out.push(',');
        out.push_str(&quote(&file.package));
        out.push(',');
        list(out, file.imports.iter().filter_map(|import| import.file), |out, id| {
            number(out, id.0)
        });
        out.push(',');
        list(out, file.messages.iter(), |out, id| number(out, id.0));
        out.push(',');
        list(out, file.enums.iter(), |out, id| number(out, id.0));
        out.push(',');
        list(out, file.services.iter(), |out, id| number(out, id.0));
        out.push(']');
    });
    out.push_str(",\"messages\":");
    list(&mut out, schema.messages.iter(), |out, message| {
        out.push('[');
        out.push_str(&quote(&message.name));
        out.push(',');
        out.push_str(&quote(&message.full_name));
        out.push(',');
        list(out, message.nested_messages.iter(), |out, id| number(out, id.0));
        out.push(',');
        list(out, message.nested_enums.iter(), |out, id| number(out, id.0));
        out.push_str(if message.is_map_entry { ",1," } else { ",0," });
        let fields = &schema.fields[message.fields.start as usize..message.fields.end as usize];
        list(out, fields.iter(), |out, item| field(out, schema, item));
        out.push(']');
    });
    out.push_str(",\"enums\":");
    list(&mut out, schema.enums.iter(), |out, item| {
        out.push('[');
        out.push_str(&quote(&item.name));
        out.push(',');
        out.push_str(&quote(&item.full_name));
        out.push_str(if item.closed { ",1," } else { ",0," });
        list(out, item.values.iter(), |out, value| {
            write!(out, "[{},{}]", quote(&value.name), value.number).expect("writing to a String cannot fail");
        });
        out.push(']');
    });
    out.push_str(",\"services\":");
    list(&mut out, schema.services.iter(), |out, service| {
        out.push('[');
        out.push_str(&quote(&service.name));
        out.push(',');
        out.push_str(&quote(&service.full_name));
        out.push(',');
        list(out, service.methods.iter(), |out, method| {
            write!(
                out,
                "[{},{},{},{},{}]",
                quote(&method.name),
                method.input.0,
                method.output.0,
                u8::from(method.client_streaming),
                u8::from(method.server_streaming)
            )
            .expect("writing to a String cannot fail");
        });
        out.push(']');
    });
    out.push('}');
    out
}

fn field(out: &mut String, schema: &Schema, field: &Field) {
    out.push('[');
    out.push_str(&quote(&field.name));
    out.push(',');
    kind(out, field.kind);
    if let Some((key, value)) = schema.map_entry(field) {
        out.push(',');
        kind(out, key.kind);
        out.push(',');
        kind(out, value.kind);
    }
    out.push(']');
}

fn kind(out: &mut String, kind: Kind) {
    match kind {
        Kind::Message(id) | Kind::Group(id) => number(out, id.0),
        Kind::Enum(id) => write!(out, "{}", -1 - i64::from(id.0)).expect("writing to a String cannot fail"),
        scalar => out.push_str(&quote(scalar.keyword().unwrap_or_default())),
    }
}

fn number(out: &mut String, value: u32) {
    write!(out, "{value}").expect("writing to a String cannot fail");
}

fn list<T>(out: &mut String, items: impl Iterator<Item = T>, mut each: impl FnMut(&mut String, T)) {
    out.push('[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(',');
        }
        each(out, item);
    }
    out.push(']');
}
