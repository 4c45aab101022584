//! JSON numbers without loss: integers never pass through a float, and floats are rounded once.

/// A number as written in the text, checked against the grammar of RFC 8259.
#[derive(Clone, Copy)]
pub(super) struct Number<'a> {
    text: &'a str,
    negative: bool,
    /// Whether it has neither a fraction nor an exponent.
    plain: bool,
    /// All digits before the exponent as one integer, if they fit.
    mantissa: Option<u64>,
    /// The power of ten by which the mantissa is multiplied; saturated.
    exponent: i32,
}

/// Why a number does not fit its field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    NotInteger,
    OutOfRange,
}

impl<'a> Number<'a> {
    /// Parses the number at the start of `text`; `None` if the grammar is violated.
    #[inline]
    pub(super) fn lex(text: &'a str) -> Option<Self> {
        let src = text.as_bytes();
        let negative = src.first() == Some(&b'-');
        let start = usize::from(negative);
        let mut digits = Digits::default();
        let mut at = digits.read(src, start);
        if at == start || (src[start] == b'0' && at - start > 1) {
            return None;
        }
        let mut number = Number {
            text: "",
            negative,
            plain: true,
            mantissa: None,
            exponent: 0,
        };
        if let Some(b'.' | b'e' | b'E') = src.get(at) {
            number.plain = false;
            if src[at] == b'.' {
                let fraction = at + 1;
                at = digits.read(src, fraction);
                if at == fraction {
                    return None;
                }
                number.exponent = -i32::try_from(at - fraction).ok()?;
            }
            if let Some(b'e' | b'E') = src.get(at) {
                let (end, exponent) = read_exponent(src, at + 1)?;
                at = end;
                number.exponent = number.exponent.saturating_add(exponent);
            }
        }
        number.text = &text[..at];
        number.mantissa = digits.value();
        Some(number)
    }

    /// Parses `text` as a whole as a number.
    pub(super) fn whole(text: &'a str) -> Option<Self> {
        Self::lex(text).filter(|number| number.text.len() == text.len())
    }

    /// Its length in bytes.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// The sign and magnitude if the value is an integer, as for `1e3` and `2.50e1`.
    fn integer(&self) -> Result<(bool, u64), Misfit> {
        match self.mantissa {
            Some(magnitude) if self.plain => Ok((self.negative, magnitude)),
            _ => Ok((self.negative, scaled_integer(self.text)?)),
        }
    }

    #[inline]
    pub(super) fn to_i64(self) -> Result<i64, Misfit> {
        let (negative, magnitude) = self.integer()?;
        if negative {
            0i64.checked_sub_unsigned(magnitude).ok_or(Misfit::OutOfRange)
        } else {
            i64::try_from(magnitude).map_err(|_| Misfit::OutOfRange)
        }
    }

    #[inline]
    pub(super) fn to_u64(self) -> Result<u64, Misfit> {
        match self.integer()? {
            (true, magnitude) if magnitude > 0 => Err(Misfit::OutOfRange),
            (_, magnitude) => Ok(magnitude),
        }
    }

    #[inline]
    pub(super) fn to_i32(self) -> Result<i32, Misfit> {
        self.to_i64()?.try_into().map_err(|_| Misfit::OutOfRange)
    }

    #[inline]
    pub(super) fn to_u32(self) -> Result<u32, Misfit> {
        self.to_u64()?.try_into().map_err(|_| Misfit::OutOfRange)
    }

    /// The nearest double. A number whose nearest double is infinite does not fit.
    #[inline]
    pub(super) fn to_f64(self) -> Result<f64, Misfit> {
        let value = match self.mantissa {
            // Both factors are exact, so the single operation rounds only once.
            Some(mantissa) if mantissa <= 1 << 53 && self.exponent.unsigned_abs() < POWERS.len() as u32 => {
                let power = POWERS[self.exponent.unsigned_abs() as usize];
                let value = mantissa as f64;
                let value = if self.exponent < 0 {
                    value / power
                } else {
                    value * power
                };
                if self.negative { -value } else { value }
            }
            _ => self.text.parse().map_err(|_| Misfit::OutOfRange)?,
        };
        if value.is_finite() {
            Ok(value)
        } else {
            Err(Misfit::OutOfRange)
        }
    }

    /// The nearest float. It is rounded once from the text, not by way of a double.
    #[inline]
    pub(super) fn to_f32(self) -> Result<f32, Misfit> {
        let value: f32 = self.text.parse().map_err(|_| Misfit::OutOfRange)?;
        if value.is_finite() {
            Ok(value)
        } else {
            Err(Misfit::OutOfRange)
        }
    }
}

