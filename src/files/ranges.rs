//! Parses `Range` (RFC 9110 §14) like npm's `range-parser`, which `send` uses. Where the two differ, the RFC wins.

use std::ops::Range;

/// The meaning of a `Range` field for a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ranges {
    /// Send the whole file: the field has another unit, is invalid, or has too many ranges.
    Whole,
    /// None of the ranges is within the file: 416.
    Unsatisfiable,
    /// Ranges that neither overlap nor touch, in the order in which they were requested.
    Some(Vec<Range<u64>>),
}

/// Parses the field for a file of `size` bytes. Ranges that overlap or touch are merged, so that no byte is sent
/// twice.
pub fn parse(value: &[u8], size: u64, max_ranges: usize) -> Ranges {
    let value = value.trim_ascii();
    let Some((unit, set)) = value.split_at_checked(6) else {
        return Ranges::Whole;
    };
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return Ranges::Whole;
    }
    let (mut ranges, mut count) = (Vec::new(), 0);
    for spec in set
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|spec| !spec.is_empty())
    {
        count += 1;
        if count > max_ranges {
            return Ranges::Whole;
        }
        match one(spec, size) {
            Some(range) if range.is_empty() => {}
            Some(range) => ranges.push(range),
            None => return Ranges::Whole,
        }
    }
    match count {
        0 => Ranges::Whole,
        _ if ranges.is_empty() => Ranges::Unsatisfiable,
        1 => Ranges::Some(ranges),
        _ => Ranges::Some(combine(ranges)),
    }
}

/// Parses one range. It is empty if it lies outside the file; `None` if it is invalid.
fn one(spec: &[u8], size: u64) -> Option<Range<u64>> {
    let dash = memchr::memchr(b'-', spec)?;
    let (first, last) = (spec[..dash].trim_ascii(), spec[dash + 1..].trim_ascii());
    if first.is_empty() {
        return Some(size.saturating_sub(position(last)?)..size);
    }
    let first = position(first)?;
    let end = if last.is_empty() {
        size
    } else {
        position(last)?.saturating_add(1).min(size)
    };
    Some(if first < end { first..end } else { 0..0 })
}

/// Parses digits. A number that is too large becomes the largest.
fn position(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |number: u64, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    }))
}

