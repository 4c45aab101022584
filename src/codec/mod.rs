//! Binary data: work on whole buffers, and arrays of numbers.
//!
//! Pure Rust: bytes in, values out, nothing of Node.

pub mod arrays;
pub mod bulk;
