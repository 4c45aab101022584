//! Converts arrays of numbers from a binary format to the bytes of a typed array, and back.
//!
//! The loops are written so that the compiler vectorises them. Elements are those of JavaScript's typed arrays:
//! 24-bit integers become 32-bit elements, 40-bit and 48-bit integers become doubles, and 16-bit floats become 32-bit
//! floats or doubles.

use half::f16;

/// The encoding of a number, except for its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An integer or float of 1, 2, 4 or 8 bytes. Its element has the same size.
    Plain(usize),
    /// A signed integer of 3, 5 or 6 bytes.
    Signed(usize),
    /// An unsigned integer of 3, 5 or 6 bytes.
    Unsigned(usize),
    /// A 2-byte float. Its element is a 4-byte float or a double. A double is rounded once, not by way of a 4-byte
    /// float.
    Half {
        /// Whether the elements are doubles.
        doubles: bool,
    },
}

/// The arrangement of numbers in a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The encoding of each number.
    pub kind: Kind,
    /// Whether the most significant byte comes first.
    pub big_endian: bool,
    /// The distance between the starts of two numbers in bytes, at least the width of one.
    pub stride: usize,
}

impl Kind {
    /// The width of one number in bytes.
    pub fn width(self) -> usize {
        match self {
            Kind::Half { .. } => 2,
            Kind::Plain(width) | Kind::Signed(width) | Kind::Unsigned(width) => width,
        }
    }
}

/// Copies elements and reverses the bytes of each.
#[inline(always)]
fn copy_turned<const N: usize>(from: &[u8], to: &mut [u8]) {
    // This many bytes are reversed with one shuffle instruction.
    const WIDE: usize = 32;
    let ((wide_from, from), (wide_to, to)) = (from.as_chunks::<WIDE>(), to.as_chunks_mut::<WIDE>());
    for (from, to) in wide_from.iter().zip(wide_to) {
        for (i, byte) in to.iter_mut().enumerate() {
            *byte = from[i ^ (N - 1)];
        }
    }
    for (from, to) in from.as_chunks::<N>().0.iter().zip(to.as_chunks_mut::<N>().0) {
        *to = *from;
        to.reverse();
    }
}

#[multiversion::multiversion(targets("x86_64+avx2", "x86_64+ssse3"))]
fn copy_turned_2(from: &[u8], to: &mut [u8]) {
    copy_turned::<2>(from, to);
}

#[multiversion::multiversion(targets("x86_64+avx2", "x86_64+ssse3"))]
fn copy_turned_4(from: &[u8], to: &mut [u8]) {
    copy_turned::<4>(from, to);
}

#[multiversion::multiversion(targets("x86_64+avx2", "x86_64+ssse3"))]
fn copy_turned_8(from: &[u8], to: &mut [u8]) {
    copy_turned::<8>(from, to);
}

/// Copies elements that are contiguous on both sides.
fn copy_close<const N: usize>(from: &[u8], to: &mut [u8], turned: bool) {
    let length = from.len().min(to.len());
    let (from, to) = (&from[..length], &mut to[..length]);
    match N {
        _ if !turned || N == 1 => to.copy_from_slice(from),
        2 => copy_turned_2(from, to),
        4 => copy_turned_4(from, to),
        _ => copy_turned_8(from, to),
    }
}

/// Copies elements of `N` bytes that are `from_step` and `to_step` bytes apart.
#[inline(always)]
fn copy_apart<const N: usize>(from: &[u8], from_step: usize, to: &mut [u8], to_step: usize, turned: bool) {
    for (from, to) in from.chunks(from_step).zip(to.chunks_mut(to_step)) {
        if let (Some(from), Some(to)) = (from.first_chunk::<N>(), to.first_chunk_mut::<N>()) {
            *to = *from;
            if turned {
                to.reverse();
            }
        }
    }
}

fn copy_plain<const N: usize>(from: &[u8], from_step: usize, to: &mut [u8], to_step: usize, turned: bool) {
    if from_step == N && to_step == N {
        copy_close::<N>(from, to, turned);
    } else if turned {
        copy_apart::<N>(from, from_step, to, to_step, true);
    } else {
        copy_apart::<N>(from, from_step, to, to_step, false);
    }
}

