//! Preconditions (RFC 9110, 13), in the order of 13.2.2.

use super::fields::Fields;
use std::time::{Duration, SystemTime};

/// What a file's answer says of its state, which preconditions compare with.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'a> {
    /// The entity tag as it is sent, none when none is.
    pub etag: Option<&'a [u8]>,
    /// `Last-Modified`, in seconds since 1970; none when it is not sent.
    pub modified: Option<i64>,
}

/// What preconditions come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The file is sent.
    Send,
    /// 304: the client has it.
    NotModified,
    /// 412.
    Failed,
}

/// Evaluates all preconditions but `If-Range`.
pub fn evaluate(fields: &Fields<'_>, validators: Validators<'_>) -> Verdict {
    let present = |value: &Option<_>| matches!(value, Some(value) if !AsRef::<[u8]>::as_ref(value).is_empty());
    if let Some(condition) = fields.if_match.as_deref().filter(|value| !value.is_empty()) {
        if !matches(condition, validators.etag, strongly) {
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
    // A reload from end to end, as npm's `fresh` has it.
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

/// Whether ranges are to be sent: `If-Range` is absent, or names the file's present state beyond doubt (13.1.5).
pub fn range_applies(condition: Option<&[u8]>, validators: Validators<'_>) -> bool {
    let Some(condition) = condition.filter(|value| !value.is_empty()) else {
        return true;
    };
    if condition.contains(&b'"') {
        return validators.etag.is_some_and(|etag| strongly(condition, etag));
    }
    let (Some(date), Some(modified)) = (date(Some(condition)), validators.modified) else {
        return false;
    };
    // A file that changed within the second that its date names may have changed twice in it (8.8.2.2).
    date == modified && unix_seconds(SystemTime::now()) > modified + 1
}

/// Whether a list of tags, or `*`, names the tag.
fn matches(condition: &[u8], etag: Option<&[u8]>, same: fn(&[u8], &[u8]) -> bool) -> bool {
    // Tags of ours hold no comma, so that those that do cannot be taken for one by splitting there.
    condition == b"*"
        || etag.is_some_and(|etag| {
            condition
                .split(|&byte| byte == b',')
                .any(|one| same(one.trim_ascii(), etag))
        })
}

fn strongly(one: &[u8], other: &[u8]) -> bool {
    one == other && !one.starts_with(b"W/")
}

fn weakly(one: &[u8], other: &[u8]) -> bool {
    let opaque = |tag: &'_ [u8]| -> usize { if tag.starts_with(b"W/") { 2 } else { 0 } };
    one[opaque(one)..] == other[opaque(other)..]
}

/// A date in seconds since 1970; an invalid one is as good as none.
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

/// `Last-Modified` of a time in seconds since 1970; dates that HTTP cannot write become the nearest that it can.
pub fn format_date(seconds: i64) -> String {
    let seconds = seconds.clamp(0, LAST_DATE) as u64;
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// The end of the year 9999.
const LAST_DATE: i64 = 253_402_300_799;

fn says_no_cache(value: &[u8]) -> bool {
    value
        .split(|&byte| byte == b',')
        .any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-cache"))
}
