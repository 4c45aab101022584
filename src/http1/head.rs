//! Reads a message head: the first line ([`super::request_line`] or [`super::status_line`]) and the header section
//! (RFC 9112 §3 to §5). It consumes runs of bytes of the same class.
//!
//! [`Head`] can stop after any byte and continue with the next slice without scanning anything twice. It appends
//! accepted input to `text` as `url\0name\0value\0name\0value…`, the form that JavaScript splits: latin1, without the
//! whitespace around values. In a response, the reason phrase takes the place of the URL. [`Head::trailers`] reads
//! trailers with the same states.

use std::sync::atomic::{AtomicBool, Ordering};

use super::chars::{self, run};
use super::conn::flag;
use super::error::ParseError;
use super::method;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Before the first byte of a request. Line ends here are skipped (RFC 9112 §2.2).
    Start,
    Method,
    BeforeUrl,
    UrlStart,
    UrlSchema,
    UrlSlash1,
    UrlSlash2,
    UrlServer,
    UrlServerAt,
    UrlPath,
    UrlQuery,
    UrlFragment,
    /// HTTP/0.9: the line ended directly after the URL.
    SimpleLf,
    BeforeVersion,
    /// Inside the protocol name; the number is the index of the next byte.
    Protocol(ProtocolName, u8),
    Major,
    Dot,
    Minor,
    VersionCr,
    VersionLf,
    /// Before the first byte of a response. Line ends here are skipped.
    StatusStart,
    /// Inside the protocol name; the number is the index of the next byte.
    StatusProtocol(ProtocolName, u8),
    StatusMajor,
    StatusDot,
    StatusMinor,
    StatusSpace,
    /// Before a digit of the status code; the number is its index.
    StatusCode(u8),
    AfterStatusCode,
    Reason,
    ReasonLf,
    FirstField,
    FieldStart,
    FieldName,
    BeforeValue,
    EmptyValueLf,
    Value,
    ValueLf,
    FinalLf,
}

/// How many headers Node's server examines if `maxHeadersCount` is not set.
const LOOKED_AT: u32 = 1000;

/// The protocol name before a version. llhttp knows three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProtocolName {
    Http,
    Rtsp,
    Ice,
}

impl ProtocolName {
    /// The protocol name that begins with `byte`.
    pub(super) fn of(byte: u8) -> Option<Self> {
        match byte {
            b'H' => Some(Self::Http),
            b'R' => Some(Self::Rtsp),
            b'I' => Some(Self::Ice),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static [u8] {
        match self {
            Self::Http => b"HTTP/",
            Self::Rtsp => b"RTSP/",
            Self::Ice => b"ICE/",
        }
    }
}

/// The header whose value is being read, if the framing of the message depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Special {
    None,
    Connection,
    ContentLength,
    TransferEncoding,
    Upgrade,
    Expect,
    Host,
    KeepAlive,
}

/// The state of reading one head.
#[derive(Clone, Debug)]
pub struct Head {
    pub(super) state: State,
    special: Special,
    trailing: bool,
    response: bool,
    /// The bits of [`flag`] found so far.
    pub flags: u32,
    /// The method's index in [`method::METHODS`].
    pub method: u8,
    /// `x` of `HTTP/x.y`.
    pub major: u8,
    /// `y` of `HTTP/x.y`.
    pub minor: u8,
    /// The status code of a response; 0 in a request.
    pub status: u16,
    /// The declared length of the body in bytes; 0 if none is declared.
    pub content_length: u64,
    /// The length of the URL or reason phrase at the start of `text`.
    pub url_len: u32,
    /// The number of headers (or trailers) read.
    pub headers: u32,
    /// Where the current name or value begins in this head's text.
    pub(super) span: usize,
    /// The bytes of URL, names and values so far, which `max_header_size` limits as in Node.
    pub(super) counted: usize,
    /// All bytes so far. Whitespace and colons are not in `counted`, so this limits them.
    pub(super) total: usize,
}

/// The result of [`Head::step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// How many bytes of the input were consumed.
    pub consumed: usize,
    /// Whether the head is complete.
    pub done: bool,
}

/// A parse error, and its offset in the input.
pub type Refused = (ParseError, usize);

