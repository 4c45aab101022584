//! Emits the reading of integers from bytes.

use super::*;

impl Emitter<'_> {
    /// Makes sure that this many bytes from the position are available.
    pub(super) fn need(&mut self, size: u64, run: u64) {
        if self.ahead + size > self.checked {
            self.flush();
            let run = run.max(size);
            self.line(format!("if (e - p < {run}) fail()"));
            self.checked = run;
        }
    }

    /// Reads an integer into `v`.
    pub(super) fn decode_int(&mut self, kind: &Kind, variable: usize, run: u64) {
        match kind.integer() {
            Some(Kind::Int(int)) => {
                self.need(int.bytes.into(), run);
                let at = |k: u8| {
                    let k = if int.little { k } else { int.bytes - 1 - k };
                    format!("b[{}]", self.pos_at(k.into()))
                };
                let text = read_int(*int, at);
                self.ahead += u64::from(int.bytes);
                self.line(format!("v{variable} = {text}"));
            }
            Some(Kind::Bits(bits)) => {
                if bits.at == 0 {
                    self.need(bits.run.into(), run);
                }
                let text = self.read_bits(*bits);
                self.line(format!("v{variable} = {text}"));
                if bits.last {
                    self.ahead += u64::from(bits.run);
                }
            }
            Some(Kind::Varint(varint)) => {
                self.flush();
                let name = match (varint.sign, varint.big) {
                    (Sign::Unsigned, false) => "uleb",
                    (Sign::Unsigned, true) => "uleb64",
                    (Sign::Signed, false) => "sleb",
                    (Sign::Signed, true) => "sleb64",
                    (Sign::Zigzag, false) => "zigzag",
                    (Sign::Zigzag, true) => "zigzag64",
                };
                if name == "uleb" {
                    self.line(format!("v{variable} = b[p]"));
                    self.line(format!("if (p < e && v{variable} < 128) p = p + 1 | 0"));
                    self.line(format!(
                        "else {{ v{variable} = uleb(b, p, e, {}); p = S.p }}",
                        varint.max
                    ));
                } else {
                    self.line(format!("v{variable} = {name}(b, p, e, {}); p = S.p", varint.max));
                }
            }
            _ => self.impossible = true,
        }
    }

    pub(super) fn read_bits(&self, bits: Bits) -> String {
        let width = u32::from(bits.width);
        // A piece of 25 bits fits into four bytes, wherever it begins. The most significant piece comes first.
        let mut pieces = Vec::new();
        let mut left = width;
        while left > 0 {
            let size = left.min(25);
            left -= size;
            let from = if bits.lsb {
                bits.at + left
            } else {
                bits.at + width - left - size
            };
            pieces.push((self.read_piece(bits.lsb, from, size), size));
        }
        let big = width > 53;
        let mut text = String::new();
        for (at, (piece, size)) in pieces.iter().enumerate() {
            text = match (at, big) {
                (0, false) => piece.clone(),
                (0, true) => format!("BigInt({piece})"),
                (_, false) => format!("({text}) * {} + ({piece})", 1u64 << size),
                (_, true) => format!("({text} << {size}n | BigInt({piece}))"),
            };
        }
        match bits.signed {
            false => text,
            true if big => format!("BigInt.asIntN({width}, {text})"),
            true if width <= 25 => format!("({text}) << {0} >> {0}", 32 - width),
            true => format!("(({text}) + {0}) % {1} - {0}", 1u64 << (width - 1), 1u64 << width),
        }
    }

    pub(super) fn read_piece(&self, lsb: bool, from: u32, size: u32) -> String {
        let (first, last) = (from / 8, (from + size - 1) / 8);
        let count = last - first + 1;
        let mut parts = Vec::new();
        for byte in first..=last {
            let shift = if lsb { (byte - first) * 8 } else { (last - byte) * 8 };
            let read = format!("b[{}]", self.pos_at(byte.into()));
            parts.push(if shift == 0 { read } else { format!("{read} << {shift}") });
        }
        let text = parts.join(" | ");
        let shift = if lsb { from % 8 } else { count * 8 - from % 8 - size };
        let shifted = if shift == 0 {
            text
        } else {
            format!("({text}) >>> {shift}")
        };
        // A piece that covers all bytes read needs no mask.
        if shift + size == count * 8 && count < 4 {
            shifted
        } else {
            format!("({shifted}) & {}", (1u64 << size) - 1)
        }
    }
}

/// Reads an integer. `at(k)` is the byte of weight 256^k.
pub(super) fn read_int(int: Int, at: impl Fn(u8) -> String) -> String {
    let combine = |from: u8, to: u8| {
        let parts: Vec<String> = (from..to)
            .rev()
            .map(|k| {
                if k == from {
                    at(k)
                } else {
                    format!("{} << {}", at(k), (k - from) * 8)
                }
            })
            .collect();
        parts.join(" | ")
    };
    match int.bytes {
        bytes @ 1..=3 => {
            let text = combine(0, bytes);
            let unused = 32 - u32::from(bytes) * 8;
            if int.signed {
                format!("({text}) << {unused} >> {unused}")
            } else {
                text
            }
        }
        4 if int.signed => combine(0, 4),
        4 => format!("({}) >>> 0", combine(0, 4)),
        bytes @ 5..=6 => {
            let high = combine(4, bytes);
            let unused = 64 - u32::from(bytes) * 8;
            let high = if int.signed {
                format!("(({high}) << {unused} >> {unused})")
            } else {
                format!("({high})")
            };
            format!("{high} * 4294967296 + (({}) >>> 0)", combine(0, 4))
        }
        bytes => {
            let high = combine(4, bytes);
            let unused = 64 - u32::from(bytes) * 8;
            let high = match (int.signed, unused) {
                (true, 1..) => format!("({high}) << {unused} >> {unused}"),
                _ => high,
            };
            let view = if int.signed { "bigs" } else { "ubigs" };
            format!("(words[LO] = {}, words[HI] = {high}, {view}[0])", combine(0, 4))
        }
    }
}
