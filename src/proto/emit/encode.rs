//! Emits the functions that write objects.
//!
//! A store past the end of a typed array has no effect, but V8 compiles a store that has ever done that into slower
//! code for good. So the emitted code checks for room, but rarely: after writing something of unknown length it makes
//! sure that [`SLACK`] bytes are free. The bytes written after that are counted here, at compile time, until they are
//! used up. If there is no room, `full()` throws, and the caller starts again with a larger buffer.

use super::js::{self, get, quote};
use super::{Emitter, small_range, tag_of, varint_bytes};
use crate::proto::schema::{Field, Kind, MessageId};
use crate::proto::wire::WireType;

/// The number of bytes that are free after a check for room. `SLACK` in `lib/protobuf/write.js` has the same value.
pub(super) const SLACK: u32 = 256;

/// The most additional bytes of a length, beyond the one that is reserved before the body.
const CLOSE: u32 = 4;

/// Emits `function w7(b, p, o, d)`: fields in order of declaration, then extensions, then unknown fields.
pub(super) fn message(e: &mut Emitter, id: MessageId) {
    let schema = e.schema;
    let depth = e.options.depth;
    let message = &schema[id];
    e.line(format_args!("function w{}(b, p, o, d) {{", id.0));
    e.line(format_args!("if (d > {depth}) tooDeep({depth})"));
    // The length is read only once. It is also the first local so that `v` is not: V8 shares type feedback about a
    // property between the first parameter and the first local, and the lengths of buffers and arrays would then
    // spoil each other.
    e.line("const end = b.length");
    e.line("let v");
    check(e);
    oneofs(e, id);
    for field in schema.fields_of(id) {
        self::field(e, field);
    }
    for &extension in &message.extensions {
        let field = &schema[extension];
        if message.message_set && field.kind.message().is_some() && !field.is_repeated() {
            set_item(e, field);
        } else {
            self::field(e, field);
        }
    }
    if e.options.unknown_fields {
        e.line("v = o[U]");
        e.line("if (v !== undefined) p = raw(b, p, v)");
        e.room = SLACK;
    }
    e.line("return p");
    e.line("}");
}

/// Emits a check for room.
fn check(e: &mut Emitter) {
    e.line(format_args!("if (p + {SLACK} > end) full()"));
    e.room = SLACK;
}

/// Counts the most bytes that the next statements write.
fn take(e: &mut Emitter, bytes: u32) {
    if e.room < bytes {
        check(e);
    }
    e.room -= bytes;
}

/// The most bytes of the counted room that a value takes. Strings, bytes and messages check for room themselves.
fn size(kind: Kind) -> u32 {
    match kind {
        Kind::Bool => 1,
        Kind::Uint32 | Kind::Sint32 => 5,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => 4,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => 8,
        Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Group(_) => 0,
        _ => 10,
    }
}

/// The local variable for a oneof's member. The property is read only once, so that the value checked is the value
/// written.
fn member(field: &Field) -> String {
    format!("f{}", field.index)
}

fn in_real_oneof(e: &Emitter, field: &Field) -> bool {
    !field.is_extension
        && field
            .oneof
            .is_some_and(|index| !e.schema[field.message].oneofs[index as usize].synthetic)
}

fn oneofs(e: &mut Emitter, id: MessageId) {
    let schema = e.schema;
    for (at, oneof) in schema[id]
        .oneofs
        .iter()
        .enumerate()
        .filter(|(_, oneof)| !oneof.synthetic)
    {
        let fields: Vec<&Field> = oneof.fields.iter().map(|&field| &schema[field]).collect();
        for field in &fields {
            e.line(format_args!("let {} = {}", member(field), get(&e.property(field))));
        }
        if e.options.oneof_cases {
            chosen(e, &e.names.oneofs[at].clone(), &fields);
        }
        if fields.len() < 2 {
            continue;
        }
        let defined: Vec<String> = fields
            .iter()
            .map(|field| format!("({})", defined(e, field, &member(field))))
            .collect();
        let members: Vec<String> = fields.iter().map(|field| member(field)).collect();
        if e.options.presence {
            let name = quote(&oneof.name);
            e.line(format_args!("if ({} > 1) oneofClash({name})", defined.join(" + ")));
            continue;
        }
        let defaults: Vec<String> = fields
            .iter()
            .map(|field| js::default(schema, field, e.options))
            .collect();
        e.line(format_args!("if ({} > 1) {{", defined.join(" + ")));
        e.line(format_args!(
            "oneofTwice({}, [{}], [{}])",
            quote(&oneof.name),
            members.join(", "),
            defaults.join(", ")
        ));
        // `oneofTwice` returns only if all members have their defaults, which is what decoding gives for an unset
        // oneof. None of them is written then.
        e.line(format_args!("{} = undefined", members.join(" = ")));
        e.line("}");
    }
}

