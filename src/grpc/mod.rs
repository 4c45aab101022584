//! gRPC over HTTP/2 as state machines without I/O: bytes go in, events and bytes come out
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).
//!
//! A [`Link`] is one connection in either role. It wraps an [HTTP/2 session](crate::http2::Session): a stream is a
//! call, the body of a request or response is a sequence of messages, and headers and trailers carry metadata and the
//! status.

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
