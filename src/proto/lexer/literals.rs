//! The values of number and string tokens.

use std::borrow::Cow;

use super::Token;

/// The value of an integer token; `None` above 2^64 - 1.
pub fn integer(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        u64::from_str_radix(digits, 16).ok()
    } else if text.len() > 1 && text.starts_with('0') {
        u64::from_str_radix(text, 8).ok()
    } else {
        text.parse().ok()
    }
}

/// Decodes a string token. The result borrows the source if nothing is escaped. The error describes the invalid
/// escape.
pub fn unquote<'a>(token: &Token<'a>) -> Result<Cow<'a, [u8]>, String> {
    let inner = &token.text.as_bytes()[1..token.text.len() - 1];
    match memchr::memchr(b'\\', inner) {
        None => Ok(Cow::Borrowed(inner)),
        Some(_) => unescape_all(inner).map(Cow::Owned),
    }
}

/// The bytes of a text with escape sequences.
pub fn unescape_all(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        rest = if *byte == b'\\' {
            unescape(tail, &mut out)?
        } else {
            tail
        };
        if *byte != b'\\' {
            out.push(*byte);
        }
    }
    Ok(out)
}

/// Decodes the escape after a backslash, appends its bytes, and returns the rest.
fn unescape<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], String> {
    let Some((&letter, rest)) = text.split_first() else {
        return Err("a string ends with a backslash".into());
    };
    let simple = match letter {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' | b'?' | b'\'' | b'"' => letter,
        b'0'..=b'7' => {
            let (value, length) = radix(text, 8, 3);
            out.push(value as u8);
            return Ok(&text[length..]);
        }
        b'x' | b'X' => {
            let (value, length) = radix(rest, 16, 2);
            if length == 0 {
                return Err("expected hexadecimal digits after \\x".into());
            }
            out.push(value as u8);
            return Ok(&rest[length..]);
        }
        b'u' | b'U' => return unicode(letter, rest, out),
        _ => return Err(format!("\\{} is not an escape sequence", letter.escape_ascii())),
    };
    out.push(simple);
    Ok(rest)
}

/// `\uXXXX` (a pair of surrogates makes one character) and `\UXXXXXXXX`.
fn unicode<'a>(letter: u8, rest: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], String> {
    let digits = if letter == b'u' { 4 } else { 8 };
    let (mut value, length) = radix(rest, 16, digits);
    if length != digits {
        return Err(format!(
            "expected {digits} hexadecimal digits after \\{}",
            letter as char
        ));
    }
    let mut rest = &rest[digits..];
    if let (0xd800..=0xdbff, Some(tail)) = (value, rest.strip_prefix(b"\\u"))
        && let (low @ 0xdc00..=0xdfff, 4) = radix(tail, 16, 4)
    {
        value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
        rest = &tail[4..];
    }
    let character = char::from_u32(value).ok_or_else(|| format!("U+{value:04X} is not a Unicode character"))?;
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(rest)
}

fn radix(text: &[u8], radix: u32, most: usize) -> (u32, usize) {
    let mut value = 0;
    let mut length = 0;
    while length < most {
        match text.get(length).and_then(|&byte| (byte as char).to_digit(radix)) {
            Some(digit) => value = value * radix + digit,
            None => break,
        }
        length += 1;
    }
    (value, length)
}
