//! The request fields that affect the answer for a file, collected in one pass over the head.

use std::borrow::Cow;

/// The names of the fields that are used.
pub const NAMES: [&str; 10] = [
    "accept",
    "accept-encoding",
    "cache-control",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
    "sec-fetch-mode",
];

/// The value of a field without surrounding whitespace. Several lines of one name are joined, as in Node.
type Value<'a> = Option<Cow<'a, [u8]>>;

/// The values of the fields. Where `send` treats an empty value as absent, it counts as absent.
#[derive(Default, Debug)]
pub struct Fields<'a> {
    /// `Accept`
    pub accept: Value<'a>,
    /// `Accept-Encoding`
    pub accept_encoding: Value<'a>,
    /// `Cache-Control`
    pub cache_control: Value<'a>,
    /// `If-Match`
    pub if_match: Value<'a>,
    /// `If-Modified-Since`
    pub if_modified_since: Value<'a>,
    /// `If-None-Match`
    pub if_none_match: Value<'a>,
    /// `If-Range`
    pub if_range: Value<'a>,
    /// `If-Unmodified-Since`
    pub if_unmodified_since: Value<'a>,
    /// `Range`
    pub range: Value<'a>,
    /// `Sec-Fetch-Mode`
    pub sec_fetch_mode: Value<'a>,
}

impl<'a> Fields<'a> {
    /// Parses `Name: value\r\n` lines. Other lines are ignored.
    pub fn parse(lines: &'a [u8]) -> Fields<'a> {
        let mut fields = Fields::default();
        for (name, value) in each(lines) {
            fields.take(name, value);
        }
        fields
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        // Few names share a length, so most lines cost only one comparison of lengths.
        let (slot, known) = match name.len() {
            5 => (&mut self.range, "range"),
            6 => (&mut self.accept, "accept"),
            8 if name[3] | 0x20 == b'm' => (&mut self.if_match, "if-match"),
            8 => (&mut self.if_range, "if-range"),
            13 if name[0] | 0x20 == b'c' => (&mut self.cache_control, "cache-control"),
            13 => (&mut self.if_none_match, "if-none-match"),
            14 => (&mut self.sec_fetch_mode, "sec-fetch-mode"),
            15 => (&mut self.accept_encoding, "accept-encoding"),
            17 => (&mut self.if_modified_since, "if-modified-since"),
            19 => (&mut self.if_unmodified_since, "if-unmodified-since"),
            _ => return,
        };
        if !name.eq_ignore_ascii_case(known.as_bytes()) {
            return;
        }
        match slot {
            None => *slot = Some(Cow::Borrowed(value)),
            // Of several date lines, the first counts, as in Node: a list of dates has no meaning.
            Some(_) if known.ends_with("-since") => {}
            Some(values) => {
                let values = values.to_mut();
                values.extend_from_slice(b", ");
                values.extend_from_slice(value);
            }
        }
    }
}

/// Iterates over the names and values of `Name: value\r\n` lines.
pub fn each(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = lines;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            // Names are short, so a plain loop is faster than a vector search.
            if let Some(colon) = line.iter().position(|&byte| byte == b':') {
                return Some((&line[..colon], line[colon + 1..].trim_ascii()));
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'a>(value: &'a Value<'_>) -> Option<&'a str> {
        value.as_deref().map(|value| std::str::from_utf8(value).unwrap())
    }

    #[test]
    fn fields_are_found_in_any_spelling_and_joined_as_node_joins_them() {
        let fields = Fields::parse(
            b"Host: a\r\nACCEPT: x\r\naccept-encoding:br\r\nAccept-Encoding:  gzip \r\nif-modified-since: 1\r\nIf-Modified-Since: 2\r\n\
              If-None-Match: \"a\"\r\nIf-None-Match: \"b\"\r\nno colon\r\n: none\r\nIf-Range: r\r\nIf-Match: m\r\nSec-Fetch-Mode: cors\r\n\
              Cache-Control: no-cache\r\nIf-Unmodified-Since: u\r\nRange: bytes=0-1\r\nX-Range: no\r\nranges: no\r\nXange: no\r\n",
        );
        assert_eq!(text(&fields.accept), Some("x"));
        assert_eq!(text(&fields.accept_encoding), Some("br, gzip"));
        assert_eq!(text(&fields.if_modified_since), Some("1"));
        assert_eq!(text(&fields.if_none_match), Some("\"a\", \"b\""));
        assert_eq!(text(&fields.if_range), Some("r"));
        assert_eq!(text(&fields.if_match), Some("m"));
        assert_eq!(text(&fields.sec_fetch_mode), Some("cors"));
        assert_eq!(text(&fields.cache_control), Some("no-cache"));
        assert_eq!(text(&fields.if_unmodified_since), Some("u"));
        assert_eq!(text(&fields.range), Some("bytes=0-1"));
    }

    #[test]
    fn every_name_has_its_field_and_no_other() {
        for name in NAMES {
            let line = format!("{name}: value\r\n");
            let fields = Fields::parse(line.as_bytes());
            let Fields {
                accept,
                accept_encoding,
                cache_control,
                if_match,
                if_modified_since,
                if_none_match,
                if_range,
                if_unmodified_since,
                range,
                sec_fetch_mode,
            } = &fields;
            let values = [
                accept,
                accept_encoding,
                cache_control,
                if_match,
                if_modified_since,
                if_none_match,
                if_range,
                if_unmodified_since,
                range,
                sec_fetch_mode,
            ];
            let set = values
                .iter()
                .zip(NAMES)
                .filter(|(value, _)| value.is_some())
                .map(|(_, name)| name);
            assert_eq!(set.collect::<Vec<_>>(), [name]);
        }
    }

    #[test]
    fn lines_need_no_end() {
        assert_eq!(text(&Fields::parse(b"Range: bytes=1-").range), Some("bytes=1-"));
        assert_eq!(text(&Fields::parse(b"Range: a\nRange:").range), Some("a, "));
        assert!(Fields::parse(b"").range.is_none());
    }
}
