//! Whole buffers at once: hex digits, search, byte order.
//!
//! What is here is faster than Node's own; `npm run bench buffer` says by how much, and `lib/codec/bulk.js` from which size on. The SIMD
//! is that of the crates, and the compiler's, chosen at run time for the machine.

use hex_simd::{AsOut, AsciiCase};
use memchr::memmem;

/// Appends the bytes as lower-case hex digits.
pub fn hex_encode(bytes: &[u8], out: &mut Vec<u8>) {
    hex_simd::encode_append(bytes, out, AsciiCase::Lower);
}

/// Digits that are decoded in one go: where one of them is none, so many are looked at again.
const HEX_BLOCK: usize = 1024;

/// Writes the bytes that pairs of hex digits stand for, up to the first pair that is none; what is left of an odd number does not count.
/// Returns how many it wrote, at most as many as `out` has room for.
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

/// The same, pair by pair.
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

/// Whether so many candidates in so many bytes are too many for looking at one after the other.
///
/// `memchr` for one byte is twice as fast as `memmem`, where that byte is rare; where it is frequent, each of them costs a new start.
fn is_frequent(candidates: usize, seen: usize) -> bool {
    candidates * 512 > seen + 4096
}

/// Where `needle` first lies in `bytes`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let &first = needle.first()?;
    // Where a match can begin is before this.
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

/// Where `needle` last lies in `bytes`.
pub fn find_last(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let (&last, rest) = needle.split_last()?;
    let (mut end, mut candidates) = (bytes.len(), 0);
    while !is_frequent(candidates, bytes.len() - end) {
        // The byte that the match ends with.
        let at = memchr::memrchr(last, bytes.get(rest.len()..end)?)? + rest.len();
        if bytes[..at].ends_with(rest) {
            return Some(at - rest.len());
        }
        end = at;
        candidates += 1;
    }
    find_last_of_many(&bytes[..end], needle)
}

/// What is searched in one go, from the end on.
const LAST_BLOCK: usize = 4096;

/// The same where candidates are frequent. `memmem` has SIMD only for searching forwards: so this goes back block by block, and looks
/// backwards only in the one that has it.
fn find_last_of_many(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let finder = memmem::Finder::new(needle);
    // Where a match can still begin is before this.
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

/// Turns each `N` bytes around; what is left at the end stays as it is.
#[inline(always)]
fn turn<const N: usize>(bytes: &mut [u8]) {
    // So many at once are one shuffle.
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

/// Turns the two bytes of each pair around.
#[multiversion::multiversion(targets("x86_64+avx2", "x86_64+ssse3"))]
pub fn swap16(bytes: &mut [u8]) {
    turn::<2>(bytes);
}

/// Turns each four bytes around.
#[multiversion::multiversion(targets("x86_64+avx2", "x86_64+ssse3"))]
pub fn swap32(bytes: &mut [u8]) {
    turn::<4>(bytes);
}

/// Turns each eight bytes around.
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
