//! Emits the conversion of numbers to their stored form, and the writing of that.

use super::*;

impl Emitter<'_> {
    /// Checks the value in `v` and sets `r` to its stored form.
    pub(super) fn raw(&mut self, kind: &Kind, variable: usize) {
        let v = format!("v{variable}");
        match kind {
            Kind::Bool(_) => {
                self.line(format!(
                    "if (typeof {v} !== 'boolean') fail()\nr{variable} = {v} ? 1 : 0"
                ));
                if kind.is_big() {
                    self.line(format!("r{variable} = BigInt(r{variable})"));
                }
            }
            Kind::Enum(id, inner) => {
                self.line(format!("if (typeof {v} === 'string') {{"));
                self.line(format!(
                    "r{variable} = j{id}.get({v})\nif (r{variable} === undefined) fail()"
                ));
                self.line("} else {");
                self.raw(inner, variable);
                self.line("}");
            }
            Kind::Time(inner, unit) => {
                let (min, max) = inner.range().unwrap_or_default();
                self.line(format!("r{variable} = millis({v}) / {unit}"));
                let clamp = |bound: i128| bound.clamp(-8_640_000_000_000_000, 8_640_000_000_000_000);
                let (min, max) = (clamp(min), clamp(max));
                self.line(format!(
                    "if (!(Number.isInteger(r{variable}) && r{variable} >= {min} && r{variable} <= {max})) fail()"
                ));
                if inner.is_big() {
                    self.line(format!("r{variable} = BigInt(r{variable})"));
                }
            }
            Kind::Map(mapper, inner) => {
                self.line(format!("{v} = m{mapper}.encode({v})"));
                self.raw(inner, variable);
            }
            Kind::Float { .. } => self.line(format!("if (typeof {v} !== 'number') fail()\nr{variable} = {v}")),
            Kind::Bytes(_) | Kind::Magic(_) | Kind::Pad(_) => {}
            _ => {
                let (min, max) = kind.range().unwrap_or_default();
                if kind.is_big() {
                    self.line(format!(
                        "if (typeof {v} !== 'bigint' || {v} < {min}n || {v} > {max}n) fail()"
                    ));
                } else {
                    let fits = match (min, max) {
                        (0, 0x7fff_ffff) | (-0x8000_0000, 0x7fff_ffff) => format!("({v} | 0) === {v}"),
                        (0, 0xffff_ffff) => format!("({v} >>> 0) === {v}"),
                        (0, max) if max < 0x7fff_ffff && (max + 1).count_ones() == 1 => {
                            format!("({v} & {max}) === {v}")
                        }
                        (min, max) if max < 1 << 31 => format!("({v} | 0) === {v} && {v} >= {min} && {v} <= {max}"),
                        _ => format!("Number.isInteger({v}) && {v} >= {min} && {v} <= {max}"),
                    };
                    self.line(format!("if (typeof {v} !== 'number' || !({fits})) fail()"));
                }
                self.line(format!("r{variable} = {v}"));
            }
        }
    }

    /// Writes `r` at the position. There must be room.
    pub(super) fn store(&mut self, scope: usize, at: usize, kind: &Kind, variable: usize) {
        match kind {
            Kind::Float { bytes, little } => {
                let int = Int {
                    bytes: (*bytes).min(4),
                    signed: true,
                    little: *little,
                };
                match bytes {
                    2 => {
                        self.line(format!("r{variable} = toHalf(r{variable})"));
                        self.store_word(int, &format!("r{variable}"), 0);
                    }
                    4 => {
                        self.line(format!("floats[0] = r{variable}"));
                        self.word("words[0]", int, 0);
                    }
                    _ => {
                        self.line(format!("doubles[0] = r{variable}"));
                        self.double(*little);
                    }
                }
                self.ahead += u64::from(*bytes);
            }
            Kind::Magic(bytes) => {
                for (k, byte) in bytes.iter().enumerate() {
                    self.line(format!("b[{}] = {byte}", self.pos_at(k as u64)));
                }
                self.ahead += bytes.len() as u64;
            }
            Kind::Pad(Expr::Int(count)) => {
                let count = (*count).max(0) as u64;
                match count {
                    0..=16 => (0..count).for_each(|k| self.line(format!("b[{}] = 0", self.pos_at(k)))),
                    _ => self.line(format!("b.fill(0, {}, {})", self.pos(), self.pos_at(count))),
                }
                self.ahead += count;
            }
            _ => match kind.integer() {
                Some(Kind::Bits(bits)) if bits.last => {
                    self.store_bits(scope, at, bits.run);
                    self.ahead += u64::from(bits.run);
                }
                Some(Kind::Bits(_)) => {}
                Some(_) => self.store_int(kind, variable),
                None => self.impossible = true,
            },
        }
    }

    pub(super) fn store_int(&mut self, kind: &Kind, variable: usize) {
        match kind.integer() {
            Some(Kind::Int(int)) => {
                match int.bytes {
                    1..=4 => self.store_word(*int, &format!("r{variable}"), 0),
                    bytes @ 5..=6 => {
                        let fresh = self.fresh();
                        let high = Int {
                            bytes: bytes - 4,
                            ..*int
                        };
                        let low = Int { bytes: 4, ..*int };
                        self.line(format!("const x{fresh} = Math.floor(r{variable} / 4294967296)"));
                        let (low_at, high_at) = if int.little { (0, 4) } else { (u64::from(bytes) - 4, 0) };
                        self.word(&format!("(r{variable} >>> 0)"), low, low_at);
                        self.store_word(high, &format!("x{fresh}"), high_at);
                    }
                    8 => {
                        self.line(format!("bigs[0] = r{variable}"));
                        self.double(int.little);
                    }
                    bytes => {
                        self.line(format!("bigs[0] = r{variable}"));
                        let high = Int {
                            bytes: bytes - 4,
                            ..*int
                        };
                        let low = Int { bytes: 4, ..*int };
                        let (low_at, high_at) = if int.little { (0, 4) } else { (u64::from(bytes) - 4, 0) };
                        self.word("words[LO]", low, low_at);
                        self.word("words[HI]", high, high_at);
                    }
                }
                self.ahead += u64::from(int.bytes);
            }
            Some(Kind::Varint(varint)) => {
                self.flush();
                let name = match (varint.sign, varint.big) {
                    (Sign::Unsigned, false) => "putUleb(b, p, r",
                    (Sign::Unsigned, true) => "putUleb64(b, p, r",
                    (Sign::Signed, false) => "putSleb(b, p, r",
                    (Sign::Signed, true) => "putSleb64(b, p, r",
                    (Sign::Zigzag, false) => "putUleb64(b, p, unzigzag(r",
                    (Sign::Zigzag, true) => "putUleb64(b, p, unzigzag64(r",
                };
                let close = if varint.sign == Sign::Zigzag { "))" } else { ")" };
                self.line(format!("p = {name}{variable}{close}"));
            }
            _ => self.impossible = true,
        }
    }

    /// Stores an expression of up to 32 bits in a variable first, because it is read more than once.
    pub(super) fn word(&mut self, text: &str, int: Int, from: u64) {
        let fresh = self.fresh();
        self.line(format!("const x{fresh} = {text}"));
        self.store_word(int, &format!("x{fresh}"), from);
    }

    pub(super) fn store_word(&mut self, int: Int, text: &str, from: u64) {
        for k in 0..int.bytes {
            let at = self.pos_at(from + u64::from(if int.little { k } else { int.bytes - 1 - k }));
            match k {
                0 => self.line(format!("b[{at}] = {text}")),
                _ => self.line(format!("b[{at}] = {text} >>> {}", k * 8)),
            }
        }
    }

    pub(super) fn double(&mut self, little: bool) {
        let int = Int {
            bytes: 4,
            signed: true,
            little,
        };
        let (low, high) = if little { (0, 4) } else { (4, 0) };
        self.word("words[LO]", int, low);
        self.word("words[HI]", int, high);
    }

    /// Writes all bytes of a run of bit fields, whose last field is `last`.
    pub(super) fn store_bits(&mut self, scope: usize, last: usize, run: u32) {
        let fields = &self.layout.structs[self.scopes[scope].id].fields;
        let base = self.scopes[scope].base;
        let mut members = Vec::new();
        for at in (0..=last).rev() {
            let Some(bits) = fields[at].kind.bits() else { break };
            members.push((base + at, bits));
            if bits.at == 0 {
                break;
            }
        }
        for byte in 0..run {
            let parts: Vec<String> = members
                .iter()
                .rev()
                .filter_map(|&(variable, bits)| bits_of_byte(variable, bits, byte))
                .collect();
            self.line(format!("b[{}] = {}", self.pos_at(byte.into()), parts.join(" | ")));
        }
    }
}

/// The part of a bit field that is in a byte of its run; `None` if there is none.
fn bits_of_byte(variable: usize, bits: Bits, byte: u32) -> Option<String> {
    let (from, to) = (bits.at, bits.at + u32::from(bits.width));
    let (first, last) = (from.max(byte * 8), to.min(byte * 8 + 8));
    if first >= last {
        return None;
    }
    let count = last - first;
    let mask = (1u32 << count) - 1;
    // The lowest of these bits: its index in the field, and in the byte.
    let (low, place) = match bits.lsb {
        true => (first - from, first - byte * 8),
        false => (to - last, byte * 8 + 8 - last),
    };
    let part = if bits.width > 32 {
        format!("(byteOf(r{variable}, {low}) & {mask})")
    } else if low == 0 {
        format!("(r{variable} & {mask})")
    } else {
        format!("(r{variable} >>> {low} & {mask})")
    };
    Some(if place == 0 { part } else { format!("{part} << {place}") })
}
