//! Numbers as bytes.

use super::*;

pub(super) fn read_int(int: Int, bytes: &[u8]) -> i128 {
    let mut value = 0u64;
    for at in 0..bytes.len() {
        let byte = if int.little {
            bytes[bytes.len() - 1 - at]
        } else {
            bytes[at]
        };
        value = value << 8 | u64::from(byte);
    }
    sign(value, u32::from(int.bytes) * 8, int.signed)
}

fn sign(value: u64, bits: u32, signed: bool) -> i128 {
    if signed {
        let unused = 64 - bits;
        i128::from((value << unused) as i64 >> unused)
    } else {
        value.into()
    }
}

pub(super) fn read_bits(bits: Bits, run: &[u8]) -> i128 {
    let (from, width) = (bits.at as usize, usize::from(bits.width));
    // Nine bytes at most.
    let (first, last) = (from / 8, (from + width - 1) / 8);
    let mut window = 0u128;
    for at in first..=last {
        let byte = if bits.lsb { run[first + last - at] } else { run[at] };
        window = window << 8 | u128::from(byte);
    }
    let below = if bits.lsb {
        from % 8
    } else {
        (last + 1) * 8 - from - width
    };
    let value = (window >> below) as u64 & (u64::MAX >> (64 - width));
    sign(value, bits.width.into(), bits.signed)
}

pub(super) fn read_float(bytes: &[u8], little: bool) -> f64 {
    let raw = read_int(
        Int {
            bytes: bytes.len() as u8,
            signed: false,
            little,
        },
        bytes,
    );
    match bytes.len() {
        2 => half::f16::from_bits(raw as u16).to_f64(),
        4 => f32::from_bits(raw as u32).into(),
        _ => f64::from_bits(raw as u64),
    }
}

pub(super) fn int_bytes(int: Int, value: i128) -> ([u8; 8], usize) {
    let size = usize::from(int.bytes);
    let mut bytes = (value as u64).to_le_bytes();
    if !int.little {
        bytes[..size].reverse();
    }
    (bytes, size)
}

pub(super) fn put_bits(bits: Bits, value: i128, run: &mut [u8]) {
    for at in 0..u32::from(bits.width) {
        let bit = bits.at + at;
        let shift = if bits.lsb { at } else { u32::from(bits.width) - 1 - at };
        let place = if bits.lsb { bit % 8 } else { 7 - bit % 8 };
        run[(bit / 8) as usize] |= ((value >> shift & 1) as u8) << place;
    }
}

pub(super) fn varint_bytes(varint: Varint, value: i128) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut size = 0;
    let mut left = if varint.sign == Sign::Zigzag {
        value << 1 ^ value >> 127
    } else {
        value
    };
    loop {
        let byte = (left & 127) as u8;
        left >>= 7;
        let done = match varint.sign {
            Sign::Signed => left == 0 && byte & 64 == 0 || left == -1 && byte & 64 != 0,
            _ => left == 0,
        };
        bytes[size] = if done { byte } else { byte | 128 };
        size += 1;
        if done || size == 10 {
            return (bytes, size);
        }
    }
}

pub(super) fn float_bytes(value: f64, bytes: u8, little: bool) -> ([u8; 8], usize) {
    let raw = match bytes {
        2 => crate::codec::arrays::half(value).to_bits().into(),
        4 => u64::from((value as f32).to_bits()),
        _ => value.to_bits(),
    };
    int_bytes(
        Int {
            bytes,
            signed: false,
            little,
        },
        raw.into(),
    )
}