fn copy_elements(width: usize, from: &[u8], from_step: usize, to: &mut [u8], to_step: usize, turned: bool) {
    match width {
        1 => copy_plain::<1>(from, from_step, to, to_step, false),
        2 => copy_plain::<2>(from, from_step, to, to_step, turned),
        4 => copy_plain::<4>(from, from_step, to, to_step, turned),
        _ => copy_plain::<8>(from, from_step, to, to_step, turned),
    }
}

/// Reads an integer of `N` bytes.
#[inline(always)]
fn integer<const N: usize>(bytes: &[u8; N], big_endian: bool, signed: bool) -> i64 {
    let mut wide = [0; 8];
    if big_endian {
        wide[..N].copy_from_slice(bytes);
    } else {
        for i in 0..N {
            wide[i] = bytes[N - 1 - i];
        }
    }
    let unsigned = u64::from_be_bytes(wide);
    let shift = 64 - 8 * N as u32;
    if signed {
        unsigned.cast_signed() >> shift
    } else {
        (unsigned >> shift).cast_signed()
    }
}

/// Converts 3-byte integers to 4-byte elements.
fn read_3(shape: Shape, signed: bool, input: &[u8], out: &mut [u8]) {
    for (bytes, to) in input.chunks(shape.stride).zip(out.as_chunks_mut::<4>().0) {
        if let Some(bytes) = bytes.first_chunk::<3>() {
            *to = (integer(bytes, shape.big_endian, signed) as i32).to_ne_bytes();
        }
    }
}

/// Converts 5-byte or 6-byte integers to doubles, which represent them exactly.
fn read_wide<const N: usize>(shape: Shape, signed: bool, input: &[u8], out: &mut [u8]) {
    for (bytes, to) in input.chunks(shape.stride).zip(out.as_chunks_mut::<8>().0) {
        if let Some(bytes) = bytes.first_chunk::<N>() {
            *to = (integer(bytes, shape.big_endian, signed) as f64).to_ne_bytes();
        }
    }
}

fn read_half(shape: Shape, input: &[u8], out: &mut [u8]) {
    for (bytes, to) in input.chunks(shape.stride).zip(out.as_chunks_mut::<4>().0) {
        if let Some(bytes) = bytes.first_chunk::<2>() {
            let number = if shape.big_endian {
                f16::from_be_bytes(*bytes)
            } else {
                f16::from_le_bytes(*bytes)
            };
            *to = number.to_f32().to_ne_bytes();
        }
    }
}

/// Rounds to the nearest 2-byte float. `f16::from_f64` ignores the last 32 bits of a double, and going by way of a
/// 4-byte float would round twice.
pub fn half(value: f64) -> f16 {
    let near = value as f32;
    if near.is_nan() || f64::from(near) == value {
        return f16::from_f32(near);
    }
    // Rounds towards zero and sets the last bit to record that the value was inexact. That bit is below all bits that
    // decide the next rounding.
    let is_above = f64::from(near).abs() > value.abs();
    f16::from_f32(f32::from_bits((near.to_bits() - u32::from(is_above)) | 1))
}

fn write_half(shape: Shape, doubles: bool, elements: &[u8], out: &mut [u8]) {
    let size = if doubles { 8 } else { 4 };
    for (element, to) in elements.chunks_exact(size).zip(out.chunks_mut(shape.stride)) {
        let number = match (element.first_chunk::<8>(), element.first_chunk::<4>()) {
            (Some(bytes), _) => half(f64::from_ne_bytes(*bytes)),
            (_, Some(bytes)) => f16::from_f32(f32::from_ne_bytes(*bytes)),
            _ => return,
        };
        if let Some(to) = to.first_chunk_mut::<2>() {
            *to = if shape.big_endian {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            };
        }
    }
}

/// Converts numbers to elements, as many as `input` has and `out` has room for.
pub fn read(shape: Shape, input: &[u8], out: &mut [u8]) {
    let turned = shape.big_endian != cfg!(target_endian = "big");
    match shape.kind {
        Kind::Plain(width) => copy_elements(width, input, shape.stride, out, width, turned),
        Kind::Half { .. } => read_half(shape, input, out),
        Kind::Signed(3) => read_3(shape, true, input, out),
        Kind::Unsigned(3) => read_3(shape, false, input, out),
        Kind::Signed(5) => read_wide::<5>(shape, true, input, out),
        Kind::Unsigned(5) => read_wide::<5>(shape, false, input, out),
        Kind::Signed(_) => read_wide::<6>(shape, true, input, out),
        Kind::Unsigned(_) => read_wide::<6>(shape, false, input, out),
    }
}

