//! The dynamic codec: messages of any linked [`Schema`](crate::proto::schema::Schema), without generated code.
//!
//! There is no tree of values. **The binary form is the message**: JSON and text are parsed directly into it and
//! printed directly from it, and two messages are merged by concatenating their bytes. In addition to the bytes, a
//! reader needs only an index of one message at a time (`scan.rs`). It lists the position of each field in order of
//! declaration, with the rules of the wire format already applied (the last value wins, oneof members replace each
//! other, closed enums, unknown fields, required fields).
//!
//! `plan.rs` holds the parts of the schema that the codec needs, in 32 bytes per field. `binary.rs` rewrites a
//! message in canonical form. [`super::json`] and [`super::text`] are based on these.
//!
//! Everything that a peer controls is bounded by [`Limits`]. The functions recurse once per level of nesting, and
//! never deeper than [`MAX_DEPTH`].
//!
//! Source: the protobuf encoding specification.

mod binary;
mod error;
mod plan;
mod scan;
pub mod tape;
#[cfg(test)]
pub(in crate::proto) mod tests;

use super::stack::with_room;
pub use binary::BinaryOptions;
pub use error::{Error, ErrorKind, Result};
pub use plan::Codec;
pub(in crate::proto) use plan::{FieldPlan, FieldType, MessagePlan};
pub(in crate::proto) use scan::{Occurrence, Scanner, Segment, UNKNOWN, group_body};

/// The highest effective value of [`Limits::depth`]. The stack for all levels is reserved before the first one is
/// entered, see `stack.rs`.
pub const MAX_DEPTH: usize = 1000;

/// The longest binary message, 2 GiB - 1, whatever [`Limits::size`] is: offsets have 32 bits.
pub const MAX_SIZE: usize = i32::MAX as usize;

/// Limits for messages from untrusted sources.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most levels of messages, groups, JSON arrays and objects, and `Any` inside `Any`. Default 100, as in
    /// protobuf's own parsers.
    pub depth: usize,
    /// The most bytes of input. Default 2 GiB - 1, the limit of the format.
    pub size: usize,
    /// The most values in the index of one level and of all levels above it; a packed run counts as one. Default
    /// 16,777,216. Each takes 16 bytes, so the index of a message of one-byte values is at most 256 MB.
    pub values: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            depth: 100,
            size: MAX_SIZE,
            values: 1 << 24,
        }
    }
}

impl Limits {
    /// The number of levels that may be entered, at most [`MAX_DEPTH`].
    pub fn levels(&self) -> usize {
        self.depth.min(MAX_DEPTH)
    }

    /// Runs a recursive function with enough stack for all levels. It receives the number of levels that it may
    /// enter.
    pub(in crate::proto) fn descend<T>(&self, work: impl FnOnce(usize) -> T) -> T {
        let levels = self.levels();
        with_room(levels, || work(levels))
    }

    /// Checks the length of an input.
    pub(in crate::proto) fn check_size(&self, length: usize) -> Result<()> {
        let limit = self.size.min(MAX_SIZE);
        if length > limit {
            return Err(Error::new(
                ErrorKind::Limit,
                format!("The input has {length} bytes, more than the limit of {limit}"),
            ));
        }
        Ok(())
    }
}

/// The start of a length-prefixed body whose length is not known yet.
#[derive(Clone, Copy)]
pub(in crate::proto) struct Mark(usize);

/// Reserves one byte for the length of a body. Most bodies have at most 127 bytes and then stay in place.
#[inline]
pub(in crate::proto) fn begin(out: &mut Vec<u8>) -> Mark {
    out.push(0);
    Mark(out.len())
}

/// The offset at which the body begins.
#[inline]
pub(in crate::proto) fn body(mark: Mark) -> usize {
    mark.0
}

/// Writes the length before the body that [`begin`] started. A longer body is moved to make room for its length.
#[inline]
pub(in crate::proto) fn end(out: &mut Vec<u8>, mark: Mark) {
    let length = out.len() - mark.0;
    if length < 0x80 {
        out[mark.0 - 1] = length as u8;
        return;
    }
    let width = super::wire::varint_len(length as u64);
    out.resize(out.len() + width - 1, 0);
    out.copy_within(mark.0..mark.0 + length, mark.0 + width - 1);
    let mut rest = length;
    for byte in &mut out[mark.0 - 1..mark.0 + width - 2] {
        *byte = rest as u8 | 0x80;
        rest >>= 7;
    }
    out[mark.0 + width - 2] = rest as u8;
}

/// Writes everything before the content of a message field: tags, and the placeholder of its length if it has one.
/// `message_set`: the field is an extension of a message set.
pub(in crate::proto) fn start_message(out: &mut Vec<u8>, field: &FieldPlan, message_set: bool) -> Option<Mark> {
    use super::wire::{WireType, put_tag, put_varint};
    if let FieldType::Group(_) = field.ty {
        put_tag(out, field.number, WireType::StartGroup);
        return None;
    }
    if message_set {
        put_tag(out, 1, WireType::StartGroup);
        put_tag(out, 2, WireType::Varint);
        put_varint(out, field.number.into());
        put_tag(out, 3, WireType::Length);
    } else {
        put_tag(out, field.number, WireType::Length);
    }
    Some(begin(out))
}

/// Completes what [`start_message`] started.
pub(in crate::proto) fn end_message(out: &mut Vec<u8>, field: &FieldPlan, message_set: bool, mark: Option<Mark>) {
    use super::wire::{WireType, put_tag};
    match mark {
        None => put_tag(out, field.number, WireType::EndGroup),
        Some(mark) => {
            end(out, mark);
            if message_set {
                put_tag(out, 1, WireType::EndGroup);
            }
        }
    }
}
