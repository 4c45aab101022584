//! JavaScript's strings: UTF-16 in and out, much faster than V8 transcodes them, because JSON is ASCII for the most part.

/// How many units from the start on are ASCII.
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

/// UTF-8 of UTF-16, in place of what `out` held. Lone surrogates become U+FFFD, as everywhere in Node.
pub fn from_utf16(units: &[u16], out: &mut Vec<u8>) {
    out.clear();
    out.reserve(units.len() + units.len() / 8 + 16);
    let mut rest = units;
    while !rest.is_empty() {
        let (run, after) = rest.split_at(ascii_run(rest));
        out.extend(run.iter().map(|unit| *unit as u8));
        rest = after;
        while rest.first().is_some_and(|unit| *unit >= 0x80) {
            let Some(char) = char::decode_utf16(rest.iter().copied()).next() else {
                return;
            };
            let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[char.len_utf16()..];
        }
    }
}

/// UTF-16 of UTF-8, in place of what `out` held.
pub fn to_utf16(text: &str, out: &mut Vec<u16>) {
    out.clear();
    out.reserve(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (run, after) = rest.split_at(ascii_run(rest.as_bytes()));
        out.extend(run.bytes().map(u16::from));
        rest = after;
        for char in rest.chars().take_while(|char| !char.is_ascii()) {
            out.extend_from_slice(char.encode_utf16(&mut [0; 2]));
            rest = &rest[char.len_utf8()..];
        }
    }
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
            to_utf16(&text, &mut utf16);
            prop_assert_eq!(utf16, encoded);
            from_utf16(&units, &mut utf8);
            prop_assert_eq!(utf8, String::from_utf16_lossy(&units).into_bytes());
        }
    }
}
