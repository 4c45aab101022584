//! Writes response heads: the status line, default headers and body framing, in the order and spelling of Node's
//! `_http_outgoing`.

use std::time::{Duration, UNIX_EPOCH};

/// The last second of the year 9999, in seconds since 1970.
const LAST_SECOND: u64 = 253_402_300_799;

/// The head of a response to write.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// The status code, 100 to 999.
    pub status: u16,
    /// The application's own header lines, each `Name: value\\r\\n`. They must have been validated.
    pub headers: &'a [u8],
    /// The `Connection` header to add.
    pub connection: Connection,
    /// How the body is delimited.
    pub framing: Framing,
}

/// The `Connection` header of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// `keep-alive`, with a `Keep-Alive` header that states the timeout in seconds, if there is one.
    KeepAlive(Option<u32>),
    /// `close`.
    Close,
}

/// How the body of a response is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No header is added: the application has set it, there is no body, or the body ends with the connection.
    Given,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Appends a head to `out`.
pub fn head(out: &mut Vec<u8>, head: &ResponseHead<'_>, date: &DateCache) {
    out.extend_from_slice(b"HTTP/1.1 ");
    if head.status == 200 {
        out.extend_from_slice(b"200 OK\r\n");
    } else {
        decimal(out, u64::from(head.status));
        out.push(b' ');
        out.extend_from_slice(reason_phrase(head.status).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(head.headers);
    out.extend_from_slice(date.line());
    match head.connection {
        Connection::Close => out.extend_from_slice(b"Connection: close\r\n"),
        Connection::KeepAlive(timeout) => {
            out.extend_from_slice(b"Connection: keep-alive\r\n");
            if let Some(timeout) = timeout {
                out.extend_from_slice(b"Keep-Alive: timeout=");
                decimal(out, u64::from(timeout));
                out.extend_from_slice(b"\r\n");
            }
        }
    }
    match head.framing {
        Framing::Given => {}
        Framing::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends one chunk, whose `length` bytes `fill` appends. Appends nothing if `length` is 0, because an empty chunk
/// would end the body.
///
/// # Errors
/// The error that `fill` returns.
pub fn chunk<E>(out: &mut Vec<u8>, length: u64, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
    if length == 0 {
        return Ok(());
    }
    chunk_head(out, length);
    fill(out)?;
    out.extend_from_slice(CHUNK_END);
    Ok(())
}

/// The bytes after the data of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// Appends the size line before the data of a chunk. `length` must not be 0: an empty chunk would end the body.
pub fn chunk_head(out: &mut Vec<u8>, length: u64) {
    let mut digits = [0; 16];
    let mut at = digits.len();
    let mut left = length;
    while left > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[(left & 15) as usize];
        left >>= 4;
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

/// Appends the last chunk, without trailers.
pub fn last_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}

fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// The `Date` header line of the current second. It is formatted at most once per second.
#[derive(Clone, Debug)]
pub struct DateCache {
    second: u64,
    line: String,
}

impl Default for DateCache {
    fn default() -> Self {
        Self {
            second: 0,
            line: date_line(0),
        }
    }
}

impl DateCache {
    /// Sets the current second since 1970-01-01 UTC. Cheap if it has not changed.
    #[inline]
    pub fn set(&mut self, second: u64) {
        if second != self.second {
            self.second = second;
            self.line = date_line(second);
        }
    }

    /// The header line, for example `Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n`.
    pub fn line(&self) -> &[u8] {
        self.line.as_bytes()
    }

    /// The value of the header, for example `Sun, 06 Nov 1994 08:49:37 GMT`. Empty before the first
    /// [`DateCache::set`].
    pub fn value(&self) -> &[u8] {
        let line = self.line();
        line.get("Date: ".len()..line.len().saturating_sub(2))
            .unwrap_or_default()
    }
}

fn date_line(second: u64) -> String {
    // The format cannot express years after 9999. A clock that late is as wrong as one before 1970.
    let second = second.min(LAST_SECOND);
    let time = UNIX_EPOCH + Duration::from_secs(second);
    format!("Date: {}\r\n", httpdate::HttpDate::from(time))
}

/// The reason phrase of Node's `http.STATUS_CODES`, or `unknown`.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Payload Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a Teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        509 => "Bandwidth Limit Exceeded",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => "unknown",
    }
}
