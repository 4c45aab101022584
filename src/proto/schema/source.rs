//! Files, and the information about their source that elements keep: comments and positions.

use std::fmt;

use super::{EnumId, Features, FieldId, FileId, MessageId, Options, ServiceId};

/// One `.proto` file.
#[derive(Debug)]
pub struct File {
    /// The name it was imported by, `google/protobuf/any.proto`.
    pub name: Box<str>,
    /// The package, empty if none is declared.
    pub package: Box<str>,
    /// Language version.
    pub edition: Edition,
    /// True if the file has no `syntax` and no `edition` line ([`Edition::Proto2`] then, as in `protoc`).
    pub syntax_omitted: bool,
    /// Imports in order of declaration.
    pub imports: Vec<Import>,
    /// Top-level messages, in order of declaration.
    pub messages: Vec<MessageId>,
    /// Top-level enums.
    pub enums: Vec<EnumId>,
    /// Services.
    pub services: Vec<ServiceId>,
    /// Top-level extensions.
    pub extensions: Vec<FieldId>,
    /// File options.
    pub options: Options,
    /// The resolved features of the file.
    pub features: Features,
    /// Comments on the `syntax`/`edition` line.
    pub comments: Comments,
    /// Comments on the `package` line.
    pub package_comments: Comments,
}

/// One import of a file.
#[derive(Debug, Clone, Copy)]
pub struct Import {
    /// The imported file. `None` for an `import option` whose file could not be found, which is legal.
    pub file: Option<FileId>,
    /// What kind of import.
    pub kind: ImportKind,
}

/// The word after `import`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportKind {
    /// `import "x"`.
    Plain,
    /// `import public "x"`: importers of this file see `x` too.
    Public,
    /// `import weak "x"`.
    Weak,
    /// `import option "x"` (edition 2024): only custom options are taken from `x`.
    Option,
}

/// Language version of a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(i32)]
pub enum Edition {
    /// `syntax = "proto2"`, or no syntax line.
    Proto2 = 998,
    /// `syntax = "proto3"`.
    Proto3 = 999,
    /// `edition = "2023"`.
    E2023 = 1000,
    /// `edition = "2024"`.
    E2024 = 1001,
}

/// The comments that belong to an element, as `protoc` attaches them. `None` if there are none.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Comments(pub Option<Box<CommentText>>);

/// The text of comments, without comment marks.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct CommentText {
    /// Right before the element.
    pub leading: Option<Box<str>>,
    /// Right after it.
    pub trailing: Option<Box<str>>,
    /// Before the leading one, separated by an empty line each.
    pub detached: Vec<Box<str>>,
}

impl Comments {
    /// The comment right before the element.
    pub fn leading(&self) -> Option<&str> {
        self.0.as_ref()?.leading.as_deref()
    }

    /// The comment right after the element.
    pub fn trailing(&self) -> Option<&str> {
        self.0.as_ref()?.trailing.as_deref()
    }
}

/// A place in a source file. Line 0 if the element did not come from source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}
