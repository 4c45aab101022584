//! Emits the functions that decode.

use super::decode_value::unmapped;
use super::*;

impl Emitter<'_> {
    /// Emits the public `decode`.
    pub(super) fn decoder(&mut self) {
        let root = self.layout.root;
        let size = self.layout.root().size;
        self.decoders.want(root);
        let needs = self.needs();
        self.line("function decode(buffer, offset) {");
        self.line("const b = asBuffer(buffer)");
        self.line("const e = b.length");
        self.line("if (e === 0) empty(b)");
        self.line("const p = offset === undefined ? 0 : startOf(offset, e)");
        // In this code, positions are 32-bit integers.
        self.line("if (e > 2147483647) return large(decode, b, p)");
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
        self.line("if (e > 2147483647) return largeMany(b, p, most)");
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

    /// Whether anything is read at offsets or without consuming bytes.
    pub(super) fn needs(&self) -> bool {
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

    /// Reads all fields of a struct into variables, and creates an object of them in `target`.
    pub(super) fn decode_struct(&mut self, scope: usize, target: &str) {
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

    pub(super) fn decode_field(&mut self, scope: usize, at: usize) {
        let id = self.scopes[scope].id;
        let field = &self.layout.structs[id].fields[at];
        let variable = self.scopes[scope].base + at;
        let keep = field.used || field.value.is_some();
        if field.kind.bits().is_none() && !is_static(field) && !self.is_inline_fixed(field) {
            self.flush();
        }
        let optional = field.condition.is_some();
        // Its fields would be in a block, out of scope for expressions.
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

    pub(super) fn is_inline_fixed(&self, field: &Field) -> bool {
        let plain = field.condition.is_none() && field.place.is_none() && field.area.is_none();
        match field.kind {
            Kind::Struct(id, _) => plain && field.size.fixed && self.inlines(id, field.used),
            _ => false,
        }
    }

    /// Emits the check that a computed field has the computed value.
    pub(super) fn decode_check(&mut self, scope: usize, at: usize) {
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

    /// Whether the size of a field was taken from this other field, so that they agree anyway.
    pub(super) fn is_size_of(&self, scope: usize, field: usize, other: usize) -> bool {
        let field = &self.layout.structs[self.scopes[scope].id].fields[field];
        let is = |length: &Length| matches!(length, Length::Expr(Expr::Field(path)) if path[..] == [other as u16]);
        match (&field.area, unmapped(&field.kind)) {
            _ if field.condition.is_some() || field.place.is_some() => false,
            (Some(area), _) => is(area),
            (None, Kind::Text { length, .. } | Kind::Bytes(length)) => is(length),
            _ => false,
        }
    }

    pub(super) fn is_count_of(&self, scope: usize, field: usize, other: usize) -> bool {
        let field = &self.layout.structs[self.scopes[scope].id].fields[field];
        let is = |length: &Length| matches!(length, Length::Expr(Expr::Field(path)) if path[..] == [other as u16]);
        match unmapped(&field.kind) {
            Kind::Array(_, length) | Kind::Text { length, .. } | Kind::Bytes(length) => {
                field.condition.is_none() && is(length)
            }
            _ => false,
        }
    }
}
