//! Emits JavaScript that encodes and decodes the messages of a linked schema.
//!
//! For one message at a time no native codec can beat good generated code: the crossing into Rust and building the object cost more
//! than the wire format. So the compiler writes, for every message, a function that writes an object into a buffer and one that reads
//! it back, with tags, names, defaults and checks spelled out as V8 likes them. What is not worth inlining is called by name from
//! `lib/protobuf/{read,write}.js`.
//!
//! Nothing of a schema reaches the text unquoted: see [`js`](self). The functions:
//!
//! - `w7(b, p, o, d)` writes object `o` into buffer `b` at position `p` and returns the position after it; `d` is the depth.
//! - `r7(b, p, end, d, o)` reads the bytes between `p` and `end` into `o`, or into a new object where `o` is null, and returns it.
//! - `g7(b, p, end, d, o, stop)` does so up to the end-group tag `stop`, and leaves the position in `at.p`: for groups only.
//!
//! Encoding is one pass: a length is left room for by what it took last time, and the body moved where it took another.

mod decode;
pub mod describe;
mod encode;
mod js;
mod outline;
pub mod table;

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;

use super::schema::{Enum, EnumId, Field, Kind, MessageId, Schema};

use js::Names;

pub use outline::outline;
pub use table::table;

/// The text of `lib/protobuf/codec-body.js`: what stands around the functions of a message.
pub const CODEC_BODY: &str = include_str!("../../../lib/protobuf/codec-body.js");

/// How 64-bit integers are handed to JavaScript.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Int64 {
    /// A number where that is exact, a BigInt beyond.
    #[default]
    Auto,
    /// Always a BigInt.
    BigInt,
    /// Always a decimal string.
    String,
    /// Always a number: one that is not exact is an error.
    Number,
}

/// What emitted code does where protobuf leaves a choice.
#[derive(Clone, Copy, Debug)]
pub struct EmitOptions {
    /// How 64-bit integers are handed out.
    pub int64: Int64,
    /// Decoded objects have every field, absent ones by their default, as npm `protocol-buffers` has it. Off: only what was there,
    /// and repeated fields and maps.
    pub defaults: bool,
    /// Unknown fields are kept on decoded objects and written back.
    pub unknown_fields: bool,
    /// NaN is a value of `float` and `double` fields. Off: it counts as absent, as npm `protocol-buffers` has it.
    pub nan: bool,
    /// How deep messages may nest. 100 is what other implementations take.
    pub depth: u32,
    /// Decoded objects say what was there, as `protobuf.load` has it: a field that tells unset from default is left out when it is
    /// unset, any other has its default. Two members of a oneof are an error whatever they are, and a number that a closed enum does
    /// not name is passed over where unknown fields are not kept. Goes with `defaults` off.
    pub presence: bool,
    /// Properties are in camel case.
    pub camel_case: bool,
    /// Values of enums are handed out as names, as far as they have one.
    pub enum_names: bool,
    /// A oneof is a property that names the member that is set.
    pub oneof_cases: bool,
    /// A field of type `google.protobuf.Timestamp` is a `Date`.
    pub dates: bool,
    /// A field of type `google.protobuf.Duration` is a number of milliseconds.
    pub durations: bool,
}

impl EmitOptions {
    /// True for a singular field that every decoded object has: it is there by its default until the bytes have another value.
    fn has_initially(&self, field: &Field) -> bool {
        self.defaults || self.presence && (!field.has_presence || field.is_required())
    }
}

impl Default for EmitOptions {
    fn default() -> Self {
        Self {
            int64: Int64::Auto,
            defaults: true,
            unknown_fields: false,
            nan: false,
            depth: 100,
            presence: false,
            camel_case: false,
            enum_names: false,
            oneof_cases: false,
            dates: false,
            durations: false,
        }
    }
}

/// What of a schema has been emitted.
#[derive(Debug)]
pub struct Emitted {
    messages: HashSet<MessageId>,
    /// The messages that stand between group tags anywhere: few schemas have any, and only these need a `g` function.
    groups: HashSet<MessageId>,
}

impl Emitted {
    /// Nothing of it yet.
    pub fn new(schema: &Schema) -> Self {
        let group = |field: &Field| match field.kind {
            Kind::Group(id) => Some(id),
            _ => None,
        };
        Emitted {
            messages: HashSet::new(),
            groups: schema.fields.iter().filter_map(group).collect(),
        }
    }
}

