//! Emits JavaScript that decodes and encodes single records, for V8 to compile.
//!
//! It does the same as [`super::decode`] and [`super::encode`], but only for valid data. On any error it calls
//! `fail`, and the caller runs the interpreter, which determines the error and its position. Field names are emitted
//! as string literals, or as identifiers that have been validated. All other text is written by this module, so no
//! layout can inject code.
//!
//! Emitted functions take `R`, the helpers of `lib/codec/layout/run`, and `M`, the application's mappers.

mod decode;
mod decode_value;
mod encode;
mod encode_value;
mod expr;
mod load;
mod store;

use std::fmt::Write;

use super::*;
use crate::js::{is_identifier, key, quote};

/// Longer code is left to the interpreter: V8 would take longer to parse it than it saves.
const MOST: usize = 1 << 20;

/// Structs of at most this many fields are inlined instead of called.
const INLINE: usize = 12;

/// Structs are inlined down to this depth, and as long as the text is below this size.
const INLINE_DEPTH: u32 = 4;
const INLINE_TEXT: usize = 64 << 10;

/// How many fields a function can leave in variables for its caller.
const LEFT: usize = 4;

/// Emits the text of a function body that returns `[decode, encode]`, with null for what only the interpreter can do.
pub fn emit(layout: &Layout) -> String {
    let mut e = Emitter {
        layout,
        out: String::new(),
        scopes: Vec::new(),
        next: 0,
        ahead: 0,
        checked: 0,
        depth: 0,
        decoders: Functions::default(),
        encoders: Functions::default(),
        lengths: Vec::new(),
        in_block: false,
        impossible: false,
    };
    e.line("'use strict'");
    e.line(format!("const {{ {HELPERS} }} = R"));
    for (id, item) in layout.enums.iter().enumerate() {
        e.names(id, item);
    }
    let mut mappers = Vec::new();
    layout
        .structs
        .iter()
        .flat_map(|inner| &inner.fields)
        .for_each(|field| mappers_in(&field.kind, &mut mappers));
    mappers.sort_unstable();
    mappers.dedup();
    for mapper in mappers {
        e.line(format!("const m{mapper} = M.get({mapper})"));
    }
    let prelude = std::mem::take(&mut e.out);
    e.decoder();
    while let Some(id) = e.decoders.pop().filter(|_| e.out.len() <= MOST) {
        e.decode_function(id);
    }
    let decode = e.finish();
    e.encoder();
    while let Some(id) = e.encoders.pop().filter(|_| e.out.len() <= MOST) {
        e.encode_function(id);
    }
    let encode = e.finish();
    let given = |part: &Option<String>, name| if part.is_some() { name } else { "null" };
    let many = given(&decode, "decodeMany");
    let result = format!(
        "return [{}, {}, {many}]",
        given(&decode, "decode"),
        given(&encode, "encode")
    );
    format!(
        "{prelude}{}{}{result}",
        decode.unwrap_or_default(),
        encode.unwrap_or_default()
    )
}

/// The names that emitted code takes from `R`.
const HELPERS: &str = "S, FAIL, FULL, fail, full, FastBuffer, SLAB, LO, HI, words, floats, doubles, bigs, ubigs, asBuffer, startOf, \
    placeFor, empty, alloc, put, newSlab, again, explainDecode, explainEncode, large, largeMany, safe, num, \
    div, rem, and, or, xor, shl, shr, byteOf, half, toHalf, uleb, uleb64, ulebSize, ulebSize64, putUleb, putUleb64, sleb, sleb64, slebSize, slebSize64, putSleb, putSleb64, \
    zigzag, zigzag64, unzigzag, unzigzag64, time, millis, find, findWide, trim, trimWide, pad, magic, view, sum, sum64, isList, \
    ipv4, ipv6, mac, uuid, putAddress, utf8, latin1, ascii, utf16le, utf16be, hex, base64, putUtf8, putLatin1, putAscii, \
    putUtf16le, putUtf16be, putHex, putBase64, putBytes, sizeText, own, define, room";

/// Structs that are functions of their own.
#[derive(Default)]
struct Functions {
    wanted: Vec<usize>,
    made: Vec<usize>,
}

impl Functions {
    fn want(&mut self, id: usize) {
        if !self.made.contains(&id) && !self.wanted.contains(&id) {
            self.wanted.push(id);
        }
    }

