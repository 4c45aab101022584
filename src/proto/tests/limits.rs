//! Limits hold, and each is an error that names itself.

use super::{CompileOptions, compile_with};
use crate::proto::{Limits, compile};

fn with(limits: Limits) -> CompileOptions {
    CompileOptions {
        limits,
        ..CompileOptions::default()
    }
}

#[track_caller]
fn fails(source: &str, limits: Limits, expected: &str) {
    let error = compile_with(source, &with(limits)).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn nesting_of_messages_groups_and_option_values() {
    let nested = |depth: usize| "message M {".repeat(depth) + &"}".repeat(depth);
    let limits = Limits::default();
    assert!(compile_with(&nested(limits.nesting), &with(limits.clone())).is_ok());
    fails(
        &nested(limits.nesting + 1),
        limits.clone(),
        "t.proto:1:715: nested more than 64 levels deep",
    );
    fails(&nested(100_000), limits.clone(), "nested more than 64 levels deep");
    let groups = "message M {".to_string() + &"optional group G = 1 {".repeat(1000);
    fails(&groups, limits.clone(), "nested more than 64 levels deep");
    let value = "option (x) = ".to_string() + &"{ a ".repeat(100_000);
    fails(&value, limits.clone(), "nested more than 64 levels deep");
    let lists = "option (x) = { a: ".to_string() + &"[".repeat(100_000);
    assert!(compile_with(&lists, &with(limits)).is_err());
}

#[test]
fn source_bytes_count_over_all_files() {
    fails(
        "message M {}",
        Limits {
            source_bytes: 11,
            ..Limits::default()
        },
        "more than the limit of 11",
    );
    let source = "import 'google/protobuf/any.proto';";
    fails(
        source,
        Limits {
            source_bytes: 100,
            ..Limits::default()
        },
        "more than the limit of 100 bytes",
    );
}

#[test]
fn symbols_count_over_all_files() {
    fails(
        "message A {} message B {} message C {}",
        Limits {
            symbols: 2,
            ..Limits::default()
        },
        "t.proto:1:35: more than 2 names",
    );
    let source = "import 'google/protobuf/any.proto'; message A {} message B {}";
    fails(
        source,
        Limits {
            symbols: 4,
            ..Limits::default()
        },
        "more than 4 names are declared",
    );
}

#[test]
fn imports_are_bounded_in_depth_and_number() {
    let chain = |limits| {
        compile(&["0"], &with(limits), &mut |name| {
            let next = name.parse::<usize>().map_err(|error| error.to_string())? + 1;
            Ok(Some(format!("import '{next}';")))
        })
    };
    let error = chain(Limits::default()).unwrap_err().to_string();
    assert!(error.contains("imports are nested more than 128 deep"), "{error}");
    let error = compile(
        &["r"],
        &with(Limits {
            files: 10,
            ..Limits::default()
        }),
        &mut |name| {
            Ok(Some(if name == "r" {
                (0..20).map(|i| format!("import '{i}';")).collect()
            } else {
                String::new()
            }))
        },
    );
    assert!(error.unwrap_err().to_string().contains("more than 10 files"));
}

#[test]
fn circular_imports_name_the_circle() {
    let result = compile(&["a"], &CompileOptions::default(), &mut |name| {
        Ok(Some(match name {
            "a" => "import 'b';".into(),
            "b" => "\nimport 'c';".into(),
            _ => "  import 'a';".into(),
        }))
    });
    assert_eq!(
        result.unwrap_err().to_string(),
        "c:1:3: File recursively imports itself: a -> b -> c -> a"
    );
}

#[test]
fn long_names_and_shared_options_do_not_multiply() {
    let name = "x".repeat(600);
    fails(
        &format!("message {name} {{}}"),
        Limits::default(),
        "t.proto:1:9: full names are limited to 512 bytes",
    );
    fails(
        &format!("package {name}; message M {{}}"),
        Limits::default(),
        "full names are limited to 512 bytes",
    );
    fails(
        &format!("package {name}; enum E {{ A = 0; }}"),
        Limits::default(),
        "full names are limited",
    );
    let limits = Limits {
        source_bytes: 10_000,
        ..Limits::default()
    };
    let ranges: Vec<String> = (1..200).map(|n| n.to_string()).collect();
    let source = format!(
        "message M {{ extensions {} [(x) = '{}']; }}",
        ranges.join(","),
        "y".repeat(100)
    );
    fails(&source, limits, "too many extension ranges share too many options");
    let many: String = (0..1001).map(|n| format!("option (o{n}) = 1;")).collect();
    let error = compile_with(&many, &CompileOptions::lenient()).unwrap_err().to_string();
    assert!(
        error.contains("more than 1000 different options are set here"),
        "{error}"
    );
}

#[test]
fn large_schemas_are_not_quadratic() {
    // Would take minutes if any check compared all with all.
    let fields: String = (1..15_000).map(|n| format!("optional int32 f{n} = {n};")).collect();
    let values: String = (0..15_000).map(|n| format!("V{n} = {n};")).collect();
    let ranges: String = (0..15_000).map(|n| format!("extensions {};", 20_000 + n)).collect();
    let reserved: String = (0..15_000)
        .map(|n| format!("reserved {}; reserved 'r{n}';", 50_000 + n))
        .collect();
    let extensions: String = (0..15_000)
        .map(|n| format!("optional int32 e{n} = {};", 20_000 + n))
        .collect();
    let source = format!(
        "syntax = 'proto2'; message M {{ {fields} {ranges} {reserved} }} enum E {{ {values} }} extend M {{ {extensions} }}"
    );
    let schema = compile_with(&source, &CompileOptions::default()).unwrap();
    assert_eq!(schema.fields.len(), 29_999);
}
