//! Preconditions (RFC 9110 §13), in the order of §13.2.2.

use super::fields::Fields;
use std::time::{Duration, SystemTime};

/// The properties of a file that preconditions are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'a> {
    /// The entity tag as it is sent; `None` if none is sent.
    pub etag: Option<&'a [u8]>,
    /// `Last-Modified` in seconds since 1970; `None` if it is not sent.
    pub modified: Option<i64>,
}

/// The result of evaluating preconditions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Send the file.
    Send,
    /// 304: the client already has the file.
    NotModified,
    /// 412: a precondition failed.
    Failed,
}

/// Evaluates all preconditions except `If-Range`.
pub fn evaluate(fields: &Fields<'_>, validators: Validators<'_>) -> Verdict {
    let present = |value: &Option<_>| matches!(value, Some(value) if !AsRef::<[u8]>::as_ref(value).is_empty());
    if let Some(condition) = fields.if_match.as_deref().filter(|value| !value.is_empty()) {
        if !matches(condition, validators.etag, names) {
            return Verdict::Failed;
        }
    } else if let Some(date) = date(fields.if_unmodified_since.as_deref())
        && validators.modified.is_none_or(|modified| modified > date)
    {
        return Verdict::Failed;
    }
    if !present(&fields.if_none_match) && !present(&fields.if_modified_since) {
        return Verdict::Send;
    }
    // A client that sends `no-cache` gets the file, as with npm's `fresh`.
    if fields.cache_control.as_deref().is_some_and(says_no_cache) {
        return Verdict::Send;
    }
    let unchanged = match fields.if_none_match.as_deref().filter(|value| !value.is_empty()) {
        Some(condition) => matches(condition, validators.etag, weakly),
        None => date(fields.if_modified_since.as_deref())
            .is_some_and(|date| validators.modified.is_some_and(|modified| modified <= date)),
    };
    if unchanged { Verdict::NotModified } else { Verdict::Send }
}

/// Whether ranges may be sent: `If-Range` is absent, or equals the tag or the date that the current file has. Weak
/// tags and dates are accepted, as in `send` and nginx: otherwise a client without a strong tag could not resume a
/// download at all. RFC 9110 §13.1.5 would require it to start again.
pub fn range_applies(condition: Option<&[u8]>, validators: Validators<'_>) -> bool {
    let Some(condition) = condition.filter(|value| !value.is_empty()) else {
        return true;
    };
    if condition.contains(&b'"') {
        return validators.etag == Some(condition);
    }
    date(Some(condition)).is_some_and(|date| validators.modified == Some(date))
}

/// Whether a list of tags, or `*`, contains the tag.
fn matches(condition: &[u8], etag: Option<&[u8]>, same: fn(&[u8], &[u8]) -> bool) -> bool {
    // Our tags contain no comma, so splitting at commas cannot produce a false match.
    condition == b"*"
        || etag.is_some_and(|etag| {
            condition
                .split(|&byte| byte == b',')
                .any(|one| same(one.trim_ascii(), etag))
        })
}

/// Compares tags for `If-Match` as `send` does: our weak tag matches itself, and its part without `W/`. A strong tag
/// matches no weak one (RFC 9110 §8.8.3.2).
fn names(one: &[u8], ours: &[u8]) -> bool {
    one == ours || ours.strip_prefix(b"W/") == Some(one)
}

fn weakly(one: &[u8], other: &[u8]) -> bool {
    opaque(one) == opaque(other)
}

fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// Parses a date into seconds since 1970. An invalid date counts as absent.
pub fn date(value: Option<&[u8]>) -> Option<i64> {
    let text = std::str::from_utf8(value?).ok()?;
    Some(unix_seconds(httpdate::parse_http_date(text).ok()?))
}

fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => since.as_secs() as i64,
        Err(before) => -(before.duration().as_secs() as i64),
    }
}

