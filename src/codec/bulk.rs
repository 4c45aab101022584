//! Operations on whole buffers: hexadecimal, search, byte order.
//!
//! Everything here is faster than in Node. `npm run bench buffer` measures by how much, and `lib/codec/bulk.js` has
//! the sizes from which on it pays. SIMD comes from the crates and the compiler, and is chosen at run time for the
//! machine.

use hex_simd::{AsOut, AsciiCase};
use memchr::memmem;

/// Appends `bytes` as lower-case hexadecimal digits.
pub fn hex_encode(bytes: &[u8], out: &mut Vec<u8>) {
    hex_simd::encode_append(bytes, out, AsciiCase::Lower);
}

/// The number of digits that are decoded at once. If one is invalid, this block is decoded again pair by pair.
const HEX_BLOCK: usize = 1024;

/// Decodes pairs of hexadecimal digits up to the first invalid pair, and ignores the last digit of an odd number.
/// Returns the number of bytes written, at most the length of `out`.
pub fn hex_decode(digits: &[u8], out: &mut [u8]) -> usize {
    let pairs = (digits.len() / 2).min(out.len());
    let digits = &digits[..pairs * 2];
    let mut written = 0;
    for (block, room) in digits.chunks(HEX_BLOCK).zip(out.chunks_mut(HEX_BLOCK / 2)) {
        if hex_simd::decode(block, room.as_out()).is_err() {
            return written + hex_decode_prefix(block, room);
        }
        written += block.len() / 2;
    }
    written
}

/// Decodes pair by pair.
fn hex_decode_prefix(digits: &[u8], out: &mut [u8]) -> usize {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let mut written = 0;
    for ([high, low], byte) in digits.as_chunks::<2>().0.iter().zip(out) {
        let (Some(high), Some(low)) = (value(*high), value(*low)) else {
            break;
        };
        *byte = (high << 4 | low) as u8;
        written += 1;
    }
    written
}

/// Whether there are too many candidates in the bytes seen to check them one by one.
///
/// If the byte is rare, `memchr` for one byte is twice as fast as `memmem`. If it is frequent, each candidate costs a
/// restart.
fn is_frequent(candidates: usize, seen: usize) -> bool {
    candidates * 512 > seen + 4096
}

/// The offset of the first occurrence of `needle`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let &first = needle.first()?;
    // A match must begin before this offset.
    let end = (bytes.len() + 1).checked_sub(needle.len())?;
    let (mut from, mut candidates) = (0, 0);
    while !is_frequent(candidates, from) {
        let at = from + memchr::memchr(first, &bytes[from..end])?;
        if bytes[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
        candidates += 1;
    }
    memmem::find(&bytes[from..], needle).map(|at| from + at)
}

/// The offset of the last occurrence of `needle`.
pub fn find_last(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let (&last, rest) = needle.split_last()?;
    let (mut end, mut candidates) = (bytes.len(), 0);
    while !is_frequent(candidates, bytes.len() - end) {
        // A candidate for the last byte of a match.
        let at = memchr::memrchr(last, bytes.get(rest.len()..end)?)? + rest.len();
        if bytes[..at].ends_with(rest) {
            return Some(at - rest.len());
        }
        end = at;
        candidates += 1;
    }
    find_last_of_many(&bytes[..end], needle)
}

/// The number of bytes that are searched at a time from the end.
const LAST_BLOCK: usize = 4096;

/// Like [`find_last`], for many candidates. `memmem` has SIMD only for forward searches, so this goes back block by
/// block, and searches backwards only in the block that contains a match.
fn find_last_of_many(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let finder = memmem::Finder::new(needle);
    // A match must begin before this offset.
    let mut before = (bytes.len() + 1).saturating_sub(needle.len());
    let mut block = LAST_BLOCK / 8;
    while before > 0 {
        let start = before.saturating_sub(block);
        let part = &bytes[start..before - 1 + needle.len()];
        if finder.find(part).is_some() {
            return memmem::rfind(part, needle).map(|at| start + at);
        }
        before = start;
        block = LAST_BLOCK.max(needle.len());
    }
    None
}

