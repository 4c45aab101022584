//! Random sources: no panic, no hang, and what compiles survives the trip through descriptors.

use proptest::prelude::*;

use super::{CompileOptions, compile_with, data};
use crate::proto::descriptor::{decode, encode};

fn check(source: &str) {
    for options in [CompileOptions::strict(), CompileOptions::lenient()] {
        match compile_with(source, &options) {
            Ok(schema) => {
                let bytes = encode(&schema, true);
                let again = decode(&bytes, &options);
                // A lenient reading may not survive: what it could not resolve is no part of a descriptor.
                if !options.lenient {
                    assert_eq!(encode(&again.unwrap(), true), bytes, "{source}");
                }
            }
            Err(error) => assert!(!error.message.is_empty()),
        }
    }
}

const WORDS: &[&str] = &[
    "message",
    "enum",
    "service",
    "rpc",
    "returns",
    "stream",
    "oneof",
    "map",
    "<",
    ">",
    "group",
    "extend",
    "extensions",
    "reserved",
    "option",
    "syntax",
    "edition",
    "import",
    "package",
    "public",
    "weak",
    "optional",
    "required",
    "repeated",
    "int32",
    "string",
    "bytes",
    "M",
    "N",
    "a",
    "b",
    "=",
    ";",
    ";",
    ";",
    "{",
    "}",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "0",
    "1",
    "2",
    "100",
    "to",
    "max",
    "-",
    "1.5",
    "\"s\"",
    "'proto3'",
    "'proto2'",
    "'2023'",
    "'2024'",
    "default",
    "packed",
    "true",
    "deprecated",
    "features",
    "field_presence",
    "IMPLICIT",
    "json_name",
    "inf",
    "export",
    "local",
    "//c\n",
    "/*c*/",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn word_soup(words in prop::collection::vec(prop::sample::select(WORDS), 0..60)) {
        check(&words.join(" "));
    }

    #[test]
    fn structured(fields in prop::collection::vec((0usize..6, 0usize..8, 0u32..30, 0usize..6), 0..12), edition in 0usize..5) {
        const HEADS: [&str; 5] = ["", "syntax='proto2';", "syntax='proto3';", "edition='2023';", "edition='2024';"];
        const LABELS: [&str; 6] = ["", "", "optional", "required", "repeated", "oneof x {"];
        const TYPES: [&str; 8] = ["int32", "string", "M", "E", "map<string, M>", "map<int32, E>", "bytes", ".M"];
        const OPTIONS: [&str; 6] = ["", "", "[deprecated=true]", "[default=5]", "[packed=true]", "[json_name='q']"];
        let mut source = format!("{} message M {{", HEADS[edition]);
        for (index, (label, ty, number, option)) in fields.into_iter().enumerate() {
            let (label, ty, option) = (LABELS[label], TYPES[ty], OPTIONS[option]);
            let close = if label.ends_with('{') { "}" } else { "" };
            let label = label.replace('x', &format!("x{index}"));
            source += &format!("{label} {ty} f{index} = {number} {option}; {close}");
        }
        source += "} enum E { E_ZERO = 0; E_ONE = 1; }";
        check(&source);
    }

    #[test]
    fn mutations(file in 0usize..4, at in 0.0f64..1.0, length in 0usize..12, insert in "[ -~\\n]{0,6}") {
        let name = ["proto2.proto", "proto3.proto", "edition2023.proto", "edition2024.proto"][file];
        let source = data(name).unwrap();
        let floor = |at: usize| (0..=at.min(source.len())).rev().find(|&at| source.is_char_boundary(at)).unwrap();
        let start = floor((at * source.len() as f64) as usize);
        let end = floor(start + length).max(start);
        check(&format!("{}{}{}", &source[..start], insert, &source[end..]));
    }

    #[test]
    fn broken_descriptors(file in 0usize..3, at in 0.0f64..1.0, byte: u8) {
        let mut bytes = [
            &include_bytes!("data/proto3.bin")[..],
            include_bytes!("data/edition2023.bin"),
            include_bytes!("data/comments.bin"),
        ][file].to_vec();
        let at = (at * bytes.len() as f64) as usize;
        bytes[at] = byte;
        if let Ok(schema) = decode(&bytes, &CompileOptions::default()) {
            encode(&schema, true);
        }
    }
}
