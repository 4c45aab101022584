//! What the model says about schemas.

use super::{CompileOptions, compile, good, strict};
use crate::proto::schema::{
    Cardinality, Edition, Idempotency, ImportKind, Kind, OptionValue, Schema, Value, Visibility, WellKnown,
};

fn field<'s>(schema: &'s Schema, message: &str, name: &str) -> &'s crate::proto::schema::Field {
    let id = schema.message_by_name(message).unwrap();
    &schema[schema.field_by_name(id, name).unwrap()]
}

#[test]
fn the_tutorial_message() {
    let source = "message Person { required int32 age = 16; required string name = 0; }";
    let schema = super::compile_with(source, &Default::default()).unwrap();
    let id = schema.message_by_name("Person").unwrap();
    let fields = schema.fields_of(id);
    assert_eq!(
        (&*fields[0].name, fields[0].number, fields[0].kind),
        ("age", 16, Kind::Int32)
    );
    assert_eq!(
        (&*fields[1].name, fields[1].number, fields[1].kind),
        ("name", 0, Kind::String)
    );
    assert!(
        fields
            .iter()
            .all(|field| field.cardinality == Cardinality::Required && field.has_presence)
    );
    assert_eq!(schema.field_by_number(id, 0).map(|id| &*schema[id].name), Some("name"));
    assert_eq!(schema.field_by_number(id, 1), None);
    assert!(schema.files[0].syntax_omitted);
    assert!(
        strict(source)
            .unwrap_err()
            .to_string()
            .contains("t.proto:1:66: field numbers start at 1")
    );
}

#[test]
fn presence_packing_and_validation_by_edition() {
    let proto2 = good(
        "syntax='proto2'; message M { optional int32 a=1; repeated int32 r=2; optional string s=3; repeated int32 p=4 [packed=true]; required M m=5; }",
    );
    let facts = |schema: &Schema, name: &str| {
        let field = field(schema, "M", name);
        (field.has_presence, field.packed, field.utf8)
    };
    assert_eq!(facts(&proto2, "a"), (true, false, false));
    assert_eq!(facts(&proto2, "r"), (false, false, false));
    assert_eq!(facts(&proto2, "s"), (true, false, false));
    assert_eq!(facts(&proto2, "p"), (false, true, false));
    assert!(field(&proto2, "M", "m").is_required());
    let proto3 = good(
        "syntax='proto3'; message M { int32 a=1; repeated int32 r=2; string s=3; repeated int32 p=4 [packed=false]; M m=5; optional int32 o=6; oneof x { int32 y=7; } repeated string rs=8; }",
    );
    assert_eq!(facts(&proto3, "a"), (false, false, false));
    assert_eq!(facts(&proto3, "r"), (false, true, false));
    assert_eq!(facts(&proto3, "s"), (false, false, true));
    assert_eq!(facts(&proto3, "p"), (false, false, false));
    assert_eq!(facts(&proto3, "m"), (true, false, false));
    assert_eq!(facts(&proto3, "o"), (true, false, false));
    assert_eq!(facts(&proto3, "y"), (true, false, false));
    assert_eq!(facts(&proto3, "rs"), (false, false, true));
    let edition = good(
        "edition='2023'; message M { int32 a=1; int32 i=2 [features.field_presence=IMPLICIT]; int32 q=3 [features.field_presence=LEGACY_REQUIRED]; M d=4 [features.message_encoding=DELIMITED]; repeated int32 r=5; string s=6 [features={utf8_validation: NONE}]; map<int32, M> m=7; }",
    );
    assert_eq!(facts(&edition, "a"), (true, false, false));
    assert_eq!(facts(&edition, "i"), (false, false, false));
    assert!(field(&edition, "M", "q").is_required());
    assert!(matches!(field(&edition, "M", "d").kind, Kind::Group(_)));
    assert_eq!(facts(&edition, "r"), (false, true, false));
    assert_eq!(facts(&edition, "s"), (true, false, false));
}

#[test]
fn features_are_inherited_inwards() {
    let schema = good(
        "edition='2023'; option features.message_encoding=DELIMITED; option features.repeated_field_encoding=EXPANDED;
         option features.enum_type=CLOSED;
         message M { message N { M d=1; repeated int32 r=2; map<string, M> m=3; } enum C { A=1; }
                     enum O { option features.enum_type=OPEN; Z=0; } }",
    );
    assert!(matches!(field(&schema, "M.N", "d").kind, Kind::Group(_)));
    assert!(!field(&schema, "M.N", "r").packed);
    // Maps and their values stay length-prefixed.
    let map = field(&schema, "M.N", "m");
    assert!(matches!(map.kind, Kind::Message(_)));
    let (key, value) = schema.map_entry(map).unwrap();
    assert_eq!(key.kind, Kind::String);
    assert!(matches!(value.kind, Kind::Message(_)));
    assert!(schema[schema.enum_by_name("M.C").unwrap()].closed);
    assert!(!schema[schema.enum_by_name("M.O").unwrap()].closed);
}

