//! HTTP/1.1 as sans-I/O state machines: bytes in, events and bytes out (RFC 9110, RFC 9112).
//!
//! [`Conn`] reads one connection, a server's requests or a client's responses: fields and body framing are the same, the first
//! lines and what ends a body are not. Each call of [`Conn::feed`] takes the bytes of one read, however they were split, and
//! appends to a [`Batch`]: a table of fixed-width events, one latin1 text for every head, and the body bytes. The binding
//! shows that batch to JavaScript in one call. [`Head`] and [`Chunked`] are its two parts; [`encode`] writes the way back.
//!
//! What is accepted and what is refused, and with which code and reason, follows llhttp 9 in its strict mode, which is the
//! parser inside Node. Where RFC 9112 is stricter than llhttp about message framing, the RFC wins.

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
