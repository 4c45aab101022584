//! HTTP/1.1 as sans-I/O state machines: bytes in, events and bytes out (RFC 9110, RFC 9112).
//!
//! [`Conn`] reads one connection: a server's requests or a client's responses. Headers and body framing are the same
//! for both; the first line and the rules for the end of a body differ. Each call of [`Conn::feed`] takes the bytes
//! of one read, wherever they were split, and appends to a [`Batch`]: a table of fixed-width events, one latin1 text
//! for all heads, and the positions of the body bytes. The binding passes that batch to JavaScript in one call.
//! [`Head`] and [`Chunked`] are the parts of `Conn`; [`encode`] writes responses.
//!
//! What is accepted and what is rejected, and with which code and reason, follows llhttp 9 in strict mode, which is
//! Node's own parser. Where RFC 9112 is stricter than llhttp about message framing, the RFC wins.

mod chars;
mod chunked;
mod conn;
pub mod encode;
mod error;
mod head;
mod method;
pub mod parts;
mod request_line;
#[cfg(test)]
mod response_tests;
mod status_line;
#[cfg(test)]
mod tests;

pub use chunked::Chunked;
pub use conn::{Batch, Conn, EVENT_WORDS, Expected, Limits, Stop, event, flag, row};
pub use error::ParseError;
pub use head::{Head, set_tabs_end_values};
pub use method::METHODS;
