//! The status line (RFC 9112 §4).

use super::error::ParseError;
use super::head::{Head, ProtocolName, Refused, State, digit};

impl Head {
    /// Reads everything before the first header of a response. Consumes at least one byte.
    pub(super) fn status_line(&mut self, input: &[u8], text: &mut Vec<u8>, base: usize) -> Result<usize, Refused> {
        use State::*;
        let byte = input[0];
        self.state = match self.state {
            StatusStart if byte == b'\r' || byte == b'\n' => {
                self.total = 0;
                StatusStart
            }
            StatusStart => StatusProtocol(ProtocolName::of(byte).ok_or((ParseError::Protocol, 0))?, 1),
            StatusProtocol(protocol, n) if protocol.name()[n as usize] == byte => {
                if n as usize + 1 < protocol.name().len() {
                    StatusProtocol(protocol, n + 1)
                } else {
                    StatusMajor
                }
            }
            StatusProtocol(..) => return Err((ParseError::Protocol, 0)),
            StatusMajor => {
                self.major = digit(byte).ok_or((ParseError::VersionMajor, 0))?;
                StatusDot
            }
            StatusDot if byte == b'.' => StatusMinor,
            StatusDot => return Err((ParseError::VersionDot, 0)),
            StatusMinor => {
                self.minor = digit(byte).ok_or((ParseError::VersionMinor, 0))?;
                if !matches!((self.major, self.minor), (0, 9) | (1, 0) | (1, 1) | (2, 0)) {
                    return Err((ParseError::Version, 0));
                }
                StatusSpace
            }
            StatusSpace if byte == b' ' => StatusCode(0),
            StatusSpace => return Err((ParseError::StatusSpace, 0)),
            StatusCode(n) => {
                self.status = self.status * 10 + u16::from(digit(byte).ok_or((ParseError::StatusCode, 0))?);
                if n == 2 { AfterStatusCode } else { StatusCode(n + 1) }
            }
            AfterStatusCode if byte == b' ' => {
                self.span = text.len() - base;
                Reason
            }
            AfterStatusCode if byte == b'\r' => ReasonLf,
            AfterStatusCode => return Err((ParseError::StatusEnd, 0)),
            Reason => return self.reason(input, text, base),
            ReasonLf if byte == b'\n' => FirstField,
            _ => return Err((ParseError::ReasonLf, 0)),
        };
        Ok(1)
    }

    /// Reads the reason phrase, which may contain any byte except line ends, as in llhttp.
    fn reason(&mut self, input: &[u8], text: &mut Vec<u8>, base: usize) -> Result<usize, Refused> {
        let len = memchr::memchr2(b'\r', b'\n', input).unwrap_or(input.len());
        text.extend_from_slice(&input[..len]);
        let Some(&byte) = input.get(len) else { return Ok(len) };
        if byte == b'\n' {
            return Err((ParseError::ReasonCr, len));
        }
        self.url_len = (text.len() - base - self.span) as u32;
        self.counted += self.url_len as usize;
        self.state = State::ReasonLf;
        Ok(len + 1)
    }
}