/// The integer in an element for 24 bits or more; `None` if it is not an integer.
fn whole(element: &[u8], signed: bool) -> Option<i64> {
    if let Some(bytes) = element.first_chunk::<8>() {
        let value = f64::from_ne_bytes(*bytes);
        // No larger value is in range.
        return (value.fract() == 0.0 && value.abs() < 1e18).then_some(value as i64);
    }
    let bytes = *element.first_chunk::<4>()?;
    Some(if signed {
        i32::from_ne_bytes(bytes).into()
    } else {
        u32::from_ne_bytes(bytes).into()
    })
}

/// The index of the first element that the kind cannot represent.
fn refused(kind: Kind, elements: &[u8]) -> Option<usize> {
    let (width, signed) = match kind {
        Kind::Plain(_) | Kind::Half { .. } => return None,
        Kind::Signed(width) => (width, true),
        Kind::Unsigned(width) => (width, false),
    };
    let bits = 8 * width as u32;
    let range = if signed {
        -(1i64 << (bits - 1))..1 << (bits - 1)
    } else {
        0..1 << bits
    };
    let mut elements = elements.chunks_exact(if width == 3 { 4 } else { 8 });
    elements.position(|element| !whole(element, signed).is_some_and(|value| range.contains(&value)))
}

fn write_integers<const N: usize>(shape: Shape, signed: bool, elements: &[u8], out: &mut [u8]) {
    let size = if N == 3 { 4 } else { 8 };
    for (element, to) in elements.chunks_exact(size).zip(out.chunks_mut(shape.stride)) {
        if let Some(to) = to.first_chunk_mut::<N>() {
            let bytes = whole(element, signed).unwrap_or_default().to_le_bytes();
            to.copy_from_slice(&bytes[..N]);
            if shape.big_endian {
                to.reverse();
            }
        }
    }
}

/// Writes elements as numbers. Bytes between the numbers are unchanged. If an element is out of range, nothing is
/// written and its index is returned.
pub fn write(shape: Shape, elements: &[u8], out: &mut [u8]) -> Result<(), usize> {
    if let Some(index) = refused(shape.kind, elements) {
        return Err(index);
    }
    let turned = shape.big_endian != cfg!(target_endian = "big");
    match shape.kind {
        Kind::Plain(width) => copy_elements(width, elements, width, out, shape.stride, turned),
        Kind::Half { doubles } => write_half(shape, doubles, elements, out),
        Kind::Signed(3) => write_integers::<3>(shape, true, elements, out),
        Kind::Unsigned(3) => write_integers::<3>(shape, false, elements, out),
        Kind::Signed(5) => write_integers::<5>(shape, true, elements, out),
        Kind::Unsigned(5) => write_integers::<5>(shape, false, elements, out),
        Kind::Signed(_) => write_integers::<6>(shape, true, elements, out),
        Kind::Unsigned(_) => write_integers::<6>(shape, false, elements, out),
    }
    Ok(())
}

/// How the seven-bit groups of a varint represent an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leb128 {
    /// An unsigned integer.
    Unsigned,
    /// In two's complement.
    Signed,
    /// Zigzag: 0, -1, 1, -2 are written as 0, 1, 2, 3.
    Zigzag,
}

/// Why a varint is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VarintError {
    /// It continues past the end of the input.
    Truncated,
    /// It has more than 64 bits.
    TooLong,
    /// A double cannot represent it exactly.
    Unsafe,
}

