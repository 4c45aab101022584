//! The `grpc-timeout` header: up to eight digits and a unit.

/// The timeout in milliseconds, rounded up. `None` if the value is malformed.
pub fn parse_timeout(value: &[u8]) -> Option<u64> {
    let (unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount = digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => amount * 3_600_000,
        b'M' => amount * 60_000,
        b'S' => amount * 1000,
        b'm' => amount,
        b'u' => amount.div_ceil(1000),
        b'n' => amount.div_ceil(1_000_000),
        _ => return None,
    })
}

/// Appends a timeout in the finest unit, from milliseconds on, in which it has at most eight digits, rounded up. Longer
/// ones become 99,999,999 hours.
pub fn put_timeout(milliseconds: u64, out: &mut Vec<u8>) {
    const MOST: u64 = 99_999_999;
    let units = [(b'm', 1), (b'S', 1000), (b'M', 60_000), (b'H', 3_600_000)];
    for (unit, factor) in units {
        let amount = milliseconds.div_ceil(factor);
        if amount <= MOST || unit == b'H' {
            out.extend_from_slice(amount.min(MOST).to_string().as_bytes());
            out.push(unit);
            return;
        }
    }
}
