//! The Huffman code of RFC 7541, appendix B. It is canonical, so the lengths of its words define it completely.

use super::Error;

/// The length of each byte's word in bits. The last one is that of the end-of-string symbol (`EOS`), which never occurs
/// in a string.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26, 30,
];

const LONGEST: u8 = 30;
const EOS: usize = 256;

/// The words. Those of the same length are consecutive numbers, in the order of their bytes.
const WORDS: [u32; 257] = {
    let mut words = [0; 257];
    let (mut word, mut length) = (0u32, 1);
    while length <= LONGEST {
        word <<= 1;
        let mut octet = 0;
        while octet < 257 {
            if LENGTHS[octet] == length {
                words[octet] = word;
                word += 1;
            }
            octet += 1;
        }
        length += 1;
    }
    words
};

/// The transition of the decoder for four bits in a state, which is a node of the code's tree.
#[derive(Clone, Copy)]
struct Step {
    next: u8,
    octet: u8,
    /// A combination of [`EMITS`], [`ENDS`] and [`FAILS`].
    flags: u8,
}

/// A byte is complete.
const EMITS: u8 = 1;
/// A string may end here: the bits since the last byte are a prefix of `EOS` that is shorter than a byte.
const ENDS: u8 = 2;
/// `EOS` was found, which is an error.
const FAILS: u8 = 4;

/// The transitions of all states. Words have at least five bits, so four bits complete one byte at most.
static STEPS: [[Step; 16]; 256] = {
    // The tree: the children of each node for a 0 and for a 1. From LEAF on, the number stands for a byte.
    const LEAF: u16 = 256;
    let mut tree = [[0u16; 2]; 256];
    let mut nodes = 1u16;
    let mut octet = 0;
    while octet < 257 {
        let (mut node, mut left) = (0, LENGTHS[octet]);
        while left > 0 {
            left -= 1;
            let bit = (WORDS[octet] >> left & 1) as usize;
            if left == 0 {
                tree[node][bit] = LEAF + octet as u16;
            } else {
                if tree[node][bit] == 0 {
                    tree[node][bit] = nodes;
                    nodes += 1;
                }
                node = tree[node][bit] as usize;
            }
        }
        octet += 1;
    }
    // The nodes at which a string may end: those up to seven ones away from the root.
    let mut ends = [false; 256];
    let (mut node, mut ones) = (0, 0);
    while ones < 8 {
        ends[node] = true;
        node = tree[node][1] as usize;
        ones += 1;
    }
    let mut steps = [[Step {
        next: 0,
        octet: 0,
        flags: 0,
    }; 16]; 256];
    let mut state = 0;
    while state < 256 {
        let mut bits = 0;
        while bits < 16 {
            let mut node = state;
            let mut step = Step {
                next: 0,
                octet: 0,
                flags: 0,
            };
            let mut left = 4;
            while left > 0 {
                left -= 1;
                let next = tree[node][bits >> left & 1];
                if next == LEAF + EOS as u16 {
                    step.flags |= FAILS;
                    node = 0;
                } else if next >= LEAF {
                    step.flags |= EMITS;
                    step.octet = (next - LEAF) as u8;
                    node = 0;
                } else {
                    node = next as usize;
                }
            }
            step.next = node as u8;
            if ends[node] {
                step.flags |= ENDS;
            }
            steps[state][bits] = step;
            bits += 1;
        }
        state += 1;
    }
    steps
};

/// Decodes `coded` and appends the result to `out`: at most 8/5 of its length.
///
/// # Errors
/// [`Error::Huffman`] if it contains `EOS` or ends with anything but a prefix of it (RFC 7541, 5.2).
pub fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    out.reserve(coded.len() * 8 / 5);
    let (mut state, mut flags) = (0, ENDS);
    for &octet in coded {
        for bits in [octet >> 4, octet & 15] {
            let step = STEPS[state as usize][bits as usize];
            if step.flags & EMITS != 0 {
                out.push(step.octet);
            }
            if step.flags & FAILS != 0 {
                return Err(Error::Huffman);
            }
            (state, flags) = (step.next, step.flags);
        }
    }
    if flags & ENDS == 0 { Err(Error::Huffman) } else { Ok(()) }
}

/// The length of the encoded `plain`, in bytes.
pub fn length(plain: &[u8]) -> usize {
    let bits: usize = plain.iter().map(|&octet| LENGTHS[octet as usize] as usize).sum();
    bits.div_ceil(8)
}

/// Encodes `plain` and appends the result to `out`: [`length`] bytes.
pub fn encode(plain: &[u8], out: &mut Vec<u8>) {
    // Fewer than 32 bits wait when a word of at most 30 bits is added.
    let (mut waiting, mut count) = (0u64, 0);
    for &octet in plain {
        let length = LENGTHS[octet as usize];
        waiting = waiting << length | u64::from(WORDS[octet as usize]);
        count += length;
        if count >= 32 {
            count -= 32;
            out.extend_from_slice(&((waiting >> count) as u32).to_be_bytes());
        }
    }
    while count >= 8 {
        count -= 8;
        out.push((waiting >> count) as u8);
    }
    if count > 0 {
        let ones = 0xff >> count;
        out.push((waiting << (8 - count)) as u8 | ones);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn words_are_those_of_the_rfc() {
        // RFC 7541, appendix B: '0', 'a', '\\', 10, 249 and EOS.
        for (octet, word) in [
            (48, 0x0),
            (97, 0x3),
            (92, 0x7fff0),
            (10, 0x3fff_fffc),
            (249, 0xfff_fffe),
            (256, 0x3fff_ffff),
        ] {
            assert_eq!(WORDS[octet], word, "{octet}");
        }
        // RFC 7541, appendices C.4 and C.6.
        for (plain, coded) in [
            ("www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"),
            ("no-cache", "a8eb10649cbf"),
            ("custom-value", "25a849e95bb8e8b4bf"),
            (
                "Mon, 21 Oct 2013 20:13:21 GMT",
                "d07abe941054d444a8200595040b8166e082a62d1bff",
            ),
            ("https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3"),
        ] {
            let mut out = Vec::new();
            encode(plain.as_bytes(), &mut out);
            assert_eq!(out, hex(coded), "{plain}");
            assert_eq!(length(plain.as_bytes()), out.len());
        }
    }

    #[test]
    fn what_is_no_string_is_an_error() {
        // Padding with zeros, padding of eight bits, EOS, and a part of a word.
        for coded in ["00", "1fff", "ffffffff", "fffffffc", "fe", "ff"] {
            let mut out = Vec::new();
            assert_eq!(decode(&hex(coded), &mut out), Err(Error::Huffman), "{coded}");
        }
        assert_eq!(decode(&[], &mut Vec::new()), Ok(()));
    }

    proptest! {
        #[test]
        fn what_is_coded_is_what_was_said(plain: Vec<u8>) {
            let mut coded = vec![1];
            encode(&plain, &mut coded);
            let mut out = vec![2];
            decode(&coded[1..], &mut out).unwrap();
            prop_assert_eq!(&out[1..], &plain);
        }

        #[test]
        fn one_string_has_one_code(coded: Vec<u8>) {
            let mut out = Vec::new();
            if decode(&coded, &mut out).is_ok() {
                let mut again = Vec::new();
                encode(&out, &mut again);
                prop_assert_eq!(again, coded);
            }
        }
    }
}
