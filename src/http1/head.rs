//! The request line and the header section, one byte run at a time (RFC 9112 §3 and §5).
//!
//! [`Head`] can stop after any byte and go on with the next slice; nothing is scanned twice. What it accepts it appends to
//! `text` as `url\0name\0value\0name\0value…` (latin1, without the whitespace around values), the form that JavaScript splits.
//! Trailers go through the same states with [`Head::trailers`].

use super::chars::{self, run};
use super::conn::flag;
use super::error::ParseError;
use super::method;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first byte of a request; stray line ends are skipped (RFC 9112 §2.2).
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
    /// HTTP/0.9: the line ended after the URL.
    SimpleLf,
    BeforeVersion,
    /// Inside `HTTP/`, at this byte of it.
    Protocol(u8),
    Major,
    Dot,
    Minor,
    VersionCr,
    VersionLf,
    FirstField,
    FieldStart,
    FieldName,
    BeforeValue,
    EmptyValueLf,
    Value,
    ValueLf,
    FinalLf,
}

/// The header whose value is being read, when the framing of the message depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Special {
    None,
    Connection,
    ContentLength,
    TransferEncoding,
    Upgrade,
    Expect,
    Host,
}

/// A head being read.
#[derive(Clone, Debug)]
pub struct Head {
    state: State,
    special: Special,
    trailing: bool,
    /// Bits of [`flag`] found so far.
    pub flags: u32,
    /// The method's place in [`method::METHODS`].
    pub method: u8,
    /// `x` of `HTTP/x.y`.
    pub major: u8,
    /// `y` of `HTTP/x.y`.
    pub minor: u8,
    /// Declared body length; 0 without one.
    pub content_length: u64,
    /// Bytes of `text` that are the URL.
    pub url_len: u32,
    /// How many headers (or trailers) were read.
    pub headers: u32,
    /// Where in this head's text the current name or value begins.
    span: usize,
    /// Bytes of URL, names and values so far: what `max_header_size` bounds, as in Node.
    counted: usize,
    /// Every byte so far, so that what is not counted (whitespace, colons) is bounded as well.
    total: usize,
}

/// What [`Head::step`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes taken from the input.
    pub consumed: usize,
    /// Whether the head is complete.
    pub done: bool,
}

/// A refusal and how far into the input it was noticed.
pub type Refused = (ParseError, usize);

