//! JSON numbers, exactly: integers never pass through a float, and floats are rounded once.

/// A number as it stands in the text, checked against the grammar of RFC 8259.
#[derive(Clone, Copy)]
pub(super) struct Number<'a> {
    text: &'a str,
    /// The digits, when there is neither fraction nor exponent and they fit.
    plain: Option<u64>,
    negative: bool,
}

/// Why a number does not fit its field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    NotInteger,
    OutOfRange,
}

impl<'a> Number<'a> {
    /// The number at the start of `src`, or `None` where the grammar is broken.
    #[inline]
    pub(super) fn lex(src: &'a [u8]) -> Option<Self> {
        let negative = src.first() == Some(&b'-');
        let start = usize::from(negative);
        let mut at = start;
        let mut plain: Option<u64> = Some(0);
        while let Some(digit @ b'0'..=b'9') = src.get(at) {
            let digit = u64::from(digit - b'0');
            // Below 19 digits nothing overflows; beyond, `checked_*` decides.
            plain = if at - start < 18 {
                plain.map(|value| value * 10 + digit)
            } else {
                plain.and_then(|value| value.checked_mul(10)?.checked_add(digit))
            };
            at += 1;
        }
        if at == start || (src[start] == b'0' && at - start > 1) {
            return None;
        }
        if let Some(b'.' | b'e' | b'E') = src.get(at) {
            plain = None;
            at = skip_fraction_and_exponent(src, at)?;
        }
        let text = std::str::from_utf8(&src[..at]).expect("digits and signs are ASCII");
        Some(Number { text, plain, negative })
    }

    /// The number that is the whole of `src`.
    pub(super) fn whole(src: &'a [u8]) -> Option<Self> {
        Self::lex(src).filter(|number| number.text.len() == src.len())
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Sign and magnitude, when the value is an integer: `1e3` and `2.50e1` are.
    fn integer(&self) -> Result<(bool, u64), Misfit> {
        match self.plain {
            Some(magnitude) => Ok((self.negative, magnitude)),
            None => Ok((self.negative, scaled_integer(self.text)?)),
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
        let value = match self.plain {
            Some(magnitude) if magnitude <= 1 << 53 => {
                let value = magnitude as f64;
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

    /// The nearest float, rounded once from the text and not by way of a double.
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

fn skip_digits(src: &[u8], mut at: usize) -> Option<usize> {
    let start = at;
    while src.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    (at > start).then_some(at)
}

fn skip_fraction_and_exponent(src: &[u8], mut at: usize) -> Option<usize> {
    if src.get(at) == Some(&b'.') {
        at = skip_digits(src, at + 1)?;
    }
    if let Some(b'e' | b'E') = src.get(at) {
        let sign = matches!(src.get(at + 1), Some(b'+' | b'-'));
        at = skip_digits(src, at + 1 + usize::from(sign))?;
    }
    Some(at)
}

/// The magnitude of a number with a fraction or an exponent (or too many digits), when it is an integer below 2^64.
/// Works on the digits: no power of ten is ever computed, whatever the exponent says.
fn scaled_integer(text: &str) -> Result<u64, Misfit> {
    let text = text.trim_start_matches('-');
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    // An exponent past 64 bits is as good as one at their end: both are far outside of any integer.
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

/// Appends the shortest decimal that reads back as `value`, as JavaScript prints it; non-finite values as their quoted names.
pub(super) fn write_f64(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        write_shortest(zmij::Buffer::new().format_finite(value), out);
    } else {
        write_non_finite(value, out);
    }
}

/// [`write_f64`] for a float: the shortest decimal that reads back as the same float.
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
        Number::whole(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn grammar() {
        for wrong in [
            "", "-", "+1", "01", "-01", ".5", "5.", "1e", "1e+", "0x1", "1 ", " 1", "1_0", "NaN", "1.e1", "--1",
        ] {
            assert!(Number::whole(wrong.as_bytes()).is_none(), "{wrong}");
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
        // Halfway between two floats by a hair: rounding through a double would give the lower one.
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