    fn pop(&mut self) -> Option<usize> {
        let id = self.wanted.pop()?;
        self.made.push(id);
        Some(id)
    }
}

/// A struct whose fields are local variables.
struct Scope {
    id: usize,
    /// Field `at` has the variables numbered `base + at`.
    base: usize,
    args: Vec<String>,
    /// Nested structs, by the field that contains them.
    children: Vec<(usize, usize)>,
    /// The last item that was read.
    item: Item,
    /// When writing, sizes and offsets are known only at the end.
    writing: bool,
    written: bool,
}

#[derive(Clone, Copy)]
enum Item {
    None,
    /// A variable, which may be a BigInt.
    Value {
        variable: usize,
        big: bool,
    },
    Scope(usize),
    /// A struct that a function has read or written. The fields that are needed outside were left in variables.
    Called {
        variable: usize,
        id: usize,
    },
}

struct Emitter<'a> {
    layout: &'a Layout,
    out: String,
    scopes: Vec<Scope>,
    next: usize,
    /// How far the position is ahead of `p`.
    ahead: u64,
    /// How many bytes from `p` on are known to be available.
    checked: u64,
    depth: u32,
    decoders: Functions,
    encoders: Functions,
    /// Lengths to be checked when the current struct is complete: a variable, and the expression for its value.
    lengths: Vec<(String, Expr)>,
    /// Whether variables declared now are out of scope at the end of the struct.
    in_block: bool,
    /// Whether something was found that only the interpreter can do.
    impossible: bool,
}

impl<'a> Emitter<'a> {
    fn line(&mut self, line: impl std::fmt::Display) {
        writeln!(self.out, "{line}").expect("writing to a String cannot fail");
    }

    /// Takes the text written since the last call; `None` if it cannot be used.
    fn finish(&mut self) -> Option<String> {
        let out = std::mem::take(&mut self.out);
        let useful = !std::mem::take(&mut self.impossible) && out.len() <= MOST;
        useful.then_some(out)
    }

