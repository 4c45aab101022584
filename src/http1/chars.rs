//! A table of the character classes of a message head: which byte may appear where (RFC 9110 §5.6.2, RFC 3986, and
//! llhttp's reading of both).

/// A header name or method: `token`.
pub const TOKEN: u8 = 1;
/// A byte of a header value: HTAB, SP, VCHAR or obs-text, that is everything except the other controls.
pub const VALUE: u8 = 2;
/// A byte of a request target after its authority, except `?` and `#`, which begin the next part of the URL.
pub const URL: u8 = 4;
/// A byte of the authority of an absolute request target.
pub const AUTHORITY: u8 = 8;
/// A byte that may appear without a backslash in a quoted chunk-extension value: `qdtext`.
pub const QDTEXT: u8 = 16;

const fn contains(set: &[u8], byte: u8) -> bool {
    let mut i = 0;
    while i < set.len() {
        if set[i] == byte {
            return true;
        }
        i += 1;
    }
    false
}

const fn classify(byte: u8) -> u8 {
    let mut class = 0;
    if byte.is_ascii_alphanumeric() || contains(b"!#$%&'*+-.^_`|~", byte) {
        class |= TOKEN;
    }
    if byte == b'\t' || (byte >= 0x20 && byte != 0x7f) {
        class |= VALUE;
        if byte != b'"' && byte != b'\\' {
            class |= QDTEXT;
        }
    }
    if byte.is_ascii_graphic() && byte != b'?' && byte != b'#' {
        class |= URL;
    }
    if byte.is_ascii_alphanumeric() || contains(b"-_.!~*'()%;:&=+$,[]", byte) {
        class |= AUTHORITY;
    }
    class
}

static TABLE: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = classify(byte as u8);
        byte += 1;
    }
    table
};

/// Whether `byte` belongs to `class`.
#[inline(always)]
pub fn is(byte: u8, class: u8) -> bool {
    TABLE[byte as usize] & class != 0
}

/// How many bytes at the start of `input` belong to `class`.
#[inline(always)]
pub fn run(input: &[u8], class: u8) -> usize {
    input.iter().position(|&byte| !is(byte, class)).unwrap_or(input.len())
}