impl Default for Head {
    fn default() -> Self {
        Self {
            state: State::Start,
            special: Special::None,
            trailing: false,
            response: false,
            flags: 0,
            method: 0,
            major: 0,
            minor: 0,
            status: 0,
            content_length: 0,
            url_len: 0,
            headers: 0,
            span: 0,
            counted: 0,
            total: 0,
        }
    }
}

impl Head {
    /// Creates a reader for the trailers after a chunked body. `self` is the head of that message.
    pub fn trailers(&self) -> Self {
        Self {
            state: State::FieldStart,
            trailing: true,
            flags: self.flags,
            major: self.major,
            minor: self.minor,
            response: self.response,
            status: self.status,
            ..Self::default()
        }
    }

    /// Creates a reader for the head of a response.
    pub fn response() -> Self {
        Self {
            state: State::StatusStart,
            response: true,
            ..Self::default()
        }
    }

    /// The version as a number, see [`row::VERSION`](super::row::VERSION).
    pub fn version(&self) -> u32 {
        u32::from(self.major) << 8 | u32::from(self.minor)
    }

    /// Whether no byte of a message has arrived yet.
    pub fn is_untouched(&self) -> bool {
        matches!(self.state, State::Start | State::StatusStart)
    }

    /// Reads more of the head. `text[base..]` is this head's text so far. If the head is not complete at the end of
    /// `input`, the same text must be passed again with the next slice.
    ///
    /// # Errors
    /// A byte that is not allowed at its place, or an exceeded limit. The reader cannot be used after that.
    pub fn step(
        &mut self,
        input: &[u8],
        text: &mut Vec<u8>,
        base: usize,
        max_header_size: usize,
    ) -> Result<Step, Refused> {
        let mut at = 0;
        while at < input.len() {
            let state = self.state;
            // No run is read past the limit, so that the result does not depend on where reads split the head.
            let room = (max_header_size - self.counted)
                .saturating_sub(self.open(text, base))
                .max(1);
            let rest = &input[at..input.len().min(at + room)];
            let taken = match state {
                State::Start
                | State::Method
                | State::BeforeUrl
                | State::BeforeVersion
                | State::Protocol(..)
                | State::Major
                | State::Dot
                | State::Minor
                | State::VersionCr
                | State::VersionLf
                | State::SimpleLf => self.request_line(rest, text, base),
                State::UrlStart
                | State::UrlSchema
                | State::UrlSlash1
                | State::UrlSlash2
                | State::UrlServer
                | State::UrlServerAt
                | State::UrlPath
                | State::UrlQuery
                | State::UrlFragment => self.url(rest, text, base),
                State::StatusStart
                | State::StatusProtocol(..)
                | State::StatusMajor
                | State::StatusDot
                | State::StatusMinor
                | State::StatusSpace
                | State::StatusCode(_)
                | State::AfterStatusCode
                | State::Reason
                | State::ReasonLf => self.status_line(rest, text, base),
                _ => self.field(rest, text, base),
            };
            let taken = taken.map_err(|(error, offset)| (error, at + offset))?;
            at += taken;
            self.total += taken;
            // Bytes that are not counted may exceed the limit, but only up to a bound of their own.
            if self.counted + self.open(text, base) >= max_header_size || self.total > 4 * max_header_size + 4096 {
                return Err((ParseError::HeaderOverflow, at + self.run_left(&input[at..])));
            }
            if state == State::FinalLf {
                self.finish().map_err(|error| (error, at))?;
                return Ok(Step {
                    consumed: at,
                    done: true,
                });
            }
        }
        Ok(Step {
            consumed: at,
            done: false,
        })
    }

    /// The length so far of the URL, name or value that is being read.
    fn open(&self, text: &[u8], base: usize) -> usize {
        use State::*;
        match self.state {
            UrlSchema | UrlSlash1 | UrlSlash2 | UrlServer | UrlServerAt | UrlPath | UrlQuery | UrlFragment | Reason
            | FieldName | Value => text.len() - base - self.span,
            _ => 0,
        }
    }

