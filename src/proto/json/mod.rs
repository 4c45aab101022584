//! Canonical ProtoJSON to and from the binary format: bytes in, bytes out, and no tree of values in between.
//!
//! `lexer.rs` and `number.rs` read JSON as such. `parse.rs` walks JSON text and the schema together and writes the binary message as it
//! goes, `parse_scalar.rs` its leaves; `print.rs` walks the index of a binary message and writes JSON. The well-known types have
//! forms of their own, in `parse_well_known.rs`, `print_well_known.rs` and `time.rs`. `utf16.rs` is for JavaScript's strings.
//!
//! Source: the ProtoJSON specification, RFC 8259, RFC 3339.

mod lexer;
mod number;
mod parse;
mod parse_scalar;
mod parse_well_known;
mod print;
mod print_well_known;
mod string;
pub(in crate::proto) mod time;
pub mod utf16;

pub use parse::ParseOptions;
pub use print::PrintOptions;
pub(in crate::proto) use string::write_string;
