//! Record layouts: what lies where in bytes, said once and compiled.
//!
//! `text → lexer → parser → resolve → `[`Layout`], a checked program that everything else works on: [`decode`] and [`encode`] run it,
//! [`columns`] runs it over many records, [`emit`] writes JavaScript that does the same for one, [`describe`] shows it to people. The
//! language is in `docs/codec.md`; a list of fields in JavaScript is turned into the same text.
//!
//! Two rules hold everywhere. Nothing is allocated for a length or a count before the bytes for it are known to be there. And what
//! does not fit is an error that says where, by field path and offset, never a value that was cut to fit.
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