fn combine(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut ordered: Vec<(usize, Range<u64>)> = ranges.into_iter().enumerate().collect();
    ordered.sort_by_key(|(_, range)| range.start);
    let mut combined: Vec<(usize, Range<u64>)> = Vec::with_capacity(ordered.len());
    for (index, range) in ordered {
        match combined.last_mut() {
            Some((first, last)) if range.start <= last.end => {
                // As in `send`, merged ranges take the place of the one that was requested first.
                if range.end > last.end {
                    last.end = range.end;
                    *first = index.min(*first);
                }
            }
            _ => combined.push((index, range)),
        }
    }
    combined.sort_by_key(|(index, _)| *index);
    combined.into_iter().map(|(_, range)| range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "ranges are what is compared")]
    fn ranges_of_nine_bytes() {
        let some = |ranges: &[Range<u64>]| Ranges::Some(ranges.to_vec());
        for (value, expected) in [
            ("bytes=0-4", some(&[0..5])),
            ("bytes=0-0", some(&[0..1])),
            ("bytes=2-50", some(&[2..9])),
            ("bytes=3-", some(&[3..9])),
            ("bytes=-3", some(&[6..9])),
            ("bytes=-50", some(&[0..9])),
            ("bytes=0-", some(&[0..9])),
            ("BYTES=1-2", some(&[1..3])),
            (" bytes=1-2 ", some(&[1..3])),
            ("bytes= 1 - 2 ", some(&[1..3])),
            ("bytes=8-99999999999999999999999", some(&[8..9])),
            ("bytes=0-1,3-4", some(&[0..2, 3..5])),
            ("bytes=3-4,0-1", some(&[3..5, 0..2])),
            ("bytes=0-1,2-3", some(&[0..4])),
            ("bytes=0-4,2-6", some(&[0..7])),
            ("bytes=6-7,0-8", some(&[0..9])),
            ("bytes=0-1, ,3-4,", some(&[0..2, 3..5])),
            ("bytes=0-1,20-30", some(&[0..2])),
            ("bytes=-1,0-0", some(&[8..9, 0..1])),
            ("bytes=9-", Ranges::Unsatisfiable),
            ("bytes=9-50", Ranges::Unsatisfiable),
            ("bytes=-0", Ranges::Unsatisfiable),
            ("bytes=5-2", Ranges::Unsatisfiable),
            ("bytes=99999999999999999999999-", Ranges::Unsatisfiable),
            ("bytes=20-30,40-", Ranges::Unsatisfiable),
            ("bytes=", Ranges::Whole),
            ("bytes=,", Ranges::Whole),
            ("bytes=-", Ranges::Whole),
            ("bytes=a-b", Ranges::Whole),
            ("bytes=0-4,x", Ranges::Whole),
            ("bytes=1", Ranges::Whole),
            ("bytes=1-2-3", Ranges::Whole),
            ("bytes=+1-2", Ranges::Whole),
            ("bytes=1.0-2", Ranges::Whole),
            ("bytes", Ranges::Whole),
            ("bytes =0-4", Ranges::Whole),
            ("items=0-4", Ranges::Whole),
            ("asdf", Ranges::Whole),
            ("", Ranges::Whole),
        ] {
            assert_eq!(parse(value.as_bytes(), 9, 32), expected, "{value}");
        }
    }

    #[test]
    fn an_empty_file_has_no_ranges() {
        for value in ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"] {
            assert_eq!(parse(value.as_bytes(), 0, 32), Ranges::Unsatisfiable, "{value}");
        }
    }

    #[test]
    fn their_number_is_bounded() {
        let value = |count: usize| {
            format!(
                "bytes={}",
                (0..count).map(|at| format!("{0}-{0},", at * 2)).collect::<String>()
            )
        };
        assert!(matches!(parse(value(32).as_bytes(), 1_000, 32), Ranges::Some(ranges) if ranges.len() == 32));
        assert_eq!(parse(value(33).as_bytes(), 1_000, 32), Ranges::Whole);
        // Ranges that overlap or lie outside the file count as well, because parsing them costs as much.
        assert_eq!(parse("bytes=0-,0-,0-".as_bytes(), 9, 2), Ranges::Whole);
        assert_eq!(parse("bytes=90-,91-,92-".as_bytes(), 9, 2), Ranges::Whole);
    }

    proptest! {
        /// Compared with an implementation that marks single bytes.
        #[test]
        fn every_byte_asked_for_is_sent_once(
            size in 0u64..40,
            specs in prop::collection::vec((prop::option::of(0u64..50), prop::option::of(0u64..50)), 1..8),
        ) {
            let text = |(first, last): &(Option<u64>, Option<u64>)| {
                let number = |number: &Option<u64>| number.map_or(String::new(), |number| number.to_string());
                format!("{}-{}", number(first), number(last))
            };
            let value = format!("bytes={}", specs.iter().map(text).collect::<Vec<_>>().join(","));
            let mut wanted = vec![false; size as usize];
            for spec in &specs {
                for at in 0..size {
                    wanted[at as usize] |= match *spec {
                        (Some(first), Some(last)) => first <= at && at <= last,
                        (Some(first), None) => first <= at,
                        (None, Some(count)) => at + count >= size,
                        (None, None) => false,
                    };
                }
            }
            let malformed = specs.contains(&(None, None));
            match parse(value.as_bytes(), size, 32) {
                Ranges::Whole => prop_assert!(malformed),
                Ranges::Unsatisfiable => prop_assert!(!malformed && !wanted.contains(&true)),
                Ranges::Some(ranges) => {
                    let mut sent = vec![false; size as usize];
                    for range in &ranges {
                        prop_assert!(!range.is_empty());
                        for at in range.clone() {
                            prop_assert!(!std::mem::replace(&mut sent[at as usize], true), "{} twice", at);
                        }
                    }
                    prop_assert!(!malformed);
                    prop_assert_eq!(sent, wanted);
                    let touch = |one: &Range<u64>| ranges.iter().any(|other| one.end == other.start);
                    prop_assert!(!ranges.iter().any(touch));
                }
            }
        }

        #[test]
        fn anything_can_be_read(value in prop::collection::vec(any::<u8>(), 0..64), size in any::<u64>()) {
            if let Ranges::Some(ranges) = parse(&value, size, 32) {
                prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
            }
        }
    }
}
