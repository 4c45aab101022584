//! Lists of fields: the headers and trailers of messages, and the rules that make one malformed (RFC 9113, 8.2 and
//! 8.3).
//!
//! A list that passes these checks can safely be forwarded as HTTP/1: no value contains a line break, `content-length`
//! occurs once at most, and there are no fields about a connection.

use super::hpack::Field;
use std::ops::Range;

/// What kind of list it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The header of a request.
    Request,
    /// The header of a response, final or informational (1xx).
    Response,
    /// The trailers of either.
    Trailers,
}

/// A received list. Its buffer is reused for the next list.
#[derive(Clone, Debug)]
pub struct Fields {
    kind: Kind,
    /// `name NUL value NUL` for every field, in the order of their arrival. A byte 1 before a name marks a sensitive
    /// field, which must never be put into an HPACK table.
    text: Vec<u8>,
    count: u32,
    size: usize,
    /// The largest size. Nothing is kept of a larger list.
    max_size: usize,
    max_count: u32,
    method: Range<usize>,
    path: Range<usize>,
    seen: u32,
    /// Whether a field other than a pseudo-header has been received.
    regular: bool,
    status: u16,
    content_length: Option<u64>,
    malformed: Option<&'static str>,
}

/// Bits of [`Fields`]' `seen`: what the list contains.
mod seen {
    pub const METHOD: u32 = 1;
    pub const SCHEME: u32 = 2;
    pub const PATH: u32 = 4;
    pub const AUTHORITY: u32 = 8;
    pub const PROTOCOL: u32 = 16;
    pub const STATUS: u32 = 32;
    pub const HOST: u32 = 64;
    pub const ASTERISK: u32 = 128;
    pub const CONNECT: u32 = 256;
    pub const OPTIONS: u32 = 512;
    pub const HTTP: u32 = 1024;
}

/// The bytes allowed in a name: a lower-case token (RFC 9113, 8.2.1).
const NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = matches!(octet as u8, b'a'..=b'z' | b'0'..=b'9' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
        octet += 1;
    }
    table
};

/// The fields of a text in the form that [`Fields::text`] returns.
pub fn pairs(text: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut parts = text.split(|&octet| octet == 0);
    std::iter::from_fn(move || {
        let (name, value) = (parts.next()?, parts.next()?);
        let (sensitive, name) = match name.split_first() {
            Some((1, name)) => (true, name),
            _ => (false, name),
        };
        Some(Field { name, value, sensitive })
    })
}

/// Whether a value contains only allowed bytes and has no white space at its ends (RFC 9110, 5.5). Like nghttp2, this
/// is stricter than the RFC.
pub fn is_value(value: &[u8]) -> bool {
    let is_text = |&octet: &u8| octet >= 0x20 && octet != 0x7f || octet == b'\t';
    value.iter().all(is_text) && !is_blank_edged(value)
}

fn is_blank_edged(value: &[u8]) -> bool {
    [value.first(), value.last()]
        .iter()
        .any(|octet| matches!(octet, Some(b' ' | b'\t')))
}

/// Whether this is a valid name of a field other than a pseudo-header.
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&octet| NAME[usize::from(octet)])
}

impl Default for Fields {
    fn default() -> Fields {
        Fields {
            kind: Kind::Request,
            text: Vec::new(),
            count: 0,
            size: 0,
            max_size: 0,
            max_count: 0,
            method: 0..0,
            path: 0..0,
            seen: 0,
            regular: false,
            status: 0,
            content_length: None,
            malformed: None,
        }
    }
}

