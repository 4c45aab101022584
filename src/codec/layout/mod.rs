//! Record layouts: descriptions of binary formats as text, compiled once.
//!
//! `text → lexer → parser → resolve → `[`Layout`], a validated program on which everything else works. [`decode`] and
//! [`encode`] interpret it, [`columns`] runs it over many records, [`emit`] writes JavaScript that does the same for
//! one record, and [`describe`] prints it for people. The language is documented in `docs/codec.md`. A list of fields
//! in JavaScript is converted to the same text.
//!
//! Two rules hold everywhere. Memory for a length or a count is allocated only after it is known that the input has
//! the bytes for it. A value that does not fit is never cut; it is an error that states the field path and the
//! offset.
//!
//! ```
//! use ironwire::codec::layout::{Limits, Source, Value, compile};
//!
//! let text = "struct Greeting { u16be id; utf8(u8) text; }";
//! let layout = compile(&[Source { id: 0, text, root: None }], Limits::default()).unwrap();
//! let (value, bytes) = layout.decode_value(&[0, 7, 2, b'h', b'i'], 0).unwrap();
//! assert_eq!(bytes, 5);
//! assert_eq!(layout.encode_value(&value).unwrap(), [0, 7, 2, b'h', b'i']);
//! ```

mod ast;
pub mod columns;
pub mod decode;
pub mod describe;
pub mod emit;
pub mod encode;
mod error;
mod expr;
mod ir;
mod late;
mod lexer;
mod parser;
mod resolve;
mod sizes;
pub mod stack;
mod text;
mod types;
mod value;
mod wire;

#[cfg(test)]
mod tests;

pub use ast::{Binary, Unary};
pub use error::{Code, Error, Step};
pub use ir::*;
pub use resolve::{Source, compile};
pub use value::Value;