/// If the oneof's own property names a member, only that member is written.
fn chosen(e: &mut Emitter, oneof: &str, fields: &[&Field]) {
    e.line(format_args!("v = {}", get(oneof)));
    e.line("if (v != null) {");
    e.line("let m");
    for field in fields {
        let (local, name) = (member(field), quote(&e.property(field)));
        e.line(format_args!("if (v === {name}) m = {local}\nelse {local} = undefined"));
    }
    e.line(format_args!("if (m == null) oneofCase({}, v)", quote(oneof)));
    e.line("}");
}

/// The condition under which a value counts as present.
fn defined(e: &Emitter, field: &Field, value: &str) -> String {
    let nan = e.options.nan && matches!(field.kind, Kind::Float | Kind::Double);
    match field.kind {
        Kind::Message(_) | Kind::Group(_) | Kind::String | Kind::Bytes => format!("{value} != null"),
        _ if nan => format!("{value} != null"),
        _ => format!("{value} != null && {value} === {value}"),
    }
}

/// The condition under which a value differs from the default, for implicit presence.
fn not_default(field: &Field) -> String {
    match field.kind {
        // An enum name can also stand for the default.
        Kind::Enum(id) => return format!(" && v !== 0 && (typeof v !== 'string' || n{}.names[v] !== 0)", id.0),
        Kind::String => " && v !== ''",
        Kind::Bytes => " && notEmpty(v)",
        Kind::Bool => " && v",
        // Negative zero is not the default, because its bits differ.
        Kind::Float | Kind::Double => " && (v !== 0 || 1 / v < 0)",
        Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64 => " && v != 0",
        _ => " && v !== 0",
    }
    .into()
}

fn field(e: &mut Emitter, field: &Field) {
    let name = e.property(field);
    if in_real_oneof(e, field) {
        e.line(format_args!("v = {}", member(field)));
    } else {
        e.line(format_args!("v = {}", get(&name)));
    }
    if field.is_map() {
        return map(e, field, &name);
    }
    if field.is_repeated() {
        return repeated(e, field, &name);
    }
    let present = defined(e, field, "v");
    if field.is_required() {
        e.line(format_args!("if (!({present})) required({})", quote(&name)));
        e.line("{");
    } else if field.has_presence {
        e.line(format_args!("if ({present}) {{"));
    } else {
        e.line(format_args!("if ({present}{}) {{", not_default(field)));
    }
    // Room can be checked only before the branch: after it, it is unknown how much was used.
    let before = e.room;
    tag(e, field.number, field.wire_type());
    value(e, field, "v", &name);
    e.room = e.room.min(before);
    e.line("}");
}

fn repeated(e: &mut Emitter, field: &Field, name: &str) {
    let quoted = quote(name);
    let present = defined(e, field, "x");
    let before = e.room;
    e.line("if (v != null) {");
    e.line(format_args!("if (!Array.isArray(v)) v = list({quoted}, v)"));
    if field.packed && field.kind.is_packable() {
        let site = e.site();
        let element = size(field.kind);
        // Elements that are added during this loop are not written, because room was counted for those present at the
        // start. `+` converts the length once: for a Proxy it can be an object that returns another number each time.
        e.line("const n = +v.length");
        e.line("if (n > 0) {");
        e.line(format_args!("if (p + n * {element} + {} > end) full()", SLACK + 16));
        e.line("const s = p");
        e.room = SLACK;
        tag(e, field.number, WireType::Length);
        e.line(format_args!("const h = p, q = p += z{site}"));
        if matches!(field.kind, Kind::Int32 | Kind::Uint32 | Kind::Int64 | Kind::Uint64) {
            packed_varints(e, field, name, &present);
        } else {
            e.line("for (let i = 0; i < n; i++) {");
            e.line("const x = v[i]");
            e.line(format_args!("if (!({present})) continue"));
            e.room = SLACK;
            value(e, field, "x", name);
            e.line("}");
        }
        // The array has only holes, so the field is not written.
        e.line("if (p === q) p = s");
        e.line(format_args!("else {}", close(site, "p", "p")));
        e.line("}");
        e.room = SLACK;
    } else {
        // An element of unknown length leaves SLACK bytes free, so there is room for the next tag.
        if e.room < 16 {
            check(e);
        }
        let entry = e.room;
        e.line("for (let i = 0; i < v.length; i++) {");
        e.line("const x = v[i]");
        e.line(format_args!("if (!({present})) continue"));
        if size(field.kind) > 0 {
            check(e);
        }
        tag(e, field.number, field.wire_type());
        value(e, field, "x", name);
        e.line("}");
        e.room = e.room.min(entry);
    }
    e.room = e.room.min(before);
    e.line("}");
}

