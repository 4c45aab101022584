//! The wire primitives of protobuf: varints, tags, fixed-width numbers, lengths. Bounds-checked, allocation-free.
//!
//! Everything that reads or writes the binary format in Rust goes through here: the codec and the descriptors.
//!
//! Source: the protobuf encoding specification. A varint has at most 10 bytes; an eleventh is an error. Bits of the
//! tenth byte beyond the 64th are dropped, as protobuf's own parsers do.

use std::fmt;

/// The largest field number, 2^29 - 1: a tag is a 32-bit varint with three bits of wire type.
pub const MAX_FIELD_NUMBER: u32 = 536_870_911;

/// How the bytes after a tag are laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum WireType {
    /// A varint.
    Varint = 0,
    /// Eight bytes, little-endian.
    Fixed64 = 1,
    /// A varint length and that many bytes.
    Length = 2,
    /// Fields up to the matching end tag.
    StartGroup = 3,
    /// The end of a group.
    EndGroup = 4,
    /// Four bytes, little-endian.
    Fixed32 = 5,
}

/// Why bytes are not a protobuf message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WireError {
    /// The input ends inside a value, or a declared length reaches past its end.
    Truncated,
    /// A varint of more than 10 bytes.
    VarintTooLong,
    /// A tag with wire type 6 or 7, or a field number above 2^29 - 1.
    BadTag,
    /// An end-group tag that closes nothing, or another field's group.
    UnexpectedEndGroup,
    /// Messages or groups nested deeper than the limit.
    TooDeep,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the input ends inside a value",
            Self::VarintTooLong => "a varint is longer than 10 bytes",
            Self::BadTag => "a tag has an unknown wire type or a field number out of range",
            Self::UnexpectedEndGroup => "an end-group tag does not match its group",
            Self::TooDeep => "messages are nested too deeply",
        })
    }
}

impl std::error::Error for WireError {}

/// Reads values off a slice, never past its end.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// True at the end of the input.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.position == self.bytes.len()
    }

    /// Bytes read so far.
    #[inline]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Bytes left.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The input between two positions, for keeping unknown fields unchanged. Empty if the range is not within the input.
    #[inline]
    pub fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// A varint. A number of more than 64 bits keeps its low 64; an eleventh byte is an error.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        match self.bytes.get(self.position) {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                Ok(byte as u64)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0u64;
        for (index, &byte) in self.bytes[self.position..].iter().take(10).enumerate() {
            // The tenth byte has room for one bit: the shift drops the others.
            value |= ((byte & 0x7f) as u64) << (index * 7);
            if byte < 0x80 {
                self.position += index + 1;
                return Ok(value);
            }
        }
        Err(if self.remaining() < 10 {
            WireError::Truncated
        } else {
            WireError::VarintTooLong
        })
    }

    /// A tag: field number and wire type. Number 0 is accepted: whether it is legal depends on the schema.
    #[inline]
    pub fn tag(&mut self) -> Result<(u32, WireType), WireError> {
        let tag = self.varint()?;
        let wire_type = match tag & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Length,
            3 => WireType::StartGroup,
            4 => WireType::EndGroup,
            5 => WireType::Fixed32,
            _ => return Err(WireError::BadTag),
        };
        match u32::try_from(tag >> 3) {
            Ok(number) if number <= MAX_FIELD_NUMBER => Ok((number, wire_type)),
            _ => Err(WireError::BadTag),
        }
    }

    /// Four bytes, little-endian.
    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, WireError> {
        let bytes = self.bytes[self.position..]
            .first_chunk::<4>()
            .ok_or(WireError::Truncated)?;
        self.position += 4;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// Eight bytes, little-endian.
    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, WireError> {
        let bytes = self.bytes[self.position..]
            .first_chunk::<8>()
            .ok_or(WireError::Truncated)?;
        self.position += 8;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// A length and that many bytes, borrowed. The length is checked against the input before anything else happens.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.varint()?;
        if length > self.remaining() as u64 {
            return Err(WireError::Truncated);
        }
        let start = self.position;
        self.position += length as usize;
        Ok(&self.bytes[start..self.position])
    }

    /// Skips the value after a tag. A group is skipped up to its end tag, `depth` levels of groups at most.
    pub fn skip(&mut self, number: u32, wire_type: WireType, depth: usize) -> Result<(), WireError> {
        match wire_type {
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed64 => self.fixed64().map(drop),
            WireType::Fixed32 => self.fixed32().map(drop),
            WireType::Length => self.bytes().map(drop),
            WireType::EndGroup => Err(WireError::UnexpectedEndGroup),
            WireType::StartGroup => {
                let inner_depth = depth.checked_sub(1).ok_or(WireError::TooDeep)?;
                loop {
                    match self.tag()? {
                        (end, WireType::EndGroup) if end == number => return Ok(()),
                        (inner, inner_type) => self.skip(inner, inner_type, inner_depth)?,
                    }
                }
            }
        }
    }
}

