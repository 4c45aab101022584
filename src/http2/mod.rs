//! HTTP/2 as sans-I/O state machines: bytes in, events and bytes out (RFC 9113, RFC 7541).

pub mod frame;
pub mod hpack;
