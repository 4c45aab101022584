//! The fields of a request that bear on a file's answer, found in one pass over its head.

use std::borrow::Cow;

/// Field lines are looked at by these names only.
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

/// A field's value without the white space around it; several lines of a name are one value, as Node joins them.
type Value<'a> = Option<Cow<'a, [u8]>>;

/// The values. An empty one counts as absent where `send` takes it so.
#[derive(Default, Debug)]
pub struct Fields<'a> {
    pub accept: Value<'a>,
    pub accept_encoding: Value<'a>,
    pub cache_control: Value<'a>,
    pub if_match: Value<'a>,
    pub if_modified_since: Value<'a>,
    pub if_none_match: Value<'a>,
    pub if_range: Value<'a>,
    pub if_unmodified_since: Value<'a>,
    pub range: Value<'a>,
    pub sec_fetch_mode: Value<'a>,
}

impl<'a> Fields<'a> {
    /// Reads `Name: value\r\n` lines; what is no such line is passed over.
    pub fn parse(lines: &'a [u8]) -> Fields<'a> {
        let mut fields = Fields::default();
        for (name, value) in each(lines) {
            fields.take(name, value);
        }
        fields
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        // The names of these lengths are few, so that most lines cost one comparison of a number.
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
            // Of a date the first line counts, as in Node: a list of dates is none.
            Some(_) if known.ends_with("-since") => {}
            Some(values) => {
                let values = values.to_mut();
                values.extend_from_slice(b", ");
                values.extend_from_slice(value);
            }
        }
    }
}

/// Names and values of `Name: value\r\n` lines.
pub fn each(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = lines;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            // Names are short: a plain loop ends before a vector search has begun.
            if let Some(colon) = line.iter().position(|&byte| byte == b':') {
                return Some((&line[..colon], line[colon + 1..].trim_ascii()));
            }
        }
        None
    })
}