/// Appends a varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a tag.
#[inline]
pub fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: WireType) {
    put_varint(out, (number as u64) << 3 | wire_type as u64);
}

/// Appends a length and the bytes.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends what `body` writes, with its length before it, without a second buffer: the usual one-byte length is reserved and only a
/// body of 128 bytes and more is moved.
pub fn put_delimited<E>(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
    let start = out.len();
    out.push(0);
    body(out)?;
    let length = out.len() - start - 1;
    let width = varint_len(length as u64);
    if width > 1 {
        out.resize(out.len() + width - 1, 0);
        out.copy_within(start + 1..start + 1 + length, start + width);
    }
    let mut rest = length;
    for byte in &mut out[start..start + width - 1] {
        *byte = rest as u8 | 0x80;
        rest >>= 7;
    }
    out[start + width - 1] = rest as u8;
    Ok(())
}

/// How many bytes a varint takes, 1 to 10.
#[inline]
pub fn varint_len(value: u64) -> usize {
    // ceil(bits / 7) without a division: 9/64 is just above 1/7 for 1 to 64 bits.
    let bits = 64 - (value | 1).leading_zeros() as usize;
    (bits * 9 + 64) / 64
}

/// Zigzag: small negative numbers become small unsigned ones.
#[inline]
pub fn zigzag32(value: i32) -> u32 {
    (value << 1 ^ value >> 31) as u32
}

/// Undoes [`zigzag32`].
#[inline]
pub fn unzigzag32(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

/// Zigzag: small negative numbers become small unsigned ones.
#[inline]
pub fn zigzag64(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// Undoes [`zigzag64`].
#[inline]
pub fn unzigzag64(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varint_round_trip(value: u64) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            prop_assert_eq!(out.len(), varint_len(value));
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint(), Ok(value));
            prop_assert!(reader.is_empty());
            for cut in 0..out.len() {
                prop_assert_eq!(Reader::new(&out[..cut]).varint(), Err(WireError::Truncated));
            }
        }

        #[test]
        fn zigzag_round_trip(a: i32, b: i64) {
            prop_assert_eq!(unzigzag32(zigzag32(a)), a);
            prop_assert_eq!(unzigzag64(zigzag64(b)), b);
        }

        #[test]
        fn delimited_equals_bytes(length in 0usize..40_000) {
            let body = vec![7u8; length];
            let (mut ours, mut naive) = (vec![1], vec![1]);
            put_delimited::<()>(&mut ours, |out| { out.extend_from_slice(&body); Ok(()) }).unwrap();
            put_bytes(&mut naive, &body);
            prop_assert_eq!(ours, naive);
        }

        #[test]
        fn skip_never_panics(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while !reader.is_empty() {
                let Ok((number, wire_type)) = reader.tag() else { break };
                if reader.skip(number, wire_type, 10).is_err() { break }
            }
        }
    }

    #[test]
    fn varint_lengths_at_the_edges() {
        for bits in 0..64 {
            for value in [1u64 << bits, (1u64 << bits) - 1, u64::MAX >> bits] {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                assert_eq!(varint_len(value), out.len(), "{value}");
            }
        }
    }

    #[test]
    fn eleven_bytes_are_an_error_and_ten_keep_64_bits() {
        assert_eq!(Reader::new(&[0xff; 11]).varint(), Err(WireError::VarintTooLong));
        let mut ten = [0xff; 10];
        ten[9] = 0x7f;
        assert_eq!(Reader::new(&ten).varint(), Ok(u64::MAX));
    }

    #[test]
    fn lengths_are_checked_before_use() {
        assert_eq!(
            Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]).bytes(),
            Err(WireError::Truncated)
        );
        assert_eq!(Reader::new(&[2, 1]).bytes(), Err(WireError::Truncated));
        assert_eq!(Reader::new(&[1, 9]).bytes(), Ok(&[9u8][..]));
    }

    #[test]
    fn groups_must_nest_and_not_too_deeply() {
        // group 1 { group 2 { } }
        let bytes = [0x0b, 0x13, 0x14, 0x0c];
        let mut reader = Reader::new(&bytes);
        let (number, wire_type) = reader.tag().unwrap();
        assert_eq!(reader.clone().skip(number, wire_type, 1), Err(WireError::TooDeep));
        assert_eq!(reader.skip(number, wire_type, 2), Ok(()));
        assert!(reader.is_empty());
        let mut crossed = Reader::new(&[0x0b, 0x14]);
        let (number, wire_type) = crossed.tag().unwrap();
        assert_eq!(crossed.skip(number, wire_type, 9), Err(WireError::UnexpectedEndGroup));
        assert_eq!(Reader::new(&[0x06]).tag(), Err(WireError::BadTag));
    }
}