/// Reverses each group of `N` bytes. An incomplete group at the end is unchanged.
#[inline(always)]
fn turn<const N: usize>(bytes: &mut [u8]) {
    // This many bytes are reversed with one shuffle instruction.
    const WIDE: usize = 32;
    let (wide, rest) = bytes.as_chunks_mut::<WIDE>();
    for chunk in wide {
        let was = *chunk;
        for (i, byte) in chunk.iter_mut().enumerate() {
            *byte = was[i ^ (N - 1)];
        }
    }
    for item in rest.as_chunks_mut::<N>().0 {
        item.reverse();
    }
}

/// Swaps the two bytes of each pair.
#[multiversion::multiversion(targets("x86_64+avx2", "x86_64+ssse3"))]
pub fn swap16(bytes: &mut [u8]) {
    turn::<2>(bytes);
}

/// Reverses each group of four bytes.
#[multiversion::multiversion(targets("x86_64+avx2", "x86_64+ssse3"))]
pub fn swap32(bytes: &mut [u8]) {
    turn::<4>(bytes);
}

/// Reverses each group of eight bytes.
#[multiversion::multiversion(targets("x86_64+avx2", "x86_64+ssse3"))]
pub fn swap64(bytes: &mut [u8]) {
    turn::<8>(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Swap = fn(&mut [u8]);

    #[test]
    fn what_is_empty_or_too_long_is_nowhere() {
        for needle in [b"".as_slice(), b"abc"] {
            assert_eq!(find(b"ab", needle), None);
            assert_eq!(find_last(b"ab", needle), None);
        }
        assert_eq!(find(b"", b"a"), None);
        assert_eq!(find_last(b"", b"a"), None);
    }

    proptest! {
        #[test]
        fn hex_there_and_back(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let mut text = Vec::new();
            hex_encode(&bytes, &mut text);
            let naive: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(&text, naive.as_bytes());
            let mut back = vec![0; bytes.len()];
            prop_assert_eq!(hex_decode(&text, &mut back), bytes.len());
            prop_assert_eq!(&back, &bytes);
            prop_assert_eq!(hex_decode(&text.to_ascii_uppercase(), &mut back), bytes.len());
            prop_assert_eq!(back, bytes);
        }

        #[test]
        fn hex_stops_at_what_is_none(
            mut text in "([0-9a-fA-F]{2}){0,1400}",
            at in any::<prop::sample::Index>(),
            junk in any::<u8>(),
            room in 0..1500usize,
        ) {
            let mut bytes = std::mem::take(&mut text).into_bytes();
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = junk;
            }
            let mut naive = vec![0; room];
            let expected = hex_decode_prefix(&bytes, &mut naive);
            let mut out = vec![0; room];
            prop_assert_eq!(hex_decode(&bytes, &mut out), expected);
            prop_assert_eq!(&out[..expected], &naive[..expected]);
        }

        #[test]
        fn finds_the_first_and_the_last(
            bytes in prop::collection::vec(0..3u8, 0..10_000),
            needle in prop::collection::vec(0..3u8, 1..12),
        ) {
            let naive = || bytes.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle).map(|(at, _)| at);
            prop_assert_eq!(find(&bytes, &needle), naive().next());
            prop_assert_eq!(find_last(&bytes, &needle), naive().next_back());
            prop_assert_eq!(find_last_of_many(&bytes, &needle), naive().next_back());
        }

        #[test]
        fn finds_a_last_one_that_is_alone(length in 1..20_000usize, at in any::<prop::sample::Index>(), size in 1..6000usize) {
            let at = at.index(length);
            let mut bytes = vec![b'.'; length];
            let end = length.min(at + size);
            bytes[at..end].fill(b'x');
            let needle = vec![b'x'; end - at];
            prop_assert_eq!(find_last(&bytes, &needle), Some(at));
            prop_assert_eq!(find_last(&bytes, b"xy"), None);
            prop_assert_eq!(find_last(&bytes, &vec![b'x'; length + 1]), None);
        }

        #[test]
        fn turns_as_the_integers_do(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let cases: [(usize, Swap); 3] = [(2, swap16), (4, swap32), (8, swap64)];
            for (size, swap) in cases {
                let mut swapped = bytes.clone();
                swap(&mut swapped);
                let mut naive = bytes.clone();
                for item in naive.chunks_exact_mut(size) {
                    item.reverse();
                }
                prop_assert_eq!(swapped, naive);
            }
        }
    }
}
