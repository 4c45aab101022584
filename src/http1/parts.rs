//! The positions of body parts. [`Conn`](super::Conn) gives them relative to the bytes that it was fed. The caller
//! may keep these bytes elsewhere, and adjusts the positions with this module.

use super::{EVENT_WORDS, event, row};
use std::ops::Range;

/// The body-part events among `events`.
fn each(events: &mut [u32]) -> impl Iterator<Item = &mut [u32]> {
    events
        .chunks_exact_mut(EVENT_WORDS)
        .filter(|words| words[0] == event::BODY)
}

/// Adds `by` to the position of each part, after all input bytes have moved by that distance.
pub fn move_on(events: &mut [u32], by: usize) {
    each(events).for_each(|words| words[row::PART] += by as u32);
}

/// Makes the positions relative to the start of the first part. Returns the range that spans all parts, which is
/// empty if there are none.
pub fn trim(events: &mut [u32]) -> Range<usize> {
    let mut span = 0..0;
    for words in each(events) {
        let start = words[row::PART] as usize;
        let end = start + words[row::PART_LENGTH] as usize;
        span = if span.is_empty() { start..end } else { span.start..end };
        words[row::PART] -= span.start as u32;
    }
    span
}

/// Copies only the body parts of `bytes` to the end of `body`, and adjusts their positions to that.
pub fn gather(events: &mut [u32], bytes: &[u8], body: &mut Vec<u8>) {
    for words in each(events) {
        let (start, length) = (words[row::PART] as usize, words[row::PART_LENGTH] as usize);
        words[row::PART] = body.len() as u32;
        body.extend_from_slice(&bytes[start..start + length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A head, two body parts with other bytes between them, and the end of the body.
    fn events() -> Vec<u32> {
        let mut events = vec![0; 4 * EVENT_WORDS];
        for (at, kind, start, length) in [
            (0, event::REQUEST, 1, 1),
            (1, event::BODY, 4, 3),
            (2, event::BODY, 9, 2),
            (3, event::END, 1, 1),
        ] {
            let words = &mut events[at * EVENT_WORDS..];
            words[0] = kind;
            words[row::PART] = start;
            words[row::PART_LENGTH] = length;
        }
        events
    }

    fn places(events: &[u32]) -> Vec<u32> {
        events.chunks_exact(EVENT_WORDS).map(|words| words[row::PART]).collect()
    }

    #[test]
    fn only_parts_of_bodies_are_placed() {
        let mut moved = events();
        move_on(&mut moved, 10);
        assert_eq!(places(&moved), [1, 14, 19, 1]);

        let mut trimmed = events();
        assert_eq!(trim(&mut trimmed), 4..11);
        assert_eq!(places(&trimmed), [1, 0, 5, 1]);
        assert_eq!(trim(&mut events()[..EVENT_WORDS]), 0..0);

        let mut gathered = events();
        let mut body = b"before".to_vec();
        gather(&mut gathered, b"HEADone, two", &mut body);
        assert_eq!(body, b"beforeonetw");
        assert_eq!(places(&gathered), [1, 6, 9, 1]);
    }
}
