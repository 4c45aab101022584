//! JSON strings, base64 and the names of field masks.

/// Appends `text` in quotes. Invalid UTF-8, which a schema may allow in a string, becomes U+FFFD.
pub(in crate::proto) fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    match simdutf8::basic::from_utf8(text) {
        Ok(_) => write_escaped(text, out),
        Err(_) => write_escaped(String::from_utf8_lossy(text).as_bytes(), out),
    }
    out.push(b'"');
}

/// Appends valid UTF-8, escaped.
#[inline]
pub(super) fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let special = super::lexer::find_special(rest, 0);
        out.extend_from_slice(&rest[..special]);
        let Some(&byte) = rest.get(special) else { return };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(&[
                    b'\\',
                    b'u',
                    b'0',
                    b'0',
                    HEX[usize::from(byte >> 4)],
                    HEX[usize::from(byte & 15)],
                ]);
            }
        }
        rest = &rest[special + 1..];
    }
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends standard base64 with padding.
pub(super) fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    let (triples, rest) = bytes.as_chunks::<3>();
    for &[a, b, c] in triples {
        let bits = u32::from_be_bytes([0, a, b, c]);
        out.extend_from_slice(&[18, 12, 6, 0].map(|shift| STANDARD[(bits >> shift & 63) as usize]));
    }
    match *rest {
        [a] => {
            let bits = u32::from(a) << 4;
            out.extend_from_slice(&[
                STANDARD[(bits >> 6) as usize],
                STANDARD[(bits & 63) as usize],
                b'=',
                b'=',
            ]);
        }
        [a, b] => {
            let bits = u32::from_be_bytes([0, 0, a, b]) << 2;
            out.extend_from_slice(&[12, 6, 0].map(|shift| STANDARD[(bits >> shift & 63) as usize]));
            out.push(b'=');
        }
        _ => {}
    }
}

const fn decode_table() -> [u8; 256] {
    let mut table = [0xff; 256];
    let mut index = 0;
    while index < 64 {
        table[STANDARD[index] as usize] = index as u8;
        index += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
}

static DECODE: [u8; 256] = decode_table();

/// Decodes base64 in the standard or URL-safe alphabet, with or without padding. `None` if it is invalid.
pub(super) fn read_base64(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let text = match text {
        [rest @ .., b'=', b'='] if text.len().is_multiple_of(4) => rest,
        [rest @ .., b'='] if text.len().is_multiple_of(4) => rest,
        _ => text,
    };
    out.reserve(text.len() / 4 * 3 + 2);
    let (quads, rest) = text.as_chunks::<4>();
    for &[a, b, c, d] in quads {
        let [a, b, c, d] = [a, b, c, d].map(|byte| DECODE[usize::from(byte)]);
        if (a | b | c | d) & 0x80 != 0 {
            return None;
        }
        let bits = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
        out.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    let digit = |at: usize| {
        Some(DECODE[usize::from(rest[at])])
            .filter(|value| *value < 64)
            .map(u32::from)
    };
    match rest.len() {
        0 => {}
        2 => out.push((digit(0)? << 2 | digit(1)? >> 4) as u8),
        3 => {
            let bits = digit(0)? << 12 | digit(1)? << 6 | digit(2)?;
            out.extend_from_slice(&[(bits >> 10) as u8, (bits >> 2) as u8]);
        }
        _ => return None,
    }
    Some(())
}

/// Converts a path of a field mask to JSON: `foo_bar.baz` becomes `fooBar.baz`. `None` if the reverse conversion
/// would not give the same path.
pub(super) fn mask_to_json(path: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut bytes = path.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'_' => out.push(
                bytes
                    .next()
                    .filter(|next| next.is_ascii_lowercase())?
                    .to_ascii_uppercase(),
            ),
            b'A'..=b'Z' | b'"' | b'\\' | b',' | 0..0x20 => return None,
            _ => out.push(byte),
        }
    }
    Some(())
}

/// The inverse of [`mask_to_json`].
pub(super) fn mask_from_json(path: &[u8], out: &mut Vec<u8>) -> Option<()> {
    for &byte in path {
        match byte {
            b'_' | b'"' | b'\\' | 0..0x20 => return None,
            b'A'..=b'Z' => out.extend_from_slice(&[b'_', byte.to_ascii_lowercase()]),
            _ => out.push(byte),
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        read_base64(text.as_bytes(), &mut out).map(|()| out)
    }

    #[test]
    fn base64_in_both_alphabets() {
        assert_eq!(decoded("-_"), Some(vec![0xfb]));
        assert_eq!(decoded("+/=="), Some(vec![0xfb]));
        assert_eq!(decoded(""), Some(vec![]));
        for wrong in [
            "a", "a===", "=", "====", "ab=c", "abc=d", "a b", "ab=", "\u{e9}a", "abcd=",
        ] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn control_characters() {
        let mut out = Vec::new();
        write_string(b"\0\x1f\"\\\n\xff/", &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\"\\u0000\\u001f\\\"\\\\\\n\u{fffd}/\""
        );
    }

    proptest! {
        #[test]
        fn base64_comes_back(bytes: Vec<u8>, padded: bool) {
            let mut text = Vec::new();
            write_base64(&bytes, &mut text);
            prop_assert_eq!(text.len() % 4, 0);
            let text = String::from_utf8(text).unwrap();
            let text = if padded { &text } else { text.trim_end_matches('=') };
            prop_assert_eq!(decoded(text), Some(bytes));
        }

        #[test]
        fn masks_come_back(path in "[a-z0-9._]{0,20}") {
            let mut json = Vec::new();
            if mask_to_json(path.as_bytes(), &mut json).is_some() {
                let mut back = Vec::new();
                prop_assert!(mask_from_json(&json, &mut back).is_some());
                prop_assert_eq!(back, path.into_bytes());
            }
        }
    }
}
