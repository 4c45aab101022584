//! Emits JavaScript that encodes and decodes the messages of a linked schema.
//!
//! For single messages, no native codec is faster than good generated code: entering Rust and building the object
//! cost more than handling the wire format. So the compiler emits two functions for every message: one that writes an
//! object into a buffer, and one that reads it back, with tags, names, defaults and checks in the form that V8
//! optimises well. Code that is not worth inlining is called by name in `lib/protobuf/{read,write}.js`.
//!
//! Nothing from a schema gets into the text unquoted: see [`js`](self). The emitted functions:
//!
//! - `w7(b, p, o, d)` writes object `o` into buffer `b` at position `p` and returns the position after it; `d` is the
//!   depth.
//! - `r7(b, p, end, d, o)` reads the bytes from `p` to `end` into `o`, or into a new object if `o` is null, and
//!   returns it.
//! - `g7(b, p, end, d, o, stop)` does the same up to the end-group tag `stop`, and leaves the position in `at.p`. It
//!   is for groups only.
//!
//! Encoding takes one pass. Room for a length is reserved as it was needed last time, and the body is moved if its
//! length needs a different number of bytes.

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

/// The text of `lib/protobuf/codec-body.js`, which surrounds the functions of the messages.
pub const CODEC_BODY: &str = include_str!("../../../lib/protobuf/codec-body.js");

/// How 64-bit integers are represented in JavaScript.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Int64 {
    /// A number if that is exact, otherwise a BigInt.
    #[default]
    Auto,
    /// Always a BigInt.
    BigInt,
    /// Always a decimal string.
    String,
    /// Always a number. A value that a number cannot represent exactly is an error.
    Number,
}

/// The behaviour of emitted code where protobuf leaves a choice.
#[derive(Clone, Copy, Debug)]
pub struct EmitOptions {
    /// How 64-bit integers are represented in decoded objects.
    pub int64: Int64,
    /// Whether decoded objects have every field, with the default for absent ones, as with npm `protocol-buffers`. If
    /// `false`, they have only the fields that were present, and repeated fields and maps.
    pub defaults: bool,
    /// Whether unknown fields are kept in decoded objects and written back.
    pub unknown_fields: bool,
    /// Whether NaN is a value of `float` and `double` fields. If `false`, it counts as absent, as with npm
    /// `protocol-buffers`.
    pub nan: bool,
    /// How deep messages may nest. Other implementations allow 100.
    pub depth: u32,
    /// Whether decoded objects show presence, as with `protobuf.load`: an unset field with presence is left out, and
    /// any other absent field has its default. Setting two members of a oneof is an error in any case. An unknown
    /// number of a closed enum is ignored if unknown fields are not kept. Used with `defaults` off.
    pub presence: bool,
    /// Whether properties are in camel case.
    pub camel_case: bool,
    /// Whether enum values are represented by their names, if they have one.
    pub enum_names: bool,
    /// Whether each oneof has a property with the name of the member that is set.
    pub oneof_cases: bool,
    /// Whether a `google.protobuf.Timestamp` field is a `Date`.
    pub dates: bool,
    /// Whether a `google.protobuf.Duration` field is a number of milliseconds.
    pub durations: bool,
}

impl EmitOptions {
    /// Whether a singular field is in every decoded object, with its default until the input has another value.
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

/// The record of which messages of a schema have been emitted.
#[derive(Debug)]
pub struct Emitted {
    messages: HashSet<MessageId>,
    /// The messages that occur as groups. Few schemas have any, and only these messages need a `g` function.
    groups: HashSet<MessageId>,
}

impl Emitted {
    /// Creates a record in which nothing has been emitted.
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

/// Emits the body of a function `(R, W, T, E, U)`. It returns `[[message, write, read, group], …]` for a message and
/// all messages it refers to, except those emitted before, which it takes from the table `T`. `group` is left out if
/// it is not needed.
///
/// `R` and `W` are the helpers, `E` holds `{fullName, known, names, byNumber}` of enums, and `U` is the symbol under
/// which unknown fields are kept.
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
    /// The number of places that write a length. Each has a variable with the number of bytes its length took last
    /// time.
    sites: u32,
    /// How many bytes are certainly free at this point of the emitted encoder; see `encode`.
    room: u32,
    /// The property names of the message that is being emitted.
    names: Names,
}

impl Emitter<'_> {
    fn line(&mut self, text: impl std::fmt::Display) {
        writeln!(self.out, "{text}").expect("writing to a String cannot fail");
    }

    /// The property name of a field of the message that is being emitted.
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
                    // A map entry is written inline, so only the type of its value matters.
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

/// The numbers of a closed enum as a range within one byte, if they form one: then a comparison can replace a lookup.
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

/// A tag as the number that the emitted JavaScript compares with.
fn tag_of(number: u32, wire_type: super::wire::WireType) -> u64 {
    u64::from(number) << 3 | wire_type as u64
}
