//! The program that a layout is compiled into.

use super::ast::{Binary, Unary};
use crate::codec::checksum::Checksum;

/// The largest integer that expressions work with, and that a JavaScript number has exactly.
pub const SAFE: i64 = (1 << 53) - 1;

/// Bounds that an application may set.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How deep structs that contain themselves may nest, in a record.
    pub depth: u32,
    /// What may be read without any byte being spent on it: items of no size, and what lies at an offset.
    pub values: u32,
    /// Bytes of text of a layout, with all that it refers to.
    pub text: u32,
    /// Fields of a layout, with all that it refers to.
    pub fields: u32,
}

impl Default for Limits {
    fn default() -> Self {
        // Deep enough for any format, and far from the end of a thread's stack; a million bytes of layout is a mistake.
        Limits {
            depth: 64,
            values: 65_536,
            text: 1 << 20,
            fields: 16_384,
        }
    }
}

/// A checked layout.
#[derive(Debug)]
pub struct Layout {
    /// All structs; they refer to each other by index.
    pub structs: Vec<Struct>,
    /// All enums, likewise.
    pub enums: Vec<Enum>,
    /// The struct that a record is.
    pub root: usize,
    /// The limits it was compiled with, and runs with.
    pub limits: Limits,
}

/// Fields that lie one after the other.
#[derive(Debug)]
pub struct Struct {
    /// Its name in the text.
    pub name: Box<str>,
    /// How many integers it takes as parameters.
    pub params: usize,
    /// Its fields.
    pub fields: Vec<Field>,
    /// The bytes it takes at least, and all of them where they are always as many.
    pub size: Size,
    /// Whether it contains itself.
    pub recursive: bool,
}

/// How many bytes something takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// At least.
    pub min: u64,
    /// Whether it is never more.
    pub fixed: bool,
}

/// One field.
#[derive(Debug)]
pub struct Field {
    /// Its name in objects; what has none is not in them.
    pub name: Option<Box<str>>,
    /// What it is.
    pub kind: Kind,
    /// It is there when this is not 0.
    pub condition: Option<Expr>,
    /// It lies elsewhere: at this offset from the beginning of the record.
    pub place: Option<Expr>,
    /// Only looked at: reading shows it, writing does not write it.
    pub peek: bool,
    /// It has so many bytes, whatever is in it.
    pub area: Option<Length>,
    /// What it must be: not taken from the object, and checked when read.
    pub value: Option<Given>,
    /// Expressions ask for its value.
    pub used: bool,
    /// Expressions ask where it begins or ends.
    pub tracked: bool,
    /// Its bytes.
    pub size: Size,
}

/// What a field's value must be.
#[derive(Debug)]
pub enum Given {
    /// A constant.
    Int(i128),
    /// A constant text.
    Text(Box<str>),
    /// Something to be computed, of more than 53 bits perhaps.
    Checksum(Checksum, Span),
    /// Something to be computed. `late`: only after all has been written.
    Expr {
        /// What it is.
        expr: Expr,
        /// Whether it depends on sizes, offsets or checksums.
        late: bool,
    },
}

impl Given {
    /// Whether it is known only after the whole struct has been written.
    pub fn is_late(&self) -> bool {
        matches!(self, Given::Checksum(..) | Given::Expr { late: true, .. })
    }
}

/// An integer of whole bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int {
    /// 1 to 8.
    pub bytes: u8,
    /// Two's complement.
    pub signed: bool,
    /// The least significant byte first.
    pub little: bool,
}

/// An integer of some bits, in a run of such that ends at a whole byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// 1 to 64.
    pub width: u8,
    /// Two's complement.
    pub signed: bool,
    /// Bits are counted from the least significant one of each byte.
    pub lsb: bool,
    /// Where it begins in the run, in bits.
    pub at: u32,
    /// The bytes of the run, for its first and its last field; 0 for those between.
    pub run: u32,
    /// Whether it is the last of the run.
    pub last: bool,
}

