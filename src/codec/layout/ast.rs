//! The syntax tree that the parser creates. Names are not resolved yet.

use super::lexer::Position;
use crate::codec::checksum::Checksum;

pub(super) struct File {
    pub structs: Vec<StructDecl>,
    pub enums: Vec<EnumDecl>,
}

#[derive(Clone)]
pub(super) struct StructDecl {
    pub name: String,
    pub params: Vec<String>,
    pub order: Order,
    pub members: Vec<Member>,
    pub position: Position,
}

/// The byte order and bit order, if stated.
#[derive(Clone, Copy, Default)]
pub(super) struct Order {
    pub little: Option<bool>,
    pub lsb: Option<bool>,
}

#[derive(Clone)]
pub(super) struct EnumDecl {
    pub name: String,
    pub base: Box<Type>,
    pub values: Vec<(String, i128)>,
    pub position: Position,
}

#[derive(Clone)]
pub(super) struct Member {
    pub name: Option<String>,
    pub ty: Type,
    pub condition: Option<Ex>,
    pub place: Option<Place>,
    pub size: Option<Len>,
    pub value: Option<Ex>,
    pub position: Position,
}

/// The offset of a field from the start of the record. A field that is only peeked at is not written.
#[derive(Clone)]
pub(super) struct Place {
    pub peek: bool,
    pub offset: Ex,
}

#[derive(Clone)]
pub(super) enum Type {
    Named {
        name: String,
        quoted: bool,
        args: Vec<Len>,
        position: Position,
    },
    Inline(Box<StructDecl>),
    Switch(Box<Switch>),
    Enum(Box<EnumDecl>),
    Array(Box<Type>, Box<Len>),
    /// `map(index, type)`.
    Map(u32, Box<Type>),
    /// The root of another source, with arguments.
    Layout {
        id: u32,
        args: Vec<Ex>,
        position: Position,
    },
    Magic(Vec<u8>),
    Pad(Ex),
    Align(Ex, Option<Ex>),
}

#[derive(Clone)]
pub(super) struct Switch {
    pub on: Ex,
    pub cases: Vec<(Vec<Label>, Type)>,
    pub default: Option<Type>,
}

/// A value, or a range of values.
#[derive(Clone)]
pub(super) struct Label {
    pub from: Ex,
    pub to: Option<Ex>,
}

/// A length, or an argument of a type.
#[derive(Clone)]
pub(super) enum Len {
    Expr(Ex),
    /// A number before the content.
    Prefix(Type),
    Until(Ex),
    Rest,
}

/// An expression.
#[derive(Clone)]
pub(super) struct Ex {
    pub kind: ExKind,
    pub position: Position,
}

#[derive(Clone)]
pub(super) enum ExKind {
    Int(i128),
    Str(Vec<u8>),
    Name(Vec<String>),
    Unary(Unary, Box<Ex>),
    Binary(Binary, Box<Ex>, Box<Ex>),
    Choice(Box<Ex>, Box<Ex>, Box<Ex>),
    Call(Function, Range),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Function {
    SizeOf,
    Count,
    OffsetOf,
    Present,
    Checksum(Checksum),
}

/// A range of fields, both ends included. Without ends, it is the whole struct.
#[derive(Clone)]
pub(super) struct Range {
    pub from: Option<String>,
    pub to: Option<String>,
}

/// A prefix operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unary {
    /// `-`
    Neg,
    /// `~`
    Not,
    /// `!`
    Is0,
}

/// A binary operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "their names say all")]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    And,
    Or,
    Xor,
    Shl,
    Shr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Both,
    Either,
}
