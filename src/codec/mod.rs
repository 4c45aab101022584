//! Binary data: record layouts with the checksums that formats contain, operations on whole buffers, arrays of
//! numbers, and message framing.
//!
//! This is pure Rust: bytes in, values out, without Node. A layout is written as text; see [`layout`] for how it is
//! compiled.

pub mod arrays;
pub mod bulk;
pub mod checksum;
pub mod framing;
pub mod layout;