/// How an integer of seven bits a byte has its sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It has none.
    Unsigned,
    /// Two's complement: LEB128.
    Signed,
    /// The lowest bit is the sign.
    Zigzag,
}

/// An integer of seven bits a byte, the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Varint {
    /// Its sign.
    pub sign: Sign,
    /// A BigInt in JavaScript; else a number within ±(2^53 - 1).
    pub big: bool,
    /// The bytes it has at most.
    pub max: u8,
}

/// How text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say all")]
pub enum Encoding {
    Utf8,
    Latin1,
    Ascii,
    Utf16le,
    Utf16be,
    Hex,
    Base64,
}

/// What is text to people and a few bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say all")]
pub enum Address {
    Ipv4,
    Ipv6,
    Mac,
    Uuid,
}

impl Address {
    /// Its bytes.
    pub fn bytes(self) -> usize {
        match self {
            Address::Ipv4 => 4,
            Address::Mac => 6,
            Address::Ipv6 | Address::Uuid => 16,
        }
    }
}

/// What a value is and how it is written.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An integer.
    Int(Int),
    /// An integer of some bits.
    Bits(Bits),
    /// An integer of seven bits a byte.
    Varint(Varint),
    /// A binary floating-point number of 2, 4 or 8 bytes.
    Float {
        /// Its bytes.
        bytes: u8,
        /// The least significant byte first.
        little: bool,
    },
    /// An integer 0 or 1 that is false or true.
    Bool(Box<Kind>),
    /// An integer with names.
    Enum(usize, Box<Kind>),
    /// An integer that counts so many milliseconds, times 1 or 1000, since 1970.
    Time(Box<Kind>, u32),
    /// An address.
    Address(Address),
    /// Text.
    Text {
        /// Its encoding.
        encoding: Encoding,
        /// Its bytes.
        length: Length,
        /// What fills it up to a length that is always the same.
        fill: Option<u8>,
    },
    /// Bytes as they are.
    Bytes(Length),
    /// One after the other.
    Array(Box<Kind>, Length),
    /// A struct and its arguments.
    Struct(usize, Vec<Expr>),
    /// One of several, as an expression says.
    Switch(Box<Choices>),
    /// What the application makes of it, by two functions of its own.
    Map(u32, Box<Kind>),
    /// These bytes.
    Magic(Vec<u8>),
    /// So many bytes that mean nothing.
    Pad(Expr),
    /// Bytes that mean nothing, up to a multiple from the beginning of the record.
    Align(u32, u8),
}

/// What may be there, by a tag.
#[derive(Clone, Debug)]
pub struct Choices {
    /// The tag.
    pub on: Expr,
    /// What is there for which tags.
    pub cases: Vec<(Vec<Tag>, Kind)>,
    /// What is there for others.
    pub default: Option<Kind>,
}

/// A tag of a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    /// From one integer to another, both included.
    Ints(i64, i64),
    /// A text.
    Text(Box<str>),
}

/// How long something is: bytes of text or bytes, items of an array.
#[derive(Clone, Debug)]
pub enum Length {
    /// So long.
    Expr(Expr),
    /// As a number before it says.
    Prefix(Box<Kind>),
    /// Up to this value, which is no part of it.
    Until(i64),
    /// For arrays: up to and with the item after which this is not 0; the item is [`Expr::Item`].
    UntilItem(Expr),
    /// To the end of the area, or of the input.
    Rest,
}

/// Fields from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub from: u16,
    /// The last.
    pub to: u16,
}

/// An expression: integers within ±[`SAFE`], and texts, which can be compared.
#[derive(Clone, Debug)]
pub enum Expr {
    /// A constant.
    Int(i64),
    /// A constant text.
    Text(Box<str>),
    /// A field of this struct, or of a struct within it, and so on.
    Field(Vec<u16>),
    /// A parameter of this struct.
    Param(u16),
    /// The bytes that are left of the area, or of the input.
    Remaining,
    /// The item that was read last, or a field of it.
    Item(Vec<u16>),
    /// One operand.
    Unary(Unary, Box<Expr>),
    /// Two operands.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// The second where the first is not 0, else the third.
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    /// Bytes of fields.
    Size(Span),
    /// Items of an array; bytes of text or bytes without what says their length.
    Count(u16),
    /// Where a field begins, from the beginning of the record.
    Offset(u16),
    /// Whether a field is there.
    Present(u16),
    /// A checksum of fields, of at most 32 bits.
    Sum(Checksum, Span),
}

