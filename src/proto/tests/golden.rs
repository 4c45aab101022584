//! Descriptors, byte for byte against what `protoc` 35.1 made of the same files.

use super::{CompileOptions, Schema, compile, data};
use crate::proto::descriptor::{decode, encode, encode_file};
use crate::proto::schema::{Comments, EnumId, FieldId, FileId, MessageId};
use crate::proto::wire::Reader;

fn load(name: &str) -> Schema {
    let mut resolve = |name: &str| Ok(data(name).map(String::from));
    compile(&[name], &CompileOptions::strict(), &mut resolve).unwrap_or_else(|error| panic!("{error}"))
}

/// The one file of a descriptor set.
fn only_file(set: &[u8]) -> &[u8] {
    let mut reader = Reader::new(set);
    reader.tag().unwrap();
    let file = reader.bytes().unwrap();
    assert!(reader.is_empty());
    file
}

#[test]
fn descriptors_are_those_of_protoc() {
    for (name, expected) in [
        ("proto2.proto", &include_bytes!("data/proto2.bin")[..]),
        ("proto3.proto", include_bytes!("data/proto3.bin")),
        ("edition2023.proto", include_bytes!("data/edition2023.bin")),
        ("edition2024.proto", include_bytes!("data/edition2024.bin")),
    ] {
        let schema = load(name);
        let ours = encode_file(&schema, FileId(schema.files.len() as u32 - 1), false);
        let expected = only_file(expected);
        if let Some(at) = (0..expected.len()).find(|&at| ours.get(at) != expected.get(at)) {
            let around = |bytes: &[u8]| {
                bytes[at.saturating_sub(40)..bytes.len().min(at + 20)]
                    .escape_ascii()
                    .to_string()
            };
            panic!("{name} differs at byte {at}:\n{}\n{}", around(&ours), around(expected));
        }
        assert_eq!(ours.len(), expected.len(), "{name}");
    }
}

#[test]
fn descriptors_survive_a_round_trip() {
    for name in [
        "proto2.proto",
        "proto3.proto",
        "edition2023.proto",
        "edition2024.proto",
        "comments.proto",
    ] {
        let schema = load(name);
        for source_info in [false, true] {
            let bytes = encode(&schema, source_info);
            let again = decode(&bytes, &CompileOptions::strict()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(encode(&again, source_info), bytes, "{name}");
            same_model(&schema, &again);
        }
    }
}

/// What the codec and the emitter look at must come out of source and descriptor alike.
fn same_model(a: &Schema, b: &Schema) {
    assert_eq!(a.messages.len(), b.messages.len());
    assert_eq!(a.fields.len(), b.fields.len());
    for (a, b) in a.fields.iter().zip(&b.fields) {
        let facts = |field: &crate::proto::schema::Field| {
            let flags = (
                field.has_presence,
                field.packed,
                field.utf8,
                field.deprecated,
                field.is_extension,
            );
            let default = field.default.as_ref().map(|value| format!("{value:?}"));
            (
                field.name.clone(),
                field.json_name.clone(),
                field.number,
                field.kind,
                field.cardinality,
                flags,
                default,
            )
        };
        assert_eq!(facts(a), facts(b));
        assert_eq!(a.features, b.features, "{}", a.name);
        assert_eq!((a.oneof, &a.options), (b.oneof, &b.options), "{}", a.name);
    }
    for (a, b) in a.messages.iter().zip(&b.messages) {
        assert_eq!(
            (&a.full_name, &a.options, a.message_set),
            (&b.full_name, &b.options, b.message_set)
        );
        assert_eq!((a.is_map_entry, a.features), (b.is_map_entry, b.features));
    }
    for (a, b) in a.enums.iter().zip(&b.enums) {
        assert_eq!(
            (&a.full_name, &a.options, a.closed, a.allow_alias),
            (&b.full_name, &b.options, b.closed, b.allow_alias)
        );
    }
    for (a, b) in a.files.iter().zip(&b.files) {
        assert_eq!(
            (&a.name, &a.options, a.edition, a.features),
            (&b.name, &b.options, b.edition, b.features)
        );
    }
    for (a, b) in a.services.iter().zip(&b.services) {
        assert_eq!(
            (&a.full_name, &a.options, a.methods.len()),
            (&b.full_name, &b.options, b.methods.len())
        );
        for (a, b) in a.methods.iter().zip(&b.methods) {
            assert_eq!((a.input, a.output, a.idempotency), (b.input, b.output, b.idempotency));
        }
    }
}

#[test]
fn options_in_pieces_are_put_together() {
    let theirs = decode(include_bytes!("data/pieces.bin"), &CompileOptions::strict()).unwrap();
    same_model(&load("pieces.proto"), &theirs);
}

#[test]
fn comments_attach_as_those_of_protoc() {
    let ours = load("comments.proto");
    let theirs = decode(include_bytes!("data/comments.bin"), &CompileOptions::strict()).unwrap();
    let all = |schema: &Schema| -> Vec<(String, Comments)> {
        let mut out = vec![("syntax".to_string(), schema.files[0].comments.clone())];
        out.push(("package".into(), schema.files[0].package_comments.clone()));
        for index in 0..schema.messages.len() as u32 {
            let message = &schema[MessageId(index)];
            out.push((message.full_name.to_string(), message.comments.clone()));
            out.extend(
                message
                    .oneofs
                    .iter()
                    .map(|oneof| (oneof.name.to_string(), oneof.comments.clone())),
            );
        }
        for index in 0..schema.fields.len() as u32 {
            let field = &schema[FieldId(index)];
            out.push((schema.field_full_name(field), field.comments.clone()));
        }
        for index in 0..schema.enums.len() as u32 {
            let model = &schema[EnumId(index)];
            out.push((model.full_name.to_string(), model.comments.clone()));
            out.extend(
                model
                    .values
                    .iter()
                    .map(|value| (value.name.to_string(), value.comments.clone())),
            );
        }
        for service in &schema.services {
            out.push((service.full_name.to_string(), service.comments.clone()));
            out.extend(
                service
                    .methods
                    .iter()
                    .map(|method| (method.name.to_string(), method.comments.clone())),
            );
        }
        out
    };
    let (ours, theirs) = (all(&ours), all(&theirs));
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    assert!(ours.iter().filter(|(_, comments)| comments.leading().is_some()).count() > 15);
    assert!(
        ours.iter()
            .filter(|(_, comments)| comments.trailing().is_some())
            .count()
            > 10
    );
}

#[test]
fn broken_descriptors_are_errors() {
    let bytes = include_bytes!("data/proto3.bin");
    let options = CompileOptions::strict();
    for cut in 1..bytes.len() {
        assert!(decode(&bytes[..cut], &options).is_err(), "cut at {cut}");
    }
    let twice = [&bytes[..], &bytes[..]].concat();
    assert!(decode(&twice, &options).unwrap_err().message.contains("twice"));
    // file { name: "a" message_type { name: "x;alert(1)" } }
    let mut hostile = vec![0x0a, 0x11, 0x0a, 0x01, b'a', 0x22, 0x0c, 0x0a, 0x0a];
    hostile.extend_from_slice(b"x;alert(1)");
    let error = decode(&hostile, &options).unwrap_err();
    assert!(error.message.contains("expected a name"), "{error}");
}
