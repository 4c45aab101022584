//! gRPC over HTTP/2 as sans-I/O state machines: bytes in, events and bytes out
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).
//!
//! A [`Link`] is one connection in either role: an [HTTP/2 session](crate::http2::Session) whose streams are calls, whose bodies are messages, and
//! whose headers and trailers are metadata and a status.

mod link;
mod message;
mod percent;
#[cfg(test)]
mod tests;
mod timeout;

pub use link::{Event, Limits, Link, NO_STATUS, Status, Timeout};
pub use message::{HEAD, Piece, Splitter, frame};
pub use percent::{decode, encode};
pub use timeout::{parse_timeout, put_timeout};
