//! Creates JavaScript text that is safe for any schema. Every string is quoted, every property access uses a plain
//! identifier or is quoted, and names with a special meaning for every JavaScript object (`__proto__`, `constructor`)
//! are treated as plain properties.

use std::collections::HashSet;
use std::fmt::Write;

use super::{EmitOptions, Int64};
use crate::js::is_identifier;
pub(super) use crate::js::{key, quote};
use crate::proto::link::json_name;
use crate::proto::schema::{EnumId, Field, Kind, MessageId, Schema, Value, WellKnown};

/// The names that every object inherits. An absent property with such a name does not read as `undefined`.
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

/// The property of a decoded object for a field.
///
/// It is the field's own name. The same holds for an extension that is declared at the top level of its message's own
/// file, as in npm `protocol-buffers`. Other extensions could clash, so their property is `[full.name]`, as in JSON.
pub(super) fn property(schema: &Schema, field: &Field) -> String {
    if !field.is_extension || is_beside(schema, field) {
        field.name.to_string()
    } else {
        format!("[{}]", schema.field_full_name(field))
    }
}

/// Whether a field is an extension at the top level of its message's own file, whose name differs from all fields of
/// the message.
pub(super) fn is_beside(schema: &Schema, field: &Field) -> bool {
    field.is_extension
        && field.scope.is_none()
        && field.file == schema[field.message].file
        && schema.field_by_name(field.message, &field.name).is_none()
}

/// The property names of one message's objects.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Those of its fields, in order of declaration.
    fields: Vec<String>,
    /// Those of its extensions, in order of number.
    extensions: Vec<String>,
    /// Those of its oneofs, which hold the name of the member that is set: see [`EmitOptions::oneof_cases`].
    pub(super) oneofs: Vec<String>,
}

impl Names {
    /// Names as declared or in camel case. A name that would then be ambiguous stays as declared.
    pub(super) fn of(schema: &Schema, id: MessageId, options: &EmitOptions) -> Self {
        let message = &schema[id];
        let extensions = message.extensions.iter().map(|&field| &schema[field]);
        let mut names = Names {
            fields: schema
                .fields_of(id)
                .iter()
                .map(|field| field.name.to_string())
                .collect(),
            extensions: extensions.map(|field| property(schema, field)).collect(),
            oneofs: message.oneofs.iter().map(|oneof| oneof.name.to_string()).collect(),
        };
        if options.camel_case {
            let Names {
                fields,
                extensions,
                oneofs,
            } = &mut names;
            let mut taken: HashSet<String> = fields.iter().chain(&*extensions).chain(&*oneofs).cloned().collect();
            // An extension with the property `[full.name]` keeps its full name.
            let bare = extensions.iter_mut().filter(|name| !name.starts_with('['));
            for name in fields.iter_mut().chain(bare).chain(oneofs) {
                let camel = json_name(name);
                if *camel != **name && taken.insert(camel.to_string()) {
                    *name = camel.into();
                }
            }
        }
        names
    }

    /// The property name of a field or extension of the message.
    pub(super) fn property<'n>(&'n self, schema: &Schema, field: &Field) -> &'n str {
        if !field.is_extension {
            return &self.fields[field.index as usize];
        }
        let extensions = &schema[field.message].extensions;
        let at = extensions.partition_point(|&other| schema[other].number < field.number);
        &self.extensions[at]
    }
}

/// The names of the two helpers that convert a message of a well-known type to a native JavaScript value and back.
pub(super) fn conversion(schema: &Schema, kind: Kind, options: &EmitOptions) -> Option<(&'static str, &'static str)> {
    match schema[kind.message()?].well_known {
        Some(WellKnown::Timestamp) if options.dates => Some(("toDate", "fromDate")),
        Some(WellKnown::Duration) if options.durations => Some(("toMillis", "fromMillis")),
        _ => None,
    }
}

/// The expression `o.name`, which must read only properties of the object itself or its class, not those that every
/// object inherits.
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

/// A 64-bit integer in the form in which fields of this type are decoded.
pub(super) fn integer(value: i128, form: Int64) -> String {
    match form {
        Int64::Number => (value as f64).to_string(),
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
        // The shortest decimal that reads back as the same number, including `-0`.
        format!("{value:?}")
    }
}

/// The value of a singular field that is absent in the input.
pub(super) fn default(schema: &Schema, field: &Field, options: &EmitOptions) -> String {
    let form = options.int64;
    match (&field.default, field.kind) {
        (Some(Value::Enum(value)), Kind::Enum(id)) => number_of(schema, id, *value, options),
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
        (None, kind) => zero(schema, kind, options),
    }
}

/// An enum number, or its name.
fn number_of(schema: &Schema, id: EnumId, number: i32, options: &EmitOptions) -> String {
    let named = schema[id].values.iter().find(|value| value.number == number);
    match named.filter(|_| options.enum_names) {
        Some(value) => quote(&value.name),
        None => number.to_string(),
    }
}

/// The default of a type. For bytes, this is `null` as in npm `protocol-buffers`, or empty bytes.
pub(super) fn zero(schema: &Schema, kind: Kind, options: &EmitOptions) -> String {
    match kind {
        Kind::Bytes if options.presence => "EMPTY".into(),
        Kind::String => "\"\"".into(),
        Kind::Bool => "false".into(),
        Kind::Bytes | Kind::Message(_) | Kind::Group(_) => "null".into(),
        Kind::Enum(id) => number_of(schema, id, schema[id].default_number(), options),
        Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64 => integer(0, options.int64),
        _ => "0".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{CompileOptions, compile_source};

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
    fn camel_case_takes_no_name_of_another() {
        let source = "message A { optional int32 foo_bar = 1; optional int32 fooBar = 2; optional int32 a_b = 3; optional int32 a__b = 4;
            oneof c_d { int32 e_f = 5; } extensions 100 to max; }
            extend A { optional int32 own_name = 100; }
            message Scope { extend A { optional int32 far_name = 101; } }";
        let schema = compile_source("a.proto", source, &CompileOptions::lenient(), &mut |_| Ok(None)).unwrap();
        let options = EmitOptions {
            camel_case: true,
            ..EmitOptions::default()
        };
        let names = Names::of(&schema, MessageId(0), &options);
        assert_eq!(names.fields, ["foo_bar", "fooBar", "aB", "a__b", "eF"]);
        assert_eq!(names.oneofs, ["cD"]);
        assert_eq!(names.extensions, ["ownName", "[Scope.far_name]"]);
        let declared = Names::of(&schema, MessageId(0), &EmitOptions::default());
        assert_eq!(declared.fields[2], "a_b");
        assert_eq!(
            declared.property(&schema, &schema[schema[MessageId(0)].extensions[1]]),
            "[Scope.far_name]"
        );
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
