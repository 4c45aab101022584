//! JavaScript text that is safe for any schema or layout: names that are not plain identifiers are quoted.

use std::fmt::Write;

/// A string literal in ASCII. Quotes, control characters and all non-ASCII characters are escaped, so that it is
/// valid JSON too.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for unit in text.encode_utf16() {
        match unit {
            0x22 => out.push_str("\\\""),
            0x5c => out.push_str("\\\\"),
            0x20..=0x7e => out.push(unit as u8 as char),
            _ => write!(out, "\\u{unit:04x}").expect("writing to a String cannot fail"),
        }
    }
    out.push('"');
    out
}

/// Whether a name can follow a dot in JavaScript: letters, digits and underscores, not starting with a digit.
pub fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The name as a key of an object literal.
pub fn key(name: &str) -> String {
    match name {
        // As a quoted key it would still set the prototype; as a computed key it is a property.
        "__proto__" => "[\"__proto__\"]".into(),
        _ if is_identifier(name) => name.into(),
        _ => quote(name),
    }
}
