//! The compiled form of a layout.

use super::ast::{Binary, Unary};
use crate::codec::checksum::Checksum;

/// The largest integer in expressions. A JavaScript number represents it exactly.
pub const SAFE: i64 = (1 << 53) - 1;

/// Limits that an application may set.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How deep structs that contain themselves may nest in a record.
    pub depth: u32,
    /// The most values that may be read without consuming bytes: items of size 0, and values at an offset.
    pub values: u32,
    /// The most bytes of a layout's text, including everything it refers to.
    pub text: u32,
    /// The most fields of a layout, including everything it refers to.
    pub fields: u32,
}

impl Default for Limits {
    fn default() -> Self {
        // Deep enough for any format, but far below the size of a thread's stack. A layout of a million bytes is a
        // mistake.
        Limits {
            depth: 64,
            values: 65_536,
            text: 1 << 20,
            fields: 16_384,
        }
    }
}

/// A validated layout.
#[derive(Debug)]
pub struct Layout {
    /// All structs. They refer to each other by index.
    pub structs: Vec<Struct>,
    /// All enums, which are referred to by index.
    pub enums: Vec<Enum>,
    /// The index of the struct that a record consists of.
    pub root: usize,
    /// The limits for compiling and running it.
    pub limits: Limits,
}

/// A sequence of fields.
#[derive(Debug)]
pub struct Struct {
    /// Its name in the text.
    pub name: Box<str>,
    /// The number of its integer parameters.
    pub params: usize,
    /// Its fields.
    pub fields: Vec<Field>,
    /// The size in bytes: the minimum, and whether it is always that.
    pub size: Size,
    /// Whether it contains itself.
    pub recursive: bool,
}

/// The size of something in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// The minimum.
    pub min: u64,
    /// Whether the size is always the minimum.
    pub fixed: bool,
}

/// One field.
#[derive(Debug)]
pub struct Field {
    /// Its name in objects. An unnamed field is not part of them.
    pub name: Option<Box<str>>,
    /// The type of its value.
    pub kind: Kind,
    /// If set, the field is present only when this is not 0.
    pub condition: Option<Expr>,
    /// If set, the field is at this offset from the start of the record instead of after the previous one.
    pub place: Option<Expr>,
    /// Whether the field is only peeked at: it is read, but not written.
    pub peek: bool,
    /// If set, the field occupies this many bytes, whatever its content needs.
    pub area: Option<Length>,
    /// If set, the value that the field must have. It is not taken from the object, and it is checked when read.
    pub value: Option<Given>,
    /// Whether expressions use its value.
    pub used: bool,
    /// Whether expressions use its start or end.
    pub tracked: bool,
    /// Its size in bytes.
    pub size: Size,
}

/// The value that a field must have.
#[derive(Debug)]
pub enum Given {
    /// A constant.
    Int(i128),
    /// A constant text.
    Text(Box<str>),
    /// A checksum over a range of fields. It may have more than 53 bits.
    Checksum(Checksum, Span),
    /// A computed value.
    Expr {
        /// The expression.
        expr: Expr,
        /// Whether it depends on sizes, offsets or checksums, and so is known only after everything is written.
        late: bool,
    },
}

impl Given {
    /// Whether the value is known only after the whole struct is written.
    pub fn is_late(&self) -> bool {
        matches!(self, Given::Checksum(..) | Given::Expr { late: true, .. })
    }
}

/// An integer of whole bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int {
    /// The number of bytes, 1 to 8.
    pub bytes: u8,
    /// Whether it is signed, in two's complement.
    pub signed: bool,
    /// Whether the least significant byte comes first.
    pub little: bool,
}

/// A bit field, in a run of bit fields that ends at a whole byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// The number of bits, 1 to 64.
    pub width: u8,
    /// Whether it is signed, in two's complement.
    pub signed: bool,
    /// Whether bits are counted from the least significant one of each byte.
    pub lsb: bool,
    /// Its offset in the run, in bits.
    pub at: u32,
    /// For the first and the last field of the run: the size of the run in bytes; 0 for the others.
    pub run: u32,
    /// Whether it is the last field of the run.
    pub last: bool,
}

/// The sign encoding of a varint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It is unsigned.
    Unsigned,
    /// Two's complement, as in signed LEB128.
    Signed,
    /// Zigzag: the lowest bit is the sign.
    Zigzag,
}

/// A varint: an integer of seven bits per byte, the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Varint {
    /// The encoding of its sign.
    pub sign: Sign,
    /// Whether it is a BigInt in JavaScript; otherwise a number within ±(2^53 - 1).
    pub big: bool,
    /// The most bytes that it may have.
    pub max: u8,
}

/// The encoding of text.
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

/// An address: text in JavaScript, and a fixed number of bytes in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say all")]
pub enum Address {
    Ipv4,
    Ipv6,
    Mac,
    Uuid,
}

impl Address {
    /// Its size in bytes.
    pub fn bytes(self) -> usize {
        match self {
            Address::Ipv4 => 4,
            Address::Mac => 6,
            Address::Ipv6 | Address::Uuid => 16,
        }
    }
}

