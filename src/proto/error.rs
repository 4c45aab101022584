//! What can go wrong with a schema, and where.

use std::fmt;

use super::schema::Position;

/// An error in `.proto` source or in a descriptor: `file.proto:3:14: expected field number, found "foo"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file, as it was imported.
    pub file: Box<str>,
    /// Where; line 0 where there is no place in a source (a descriptor, a file that cannot be found).
    pub position: Position,
    /// What is wrong and what is right.
    pub message: String,
}

impl Error {
    /// An error at a place of a file.
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