/// The powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Decimal digits that are being accumulated into an integer.
#[derive(Default)]
struct Digits {
    value: u64,
    overflow: bool,
}

impl Digits {
    /// Reads digits from `at` and returns the position after them.
    #[inline]
    fn read(&mut self, src: &[u8], mut at: usize) -> usize {
        while let Some(chunk) = src.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            // For a value this large, digits are added one by one, which detects an overflow.
            if self.value > u64::MAX / 1_000_000_000 {
                break;
            }
            let Some(eight) = eight_digits(*chunk) else { break };
            self.value = self.value * 100_000_000 + eight;
            at += 8;
        }
        while let Some(digit @ b'0'..=b'9') = src.get(at) {
            let (product, high) = self.value.overflowing_mul(10);
            let (sum, carry) = product.overflowing_add(u64::from(digit - b'0'));
            self.overflow |= high | carry;
            self.value = sum;
            at += 1;
        }
        at
    }

    fn value(&self) -> Option<u64> {
        (!self.overflow).then_some(self.value)
    }
}

/// Converts eight ASCII digits, the most significant first, to a number by adding neighbours: pairs, groups of four,
/// all eight.
#[inline]
fn eight_digits(chunk: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(chunk);
    let high = word.wrapping_add(0x4646_4646_4646_4646);
    let low = word.wrapping_sub(0x3030_3030_3030_3030);
    if (high | low) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = low.wrapping_mul(10).wrapping_add(low >> 8);
    let fours = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let rest = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    Some(fours.wrapping_add(rest) >> 32)
}

/// Reads the sign and digits of an exponent. Returns the position after them and the saturated value.
fn read_exponent(src: &[u8], at: usize) -> Option<(usize, i32)> {
    let negative = src.get(at) == Some(&b'-');
    let start = at + usize::from(matches!(src.get(at), Some(b'+' | b'-')));
    let mut end = start;
    let mut value = 0i32;
    while let Some(digit @ b'0'..=b'9') = src.get(end) {
        value = value.saturating_mul(10).saturating_add(i32::from(digit - b'0'));
        end += 1;
    }
    (end > start).then_some((end, if negative { -value } else { value }))
}

/// The magnitude of a number with a fraction or exponent (or too many digits), if it is an integer below 2^64. It
/// works on the digits and never computes a power of ten, however large the exponent is.
fn scaled_integer(text: &str) -> Result<u64, Misfit> {
    let text = text.trim_start_matches('-');
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    // Exponents beyond 64 bits are clamped to their limits, which are far outside of any integer too.
    let exponent = exponent
        .parse::<i64>()
        .unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    let zeros = exponent
        .saturating_sub(fraction.len() as i64)
        .saturating_add(trailing as i64);
    if zeros < 0 {
        return Err(Misfit::NotInteger);
    }
    if zeros > 20 || significant.len() > 20 {
        return Err(Misfit::OutOfRange);
    }
    format!("{significant}{}", "0".repeat(zeros as usize))
        .parse()
        .map_err(|_| Misfit::OutOfRange)
}

/// Appends the shortest decimal that reads back as `value`, as JavaScript prints it. Non-finite values are written as
/// quoted names.
pub(super) fn write_f64(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        write_shortest(zmij::Buffer::new().format_finite(value), out);
    } else {
        write_non_finite(value, out);
    }
}

/// Like [`write_f64`] for a float: the shortest decimal that reads back as the same float.
pub(super) fn write_f32(value: f32, out: &mut Vec<u8>) {
    if value.is_finite() {
        write_shortest(zmij::Buffer::new().format_finite(value), out);
    } else {
        write_non_finite(f64::from(value), out);
    }
}

fn write_shortest(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
}