    /// How many more bytes the current URL, name or value has: Node reports the offset of an overflow at its end.
    fn run_left(&self, input: &[u8]) -> usize {
        // For a name or value, the byte after it is included.
        let field = |length: usize| (length + 1).min(input.len());
        match self.state {
            State::FieldName => field(run(input, chars::TOKEN)),
            State::Value => field(run(input, chars::VALUE)),
            State::UrlPath | State::UrlQuery | State::UrlFragment => run(input, chars::URL),
            State::Reason => memchr::memchr2(b'\r', b'\n', input).unwrap_or(input.len()),
            _ => 0,
        }
    }

    /// Reads a part of a header line, or the empty line that ends the section.
    fn field(&mut self, input: &[u8], text: &mut Vec<u8>, base: usize) -> Result<usize, Refused> {
        let byte = input[0];
        self.state = match self.state {
            State::FirstField if byte == b' ' => return Err((ParseError::SpaceAfterStartLine, 0)),
            State::FirstField | State::FieldStart => match byte {
                b'\r' => State::FinalLf,
                b'\n' => return Err((ParseError::HeaderFieldChar, 0)),
                b' ' | b'\t' if self.headers > 0 => {
                    let empty = text.len() - base == self.span;
                    return Err((
                        if empty {
                            ParseError::HeaderValueChar
                        } else {
                            ParseError::ObsFold
                        },
                        0,
                    ));
                }
                _ if !chars::is(byte, chars::TOKEN) => return Err((ParseError::HeaderToken, 0)),
                _ => {
                    // Trailers have no URL before them, so their first name begins the text.
                    if !(self.trailing && self.headers == 0) {
                        text.push(0);
                    }
                    self.span = text.len() - base;
                    self.state = State::FieldName;
                    return self.field_name(input, text, base);
                }
            },
            State::FieldName => return self.field_name(input, text, base),
            State::BeforeValue => match byte {
                b' ' | b'\t' => State::BeforeValue,
                b'\r' => State::EmptyValueLf,
                b'\n' => return Err((ParseError::HeaderValueChar, 0)),
                _ => {
                    self.state = State::Value;
                    return self.value(input, text, base);
                }
            },
            State::EmptyValueLf if byte == b'\n' => {
                self.value_end(&[]).map_err(|error| (error, 0))?;
                State::FieldStart
            }
            State::EmptyValueLf => return Err((ParseError::EmptyValueLf, 0)),
            State::Value => return self.value(input, text, base),
            State::ValueLf if byte == b'\n' => State::FieldStart,
            State::ValueLf => return Err((ParseError::HeaderValueLf, 0)),
            // The final state. A complete head is replaced, not read further.
            State::FinalLf if byte == b'\n' => State::FinalLf,
            _ => return Err((ParseError::HeadersLf, 0)),
        };
        Ok(1)
    }

    fn field_name(&mut self, input: &[u8], text: &mut Vec<u8>, base: usize) -> Result<usize, Refused> {
        let len = run(input, chars::TOKEN);
        text.extend_from_slice(&input[..len]);
        let Some(&byte) = input.get(len) else { return Ok(len) };
        let name = &text[base + self.span..];
        self.special = special(name);
        if byte != b':' {
            let framing = !matches!(
                self.special,
                Special::None | Special::Host | Special::Expect | Special::KeepAlive
            );
            let error = if byte == b' ' && framing {
                ParseError::HeaderFieldChar
            } else {
                ParseError::HeaderToken
            };
            return Err((error, len));
        }
        self.counted += name.len();
        match self.special {
            Special::TransferEncoding if self.flags & flag::CONTENT_LENGTH != 0 => {
                return Err((ParseError::TransferEncodingWithContentLength, len));
            }
            Special::ContentLength if self.flags & flag::TRANSFER_ENCODING != 0 => {
                return Err((ParseError::ContentLengthWithTransferEncoding, len));
            }
            _ => {}
        }
        text.push(0);
        self.span = text.len() - base;
        self.state = State::BeforeValue;
        Ok(len + 1)
    }