/// Formats seconds since 1970 for `Last-Modified`. Times that HTTP cannot express are replaced by the nearest that it
/// can.
pub fn format_date(seconds: i64) -> String {
    let seconds = seconds.clamp(0, LAST_DATE) as u64;
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// The last second of the year 9999.
const LAST_DATE: i64 = 253_402_300_799;

fn says_no_cache(value: &[u8]) -> bool {
    value
        .split(|&byte| byte == b',')
        .any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-cache"))
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Failed, NotModified, Send};
    use super::*;

    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const TIME: i64 = 784_111_777;

    fn verdict(lines: &str, etag: Option<&str>, modified: Option<i64>) -> Verdict {
        let lines = lines.replace("; ", "\r\n");
        let validators = Validators {
            etag: etag.map(str::as_bytes),
            modified,
        };
        evaluate(&Fields::parse(lines.as_bytes()), validators)
    }

    #[test]
    fn preconditions_of_a_weak_tag() {
        for (lines, expected) in [
            ("Host: a", Send),
            ("If-None-Match: W/\"a\"", NotModified),
            ("If-None-Match: \"a\"", NotModified),
            ("If-None-Match: \"b\", W/\"a\" , \"c\"", NotModified),
            ("If-None-Match: *", NotModified),
            ("If-None-Match: \"b\"", Send),
            ("If-None-Match: a", Send),
            ("If-None-Match: \"\"", Send),
            ("If-Match: *", Send),
            ("If-Match: W/\"a\"", Send),
            ("If-Match: \"a\"", Send),
            ("If-Match: \"b\", W/\"a\"", Send),
            ("If-Match: \"b\"", Failed),
            ("If-Match: W/\"b\"", Failed),
            ("If-Match: W/W/\"a\"", Failed),
            ("If-Match: a", Failed),
        ] {
            assert_eq!(verdict(lines, Some("W/\"a\""), Some(TIME)), expected, "{lines}");
        }
    }

    #[test]
    fn preconditions_of_a_strong_tag() {
        for (lines, expected) in [
            ("If-Match: \"a\"", Send),
            ("If-Match: \"b\", \"a\"", Send),
            ("If-Match: W/\"a\"", Failed),
            ("If-Match: \"b\"", Failed),
            ("If-None-Match: \"a\"", NotModified),
            ("If-None-Match: W/\"a\"", NotModified),
            // §13.2.2: first If-Match, or else If-Unmodified-Since; then If-None-Match, or else If-Modified-Since.
            ("If-Match: \"a\"; If-None-Match: \"a\"", NotModified),
            ("If-Match: \"b\"; If-None-Match: \"a\"", Failed),
        ] {
            assert_eq!(verdict(lines, Some("\"a\""), None), expected, "{lines}");
        }
        let dated = |lines: &str| verdict(lines, Some("\"a\""), Some(TIME));
        assert_eq!(dated(&format!("If-Match: \"a\"; If-Unmodified-Since: {BEFORE}")), Send);
        assert_eq!(
            dated(&format!("If-None-Match: \"b\"; If-Modified-Since: {AFTER}")),
            Send
        );
        assert_eq!(
            dated(&format!("If-None-Match: \"a\"; If-Modified-Since: {BEFORE}")),
            NotModified
        );
        assert_eq!(
            dated(&format!("If-Unmodified-Since: {BEFORE}; If-None-Match: \"a\"")),
            Failed
        );
        assert_eq!(
            dated(&format!("If-Unmodified-Since: {THEN}; If-None-Match: \"a\"")),
            NotModified
        );
    }

    #[test]
    fn preconditions_of_a_date() {
        for (field, date, expected) in [
            ("If-Modified-Since", THEN, NotModified),
            ("If-Modified-Since", AFTER, NotModified),
            ("If-Modified-Since", BEFORE, Send),
            ("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT", NotModified),
            ("If-Modified-Since", "Sun Nov  6 08:49:37 1994", NotModified),
            ("If-Modified-Since", "yesterday", Send),
            ("If-Modified-Since", "", Send),
            ("If-Unmodified-Since", THEN, Send),
            ("If-Unmodified-Since", AFTER, Send),
            ("If-Unmodified-Since", BEFORE, Failed),
            ("If-Unmodified-Since", "yesterday", Send),
        ] {
            assert_eq!(
                verdict(&format!("{field}: {date}"), None, Some(TIME)),
                expected,
                "{field}: {date}"
            );
        }
    }

    #[test]
    fn what_is_not_sent_matches_nothing() {
        assert_eq!(verdict("If-None-Match: \"a\"", None, None), Send);
        assert_eq!(verdict("If-None-Match: *", None, None), NotModified);
        assert_eq!(verdict("If-Match: \"a\"", None, None), Failed);
        assert_eq!(verdict("If-Match: *", None, None), Send);
        assert_eq!(verdict(&format!("If-Modified-Since: {THEN}"), None, None), Send);
        assert_eq!(verdict(&format!("If-Unmodified-Since: {THEN}"), None, None), Failed);
    }

    #[test]
    fn a_reload_from_end_to_end_is_answered_in_full() {
        for (directives, expected) in [
            ("no-cache", Send),
            ("No-Cache", Send),
            ("max-age=0, no-cache", Send),
            ("max-age=0", NotModified),
            ("no-cache-please", NotModified),
            ("x=no-cache", NotModified),
        ] {
            let lines = format!("Cache-Control: {directives}; If-None-Match: \"a\"");
            assert_eq!(verdict(&lines, Some("\"a\""), None), expected, "{directives}");
        }
        assert_eq!(
            verdict("Cache-Control: no-cache; If-Match: \"b\"", Some("\"a\""), None),
            Failed
        );
    }

    #[test]
    fn ranges_need_the_very_tag_or_date_that_was_sent() {
        let now = unix_seconds(SystemTime::now());
        for (etag, matching, others) in [
            ("\"a\"", "\"a\"", ["W/\"a\"", "\"b\"", "\"a\", \"b\""]),
            ("W/\"a\"", "W/\"a\"", ["\"a\"", "W/\"b\"", "W/\"a\", \"b\""]),
        ] {
            let applies = |condition: &str, modified: i64| {
                let validators = Validators {
                    etag: Some(etag.as_bytes()),
                    modified: Some(modified),
                };
                range_applies(Some(condition.as_bytes()), validators)
            };
            assert!(applies("", TIME));
            assert!(applies(matching, TIME));
            assert!(applies(THEN, TIME));
            // Also if the file was written just now.
            assert!(applies(&format_date(now), now));
            for condition in others.into_iter().chain([BEFORE, AFTER, "a", "*"]) {
                assert!(!applies(condition, TIME), "{condition} for {etag}");
            }
        }
        let none = Validators {
            etag: None,
            modified: None,
        };
        for condition in ["\"a\"", "W/\"a\"", THEN] {
            assert!(!range_applies(Some(condition.as_bytes()), none), "{condition}");
        }
    }

    #[test]
    fn dates_are_those_of_http() {
        assert_eq!(format_date(TIME), THEN);
        assert_eq!(date(Some(THEN.as_bytes())), Some(TIME));
        assert_eq!(format_date(-1), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(format_date(i64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(date(Some(b"\xff")), None);
    }
}
