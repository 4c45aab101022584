//! Text format to and from the binary format.
//!
//! As in [`super::json`], there is no tree in between: `parse.rs` writes the binary message while it reads, and
//! `print.rs` walks the index of a binary message.
//!
//! Source: the Text Format Language Specification.

mod lexer;
mod parse;
mod print;

pub use parse::TextParseOptions;
pub use print::TextPrintOptions;
