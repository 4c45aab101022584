//! Emits the functions that read objects.

use std::collections::HashSet;

use super::js::{self, get, key, quote, set};
use super::{Emitter, Int64, small_range, tag_of};
use crate::proto::schema::{Field, Kind, Message, MessageId, Schema};
use crate::proto::wire::WireType;

/// `function r7(b, p, end, d, o)`, or `function g7(b, p, end, d, o, stop)` for a message between group tags.
pub(super) fn message(e: &mut Emitter, id: MessageId, group: bool) {
    let schema = e.schema;
    let depth = e.options.depth;
    let message = &schema[id];
    let required: Vec<&Field> = schema
        .fields_of(id)
        .iter()
        .filter(|field| field.is_required())
        .collect();
    let i = id.0;
    if group {
        e.line(format_args!("function g{i}(b, p, end, d, o, stop) {{"));
    } else {
        e.line(format_args!("function r{i}(b, p, end, d, o) {{"));
    }
    e.line(format_args!("if (d > {depth}) R.tooDeep({depth})"));
    e.line("let t = 0, v, n = 0");
    e.line("const fresh = o == null");
    e.line(format_args!("if (fresh) o = {}", literal(e, id)));
    for (at, _) in real_oneofs(message) {
        // The member that is set: 0 for none, or -1 if unknown, because this continues an earlier occurrence.
        e.line(format_args!("let c{at} = fresh ? 0 : -1"));
    }
    for word in 0..required.len().div_ceil(31) {
        e.line(format_args!("let m{word} = 0"));
    }
    e.line(if group {
        "for (;;) {\nif (p >= end) truncated()"
    } else {
        "while (p < end) {"
    });
    if e.options.unknown_fields {
        e.line("const start = p");
    }
    e.line("t = b[p++]");
    e.line("if (t > 127) { t = tag(b, p, t); p = at.p }");
    if group {
        e.line("if (t === stop) break");
    }
    e.line("switch (t) {");
    for field in schema.fields_of(id) {
        let seen = required.iter().position(|other| std::ptr::eq(*other, field));
        self::field(e, field, seen);
    }
    for &extension in &message.extensions {
        // In a message set too: parsers accept its extensions both as ordinary fields and as items.
        field(e, &schema[extension], None);
    }
    if message.message_set {
        set_items(e, message);
    }
    e.line("default:");
    e.line(format_args!("p = skip(b, p, end, t, {depth} - d)"));
    if e.options.unknown_fields {
        e.line("keep(o, b, start, p)");
    }
    e.line("}");
    e.line("}");
    if !group {
        e.line("if (p !== end) truncated()");
    }
    finish(e, id, required.len());
    if group {
        e.line("at.p = p");
    }
    e.line("return o");
    e.line("}");
}

/// The name of the variable with the names of a oneof's members.
fn members(id: MessageId, oneof: usize) -> String {
    format!("o{}_{oneof}", id.0)
}

/// Emits the names of each oneof's members once. A list for every member would make the code grow quadratically.
pub(super) fn oneofs(e: &mut Emitter, id: MessageId) {
    let schema = e.schema;
    for (at, oneof) in real_oneofs(&schema[id]) {
        let mut names: Vec<String> = oneof.fields.iter().map(|&id| quote(&e.property(&schema[id]))).collect();
        if e.options.oneof_cases {
            // It is removed with the members, and set again with the one that is set.
            names.push(quote(&e.names.oneofs[at]));
        }
        e.line(format_args!("const {} = [{}]", members(id, at), names.join(", ")));
    }
}

fn real_oneofs(message: &Message) -> impl Iterator<Item = (usize, &super::super::schema::Oneof)> {
    message.oneofs.iter().enumerate().filter(|(_, oneof)| !oneof.synthetic)
}

fn real_oneof(e: &Emitter, field: &Field) -> Option<u32> {
    if field.is_extension {
        return None;
    }
    field
        .oneof
        .filter(|&index| !e.schema[field.message].oneofs[index as usize].synthetic)
}

/// The fields, and the extensions that are treated like fields.
fn in_literal(schema: &Schema, id: MessageId) -> impl Iterator<Item = &Field> {
    let extensions = schema[id].extensions.iter().map(|&field| &schema[field]);
    let beside = extensions.filter(|field| js::is_beside(schema, field));
    schema.fields_of(id).iter().chain(beside)
}