#[test]
fn maps_oneofs_and_groups() {
    let schema = good(
        "syntax='proto2'; message M { optional int32 a=1; oneof o { string b=2; group G=3 { optional int32 x=1; } }
         map<sint32, M> some_map=4; optional int32 c=5; }",
    );
    let id = schema.message_by_name("M").unwrap();
    let names: Vec<&str> = schema.fields_of(id).iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["a", "b", "g", "some_map", "c"]);
    let oneof = &schema[id].oneofs[0];
    assert_eq!((&*oneof.name, oneof.fields.len(), oneof.synthetic), ("o", 2, false));
    assert_eq!(field(&schema, "M", "b").oneof, Some(0));
    assert!(matches!(field(&schema, "M", "g").kind, Kind::Group(group) if &*schema[group].full_name == "M.G"));
    let entry = schema.message_by_name("M.SomeMapEntry").unwrap();
    assert!(schema[entry].is_map_entry);
    assert_eq!(
        schema.map_entry(field(&schema, "M", "some_map")).unwrap().0.kind,
        Kind::Sint32
    );
    assert_eq!(&*field(&schema, "M", "some_map").json_name, "someMap");
    let names: Vec<&str> = schema[id].nested_messages.iter().map(|&id| &*schema[id].name).collect();
    assert_eq!(names, ["G", "SomeMapEntry"]);
}

#[test]
fn proto3_optional_gets_a_synthetic_oneof_after_the_real_ones() {
    let schema = good("syntax='proto3'; message M { optional int32 a=1; oneof o { int32 b=2; } optional int32 _a=3; }");
    let id = schema.message_by_name("M").unwrap();
    let names: Vec<(&str, bool)> = schema[id]
        .oneofs
        .iter()
        .map(|oneof| (&*oneof.name, oneof.synthetic))
        .collect();
    assert_eq!(
        names,
        [("o", false), ("X_a", true), ("X_a_", true)].map(|(name, synthetic)| match name {
            // `_a` is taken by a field, so the oneof of `a` is `X_a`; that of `_a` starts at `X_a` and goes on.
            "X_a_" => ("XX_a", synthetic),
            name => (name, synthetic),
        })
    );
}

#[test]
fn defaults() {
    let schema = good(
        r#"syntax='proto2'; enum E { X=5; Y=6; } message M {
        optional string s=1 [default="a\tb" 'c']; optional bytes b=2 [default="\xff\0"]; optional E e=3 [default=Y];
        optional double d=4 [default=-inf]; optional float f=5 [default=nan]; optional uint64 u=6 [default=0xFFFFFFFFFFFFFFFF];
        optional sint64 i=7 [default=-9223372036854775808]; optional bool t=8 [default=true]; optional E none=9; }"#,
    );
    let default = |name| field(&schema, "M", name).default.clone();
    assert_eq!(default("s"), Some(Value::String("a\tbc".into())));
    assert_eq!(default("b"), Some(Value::Bytes(Box::from(&b"\xff\0"[..]))));
    assert_eq!(default("e"), Some(Value::Enum(6)));
    assert_eq!(default("d"), Some(Value::Double(f64::NEG_INFINITY)));
    assert!(matches!(default("f"), Some(Value::Float(value)) if value.is_nan()));
    assert_eq!(default("u"), Some(Value::Uint64(u64::MAX)));
    assert_eq!(default("i"), Some(Value::Int64(i64::MIN)));
    assert_eq!(default("t"), Some(Value::Bool(true)));
    assert_eq!(default("none"), None);
    assert_eq!(schema[schema.enum_by_name("E").unwrap()].default_number(), 5);
}

#[test]
fn names_resolve_from_the_innermost_scope() {
    let schema = good(
        "syntax='proto3'; package a.b; message T {} message M { message T {} T inner=1; .a.b.T outer=2; b.T rel=3; M.T own=4;
         message N { T up=1; M.T up2=2; a.b.M.T abs=3; } }",
    );
    let type_of = |message: &str, name| {
        let id = field(&schema, message, name).kind.message().unwrap();
        schema[id].full_name.to_string()
    };
    assert_eq!(type_of("a.b.M", "inner"), "a.b.M.T");
    assert_eq!(type_of("a.b.M", "outer"), "a.b.T");
    assert_eq!(type_of("a.b.M", "rel"), "a.b.T");
    assert_eq!(type_of("a.b.M", "own"), "a.b.M.T");
    assert_eq!(type_of("a.b.M.N", "up"), "a.b.M.T");
    assert_eq!(type_of("a.b.M.N", "up2"), "a.b.M.T");
    assert_eq!(type_of("a.b.M.N", "abs"), "a.b.M.T");
}