/// Emits the writing of the first `n` elements of `v` as varints, for which there is room. `present` is the condition
/// under which an element `x` counts.
///
/// Four numbers of one byte each are written at once. Otherwise most numbers take one or two bytes in an
/// unpredictable order. So both bytes are always written, and `m`, which is 1 for two bytes and 0 for one, decides
/// whether the second counts. An array of larger numbers is handled in groups of eight, so that it does not pay for
/// this attempt with every number. The code never writes the element itself, only its bits, and positions are `| 0`,
/// so that V8 knows without a check that they are small integers. The code is inlined instead of a shared function,
/// because processors predict branches by address, and each field has its own distribution of numbers.
fn packed_varints(e: &mut Emitter, field: &Field, name: &str, present: &str) {
    let four = |each: fn(usize) -> String, joint: &str| (0..4).map(each).collect::<Vec<_>>().join(joint);
    let one_or_two =
        |y: &str| format!("m = 127 - {y} >>> 31\nb[p] = {y} | m << 7\nb[p + 1 | 0] = {y} >>> 7\np = p + 1 + m | 0");
    let each: Vec<String> = (0..4).map(|i| one_or_two(&format!("y{i}"))).collect();
    e.line(format_args!(
        "for (let i = 0, m = 0; i < n;) {{
for (const last = n - 3; i < last; i += 4) {{
const {elements}
if (!({numbers})) break
const {bits}
if ({differ}) break
if ((y0 | y1 | y2 | y3) < 128) {{
{one_byte}
p = p + 4 | 0
}} else {{
{each}
}}
}}
for (const stop = i + 8 < n ? i + 8 : n; i < stop; i++) {{
const x = v[i]
if (typeof x === 'number') {{
const y = x & 2097151
if (y === x) {{
if (y < 16384) {{
{last}
}} else {{
b[p] = y | 128
b[p + 1 | 0] = y >>> 7 | 128
b[p + 2 | 0] = y >>> 14
p = p + 3 | 0
}}
continue
}}
}}
if ({present}) {slow}
}}
}}",
        elements = four(|i| format!("x{i} = v[i + {i}]"), ", "),
        numbers = four(|i| format!("typeof x{i} === 'number'"), " && "),
        bits = four(|i| format!("y{i} = x{i} & 16383"), ", "),
        differ = four(|i| format!("y{i} !== x{i}"), " || "),
        one_byte = four(|i| format!("b[p + {i}] = y{i}"), "\n"),
        each = each.join("\n"),
        last = one_or_two("y"),
        slow = call(writer(field.kind), "x", name),
    ));
}

fn map(e: &mut Emitter, field: &Field, name: &str) {
    let Some((key, item)) = e.schema.map_entry(field) else {
        return;
    };
    let site = e.site();
    let quoted = quote(name);
    let before = e.room;
    e.line("if (v != null) {");
    e.line(format_args!("v = entries({quoted}, v)"));
    e.line("for (let i = 0; i < v.length; i += 2) {");
    check(e);
    tag(e, field.number, WireType::Length);
    take(e, 5);
    e.line(format_args!("const k = v[i], x = v[i + 1], h = p, q = p += z{site}"));
    tag(e, key.number, key.wire_type());
    if key.kind == Kind::Bool {
        take(e, 1);
        e.line(format_args!("b[p++] = boolKey({quoted}, k)"));
    } else {
        value(e, key, "k", name);
    }
    let bare = e.room;
    e.line(format_args!("if ({}) {{", defined(e, item, "x")));
    tag(e, item.number, item.wire_type());
    value(e, item, "x", name);
    e.line("}");
    e.room = e.room.min(bare);
    take(e, CLOSE);
    e.line(close(site, "p", "p"));
    e.line("}");
    e.room = e.room.min(before);
    e.line("}");
}

/// The statement that writes the length of the bytes from `q` to `end` at `h`, and leaves the position after it in
/// `into`.
fn close(site: u32, end: &str, into: &str) -> String {
    let after = if end == into {
        String::new()
    } else {
        format!("; {into} = {end}")
    };
    format!(
        "if (q - h === 1 && {end} - q < 128) {{ b[h] = {end} - q{after} }} else {{ z{site} = width({end} - q); {into} = close(b, h, q, {end}) }}"
    )
}

/// Emits the writing of a message set's extension: `group 1 { type_id = 2; message = 3; }`.
fn set_item(e: &mut Emitter, field: &Field) {
    let name = e.property(field);
    e.line(format_args!("v = {}", get(&name)));
    let before = e.room;
    e.line("if (v != null) {");
    tag(e, 1, WireType::StartGroup);
    tag(e, 2, WireType::Varint);
    put(e, &varint_bytes(u64::from(field.number)));
    tag(e, 3, WireType::Length);
    value(e, field, "v", &name);
    tag(e, 1, WireType::EndGroup);
    e.room = e.room.min(before);
    e.line("}");
}

