//! The functions that write.
//!
//! A field is written in two steps: `raw` makes of its value what goes on the wire, `store` puts that there. Where all fields always
//! take the same bytes, the first step of all comes before the second of any, so that it can go into a buffer of the caller's at once.

use super::decode::{encoding_name, tags_text, unmapped};
use super::*;

impl Emitter<'_> {
    /// The public `encode`.
    pub(super) fn encoder(&mut self) {
        let root = self.layout.root;
        let inner = self.layout.root();
        if self.is_flat(root) {
            let size = inner.size.min;
            self.line("function encode(o, buffer, offset) {");
            self.line("let b = null, p = 0");
            self.line("try {");
            let scope = self.scope(root, Vec::new(), true);
            self.flat_raw(scope, "o");
            self.line(format!("if (buffer == null) b = alloc({size})"));
            self.line(format!(
                "else {{ b = asBuffer(buffer); p = placeFor({size}, b, offset) }}"
            ));
            self.checked = size;
            self.flat_store(scope);
            self.ahead = 0;
            self.checked = 0;
            self.line("} catch (error) { if (error === FAIL) explainEncode(o)\nthrow error }");
            self.line(format!("encode.bytes = {size}"));
            self.line("return buffer == null ? b : buffer");
            self.line("}");
            self.line("encode.bytes = 0");
            return;
        }
        self.encoders.want(root);
        self.line("function encode(o, buffer, offset) {");
        self.line("if (buffer != null) return put(encode, o, buffer, offset)");
        // Something that another encoding reads encodes, too.
        self.line("if (S.pos === SLAB) newSlab()");
        self.line("const { bytes, pos } = S");
        self.line("S.pos = SLAB");
        self.line("let end");
        self.line(format!("try {{ end = e{root}(bytes, pos, o, pos, 0) }}"));
        self.line("catch (error) {");
        self.line("if (S.bytes === bytes) S.pos = pos");
        self.line("if (error === FAIL) explainEncode(o)");
        self.line("if (error !== FULL) throw error");
        self.line(format!("return again(encode, e{root}, o)"));
        self.line("}");
        self.line("if (S.bytes === bytes) S.pos = end");
        self.line("encode.bytes = end - pos");
        self.line("return view(bytes, pos, end)");
        self.line("}");
        self.line("encode.bytes = 0");
    }

    /// Whether a struct, and all in it, always takes the same bytes, and is computed from its values alone.
    fn is_flat(&self, id: usize) -> bool {
        let inner = &self.layout.structs[id];
        inner.size.fixed
            && !inner.recursive
            && inner.fields.len() <= 256
            && inner.fields.iter().all(|field| {
                let plain = field.condition.is_none() && field.place.is_none() && field.area.is_none();
                plain
                    && !matches!(
                        field.value,
                        Some(Given::Checksum(..) | Given::Expr { .. } | Given::Text(_))
                    )
                    && match &field.kind {
                        Kind::Struct(id, args) => args.is_empty() && self.is_flat(*id),
                        kind => is_flat_kind(kind),
                    }
            })
    }

    /// The values of a flat struct, as they go on the wire.
    fn flat_raw(&mut self, scope: usize, object: &str) {
        let id = self.scopes[scope].id;
        let base = self.scopes[scope].base;
        self.load(scope, object);
        for (at, field) in self.layout.structs[id].fields.iter().enumerate() {
            let variable = base + at;
            self.line(format!("let r{variable} = 0"));
            match (&field.value, &field.kind) {
                (Some(Given::Int(value)), kind) => {
                    let n = if kind.is_big() { "n" } else { "" };
                    self.line(format!("r{variable} = {value}{n}"));
                }
                (_, Kind::Struct(id, _)) => {
                    let child = self.scope(*id, Vec::new(), true);
                    self.scopes[scope].children.push((at, child));
                    self.flat_raw(child, &format!("v{variable}"));
                }
                (_, kind) if field.name.is_some() => self.raw(kind, variable),
                _ => {}
            }
        }
    }

    fn flat_store(&mut self, scope: usize) {
        let id = self.scopes[scope].id;
        let base = self.scopes[scope].base;
        let children = self.scopes[scope].children.clone();
        for (at, field) in self.layout.structs[id].fields.iter().enumerate() {
            match children.iter().find(|(child, _)| *child == at) {
                Some(&(_, child)) => self.flat_store(child),
                None => self.store(scope, at, &field.kind, base + at),
            }
        }
    }

    pub(super) fn encode_function(&mut self, id: usize) {
        let inner = &self.layout.structs[id];
        let args: Vec<String> = (0..inner.params).map(|at| format!("a{at}")).collect();
        let list: String = args.iter().map(|arg| format!(", {arg}")).collect();
        self.line(format!("function e{id}(b, p, o, q, d{list}) {{"));
        if inner.recursive {
            self.line(format!("if (++d > {}) fail()", self.layout.limits.depth));
        }
        let scope = self.scope(id, args, true);
        self.encode_struct(scope, "o");
        self.flush();
        self.leave(scope);
        self.line("return p");
        self.line("}");
    }

    /// Reads all properties, each once.
    fn load(&mut self, scope: usize, object: &str) {
        let id = self.scopes[scope].id;
        let base = self.scopes[scope].base;
        self.line(format!("if (typeof {object} !== 'object' || {object} === null) fail()"));
        for (at, field) in self.layout.structs[id].fields.iter().enumerate() {
            let variable = base + at;
            match &field.name {
                Some(name) if field.value.is_none() && !field.peek => {
                    self.line(format!("let v{variable} = {}", get(object, name)));
                }
                _ => self.line(format!("let v{variable}")),
            }
        }
    }

    fn encode_struct(&mut self, scope: usize, object: &str) {
        let id = self.scopes[scope].id;
        let base = self.scopes[scope].base;
        let fields = &self.layout.structs[id].fields;
        self.load(scope, object);
        for (at, field) in fields.iter().enumerate() {
            self.prepare(field, base + at);
        }
        for (at, field) in fields.iter().enumerate() {
            self.early(scope, at, field, base + at);
        }
        let outer = (std::mem::take(&mut self.lengths), std::mem::take(&mut self.in_block));
        for at in 0..fields.len() {
            self.encode_field(scope, at);
        }
        let late = |field: &&Field| field.value.as_ref().is_some_and(Given::is_late);
        let lengths;
        (lengths, (self.lengths, self.in_block)) = (std::mem::take(&mut self.lengths), outer);
        if !fields.iter().any(|field| late(&field)) && lengths.is_empty() {
            return;
        }
        self.flush();
        self.scopes[scope].written = true;
        for sums in [false, true] {
            for (at, field) in fields.iter().enumerate().filter(|(_, field)| late(field)) {
                if is_sum(field) == sums {
                    self.late(scope, at);
                }
            }
        }
        for (actual, expr) in lengths {
            if let Some(wanted) = self.value(scope, &expr) {
                self.line(format!("if ({actual} !== {wanted}) fail()"));
            }
        }
    }

    /// Maps a value, and keeps what expressions ask for.
    fn prepare(&mut self, field: &Field, variable: usize) {
        let mut names = vec![format!("h{variable} = v{variable} != null")];
        let mut kind = &field.kind;
        let keeps = kind.integer().is_some() || kind.is_text() || field.value.is_some();
        if keeps {
            names.push(format!("r{variable} = {}", if kind.is_text() { "''" } else { "0" }));
        }
        let counted = matches!(unmapped(kind), Kind::Array(..) | Kind::Text { .. } | Kind::Bytes(_));
        if counted {
            names.push(format!("n{variable} = 0"));
        }
        if field.tracked || field.value.is_some() {
            names.push(format!("s{variable} = 0, t{variable} = 0"));
        }
        self.line(format!("let {}", names.join(", ")));
        if field.name.is_none() || field.value.is_some() || field.peek {
            return;
        }
        let maps = matches!(kind, Kind::Map(..));
        let used = field.used && keeps;
        if !(maps || used || counted) {
            return;
        }
        self.line(format!("if (h{variable}) {{"));
        while let Kind::Map(mapper, inner) = kind {
            self.line(format!("v{variable} = m{mapper}.encode(v{variable})"));
            kind = inner;
        }
        match kind {
            Kind::Array(..) => {
                self.line(format!(
                    "if (!isList(v{variable})) fail()\nn{variable} = v{variable}.length"
                ));
            }
            Kind::Text {
                length: Length::Expr(Expr::Int(size)),
                ..
            } => self.line(format!("n{variable} = {size}")),
            Kind::Text { encoding, .. } if field.tracked => {
                self.line(format!(
                    "n{variable} = sizeText({}, v{variable})",
                    quote(encoding_name(*encoding))
                ));
            }
            Kind::Bytes(_) => self.line(format!("n{variable} = v{variable}.length")),
            _ => {}
        }
        if used {
            if kind.is_text() {
                self.line(format!(
                    "if (typeof v{variable} !== 'string') fail()\nr{variable} = v{variable}"
                ));
            } else {
                self.raw(kind, variable);
            }
        }
        self.line("}");
    }

    /// What is computed from the values alone.
    fn early(&mut self, scope: usize, _at: usize, field: &Field, variable: usize) {
        let n = if field.kind.is_big() { "n" } else { "" };
        match &field.value {
            None => return,
            Some(Given::Int(value)) => self.line(format!("r{variable} = {value}{n}")),
            Some(Given::Text(text)) => self.line(format!("r{variable} = {}", quote(text))),
            Some(Given::Expr { expr, late: false }) => {
                let value = self.known(scope, expr);
                self.fits(&field.kind, variable, &value);
            }
            Some(_) => self.line(format!("r{variable} = 0{n}")),
        }
        self.line(format!("h{variable} = true"));
    }

    /// Sets `r` to a number that must fit.
    fn fits(&mut self, kind: &Kind, variable: usize, value: &str) {
        let (min, max) = kind.range().unwrap_or_default();
        let big = kind.is_big();
        let value = if big {
            format!("BigInt({value})")
        } else {
            value.to_string()
        };
        let n = if big { "n" } else { "" };
        self.line(format!("r{variable} = {value}"));
        self.line(format!(
            "if (!(r{variable} >= {min}{n} && r{variable} <= {max}{n})) fail()"
        ));
    }

    fn encode_field(&mut self, scope: usize, at: usize) {
        let id = self.scopes[scope].id;
        let field = &self.layout.structs[id].fields[at];
        let variable = self.scopes[scope].base + at;
        if field.peek {
            return;
        }
        // As in decoders; and what lies elsewhere may be beyond the end, wherever that is then.
        self.impossible |= field.condition.is_some() && field.used && matches!(field.kind, Kind::Struct(..));
        self.impossible |= field.place.is_some();
        let is_static = is_static(field);
        if !is_static {
            self.flush();
        }
        let tracked = field.tracked || field.value.is_some();
        if tracked {
            self.line(format!("s{variable} = t{variable} = {}", self.pos()));
        }
        if let Some(condition) = &field.condition {
            let condition = self.condition(scope, condition);
            self.line(format!("if (!{condition}) {{"));
            if field.value.is_none() {
                self.line(format!("if (h{variable}) fail()"));
            }
            self.line(format!("h{variable} = false"));
            if field.kind.integer().is_some() || field.kind.is_text() || field.value.is_some() {
                self.line(format!(
                    "r{variable} = {}",
                    if field.kind.is_text() { "''" } else { "0" }
                ));
            }
            self.line("} else {");
            self.in_block = true;
        }
        let start = self.fresh();
        if field.area.is_some() {
            self.line(format!("const x{start} = p"));
        }
        if let Some(Length::Prefix(prefix)) = &field.area {
            let size = sizes::of_kind(prefix, &[]).min;
            self.room(size);
            self.line(format!("p += {size}"));
            self.checked = 0;
        }
        let content = self.fresh();
        if field.area.is_some() {
            self.line(format!("const x{content} = p"));
        }
        let run = if is_static { self.run(id, at) } else { 0 };
        self.content(scope, at, field, variable, run);
        match &field.area {
            Some(Length::Expr(expr)) => {
                self.flush();
                let size = self.fresh();
                self.line(format!("const w{size} = p - x{content}"));
                self.agrees(scope, &format!("w{size}"), expr);
            }
            Some(Length::Prefix(prefix)) => {
                self.flush();
                let size = self.fresh();
                let (_, max) = prefix.range().unwrap_or_default();
                let big = prefix.is_big();
                let (open, close, n) = if big { ("BigInt(", ")", "n") } else { ("", "", "") };
                self.line(format!("const r{size} = {open}p - x{content}{close}"));
                self.line(format!("if (r{size} > {max}{n}) fail()"));
                if let Kind::Varint(varint) = **prefix {
                    let size_of = size_helper(varint);
                    self.line(format!("p = room(b, x{start} + 1, p, {size_of}(r{size}) - 1)"));
                }
                self.line(format!("{{ const y{size} = p\np = x{start}"));
                self.checked = 16;
                self.store_int(prefix, size);
                self.ahead = 0;
                self.checked = 0;
                self.line(format!("p = y{size} }}"));
            }
            _ => {}
        }
        if tracked && field.kind.bits().is_none_or(|bits| bits.last) {
            self.line(format!("t{variable} = {}", self.pos()));
        }
        if field.condition.is_some() {
            self.flush();
            self.line("}");
            self.in_block = false;
        }
    }

    fn agrees(&mut self, scope: usize, actual: &str, expr: &Expr) {
        match self.value(scope, expr) {
            Some(wanted) => self.line(format!("if ({actual} !== {wanted}) fail()")),
            None => {
                let mut remaining = false;
                expr.visit(&mut |part| remaining |= matches!(part, Expr::Remaining));
                if remaining {
                    return;
                }
                // It cannot be seen from outside the block.
                self.impossible |= self.in_block;
                self.lengths.push((actual.to_string(), expr.clone()));
            }
        }
    }

    fn content(&mut self, scope: usize, at: usize, field: &Field, variable: usize, run: u64) {
        let mut kind = &field.kind;
        if field.value.is_some() {
            if kind.integer().is_some() {
                return self.store_run(scope, at, kind, variable, run);
            }
            self.line(format!("v{variable} = r{variable}"));
            if matches!(kind, Kind::Bytes(_)) {
                self.impossible = true;
            }
        }
        while let Kind::Map(_, inner) = kind {
            kind = inner;
        }
        if kind.integer().is_some() {
            if !field.used {
                self.raw(kind, variable);
            } else {
                self.line(format!("if (!h{variable}) fail()"));
            }
            return self.store_run(scope, at, kind, variable, run);
        }
        self.encode_kind(scope, at, kind, variable, run);
    }

    /// Puts an integer, after a look whether there is room.
    fn store_run(&mut self, scope: usize, at: usize, kind: &Kind, variable: usize, run: u64) {
        match kind.integer() {
            Some(Kind::Int(int)) => self.need_room(int.bytes.into(), run),
            Some(Kind::Bits(bits)) if bits.at == 0 => self.need_room(bits.run.into(), run),
            Some(Kind::Varint(_)) => {
                self.flush();
                self.room(10);
            }
            _ => {}
        }
        self.store(scope, at, kind, variable);
    }

    fn need_room(&mut self, size: u64, run: u64) {
        if self.ahead + size > self.checked {
            self.flush();
            let run = run.max(size);
            self.room(run);
            self.checked = run;
        }
    }

    fn room(&mut self, size: u64) {
        self.line(format!("if (p + {size} > b.length) full()"));
    }

    /// Checks the value in `v`, and makes of it what goes on the wire, in `r`.
    fn raw(&mut self, kind: &Kind, variable: usize) {
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

    /// Puts what is in `r` at the position. There is room.
    fn store(&mut self, scope: usize, at: usize, kind: &Kind, variable: usize) {
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

    fn store_int(&mut self, kind: &Kind, variable: usize) {
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

    /// An expression of up to 32 bits that is read more than once: into a variable first.
    fn word(&mut self, text: &str, int: Int, from: u64) {
        let fresh = self.fresh();
        self.line(format!("const x{fresh} = {text}"));
        self.store_word(int, &format!("x{fresh}"), from);
    }

    fn store_word(&mut self, int: Int, text: &str, from: u64) {
        for k in 0..int.bytes {
            let at = self.pos_at(from + u64::from(if int.little { k } else { int.bytes - 1 - k }));
            match k {
                0 => self.line(format!("b[{at}] = {text}")),
                _ => self.line(format!("b[{at}] = {text} >>> {}", k * 8)),
            }
        }
    }

    fn double(&mut self, little: bool) {
        let int = Int {
            bytes: 4,
            signed: true,
            little,
        };
        let (low, high) = if little { (0, 4) } else { (4, 0) };
        self.word("words[LO]", int, low);
        self.word("words[HI]", int, high);
    }

    /// All bytes of a run of bits, whose last field is `last`.
    fn store_bits(&mut self, scope: usize, last: usize, run: u32) {
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

    fn encode_kind(&mut self, scope: usize, at: usize, kind: &Kind, variable: usize, run: u64) {
        let v = format!("v{variable}");
        match kind {
            Kind::Float { bytes, .. } => {
                let fresh = self.fresh();
                self.line(format!("if (typeof {v} !== 'number') fail()"));
                self.line(format!("let r{fresh} = {v}"));
                self.need_room((*bytes).into(), run);
                self.store(scope, at, kind, fresh);
            }
            Kind::Address(address) => {
                self.need_room(address.bytes() as u64, run);
                let name = match address {
                    Address::Ipv4 => "ipv4",
                    Address::Ipv6 => "ipv6",
                    Address::Mac => "mac",
                    Address::Uuid => "uuid",
                };
                self.line(format!("putAddress(b, {}, {v}, {})", self.pos(), quote(name)));
                self.ahead += address.bytes() as u64;
            }
            Kind::Text { encoding, length, fill } => {
                let name = match encoding {
                    Encoding::Utf8 => "putUtf8",
                    Encoding::Latin1 => "putLatin1",
                    Encoding::Ascii => "putAscii",
                    Encoding::Utf16le => "putUtf16le",
                    Encoding::Utf16be => "putUtf16be",
                    Encoding::Hex => "putHex",
                    Encoding::Base64 => "putBase64",
                };
                let wide = matches!(encoding, Encoding::Utf16le | Encoding::Utf16be);
                self.flush();
                if let (Some(fill), Length::Expr(Expr::Int(size))) = (fill, length) {
                    self.room((*size).max(0) as u64);
                    let kind = if wide {
                        if *encoding == Encoding::Utf16le { 1 } else { 2 }
                    } else {
                        0
                    };
                    self.line(format!("p = pad(b, p, {name}(b, p, {v}), {size}, {fill}, {kind})"));
                    return;
                }
                let size = format!("sizeText({}, {v})", quote(encoding_name(*encoding)));
                self.encode_bytes(scope, length, wide, &format!("{name}(b, p, {v})"), &size);
            }
            Kind::Bytes(length) => {
                self.flush();
                let size = format!("sizeText('bytes', {v})");
                self.encode_bytes(scope, length, false, &format!("putBytes(b, p, {v})"), &size);
            }
            Kind::Array(item, length) => self.encode_array(scope, at, item, length, variable),
            Kind::Struct(id, args) => {
                let args: Vec<String> = args.iter().map(|arg| self.known(scope, arg)).collect();
                let used = self.field(scope, at as u16).used;
                self.encode_child(scope, Some(at), *id, args, variable, used);
            }
            Kind::Switch(choices) => {
                self.flush();
                let fresh = self.fresh();
                let on = self.known(scope, &choices.on);
                self.line(format!("const x{fresh} = {on}"));
                for (tags, kind) in &choices.cases {
                    self.line(format!("if ({}) {{", tags_text(tags, fresh)));
                    self.encode_value(scope, at, kind, variable);
                    self.line("} else");
                }
                match &choices.default {
                    Some(kind) => {
                        self.line("{");
                        self.encode_value(scope, at, kind, variable);
                        self.line("}");
                    }
                    None => self.line("fail()"),
                }
            }
            Kind::Map(mapper, inner) => {
                self.line(format!("{v} = m{mapper}.encode({v})"));
                self.encode_kind(scope, at, inner, variable, run);
            }
            Kind::Magic(bytes) => {
                self.need_room(bytes.len() as u64, run);
                self.store(scope, at, kind, variable);
            }
            Kind::Pad(Expr::Int(count)) => {
                self.need_room((*count).max(0) as u64, run);
                self.store(scope, at, kind, variable);
            }
            Kind::Pad(count) => {
                self.flush();
                let count = self.known(scope, count);
                let fresh = self.fresh();
                self.line(format!("const w{fresh} = {count}"));
                self.line(format!(
                    "if (!(w{fresh} >= 0)) fail()\nif (p + w{fresh} > b.length) full()"
                ));
                self.line(format!("b.fill(0, p, p + w{fresh})\np += w{fresh}"));
            }
            Kind::Align(to, fill) => {
                self.flush();
                let fresh = self.fresh();
                self.line(format!("const w{fresh} = ({to} - (p - q) % {to}) % {to}"));
                self.line(format!("if (p + w{fresh} > b.length) full()"));
                self.line(format!("b.fill({fill}, p, p + w{fresh})\np += w{fresh}"));
            }
            // Integers in arrays and choices.
            _ => {
                self.line(format!("let r{variable} = 0"));
                self.raw(kind, variable);
                self.store_run(scope, at, kind, variable, run);
            }
        }
    }

    /// A value in a block of its own, with variables of its own.
    fn encode_value(&mut self, scope: usize, at: usize, kind: &Kind, variable: usize) {
        let fresh = self.fresh();
        self.line(format!("let v{fresh} = v{variable}"));
        let outer = std::mem::replace(&mut self.in_block, true);
        self.encode_kind(scope, at, kind, fresh, 0);
        self.flush();
        self.in_block = outer;
    }

    /// Text or bytes, with what says their length.
    fn encode_bytes(&mut self, scope: usize, length: &Length, wide: bool, put: &str, size: &str) {
        let fresh = self.fresh();
        match length {
            Length::Prefix(prefix) => {
                let (_, max) = prefix.range().unwrap_or_default();
                let (open, close, n) = if prefix.is_big() {
                    ("BigInt(", ")", "n")
                } else {
                    ("", "", "")
                };
                match **prefix {
                    Kind::Int(int) => {
                        let width = u64::from(int.bytes);
                        self.room(width);
                        self.line(format!("const x{fresh} = p\np += {width}\np = {put}"));
                        self.line(format!("const r{fresh} = {open}p - x{fresh} - {width}{close}"));
                        self.line(format!("if (r{fresh} > {max}{n}) fail()"));
                        self.line(format!("{{ const y{fresh} = p\np = x{fresh}"));
                        self.store_int(prefix, fresh);
                        self.ahead = 0;
                        self.checked = 0;
                        self.line(format!("p = y{fresh} }}"));
                    }
                    _ => {
                        self.line(format!("const r{fresh} = {open}{size}{close}"));
                        self.line(format!("if (r{fresh} > {max}{n}) fail()"));
                        self.room(10);
                        self.store_int(prefix, fresh);
                        self.line(format!("p = {put}"));
                    }
                }
            }
            _ => {
                self.line(format!("const x{fresh} = p\np = {put}"));
                match length {
                    Length::Expr(expr) => {
                        self.line(format!("const w{fresh} = p - x{fresh}"));
                        self.agrees(scope, &format!("w{fresh}"), expr);
                    }
                    Length::Until(stop) => {
                        let (helper, width) = if wide { ("findWide", 2) } else { ("find", 1) };
                        self.room(width);
                        self.line(format!("b[p] = {stop}"));
                        if wide {
                            self.line("b[p + 1] = 0");
                        }
                        // The first there is must be the one just put.
                        self.line(format!("if ({helper}(b, x{fresh}, p + {width}, {stop}) !== p) fail()"));
                        self.line(format!("p += {width}"));
                    }
                    _ => {}
                }
            }
        }
    }

    fn encode_child(
        &mut self,
        scope: usize,
        at: Option<usize>,
        id: usize,
        args: Vec<String>,
        variable: usize,
        used: bool,
    ) -> Option<usize> {
        self.flush();
        if self.inlines(id, used) {
            let mut given = Vec::new();
            for arg in args {
                let fresh = self.fresh();
                self.line(format!("const a_{fresh} = {arg}"));
                given.push(format!("a_{fresh}"));
            }
            let child = self.scope(id, given, true);
            if let Some(at) = at {
                self.scopes[scope].children.push((at, child));
            }
            self.depth += 1;
            self.encode_struct(child, &format!("v{variable}"));
            self.depth -= 1;
            return Some(child);
        }
        self.encoders.want(id);
        let list: String = args.iter().map(|arg| format!(", {arg}")).collect();
        self.line(format!("p = e{id}(b, p, v{variable}, q, d{list})"));
        None
    }

    fn encode_array(&mut self, scope: usize, at: usize, item: &Kind, length: &Length, variable: usize) {
        self.flush();
        let fresh = self.fresh();
        let v = format!("v{variable}");
        self.line(format!("if (!isList({v})) fail()"));
        self.line(format!("const w{fresh} = {v}.length"));
        match length {
            Length::Expr(expr) => self.agrees(scope, &format!("w{fresh}"), expr),
            Length::Prefix(prefix) => {
                let (_, max) = prefix.range().unwrap_or_default();
                let (open, close, n) = if prefix.is_big() {
                    ("BigInt(", ")", "n")
                } else {
                    ("", "", "")
                };
                self.line(format!("const r{fresh} = {open}w{fresh}{close}"));
                self.line(format!("if (r{fresh} > {max}{n}) fail()"));
                self.room(10);
                self.checked = 10;
                self.store_int(prefix, fresh);
                self.flush();
            }
            Length::UntilItem(_) => self.line(format!("if (w{fresh} === 0) fail()")),
            _ => {}
        }
        self.line(format!("for (let i{fresh} = 0; i{fresh} < w{fresh}; i{fresh}++) {{"));
        let outer = std::mem::replace(&mut self.in_block, true);
        let part = self.fresh();
        self.line(format!("let v{part} = {v}[i{fresh}]"));
        let mut kind = item;
        while let Kind::Map(mapper, inner) = kind {
            self.line(format!("v{part} = m{mapper}.encode(v{part})"));
            kind = inner;
        }
        let looks = matches!(length, Length::UntilItem(_));
        let mut child = None;
        match kind {
            Kind::Struct(id, args) => {
                let args: Vec<String> = args.iter().map(|arg| self.known(scope, arg)).collect();
                child = self.encode_child(scope, None, *id, args, part, looks);
            }
            _ if kind.integer().is_some() => {
                self.line(format!("let r{part} = 0"));
                self.raw(kind, part);
                if let Length::Until(stop) = length {
                    let n = if kind.is_big() { "n" } else { "" };
                    self.line(format!("if (r{part} === {stop}{n}) fail()"));
                }
                self.store_run(scope, at, kind, part, 0);
            }
            _ => {
                self.line(format!("const r{part} = v{part}"));
                self.encode_kind(scope, at, kind, part, 0);
            }
        }
        self.flush();
        if let Length::UntilItem(expr) = length {
            self.scopes[scope].item = match (child, item) {
                (Some(child), _) => Item::Scope(child),
                (None, Kind::Struct(id, _)) => self.found(*id, part),
                _ => Item::Value {
                    variable: part,
                    big: item.is_big(),
                },
            };
            let condition = self.condition(scope, expr);
            self.line(format!("if ({condition} !== (i{fresh} + 1 === w{fresh})) fail()"));
            self.scopes[scope].item = Item::None;
        }
        self.in_block = outer;
        self.line("}");
        if let Length::Until(stop) = length {
            let n = if item.is_big() { "n" } else { "" };
            let stopper = self.fresh();
            self.line(format!("const r{stopper} = {stop}{n}"));
            self.room(10);
            self.checked = 10;
            self.store_int(item, stopper);
            self.flush();
        }
    }

    /// Fills in what is known only now.
    fn late(&mut self, scope: usize, at: usize) {
        let field = &self.layout.structs[self.scopes[scope].id].fields[at];
        let base = self.scopes[scope].base;
        let variable = base + at;
        let big = field.kind.is_big();
        self.line(format!("if (h{variable}) {{"));
        let value = match &field.value {
            Some(Given::Checksum(checksum, span)) => {
                let (from, to) = (base + usize::from(span.from), base + usize::from(span.to));
                let helper = if checksum.bits() > 32 { "sum64" } else { "sum" };
                format!("{helper}({}, b, s{from}, t{to}, 0, 0)", quote(checksum.name()))
            }
            Some(Given::Expr { expr, .. }) => self.known(scope, expr),
            _ => String::new(),
        };
        if let Some(Kind::Varint(varint)) = field.kind.integer() {
            self.line("for (;;) {");
            self.fits(&field.kind, variable, &value);
            let fresh = self.fresh();
            let size_of = size_helper(*varint);
            self.line(format!(
                "const w{fresh} = {size_of}(r{variable}) - (t{variable} - s{variable})"
            ));
            self.line(format!("if (w{fresh} <= 0) break"));
            self.line(format!(
                "const x{fresh} = t{variable}\np = room(b, x{fresh}, p, w{fresh})"
            ));
            self.shift(scope, &format!("x{fresh}"), &format!("w{fresh}"));
            self.line("}");
        } else if big && value.starts_with("sum64") {
            self.line(format!("r{variable} = {value}"));
        } else {
            self.fits(&field.kind, variable, &value);
        }
        let fresh = self.fresh();
        self.line(format!("const y{fresh} = p\np = s{variable}"));
        match field.kind.bits() {
            Some(_) => {
                let fields = &self.layout.structs[self.scopes[scope].id].fields;
                let last = (at..fields.len()).find(|&at| fields[at].kind.bits().is_some_and(|bits| bits.last));
                let run = last
                    .and_then(|last| fields[last].kind.bits())
                    .map_or(0, |bits| bits.run);
                self.store_bits(scope, last.unwrap_or(at), run);
            }
            None => self.store_int(&field.kind, variable),
        }
        self.ahead = 0;
        self.checked = 0;
        self.line(format!("p = y{fresh}"));
        self.line("}");
    }

    /// What begins or ends at `from` or later does so `by` bytes later.
    fn shift(&mut self, scope: usize, from: &str, by: &str) {
        let id = self.scopes[scope].id;
        let base = self.scopes[scope].base;
        for (at, field) in self.layout.structs[id].fields.iter().enumerate() {
            if field.tracked || field.value.is_some() {
                let variable = base + at;
                self.line(format!("if (s{variable} >= {from}) s{variable} += {by}"));
                self.line(format!("if (t{variable} >= {from}) t{variable} += {by}"));
            }
        }
    }
}

fn is_flat_kind(kind: &Kind) -> bool {
    match kind {
        Kind::Int(_) | Kind::Bits(_) | Kind::Float { .. } | Kind::Magic(_) | Kind::Pad(Expr::Int(_)) => true,
        Kind::Bool(inner) | Kind::Enum(_, inner) | Kind::Time(inner, _) | Kind::Map(_, inner) => is_flat_kind(inner),
        _ => false,
    }
}

fn is_sum(field: &Field) -> bool {
    match &field.value {
        Some(Given::Checksum(..)) => true,
        Some(Given::Expr { expr, .. }) => {
            let mut found = false;
            expr.visit(&mut |part| found |= matches!(part, Expr::Sum(..)));
            found
        }
        _ => false,
    }
}

fn size_helper(varint: Varint) -> &'static str {
    match (varint.sign, varint.big) {
        (Sign::Unsigned, false) => "ulebSize",
        (Sign::Signed, false) => "slebSize",
        (Sign::Signed, true) => "slebSize64",
        _ => "ulebSize64",
    }
}

/// What of a field's bits lies in a byte of its run.
fn bits_of_byte(variable: usize, bits: Bits, byte: u32) -> Option<String> {
    let (from, to) = (bits.at, bits.at + u32::from(bits.width));
    let (first, last) = (from.max(byte * 8), to.min(byte * 8 + 8));
    if first >= last {
        return None;
    }
    let count = last - first;
    let mask = (1u32 << count) - 1;
    // The lowest of these bits in the field, and in the byte.
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
