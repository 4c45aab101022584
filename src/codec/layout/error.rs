//! Errors, and where they occurred.

use std::fmt;

/// The kind of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The layout's text is invalid.
    Syntax,
    /// The layout or the input exceeds a limit.
    Limit,
    /// The input ends too early.
    Truncated,
    /// The input does not match the layout.
    Invalid,
    /// A checksum does not match the bytes.
    Checksum,
    /// A value to write has the wrong type. The message states the right one, as in "of type number".
    Type,
    /// A value to write is out of range. The message states the range, as in ">= 0 and <= 255".
    Range,
    /// A value to write has the right type but cannot be written. The message states why.
    Value,
}

/// One step of the path to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A field of a record.
    Field(Box<str>),
    /// An item of a list.
    Index(usize),
}

/// An error, printed as for example `header.options[3].length: the input ends …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Its kind.
    pub code: Code,
    /// The description of the error.
    pub message: String,
    /// The path to the value, the last step first.
    pub steps: Vec<Step>,
    /// The offset in the input or output.
    pub offset: Option<usize>,
    /// The line and column in the layout's text.
    pub position: Option<(u32, u32)>,
}

impl Error {
    /// Creates an error about a value.
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Error {
            code,
            message: message.into(),
            steps: Vec::new(),
            offset: None,
            position: None,
        }
    }

    /// Creates an error about the bytes at an offset.
    pub(super) fn at(code: Code, offset: usize, message: impl Into<String>) -> Self {
        Error {
            offset: Some(offset),
            ..Error::new(code, message)
        }
    }

    /// Creates an error about the layout itself.
    pub(super) fn syntax(position: (u32, u32), message: impl Into<String>) -> Self {
        Error {
            position: Some(position),
            ..Error::new(Code::Syntax, message)
        }
    }

    /// Creates an error about an exceeded limit.
    pub(super) fn limit(position: Option<(u32, u32)>, message: impl Into<String>) -> Self {
        Error {
            position,
            ..Error::new(Code::Limit, message)
        }
    }

    /// Adds an outer step to the path.
    pub(super) fn within(mut self, step: impl FnOnce() -> Step) -> Self {
        self.steps.push(step());
        self
    }

    /// The path to the value, for example `header.options[3].length`; empty for the record itself.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for step in self.steps.iter().rev() {
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(name),
                Step::Field(name) => path.extend([".", name]),
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.position.filter(|(line, _)| *line > 0) {
            write!(f, "{line}:{column}: ")?;
        }
        let path = self.path();
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(&self.message)?;
        match self.offset {
            Some(offset) => write!(f, ", at offset {offset}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
