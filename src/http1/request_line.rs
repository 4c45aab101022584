//! The request line (RFC 9112 §3). The method is converted to a number. The target is validated part by part, but
//! kept as a whole.

use super::chars::{self, run};
use super::error::ParseError;
use super::head::{Head, ProtocolName, Refused, State, digit};
use super::method;

impl Head {
    /// Checks that the method belongs to the protocol.
    fn check_method(&self, protocol: ProtocolName) -> Result<(), ParseError> {
        match protocol {
            ProtocolName::Http if self.method >= method::HTTP_METHODS => Err(ParseError::MethodForHttp),
            ProtocolName::Rtsp if !method::is_rtsp(self.method) => Err(ParseError::MethodForRtsp),
            ProtocolName::Ice if self.method != method::SOURCE => Err(ParseError::MethodForIce),
            _ => Ok(()),
        }
    }

    /// Reads everything of the request line except the URL. Consumes at least one byte.
    pub(super) fn request_line(&mut self, input: &[u8], text: &mut Vec<u8>, base: usize) -> Result<usize, Refused> {
        let byte = input[0];
        self.state = match self.state {
            State::Start if byte == b'\r' || byte == b'\n' => {
                // Line ends before a request do not belong to it, so they must not count towards its limit.
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
            State::BeforeVersion => State::Protocol(ProtocolName::of(byte).ok_or((ParseError::Protocol, 0))?, 1),
            State::Protocol(protocol, n) if protocol.name()[n as usize] == byte => {
                let left = protocol.name().len() - (n as usize + 1);
                // The last byte before the slash.
                if left == 1 {
                    self.check_method(protocol).map_err(|error| (error, 0))?;
                }
                if left == 0 {
                    State::Major
                } else {
                    State::Protocol(protocol, n + 1)
                }
            }
            State::Protocol(..) => return Err((ParseError::Protocol, 0)),
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

    /// Reads the method. It is collected in `text` until the space after it arrives, and then replaced by its number.
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

    /// Reads the request target. It is validated part by part, but kept as a whole.
    pub(super) fn url(&mut self, input: &[u8], text: &mut Vec<u8>, base: usize) -> Result<usize, Refused> {
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
}