/// The body of a function `(R, W, T, E, U)` that returns `[[message, write, read, group], …]` for a message and all it refers to,
/// without those that have been emitted, which it takes from the table `T`. `group` is left out where nothing needs it.
///
/// `R` and `W` are the helpers, `E` holds `{fullName, known, names, byNumber}` of enums, and `U` is the symbol that unknown fields are kept under.
pub fn emit(schema: &Schema, root: MessageId, emitted: &mut Emitted, options: &EmitOptions) -> String {
    let Emitted {
        messages: known,
        groups,
    } = emitted;
    let mut emitter = Emitter {
        schema,
        options,
        out: String::from(HEAD),
        sites: 0,
        room: 0,
        names: Names::default(),
    };
    let (fresh, used) = emitter.reach(root, known);
    for id in &used {
        let i = id.0;
        emitter.line(format_args!("const w{i} = T[{i}].write, r{i} = T[{i}].read"));
        if groups.contains(id) {
            emitter.line(format_args!("const g{i} = T[{i}].group"));
        }
    }
    for id in emitter.enums(&fresh) {
        let i = id.0;
        emitter.line(format_args!("const n{i} = E[{i}], k{i} = n{i}.known"));
        if options.enum_names {
            emitter.line(format_args!("const j{i} = n{i}.byNumber"));
        }
    }
    for &id in &fresh {
        emitter.names = Names::of(schema, id, options);
        encode::message(&mut emitter, id);
        decode::oneofs(&mut emitter, id);
        decode::message(&mut emitter, id, false);
        if groups.contains(&id) {
            decode::message(&mut emitter, id, true);
        }
    }
    for site in 0..emitter.sites {
        emitter.line(format_args!("var z{site} = 1"));
    }
    emitter.out.push_str("return [");
    for id in &fresh {
        let i = id.0;
        let group = if groups.contains(id) {
            format!(", g{i}")
        } else {
            String::new()
        };
        write!(emitter.out, "[{i}, w{i}, r{i}{group}],").expect("writing to a String cannot fail");
    }
    emitter.out.push_str("]\n");
    known.extend(fresh);
    emitter.out
}

const HEAD: &str = "'use strict'
const { at, varint, tag, len, bool, float, double, fixed32, str, strictStr, bytes, skip, clear, define, entry, invalidEnum } = R
const { notValid, truncated, tooMany, int64, uint64, sint64, fixed64, sfixed64, keep, keepValue, setItem, packed32, packedUint32, Buffer } = R
const { EMPTY, toDate, toMillis } = R
const { required, oneofTwice, tooDeep, notObject, empty, list, entries, boolKey, own, close, width, raw, notEmpty, full } = W
const { oneofClash, oneofCase, fromDate, fromMillis } = W
const { int32: wInt32, uint32: wUint32, sint32: wSint32, int64: wInt64, uint64: wUint64, sint64: wSint64 } = W
const { fixed32: wFixed32, sfixed32: wSfixed32, fixed64: wFixed64, sfixed64: wSfixed64, enumValue: wEnum } = W
const { float: wFloat, double: wDouble, str: wStr, bytes: wBytes } = W
";

struct Emitter<'a> {
    schema: &'a Schema,
    options: &'a EmitOptions,
    out: String,
    /// Places that write a length, each with a variable that remembers how many bytes it took last.
    sites: u32,
    /// Bytes that are free for sure at this point of the encoder being emitted; see `encode`.
    room: u32,
    /// The properties of the message being emitted.
    names: Names,
}

impl Emitter<'_> {
    fn line(&mut self, text: impl std::fmt::Display) {
        writeln!(self.out, "{text}").expect("writing to a String cannot fail");
    }

    /// The property of a field of the message being emitted.
    fn property(&self, field: &Field) -> String {
        self.names.property(self.schema, field).to_owned()
    }

    /// The helpers that convert a value of this type: see [`js::conversion`].
    fn conversion(&self, kind: Kind) -> Option<(&'static str, &'static str)> {
        js::conversion(self.schema, kind, self.options)
    }

    fn site(&mut self) -> u32 {
        self.sites += 1;
        self.sites - 1
    }

    /// The messages to emit for `root`, in order of id, and the known ones that they refer to.
    fn reach(&self, root: MessageId, known: &HashSet<MessageId>) -> (BTreeSet<MessageId>, BTreeSet<MessageId>) {
        let (mut fresh, mut used, mut pending) = (BTreeSet::new(), BTreeSet::new(), vec![root]);
        while let Some(id) = pending.pop() {
            if known.contains(&id) {
                used.insert(id);
            } else if fresh.insert(id) {
                let fields = self.schema.fields_of(id).iter();
                let extensions = self.schema[id].extensions.iter().map(|&field| &self.schema[field]);
                for field in fields.chain(extensions) {
                    // A map's entries are written in place; what counts is the type of its values.
                    let value = self.schema.map_entry(field).map_or(field, |(_, value)| value);
                    pending.extend(value.kind.message());
                }
            }
        }
        (fresh, used)
    }

    fn enums(&self, messages: &BTreeSet<MessageId>) -> BTreeSet<EnumId> {
        let mut enums = BTreeSet::new();
        for &id in messages {
            let extensions = self.schema[id].extensions.iter().map(|&field| &self.schema[field]);
            for field in self.schema.fields_of(id).iter().chain(extensions) {
                let value = self.schema.map_entry(field).map_or(field, |(_, value)| value);
                if let Kind::Enum(id) = value.kind {
                    enums.insert(id);
                }
            }
        }
        enums
    }
}

/// The numbers of a closed enum as a range within one byte, where they are one: a comparison then stands for a look-up.
fn small_range(item: &Enum) -> Option<(i32, i32)> {
    let mut numbers: Vec<i32> = item.values.iter().map(|value| value.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let (first, last) = (*numbers.first()?, *numbers.last()?);
    (first >= 0 && last < 128 && (last - first) as usize + 1 == numbers.len()).then_some((first, last))
}

/// The bytes of a varint.
fn varint_bytes(value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    super::wire::put_varint(&mut bytes, value);
    bytes
}

/// A tag as it is compared in JavaScript.
fn tag_of(number: u32, wire_type: super::wire::WireType) -> u64 {
    u64::from(number) << 3 | wire_type as u64
}
