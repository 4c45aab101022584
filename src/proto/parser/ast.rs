//! The syntax tree of one file, before any name is resolved. It borrows from the source.

use std::borrow::Cow;

use crate::proto::schema::{Comments, Edition, ImportKind, Kind, Position, Visibility};

/// One file.
#[derive(Debug)]
pub struct File<'a> {
    pub edition: Edition,
    pub syntax_omitted: bool,
    pub package: Cow<'a, str>,
    pub imports: Vec<Import>,
    pub options: Vec<Opt<'a>>,
    pub messages: Vec<Message<'a>>,
    pub enums: Vec<Enum<'a>>,
    pub services: Vec<Service<'a>>,
    pub extends: Vec<Extend<'a>>,
    pub comments: Comments,
    pub package_comments: Comments,
    pub package_position: Position,
    /// The number of declared names, for the limit.
    pub symbols: usize,
}

#[derive(Debug)]
pub struct Import {
    pub name: String,
    pub kind: ImportKind,
    pub position: Position,
}

#[derive(Debug, Default)]
pub struct Message<'a> {
    pub name: Cow<'a, str>,
    pub fields: Vec<Field<'a>>,
    pub oneofs: Vec<Oneof<'a>>,
    pub messages: Vec<Message<'a>>,
    pub enums: Vec<Enum<'a>>,
    pub extends: Vec<Extend<'a>>,
    pub extension_ranges: Vec<ExtensionRanges<'a>>,
    pub reserved_ranges: Vec<(Range, Position)>,
    pub reserved_names: Vec<(Cow<'a, str>, Position)>,
    pub options: Vec<Opt<'a>>,
    pub visibility: Visibility,
    pub is_map_entry: bool,
    pub comments: Comments,
    pub position: Position,
}

/// Both ends included; field numbers or enum numbers, as written.
pub type Range = (i64, i64);

/// `extensions 4, 20 to 30 [declaration = {…}];`
#[derive(Debug)]
pub struct ExtensionRanges<'a> {
    pub ranges: Vec<(Range, Position)>,
    pub options: Vec<Opt<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Label {
    Optional,
    Required,
    Repeated,
}

#[derive(Debug)]
pub struct Field<'a> {
    pub label: Option<Label>,
    pub label_position: Position,
    pub ty: Type<'a>,
    pub type_position: Position,
    pub name: Cow<'a, str>,
    pub number: i64,
    pub number_position: Position,
    pub oneof: Option<u32>,
    pub options: Vec<Opt<'a>>,
    pub comments: Comments,
    pub position: Position,
}

#[derive(Debug)]
pub enum Type<'a> {
    Scalar(Kind),
    /// A message or an enum, as written.
    Named(Cow<'a, str>),
    /// A message type, as a descriptor gives it.
    NamedMessage(Cow<'a, str>),
    /// An enum type, as a descriptor gives it.
    NamedEnum(Cow<'a, str>),
    /// A group with the name of its message, as a descriptor gives it.
    NamedGroup(Cow<'a, str>),
    /// The index of the group's message among those of the scope.
    Group(u32),
    /// The index of the entry message among those of the scope.
    Map(u32),
}

#[derive(Debug)]
pub struct Oneof<'a> {
    pub name: &'a str,
    pub options: Vec<Opt<'a>>,
    pub comments: Comments,
    pub position: Position,
}

/// `extend X { … }`. Messages of groups inside it belong to the surrounding scope.
#[derive(Debug)]
pub struct Extend<'a> {
    pub extendee: Cow<'a, str>,
    pub position: Position,
    pub fields: Vec<Field<'a>>,
}

#[derive(Debug)]
pub struct Enum<'a> {
    pub name: &'a str,
    pub values: Vec<EnumValue<'a>>,
    pub reserved_ranges: Vec<(Range, Position)>,
    pub reserved_names: Vec<(Cow<'a, str>, Position)>,
    pub options: Vec<Opt<'a>>,
    pub visibility: Visibility,
    pub comments: Comments,
    pub position: Position,
}

#[derive(Debug)]
pub struct EnumValue<'a> {
    pub name: &'a str,
    pub number: i32,
    pub options: Vec<Opt<'a>>,
    pub comments: Comments,
    pub position: Position,
}