    fn fresh(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    /// Declares the variables for a struct.
    fn scope(&mut self, id: usize, args: Vec<String>, writing: bool) -> usize {
        let base = self.next + 1;
        self.next += self.layout.structs[id].fields.len() + 1;
        let scope = Scope {
            id,
            base,
            args,
            children: Vec::new(),
            item: Item::None,
            writing,
            written: false,
        };
        self.scopes.push(scope);
        self.scopes.len() - 1
    }

    /// The position as an expression.
    fn pos(&self) -> String {
        self.pos_at(0)
    }

    fn pos_at(&self, more: u64) -> String {
        match self.ahead + more {
            0 => "p".into(),
            ahead => format!("p + {ahead}"),
        }
    }

    /// Sets `p` to the position.
    fn flush(&mut self) {
        if self.ahead > 0 {
            self.line(format!("p = p + {} | 0", self.ahead));
        }
        self.ahead = 0;
        self.checked = 0;
    }

    /// The fields of a struct with a function of its own that expressions outside need.
    fn asked(&self, id: usize) -> Vec<usize> {
        let fields = self.layout.structs[id].fields.iter().enumerate();
        let asked = fields.filter(|(_, field)| field.used && (field.kind.integer().is_some() || field.kind.is_text()));
        asked.map(|(at, _)| at).collect()
    }

    /// At the end of such a function, leaves these fields where the caller finds them.
    fn leave(&mut self, scope: usize) {
        let Scope { id, base, .. } = self.scopes[scope];
        if self.layout.structs[id].recursive {
            for (k, at) in self.asked(id).into_iter().enumerate().take(LEFT) {
                self.line(format!("S.u{k} = r{}", base + at));
            }
        }
    }

    /// After a call of such a function, takes these fields over.
    fn found(&mut self, id: usize, variable: usize) -> Item {
        let asked = self.asked(id).len();
        self.impossible |= asked > LEFT;
        for k in 0..asked.min(LEFT) {
            self.line(format!("const u{variable}_{k} = S.u{k}"));
        }
        Item::Called { variable, id }
    }

    fn names(&mut self, id: usize, item: &Enum) {
        let big = self.is_big_enum(id);
        let n = if big { "n" } else { "" };
        let mut seen = Vec::new();
        let mut pairs = Vec::new();
        for (name, value) in &item.values {
            if !seen.contains(value) {
                seen.push(*value);
                pairs.push(format!("[{value}{n}, {}]", quote(name)));
            }
        }
        self.line(format!("const k{id} = new Map([{}])", pairs.join(", ")));
        let values: Vec<String> = item
            .values
            .iter()
            .map(|(name, value)| format!("[{}, {value}{n}]", quote(name)))
            .collect();
        self.line(format!("const j{id} = new Map([{}])", values.join(", ")));
    }

    fn is_big_enum(&self, id: usize) -> bool {
        fn find(kind: &Kind, id: usize) -> Option<bool> {
            match kind {
                Kind::Enum(found, inner) if *found == id => Some(inner.is_big()),
                Kind::Map(_, inner) | Kind::Array(inner, _) => find(inner, id),
                Kind::Switch(choices) => choices
                    .cases
                    .iter()
                    .map(|(_, kind)| kind)
                    .chain(&choices.default)
                    .find_map(|kind| find(kind, id)),
                _ => None,
            }
        }
        let mut fields = self.layout.structs.iter().flat_map(|inner| &inner.fields);
        fields.find_map(|field| find(&field.kind, id)).unwrap_or(false)
    }

    /// Whether a struct is inlined where it is used.
    fn inlines(&self, id: usize, looked_into: bool) -> bool {
        let inner = &self.layout.structs[id];
        let small = inner.fields.len() <= INLINE && self.depth < INLINE_DEPTH && self.out.len() < INLINE_TEXT;
        !inner.recursive && (looked_into || small)
    }

    /// Begins an inlined struct, as the field `at` of its parent if it is one. Its arguments get variables as well.
    fn inline(&mut self, scope: usize, at: Option<usize>, id: usize, args: Vec<String>, writing: bool) -> usize {
        let mut given = Vec::new();
        for arg in args {
            let fresh = self.fresh();
            self.line(format!("const a_{fresh} = {arg}"));
            given.push(format!("a_{fresh}"));
        }
        let child = self.scope(id, given, writing);
        if let Some(at) = at {
            self.scopes[scope].children.push((at, child));
        }
        child
    }

    /// The number of bytes from this field on that are consecutive for any values.
    fn run(&self, id: usize, from: usize) -> u64 {
        let fields = &self.layout.structs[id].fields[from..];
        let fixed = fields.iter().take_while(|field| is_static(field));
        fixed.map(|field| field.size.min).sum()
    }
}

/// Whether a field always has the same size, is at its regular position, and can be written without knowing that
/// position.
fn is_static(field: &Field) -> bool {
    field.condition.is_none()
        && field.place.is_none()
        && field.area.is_none()
        && field.size.fixed
        && is_static_kind(&field.kind)
}

fn is_static_kind(kind: &Kind) -> bool {
    match kind {
        Kind::Int(_) | Kind::Bits(_) | Kind::Float { .. } | Kind::Address(_) | Kind::Magic(_) | Kind::Pad(_) => true,
        Kind::Text { .. } | Kind::Bytes(_) => true,
        Kind::Bool(inner) | Kind::Enum(_, inner) | Kind::Time(inner, _) | Kind::Map(_, inner) => is_static_kind(inner),
        _ => false,
    }
}

fn mappers_in(kind: &Kind, found: &mut Vec<u32>) {
    match kind {
        Kind::Map(mapper, inner) => {
            found.push(*mapper);
            mappers_in(inner, found);
        }
        Kind::Bool(inner) | Kind::Enum(_, inner) | Kind::Time(inner, _) | Kind::Array(inner, _) => {
            mappers_in(inner, found)
        }
        Kind::Switch(choices) => {
            choices
                .cases
                .iter()
                .map(|(_, kind)| kind)
                .chain(&choices.default)
                .for_each(|kind| mappers_in(kind, found));
        }
        _ => {}
    }
}

/// The expression that reads a property of `object`.
fn get(object: &str, name: &str) -> String {
    match name {
        // Every object inherits this property.
        "__proto__" => format!("own({object}, {})", quote(name)),
        _ if is_identifier(name) => format!("{object}.{name}"),
        _ => format!("{object}[{}]", quote(name)),
    }
}