fn write_non_finite(value: f64, out: &mut Vec<u8>) {
    let name: &[u8] = match value {
        f64::INFINITY => b"\"Infinity\"",
        f64::NEG_INFINITY => b"\"-Infinity\"",
        _ => b"\"NaN\"",
    };
    out.extend_from_slice(name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Number<'_> {
        Number::whole(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn grammar() {
        for wrong in [
            "", "-", "+1", "01", "-01", ".5", "5.", "1e", "1e+", "0x1", "1 ", " 1", "1_0", "NaN", "1.e1", "--1",
        ] {
            assert!(Number::whole(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn integers() {
        assert_eq!(number("9223372036854775807").to_i64(), Ok(i64::MAX));
        assert_eq!(number("-9223372036854775808").to_i64(), Ok(i64::MIN));
        assert_eq!(number("9223372036854775808").to_i64(), Err(Misfit::OutOfRange));
        assert_eq!(number("-9223372036854775809").to_i64(), Err(Misfit::OutOfRange));
        assert_eq!(number("18446744073709551615").to_u64(), Ok(u64::MAX));
        assert_eq!(number("18446744073709551616").to_u64(), Err(Misfit::OutOfRange));
        assert_eq!(number("-1").to_u64(), Err(Misfit::OutOfRange));
        assert_eq!(number("-0").to_u64(), Ok(0));
        assert_eq!(number("-2147483648").to_i32(), Ok(i32::MIN));
        assert_eq!(number("2147483648").to_i32(), Err(Misfit::OutOfRange));
        assert_eq!(number("4294967296").to_u32(), Err(Misfit::OutOfRange));
        assert_eq!(number("2.147483647e9").to_i32(), Ok(i32::MAX));
        assert_eq!(number("100000.000").to_i32(), Ok(100_000));
        assert_eq!(number("1e-1").to_i32(), Err(Misfit::NotInteger));
        assert_eq!(number("10e-1").to_i32(), Ok(1));
        assert_eq!(number("1.8446744073709551615e19").to_u64(), Ok(u64::MAX));
        assert_eq!(number("0e99999999999999999999").to_i32(), Ok(0));
        assert_eq!(number("1e99999999999999999999").to_i32(), Err(Misfit::OutOfRange));
        assert_eq!(number("1e-99999999999999999999").to_i32(), Err(Misfit::NotInteger));
        assert_eq!(number("000".trim_start_matches("00")).to_i32(), Ok(0));
    }

    #[test]
    fn floats() {
        assert!(number("-0").to_f64().unwrap().is_sign_negative());
        assert_eq!(number("1e309").to_f64(), Err(Misfit::OutOfRange));
        assert_eq!(number("3.5e38").to_f32(), Err(Misfit::OutOfRange));
        // Just above the middle of two floats. Rounding by way of a double would give the lower one.
        assert_eq!(number("1.00000017881393432617187500001").to_f32(), Ok(1.000_000_2));
        assert_eq!(number("9007199254740993").to_f64(), Ok(9_007_199_254_740_992.0));
    }

    fn printed(value: f64) -> String {
        let mut out = Vec::new();
        write_f64(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn printing() {
        assert_eq!(printed(1.0), "1");
        assert_eq!(printed(-0.0), "-0");
        assert_eq!(printed(0.1), "0.1");
        assert_eq!(printed(f64::NEG_INFINITY), "\"-Infinity\"");
        assert_eq!(printed(f64::NAN), "\"NaN\"");
    }

    proptest! {
        #[test]
        fn eight_digits_are_what_parsing_says(chunk: [u8; 8], number in 0u32..100_000_000) {
            let naive = chunk.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(&chunk).unwrap().parse().unwrap());
            prop_assert_eq!(eight_digits(chunk), naive);
            let digits = format!("{number:08}");
            prop_assert_eq!(eight_digits(digits.as_bytes().try_into().unwrap()), Some(number.into()));
        }

        #[test]
        fn decimals_are_read_as_the_standard_library_reads_them(text in "-?(0|[1-9][0-9]{0,21})(\\.[0-9]{1,21})?([eE][-+]?[0-9]{1,3})?") {
            let naive: f64 = text.parse().unwrap();
            let expected = if naive.is_finite() { Ok(naive.to_bits()) } else { Err(Misfit::OutOfRange) };
            prop_assert_eq!(number(&text).to_f64().map(f64::to_bits), expected);
        }

        #[test]
        fn doubles_come_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let text = printed(value);
            prop_assert_eq!(number(&text).to_f64().unwrap().to_bits(), bits);
        }

        #[test]
        fn integers_come_back_in_any_notation(value in any::<i64>(), shift in 0usize..20) {
            prop_assert_eq!(number(&value.to_string()).to_i64(), Ok(value));
            let digits = value.unsigned_abs().to_string();
            let point = digits.len().saturating_sub(shift).max(1);
            let sign = if value < 0 { "-" } else { "" };
            let fraction = &digits[point..];
            let dot = if fraction.is_empty() { "" } else { "." };
            let text = format!("{sign}{}{dot}{fraction}e{}", &digits[..point], digits.len() - point);
            prop_assert_eq!(number(&text).to_i64(), Ok(value));
        }
    }
}
