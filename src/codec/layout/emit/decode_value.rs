//! Emits the decoding of values of every kind.

use super::load::read_int;
use super::*;

impl Emitter<'_> {
    /// A length as an expression. The position is after its prefix.
    pub(super) fn decode_length(&mut self, scope: usize, length: &Length) -> String {
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

    /// Reads a value into `v` and, if it is needed, its stored form into `r`.
    pub(super) fn decode_kind(&mut self, scope: usize, at: usize, kind: &Kind, variable: usize, keep: bool, run: u64) {
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
                self.line(format!("v{variable} = {}(b, {})", address.name(), self.pos()));
                self.ahead += address.bytes() as u64;
            }
            Kind::Text { encoding, length, fill } => {
                let wide = encoding.is_wide();
                let reader = encoding.name();
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
                // The mapper may have done anything, including detaching or shrinking the buffer.
                self.line("if (b.length < e) fail()");
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

    pub(super) fn keep(&mut self, keep: bool, variable: usize) {
        if keep {
            self.line(format!("r{variable} = v{variable}"));
        }
    }

    /// Calls `read` with the start and end of the bytes, as expressions.
    pub(super) fn decode_bytes(
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
            // On its own, it is checked on its own.
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

    /// Emits a nested struct, inlined or as a call.
    pub(super) fn decode_child(
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
            let child = self.inline(scope, at, id, args, false);
            self.depth += 1;
            self.decode_struct(child, &format!("v{variable}"));
            self.depth -= 1;
            return Some(child);
        }
        self.flush();
        self.decoders.want(id);
        let list: String = args.iter().map(|arg| format!(", {arg}")).collect();
        self.line(format!("v{variable} = d{id}(b, p, e, q, d{list})"));
        // The root's function returns its end, which `decode` needs.
        let fixed = inner.size.fixed && id != self.layout.root;
        match fixed {
            true => self.line(format!("p = p + {} | 0", inner.size.min)),
            false => self.line("p = S.p"),
        }
        None
    }

    pub(super) fn decode_array(&mut self, scope: usize, at: usize, item: &Kind, length: &Length, variable: usize) {
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
            // All items together have been checked to be in the input.
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

    pub(super) fn decode_item(&mut self, scope: usize, id: usize, args: Vec<String>, variable: usize) -> Option<usize> {
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

    pub(super) fn decode_switch(&mut self, scope: usize, at: usize, choices: &Choices, variable: usize) {
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
