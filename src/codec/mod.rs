//! Binary data: work on whole buffers.
//!
//! Pure Rust: bytes in, values out, nothing of Node.

pub mod bulk;
