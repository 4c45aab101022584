//! JavaScript text that is safe whatever a schema says: every string quoted, every property access on plain identifiers or quoted,
//! and the few names that mean something to every JavaScript object (`__proto__`, `constructor`) kept from meaning it.

use std::fmt::Write;

use super::Int64;
use crate::js::is_identifier;
pub(super) use crate::js::{key, quote};
use crate::proto::schema::{Field, Kind, Schema, Value};

/// Names that every object inherits: an absent property of such a name does not read as `undefined`.
const INHERITED: [&str; 12] = [
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
];

/// The property of a decoded object that a field stands for.
///
/// A field's own name, and that of an extension declared at the top level of its message's own file, as npm `protocol-buffers` has
/// it. Other extensions could clash: they are `[full.name]`, as in JSON.
pub(super) fn property(schema: &Schema, field: &Field) -> String {
    if !field.is_extension || is_beside(schema, field) {
        field.name.to_string()
    } else {
        format!("[{}]", schema.field_full_name(field))
    }
}

/// True for an extension at the top level of its message's own file, under a name that the message has no field of.
pub(super) fn is_beside(schema: &Schema, field: &Field) -> bool {
    field.is_extension
        && field.scope.is_none()
        && field.file == schema[field.message].file
        && schema.field_by_name(field.message, &field.name).is_none()
}

/// `o.name`, reading what the object itself or its class has, never what every object inherits.
pub(super) fn get(name: &str) -> String {
    if INHERITED.contains(&name) {
        format!("own(o, {})", quote(name))
    } else if is_identifier(name) {
        format!("o.{name}")
    } else {
        format!("o[{}]", quote(name))
    }
}

/// The statement that sets a property of `o`.
pub(super) fn set(name: &str, value: &str) -> String {
    if name == "__proto__" {
        format!("define(o, {}, {value})", quote(name))
    } else if is_identifier(name) {
        format!("o.{name} = {value}")
    } else {
        format!("o[{}] = {value}", quote(name))
    }
}

/// A 64-bit integer in the form that the reader of these fields gives.
pub(super) fn integer(value: i128, form: Int64) -> String {
    match form {
        Int64::BigInt => format!("{value}n"),
        Int64::String => format!("\"{value}\""),
        Int64::Auto if value.unsigned_abs() < 1 << 53 => value.to_string(),
        Int64::Auto => format!("{value}n"),
    }
}

fn float(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.into()
    } else {
        // The shortest decimal that reads back as the same number, `-0` included.
        format!("{value:?}")
    }
}

/// What a singular field is where the bytes do not have it.
pub(super) fn default(schema: &Schema, field: &Field, form: Int64) -> String {
    match (&field.default, field.kind) {
        (Some(Value::Double(value)), _) => float(*value),
        (Some(Value::Float(value)), _) => float(f64::from(*value)),
        (Some(Value::Int32(value) | Value::Enum(value)), _) => value.to_string(),
        (Some(Value::Uint32(value)), _) => value.to_string(),
        (Some(Value::Int64(value)), _) => integer(i128::from(*value), form),
        (Some(Value::Uint64(value)), _) => integer(i128::from(*value), form),
        (Some(Value::Bool(value)), _) => value.to_string(),
        (Some(Value::String(value)), _) => quote(value),
        (Some(Value::Bytes(value)), _) => {
            let hex = value.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
                hex
            });
            format!("Buffer.from(\"{hex}\", \"hex\")")
        }
        (None, kind) => zero(schema, kind, form),
    }
}

/// The default of a type. Bytes are `null`, as npm `protocol-buffers` has them.
pub(super) fn zero(schema: &Schema, kind: Kind, form: Int64) -> String {
    match kind {
        Kind::String => "\"\"".into(),
        Kind::Bool => "false".into(),
        Kind::Bytes | Kind::Message(_) | Kind::Group(_) => "null".into(),
        Kind::Enum(id) => schema[id].default_number().to_string(),
        Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64 => integer(0, form),
        _ => "0".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_cannot_end_early() {
        assert_eq!(quote("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(quote("\n\u{2028}é🎉"), r#""\u000a\u2028\u00e9\ud83c\udf89""#);
    }

    #[test]
    fn names_that_mean_something_do_not() {
        assert_eq!(get("age"), "o.age");
        assert_eq!(get("__proto__"), "own(o, \"__proto__\")");
        assert_eq!(get("a.b"), "o[\"a.b\"]");
        assert_eq!(set("__proto__", "v"), "define(o, \"__proto__\", v)");
        assert_eq!(key("__proto__"), "[\"__proto__\"]");
        assert_eq!(get("x;alert(1)"), "o[\"x;alert(1)\"]");
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(integer(1 << 53, Int64::Auto), "9007199254740992n");
        assert_eq!(integer(-5, Int64::BigInt), "-5n");
        assert_eq!(integer(5, Int64::String), "\"5\"");
        assert_eq!(float(-0.0), "-0.0");
        assert_eq!(float(f64::NEG_INFINITY), "-Infinity");
        assert_eq!(float(1e300), "1e300");
    }
}