    fn value(&mut self, input: &[u8], text: &mut Vec<u8>, base: usize) -> Result<usize, Refused> {
        let len = run(input, chars::VALUE);
        text.extend_from_slice(&input[..len]);
        if self.special == Special::ContentLength && !is_number(trimmed(&text[base + self.span..])) {
            return Err((ParseError::ContentLengthChar, len));
        }
        let Some(&byte) = input.get(len) else { return Ok(len) };
        match byte {
            b'\r' => {}
            b'\n' => return Err((ParseError::HeaderValueCr, len)),
            _ if self.special == Special::ContentLength => return Err((ParseError::ContentLengthChar, len)),
            _ => return Err((ParseError::HeaderValueChar, len)),
        }
        let start = base + self.span;
        // Values that decide about framing are read as llhttp does: a tab at the end may be part of the value.
        self.value_end(without_spaces(&text[start..]))
            .map_err(|error| (error, len))?;
        while matches!(text.last(), Some(b' ' | b'\t')) && text.len() > start {
            text.pop();
        }
        self.counted += text.len() - start;
        self.state = State::ValueLf;
        Ok(len + 1)
    }

    /// Evaluates a complete value that affects the framing of the message.
    fn value_end(&mut self, value: &[u8]) -> Result<(), ParseError> {
        self.headers += 1;
        match self.special {
            Special::None => {}
            // llhttp ignores an `Upgrade` header without a value.
            Special::Upgrade if value.is_empty() => {}
            Special::Upgrade => self.flags |= flag::UPGRADE_HEADER,
            Special::KeepAlive => self.flags |= flag::KEEP_ALIVE_HEADER,
            Special::Expect => self.flags |= flag::EXPECT,
            // Node's server examines only this many headers, and does not find a `Host` after them.
            Special::Host if self.headers > LOOKED_AT => {}
            Special::Host => self.flags |= flag::HOST,
            Special::Connection => self.flags |= connection_flags(value),
            Special::ContentLength => self.content_length(value)?,
            Special::TransferEncoding => self.transfer_encoding(value)?,
        }
        Ok(())
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), ParseError> {
        if value.is_empty() {
            return Err(ParseError::EmptyContentLength);
        }
        if self.flags & flag::CONTENT_LENGTH != 0 {
            return Err(ParseError::DuplicateContentLength);
        }
        self.flags |= flag::CONTENT_LENGTH;
        for &byte in trimmed(value) {
            let digit = digit(byte).ok_or(ParseError::ContentLengthChar)?;
            let grown = self
                .content_length
                .checked_mul(10)
                .and_then(|n| n.checked_add(u64::from(digit)));
            self.content_length = grown.ok_or(ParseError::ContentLengthOverflow)?;
        }
        Ok(())
    }