impl Fields {
    /// Starts a new list, with limits on its size and its number of fields.
    pub(super) fn begin(&mut self, kind: Kind, max_size: usize, max_count: u32) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        *self = Fields {
            kind,
            text,
            max_size,
            max_count,
            ..Fields::default()
        };
    }

    /// The fields, to be read with [`pairs`].
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The number of fields.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The range of the value of `:method` in the text.
    pub fn method(&self) -> Range<usize> {
        self.method.clone()
    }

    /// The range of the value of `:path` in the text; empty for `CONNECT`.
    pub fn path(&self) -> Range<usize> {
        self.path.clone()
    }

    /// The value of `:status`, or 0.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The value of `content-length`.
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Whether this is a `CONNECT` request without a `:protocol`.
    pub fn is_tunnel(&self) -> bool {
        self.has(seen::CONNECT) && !self.has(seen::PROTOCOL)
    }

    /// Whether this is a `HEAD` request.
    pub fn is_head(&self) -> bool {
        self.kind == Kind::Request && &self.text[self.method.clone()] == b"HEAD"
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.size > self.max_size || self.count > self.max_count
    }

    fn has(&self, bit: u32) -> bool {
        self.seen & bit != 0
    }

    /// Adds a field. An error is only reported by [`Fields::finish`].
    pub(super) fn add(&mut self, field: Field<'_>) {
        self.size = self.size.saturating_add(field.size());
        self.count += 1;
        if self.is_too_large() {
            self.text.clear();
            return;
        }
        if !field.name.starts_with(b":") && is_blank_edged(field.value) {
            // nghttp2 ignores such a field, too.
            return;
        }
        if let Err(why) = self.check(field) {
            self.malformed.get_or_insert(why);
            return;
        }
        if field.sensitive {
            self.text.push(1);
        }
        self.text.extend_from_slice(field.name);
        self.text.push(0);
        let value = self.text.len()..self.text.len() + field.value.len();
        match field.name {
            b":method" => self.method = value,
            b":path" => self.path = value,
            _ => {}
        }
        self.text.extend_from_slice(field.value);
        self.text.push(0);
    }

    fn check(&mut self, Field { name, value, .. }: Field<'_>) -> Result<(), &'static str> {
        if !is_value(value) {
            return Err("a field value contains a forbidden character, or starts or ends with a space or tab");
        }
        if let Some((b':', _)) = name.split_first() {
            return self.check_pseudo(name, value);
        }
        if !is_name(name) {
            return Err("a field name is empty, or not a token in lower case");
        }
        self.regular = true;
        match name {
            b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding" | b"upgrade" => {
                Err("a connection-specific field, such as connection or transfer-encoding, is not allowed in HTTP/2")
            }
            b"te" if !value.eq_ignore_ascii_case(b"trailers") => Err("the field te may only have the value trailers"),
            b"host" if self.kind == Kind::Request => {
                if !is_authority(value) {
                    return Err("the host is not valid");
                }
                self.once(seen::HOST)
            }
            b"content-length" if self.kind != Kind::Trailers => {
                let digits = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
                if self.content_length.is_some() || !digits {
                    return Err("content-length is not a number, or has several values");
                }
                self.content_length = Some(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn once(&mut self, bit: u32) -> Result<(), &'static str> {
        if self.has(bit) {
            return Err("a pseudo-header or the field host occurs twice");
        }
        self.seen |= bit;
        Ok(())
    }

    fn check_pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        if self.regular {
            return Err("a pseudo-header must come before all other fields");
        }
        let blank = value.iter().any(|octet| matches!(octet, b' ' | b'\t'));
        match (self.kind, name) {
            (Kind::Request, b":method") if is_method(value) => {
                self.once(seen::METHOD)?;
                match value {
                    b"CONNECT" => self.seen |= seen::CONNECT,
                    b"OPTIONS" => self.seen |= seen::OPTIONS,
                    _ => {}
                }
                Ok(())
            }
            (Kind::Request, b":scheme") if is_scheme(value) => {
                self.once(seen::SCHEME)?;
                if value.eq_ignore_ascii_case(b"http") || value.eq_ignore_ascii_case(b"https") {
                    self.seen |= seen::HTTP;
                }
                Ok(())
            }
            (Kind::Request, b":path") if !value.is_empty() && !blank => {
                self.once(seen::PATH)?;
                if value == b"*" {
                    self.seen |= seen::ASTERISK;
                } else if value[0] != b'/' {
                    // Other paths are only possible with other schemes than HTTP's, which are not supported.
                    return Err(":path must begin with a slash");
                }
                Ok(())
            }
            (Kind::Request, b":authority") if is_authority(value) => self.once(seen::AUTHORITY),
            (Kind::Request, b":protocol") if is_method(value) => self.once(seen::PROTOCOL),
            (Kind::Response, b":status") => {
                let &[hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = value else {
                    return Err(":status must be a number of three digits");
                };
                let digit = |octet: u8| u16::from(octet - b'0');
                self.status = digit(hundreds) * 100 + digit(tens) * 10 + digit(ones);
                self.once(seen::STATUS)
            }
            (Kind::Request, b":method" | b":scheme" | b":path" | b":authority" | b":protocol") => {
                Err("a pseudo-header has an invalid value")
            }
            _ => Err("a pseudo-header is unknown or not allowed here"),
        }
    }

    /// Checks the complete list. `extended` says whether a request may have a `:protocol` (RFC 8441).
    ///
    /// # Errors
    /// The reason why the list is malformed.
    pub(super) fn finish(&self, extended: bool) -> Result<(), &'static str> {
        if let Some(why) = self.malformed {
            return Err(why);
        }
        match self.kind {
            Kind::Trailers => Ok(()),
            Kind::Response if !self.has(seen::STATUS) => Err("a response has no :status"),
            Kind::Response if self.status == 101 => Err("a response has the status 101, which HTTP/2 does not have"),
            Kind::Response => Ok(()),
            Kind::Request if !self.has(seen::METHOD) => Err("a request has no :method"),
            Kind::Request if self.has(seen::PROTOCOL) && !(extended && self.has(seen::CONNECT)) => {
                Err("a request has a :protocol but is not an extended CONNECT")
            }
            Kind::Request if self.is_tunnel() => {
                if self.has(seen::SCHEME) || self.has(seen::PATH) || !self.has(seen::AUTHORITY) {
                    return Err("a CONNECT request must have :authority, and neither :scheme nor :path");
                }
                Ok(())
            }
            Kind::Request if !self.has(seen::SCHEME) || !self.has(seen::PATH) => {
                Err("a request must have :scheme and :path")
            }
            Kind::Request if self.has(seen::ASTERISK) && !self.has(seen::OPTIONS) => {
                Err(":path may be an asterisk for the method OPTIONS only")
            }
            Kind::Request if self.has(seen::HTTP) && !self.has(seen::AUTHORITY) && !self.has(seen::HOST) => {
                Err("a request must have :authority or host")
            }
            Kind::Request => Ok(()),
        }
    }
}

/// Whether this is a token (RFC 9110, 5.6.2).
fn is_method(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|octet| NAME[usize::from(octet.to_ascii_lowercase())])
}

/// Whether there are only bytes of a host and a port (RFC 3986, 3.2): no user information (RFC 9113, 8.3.1) and no
/// path.
fn is_authority(value: &[u8]) -> bool {
    let is_part = |&octet: &u8| octet.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&octet);
    !value.is_empty() && value.iter().all(is_part)
}

fn is_scheme(value: &[u8]) -> bool {
    value.first().is_some_and(u8::is_ascii_alphabetic)
        && value
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.'))
}