#[test]
fn imports_public_ones_too() {
    let schema = good(
        "syntax='proto2'; import 'public.proto'; message M { optional acme.lib.v1.B b=1; optional acme.other.B2 c=2; }",
    );
    let names: Vec<&str> = schema.files.iter().map(|file| &*file.name).collect();
    assert_eq!(names, ["public2.proto", "public.proto", "t.proto"]);
    assert_eq!(schema.files[1].imports[0].kind, ImportKind::Public);
    assert!(schema.message_by_name("acme.other.B2").is_some());
}

#[test]
fn extensions_are_found_by_number_and_name() {
    let schema = good(
        "syntax='proto2'; package p; message M { extensions 100 to max; optional int32 a=1; }
         extend M { optional string z=200; optional M y=150; } message S { extend M { repeated int32 x=100; } }",
    );
    let id = schema.message_by_name("p.M").unwrap();
    let numbers: Vec<u32> = schema[id].extensions.iter().map(|&id| schema[id].number).collect();
    assert_eq!(numbers, [100, 150, 200]);
    assert_eq!(schema.extension_by_number(id, 150), schema.extension_by_name("p.y"));
    let x = &schema[schema.extension_by_name("p.S.x").unwrap()];
    assert_eq!(
        (x.number, x.is_extension, schema.field_full_name(x)),
        (100, true, "p.S.x".to_string())
    );
    assert_eq!(schema.any_field_by_number(id, 1).map(|id| &*schema[id].name), Some("a"));
    assert_eq!(schema.extension_by_number(id, 1), None);
}

#[test]
fn options_standard_and_custom() {
    let schema = good(
        r#"syntax='proto2'; package p; import "google/protobuf/descriptor.proto";
        message Rule { optional string pattern=1; repeated int32 codes=2; optional Rule next=3; optional E e=4; map<string,int32> m=5; }
        enum E { A=0; B=7; }
        extend google.protobuf.FieldOptions { optional Rule rule=50001; repeated string tag=50002; }
        message M { optional int32 a=1 [deprecated=true, (rule)={pattern:"x" codes:[1,2] next<e:B> m{key:"k" value:3}}, (rule).next.pattern="y", (tag)="1", (tag)="2"]; }
        service S { rpc R(M) returns (stream M) { option idempotency_level=NO_SIDE_EFFECTS; } }"#,
    );
    let a = field(&schema, "p.M", "a");
    assert!(a.deprecated && a.options.flag("deprecated"));
    let Some(OptionValue::Message(rule)) = a.options.get("(p.rule)") else {
        panic!("{:?}", a.options)
    };
    assert_eq!(rule[0].value, OptionValue::Scalar(Value::String("x".into())));
    assert_eq!(
        rule[1].value,
        OptionValue::List(
            vec![1, 2]
                .into_iter()
                .map(|n| OptionValue::Scalar(Value::Int32(n)))
                .collect()
        )
    );
    let OptionValue::Message(next) = &rule[2].value else {
        panic!()
    };
    assert_eq!(next[0].value, OptionValue::Enum(7, "B".into()));
    assert_eq!(next[1].value, OptionValue::Scalar(Value::String("y".into())));
    assert!(matches!(a.options.get("(p.tag)"), Some(OptionValue::List(list)) if list.len() == 2));
    let method = &schema[schema.service_by_name("p.S").unwrap()].methods[0];
    assert_eq!(
        (method.idempotency, method.client_streaming, method.server_streaming),
        (Idempotency::NoSideEffects, false, true)
    );
}

#[test]
fn enums_and_aliases() {
    let schema = good(
        "syntax='proto3'; enum E { option allow_alias=true; Z=0; NEG=-0x10; A=1; B=1; reserved 5 to max, -3; reserved 'OLD'; }",
    );
    let model = &schema[schema.enum_by_name("E").unwrap()];
    assert!(model.allow_alias && !model.closed);
    assert_eq!(model.by_number(1).map(|value| &*value.name), Some("A"));
    assert_eq!(model.by_number(-16).map(|value| &*value.name), Some("NEG"));
    assert_eq!(model.by_name("B").map(|value| value.number), Some(1));
    assert!(model.by_number(2).is_none() && model.by_name("C").is_none());
    assert_eq!(model.reserved_ranges, [(5, i32::MAX), (-3, -3)]);
}