impl Default for Head {
    fn default() -> Self {
        Self {
            state: State::Start,
            special: Special::None,
            trailing: false,
            flags: 0,
            method: 0,
            major: 0,
            minor: 0,
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
    /// A reader for the trailer section that follows a chunked body; `flags` are those of the message's head.
    pub fn trailers(flags: u32) -> Self {
        Self {
            state: State::FieldStart,
            trailing: true,
            flags,
            ..Self::default()
        }
    }

    /// Whether nothing of a request has arrived yet.
    pub fn is_untouched(&self) -> bool {
        self.state == State::Start
    }

    /// Reads on. `text[base..]` is this head's text so far; a head that is not done by the end of `input` must be given the
    /// same text again with the next slice.
    ///
    /// # Errors
    /// The first byte that cannot stand where it stands, or a limit passed: after that the reader is of no more use.
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
            // No run is read past the limit, so that an overflow is one wherever the reads cut the head.
            let room = (max_header_size - self.counted)
                .saturating_sub(self.open(text, base))
                .max(1);
            let rest = &input[at..input.len().min(at + room)];
            let taken = match state {
                State::Start
                | State::Method
                | State::BeforeUrl
                | State::BeforeVersion
                | State::Protocol(_)
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
                _ => self.field(rest, text, base),
            };
            let taken = taken.map_err(|(error, offset)| (error, at + offset))?;
            at += taken;
            self.total += taken;
            // Names and separators may outweigh what is counted, but not without bound.
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

    /// Bytes of the URL, name or value that is being read.
    fn open(&self, text: &[u8], base: usize) -> usize {
        use State::*;
        match self.state {
            UrlSchema | UrlSlash1 | UrlSlash2 | UrlServer | UrlServerAt | UrlPath | UrlQuery | UrlFragment
            | FieldName | Value => text.len() - base - self.span,
            _ => 0,
        }
    }

    /// How far the URL, name or value goes on: Node says of an overflow that it was noticed at the end.
    fn run_left(&self, input: &[u8]) -> usize {
        match self.state {
            State::FieldName => run(input, chars::TOKEN),
            State::Value => run(input, chars::VALUE),
            State::UrlPath | State::UrlQuery | State::UrlFragment => run(input, chars::URL),
            _ => 0,
        }
    }

    /// Everything of the first line but the URL. Takes at least one byte.
    fn request_line(&mut self, input: &[u8], text: &mut Vec<u8>, base: usize) -> Result<usize, Refused> {
        let byte = input[0];
        self.state = match self.state {
            State::Start if byte == b'\r' || byte == b'\n' => {
                // Stray line ends belong to no head and must not add up to one.
                self.total = 0;
                State::Start
            }
            State::Start | State::Method => return self.method(input, text, base),
            State::BeforeUrl if byte == b' ' => State::BeforeUrl,
            State::BeforeUrl => {
                self.span = text.len() - base;
                self.state = if self.method == method::CONNECT {
                    State::UrlServer
                } else {
                    State::UrlStart
                };
                return self.url(input, text, base);
            }
            State::BeforeVersion if byte == b' ' => State::BeforeVersion,
            State::BeforeVersion if matches!(byte, b'\t' | b'\x0c') => return Err((ParseError::UrlChars, 0)),
            State::BeforeVersion if byte == b'H' => State::Protocol(1),
            State::Protocol(n) if b"HTTP/"[n as usize] == byte => match n {
                3 if self.method >= method::HTTP_METHODS => return Err((ParseError::MethodForHttp, 0)),
                4 => State::Major,
                _ => State::Protocol(n + 1),
            },
            State::BeforeVersion | State::Protocol(_) => return Err((ParseError::Protocol, 0)),
            State::Major => {
                self.major = digit(byte).ok_or((ParseError::VersionMajor, 0))?;
                State::Dot
            }
            State::Dot if byte == b'.' => State::Minor,
            State::Dot => return Err((ParseError::VersionDot, 0)),
            State::Minor => {
                self.minor = digit(byte).ok_or((ParseError::VersionMinor, 0))?;
                if !matches!((self.major, self.minor), (0, 9) | (1, 0) | (1, 1) | (2, 0)) {
                    return Err((ParseError::Version, 0));
                }
                State::VersionCr
            }
            State::VersionCr if byte == b'\r' => State::VersionLf,
            State::VersionCr => return Err((ParseError::VersionCrlf, 0)),
            State::VersionLf if byte == b'\n' => State::FirstField,
            State::VersionLf => return Err((ParseError::VersionLf, 0)),
            State::SimpleLf if byte == b'\n' => State::FirstField,
            _ => return Err((ParseError::UrlCrlf, 0)),
        };
        Ok(1)
    }

    /// The method collects in `text` until its space arrives, then leaves it again for its number.
    fn method(&mut self, input: &[u8], text: &mut Vec<u8>, base: usize) -> Result<usize, Refused> {
        self.state = State::Method;
        let earlier = text.len() - base;
        let len = run(input, chars::TOKEN);
        text.extend_from_slice(&input[..len]);
        let name = &text[base..];
        if len < input.len()
            && input[len] == b' '
            && let Some(number) = method::lookup(name)
        {
            self.method = number;
            text.truncate(base);
            self.state = State::BeforeUrl;
            return Ok(len + 1);
        }
        let matched = method::longest_prefix(name);
        if matched < name.len() {
            let known = method::lookup(&name[..matched]).is_some();
            let error = if known {
                ParseError::MethodSpace
            } else {
                ParseError::Method
            };
            return Err((error, matched.saturating_sub(earlier)));
        }
        if len == input.len() {
            return Ok(len);
        }
        let known = method::lookup(name).is_some();
        Err((
            if known {
                ParseError::MethodSpace
            } else {
                ParseError::Method
            },
            len,
        ))
    }

    /// The request target, checked part by part but kept whole.
    fn url(&mut self, input: &[u8], text: &mut Vec<u8>, base: usize) -> Result<usize, Refused> {
        let class = match self.state {
            State::UrlPath | State::UrlQuery | State::UrlFragment => chars::URL,
            State::UrlServer => chars::AUTHORITY,
            _ => 0,
        };
        let len = run(input, class);
        text.extend_from_slice(&input[..len]);
        let Some(&byte) = input.get(len) else { return Ok(len) };
        if matches!(byte, b'\t' | b'\x0c') && self.state != State::UrlSlash2 {
            return Err((ParseError::UrlChars, len));
        }
        let ends = matches!(byte, b' ' | b'\r' | b'\n');
        self.state = match self.state {
            State::UrlStart | State::UrlSchema | State::UrlSlash1 if ends => {
                return Err((ParseError::UrlChars, len));
            }
            _ if ends && self.state != State::UrlSlash2 => {
                self.url_end(byte, text, base);
                return Ok(len + 1);
            }
            State::UrlStart if byte == b'/' || byte == b'*' => State::UrlPath,
            State::UrlStart if byte.is_ascii_alphabetic() => State::UrlSchema,
            State::UrlStart => return Err((ParseError::UrlStart, len)),
            State::UrlSchema if byte.is_ascii_alphabetic() => State::UrlSchema,
            State::UrlSchema if byte == b':' => State::UrlSlash1,
            State::UrlSlash1 if byte == b'/' => State::UrlSlash2,
            State::UrlSlash2 if byte == b'/' => State::UrlServer,
            State::UrlSchema | State::UrlSlash1 | State::UrlSlash2 => return Err((ParseError::UrlSchema, len)),
            State::UrlServer | State::UrlServerAt if byte == b'/' => State::UrlPath,
            State::UrlServer | State::UrlServerAt if byte == b'?' => State::UrlQuery,
            State::UrlServer if byte == b'@' => State::UrlServerAt,
            State::UrlServerAt if byte == b'@' => return Err((ParseError::UrlDoubleAt, len)),
            State::UrlServerAt if chars::is(byte, chars::AUTHORITY) => State::UrlServer,
            State::UrlServer | State::UrlServerAt => return Err((ParseError::UrlServer, len)),
            State::UrlPath if byte == b'?' => State::UrlQuery,
            State::UrlPath | State::UrlQuery if byte == b'#' => State::UrlFragment,
            State::UrlPath => return Err((ParseError::UrlPath, len)),
            State::UrlQuery if byte == b'?' => State::UrlQuery,
            State::UrlQuery => return Err((ParseError::UrlQuery, len)),
            State::UrlFragment if matches!(byte, b'?' | b'#') => State::UrlFragment,
            _ => return Err((ParseError::UrlFragment, len)),
        };
        text.push(byte);
        Ok(len + 1)
    }

    fn url_end(&mut self, byte: u8, text: &[u8], base: usize) {
        let len = text.len() - base - self.span;
        self.counted += len;
        self.url_len = len as u32;
        self.state = match byte {
            b' ' => State::BeforeVersion,
            b'\r' => State::SimpleLf,
            _ => State::FirstField,
        };
        if byte != b' ' {
            (self.major, self.minor) = (0, 9);
        }
    }

    /// One header line, or the empty line that ends the section.
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
                    // Trailers have no URL before them: their first name opens the text.
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
            State::FinalLf if byte == b'\n' => State::Start,
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
            let framing = !matches!(self.special, Special::None | Special::Host | Special::Expect);
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
        if self.special == Special::ContentLength && !is_number(text[base + self.span..].trim_ascii_end()) {
            return Err((ParseError::ContentLengthChar, len));
        }
        let Some(&byte) = input.get(len) else { return Ok(len) };
        match byte {
            b'\r' => {}
            b'\n' => return Err((ParseError::HeaderValueCr, len)),
            _ if self.special == Special::ContentLength => return Err((ParseError::ContentLengthChar, len)),
            _ => return Err((ParseError::HeaderValueChar, len)),
        }
        while matches!(text.last(), Some(b' ' | b'\t')) {
            text.pop();
        }
        self.counted += text.len() - base - self.span;
        let start = base + self.span;
        self.value_end(&text[start..]).map_err(|error| (error, len))?;
        self.state = State::ValueLf;
        Ok(len + 1)
    }

    /// A complete value: takes from it what the message's framing depends on.
    fn value_end(&mut self, value: &[u8]) -> Result<(), ParseError> {
        self.headers += 1;
        match self.special {
            Special::None => {}
            Special::Upgrade => self.flags |= flag::UPGRADE_HEADER,
            Special::Expect => self.flags |= flag::EXPECT,
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
        for &byte in value {
            let digit = digit(byte).ok_or(ParseError::ContentLengthChar)?;
            let grown = self
                .content_length
                .checked_mul(10)
                .and_then(|n| n.checked_add(u64::from(digit)));
            self.content_length = grown.ok_or(ParseError::ContentLengthOverflow)?;
        }
        Ok(())
    }

    /// `chunked` must be the last coding and stand once (RFC 9112 §6.1); codings before it are the application's business.
    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), ParseError> {
        self.flags |= flag::TRANSFER_ENCODING;
        for coding in value.split(|&byte| byte == b',') {
            if self.flags & flag::CHUNKED != 0 {
                return Err(ParseError::TransferEncodingValue);
            }
            if coding.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                self.flags |= flag::CHUNKED;
            }
        }
        Ok(())
    }

