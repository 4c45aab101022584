//! `Range` (RFC 9110, 14): which bytes are asked for. As npm's `range-parser`, which `send` uses, with the RFC's reading where the two differ.

use std::ops::Range;

/// What a `Range` field comes to for a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ranges {
    /// No ranges of bytes, nothing that can be read, or more than allowed: the whole file is sent.
    Whole,
    /// None of the ranges is in the file: 416.
    Unsatisfiable,
    /// Ranges that neither overlap nor touch, in the order in which they were asked for.
    Some(Vec<Range<u64>>),
}

/// Reads the field for a file of `size` bytes. What overlaps or touches becomes one, so that no byte is sent twice.
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

/// One range; an empty one when it is not in the file, `None` when it cannot be read.
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

/// Digits; a number too large is as good as the largest.
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
                // `send` lets a range that extends another stand where the earlier of the two stood, and one within it disappear.
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
