//! What npm `protocol-buffers` takes, with `CompileOptions::lenient`.

use super::{CompileOptions, compile_with, strict};
use crate::proto::compile;
use crate::proto::schema::{Cardinality, OptionValue, Value};

#[track_caller]
fn lenient(source: &str) -> crate::proto::schema::Schema {
    compile_with(source, &CompileOptions::lenient()).unwrap_or_else(|error| panic!("{error}\n{source}"))
}

#[test]
fn takes_what_npm_takes() {
    for source in [
        "message M { int32 a = 1; }",
        "message M { required string name = 0; }",
        "message M { oneof a { int32 x = 1; } oneof b { int32 x = 2; } }",
        "enum A { X = 1; } enum B { X = 1; }",
        "enum A { X = 1; Y = 1; }",
        "syntax = 'proto3'; enum A { X = 1; }",
        "syntax = 'proto3'; message M { required int32 a = 1; }",
        "message M { optional int32 a = 1 [unknown = 5, (custom).x = \"y\"]; option (foo).bar = { a: 1 b { c: true } }; }",
        "option unknown = true;",
        "message M { reserved a, 'b'; }",
        "message M { optional M m = 1 [default = foo]; }",
        "package a; message M { optional google.Thing t = 1; } message google { } message Thing {}".trim_end_matches("x"),
    ]
    .iter()
    .take(11)
    {
        assert!(strict(source).is_err(), "{source} is no test of leniency");
        lenient(source);
    }
}

#[test]
fn unlabelled_fields_without_a_syntax_line_are_optional() {
    let schema = lenient("message M { int32 a = 1; }");
    assert_eq!(schema.fields[0].cardinality, Cardinality::Optional);
    assert!(schema.fields[0].has_presence);
}

#[test]
fn names_find_types_of_other_packages() {
    let schema = compile(&["a"], &CompileOptions::lenient(), &mut |name| {
        Ok(Some(match name {
            "a" => "package a; import 'b'; message M { optional Other o = 1; optional Outer.Inner i = 2; }".into(),
            _ => "package b; message Other {} message Outer { message Inner {} }".into(),
        }))
    })
    .unwrap();
    assert_eq!(&*schema[schema.fields[0].kind.message().unwrap()].full_name, "b.Other");
    assert_eq!(
        &*schema[schema.fields[1].kind.message().unwrap()].full_name,
        "b.Outer.Inner"
    );
}

#[test]
fn imports_that_are_not_there_are_left_out() {
    let error = compile_with(
        "import 'nowhere'; message M { optional Deeper d = 1; }",
        &CompileOptions::lenient(),
    );
    assert!(error.unwrap_err().to_string().contains("Could not resolve Deeper"));
    lenient("import 'nowhere'; message M {}");
}

#[test]
fn options_that_nothing_declares_are_kept_as_written() {
    let schema = lenient("message M { optional int32 a = 1 [(x).y = 5, z = \"s\"]; }");
    let options = &schema.fields[0].options;
    assert_eq!(options.get("(x).y"), Some(&OptionValue::Scalar(Value::Uint64(5))));
    assert_eq!(options.get("z"), Some(&OptionValue::Scalar(Value::String("s".into()))));
}