/// Emits a new object. It has every field if decoding fills in defaults, otherwise the repeated fields and maps.
/// Members of oneofs are added later.
fn literal(e: &Emitter, id: MessageId) -> String {
    let mut names = HashSet::new();
    let mut parts = Vec::new();
    let schema = e.schema;
    for field in in_literal(schema, id) {
        let name = e.property(field);
        if names.contains(&name) || real_oneof(e, field).is_some() {
            continue;
        }
        let value = if gatherer(e, field).is_some() {
            // The array is created as a whole later; one created here would be discarded.
            "null".into()
        } else if field.is_repeated() {
            "[]".into()
        } else if field.is_map() {
            "{}".into()
        } else if e.options.has_initially(field) {
            js::default(schema, field, e.options)
        } else {
            continue;
        };
        parts.push(format!("{}: {value}", key(&name)));
        names.insert(name);
    }
    format!("{{ {} }}", parts.join(", "))
}

fn finish(e: &mut Emitter, id: MessageId, required: usize) {
    let message = &e.schema[id];
    if required > 0 {
        let missing: Vec<String> = (0..required.div_ceil(31))
            .map(|word| {
                let bits = (required - word * 31).min(31);
                format!("m{word} !== {}", (1u64 << bits) - 1)
            })
            .collect();
        e.line(format_args!("if (fresh && ({})) notValid()", missing.join(" || ")));
    }
    let schema = e.schema;
    for field in in_literal(schema, id)
        .filter(|field| gatherer(e, field).is_some())
        .collect::<Vec<_>>()
    {
        let name = e.property(field);
        e.line(format_args!("if ({} === null) {}", get(&name), set(&name, "[]")));
    }
    if !e.options.defaults {
        return;
    }
    for (at, oneof) in real_oneofs(message) {
        e.line(format_args!("if (c{at} === 0) {{"));
        for &member in &oneof.fields {
            let field = &schema[member];
            e.line(set(&e.property(field), &js::default(schema, field, e.options)));
        }
        e.line("}");
    }
}

fn case(e: &mut Emitter, field: &Field, wire_type: WireType) {
    e.line(format_args!("case {}: {{", tag_of(field.number, wire_type)));
}

fn field(e: &mut Emitter, field: &Field, required: Option<usize>) {
    let name = e.property(field);
    if field.is_map() {
        return map(e, field, &name);
    }
    if field.is_repeated() {
        return repeated(e, field, &name);
    }
    case(e, field, field.wire_type());
    value(e, field, "end", &get(&name), Unknown::Field);
    if let Some(at) = real_oneof(e, field) {
        let oneof = &e.schema[field.message].oneofs[at as usize];
        let place = 1 + oneof
            .fields
            .iter()
            .position(|&id| std::ptr::eq(&e.schema[id], field))
            .unwrap_or(0);
        e.line(format_args!(
            "if (c{at} !== {place}) {{ if (c{at} !== 0) clear(o, {}, c{at}, {}); c{at} = {place} }}",
            members(field.message, at as usize),
            quote(&name)
        ));
    }
    e.line(set(&name, "v"));
    if let Some(at) = real_oneof(e, field).filter(|_| e.options.oneof_cases) {
        e.line(set(&e.names.oneofs[at as usize], &quote(&name)));
    }
    if let Some(index) = required {
        e.line(format_args!("m{} |= {}", index / 31, 1u32 << (index % 31)));
    }
    e.line("continue");
    e.line("}");
}

/// The helper that reads a packed run of this field into an array at once, if there is one.
fn gatherer(e: &Emitter, field: &Field) -> Option<&'static str> {
    match field.kind {
        _ if !field.is_repeated() => None,
        Kind::Int32 => Some("packed32"),
        Kind::Uint32 => Some("packedUint32"),
        Kind::Enum(id) if !e.schema[id].closed && !e.options.enum_names => Some("packed32"),
        _ => None,
    }
}

fn repeated(e: &mut Emitter, field: &Field, name: &str) {
    let array = get(name);
    // Extensions of other files are not in the object literal, and arrays that are read as a whole are null there.
    let ensure = if field.is_extension || gatherer(e, field).is_some() {
        format!("if ({array} == null) {}\n", set(name, "[]"))
    } else {
        String::new()
    };
    case(e, field, field.wire_type());
    value(e, field, "end", "null", Unknown::Field);
    e.line(format_args!("{ensure}{array}.push(v)"));
    e.line("continue");
    e.line("}");
    if !field.kind.is_packable() {
        return;
    }
    case(e, field, WireType::Length);
    length(e, "e", "end");
    let helper = gatherer(e, field);
    if let Some(helper) = helper {
        e.line(format_args!(
            "{ensure}{}",
            set(name, &format!("{helper}(b, p, e, {array})"))
        ));
        e.line("p = e");
    } else {
        e.line(format_args!("{ensure}const a = {array}"));
        e.line("while (p < e) {");
        value(e, field, "e", "null", Unknown::Element(field.number));
        e.line("a.push(v)");
        e.line("}");
        e.line("if (p !== e) truncated()");
    }
    e.line("continue");
    e.line("}");
}