/// Reads a 64-bit varint at the start of `bytes`. Returns its value and length.
#[inline]
fn read_varint(kind: Leb128, bytes: &[u8]) -> Result<(u64, usize), VarintError> {
    let mut value = 0;
    for (i, &byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        value |= bits << (7 * i);
        if byte < 0x80 {
            // The tenth byte has room for one bit. In a signed varint, all its bits must be copies of the sign.
            let fits =
                i < 9 || bits <= 1 && kind != Leb128::Signed || kind == Leb128::Signed && (bits == 0 || bits == 0x7f);
            if !fits {
                return Err(VarintError::TooLong);
            }
            let value = match kind {
                Leb128::Unsigned => value,
                Leb128::Zigzag => (value >> 1) ^ (value & 1).wrapping_neg(),
                Leb128::Signed if i < 9 && byte & 0x40 != 0 => value | u64::MAX << (7 * (i + 1)),
                Leb128::Signed => value,
            };
            return Ok((value, i + 1));
        }
    }
    Err(if bytes.len() < 10 {
        VarintError::Truncated
    } else {
        VarintError::TooLong
    })
}

/// Counts the varints that end within the bytes.
pub fn count_varints(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte < 0x80).count()
}

/// The largest integer that doubles represent exactly, JavaScript's `Number.MAX_SAFE_INTEGER`.
const SAFE: i64 = (1 << 53) - 1;

/// Reads as many varints as `out` has room for, into 64-bit elements: integers or doubles. Returns the number of
/// bytes read. An error comes with the offset and the index of the invalid varint.
pub fn read_varints(
    kind: Leb128,
    doubles: bool,
    input: &[u8],
    out: &mut [u8],
) -> Result<usize, (VarintError, usize, usize)> {
    let mut at = 0;
    for (index, to) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let (value, size) = read_varint(kind, &input[at..]).map_err(|error| (error, at, index))?;
        *to = if doubles {
            let is_safe = if kind == Leb128::Unsigned {
                value <= SAFE as u64
            } else {
                (-SAFE..=SAFE).contains(&value.cast_signed())
            };
            if !is_safe {
                return Err((VarintError::Unsafe, at, index));
            }
            (value.cast_signed() as f64).to_ne_bytes()
        } else {
            value.to_ne_bytes()
        };
        at += size;
    }
    Ok(at)
}

/// Encodes `value` for seven-bit groups. Returns the bits, and whether they are sign-extended.
fn groups(kind: Leb128, value: i64) -> (u64, bool) {
    match kind {
        Leb128::Unsigned => (value.cast_unsigned(), false),
        Leb128::Signed => (value.cast_unsigned(), true),
        Leb128::Zigzag => ((value << 1 ^ value >> 63).cast_unsigned(), false),
    }
}