/// The type and encoding of a value.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An integer.
    Int(Int),
    /// A bit field.
    Bits(Bits),
    /// A varint.
    Varint(Varint),
    /// A binary floating-point number of 2, 4 or 8 bytes.
    Float {
        /// Its size in bytes.
        bytes: u8,
        /// Whether the least significant byte comes first.
        little: bool,
    },
    /// A boolean, stored as the integer 0 or 1.
    Bool(Box<Kind>),
    /// An enum, by its index, stored as an integer.
    Enum(usize, Box<Kind>),
    /// A time, stored as an integer of units of 1 or 1000 milliseconds since 1970.
    Time(Box<Kind>, u32),
    /// An address.
    Address(Address),
    /// Text.
    Text {
        /// Its encoding.
        encoding: Encoding,
        /// Its length in bytes.
        length: Length,
        /// The byte that fills text of fixed length up.
        fill: Option<u8>,
    },
    /// Bytes as they are.
    Bytes(Length),
    /// Items of one type, with their number.
    Array(Box<Kind>, Length),
    /// A struct, by its index, with its arguments.
    Struct(usize, Vec<Expr>),
    /// One of several types, selected by an expression.
    Switch(Box<Choices>),
    /// A value that the application converts with a pair of its own functions, by index.
    Map(u32, Box<Kind>),
    /// These exact bytes.
    Magic(Vec<u8>),
    /// This many bytes without meaning.
    Pad(Expr),
    /// Bytes without meaning, up to a multiple of this many bytes from the start of the record.
    Align(u32, u8),
}

/// The alternatives of a switch.
#[derive(Clone, Debug)]
pub struct Choices {
    /// The expression that selects one.
    pub on: Expr,
    /// The alternatives, each with its tags.
    pub cases: Vec<(Vec<Tag>, Kind)>,
    /// The alternative for all other values.
    pub default: Option<Kind>,
}

/// A tag of an alternative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    /// A range of integers, both ends included.
    Ints(i64, i64),
    /// A text.
    Text(Box<str>),
}

/// A length: the number of bytes of text or bytes, or the number of items of an array.
#[derive(Clone, Debug)]
pub enum Length {
    /// The value of an expression.
    Expr(Expr),
    /// A number of this kind before the content.
    Prefix(Box<Kind>),
    /// The content ends before this value, which is consumed.
    Until(i64),
    /// For arrays: the last item is the first one after which this expression is not 0. In it, [`Expr::Item`] is the
    /// item.
    UntilItem(Expr),
    /// The content extends to the end of the area, or of the input.
    Rest,
}

/// A range of fields, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub from: u16,
    /// The last.
    pub to: u16,
}

/// An expression of integers within ±[`SAFE`], and of texts, which can only be compared.
#[derive(Clone, Debug)]
pub enum Expr {
    /// A constant.
    Int(i64),
    /// A constant text.
    Text(Box<str>),
    /// A field of this struct, or of a struct inside it, and so on.
    Field(Vec<u16>),
    /// A parameter of this struct.
    Param(u16),
    /// The number of bytes left in the area, or in the input.
    Remaining,
    /// The last item that was read, or a field of it.
    Item(Vec<u16>),
    /// One operand.
    Unary(Unary, Box<Expr>),
    /// Two operands.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// The second operand if the first is not 0, otherwise the third.
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    /// The size of fields in bytes.
    Size(Span),
    /// The number of items of an array, or of bytes of text or bytes, without their length prefix.
    Count(u16),
    /// The offset of a field from the start of the record.
    Offset(u16),
    /// Whether a field is present.
    Present(u16),
    /// A checksum over fields, of at most 32 bits.
    Sum(Checksum, Span),
}

/// An enum: names of integers.
#[derive(Debug)]
pub struct Enum {
    /// Its own name.
    pub name: Box<str>,
    /// Names and values, in the order of the text.
    pub values: Vec<(Box<str>, i64)>,
}

impl Enum {
    /// The name of a value. If it has several, the first one.
    pub fn name_of(&self, value: i64) -> Option<&str> {
        self.values
            .iter()
            .find(|(_, known)| *known == value)
            .map(|(name, _)| &**name)
    }

    /// The value with this name.
    pub fn value_of(&self, name: &str) -> Option<i64> {
        self.values
            .iter()
            .find(|(known, _)| &**known == name)
            .map(|&(_, value)| value)
    }
}

impl Int {
    /// The range of its values.
    pub fn range(self) -> (i128, i128) {
        range(u32::from(self.bytes) * 8, self.signed)
    }
}

impl Bits {
    /// The range of its values.
    pub fn range(self) -> (i128, i128) {
        range(u32::from(self.width), self.signed)
    }
}

impl Varint {
    /// The range of its values.
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
    /// The kind of the integer that stores it, for enums, booleans and the like too; `None` if it is not stored as an
    /// integer.
    pub fn integer(&self) -> Option<&Kind> {
        match self {
            Kind::Int(_) | Kind::Bits(_) | Kind::Varint(_) => Some(self),
            Kind::Bool(inner) | Kind::Enum(_, inner) | Kind::Time(inner, _) | Kind::Map(_, inner) => inner.integer(),
            _ => None,
        }
    }

    /// The range of an integer's values.
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

    /// The bit field of a kind, to set its position in the run.
    pub(super) fn bits_mut(&mut self) -> Option<&mut Bits> {
        match self {
            Kind::Bits(bits) => Some(bits),
            Kind::Bool(inner) | Kind::Enum(_, inner) | Kind::Time(inner, _) | Kind::Map(_, inner) => inner.bits_mut(),
            _ => None,
        }
    }

    /// The bit field of a kind.
    pub fn bits(&self) -> Option<Bits> {
        match self.integer() {
            Some(Kind::Bits(bits)) => Some(*bits),
            _ => None,
        }
    }

    /// Whether it is text, possibly converted by the application.
    pub fn is_text(&self) -> bool {
        match self {
            Kind::Text { .. } => true,
            Kind::Map(_, inner) => inner.is_text(),
            _ => false,
        }
    }
}

impl Layout {
    /// The struct that a record consists of.
    pub fn root(&self) -> &Struct {
        &self.structs[self.root]
    }
}
