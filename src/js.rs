//! JavaScript text that is safe whatever a schema or a layout says: what is not a plain identifier is quoted.

use std::fmt::Write;

/// A string literal in ASCII: quotes, controls and everything beyond are escaped, so that it is valid JSON too.
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

/// Whether a name can stand behind a dot as it is: letters, digits and underscores, no digit first.
pub fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The key of an object literal.
pub fn key(name: &str) -> String {
    match name {
        // Quoted it would still set the prototype; computed it is a property.
        "__proto__" => "[\"__proto__\"]".into(),
        _ if is_identifier(name) => name.into(),
        _ => quote(name),
    }
}
