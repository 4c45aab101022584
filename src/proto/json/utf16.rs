//! Conversion of JavaScript strings from and to UTF-16. It is much faster than V8's own transcoding, because JSON is
//! mostly ASCII.

/// The number of ASCII units at the start.
fn ascii_run<T: Copy + Into<u32>>(units: &[T]) -> usize {
    let (chunks, _) = units.as_chunks::<16>();
    let ascii = |chunk: &&[T; 16]| chunk.iter().fold(0, |all, unit| all | (*unit).into()) < 0x80;
    let whole = chunks.iter().take_while(ascii).count() * 16;
    let rest = &units[whole..];
    whole
        + rest
            .iter()
            .position(|unit| (*unit).into() >= 0x80)
            .unwrap_or(rest.len())
}

/// Converts UTF-16 to UTF-8, replacing the contents of `out`. Returns `false` if there is a lone surrogate.
pub fn from_utf16(units: &[u16], out: &mut Vec<u8>) -> bool {
    out.clear();
    out.reserve(units.len() + units.len() / 8 + 16);
    let mut rest = units;
    while !rest.is_empty() {
        let (run, after) = rest.split_at(ascii_run(rest));
        out.extend(run.iter().map(|unit| *unit as u8));
        rest = after;
        while rest.first().is_some_and(|unit| *unit >= 0x80) {
            let Some(Ok(char)) = char::decode_utf16(rest.iter().copied()).next() else {
                return false;
            };
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[char.len_utf16()..];
        }
    }
    true
}

/// Converts UTF-8 to UTF-16; `None` if it is invalid. `memory` holds the result and can be reused.
pub fn to_utf16<'a>(bytes: &[u8], memory: &'a mut Vec<u16>) -> Option<&'a [u16]> {
    const WIDTH: usize = 16;
    const HIGH: u128 = u128::from_le_bytes([0x80; WIDTH]);
    // There are never more units than bytes. Contents of an earlier call are overwritten.
    if memory.len() < bytes.len() + WIDTH {
        memory.resize(bytes.len() + WIDTH, 0);
    }
    let (mut at, mut end) = (0, 0);
    loop {
        // Sixteen bytes are widened unconditionally. Only the leading ASCII units of the result count.
        while let Some(chunk) = bytes[at..].first_chunk::<WIDTH>() {
            let room = memory[end..].first_chunk_mut::<WIDTH>()?;
            for (unit, byte) in room.iter_mut().zip(chunk) {
                *unit = u16::from(*byte);
            }
            let high = u128::from_le_bytes(*chunk) & HIGH;
            if high != 0 {
                let run = high.trailing_zeros() as usize / 8;
                at += run;
                end += run;
                break;
            }
            at += WIDTH;
            end += WIDTH;
        }
        // Then converts single characters until sixteen bytes are left to try.
        loop {
            let rest = &bytes[at..];
            let Some(&byte) = rest.first() else {
                return Some(&memory[..end]);
            };
            let length = if byte >= 0x80 {
                let (char, length) = first_char(rest)?;
                end += char.encode_utf16(&mut memory[end..]).len();
                length
            } else if rest.len() < WIDTH {
                memory[end] = byte.into();
                end += 1;
                1
            } else {
                break;
            };
            at += length;
        }
    }
}

/// The non-ASCII character at the start of `bytes`, and its length in bytes (RFC 3629 §4).
#[inline]
fn first_char(bytes: &[u8]) -> Option<(char, usize)> {
    let (length, first, least) = match bytes[0] {
        lead @ 0xc2..=0xdf => (2, lead & 0x1f, 0x80),
        lead @ 0xe0..=0xef => (3, lead & 0x0f, 0x800),
        lead @ 0xf0..=0xf4 => (4, lead & 0x07, 0x10000),
        _ => return None,
    };
    let mut value = u32::from(first);
    for byte in bytes.get(1..length)? {
        if byte & 0xc0 != 0x80 {
            return None;
        }
        value = value << 6 | u32::from(byte & 0x3f);
    }
    // `char` excludes surrogates and values beyond Unicode.
    char::from_u32(value)
        .filter(|_| value >= least)
        .map(|char| (char, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_the_standard_library_does_it(text in "([ -~]{0,40}\\PC{0,3}){0,4}", units: Vec<u16>) {
            let encoded: Vec<u16> = text.encode_utf16().collect();
            let (mut utf8, mut utf16) = (vec![1], vec![1]);
            from_utf16(&encoded, &mut utf8);
            prop_assert_eq!(&utf8, text.as_bytes());
            prop_assert_eq!(to_utf16(text.as_bytes(), &mut utf16), Some(&encoded[..]));
            let whole = from_utf16(&units, &mut utf8);
            prop_assert_eq!(whole.then_some(utf8), String::from_utf16(&units).ok().map(String::into_bytes));
        }

        #[test]
        fn what_the_standard_library_refuses_is_refused(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0x80u8..0xc0, prop_oneof![Just(0xed), Just(0xe0), Just(0xf0), Just(0xf4)]], 0..24),
            text in "\\PC{0,20}",
            at in 0usize..20,
        ) {
            let mut mixed = text.into_bytes();
            let at = at.min(mixed.len());
            mixed.splice(at..at, bytes.iter().copied());
            for bytes in [bytes, mixed] {
                let expected = std::str::from_utf8(&bytes).ok().map(|text| text.encode_utf16().collect::<Vec<_>>());
                let mut memory = vec![7; 3];
                prop_assert_eq!(to_utf16(&bytes, &mut memory), expected.as_deref());
            }
        }
    }
}
