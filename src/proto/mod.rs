//! Protocol Buffers: the language, the linked schema, and the wire.
//!
//! `source text → lexer → parser (syntax tree) → link → `[`schema::Schema`], which everything else works on. Pure Rust: imports come
//! through a callback, nothing here touches a file or Node.
//!
//! Coming next, with exactly these signatures:
//! `compile(roots: &[&str], options: &CompileOptions, resolve: &mut dyn FnMut(&str) -> Result<Option<String>, String>) -> Result<Schema, Error>`,
//! where `resolve` gives the source of a file name (`Ok(None)`: there is none; the well-known types are built in);
//! `compile_source(name: &str, source: &str, options, resolve)` for one text;
//! `descriptor::encode(schema: &Schema) -> Vec<u8>` and `descriptor::decode(bytes: &[u8], options) -> Result<Schema, Error>`.

pub mod codec;
mod error;
pub mod json;
mod options;
pub mod schema;
pub mod text;
pub mod wire;

pub use error::Error;
pub use options::{CompileOptions, Limits};