    /// Checks a transfer coding. In a request, `chunked` must be the last coding and appear once (RFC 9112 §6.1).
    /// Codings before it are left to the application. A response without a final `chunked` ends with its connection
    /// (§6.3).
    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), ParseError> {
        // llhttp before 9.4 ignores an empty value, but then the end of the body would be a guess.
        if value.is_empty() {
            return Err(ParseError::EmptyTransferEncoding);
        }
        self.flags |= flag::TRANSFER_ENCODING;
        for coding in value.split(|&byte| byte == b',') {
            if self.flags & flag::CHUNKED != 0 {
                if !self.response {
                    return Err(ParseError::TransferEncodingValue);
                }
                self.flags &= !flag::CHUNKED;
            }
            if without_spaces(coding.trim_ascii_start()).eq_ignore_ascii_case(b"chunked") {
                self.flags |= flag::CHUNKED;
            }
        }
        Ok(())
    }

    /// The head is complete: evaluates its headers together.
    fn finish(&mut self) -> Result<(), ParseError> {
        if !self.trailing {
            if self.response {
                self.finish_response();
            } else {
                self.finish_request()?;
            }
        }
        // Trailers may contain `Connection: close` as well.
        if self.persists() && !self.needs_end() {
            self.flags |= flag::KEEP_ALIVE;
        } else {
            self.flags &= !flag::KEEP_ALIVE;
        }
        Ok(())
    }

    /// Whether the sender wants to keep the connection after this message.
    pub fn persists(&self) -> bool {
        // llhttp treats every version `x.0`, including 2.0, like 1.0. There, `keep-alive` outweighs `close`.
        if self.major > 0 && self.minor > 0 {
            return self.flags & flag::CONNECTION_CLOSE == 0;
        }
        // A transfer coding in an HTTP/1.0 message is faulty framing: answer it, then close (RFC 9112 §6.1).
        self.flags & flag::CONNECTION_KEEP_ALIVE != 0 && self.flags & flag::TRANSFER_ENCODING == 0
    }

    /// Whether only the end of the connection ends this response, according to its head.
    fn needs_end(&self) -> bool {
        self.response
            && !self.is_bodiless()
            && if self.flags & flag::TRANSFER_ENCODING != 0 {
                self.flags & flag::CHUNKED == 0
            } else {
                self.flags & flag::CONTENT_LENGTH == 0
            }
    }

    /// Whether the status code alone means that there is no body.
    fn is_bodiless(&self) -> bool {
        matches!(self.status, 100..200 | 204 | 304)
    }

    /// Derives the body's framing from the head. For a response to `HEAD` or `CONNECT` the result is meaningless;
    /// [`super::Conn`] handles those.
    fn finish_response(&mut self) {
        let flags = &mut self.flags;
        let asks = *flags & flag::UPGRADE_HEADER != 0 && *flags & flag::CONNECTION_UPGRADE != 0;
        if asks && self.status == 101 {
            *flags |= flag::UPGRADE;
        }
        if !self.is_bodiless() && (self.flags & flag::CHUNKED != 0 || self.content_length > 0 || self.needs_end()) {
            self.flags |= flag::HAS_BODY;
        }
    }

    fn finish_request(&mut self) -> Result<(), ParseError> {
        let flags = &mut self.flags;
        if *flags & flag::TRANSFER_ENCODING != 0 && *flags & flag::CHUNKED == 0 {
            return Err(ParseError::TransferEncoding);
        }
        let asks = *flags & flag::UPGRADE_HEADER != 0 && *flags & flag::CONNECTION_UPGRADE != 0;
        if asks || self.method == method::CONNECT {
            *flags |= flag::UPGRADE;
        }
        if *flags & flag::CHUNKED != 0 || self.content_length > 0 {
            *flags |= flag::HAS_BODY;
        }
        Ok(())
    }
}

fn is_number(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_digit)
}

/// Whether a tab after a number or after an option of `Connection` is whitespace, as since llhttp 9.4. Before, it was
/// part of the value.
static TABS_END_VALUES: AtomicBool = AtomicBool::new(true);

/// Adapts all readers of this process to the llhttp of the Node that they run in.
pub fn set_tabs_end_values(tabs: bool) {
    TABS_END_VALUES.store(tabs, Ordering::Relaxed);
}

/// Removes insignificant whitespace at the end.
fn trimmed(value: &[u8]) -> &[u8] {
    let tabs = TABS_END_VALUES.load(Ordering::Relaxed);
    let blank = |byte: &u8| *byte == b' ' || tabs && *byte == b'\t';
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1);
    &value[..end]
}

/// Removes spaces at the end. After a transfer coding, which decides about framing, llhttp never treated a tab as
/// whitespace.
fn without_spaces(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
    &value[..end]
}

pub(super) fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

fn special(name: &[u8]) -> Special {
    let is = |expected: &[u8]| name.eq_ignore_ascii_case(expected);
    match name.len() {
        4 if is(b"host") => Special::Host,
        6 if is(b"expect") => Special::Expect,
        7 if is(b"upgrade") => Special::Upgrade,
        10 if is(b"connection") => Special::Connection,
        10 if is(b"keep-alive") => Special::KeepAlive,
        // Old clients send this to proxies. llhttp treats it like `Connection`.
        16 if is(b"proxy-connection") => Special::Connection,
        14 if is(b"content-length") => Special::ContentLength,
        17 if is(b"transfer-encoding") => Special::TransferEncoding,
        _ => Special::None,
    }
}

fn connection_flags(value: &[u8]) -> u32 {
    value.split(|&byte| byte == b',').fold(0, |flags, option| {
        let option = trimmed(option.trim_ascii_start());
        flags
            | match option.len() {
                5 if option.eq_ignore_ascii_case(b"close") => flag::CONNECTION_CLOSE,
                7 if option.eq_ignore_ascii_case(b"upgrade") => flag::CONNECTION_UPGRADE,
                10 if option.eq_ignore_ascii_case(b"keep-alive") => flag::CONNECTION_KEEP_ALIVE,
                _ => 0,
            }
    })
}
