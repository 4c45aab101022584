//! Converts text and addresses to bytes and back. Anything that cannot be converted is an error in both directions,
//! so nothing is lost silently.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Address, Encoding};

/// Why text and bytes cannot be converted.
pub(super) type Refusal = &'static str;

/// Decodes text.
pub(super) fn decode(encoding: Encoding, bytes: &[u8]) -> Result<String, Refusal> {
    match encoding {
        Encoding::Utf8 => match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(_) => Err("it is not UTF-8"),
        },
        Encoding::Latin1 => Ok(bytes.iter().map(|&byte| char::from(byte)).collect()),
        Encoding::Ascii if bytes.is_ascii() => Ok(bytes.iter().map(|&byte| char::from(byte)).collect()),
        Encoding::Ascii => Err("it is not ASCII"),
        Encoding::Utf16le | Encoding::Utf16be => {
            if !bytes.len().is_multiple_of(2) {
                return Err("it is not UTF-16: it has an odd number of bytes");
            }
            let unit = |pair: &[u8]| match encoding {
                Encoding::Utf16le => u16::from_le_bytes([pair[0], pair[1]]),
                _ => u16::from_be_bytes([pair[0], pair[1]]),
            };
            let units: Vec<u16> = bytes.chunks_exact(2).map(unit).collect();
            String::from_utf16(&units).map_err(|_| "it is not UTF-16: it has a lone surrogate")
        }
        Encoding::Hex => Ok(hex_simd::encode_to_string(bytes, hex_simd::AsciiCase::Lower)),
        Encoding::Base64 => Ok(base64_simd::STANDARD.encode_to_string(bytes)),
    }
}

/// Encodes text.
pub(super) fn encode(encoding: Encoding, text: &str) -> Result<Vec<u8>, Refusal> {
    match encoding {
        Encoding::Utf8 => Ok(text.as_bytes().into()),
        Encoding::Latin1 => text
            .chars()
            .map(|c| u8::try_from(c).map_err(|_| "must only have characters below U+0100"))
            .collect(),
        Encoding::Ascii if text.is_ascii() => Ok(text.as_bytes().into()),
        Encoding::Ascii => Err("must only have ASCII characters"),
        Encoding::Utf16le => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        Encoding::Utf16be => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        Encoding::Hex => hex_simd::decode_to_vec(text).map_err(|_| "must be hexadecimal digits, two for each byte"),
        Encoding::Base64 => {
            let bytes = base64_simd::STANDARD.decode_to_vec(text);
            bytes.map_err(|_| "must be base64 with padding")
        }
    }
}

/// Removes the filling from text of fixed length, one unit at a time.
pub(super) fn trim(encoding: Encoding, bytes: &[u8], fill: u8) -> &[u8] {
    match encoding {
        Encoding::Utf16le | Encoding::Utf16be => {
            let pad: [u8; 2] = if encoding == Encoding::Utf16le {
                [fill, 0]
            } else {
                [0, fill]
            };
            let mut end = bytes.len();
            while end >= 2 && bytes[end - 2..end] == pad {
                end -= 2;
            }
            &bytes[..end]
        }
        _ => {
            let end = bytes.iter().rposition(|&byte| byte != fill).map_or(0, |last| last + 1);
            &bytes[..end]
        }
    }
}

/// Fills text up to a length.
pub(super) fn pad(encoding: Encoding, bytes: &mut Vec<u8>, length: usize, fill: u8) {
    while bytes.len() < length {
        match encoding {
            Encoding::Utf16le if length - bytes.len() >= 2 => bytes.extend([fill, 0]),
            Encoding::Utf16be if length - bytes.len() >= 2 => bytes.extend([0, fill]),
            _ => bytes.push(fill),
        }
    }
}

impl Encoding {
    const ALL: [Encoding; 7] = [
        Encoding::Utf8,
        Encoding::Latin1,
        Encoding::Ascii,
        Encoding::Utf16le,
        Encoding::Utf16be,
        Encoding::Hex,
        Encoding::Base64,
    ];

    /// The name of its type in layouts.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf8",
            Encoding::Latin1 => "latin1",
            Encoding::Ascii => "ascii",
            Encoding::Utf16le => "utf16le",
            Encoding::Utf16be => "utf16be",
            Encoding::Hex => "hex",
            Encoding::Base64 => "base64",
        }
    }

    /// The encoding with this type name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.name() == name)
    }

    /// Whether its units have two bytes.
    pub fn is_wide(self) -> bool {
        matches!(self, Encoding::Utf16le | Encoding::Utf16be)
    }
}

impl Address {
    const ALL: [Address; 4] = [Address::Ipv4, Address::Ipv6, Address::Mac, Address::Uuid];

    /// The name of its type in layouts.
    pub fn name(self) -> &'static str {
        match self {
            Address::Ipv4 => "ipv4",
            Address::Ipv6 => "ipv6",
            Address::Mac => "mac",
            Address::Uuid => "uuid",
        }
    }

    /// The address with this type name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|address| address.name() == name)
    }

    /// Formats an address.
    pub fn text(self, bytes: &[u8]) -> String {
        match self {
            Address::Ipv4 => {
                <[u8; 4]>::try_from(bytes).map_or_else(|_| String::new(), |bytes| Ipv4Addr::from(bytes).to_string())
            }
            Address::Ipv6 => {
                <[u8; 16]>::try_from(bytes).map_or_else(|_| String::new(), |bytes| Ipv6Addr::from(bytes).to_string())
            }
            Address::Mac => bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<Vec<_>>()
                .join(":"),
            Address::Uuid => {
                let mut text = String::with_capacity(36);
                for (at, byte) in bytes.iter().enumerate() {
                    if matches!(at, 4 | 6 | 8 | 10) {
                        text.push('-');
                    }
                    text.push_str(&format!("{byte:02x}"));
                }
                text
            }
        }
    }

    /// Parses an address; `None` if the text is invalid.
    pub fn parse(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Address::Ipv4 => Some(text.parse::<Ipv4Addr>().ok()?.octets().into()),
            Address::Ipv6 => Some(text.parse::<Ipv6Addr>().ok()?.octets().into()),
            Address::Mac => {
                let dashes = [2, 5, 8, 11, 14];
                let fits = text.len() == 17
                    && text
                        .bytes()
                        .enumerate()
                        .all(|(at, c)| dashes.contains(&at) == (c == b':'));
                hex_simd::decode_to_vec(text.replace(':', "")).ok().filter(|_| fits)
            }
            Address::Uuid => {
                let dashes = [8, 13, 18, 23];
                let fits = text.len() == 36
                    && text
                        .bytes()
                        .enumerate()
                        .all(|(at, c)| dashes.contains(&at) == (c == b'-'));
                hex_simd::decode_to_vec(text.replace('-', "")).ok().filter(|_| fits)
            }
        }
    }
}
