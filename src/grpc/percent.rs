//! The `grpc-message` header: the message of a status in UTF-8, percent-encoded.

/// Appends `text`, percent-encoded.
pub fn encode(text: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &octet in text {
        // A space is legal in a header, but not at its ends, so it is always encoded.
        if matches!(octet, 0x21..=0x7e) && octet != b'%' {
            out.push(octet);
        } else {
            let (high, low) = (octet >> 4, octet & 15);
            out.extend_from_slice(&[b'%', DIGITS[usize::from(high)], DIGITS[usize::from(low)]]);
        }
    }
}

/// Decodes a value. As the protocol demands, malformed sequences are kept as they are, so that no error message is
/// lost.
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
