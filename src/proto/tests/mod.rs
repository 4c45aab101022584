//! Tests of the language as a whole: source text in, schema, errors and descriptors out.

mod errors;
mod golden;
mod lenient;
mod limits;
mod model;
mod random;

use super::schema::Schema;
use super::{CompileOptions, Error, compile};

/// The test files, by the names they import each other by.
fn data(name: &str) -> Option<&'static str> {
    Some(match name {
        "proto2.proto" => include_str!("data/proto2.proto"),
        "proto3.proto" => include_str!("data/proto3.proto"),
        "edition2023.proto" => include_str!("data/edition2023.proto"),
        "edition2024.proto" => include_str!("data/edition2024.proto"),
        "pieces.proto" => include_str!("data/pieces.proto"),
        "comments.proto" => include_str!("data/comments.proto"),
        "public.proto" => include_str!("data/public.proto"),
        "public2.proto" => include_str!("data/public2.proto"),
        _ => return None,
    })
}

/// Compiles `source` as `t.proto`; imports come from the test files.
fn compile_with(source: &str, options: &CompileOptions) -> Result<Schema, Error> {
    compile(&["t.proto"], options, &mut |name| {
        Ok(if name == "t.proto" {
            Some(source.to_string())
        } else {
            data(name).map(String::from)
        })
    })
}

fn strict(source: &str) -> Result<Schema, Error> {
    compile_with(source, &CompileOptions::strict())
}

#[track_caller]
fn good(source: &str) -> Schema {
    strict(source).unwrap_or_else(|error| panic!("{error}\n{source}"))
}