    /// The head is complete: what its headers mean together.
    fn finish(&mut self) -> Result<(), ParseError> {
        if self.trailing {
            return Ok(());
        }
        let flags = &mut self.flags;
        if *flags & flag::TRANSFER_ENCODING != 0 && *flags & flag::CHUNKED == 0 {
            return Err(ParseError::TransferEncoding);
        }
        let newer = (self.major, self.minor) >= (1, 1);
        if *flags & flag::CONNECTION_CLOSE == 0 && (newer || *flags & flag::CONNECTION_KEEP_ALIVE != 0) {
            *flags |= flag::KEEP_ALIVE;
        }
        // A transfer coding in a 1.0 message is faulty framing: answer it, then close (RFC 9112 §6.1).
        if !newer && *flags & flag::TRANSFER_ENCODING != 0 {
            *flags &= !flag::KEEP_ALIVE;
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

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

fn special(name: &[u8]) -> Special {
    let is = |expected: &[u8]| name.eq_ignore_ascii_case(expected);
    match name.len() {
        4 if is(b"host") => Special::Host,
        6 if is(b"expect") => Special::Expect,
        7 if is(b"upgrade") => Special::Upgrade,
        10 if is(b"connection") => Special::Connection,
        // What old clients say to proxies; llhttp takes it at its word.
        16 if is(b"proxy-connection") => Special::Connection,
        14 if is(b"content-length") => Special::ContentLength,
        17 if is(b"transfer-encoding") => Special::TransferEncoding,
        _ => Special::None,
    }
}

fn connection_flags(value: &[u8]) -> u32 {
    value.split(|&byte| byte == b',').fold(0, |flags, option| {
        let option = option.trim_ascii();
        flags
            | match option.len() {
                5 if option.eq_ignore_ascii_case(b"close") => flag::CONNECTION_CLOSE,
                7 if option.eq_ignore_ascii_case(b"upgrade") => flag::CONNECTION_UPGRADE,
                10 if option.eq_ignore_ascii_case(b"keep-alive") => flag::CONNECTION_KEEP_ALIVE,
                _ => 0,
            }
    })
}
