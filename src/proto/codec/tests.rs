//! Properties that hold over all three formats, with messages made at random from a schema that has every kind of field.

mod random;

use std::sync::Arc;

use proptest::prelude::*;

use self::random::random_message;
use super::*;
use crate::proto::json::{ParseOptions, PrintOptions};
use crate::proto::schema::MessageId;
use crate::proto::text::{TextParseOptions, TextPrintOptions};
use crate::proto::wire::{self, WireType};
use crate::proto::{CompileOptions, compile_source};

const PROTO2: &str = r#"
    syntax = "proto2";
    package t;
    enum Closed { NONE = 0; ONE = 1; TWO = 2; MINUS = -5; }
    enum ClosedZero { NOUGHT = 0; EIN = 1; ZWEI = 2; MINUS_FIVE = -5; }
    message All {
      optional int32 i32 = 1; optional int64 i64 = 2; optional uint32 u32 = 3; optional uint64 u64 = 4;
      optional sint32 s32 = 5; optional sint64 s64 = 6; optional fixed32 f32 = 7; optional fixed64 f64 = 8;
      optional sfixed32 sf32 = 9; optional sfixed64 sf64 = 10; optional float float_value = 11; optional double double = 12;
      optional bool bool = 13; optional string string = 14; optional bytes bytes = 15; optional Closed closed = 16;
      optional All child = 17; optional group Grouped = 18 { optional int32 a = 1; optional Grouped again = 2; }
      repeated int32 r_i32 = 19; repeated sint64 r_s64 = 20 [packed = true]; repeated string r_string = 21;
      repeated Closed r_closed = 22 [packed = true]; repeated All r_child = 23; repeated double r_double = 24 [packed = true];
      repeated group Row = 25 { optional string b = 1; }
      map<string, All> m_child = 26; map<int64, ClosedZero> m_closed = 27; map<bool, bytes> m_bytes = 28; map<fixed32, float> m_float = 29;
      oneof choice { string c_string = 30; All c_child = 31; uint64 c_number = 32; Closed c_closed = 33; }
      optional Set set = 34;
      extensions 100 to 200;
    }
    message Set { option message_set_wire_format = true; extensions 4 to max; }
    message Item { extend Set { optional Item item = 4711; } optional string text = 1; }
    extend All { optional string ext_string = 100; repeated sint32 ext_numbers = 101 [packed = true]; optional All ext_child = 102; }
    message Needs { required int32 must = 1; optional Needs child = 2; repeated Needs children = 3; oneof o { Needs a = 4; string b = 5; } }
"#;

const PROTO3: &str = r#"
    syntax = "proto3";
    package t;
    import "google/protobuf/any.proto";
    import "google/protobuf/duration.proto";
    import "google/protobuf/empty.proto";
    import "google/protobuf/field_mask.proto";
    import "google/protobuf/struct.proto";
    import "google/protobuf/timestamp.proto";
    import "google/protobuf/wrappers.proto";
    enum Open { ZERO = 0; ONE = 1; UNO = 1; option allow_alias = true; }
    message All {
      int32 i32 = 1; int64 i64 = 2; bool bool = 3; string string = 4; bytes bytes = 5; Open open = 6; double double = 7;
      optional int32 o_i32 = 8; optional string o_string = 9;
      repeated int32 r_i32 = 10; repeated Open r_open = 11; map<string, string> m_string = 12; map<sint32, Open> m_open = 13;
      All child = 14; repeated All r_child = 15;
      oneof choice { string c_string = 16; All c_child = 17; bool c_bool = 18; google.protobuf.NullValue c_null = 19; }
      google.protobuf.Timestamp timestamp = 20; google.protobuf.Duration duration = 21; google.protobuf.FieldMask mask = 22;
      google.protobuf.Struct struct = 23; google.protobuf.Value value = 24; google.protobuf.ListValue list = 25;
      google.protobuf.Empty empty = 26; google.protobuf.Int64Value w_i64 = 27; google.protobuf.StringValue w_string = 28;
      google.protobuf.BytesValue w_bytes = 29; repeated google.protobuf.DoubleValue w_double = 30; google.protobuf.Any any = 31;
      float float_value = 32;
    }
"#;

pub(in crate::proto) fn codec(source: &str) -> Codec {
    let schema = compile_source("t.proto", source, &CompileOptions::strict(), &mut |_| Ok(None));
    Codec::new(Arc::new(schema.unwrap_or_else(|error| panic!("{error}"))))
}

pub(in crate::proto) fn message(codec: &Codec, name: &str) -> MessageId {
    codec
        .schema()
        .message_by_name(name)
        .unwrap_or_else(|| panic!("{name} is in the schema"))
}