#[test]
fn well_known_types_need_no_file() {
    let schema = good(
        "syntax='proto3'; import 'google/protobuf/timestamp.proto'; import 'google/protobuf/struct.proto'; message M { google.protobuf.Timestamp t=1; google.protobuf.NullValue n=2; }",
    );
    let timestamp = schema.message_by_name("google.protobuf.Timestamp").unwrap();
    assert_eq!(schema[timestamp].well_known, Some(WellKnown::Timestamp));
    assert!(schema[schema.enum_by_name("google.protobuf.NullValue").unwrap()].is_null_value);
}

#[test]
fn visibility_and_editions() {
    let schema = good("edition='2024'; export message A { local message B {} B b=1; } local enum C { C_ZERO=0; }");
    assert_eq!(schema.files[0].edition, Edition::E2024);
    assert_eq!(
        schema[schema.message_by_name("A").unwrap()].visibility,
        Visibility::Export
    );
    assert_eq!(
        schema[schema.message_by_name("A.B").unwrap()].visibility,
        Visibility::Local
    );
    assert_eq!(schema[schema.enum_by_name("C").unwrap()].visibility, Visibility::Local);
}

#[test]
fn numbers_are_found_dense_and_sparse() {
    let schema = good("syntax='proto3'; message M { int32 a=536870911; int32 b=1; int32 c=100000; int32 d=15; }");
    let id = schema.message_by_name("M").unwrap();
    for (number, name) in [(1, "b"), (15, "d"), (100_000, "c"), (536_870_911, "a")] {
        assert_eq!(
            schema.field_by_number(id, number).map(|id| &*schema[id].name),
            Some(name)
        );
    }
    for number in [0, 2, 14, 16, 99_999, 100_001, u32::MAX] {
        assert_eq!(schema.field_by_number(id, number), None, "{number}");
    }
}

#[test]
fn keywords_are_good_names() {
    let schema = good(
        "syntax='proto3'; message message { .message message=1; int32 optional=2; int32 map=3; int32 enum=4; int32 oneof=5;
         int32 reserved=6; int32 extensions=7; int32 syntax=8; int32 package=9; int32 stream=10; int32 inf=11; int32 to=12; int32 max=13; int32 group=14; }
         enum enum { option=0; reserved=1; } service rpc { rpc rpc(message) returns(message); rpc returns(stream message) returns(message); }",
    );
    assert_eq!(schema[schema.message_by_name("message").unwrap()].field_count(), 14);
}

#[test]
fn a_service_is_no_type() {
    let error = strict("syntax='proto3'; service S { rpc R(S) returns (S); }").unwrap_err();
    assert!(
        error.to_string().starts_with("t.proto:1:36: Could not resolve S"),
        "{error}"
    );
}

#[test]
fn features_of_other_generators_are_options_like_any() {
    let schema = good(
        "edition='2023'; import 'google/protobuf/cpp_features.proto'; option features.(pb.cpp).string_type = VIEW;
         message M { string s=1 [features.(pb.cpp)={string_type: CORD}, features.utf8_validation=NONE]; }",
    );
    let Some(OptionValue::Message(features)) = schema.files.last().unwrap().options.get("features") else {
        panic!()
    };
    assert_eq!(&*features[0].name, "(pb.cpp)");
    let s = field(&schema, "M", "s");
    assert!(!s.utf8);
    let Some(OptionValue::Message(features)) = s.options.get("features") else {
        panic!()
    };
    assert_eq!(features.len(), 2);
}

#[test]
fn zero_as_an_option_has_no_sign_but_in_text_format() {
    let source = "syntax='proto2'; import 'google/protobuf/descriptor.proto'; message O { optional double d=1; } \
        extend google.protobuf.FileOptions { optional O o=50000; optional O p=50001; } option (o).d=-0; option (p)={ d: -0 };";
    let schema = good(source);
    let sign = |name: &str| match schema.files.last().unwrap().options.get(name) {
        Some(OptionValue::Message(fields)) => match fields[0].value {
            OptionValue::Scalar(Value::Double(value)) => value.is_sign_negative(),
            _ => panic!("no double"),
        },
        _ => panic!("no message"),
    };
    assert!(!sign("(o)") && sign("(p)"));
}

#[test]
fn a_package_is_no_name_of_an_imported_file() {
    let files = |name: &str| match name {
        "e" => Some("syntax='proto2'; enum E { a = 0; }".to_string()),
        _ => Some("syntax='proto2'; package a.b; import 'e';".to_string()),
    };
    let error = compile(&["p"], &CompileOptions::strict(), &mut |name| Ok(files(name))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "p:1:18: \"a\" is already defined as something other than a package"
    );
}
