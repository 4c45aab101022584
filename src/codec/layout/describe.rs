//! Layouts and bytes for people to look at.

use super::*;

/// The layout as JSON.
pub fn describe(_layout: &Layout) -> String {
    "{}".into()
}

/// What is where.
pub fn dump(_layout: &Layout, _bytes: &[u8], _offset: usize) -> String {
    String::new()
}
