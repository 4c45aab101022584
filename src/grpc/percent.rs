//! The words of a status, as a field's value: UTF-8 with `%` before what a value may not have.

/// Appends `text` as a value.
pub fn encode(text: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &octet in text {
        // A blank is legal, but not at the ends.
        if matches!(octet, 0x21..=0x7e) && octet != b'%' {
            out.push(octet);
        } else {
            let (high, low) = (octet >> 4, octet & 15);
            out.extend_from_slice(&[b'%', DIGITS[usize::from(high)], DIGITS[usize::from(low)]]);
        }
    }
}

/// What a value says. What is not encoded well stands for itself, as the protocol has it: an error is not to be lost for that.
pub fn decode(value: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&octet, behind)) = rest.split_first() {
        if octet == b'%'
            && let [high, low, after @ ..] = behind
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            bytes.push(high << 4 | low);
            rest = after;
        } else {
            bytes.push(octet);
            rest = behind;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).map(|digit| digit as u8)
}
