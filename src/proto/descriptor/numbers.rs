//! Conversion of default values to and from the text in descriptors.

use std::borrow::Cow;

use crate::proto::schema::{Kind, Value};

/// Numbers of `FieldDescriptorProto.Type`.
pub fn type_number(kind: Kind) -> u64 {
    match kind {
        Kind::Double => 1,
        Kind::Float => 2,
        Kind::Int64 => 3,
        Kind::Uint64 => 4,
        Kind::Int32 => 5,
        Kind::Fixed64 => 6,
        Kind::Fixed32 => 7,
        Kind::Bool => 8,
        Kind::String => 9,
        Kind::Group(_) => 10,
        Kind::Message(_) => 11,
        Kind::Bytes => 12,
        Kind::Uint32 => 13,
        Kind::Enum(_) => 14,
        Kind::Sfixed32 => 15,
        Kind::Sfixed64 => 16,
        Kind::Sint32 => 17,
        Kind::Sint64 => 18,
    }
}

/// The scalar type of a number of `FieldDescriptorProto.Type`.
pub fn scalar_type(number: u64) -> Option<Kind> {
    Some(match number {
        1 => Kind::Double,
        2 => Kind::Float,
        3 => Kind::Int64,
        4 => Kind::Uint64,
        5 => Kind::Int32,
        6 => Kind::Fixed64,
        7 => Kind::Fixed32,
        8 => Kind::Bool,
        9 => Kind::String,
        12 => Kind::Bytes,
        13 => Kind::Uint32,
        15 => Kind::Sfixed32,
        16 => Kind::Sfixed64,
        17 => Kind::Sint32,
        18 => Kind::Sint64,
        _ => return None,
    })
}

/// A default value as text. The caller must handle enums, whose text is the name.
pub fn default_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Double(value) => float_text(*value, |value, digits| (general(value, digits), value), 15, 17).into(),
        Value::Float(value) => float_text(
            *value as f64,
            |value, digits| (general(value, digits), value as f32 as f64),
            // In C, subnormal numbers are out of range, so `protoc` prints them with full precision.
            if value.is_subnormal() { 9 } else { 6 },
            9,
        )
        .into(),
        Value::Int32(value) | Value::Enum(value) => value.to_string().into(),
        Value::Int64(value) => value.to_string().into(),
        Value::Uint32(value) => value.to_string().into(),
        Value::Uint64(value) => value.to_string().into(),
        Value::Bool(value) => if *value { "true" } else { "false" }.into(),
        Value::String(value) => Cow::Borrowed(value),
        Value::Bytes(value) => escape(value).into(),
    }
}

/// Formats with the shorter of two precisions if that reads back as the same number, as `protoc` does.
fn float_text(value: f64, print: impl Fn(f64, usize) -> (String, f64), short: usize, long: usize) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let (text, _) = print(value, short);
    let back = text.parse::<f64>().unwrap_or(f64::NAN);
    if print(back, short).1 == print(value, short).1 {
        text
    } else {
        print(value, long).0
    }
}

/// C's `%.{digits}g`.
fn general(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
    trim(&format!("{value:.*}", (digits as i32 - 1 - exponent) as usize))
}

fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' => out.push_str("\\\""),
            b'\'' => out.push_str("\\'"),
            b'\\' => out.push_str("\\\\"),
            0x20..=0x7e => out.push(byte as char),
            _ => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_c() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (0.1, "0.1"),
            (1e10, "10000000000"),
            (1e15, "1e+15"),
            (1e-5, "1e-05"),
            (1.0 / 3.0, "0.33333333333333331"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(default_text(&Value::Double(value)), expected);
        }
        for (value, expected) in [
            (0.1f32, "0.1"),
            (1e9, "1e+09"),
            (f32::MAX, "3.40282347e+38"),
            (16777216.0, "16777216"),
            (1e-45, "1.40129846e-45"),
        ] {
            assert_eq!(default_text(&Value::Float(value)), expected);
        }
    }

    #[test]
    fn bytes_are_escaped() {
        assert_eq!(
            default_text(&Value::Bytes(Box::from(&b"a\n\"'\\\x00\xff7"[..]))),
            "a\\n\\\"\\'\\\\\\000\\3777"
        );
    }
}