const NO_UNKNOWN: BinaryOptions = BinaryOptions {
    limits: Limits {
        depth: 100,
        size: MAX_SIZE,
        values: 1 << 24,
    },
    check_required: true,
    unknown_fields: false,
};

fn check_formats(codec: &Codec, id: MessageId, input: &[u8]) {
    let all = codec.normalize(id, input, &BinaryOptions::default()).unwrap();
    assert_eq!(
        codec.normalize(id, &all, &BinaryOptions::default()).unwrap(),
        all,
        "writing again changes nothing"
    );
    codec.validate(id, input, &BinaryOptions::default()).unwrap();
    codec.tape(id, input, &BinaryOptions::default()).unwrap();
    let known = codec.normalize(id, input, &NO_UNKNOWN).unwrap();

    let json = codec.to_json(id, input, &PrintOptions::default()).unwrap();
    let back = codec.from_json(id, &json, &ParseOptions::default());
    let shown = String::from_utf8(json).unwrap();
    let back = back.unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(codec.normalize(id, &back, &NO_UNKNOWN).unwrap(), known, "{shown}");

    for single_line in [false, true] {
        let text = codec
            .to_text(
                id,
                input,
                &TextPrintOptions {
                    single_line,
                    ..TextPrintOptions::default()
                },
            )
            .unwrap();
        let back = codec.from_text(id, &text, &TextParseOptions::default());
        let shown = String::from_utf8_lossy(&text);
        assert_eq!(
            back.unwrap_or_else(|error| panic!("{error}: {shown}")),
            known,
            "{shown}"
        );
    }
    codec
        .to_text(
            id,
            input,
            &TextPrintOptions {
                unknown_fields: true,
                ..TextPrintOptions::default()
            },
        )
        .unwrap();
}

proptest! {
    #[test]
    fn proto2_through_all_formats(seed: u64) {
        let codec = codec(PROTO2);
        let id = message(&codec, "t.All");
        check_formats(&codec, id, &random_message(&codec, id, seed, true));
    }

    #[test]
    fn proto3_through_all_formats(seed: u64) {
        let codec = codec(PROTO3);
        let id = message(&codec, "t.All");
        check_formats(&codec, id, &random_message(&codec, id, seed, true));
    }

    #[test]
    fn merging_is_putting_one_after_the_other(a: u64, b: u64) {
        let codec = codec(PROTO2);
        let id = message(&codec, "t.All");
        let options = BinaryOptions::default();
        let mut parts = [a, b].map(|seed| random_message(&codec, id, seed, false));
        let whole = parts.concat();
        for part in &mut parts {
            *part = codec.normalize(id, part, &options).unwrap();
        }
        // No oneofs: a member that was displaced within its own part cannot displace one of the part before.
        // Unknown fields of closed enums come last in each part and last in the whole: leave them out.
        prop_assert_eq!(codec.normalize(id, &parts.concat(), &NO_UNKNOWN).unwrap(), codec.normalize(id, &whole, &NO_UNKNOWN).unwrap());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, seed: u64, at: prop::sample::Index, byte: u8) {
        let codec = codec(PROTO2);
        let id = message(&codec, "t.All");
        let mut broken = random_message(&codec, id, seed, true);
        if !broken.is_empty() {
            let at = at.index(broken.len());
            broken[at] = byte;
        }
        for input in [&bytes, &broken] {
            let options = BinaryOptions::default();
            let written = codec.normalize(id, input, &options);
            prop_assert_eq!(codec.validate(id, input, &options).is_ok(), written.is_ok());
            prop_assert_eq!(codec.tape(id, input, &options).is_ok(), written.is_ok());
            prop_assert_eq!(codec.to_json(id, input, &PrintOptions::default()).is_ok(), written.is_ok());
            prop_assert_eq!(codec.to_text(id, input, &TextPrintOptions::default()).is_ok(), written.is_ok());
            let _ = codec.from_json(id, input, &ParseOptions::default());
            let _ = codec.from_text(id, input, &TextParseOptions::default());
        }
    }
}

fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn required_fields() {
    let codec = codec(PROTO2);
    let id = message(&codec, "t.Needs");
    let check = |bytes: &[u8]| kind(codec.normalize(id, bytes, &BinaryOptions::default()));
    assert_eq!(check(&[]), Some(ErrorKind::Required));
    assert_eq!(check(&[8, 0]), None);
    assert_eq!(check(&[8, 0, 0x12, 0]), Some(ErrorKind::Required));
    // Two parts of one message: together they have it.
    assert_eq!(check(&[8, 0, 0x12, 0, 0x12, 2, 8, 1]), None);
    // A displaced member of a oneof need not be complete, but it must be readable.
    assert_eq!(check(&[8, 0, 0x22, 0, 0x2a, 0]), None);
    assert_eq!(check(&[8, 0, 0x22, 1, 8, 0x2a, 0]), Some(ErrorKind::Wire));
    let lenient = BinaryOptions {
        check_required: false,
        ..BinaryOptions::default()
    };
    assert_eq!(codec.normalize(id, &[], &lenient).unwrap(), b"");
    assert_eq!(
        kind(codec.from_json(id, b"{}", &ParseOptions::default())),
        Some(ErrorKind::Required)
    );
    assert_eq!(
        kind(codec.from_text(id, b"", &TextParseOptions::default())),
        Some(ErrorKind::Required)
    );
}

