//! Emits the encoding of values of every kind.

use super::decode_value::tags_text;
use super::*;

impl Emitter<'_> {
    pub(super) fn encode_kind(&mut self, scope: usize, at: usize, kind: &Kind, variable: usize, run: u64) {
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
                self.line(format!("putAddress(b, {}, {v}, {})", self.pos(), quote(address.name())));
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
                let wide = encoding.is_wide();
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
                let size = format!("sizeText({}, {v})", quote(encoding.name()));
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
            // Integers in arrays and alternatives.
            _ => {
                self.line(format!("let r{variable} = 0"));
                self.raw(kind, variable);
                self.store_run(scope, at, kind, variable, run);
            }
        }
    }

    /// Emits a value in a block of its own, with its own variables.
    pub(super) fn encode_value(&mut self, scope: usize, at: usize, kind: &Kind, variable: usize) {
        let fresh = self.fresh();
        self.line(format!("let v{fresh} = v{variable}"));
        let outer = std::mem::replace(&mut self.in_block, true);
        self.encode_kind(scope, at, kind, fresh, 0);
        self.flush();
        self.in_block = outer;
    }

    /// Emits text or bytes with their length prefix or terminator.
    pub(super) fn encode_bytes(&mut self, scope: usize, length: &Length, wide: bool, put: &str, size: &str) {
        let fresh = self.fresh();
        match length {
            Length::Prefix(prefix) => match **prefix {
                Kind::Int(int) => {
                    let width = u64::from(int.bytes);
                    self.room(width);
                    self.line(format!("const x{fresh} = p\np += {width}\np = {put}"));
                    self.prefix_value(prefix, fresh, &format!("p - x{fresh} - {width}"));
                    self.line(format!("{{ const y{fresh} = p\np = x{fresh}"));
                    self.store_int(prefix, fresh);
                    self.ahead = 0;
                    self.checked = 0;
                    self.line(format!("p = y{fresh} }}"));
                }
                _ => {
                    self.prefix_value(prefix, fresh, size);
                    self.room(10);
                    self.store_int(prefix, fresh);
                    self.line(format!("p = {put}"));
                }
            },
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
                        // The first terminator in the bytes must be the one just written.
                        self.line(format!("if ({helper}(b, x{fresh}, p + {width}, {stop}) !== p) fail()"));
                        self.line(format!("p += {width}"));
                    }
                    _ => {}
                }
            }
        }
    }

    /// The value of a length prefix, with a check that `length` fits.
    fn prefix_value(&mut self, prefix: &Kind, fresh: usize, length: &str) {
        let (_, max) = prefix.range().unwrap_or_default();
        let (open, close, n) = if prefix.is_big() {
            ("BigInt(", ")", "n")
        } else {
            ("", "", "")
        };
        self.line(format!("const r{fresh} = {open}{length}{close}"));
        self.line(format!("if (r{fresh} > {max}{n}) fail()"));
    }

    pub(super) fn encode_child(
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
            let child = self.inline(scope, at, id, args, true);
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

    pub(super) fn encode_array(&mut self, scope: usize, at: usize, item: &Kind, length: &Length, variable: usize) {
        self.flush();
        let fresh = self.fresh();
        let v = format!("v{variable}");
        self.line(format!("if (!isList({v})) fail()"));
        self.line(format!("const w{fresh} = {v}.length"));
        match length {
            Length::Expr(expr) => self.agrees(scope, &format!("w{fresh}"), expr),
            Length::Prefix(prefix) => {
                self.prefix_value(prefix, fresh, &format!("w{fresh}"));
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
}
