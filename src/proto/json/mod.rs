//! Canonical ProtoJSON to and from the binary format: bytes in, bytes out, and no tree of values in between.
//!
//! `lexer.rs` and `number.rs` read JSON itself. `parse.rs` walks the JSON text and the schema together and writes the
//! binary message at the same time; `parse_scalar.rs` handles its scalars. `print.rs` walks the index of a binary
//! message and writes JSON. The special forms of well-known types are in `parse_well_known.rs`, `print_well_known.rs`
//! and `time.rs`. `utf16.rs` converts JavaScript strings.
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
