//! The functions that read.

use super::*;

impl Emitter<'_> {
    /// The public `decode`.
    pub(super) fn decoder(&mut self) {
        let root = self.layout.root;
        let size = self.layout.root().size;
        self.decoders.want(root);
        let needs = self.needs();
        self.line("function decode(buffer, offset) {");
        self.line("const b = buffer instanceof FastBuffer ? buffer : asBuffer(buffer)");
        self.line("const e = b.length");
        self.line("if (e === 0) empty(b)");
        self.line("const p = offset === undefined ? 0 : startOf(offset, e)");
        if needs {
            let limit = self.layout.limits.values;
            self.line("const { left, high } = S");
            self.line(format!("S.left = e - p + {limit}"));
            self.line("S.high = p");
        }
        self.line("let o");
        self.line(format!("try {{ o = d{root}(b, p, e, p, 0) }}"));
        self.line("catch (error) { if (error === FAIL) explainDecode(b, p)\nthrow error }");
        let end = if size.fixed && !needs {
            format!("{}", size.min)
        } else {
            "S.p - p".into()
        };
        if needs {
            self.line("decode.bytes = (S.p > S.high ? S.p : S.high) - p");
            self.line("S.left = left");
            self.line("S.high = high");
        } else {
            self.line(format!("decode.bytes = {end}"));
        }
        self.line("return o");
        self.line("}");
        self.line("decode.bytes = 0");
        self.line("function decodeMany(b, p, most) {");
        self.line("const e = b.length, list = []");
        self.line("while (p < e && list.length < most) {");
        if needs {
            self.line(format!("S.left = e - p + {}", self.layout.limits.values));
            self.line("S.high = p");
        }
        self.line(format!("try {{ list.push(d{root}(b, p, e, p, 0)) }}"));
        self.line("catch (error) { if (error === FAIL) explainDecode(b, p, list.length)\nthrow error }");
        match (size.fixed && !needs, needs) {
            (true, _) => self.line(format!("p += {}", size.min)),
            (_, true) => self.line("const next = S.p > S.high ? S.p : S.high\nif (next === p) break\np = next"),
            _ => self.line("if (S.p === p) break\np = S.p"),
        }
        self.line("}");
        self.line("return list");
        self.line("}");
    }

    /// Whether anything is read at offsets, or without spending bytes.
    fn needs(&self) -> bool {
        fn empty_items(kind: &Kind, structs: &[Struct]) -> bool {
            match kind {
                Kind::Array(item, _) => sizes::of_kind(item, structs).min == 0 || empty_items(item, structs),
                Kind::Map(_, inner) => empty_items(inner, structs),
                Kind::Switch(choices) => {
                    let mut kinds = choices.cases.iter().map(|(_, kind)| kind).chain(&choices.default);
                    kinds.any(|kind| empty_items(kind, structs))
                }
                _ => false,
            }
        }
        let structs = &self.layout.structs;
        structs.iter().any(|inner| {
            inner.recursive
                || inner
                    .fields
                    .iter()
                    .any(|field| field.place.is_some() || empty_items(&field.kind, structs))
        })
    }

    pub(super) fn decode_function(&mut self, id: usize) {
        let inner = &self.layout.structs[id];
        let args: Vec<String> = (0..inner.params).map(|at| format!("a{at}")).collect();
        let list: String = args.iter().map(|arg| format!(", {arg}")).collect();
        self.line(format!("function d{id}(b, p, e, q, d{list}) {{"));
        if inner.recursive {
            self.line("if (--S.left < 0) fail()");
            self.line(format!("if (++d > {}) fail()", self.layout.limits.depth));
        }
        let scope = self.scope(id, args, false);
        self.line("let o");
        self.decode_struct(scope, "o");
        self.flush();
        self.leave(scope);
        if !inner.size.fixed || id == self.layout.root {
            self.line("S.p = p");
        }
        self.line("return o");
        self.line("}");
    }

    /// Reads all fields of a struct into variables, and makes an object of them in `target`.
    fn decode_struct(&mut self, scope: usize, target: &str) {
        let id = self.scopes[scope].id;
        let fields = &self.layout.structs[id].fields;
        for at in 0..fields.len() {
            self.decode_field(scope, at);
        }
        for at in 0..fields.len() {
            self.decode_check(scope, at);
        }
        let mut parts = Vec::new();
        let mut named = fields
            .iter()
            .enumerate()
            .filter_map(|(at, field)| Some((at, field, field.name.as_deref()?)));
        let base = self.scopes[scope].base;
        let mut rest = Vec::new();
        for (at, field, name) in named.by_ref() {
            if field.condition.is_some() {
                rest.push((at, field, name));
                break;
            }
            parts.push(format!("{}: v{}", key(name), base + at));
        }
        rest.extend(named);
        self.line(format!("{target} = {{ {} }}", parts.join(", ")));
        for (at, field, name) in rest {
            let variable = base + at;
            let set = match name {
                "__proto__" => format!("define({target}, {}, v{variable})", quote(name)),
                _ => format!("{} = v{variable}", get(target, name)),
            };
            match field.condition {
                Some(_) => self.line(format!("if (h{variable}) {set}")),
                None => self.line(set),
            }
        }
    }

    fn decode_field(&mut self, scope: usize, at: usize) {
        let id = self.scopes[scope].id;
        let field = &self.layout.structs[id].fields[at];
        let variable = self.scopes[scope].base + at;
        let keep = field.used || field.value.is_some();
        if field.kind.bits().is_none() && !is_static(field) && !self.is_inline_fixed(field) {
            self.flush();
        }
        let optional = field.condition.is_some();
        // Its parts would be in a block that expressions cannot look into.
        self.impossible |= optional && field.used && matches!(field.kind, Kind::Struct(..));
        let mut names = vec![format!("v{variable}")];
        if keep {
            names.push(format!(
                "r{variable} = {}",
                if field.kind.is_text() { "''" } else { "0" }
            ));
        }
        let tracked = field.tracked || matches!(field.value, Some(Given::Checksum(..)));
        if tracked {
            names.push(format!("s{variable} = {0}", self.pos()));
            names.push(format!("t{variable} = {0}", self.pos()));
        }
        if matches!(
            unmapped(&field.kind),
            Kind::Array(..) | Kind::Text { .. } | Kind::Bytes(_) | Kind::Switch(_)
        ) {
            names.push(format!("n{variable} = 0"));
        }
        self.line(format!("let {}", names.join(", ")));
        if let Some(condition) = &field.condition {
            let condition = self.condition(scope, condition);
            self.line(format!("const h{variable} = {condition}"));
            self.line(format!("if (h{variable}) {{"));
        }
        let mut outer = None;
        if let Some(place) = &field.place {
            let place = self.known(scope, place);
            let fresh = self.fresh();
            self.line("if (--S.left < 0) fail()");
            self.line(format!("const x{fresh} = p, y{fresh} = e, z{fresh} = {place}"));
            self.line(format!("if (!(z{fresh} >= 0 && z{fresh} <= b.length - q)) fail()"));
            self.line(format!("p = q + z{fresh}\ne = b.length"));
            if tracked {
                self.line(format!("s{variable} = p"));
            }
            outer = Some(fresh);
        }
        let mut area = None;
        if let Some(length) = &field.area {
            let size = self.decode_length(scope, length);
            let fresh = self.fresh();
            self.line(format!("const w{fresh} = {size}, x{fresh} = e"));
            self.line(format!("if (!(w{fresh} >= 0 && w{fresh} <= e - p)) fail()"));
            self.line(format!("e = p + w{fresh}"));
            area = Some(fresh);
        }
        let static_run = if is_static(field) { self.run(id, at) } else { 0 };
        self.decode_kind(scope, at, &field.kind, variable, keep, static_run);
        if let Some(fresh) = area {
            self.flush();
            self.line(format!("if (p !== e) fail()\ne = x{fresh}"));
        }
        if tracked && field.kind.bits().is_none_or(|bits| bits.last) {
            self.line(format!("t{variable} = {}", self.pos()));
        }
        if let Some(fresh) = outer {
            self.flush();
            if !field.peek {
                self.line("if (p > S.high) S.high = p");
            }
            self.line(format!("p = x{fresh}\ne = y{fresh}"));
        }
        match &field.value {
            Some(Given::Int(value)) => {
                let n = if field.kind.is_big() { "n" } else { "" };
                self.line(format!("if (r{variable} !== {value}{n}) fail()"));
            }
            Some(Given::Text(text)) => self.line(format!("if (r{variable} !== {}) fail()", quote(text))),
            _ => {}
        }
        if optional {
            self.flush();
            self.line("}");
        }
    }

    fn is_inline_fixed(&self, field: &Field) -> bool {
        let plain = field.condition.is_none() && field.place.is_none() && field.area.is_none();
        match field.kind {
            Kind::Struct(id, _) => plain && field.size.fixed && self.inlines(id, field.used),
            _ => false,
        }
    }

    /// A computed field must be what it is computed to be.
    fn decode_check(&mut self, scope: usize, at: usize) {
        let field = &self.layout.structs[self.scopes[scope].id].fields[at];
        let variable = self.scopes[scope].base + at;
        let big = field.kind.is_big();
        let wanted = match &field.value {
            Some(Given::Expr { expr, .. }) => {
                if let Expr::Size(span) = expr
                    && span.from == span.to
                    && self.is_size_of(scope, usize::from(span.from), at)
                {
                    return;
                }
                if let Expr::Count(of) = expr
                    && self.is_count_of(scope, usize::from(*of), at)
                {
                    return;
                }
                let value = self.known(scope, expr);
                if big { format!("BigInt({value})") } else { value }
            }
            Some(Given::Checksum(checksum, span)) => {
                let base = self.scopes[scope].base;
                let (from, to) = (base + usize::from(span.from), base + usize::from(span.to));
                let inside = (span.from..=span.to).contains(&(at as u16));
                let own = if inside {
                    format!("s{variable}, t{variable}")
                } else {
                    "0, 0".into()
                };
                let helper = if checksum.bits() > 32 { "sum64" } else { "sum" };
                let sum = format!("{helper}({}, b, s{from}, t{to}, {own})", quote(checksum.name()));
                if big && checksum.bits() <= 32 {
                    format!("BigInt({sum})")
                } else {
                    sum
                }
            }
            _ => return,
        };
        let condition = if field.condition.is_some() {
            format!("h{variable} && ")
        } else {
            String::new()
        };
        self.line(format!("if ({condition}r{variable} !== {wanted}) fail()"));
    }

    /// Whether a field's size was taken from this other field, so that they agree.
    fn is_size_of(&self, scope: usize, field: usize, other: usize) -> bool {
        let field = &self.layout.structs[self.scopes[scope].id].fields[field];
        let is = |length: &Length| matches!(length, Length::Expr(Expr::Field(path)) if path[..] == [other as u16]);
        match (&field.area, unmapped(&field.kind)) {
            _ if field.condition.is_some() || field.place.is_some() => false,
            (Some(area), _) => is(area),
            (None, Kind::Text { length, .. } | Kind::Bytes(length)) => is(length),
            _ => false,
        }
    }

    fn is_count_of(&self, scope: usize, field: usize, other: usize) -> bool {
        let field = &self.layout.structs[self.scopes[scope].id].fields[field];
        let is = |length: &Length| matches!(length, Length::Expr(Expr::Field(path)) if path[..] == [other as u16]);
        match unmapped(&field.kind) {
            Kind::Array(_, length) | Kind::Text { length, .. } | Kind::Bytes(length) => {
                field.condition.is_none() && is(length)
            }
            _ => false,
        }
    }

    /// Bytes from the position on: from now on they are known to be there.
    fn need(&mut self, size: u64, run: u64) {
        if self.ahead + size > self.checked {
            self.flush();
            let run = run.max(size);
            self.line(format!("if (e - p < {run}) fail()"));
            self.checked = run;
        }
    }

    /// A length as an expression; the position is behind what says it.
    fn decode_length(&mut self, scope: usize, length: &Length) -> String {
        self.flush();
        match length {
            Length::Expr(expr) => self.known(scope, expr),
            Length::Prefix(kind) => {
                let fresh = self.fresh();
                self.line(format!("let v{fresh}"));
                self.decode_int(kind, fresh, 0);
                self.flush();
                if kind.is_big() {
                    format!("num(v{fresh})")
                } else {
                    format!("v{fresh}")
                }
            }
            _ => "e - p".into(),
        }
    }

    /// Reads an integer into `v`.
    fn decode_int(&mut self, kind: &Kind, variable: usize, run: u64) {
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

    fn read_bits(&self, bits: Bits) -> String {
        let width = u32::from(bits.width);
        // Pieces of 25 bits lie in four bytes wherever they begin; the most significant first.
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

    fn read_piece(&self, lsb: bool, from: u32, size: u32) -> String {
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
        // All that there is needs no mask.
        if shift + size == count * 8 && count < 4 {
            shifted
        } else {
            format!("({shifted}) & {}", (1u64 << size) - 1)
        }
    }

    /// Reads a value into `v` and, where it is asked for, what is on the wire into `r`.
    fn decode_kind(&mut self, scope: usize, at: usize, kind: &Kind, variable: usize, keep: bool, run: u64) {
        match kind {
            Kind::Int(_) | Kind::Bits(_) | Kind::Varint(_) => {
                self.decode_int(kind, variable, run);
                self.keep(keep, variable);
            }
            Kind::Bool(inner) => {
                self.decode_int(inner, variable, run);
                self.keep(keep, variable);
                self.line(format!("if (v{variable} > 1) fail()"));
                self.line(format!("v{variable} = v{variable} == 1"));
            }
            Kind::Enum(id, inner) => {
                self.decode_int(inner, variable, run);
                self.keep(keep, variable);
                let fresh = self.fresh();
                self.line(format!("const x{fresh} = k{id}.get(v{variable})"));
                self.line(format!("if (x{fresh} !== undefined) v{variable} = x{fresh}"));
            }
            Kind::Time(inner, unit) => {
                self.decode_int(inner, variable, run);
                self.keep(keep, variable);
                self.line(format!("v{variable} = time(v{variable}, {unit})"));
            }
            Kind::Float { bytes, little } => {
                self.need((*bytes).into(), run);
                let int = Int {
                    bytes: (*bytes).min(4),
                    signed: true,
                    little: *little,
                };
                let part = |from: u64| {
                    let at = |k: u8| {
                        let k = if int.little { k } else { int.bytes - 1 - k };
                        format!("b[{}]", self.pos_at(from + u64::from(k)))
                    };
                    read_int(int, at)
                };
                let text = match bytes {
                    2 => format!("v{variable} = half({} & 65535)", part(0)),
                    4 => format!("words[0] = {}\nv{variable} = floats[0]", part(0)),
                    _ => {
                        let (low, high) = if *little { (0, 4) } else { (4, 0) };
                        format!(
                            "words[LO] = {}\nwords[HI] = {}\nv{variable} = doubles[0]",
                            part(low),
                            part(high)
                        )
                    }
                };
                self.line(text);
                self.ahead += u64::from(*bytes);
            }
            Kind::Address(address) => {
                self.need(address.bytes() as u64, run);
                let name = match address {
                    Address::Ipv4 => "ipv4",
                    Address::Ipv6 => "ipv6",
                    Address::Mac => "mac",
                    Address::Uuid => "uuid",
                };
                self.line(format!("v{variable} = {name}(b, {})", self.pos()));
                self.ahead += address.bytes() as u64;
            }
            Kind::Text { encoding, length, fill } => {
                let wide = matches!(encoding, Encoding::Utf16le | Encoding::Utf16be);
                let reader = encoding_name(*encoding);
                self.decode_bytes(scope, length, wide, variable, run, |e, from, to| {
                    let to = match fill {
                        Some(fill) if wide => {
                            format!("trimWide(b, {from}, {to}, {fill}, {})", *encoding == Encoding::Utf16le)
                        }
                        Some(fill) => format!("trim(b, {from}, {to}, {fill})"),
                        None => to.to_string(),
                    };
                    e.line(format!("v{variable} = {reader}(b, {from}, {to})"));
                });
                self.keep(keep, variable);
            }
            Kind::Bytes(length) => {
                self.decode_bytes(scope, length, false, variable, run, |e, from, to| {
                    e.line(format!("v{variable} = view(b, {from}, {to})"));
                });
                if keep {
                    self.line(format!("r{variable} = v{variable}.utf8Slice(0, v{variable}.length)"));
                }
            }
            Kind::Array(item, length) => self.decode_array(scope, at, item, length, variable),
            Kind::Struct(id, args) => {
                let args: Vec<String> = args.iter().map(|arg| self.known(scope, arg)).collect();
                self.decode_child(scope, Some(at), *id, args, variable);
            }
            Kind::Switch(choices) => self.decode_switch(scope, at, choices, variable),
            Kind::Map(mapper, inner) => {
                self.decode_kind(scope, at, inner, variable, keep, run);
                self.line(format!("v{variable} = m{mapper}.decode(v{variable})"));
            }
            Kind::Magic(bytes) => {
                self.need(bytes.len() as u64, run);
                if bytes.len() <= 16 {
                    let at = |k: usize| self.pos_at(k as u64);
                    let parts: Vec<String> = bytes
                        .iter()
                        .enumerate()
                        .map(|(k, byte)| format!("b[{}] !== {byte}", at(k)))
                        .collect();
                    if !parts.is_empty() {
                        self.line(format!("if ({}) fail()", parts.join(" || ")));
                    }
                } else {
                    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
                    self.line(format!("magic(b, {}, {})", self.pos(), quote(&text)));
                }
                self.ahead += bytes.len() as u64;
            }
            Kind::Pad(Expr::Int(count)) => {
                let count = (*count).max(0) as u64;
                self.need(count, run);
                self.ahead += count;
            }
            Kind::Pad(count) => {
                self.flush();
                let count = self.known(scope, count);
                let fresh = self.fresh();
                self.line(format!("const w{fresh} = {count}"));
                self.line(format!(
                    "if (!(w{fresh} >= 0 && w{fresh} <= e - p)) fail()\np += w{fresh}"
                ));
            }
            Kind::Align(to, _) => {
                self.flush();
                self.line(format!("p += ({to} - (p - q) % {to}) % {to}\nif (p > e) fail()"));
            }
        }
    }

    fn keep(&mut self, keep: bool, variable: usize) {
        if keep {
            self.line(format!("r{variable} = v{variable}"));
        }
    }

    /// Calls `read` with where bytes begin and end, as expressions.
    fn decode_bytes(
        &mut self,
        scope: usize,
        length: &Length,
        wide: bool,
        variable: usize,
        run: u64,
        read: impl FnOnce(&mut Self, &str, &str),
    ) {
        if let Length::Expr(Expr::Int(count)) = length {
            let count = *count as u64;
            // Where it stands alone it is checked alone.
            self.need(count, run);
            let (from, to) = (self.pos(), self.pos_at(count));
            self.line(format!("n{variable} = {count}"));
            read(self, &from, &to);
            self.ahead += count;
            return;
        }
        let fresh = self.fresh();
        if let Length::Until(stop) = length {
            self.flush();
            let helper = if wide { "findWide" } else { "find" };
            self.line(format!("const y{fresh} = {helper}(b, p, e, {stop})"));
            self.line(format!("n{variable} = y{fresh} - p"));
            read(self, "p", &format!("y{fresh}"));
            self.line(format!("p = y{fresh} + {}", if wide { 2 } else { 1 }));
            return;
        }
        let size = self.decode_length(scope, length);
        self.line(format!("const w{fresh} = {size}"));
        if !matches!(length, Length::Rest) {
            self.line(format!("if (!(w{fresh} >= 0 && w{fresh} <= e - p)) fail()"));
        }
        self.line(format!("const y{fresh} = p + w{fresh} | 0"));
        self.line(format!("n{variable} = w{fresh}"));
        read(self, "p", &format!("y{fresh}"));
        self.line(format!("p = y{fresh}"));
    }

    /// A struct within: here, or by a call.
    fn decode_child(
        &mut self,
        scope: usize,
        at: Option<usize>,
        id: usize,
        args: Vec<String>,
        variable: usize,
    ) -> Option<usize> {
        let inner = &self.layout.structs[id];
        let looked_into = at.is_some_and(|at| self.field(scope, at as u16).used) || at.is_none() && !inner.recursive;
        if self.inlines(id, looked_into) {
            let mut given = Vec::new();
            for arg in args {
                let fresh = self.fresh();
                self.line(format!("const a_{fresh} = {arg}"));
                given.push(format!("a_{fresh}"));
            }
            let child = self.scope(id, given, false);
            if let Some(at) = at {
                self.scopes[scope].children.push((at, child));
            }
            self.depth += 1;
            self.decode_struct(child, &format!("v{variable}"));
            self.depth -= 1;
            return Some(child);
        }
        self.flush();
        self.decoders.want(id);
        let list: String = args.iter().map(|arg| format!(", {arg}")).collect();
        self.line(format!("v{variable} = d{id}(b, p, e, q, d{list})"));
        // The root's function says where it ends, as `decode` wants to know.
        let fixed = inner.size.fixed && id != self.layout.root;
        match fixed {
            true => self.line(format!("p = p + {} | 0", inner.size.min)),
            false => self.line("p = S.p"),
        }
        None
    }

    fn decode_array(&mut self, scope: usize, at: usize, item: &Kind, length: &Length, variable: usize) {
        let fresh = self.fresh();
        let size = sizes::of_kind(item, &self.layout.structs);
        let counted = matches!(length, Length::Expr(_) | Length::Prefix(_));
        let mut run = 0;
        self.line(format!("v{variable} = []"));
        if counted {
            let count = self.decode_length(scope, length);
            self.line(format!("const w{fresh} = {count}"));
            let check = match size.min {
                0 => String::new(),
                min => format!(" && w{fresh} * {min} <= e - p"),
            };
            self.line(format!("if (!(w{fresh} >= 0{check})) fail()"));
            // All items at once have been seen to be there.
            if size.fixed {
                run = size.min;
            }
            self.line(format!("for (let i{fresh} = 0; i{fresh} < w{fresh}; i{fresh}++) {{"));
        } else {
            self.flush();
            match length {
                Length::Rest => self.line("while (p !== e) {"),
                _ => self.line("for (;;) {"),
            }
        }
        if size.min == 0 {
            self.line("if (--S.left < 0) fail()");
        }
        let part = self.fresh();
        self.line(format!("let v{part}, r{part}, n{part} = 0"));
        self.checked = if run > 0 { run } else { 0 };
        let before = self.fresh();
        if matches!(length, Length::Rest) && size.min == 0 {
            self.line(format!("const x{before} = p"));
        }
        let wants_scope = matches!(length, Length::UntilItem(_));
        let mut child = None;
        match item {
            Kind::Struct(id, args) => {
                let args: Vec<String> = args.iter().map(|arg| self.known(scope, arg)).collect();
                child = if wants_scope {
                    self.decode_child(scope, None, *id, args, part)
                } else {
                    self.decode_item(scope, *id, args, part)
                };
            }
            _ => {
                let wants = wants_scope || matches!(length, Length::Until(_));
                self.decode_kind(scope, at, item, part, wants, 0);
            }
        }
        self.flush();
        if let Length::Until(stop) = length {
            let n = if item.is_big() { "n" } else { "" };
            self.line(format!("if (r{part} === {stop}{n}) break"));
        }
        if matches!(length, Length::Rest) && size.min == 0 {
            self.line(format!("if (p === x{before}) fail()"));
        }
        self.line(format!("v{variable}.push(v{part})"));
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
            self.line(format!("if ({condition}) break"));
            self.scopes[scope].item = Item::None;
        }
        self.line("}");
        self.line(format!("n{variable} = v{variable}.length"));
        self.checked = 0;
    }

    fn decode_item(&mut self, scope: usize, id: usize, args: Vec<String>, variable: usize) -> Option<usize> {
        if self.inlines(id, false) {
            return self.decode_child(scope, None, id, args, variable);
        }
        self.flush();
        self.decoders.want(id);
        let list: String = args.iter().map(|arg| format!(", {arg}")).collect();
        self.line(format!("v{variable} = d{id}(b, p, e, q, d{list})"));
        let inner = &self.layout.structs[id];
        match inner.size.fixed && id != self.layout.root {
            true => self.line(format!("p = p + {} | 0", inner.size.min)),
            false => self.line("p = S.p"),
        }
        None
    }

    fn decode_switch(&mut self, scope: usize, at: usize, choices: &Choices, variable: usize) {
        self.flush();
        let fresh = self.fresh();
        let on = self.known(scope, &choices.on);
        self.line(format!("const x{fresh} = {on}"));
        for (tags, kind) in &choices.cases {
            self.line(format!("if ({}) {{", tags_text(tags, fresh)));
            self.decode_kind(scope, at, kind, variable, false, 0);
            self.flush();
            self.line("} else");
        }
        match &choices.default {
            Some(kind) => {
                self.line("{");
                self.decode_kind(scope, at, kind, variable, false, 0);
                self.flush();
                self.line("}");
            }
            None => self.line("fail()"),
        }
    }
}

pub(super) fn tags_text(tags: &[Tag], fresh: usize) -> String {
    let parts: Vec<String> = tags
        .iter()
        .map(|tag| match tag {
            Tag::Ints(from, to) if from == to => format!("x{fresh} === {from}"),
            Tag::Ints(from, to) => format!("x{fresh} >= {from} && x{fresh} <= {to}"),
            Tag::Text(text) => format!("x{fresh} === {}", quote(text)),
        })
        .collect();
    parts.join(" || ")
}

pub(super) fn unmapped(kind: &Kind) -> &Kind {
    match kind {
        Kind::Map(_, inner) => unmapped(inner),
        Kind::Switch(_) => kind,
        other => other,
    }
}

pub(super) fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => "utf8",
        Encoding::Latin1 => "latin1",
        Encoding::Ascii => "ascii",
        Encoding::Utf16le => "utf16le",
        Encoding::Utf16be => "utf16be",
        Encoding::Hex => "hex",
        Encoding::Base64 => "base64",
    }
}

/// `at(k)` is the byte of weight 256^k.
fn read_int(int: Int, at: impl Fn(u8) -> String) -> String {
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