#[derive(Debug)]
pub struct Service<'a> {
    pub name: &'a str,
    pub methods: Vec<Method<'a>>,
    pub options: Vec<Opt<'a>>,
    pub comments: Comments,
    pub position: Position,
}

#[derive(Debug)]
pub struct Method<'a> {
    pub name: &'a str,
    pub input: MethodType<'a>,
    pub output: MethodType<'a>,
    pub options: Vec<Opt<'a>>,
    pub comments: Comments,
    pub position: Position,
}

#[derive(Debug)]
pub struct MethodType<'a> {
    pub name: Cow<'a, str>,
    pub stream: bool,
    pub position: Position,
}

/// Sets one or more options of an element.
#[derive(Clone, Debug)]
pub enum Opt<'a> {
    Written(WrittenOption<'a>),
    Serialized(SerializedOptions<'a>),
}

/// One `name = value` of an option statement or a bracketed list.
#[derive(Clone, Debug)]
pub struct WrittenOption<'a> {
    /// At least one part.
    pub name: Vec<NamePart<'a>>,
    pub value: Const<'a>,
    pub position: Position,
    pub value_position: Position,
}

/// All options in a descriptor, serialised as a message.
#[derive(Clone, Debug)]
pub struct SerializedOptions<'a> {
    pub bytes: &'a [u8],
    pub position: Position,
}

impl<'a> Opt<'a> {
    pub fn position(&self) -> Position {
        match self {
            Opt::Written(option) => option.position,
            Opt::Serialized(options) => options.position,
        }
    }

    pub fn written(&self) -> Option<&WrittenOption<'a>> {
        match self {
            Opt::Written(option) => Some(option),
            Opt::Serialized(_) => None,
        }
    }

    /// Whether this sets the option with this plain name, or may set it among others.
    pub fn may_set(&self, name: &str) -> bool {
        self.written().is_none_or(|option| option.is(name))
    }
}

impl WrittenOption<'_> {
    /// Whether this is the option with this plain name.
    pub fn is(&self, name: &str) -> bool {
        matches!(&self.name[..], [part] if !part.extension && part.text == name)
    }
}

/// The last written option with this plain name.
pub fn written_option<'o, 'a>(options: &'o [Opt<'a>], name: &str) -> Option<&'o WrittenOption<'a>> {
    options.iter().filter_map(Opt::written).rfind(|option| option.is(name))
}

/// `deprecated`, or `(pkg.custom)`.
#[derive(Clone, Debug)]
pub struct NamePart<'a> {
    pub text: Cow<'a, str>,
    pub extension: bool,
}

/// A constant.
#[derive(Clone, Debug)]
pub enum Const<'a> {
    /// A name: an enum value, `true`, `inf`.
    Ident(Cow<'a, str>),
    /// `-inf`, `-nan`.
    NegativeIdent(&'a str),
    Int(u64),
    /// A negative integer, by its absolute value.
    NegativeInt(u64),
    Float(f64),
    Str(Cow<'a, [u8]>),
    /// `{…}` in text format.
    Message(Vec<TextField<'a>>),
    /// `[…]` within text format.
    List(Vec<(Const<'a>, Position)>),
}

impl Const<'_> {
    /// A description for error messages.
    pub fn describe(&self) -> String {
        match self {
            Const::Ident(name) => format!("\"{name}\""),
            Const::NegativeIdent(name) => format!("\"-{name}\""),
            Const::Int(value) => format!("{value}"),
            Const::NegativeInt(value) => format!("-{value}"),
            Const::Float(value) => format!("{value}"),
            Const::Str(_) => "a string".into(),
            Const::Message(_) => "a message in braces".into(),
            Const::List(_) => "a list".into(),
        }
    }
}

/// One field of a text-format message.
#[derive(Clone, Debug)]
pub struct TextField<'a> {
    pub name: TextName<'a>,
    pub value: Const<'a>,
    pub position: Position,
    pub value_position: Position,
}

#[derive(Clone, Debug)]
pub enum TextName<'a> {
    Field(&'a str),
    /// `[pkg.extension]`.
    Extension(Cow<'a, str>),
    /// `[type.googleapis.com/pkg.Message]`: the value of an `Any`.
    Any(Cow<'a, str>),
}
