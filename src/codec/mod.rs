//! Binary data: layouts and the checksums that formats carry, work on whole buffers, and arrays of numbers.
//!
//! Pure Rust: bytes in, values out, nothing of Node. A layout is text; see [`layout`] for what becomes of it.

pub mod arrays;
pub mod bulk;
pub mod checksum;
pub mod framing;
pub mod layout;
