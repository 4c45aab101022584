//! Integers (RFC 7541, 5.1): in the low bits of a byte, followed by bytes of seven bits each if they do not fit.

use super::Error;

/// The largest integer that is accepted. Indices, lengths and table sizes are far below.
const MAX: u32 = 1 << 28;

/// Decodes an integer that starts in the low `bits` of the first byte. Returns it and the rest of the input.
///
/// # Errors
/// [`Error::Truncated`]; [`Error::Integer`] for one above 2^28 or with more bytes than it needs.
pub fn decode(input: &[u8], bits: u8) -> Result<(u32, &[u8]), Error> {
    let (&first, mut rest) = input.split_first().ok_or(Error::Truncated)?;
    let most = u32::from(u8::MAX >> (8 - bits));
    let mut value = u32::from(first) & most;
    if value < most {
        return Ok((value, rest));
    }
    for shift in [0, 7, 14, 21] {
        let (&octet, behind) = rest.split_first().ok_or(Error::Truncated)?;
        rest = behind;
        value += u32::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return if value <= MAX {
                Ok((value, rest))
            } else {
                Err(Error::Integer)
            };
        }
    }
    Err(Error::Integer)
}

/// Appends an integer that starts in the low `bits` of a byte, with `flags` in the bits above.
pub fn encode(value: usize, bits: u8, flags: u8, out: &mut Vec<u8>) {
    let most = usize::from(u8::MAX >> (8 - bits));
    if value < most {
        out.push(flags | value as u8);
        return;
    }
    out.push(flags | most as u8);
    let mut left = value - most;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_of_the_rfc() {
        // RFC 7541, appendix C.1.
        for (value, bits, octets) in [(10, 5, &[0x0a][..]), (1337, 5, &[0x1f, 0x9a, 0x0a]), (42, 8, &[0x2a])] {
            let mut out = Vec::new();
            encode(value, bits, 0, &mut out);
            assert_eq!(out, octets);
        }
    }

    #[test]
    fn what_is_too_large_or_too_long_is_an_error() {
        for (input, error) in [
            (&[][..], Error::Truncated),
            (&[0x1f], Error::Truncated),
            (&[0x1f, 0x80], Error::Truncated),
            (&[0x1f, 0xff, 0xff, 0xff, 0xff], Error::Integer),
            (&[0x1f, 0x80, 0x80, 0x80, 0x80, 0x00], Error::Integer),
        ] {
            assert_eq!(decode(input, 5), Err(error), "{input:x?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_coded_is_what_was_said(value in 0..=MAX - 300, bits in 1u8..=8, behind: Vec<u8>) {
            let mut out = Vec::new();
            encode(value as usize, bits, 0, &mut out);
            let length = out.len();
            for end in 0..length {
                prop_assert_eq!(decode(&out[..end], bits), Err(Error::Truncated));
            }
            out.extend(&behind);
            prop_assert_eq!(decode(&out, bits), Ok((value, &behind[..])));
        }
    }
}
