//! Errors of schemas, with their position.

use std::fmt;

use super::schema::Position;

/// An error in `.proto` source or in a descriptor: `file.proto:3:14: expected field number, found "foo"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file, as it was imported.
    pub file: Box<str>,
    /// The position. Line 0 means that there is none in a source, as for a descriptor or a missing file.
    pub position: Position,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Error {
    /// Creates an error at a position in a file.
    pub fn new(file: &str, position: Position, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            position,
            message: message.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.is_empty(), self.position.line) {
            (true, 0) => f.write_str(&self.message),
            (false, 0) => write!(f, "{}: {}", self.file, self.message),
            (true, _) => write!(f, "{}: {}", self.position, self.message),
            (false, _) => write!(f, "{}:{}: {}", self.file, self.position, self.message),
        }
    }
}

impl std::error::Error for Error {}
