//! What is refused, with which words at which place, and what is taken: tables that agree with `protoc` 35.1 line by line.

use super::{CompileOptions, compile_with};

/// A line of a table as source text. Line ends are written `␤`, a byte order mark `␠`.
fn source(line: &str) -> String {
    line.replace("@ ", &(include_str!("data/options.proto").replace('\n', " ")))
        .replace('␤', "\n")
        .replace('␠', "\u{feff}")
}

fn lines(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter(|line| !line.starts_with("# "))
}

#[test]
fn refused() {
    let mut table = lines(include_str!("data/refused.txt"));
    let mut count = 0;
    while let (Some(line), Some(expected)) = (table.next(), table.next()) {
        let prelude = source("@ ").len() - 2;
        match compile_with(&source(line), &CompileOptions::strict()) {
            Ok(_) => panic!("taken: {line}"),
            Err(mut error) => {
                if line.contains("@ ") && error.position.line == 1 {
                    error.position.column -= prelude as u32;
                }
                assert_eq!(
                    error.to_string(),
                    format!("t.proto:{}", expected.trim_start()),
                    "{line}"
                );
            }
        }
        count += 1;
    }
    assert!(count > 200, "{count}");
}

#[test]
fn taken() {
    let mut count = 0;
    for line in lines(include_str!("data/taken.txt")) {
        if let Err(error) = compile_with(&source(line), &CompileOptions::strict()) {
            panic!("{error}\n{line}");
        }
        count += 1;
    }
    assert!(count > 100, "{count}");
}

#[test]
fn the_example_of_the_documentation() {
    let error = compile_with(
        "syntax = \"proto3\";\nmessage M {\n  int32 age = foo;\n}",
        &CompileOptions::strict(),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "t.proto:3:15: expected a field number, found \"foo\""
    );
}
