//! The dynamic codec: messages of any linked [`Schema`](crate::proto::schema::Schema), without generated code.
//!
//! There is no tree of values. **The binary form is the message**: JSON and text are parsed straight into it and printed straight from
//! it, and merging two messages is putting one's bytes after the other's. What a reader needs beyond the bytes is an index of one
//! message at a time (`scan.rs`): which field lies where, in order of declaration, with the wire format's own rules already applied
//! (last one wins, oneof members displace each other, closed enums, unknown fields, required fields).
//!
//! `plan.rs` holds what the schema means for the codec, field by field in 32 bytes. `binary.rs` writes a message again in canonical
//! form. [`super::json`] and [`super::text`] stand on these.
//!
//! Everything a peer controls is bounded by [`Limits`]. The functions recurse once a level of nesting, never deeper than
//! [`MAX_DEPTH`].
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

/// How deep [`Limits::depth`] can be raised. The stack for all levels is looked for before the first is opened, see `stack.rs`.
pub const MAX_DEPTH: usize = 1000;

/// The longest message of the binary format, 2 GiB - 1, whatever [`Limits::size`] says: offsets are kept in 32 bits.
pub const MAX_SIZE: usize = i32::MAX as usize;

/// Limits on messages that came from elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Levels of messages, groups, JSON arrays and objects, and `Any` inside `Any`. 100: what protobuf's own parsers allow.
    pub depth: usize,
    /// Bytes of input. 2 GiB - 1: the format's own bound.
    pub size: usize,
    /// Values in the index of one level and all levels above it; a packed run is one. 16,777,216: they take 16 bytes each, so that
    /// a message of one-byte values cannot grow past 256 MB.
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
    /// The levels that may open, never more than [`MAX_DEPTH`].
    pub fn levels(&self) -> usize {
        self.depth.min(MAX_DEPTH)
    }

    /// Runs what recurses once a level, given the levels that may open, with room on the stack for all of them.
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
                format!("The input has {length} bytes, the limit is {limit}"),
            ));
        }
        Ok(())
    }
}

/// Where a length-prefixed body begins, while its length is not known.
#[derive(Clone, Copy)]
pub(in crate::proto) struct Mark(usize);

/// Reserves one byte for the length of what comes: bodies of 127 bytes and less, which is most of them, stay in place.
#[inline]
pub(in crate::proto) fn begin(out: &mut Vec<u8>) -> Mark {
    out.push(0);
    Mark(out.len())
}

/// Where the body begins.
#[inline]
pub(in crate::proto) fn body(mark: Mark) -> usize {
    mark.0
}

/// Writes the length before the body that [`begin`] began; a longer body is moved by the bytes its length needs.
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

/// Writes what stands before the content of a message field: tags, and where it has one the place of its length. `message_set`: the
/// field is an extension of a message set.
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

/// Ends what [`start_message`] started.
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
