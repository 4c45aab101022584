//! Protocol Buffers: the language, the linked schema, and the wire format.
//!
//! `source text → lexer → parser (syntax tree) → link → `[`schema::Schema`], on which everything else works. This is
//! pure Rust: imports come through a callback, and nothing here accesses a file or Node.
//!
//! ```
//! use ironwire::proto::{CompileOptions, compile_source};
//!
//! let source = "message Person { required int32 age = 16; required string name = 0; }";
//! let schema = compile_source("person.proto", source, &CompileOptions::default(), &mut |_| Ok(None)).unwrap();
//! let person = schema.message_by_name("Person").unwrap();
//! assert_eq!(schema.fields_of(person)[1].number, 0);
//! ```

pub mod codec;
pub mod descriptor;
pub mod emit;
mod error;
pub mod json;
mod lexer;
mod link;
mod options;
mod parser;
pub mod schema;
mod stack;
pub mod text;
pub mod wire;
pub mod wkt;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use link::{Compiler, Resolver, compile, compile_source};
pub use options::{CompileOptions, Limits};
