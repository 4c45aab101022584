//! Emits the functions that encode.
//!
//! A field is written in two steps: `raw` converts its value to the stored form, and `store` writes that. If all
//! fields always have the same size, the first step is done for all of them before the second step of any, so that
//! the record can be written directly into a buffer of the caller.

use super::decode_value::unmapped;
use super::*;

impl Emitter<'_> {
    /// Emits the public `encode`.
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
        // An accessor that is read by another encoding may encode something itself.
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

    /// Whether a struct, with everything in it, always has the same size and depends only on its values.
    pub(super) fn is_flat(&self, id: usize) -> bool {
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

    /// Converts the values of a flat struct to their stored form.
    pub(super) fn flat_raw(&mut self, scope: usize, object: &str) {
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

    pub(super) fn flat_store(&mut self, scope: usize) {
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

    /// Reads all properties, once each.
    pub(super) fn load(&mut self, scope: usize, object: &str) {
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

    pub(super) fn encode_struct(&mut self, scope: usize, object: &str) {
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

    /// Converts a value, and stores what expressions need of it.
    pub(super) fn prepare(&mut self, field: &Field, variable: usize) {
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
                    quote(encoding.name())
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

    /// Computes a field that depends only on values.
    pub(super) fn early(&mut self, scope: usize, _at: usize, field: &Field, variable: usize) {
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

    /// Sets `r` to a number, with a check that it fits.
    pub(super) fn fits(&mut self, kind: &Kind, variable: usize, value: &str) {
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

    pub(super) fn encode_field(&mut self, scope: usize, at: usize) {
        let id = self.scopes[scope].id;
        let field = &self.layout.structs[id].fields[at];
        let variable = self.scopes[scope].base + at;
        if field.peek {
            return;
        }
        // As when decoding. In addition, a field at an offset may be beyond the end, which is not known yet.
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

    pub(super) fn agrees(&mut self, scope: usize, actual: &str, expr: &Expr) {
        match self.value(scope, expr) {
            Some(wanted) => self.line(format!("if ({actual} !== {wanted}) fail()")),
            None => {
                let mut remaining = false;
                expr.visit(&mut |part| remaining |= matches!(part, Expr::Remaining));
                if remaining {
                    return;
                }
                // It is out of scope outside the block.
                self.impossible |= self.in_block;
                self.lengths.push((actual.to_string(), expr.clone()));
            }
        }
    }

    pub(super) fn content(&mut self, scope: usize, at: usize, field: &Field, variable: usize, run: u64) {
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

    /// Writes an integer, after a check for room.
    pub(super) fn store_run(&mut self, scope: usize, at: usize, kind: &Kind, variable: usize, run: u64) {
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

    pub(super) fn need_room(&mut self, size: u64, run: u64) {
        if self.ahead + size > self.checked {
            self.flush();
            let run = run.max(size);
            self.room(run);
            self.checked = run;
        }
    }

    pub(super) fn room(&mut self, size: u64) {
        self.line(format!("if (p + {size} > b.length) full()"));
    }

    /// Fills in values that are known only now.
    pub(super) fn late(&mut self, scope: usize, at: usize) {
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

    /// Shifts positions: everything that begins or ends at `from` or later moves by `by` bytes.
    pub(super) fn shift(&mut self, scope: usize, from: &str, by: &str) {
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

pub(super) fn size_helper(varint: Varint) -> &'static str {
    match (varint.sign, varint.big) {
        (Sign::Unsigned, false) => "ulebSize",
        (Sign::Signed, false) => "slebSize",
        (Sign::Signed, true) => "slebSize64",
        _ => "ulebSize64",
    }
}