fn write_varint(kind: Leb128, value: i64, out: &mut Vec<u8>) {
    let (mut value, signed) = groups(kind, value);
    loop {
        let byte = (value & 0x7f) as u8;
        value = if signed {
            (value.cast_signed() >> 7).cast_unsigned()
        } else {
            value >> 7
        };
        let is_last = if signed {
            value == 0 && byte & 0x40 == 0 || value == u64::MAX && byte & 0x40 != 0
        } else {
            value == 0
        };
        if is_last {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

/// Appends 64-bit elements as varints. If an element is not an integer that a double represents exactly, or is
/// negative in an unsigned kind, its index is returned.
pub fn write_varints(kind: Leb128, doubles: bool, elements: &[u8], out: &mut Vec<u8>) -> Result<(), usize> {
    for (index, element) in elements.as_chunks::<8>().0.iter().enumerate() {
        let value = if doubles {
            let value = f64::from_ne_bytes(*element);
            let least = if kind == Leb128::Unsigned { 0.0 } else { -SAFE as f64 };
            if value.fract() != 0.0 || !(least..=SAFE as f64).contains(&value) {
                return Err(index);
            }
            value as i64
        } else {
            i64::from_ne_bytes(*element)
        };
        write_varint(kind, value, out);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds() -> impl Strategy<Value = Kind> {
        prop_oneof![
            prop::sample::select(vec![1, 2, 4, 8]).prop_map(Kind::Plain),
            prop::sample::select(vec![3, 5, 6]).prop_map(Kind::Signed),
            prop::sample::select(vec![3, 5, 6]).prop_map(Kind::Unsigned),
        ]
    }

    /// A reference implementation that reads elements byte by byte.
    fn naive(shape: Shape, input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for item in input.chunks(shape.stride) {
            let Some(bytes) = item.get(..shape.kind.width()) else {
                break;
            };
            let mut bytes = bytes.to_vec();
            if shape.big_endian {
                bytes.reverse();
            }
            let negative = matches!(shape.kind, Kind::Signed(_)) && bytes[bytes.len() - 1] >= 0x80;
            match shape.kind {
                Kind::Plain(_) | Kind::Half { .. } => out.extend(bytes),
                kind => {
                    bytes.resize(8, if negative { 0xff } else { 0 });
                    let value = bytes
                        .iter()
                        .rev()
                        .fold(0i64, |value, byte| value << 8 | i64::from(*byte));
                    if kind.width() == 3 {
                        out.extend((value as i32).to_ne_bytes());
                    } else {
                        out.extend((value as f64).to_ne_bytes());
                    }
                }
            }
        }
        out
    }

    #[test]
    fn halves_there_and_back() {
        for big_endian in [false, true] {
            let shape = |doubles, stride| Shape {
                kind: Kind::Half { doubles },
                big_endian,
                stride,
            };
            let bytes: Vec<u8> = (0..=u16::MAX)
                .flat_map(|bits| {
                    if big_endian {
                        bits.to_be_bytes()
                    } else {
                        bits.to_le_bytes()
                    }
                })
                .collect();
            let mut elements = vec![0; 2 * bytes.len()];
            read(shape(false, 2), &bytes, &mut elements);
            let numbers: Vec<f32> = elements
                .as_chunks()
                .0
                .iter()
                .map(|bytes| f32::from_ne_bytes(*bytes))
                .collect();
            let doubles: Vec<u8> = numbers
                .iter()
                .flat_map(|number| f64::from(*number).to_ne_bytes())
                .collect();
            for (from, is_wide) in [(&elements, false), (&doubles, true)] {
                let mut back = vec![0; bytes.len()];
                write(shape(is_wide, 2), from, &mut back).unwrap();
                for ((was, is), number) in bytes.chunks(2).zip(back.chunks(2)).zip(&numbers) {
                    // The payload of a NaN is not preserved.
                    assert!(was == is || number.is_nan());
                }
                let mut apart = [7; 8];
                write(shape(is_wide, 3), from, &mut apart).unwrap();
                assert_eq!(apart, [back[0], back[1], 7, back[2], back[3], 7, back[4], back[5]]);
            }
            // A value just above the middle of two neighbours. Rounded to a 4-byte float first, it would be the
            // middle itself and then be rounded down.
            let mut out = [0; 2];
            let above = 1.0 + f64::powi(2.0, -11) + f64::powi(2.0, -40);
            write(shape(true, 2), &above.to_ne_bytes(), &mut out).unwrap();
            let mut read_back = [0; 4];
            read(shape(false, 2), &out, &mut read_back);
            assert_eq!(f32::from_ne_bytes(read_back), 1.0 + f32::powi(2.0, -10));
        }
    }

    #[test]
    fn halves_are_the_nearest() {
        let tiny = f64::powi(2.0, -24);
        for (value, nearest) in [
            (65_519.999_999, 65_504.0),
            (65_520.0, f64::INFINITY),
            (-1e300, f64::NEG_INFINITY),
            (tiny / 2.0, 0.0),
            (tiny * 0.500_000_000_1, tiny),
            (tiny * 1.5, 2.0 * tiny),
            (tiny * 1.499_999_999_9, tiny),
            (f64::MIN_POSITIVE, 0.0),
        ] {
            assert_eq!(half(value).to_f64(), nearest, "{value}");
            assert_eq!(half(-value).to_f64(), -nearest, "-{value}");
        }
        assert!(half(f64::NAN).is_nan());
    }

    proptest! {
        #[test]
        #[cfg(target_endian = "little")]
        fn there_and_back(
            kind in kinds(),
            big_endian in any::<bool>(),
            gap in 0..5usize,
            input in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let shape = Shape { kind, big_endian, stride: kind.width() + gap };
            let expected = naive(shape, &input);
            let mut elements = vec![0; expected.len()];
            read(shape, &input, &mut elements);
            prop_assert_eq!(&elements, &expected);
            let mut back = input.clone();
            for item in back.chunks_mut(shape.stride) {
                if let Some(bytes) = item.get_mut(..kind.width()) {
                    bytes.fill(0x55);
                }
            }
            prop_assert_eq!(write(shape, &elements, &mut back), Ok(()));
            prop_assert_eq!(back, input);
        }

        #[test]
        fn what_is_out_of_range_is_named(width in prop::sample::select(vec![5usize, 6]), at in 0..9usize) {
            for (kind, bad) in [
                (Kind::Unsigned(width), -1.0),
                (Kind::Unsigned(width), f64::powi(2.0, 8 * width as i32)),
                (Kind::Signed(width), f64::powi(2.0, 8 * width as i32 - 1)),
                (Kind::Signed(width), f64::NAN),
                (Kind::Signed(width), f64::NEG_INFINITY),
                (Kind::Signed(width), 0.5),
            ] {
                let mut values = [0.0; 9];
                values[at] = bad;
                let elements: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
                let mut out = [7; 54];
                let shape = Shape { kind, big_endian: true, stride: width };
                prop_assert_eq!(write(shape, &elements, &mut out), Err(at));
                prop_assert_eq!(out, [7; 54]);
            }
        }

        #[test]
        fn varints_there_and_back(values in prop::collection::vec(any::<i64>().prop_flat_map(|value| (0..64u32).prop_map(move |shift| value >> shift)), 0..40)) {
            let elements: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
            for kind in [Leb128::Unsigned, Leb128::Signed, Leb128::Zigzag] {
                let mut bytes = Vec::new();
                prop_assert_eq!(write_varints(kind, false, &elements, &mut bytes), Ok(()));
                let mut back = vec![0; elements.len()];
                prop_assert_eq!(read_varints(kind, false, &bytes, &mut back), Ok(bytes.len()));
                prop_assert_eq!(&back, &elements);
                prop_assert_eq!(count_varints(&bytes), values.len());
                for cut in 0..bytes.len() {
                    let error = read_varints(kind, false, &bytes[..cut], &mut back).unwrap_err();
                    prop_assert_eq!(error.0, VarintError::Truncated);
                }
            }
        }

        #[test]
        fn varints_as_doubles(values in prop::collection::vec(-SAFE..=SAFE, 0..40)) {
            let elements: Vec<u8> = values.iter().flat_map(|value| (*value as f64).to_ne_bytes()).collect();
            for kind in [Leb128::Signed, Leb128::Zigzag] {
                let mut bytes = Vec::new();
                prop_assert_eq!(write_varints(kind, true, &elements, &mut bytes), Ok(()));
                let mut back = vec![0; elements.len()];
                prop_assert_eq!(read_varints(kind, true, &bytes, &mut back), Ok(bytes.len()));
                prop_assert_eq!(&back, &elements);
            }
        }

        #[test]
        fn any_bytes_are_varints_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60), count in 0..30usize) {
            for kind in [Leb128::Unsigned, Leb128::Signed, Leb128::Zigzag] {
                for doubles in [false, true] {
                    let mut out = vec![0; count * 8];
                    if let Ok(size) = read_varints(kind, doubles, &bytes, &mut out) {
                        prop_assert!(size <= bytes.len());
                    }
                }
            }
        }
    }

    #[test]
    fn varints_that_are_too_long_or_unsafe() {
        let mut out = [0; 8];
        let mut read =
            |kind, doubles, bytes: &[u8]| read_varints(kind, doubles, bytes, &mut out).map_err(|error| error.0);
        let ten = |last| [[0xff; 9].as_slice(), &[last]].concat();
        assert_eq!(read(Leb128::Unsigned, false, &ten(1)), Ok(10));
        assert_eq!(read(Leb128::Unsigned, false, &ten(2)), Err(VarintError::TooLong));
        assert_eq!(read(Leb128::Signed, false, &ten(0x7f)), Ok(10));
        assert_eq!(read(Leb128::Signed, false, &ten(1)), Err(VarintError::TooLong));
        assert_eq!(read(Leb128::Unsigned, false, &ten(0x80)), Err(VarintError::TooLong));
        assert_eq!(read(Leb128::Unsigned, true, &ten(1)), Err(VarintError::Unsafe));
        let mut bytes = Vec::new();
        write_varint(Leb128::Unsigned, SAFE + 1, &mut bytes);
        assert_eq!(read(Leb128::Unsigned, true, &bytes), Err(VarintError::Unsafe));
    }
}