/// Emits `const e`, the end of the value according to its length.
fn length(e: &mut Emitter, variable: &str, end: &str) {
    e.line("n = b[p++]");
    e.line("if (!(n < 128)) { n = len(b, p, n); p = at.p }");
    e.line(format_args!("if (n > {end} - p) truncated()"));
    e.line(format_args!("const {variable} = p + n | 0"));
}

fn map(e: &mut Emitter, field: &Field, name: &str) {
    let Some((map_key, item)) = e.schema.map_entry(field) else {
        return;
    };
    let depth = e.options.depth;
    case(e, field, WireType::Length);
    length(e, "e", "end");
    e.line(format_args!(
        "let k = {}, x = {}",
        js::zero(e.schema, map_key.kind, e.options),
        js::zero(e.schema, item.kind, e.options)
    ));
    // An unknown number of a closed enum makes the whole entry an unknown field.
    let closed = matches!(item.kind, Kind::Enum(id) if e.schema[id].closed);
    if closed {
        e.line("let ok = true");
    }
    e.line("while (p < e) {");
    e.line("t = b[p++]");
    e.line("if (t > 127) { t = tag(b, p, t); p = at.p }");
    e.line("switch (t) {");
    case(e, map_key, map_key.wire_type());
    value(e, map_key, "e", "null", Unknown::Field);
    e.line("k = v");
    e.line("continue");
    e.line("}");
    case(e, item, item.wire_type());
    value(e, item, "e", "x", Unknown::Entry);
    e.line("x = v");
    e.line("continue");
    e.line("}");
    e.line("default:");
    e.line(format_args!("p = skip(b, p, e, t, {depth} - d)"));
    e.line("}");
    e.line("}");
    e.line("if (p !== e) truncated()");
    if let Some(id) = item.kind.message() {
        e.line("if (x === null) {");
        e.line(count("null"));
        let empty = format!("r{}(b, e, e, d + 1, null)", id.0);
        e.line(format_args!("x = {}", converted(e, item.kind, empty)));
        e.line("}");
    } else if item.kind == Kind::Bytes && !e.options.presence {
        e.line("if (x === null) x = bytes(b, e, e)");
    }
    if closed && e.options.unknown_fields {
        e.line("if (!ok) { keep(o, b, start, p); continue }");
    } else if closed && e.options.presence {
        e.line("if (!ok) continue");
    }
    e.line(format_args!("entry({}, k, x)", get(name)));
    e.line("continue");
    e.line("}");
}

/// Emits the reading of extensions of a message set.
fn set_items(e: &mut Emitter, message: &Message) {
    let schema = e.schema;
    let depth = e.options.depth;
    e.line(format_args!("case {}: {{", tag_of(1, WireType::StartGroup)));
    e.line(format_args!("const item = setItem(b, p, end, {depth} - d)"));
    e.line("p = item.end");
    e.line("switch (item.id) {");
    for &extension in &message.extensions {
        let field = &schema[extension];
        let Some(id) = field.kind.message() else { continue };
        let name = e.property(field);
        e.line(format_args!("case {}:", field.number));
        e.line(count(&get(&name)));
        let read = format!("r{}(item.bytes, 0, item.bytes.length, d + 1, {})", id.0, get(&name));
        e.line(set(&name, &read));
        e.line("continue");
    }
    e.line("}");
    if e.options.unknown_fields {
        e.line("keep(o, b, start, p)");
    }
    e.line("continue");
    e.line("}");
}

/// How an unknown number of a closed enum is kept, if unknown fields are kept.
enum Unknown {
    /// The field becomes an unknown field.
    Field,
    /// The element of a packed run becomes an unknown field with this number.
    Element(u32),
    /// The entry of a map becomes an unknown field.
    Entry,
}

