//! `Timestamp` and `Duration` as text.
//!
//! Source: `timestamp.proto` and `duration.proto` for the ranges, RFC 3339 for the form.

use crate::calendar;
use std::io::Write;

/// `0001-01-01T00:00:00Z`, in seconds from the epoch.
const MIN_TIMESTAMP: i64 = -62_135_596_800;
/// `9999-12-31T23:59:59Z`.
const MAX_TIMESTAMP: i64 = 253_402_300_799;
/// The limit in `duration.proto`, about 10,000 years in seconds.
const MAX_DURATION: i64 = 315_576_000_000;

/// Appends `seconds` and `nanos` in the format of RFC 3339, without quotes. `None` if out of range.
pub(in crate::proto) fn write_timestamp(seconds: i64, nanos: i32, out: &mut Vec<u8>) -> Option<()> {
    if !(MIN_TIMESTAMP..=MAX_TIMESTAMP).contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return None;
    }
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, date) = calendar::civil(day);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    write!(out, "{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}").expect("a vector takes all");
    write_fraction(nanos.unsigned_abs(), out);
    out.push(b'Z');
    Some(())
}

/// Parses RFC 3339 with any offset and up to nanoseconds. `None` if it is invalid or out of range.
pub(in crate::proto) fn read_timestamp(text: &[u8]) -> Option<(i64, i32)> {
    let (head, rest) = text.split_at_checked(19)?;
    let two = |at: usize| digits(&head[at..at + 2]);
    let (year, month, date) = (digits(&head[..4])?, two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let punctuation = [head[4], head[7], head[10], head[13], head[16]];
    if &punctuation != b"--T::" {
        return None;
    }
    let (nanos, zone) = read_fraction(rest)?;
    let offset = match *zone {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), ref clock @ ..] if clock.len() == 5 && clock[2] == b':' => {
            let (hours, minutes) = (digits(&clock[..2])?, digits(&clock[3..])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            if sign == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    let seconds = calendar::seconds([year, month, date, hour, minute, second])? - offset;
    (MIN_TIMESTAMP..=MAX_TIMESTAMP)
        .contains(&seconds)
        .then_some((seconds, nanos))
}

/// Appends a duration (`-1.500s`) without quotes. `None` if it is out of range or the signs differ.
pub(in crate::proto) fn write_duration(seconds: i64, nanos: i32, out: &mut Vec<u8>) -> Option<()> {
    let in_range = seconds.unsigned_abs() <= MAX_DURATION as u64 && nanos.unsigned_abs() < 1_000_000_000;
    if !in_range || seconds.signum() * i64::from(nanos.signum()) < 0 {
        return None;
    }
    if seconds < 0 || nanos < 0 {
        out.push(b'-');
    }
    write!(out, "{}", seconds.unsigned_abs()).expect("a vector takes all");
    write_fraction(nanos.unsigned_abs(), out);
    out.push(b's');
    Some(())
}

/// The inverse of [`write_duration`]. Accepts any number of fraction digits up to nine.
pub(in crate::proto) fn read_duration(text: &[u8]) -> Option<(i64, i32)> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let end = text.iter().position(|byte| !byte.is_ascii_digit())?;
    // Twelve digits are enough for the range. Leading zeros are accepted up to 18 digits, for which `digits` cannot
    // overflow.
    if end == 0 || end > 18 {
        return None;
    }
    let seconds = digits(&text[..end])?;
    let (nanos, rest) = read_fraction(&text[end..])?;
    if rest != b"s" || seconds > MAX_DURATION {
        return None;
    }
    Some(if negative { (-seconds, -nanos) } else { (seconds, nanos) })
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

/// Writes no, three, six or nine digits: the fewest that represent the value.
fn write_fraction(nanos: u32, out: &mut Vec<u8>) {
    match nanos {
        0 => Ok(()),
        _ if nanos.is_multiple_of(1_000_000) => write!(out, ".{:03}", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1000) => write!(out, ".{:06}", nanos / 1000),
        _ => write!(out, ".{nanos:09}"),
    }
    .expect("a vector takes all");
}

/// Parses an optional `.123` into nanoseconds. Returns them and the rest.
fn read_fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let [b'.', rest @ ..] = text else {
        return Some((0, text));
    };
    let end = rest
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(rest.len());
    if end == 0 || end > 9 {
        return None;
    }
    let nanos = digits(&rest[..end])? * 10i64.pow(9 - end as u32);
    Some((nanos as i32, &rest[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn timestamp(seconds: i64, nanos: i32) -> Option<String> {
        let mut out = Vec::new();
        write_timestamp(seconds, nanos, &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn timestamps() {
        assert_eq!(timestamp(0, 0).unwrap(), "1970-01-01T00:00:00Z");
        assert_eq!(
            timestamp(MAX_TIMESTAMP, 999_999_999).unwrap(),
            "9999-12-31T23:59:59.999999999Z"
        );
        assert_eq!(timestamp(MIN_TIMESTAMP, 0).unwrap(), "0001-01-01T00:00:00Z");
        assert_eq!(timestamp(951_782_400, 10_000_000).unwrap(), "2000-02-29T00:00:00.010Z");
        assert_eq!(timestamp(-1, 1000).unwrap(), "1969-12-31T23:59:59.000001Z");
        for (seconds, nanos) in [
            (MAX_TIMESTAMP + 1, 0),
            (MIN_TIMESTAMP - 1, 0),
            (0, -1),
            (0, 1_000_000_000),
            (i64::MIN, 0),
        ] {
            assert_eq!(timestamp(seconds, nanos), None);
        }
        assert_eq!(read_timestamp(b"1970-01-01T01:00:00.5+01:00"), Some((0, 500_000_000)));
        assert_eq!(read_timestamp(b"1969-12-31T23:00:00-01:00"), Some((0, 0)));
        for wrong in [
            "1970-01-01t00:00:00Z",
            "1970-01-01T00:00:00z",
            "1970-01-01T00:00:00",
            "1970-01-01 00:00:00Z",
            "1970-01-01T00:00:00+0100",
            "1970-02-29T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:60Z",
            "0000-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.1234567890Z",
            "0001-01-01T00:00:00+00:01",
            "",
            "9999-12-31T23:59:59-00:01",
            "1970-01-01T00:00:00Zx",
            "1970-01-00T00:00:00Z",
            "+970-01-01T00:00:00Z",
        ] {
            assert_eq!(read_timestamp(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(read_duration(b"-0.5s"), Some((0, -500_000_000)));
        assert_eq!(
            read_duration(b"315576000000.999999999s"),
            Some((MAX_DURATION, 999_999_999))
        );
        for wrong in [
            "315576000001s",
            "1",
            "s",
            ".5s",
            "1.s",
            "--1s",
            "+1s",
            "1 s",
            "1.0000000000s",
            "1ss",
            "9999999999999999999999s",
            "",
        ] {
            assert_eq!(read_duration(wrong.as_bytes()), None, "{wrong}");
        }
        let mut out = Vec::new();
        for (seconds, nanos) in [
            (1, -1),
            (-1, 1),
            (i64::MIN, 0),
            (0, i32::MIN),
            (MAX_DURATION + 1, 0),
            (0, 1_000_000_000),
        ] {
            assert_eq!(write_duration(seconds, nanos, &mut out), None);
        }
    }

    proptest! {
        #[test]
        fn timestamps_come_back(seconds in MIN_TIMESTAMP..=MAX_TIMESTAMP, nanos in 0..1_000_000_000) {
            let text = timestamp(seconds, nanos).unwrap();
            prop_assert_eq!(read_timestamp(text.as_bytes()), Some((seconds, nanos)));
        }

        #[test]
        fn durations_come_back(seconds in -MAX_DURATION..=MAX_DURATION, nanos in 0..1_000_000_000i32) {
            let nanos = if seconds < 0 { -nanos } else { nanos };
            let mut out = Vec::new();
            write_duration(seconds, nanos, &mut out).unwrap();
            prop_assert_eq!(read_duration(&out), Some((seconds, nanos)));
        }
    }
}
