//! The native functions behind the arrays of `lib/codec`. They receive exactly the bytes to be read or written.

use super::codec_bulk::Scratch;
use super::raw::{Args, Functions, Outcome};
use crate::codec::arrays::{self, Kind, Leb128, Shape, VarintError};

/// The encoding of numbers, as bits that `lib/codec/arrays.js` sets.
pub(super) mod number {
    /// The width of a number in bytes; 0 for varints.
    pub const WIDTH: u32 = 15;
    /// The numbers are signed.
    pub const SIGNED: u32 = 16;
    /// The most significant byte comes first.
    pub const BIG_ENDIAN: u32 = 32;
    /// Varints are zigzag-encoded: the sign is in the lowest bit.
    pub const ZIGZAG: u32 = 64;
    /// The elements for varints or 2-byte floats are doubles.
    pub const DOUBLES: u32 = 128;
    /// The numbers are 2-byte floats.
    pub const HALF: u32 = 256;
}
use number::{BIG_ENDIAN, DOUBLES, HALF, SIGNED, WIDTH, ZIGZAG};

fn shape(args: &Args, flags: usize, stride: usize) -> Outcome<Shape> {
    let flags = args.uint(flags)?;
    let width = (flags & WIDTH) as usize;
    let kind = match width {
        _ if flags & HALF != 0 => Kind::Half {
            doubles: flags & DOUBLES != 0,
        },
        1 | 2 | 4 | 8 => Kind::Plain(width),
        _ if flags & SIGNED != 0 => Kind::Signed(width),
        _ => Kind::Unsigned(width),
    };
    Ok(Shape {
        kind,
        big_endian: flags & BIG_ENDIAN != 0,
        // Read as a double, because it may be as large as a buffer.
        stride: (args.double(stride)? as usize).max(width).max(1),
    })
}

fn leb128(args: &Args, flags: usize) -> Outcome<(Leb128, bool)> {
    let flags = args.uint(flags)?;
    let kind = if flags & ZIGZAG != 0 {
        Leb128::Zigzag
    } else if flags & SIGNED != 0 {
        Leb128::Signed
    } else {
        Leb128::Unsigned
    };
    Ok((kind, flags & DOUBLES != 0))
}

/// The index of the first element out of range, or -1.
fn refused(written: Result<(), usize>) -> f64 {
    written.map_or_else(|index| index as f64, |()| -1.0)
}

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Scratch>) {
    // (bytes, elements, flags, stride)
    functions.add("readArray", |_, args| {
        let shape = shape(args, 2, 3)?;
        args.convert(0, 1, |bytes, elements| arrays::read(shape, bytes, elements))
    });
    // (elements, bytes, flags, stride): returns -1, or the index of an element that is out of range
    functions.add("writeArray", |_, args| {
        let shape = shape(args, 2, 3)?;
        let written = args.convert(0, 1, |elements, bytes| arrays::write(shape, elements, bytes))?;
        Ok(refused(written))
    });
    // (bytes): returns how many varints end in it
    functions.add(
        "countVarints",
        |_, args| Ok(args.look(0, arrays::count_varints)? as f64),
    );
    // (bytes, elements, flags, where): returns the number of bytes read, or a negative number for the kind of error;
    // `where` then has the offset and index of the invalid varint.
    functions.add("readVarints", |_, args| {
        let (kind, doubles) = leb128(args, 2)?;
        let read = args.convert(0, 1, |bytes, elements| {
            arrays::read_varints(kind, doubles, bytes, elements)
        })?;
        let (error, at, index) = match read {
            Ok(size) => return Ok(size as f64),
            Err(error) => error,
        };
        args.change(3, |place| {
            for (word, value) in place.as_chunks_mut::<8>().0.iter_mut().zip([at, index]) {
                *word = (value as f64).to_ne_bytes();
            }
        })?;
        Ok(match error {
            VarintError::Truncated => -1.0,
            VarintError::TooLong => -2.0,
            VarintError::Unsafe => -3.0,
        })
    });
    // (elements, bytes, flags): returns the number of bytes needed; if that is more than the room, nothing was
    // written. If an element is out of range, returns -1 minus its index.
    functions.add("writeVarints", |scratch, args| {
        let (kind, doubles) = leb128(args, 2)?;
        let mut out = scratch.take();
        let made = args.look(0, |elements| arrays::write_varints(kind, doubles, elements, &mut out))?;
        let result = match made {
            Err(index) => -1.0 - index as f64,
            Ok(()) => args.change(1, |bytes| {
                if let Some(room) = bytes.get_mut(..out.len()) {
                    room.copy_from_slice(&out);
                }
                out.len() as f64
            })?,
        };
        scratch.keep(out);
        Ok(result)
    });
}