fn tag(e: &mut Emitter, number: u32, wire_type: WireType) {
    put(e, &varint_bytes(tag_of(number, wire_type)));
}

fn put(e: &mut Emitter, bytes: &[u8]) {
    take(e, bytes.len() as u32);
    if let [byte] = bytes {
        return e.line(format_args!("b[p++] = {byte}"));
    }
    for (at, byte) in bytes.iter().enumerate() {
        if at == 0 {
            e.line(format_args!("b[p] = {byte}"));
        } else {
            e.line(format_args!("b[p + {at}] = {byte}"));
        }
    }
    e.line(format_args!("p += {}", bytes.len()));
}

/// The helper that writes any value of a scalar or string type.
fn writer(kind: Kind) -> &'static str {
    match kind {
        Kind::Int32 => "wInt32",
        Kind::Uint32 => "wUint32",
        Kind::Int64 => "wInt64",
        Kind::Uint64 => "wUint64",
        Kind::Sint32 => "wSint32",
        Kind::Sint64 => "wSint64",
        Kind::Fixed32 => "wFixed32",
        Kind::Sfixed32 => "wSfixed32",
        Kind::Fixed64 => "wFixed64",
        Kind::Sfixed64 => "wSfixed64",
        Kind::Float => "wFloat",
        Kind::Double => "wDouble",
        Kind::Bytes => "wBytes",
        _ => "wStr",
    }
}

fn call(writer: &str, x: &str, name: &str) -> String {
    format!("p = {writer}(b, p, {x}, {})", quote(name))
}

/// Emits statements that write one value after its tag.
fn value(e: &mut Emitter, field: &Field, x: &str, name: &str) {
    take(e, size(field.kind));
    let call = |writer| call(writer, x, name);
    let name = quote(name);
    let text = match field.kind {
        Kind::Int32 | Kind::Uint32 | Kind::Int64 | Kind::Uint64 => small(x, &call(writer(field.kind))),
        Kind::Bool => format!("b[p++] = {x} ? 1 : 0"),
        Kind::Enum(id) => {
            let i = id.0;
            let item = &e.schema[id];
            let slow = format!("p = wEnum(b, p, {x}, {name}, n{i})");
            match small_range(item) {
                Some((first, last)) if item.closed => format!(
                    "if (typeof {x} === 'number' && ({x} & 127) === {x} && {x} >= {first} && {x} <= {last}) b[p++] = {x}\nelse {}",
                    slow
                ),
                _ if item.closed => slow,
                _ => small(x, &slow),
            }
        }
        Kind::Message(id) => {
            let site = e.site();
            let (before, x) = converted(e, field.kind, x, &name);
            format!(
                "{before}if (typeof {x} !== 'object') notObject({name}, {x})\n{{\nconst h = p, q = p + z{site}, e = w{}(b, q, {x}, d + 1)\nif (e + {SLACK} > end) full()\nif (e === q) empty({name}, {x})\n{}\n}}",
                id.0,
                close(site, "e", "p")
            ) + if before.is_empty() { "" } else { "\n}" }
        }
        Kind::Group(id) => {
            let (before, x) = converted(e, field.kind, x, &name);
            let after = if before.is_empty() { "" } else { "\n}" };
            e.line(format_args!(
                "{before}if (typeof {x} !== 'object') notObject({name}, {x})\n{{\nconst q = p\np = w{}(b, p, {x}, d + 1)\nif (p === q) empty({name}, {x})\n}}{after}",
                id.0
            ));
            check(e);
            return tag(e, field.number, WireType::EndGroup);
        }
        kind => call(writer(kind)),
    };
    e.line(text);
    match field.kind {
        Kind::String | Kind::Bytes => e.room = SLACK,
        Kind::Message(_) => e.room = SLACK - CLOSE,
        _ => {}
    }
}

/// Starts a block in which a converted value is a message again, and returns the message's name. Empty if the type
/// has no conversion.
fn converted<'x>(e: &Emitter, kind: Kind, x: &'x str, name: &str) -> (String, &'x str) {
    match e.conversion(kind) {
        Some((_, from)) => (format!("{{\nconst y = {from}({x}, {name})\n"), "y"),
        None => (String::new(), x),
    }
}

/// Emits the writing of one-byte and two-byte numbers inline, and of larger ones by a call.
fn small(x: &str, slow: &str) -> String {
    format!(
        "if (typeof {x} === 'number' && ({x} & 16383) === {x}) {{\nif ({x} < 128) b[p++] = {x}\nelse {{\nb[p] = {x} & 127 | 128\nb[p + 1] = {x} >>> 7\np += 2\n}}\n}} else {slow}"
    )
}
