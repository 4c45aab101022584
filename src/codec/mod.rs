//! Binary data: layouts, and the checksums that formats carry.
//!
//! Pure Rust: bytes in, values out, nothing of Node. A layout is text; see [`layout`] for what becomes of it.

pub mod checksum;
pub mod layout;