#[test]
fn limits_hold() {
    let codec = codec(PROTO2);
    let id = message(&codec, "t.All");
    let limited = |limits| BinaryOptions {
        limits,
        ..BinaryOptions::default()
    };
    // Each level of `child` around the last.
    let nested = |levels: usize| {
        let mut bytes = Vec::new();
        for _ in 0..levels {
            let mut outer = Vec::new();
            wire::put_tag(&mut outer, 17, WireType::Length);
            wire::put_bytes(&mut outer, &bytes);
            bytes = outer;
        }
        bytes
    };
    let depth = limited(Limits {
        depth: 10,
        ..Limits::default()
    });
    assert!(codec.normalize(id, &nested(10), &depth).is_ok());
    assert_eq!(kind(codec.normalize(id, &nested(11), &depth)), Some(ErrorKind::Depth));
    let groups = [[0x93, 1]; 11].concat();
    assert_eq!(kind(codec.normalize(id, &groups, &depth)), Some(ErrorKind::Depth));
    let unknown_groups = [[0xa3, 0x1f]; 11].concat();
    assert_eq!(
        kind(codec.normalize(id, &unknown_groups, &depth)),
        Some(ErrorKind::Depth)
    );
    let values = limited(Limits {
        values: 3,
        ..Limits::default()
    });
    assert!(codec.normalize(id, &[8, 1, 8, 1, 8, 1], &values).is_ok());
    assert_eq!(
        kind(codec.normalize(id, &[8, 1, 8, 1, 8, 1, 8, 1], &values)),
        Some(ErrorKind::Limit)
    );
    let size = limited(Limits {
        size: 3,
        ..Limits::default()
    });
    assert_eq!(kind(codec.normalize(id, &[8, 1, 8, 1], &size)), Some(ErrorKind::Limit));
    // A length far past the end, and a varint of eleven bytes.
    for wrong in [
        &[0x72, 0xff, 0xff, 0xff, 0xff, 0x0f][..],
        &[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
    ] {
        assert_eq!(
            kind(codec.normalize(id, wrong, &BinaryOptions::default())),
            Some(ErrorKind::Wire)
        );
    }
}

/// JavaScript may have used all but some 190 KB of its stack.
#[test]
fn the_deepest_messages_fit_a_small_stack() {
    let run = || {
        let codec = codec(PROTO3);
        let id = message(&codec, "t.All");
        let limits = Limits {
            depth: usize::MAX,
            ..Limits::default()
        };
        let json =
            |open: &str, close: &str, levels: usize| format!("{}{{}}{}", open.repeat(levels), close.repeat(levels));
        let parse = ParseOptions {
            limits,
            ..ParseOptions::default()
        };
        let text_parse = TextParseOptions {
            limits,
            ..TextParseOptions::default()
        };
        let print = PrintOptions {
            limits,
            ..PrintOptions::default()
        };
        let text_print = TextPrintOptions {
            limits,
            ..TextPrintOptions::default()
        };
        let binary = BinaryOptions {
            limits,
            ..BinaryOptions::default()
        };
        for (open, close) in [
            ("{\"child\":", "}"),
            ("{\"rChild\":[", "]}"),
            ("{\"any\":{\"@type\":\"/t.All\",\"child\":", "}}"),
        ] {
            let levels = MAX_DEPTH / if open.contains("any") { 3 } else { 1 };
            let deep = codec
                .from_json(id, json(open, close, levels).as_bytes(), &parse)
                .unwrap();
            assert_eq!(
                kind(codec.from_json(id, json(open, close, MAX_DEPTH + 1).as_bytes(), &parse)),
                Some(ErrorKind::Depth)
            );
            codec.normalize(id, &deep, &binary).unwrap();
            codec.validate(id, &deep, &binary).unwrap();
            codec.tape(id, &deep, &binary).unwrap();
            codec.to_json(id, &deep, &print).unwrap();
            let text = codec.to_text(id, &deep, &text_print).unwrap();
            codec.from_text(id, &text, &text_parse).unwrap();
        }
        let value = format!("{{\"value\":{}}}", json("[", "]", MAX_DEPTH));
        assert_eq!(
            kind(codec.from_json(id, value.as_bytes(), &parse)),
            Some(ErrorKind::Depth)
        );
        for open in ["{", "[", "{\"child\":", "{\"value\":[", "{\"any\":{\"a\":"] {
            assert!(
                codec
                    .from_json(
                        id,
                        open.repeat(100_000).as_bytes(),
                        &ParseOptions {
                            ignore_unknown: true,
                            ..parse
                        }
                    )
                    .is_err()
            );
        }
        for open in ["child{", "child<", "x{", "x:[", "any{[/t.All]{any{"] {
            let options = TextParseOptions {
                ignore_unknown: true,
                ..text_parse
            };
            assert!(codec.from_text(id, open.repeat(100_000).as_bytes(), &options).is_err());
        }
    };
    std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(run)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn closed_enums_keep_unknown_numbers() {
    let codec = codec(PROTO2);
    let id = message(&codec, "t.All");
    let normalize = |bytes: &[u8]| codec.normalize(id, bytes, &BinaryOptions::default()).unwrap();
    // closed = 7
    assert_eq!(normalize(&[0x80, 1, 7]), [0x80, 1, 7]);
    assert_eq!(
        codec.to_json(id, &[0x80, 1, 7], &PrintOptions::default()).unwrap(),
        b"{}"
    );
    // r_closed = [1, 7, 2], packed: what is known stays packed, what is not goes to the end.
    assert_eq!(normalize(&[0xb2, 1, 3, 1, 7, 2]), [0xb2, 1, 2, 1, 2, 0xb0, 1, 7]);
    // m_closed = {1: 7}: the entry is unknown as a whole.
    assert_eq!(normalize(&[0xda, 1, 4, 8, 1, 16, 7]), [0xda, 1, 4, 8, 1, 16, 7]);
    assert_eq!(
        codec
            .to_json(id, &[0xda, 1, 4, 8, 1, 16, 7], &PrintOptions::default())
            .unwrap(),
        b"{}"
    );
}

/// The tape that a writer makes of what a reader's tape says: what `lib/protobuf/table.js` does by way of objects.
fn written_tape(codec: &Codec, input: &[u8], read: &[u32]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < read.len() {
        let id = read[at];
        at += 1;
        match id {
            tape::END => out.push(tape::WRITE_END),
            tape::RAW => {
                out.push(tape::WRITE_RAW);
                wire::put_bytes(&mut out, &input[read[at] as usize..read[at + 1] as usize]);
                at += 2;
            }
            tape::CLOSED => {
                let mut raw = Vec::new();
                wire::put_tag(&mut raw, read[at], WireType::Varint);
                wire::put_varint(&mut raw, read[at + 1] as i32 as u64);
                out.push(tape::WRITE_RAW);
                wire::put_bytes(&mut out, &raw);
                at += 2;
            }
            _ => {
                wire::put_varint(&mut out, u64::from(id) + tape::WRITE_FIELDS);
                let field = codec.field(id);
                let (low, high) = match field.ty {
                    FieldType::Message(_) | FieldType::Group(_) => continue,
                    _ => (read[at], read[at + 1]),
                };
                at += 2;
                let bits = u64::from(high) << 32 | u64::from(low);
                match (field.ty, field.wire_type) {
                    (FieldType::String | FieldType::Bytes, _) => {
                        wire::put_bytes(&mut out, &input[low as usize..high as usize]);
                    }
                    (_, WireType::Fixed32) => out.extend_from_slice(&low.to_le_bytes()),
                    (_, WireType::Fixed64) => out.extend_from_slice(&bits.to_le_bytes()),
                    (ty, _) => wire::put_varint(&mut out, ty.wire_bits(bits)),
                }
            }
        }
    }
    out
}

proptest! {
    #[test]
    fn tapes_lead_back(seed: u64) {
        for (source, whole) in [(PROTO2, true), (PROTO3, true)] {
            let codec = codec(source);
            let id = message(&codec, "t.All");
            let input = random_message(&codec, id, seed, whole);
            let options = BinaryOptions::default();
            let normal = codec.normalize(id, &input, &options).unwrap();
            // A reader's tape of the normal form: there every map entry has both its parts, and no zero is written in vain.
            let tape = codec.tape(id, &normal, &options).unwrap();
            let back = codec.assemble(id, &written_tape(&codec, &normal, &tape), &options.limits).unwrap();
            prop_assert_eq!(back, normal);
        }
    }

    #[test]
    fn any_tape_is_assembled_or_refused(bytes: Vec<u8>) {
        let codec = codec(PROTO2);
        let _ = codec.assemble(message(&codec, "t.All"), &bytes, &Limits::default());
    }
}