/// Names of integers.
#[derive(Debug)]
pub struct Enum {
    /// Its own name.
    pub name: Box<str>,
    /// Names and values, in the order of the text.
    pub values: Vec<(Box<str>, i64)>,
}

impl Enum {
    /// The name of a value: the first, where it has several.
    pub fn name_of(&self, value: i64) -> Option<&str> {
        self.values
            .iter()
            .find(|(_, known)| *known == value)
            .map(|(name, _)| &**name)
    }

    /// The value of a name.
    pub fn value_of(&self, name: &str) -> Option<i64> {
        self.values
            .iter()
            .find(|(known, _)| &**known == name)
            .map(|&(_, value)| value)
    }
}

impl Int {
    /// What it can hold.
    pub fn range(self) -> (i128, i128) {
        range(u32::from(self.bytes) * 8, self.signed)
    }
}

impl Bits {
    /// What it can hold.
    pub fn range(self) -> (i128, i128) {
        range(u32::from(self.width), self.signed)
    }
}

impl Varint {
    /// What it can hold.
    pub fn range(self) -> (i128, i128) {
        let signed = self.sign != Sign::Unsigned;
        let (min, max) = range((u32::from(self.max) * 7).min(64), signed);
        let safe = i128::from(SAFE);
        if self.big {
            (min, max)
        } else {
            (min.max(-safe), max.min(safe))
        }
    }
}

fn range(bits: u32, signed: bool) -> (i128, i128) {
    if signed {
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    } else {
        (0, (1 << bits) - 1)
    }
}

impl Kind {
    /// The integer it is on the wire, through names and the like; `None` for what is none.
    pub fn integer(&self) -> Option<&Kind> {
        match self {
            Kind::Int(_) | Kind::Bits(_) | Kind::Varint(_) => Some(self),
            Kind::Bool(inner) | Kind::Enum(_, inner) | Kind::Time(inner, _) | Kind::Map(_, inner) => inner.integer(),
            _ => None,
        }
    }

    /// What an integer can hold.
    pub fn range(&self) -> Option<(i128, i128)> {
        match self.integer()? {
            Kind::Int(int) => Some(int.range()),
            Kind::Bits(bits) => Some(bits.range()),
            Kind::Varint(varint) => Some(varint.range()),
            _ => None,
        }
    }

    /// Whether an integer is a BigInt in JavaScript.
    pub fn is_big(&self) -> bool {
        match self.integer() {
            Some(Kind::Int(int)) => int.bytes > 6,
            Some(Kind::Bits(bits)) => bits.width > 53,
            Some(Kind::Varint(varint)) => varint.big,
            _ => false,
        }
    }

    /// The bits of an integer of bits, to be placed in its run.
    pub(super) fn bits_mut(&mut self) -> Option<&mut Bits> {
        match self {
            Kind::Bits(bits) => Some(bits),
            Kind::Bool(inner) | Kind::Enum(_, inner) | Kind::Time(inner, _) | Kind::Map(_, inner) => inner.bits_mut(),
            _ => None,
        }
    }

    /// The bits of an integer of bits.
    pub fn bits(&self) -> Option<Bits> {
        match self.integer() {
            Some(Kind::Bits(bits)) => Some(*bits),
            _ => None,
        }
    }

    /// Text, through what an application makes of it.
    pub fn is_text(&self) -> bool {
        match self {
            Kind::Text { .. } => true,
            Kind::Map(_, inner) => inner.is_text(),
            _ => false,
        }
    }
}

impl Layout {
    /// The struct that a record is.
    pub fn root(&self) -> &Struct {
        &self.structs[self.root]
    }
}
