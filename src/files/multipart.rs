//! `multipart/byteranges` (RFC 9110 §14.6): several ranges of a file in one body.

use super::Segment;
use super::file::File;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Creates boundaries. They are unpredictable, so a file cannot be made to contain one.
#[derive(Default)]
pub struct Boundaries {
    keys: [RandomState; 2],
    count: AtomicU64,
}

impl Boundaries {
    /// Returns a new boundary.
    pub fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let [first, second] = &self.keys;
        format!("{:016x}{:016x}", first.hash_one(count), second.hash_one(count))
    }
}

/// Builds the body. Returns its segments and its length.
pub fn body(file: &File, content_type: &str, ranges: &[Range<u64>], boundary: &str) -> (Vec<Segment>, u64) {
    let mut segments = Vec::with_capacity(ranges.len() * 2 + 1);
    for (index, range) in ranges.iter().enumerate() {
        let line = if index == 0 { "" } else { "\r\n" };
        let content_range = content_range(range, file.size);
        let head =
            format!("{line}--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {content_range}\r\n\r\n");
        segments.push(Segment::Bytes(head.into()));
        segments.push(file.part(range.clone()));
    }
    segments.push(Segment::Bytes(format!("\r\n--{boundary}--\r\n").into()));
    let length = segments.iter().map(Segment::len).sum();
    (segments, length)
}

/// The `Content-Range` of a non-empty range.
pub fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}