/// Emits statements that read one value into `v`, at most up to `end`. A message is merged into `existing`.
fn value(e: &mut Emitter, field: &Field, end: &str, existing: &str, unknown: Unknown) {
    let form = e.options.int64;
    match field.kind {
        Kind::Int32 => e.line(short("v = varint(b, p, v)")),
        Kind::Uint32 => e.line(short("v = varint(b, p, v) >>> 0")),
        Kind::Sint32 => {
            e.line(short("v = varint(b, p, v)"));
            e.line("v = v >>> 1 ^ -(v & 1)");
        }
        Kind::Bool => {
            e.line("v = b[p++]");
            e.line("if (v < 2) v = v === 1");
            e.line("else { v = bool(b, p, v); p = at.p }");
        }
        Kind::Enum(id) => {
            e.line(short("v = varint(b, p, v)"));
            closed_enum(e, id, unknown);
            if e.options.enum_names {
                e.line(format_args!("v = j{0}.get(v) ?? v", id.0));
            }
        }
        Kind::Int64 if matches!(form, Int64::Auto | Int64::Number) => e.line(short("v = int64(b, p, v)")),
        Kind::Uint64 if matches!(form, Int64::Auto | Int64::Number) => e.line(short("v = uint64(b, p, v)")),
        Kind::Int64 => e.line("v = int64(b, p + 1, b[p]); p = at.p"),
        Kind::Uint64 => e.line("v = uint64(b, p + 1, b[p]); p = at.p"),
        Kind::Sint64 => e.line("v = sint64(b, p + 1, b[p]); p = at.p"),
        Kind::Fixed32 => fixed(e, "fixed32(b, p) >>> 0", 4, end),
        Kind::Sfixed32 => fixed(e, "fixed32(b, p)", 4, end),
        Kind::Float => fixed(e, "float(b, p)", 4, end),
        Kind::Double => fixed(e, "double(b, p)", 8, end),
        Kind::Fixed64 => fixed(e, "fixed64(b, p)", 8, end),
        Kind::Sfixed64 => fixed(e, "sfixed64(b, p)", 8, end),
        Kind::String => {
            length(e, "q", end);
            let reader = if field.utf8 { "strictStr" } else { "str" };
            e.line(format_args!("v = {reader}(b, p, q)"));
            e.line("p = q");
        }
        Kind::Bytes => {
            length(e, "q", end);
            e.line("v = bytes(b, p, q)");
            e.line("p = q");
        }
        Kind::Message(id) => {
            length(e, "q", end);
            e.line(count(existing));
            let read = format!("r{}(b, p, q, d + 1, {})", id.0, continued(e, field.kind, existing));
            e.line(format_args!("v = {}", converted(e, field.kind, read)));
            e.line("p = q");
        }
        Kind::Group(id) => {
            let stop = tag_of(field.number, WireType::EndGroup);
            e.line(count(existing));
            let existing = continued(e, field.kind, existing);
            e.line(format_args!("v = g{}(b, p, {end}, d + 1, {existing}, {stop})", id.0));
            e.line("p = at.p");
            if e.conversion(field.kind).is_some() {
                e.line(format_args!("v = {}", converted(e, field.kind, "v".into())));
            }
        }
    }
}

/// The value that is returned for a message, converted if its type has a conversion.
fn converted(e: &Emitter, kind: Kind, read: String) -> String {
    match e.conversion(kind) {
        Some((to, _)) => format!("{to}({read})"),
        None => read,
    }
}

/// The inverse of [`converted`]: the message to be continued.
fn continued(e: &Emitter, kind: Kind, existing: &str) -> String {
    match e.conversion(kind) {
        Some((_, from)) if existing != "null" => format!("{existing} == null ? null : {from}({existing})"),
        _ => existing.into(),
    }
}

/// Counts one more nested message, unless `existing` is continued.
fn count(existing: &str) -> String {
    match existing {
        "null" => "if (--at.left < 0) tooMany()".into(),
        _ => format!("if ({existing} == null && --at.left < 0) tooMany()"),
    }
}

fn closed_enum(e: &mut Emitter, id: crate::proto::schema::EnumId, unknown: Unknown) {
    let item = &e.schema[id];
    if !item.closed {
        return;
    }
    let known = match small_range(item) {
        Some((0, last)) => format!("v >>> 0 <= {last}"),
        Some((first, last)) => format!("v >= {first} && v <= {last}"),
        None => format!("k{}.has(v)", id.0),
    };
    let otherwise = match unknown {
        Unknown::Entry if e.options.presence => "ok = false".into(),
        _ if !e.options.unknown_fields && e.options.presence => "continue".into(),
        _ if !e.options.unknown_fields => "invalidEnum(v)".into(),
        Unknown::Field => "{ keep(o, b, start, p); continue }".into(),
        Unknown::Element(number) => format!("{{ keepValue(o, {}, v); continue }}", tag_of(number, WireType::Varint)),
        Unknown::Entry => "ok = false".into(),
    };
    e.line(format_args!("if (!({known})) {otherwise}"));
}

/// Emits the reading of a varint: one byte inline, longer ones by a call.
fn short(long: &str) -> String {
    format!("v = b[p++]\nif (!(v < 128)) {{ {long}; p = at.p }}")
}

fn fixed(e: &mut Emitter, read: &str, width: u32, end: &str) {
    e.line(format_args!("if ({end} - p < {width}) truncated()"));
    e.line(format_args!("v = {read}"));
    e.line(format_args!("p += {width}"));
}
