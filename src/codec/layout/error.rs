//! What can go wrong, and where.

use std::fmt;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The layout's own text.
    Syntax,
    /// A limit, of the layout or of what is read.
    Limit,
    /// The input ends too early.
    Truncated,
    /// The input is not what the layout says.
    Invalid,
    /// A checksum is not that of the bytes.
    Checksum,
    /// A value to write is of the wrong type; the message is what would be right, as in "of type number".
    Type,
    /// A value to write is out of range; the message is the range, as in ">= 0 and <= 255".
    Range,
    /// A value to write is of the right type and cannot be written; the message says why.
    Value,
}

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A field of a record.
    Field(Box<str>),
    /// An item of a list.
    Index(usize),
}

/// An error: `header.options[3].length: the input ends …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Its kind.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// The way to the value, the last step first.
    pub steps: Vec<Step>,
    /// Where in the input or output, from its beginning.
    pub offset: Option<usize>,
    /// Where in the layout's text: line and column.
    pub position: Option<(u32, u32)>,
}

impl Error {
    /// An error about a value.
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Error {
            code,
            message: message.into(),
            steps: Vec::new(),
            offset: None,
            position: None,
        }
    }

    /// An error about the bytes at an offset.
    pub(super) fn at(code: Code, offset: usize, message: impl Into<String>) -> Self {
        Error {
            offset: Some(offset),
            ..Error::new(code, message)
        }
    }

    /// An error of the layout itself.
    pub(super) fn syntax(position: (u32, u32), message: impl Into<String>) -> Self {
        Error {
            position: Some(position),
            ..Error::new(Code::Syntax, message)
        }
    }

    /// A limit that a layout or its input is beyond.
    pub(super) fn limit(position: Option<(u32, u32)>, message: impl Into<String>) -> Self {
        Error {
            position,
            ..Error::new(Code::Limit, message)
        }
    }

    /// The same, a step further out.
    pub(super) fn within(mut self, step: impl FnOnce() -> Step) -> Self {
        self.steps.push(step());
        self
    }

    /// The way to the value: `header.options[3].length`; empty for the record itself.
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
