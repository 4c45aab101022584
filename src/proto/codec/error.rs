//! The error type for everything that can be wrong with a message.

use std::fmt;

use crate::proto::wire::WireError;

/// The kind of an error, from which its code follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The bytes are not a protobuf message.
    Wire,
    /// The text is not valid JSON, or does not match the message.
    Json,
    /// The text is not valid text format, or does not match the message.
    Text,
    /// A string is not valid UTF-8.
    Utf8,
    /// A required field is missing.
    Required,
    /// A limit was reached.
    Limit,
    /// The limit on depth was reached; see [`super::Limits::levels`].
    Depth,
    /// The message cannot be represented in the requested format: a `Duration` out of range has no JSON form.
    Unrepresentable,
}

/// Why a message could not be read or written.
// Boxed: results travel through hot recursive code, and errors do not.
#[derive(Clone, Debug)]
pub struct Error(Box<(ErrorKind, String)>);

/// A result of the codec.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Creates an error. The message is a full sentence with the problem and its position, but for
    /// [`ErrorKind::Wire`] only the reason.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new((kind, message.into())))
    }

    /// The reason of a wire error, for callers with their own wording; the full message of any other error.
    pub fn reason(&self) -> &str {
        &self.0.1
    }

    #[cold]
    pub(in crate::proto) fn json(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Json, message)
    }

    #[cold]
    pub(in crate::proto) fn text(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Text, message)
    }

    #[cold]
    pub(in crate::proto) fn depth() -> Self {
        Error::new(ErrorKind::Depth, "The message is nested deeper than the limit")
    }

    #[cold]
    pub(in crate::proto) fn unrepresentable(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Unrepresentable, message)
    }

    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind() == ErrorKind::Wire {
            f.write_str("Not a protobuf message: ")?;
        }
        f.write_str(self.reason())
    }
}

impl std::error::Error for Error {}

impl From<WireError> for Error {
    #[cold]
    fn from(error: WireError) -> Self {
        match error {
            WireError::TooDeep => Error::depth(),
            _ => Error::new(ErrorKind::Wire, error.to_string()),
        }
    }
}
