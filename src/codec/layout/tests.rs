//! Tests of the language, and of decoding and encoding, without Node. `__test__/codec` compares the emitted
//! JavaScript with these.

use proptest::prelude::*;

use super::columns::{columns, read};
use super::*;

fn layout(text: &str) -> Layout {
    let source = Source {
        id: 0,
        text,
        root: None,
    };
    compile(&[source], Limits::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn record<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Record(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

/// Every feature of the language. It encodes in the shortest form, so decoding and encoding are inverse.
const ALL: &str = r#"
    endian be;
    enum Kind : u4 { A, B, C = 9 }
    struct Item(size) { u8 more; bytes(size) data; }
    struct Tree { u8 n; if (n & 1) Tree left; if (n & 2) Tree right; if (n & 4) peek (n) Tree again; }
    struct All {
        Kind kind; u12 wide; flag flagged; i7 small;
        u16 length = sizeof(body);
        switch (kind) {
            A: utf8(rest);
            B: struct { u16le x[rest]; };
            C: Tree;
            default: struct { uleb128 n; Item(wide & 3) items[until _.more == 0]; zigzagn z; };
        } body @size(length);
        if (flagged) utf16le(until 0) name;
        f16 half; f32 single; f64le double; sleb128 s;
        latin1(u8) text; hex(3) hex; ipv6 address; uuid id;
        align(4);
        u32 crc = crc32c(kind..id);
        u8 numbers[until 255];
        bytes(rest) rest;
    }
"#;

#[test]
fn a_record_goes_there_and_back() {
    let layout = layout(ALL);
    let value = record([
        ("kind", Value::Text("C".into())),
        ("wide", Value::Int(0xabc)),
        ("flagged", Value::Bool(true)),
        ("small", Value::Int(-5)),
        (
            "body",
            record([("n", Value::Int(1)), ("left", record([("n", Value::Int(0))]))]),
        ),
        ("name", Value::Text("日".into())),
        ("half", Value::Float(1.5)),
        ("single", Value::Float(0.25)),
        ("double", Value::Float(-1e300)),
        ("s", Value::Int(-1000)),
        ("text", Value::Text("ÿ".into())),
        ("hex", Value::Text("00ffee".into())),
        ("address", Value::Text("::1".into())),
        ("id", Value::Text("123e4567-e89b-12d3-a456-426614174000".into())),
        ("numbers", Value::List(vec![Value::Int(1), Value::Int(2)])),
        ("rest", Value::Bytes(vec![7])),
    ]);
    let bytes = layout.encode_value(&value).unwrap();
    assert_eq!(bytes[..7], [0x9a, 0xbc, 0xfb, 0, 2, 1, 0]);
    let (found, length) = layout.decode_value(&bytes, 0).unwrap();
    assert_eq!(length, bytes.len());
    assert_eq!(layout.encode_value(&found).unwrap(), bytes);
    // The last field takes all bytes that are left, so only a cut before it is an error.
    for end in 0..bytes.len() - 1 {
        layout.decode_value(&bytes[..end], 0).unwrap_err();
    }
    for at in 0..bytes.len() - 4 {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert_ne!(
            layout.decode_value(&changed, 0).map(|(value, _)| value),
            Ok(found.clone()),
            "byte {at}"
        );
    }
}

#[test]
fn errors_say_where() {
    let layout = layout("struct A { struct { u8 n; u16be x[n]; } list[u8]; }");
    let error = layout.decode_value(&[2, 1, 0, 0, 2, 0], 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "list[1].x: 4 bytes are needed, 1 is left, at offset 5"
    );
    assert_eq!(
        (error.code, error.offset, error.path()),
        (Code::Truncated, Some(5), "list[1].x".into())
    );
    let wrong = record([("list", Value::List(vec![record([("n", Value::Int(300))])]))]);
    let error = layout.encode_value(&wrong).unwrap_err();
    assert_eq!((error.code, error.path()), (Code::Range, "list[0].n".into()));
}

#[test]
fn expressions_are_of_53_bits_and_precede_as_in_c() {
    let value = |text: &str| {
        let layout = layout(&format!("struct A {{ u64be n; i64be x = {text}; }}"));
        let bytes = layout.encode_value(&record([("n", Value::Big(12))]))?;
        Ok::<_, Error>(i64::from_be_bytes(bytes[8..].try_into().unwrap()))
    };
    for (text, expected) in [
        ("1 + 2 * n - 3", 22),
        ("(n & 4 | 3) ^ 1", 6),
        ("n << 2 >> 1", 24),
        ("-n / 5 * 10 + -n % 5", -22),
        ("n == 12 && n != 3 || 0", 1),
        ("n > 11 ? n < 12 ? 1 : 2 : 3", 2),
        ("~n + !n + !!n", -12),
        ("0x10 + 0b11 + 0o17 + 'AB'", 16 + 3 + 15 + 0x4142),
        ("4503599627370496 + n", 4_503_599_627_370_508),
    ] {
        assert_eq!(value(text).unwrap(), expected, "{text}");
    }
    for text in [
        "9007199254740991 + n",
        "n / (n - 12)",
        "n % (n - 12)",
        "n << 53",
        "1 >> (0 - n)",
        "n * 1000000000000000",
    ] {
        assert_eq!(value(text).unwrap_err().code, Code::Invalid, "{text}");
    }
}

#[test]
fn limits_hold() {
    let nothing = layout("struct A { u32be n; struct { } x[n]; }");
    assert_eq!(nothing.decode_value(&[255; 4], 0).unwrap_err().code, Code::Limit);
    let tree = layout("struct A { u8 n; if (n) peek (0) A x; if (n) peek (0) A y; }");
    assert_eq!(tree.decode_value(&[1], 0).unwrap_err().code, Code::Limit);
    let deep = "struct A { ".repeat(100);
    let source = Source {
        id: 0,
        text: &deep,
        root: None,
    };
    compile(&[source], Limits::default()).unwrap_err();
    let long = "x".repeat(2 << 20);
    let source = Source {
        id: 0,
        text: &long,
        root: None,
    };
    assert_eq!(compile(&[source], Limits::default()).unwrap_err().code, Code::Limit);
}

#[test]
fn columns_are_what_records_have() {
    let layout = layout("struct Row { u8 a; i24le b; u5 c; u11 d; f64be e; utf8(4) f; magic \"x\"; u16be g; }");
    let size = layout.root().size.min as usize;
    let rows: Vec<u8> = (0..10u8)
        .flat_map(|n| {
            let value = record([
                ("a", Value::Int(n.into())),
                ("b", Value::Int(-i64::from(n))),
                ("c", Value::Int(n.into())),
                ("d", Value::Int(1000 + i64::from(n))),
                ("e", Value::Float(f64::from(n) / 4.0)),
                ("f", Value::Text("é".into())),
                ("g", Value::Int(256 * i64::from(n))),
            ]);
            layout.encode_value(&value).unwrap()
        })
        .collect();
    let found = columns(&layout).unwrap();
    let mut out = vec![0; 1000];
    let texts = read(&layout, &found, &rows, 10, &mut out).unwrap();
    assert_eq!(texts[0].text, "é".repeat(10));
    assert_eq!(out[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(out[16..24], [0, 0, 0, 0, 255, 255, 255, 255]);
    let mut wrong = rows.clone();
    wrong[3 * size + size - 3] = b'y';
    wrong[0] = 9;
    assert!(read(&layout, &found, &wrong, 10, &mut out).is_none());
    assert_eq!(out[0], 0, "nothing is written where something is wrong");
    assert!(read(&layout, &found, &rows, 11, &mut out).is_none());
    assert!(read(&layout, &found, &rows, 10, &mut out[..50]).is_none());
}

#[test]
fn columns_of_many_records() {
    let layout = layout("struct Row { u32be a; bool b; u16le c; }");
    let rows: Vec<u8> = (0..1000u32)
        .flat_map(|n| [&n.to_be_bytes()[..], &[(n % 2) as u8], &(n as u16).to_le_bytes()].concat())
        .collect();
    let mut out = vec![0; 7000];
    read(&layout, &columns(&layout).unwrap(), &rows, 1000, &mut out).unwrap();
    for n in 0..1000 {
        assert_eq!(out[4 * n..4 * n + 4], (n as u32).to_ne_bytes());
        assert_eq!(out[4000 + n], (n % 2) as u8);
        assert_eq!(out[5000 + 2 * n..5002 + 2 * n], (n as u16).to_ne_bytes());
    }
}

proptest! {
    #[test]
    fn any_text_is_a_layout_or_an_error(text in "[a-z0-9 {}()\\[\\];:=@.,\"'`<>&|+*/?-]{0,80}") {
        let _ = compile(&[Source { id: 0, text: &text, root: None }], Limits::default());
        let inside = format!("struct A {{ u8 a; {text} }}");
        if let Ok(layout) = compile(&[Source { id: 0, text: &inside, root: None }], Limits::default()) {
            emit::emit(&layout);
            describe::dump(&layout, &[1; 20], 0);
        }
    }

    #[test]
    fn what_is_read_is_written_the_same(mut bytes in prop::collection::vec(any::<u8>(), 60..120), kind in 0u8..12) {
        let layout = layout(ALL);
        bytes[0] = kind << 4 | bytes[0] & 15;
        bytes[3] = 0;
        bytes[4] %= 12;
        if let Ok((value, length)) = layout.decode_value(&bytes, 0) {
            let written = layout.encode_value(&value).unwrap();
            prop_assert!(written.len() <= length);
            let (again, _) = layout.decode_value(&written, 0).unwrap();
            prop_assert_eq!(layout.encode_value(&again).unwrap(), written);
        }
        let shown = describe::dump(&layout, &bytes, 0);
        prop_assert!(!shown.is_empty());
    }

    #[test]
    fn bits_are_where_they_are_said_to_be(a in 0i64..8, b in -1024i64..1024, c in 0i64..1 << 45, d in 0i64..32) {
        for order in ["msb", "lsb"] {
            let layout = layout(&format!("struct A {order} {{ u3 a; i11 b; u45 c; u5 d; }}"));
            let value = record([("a", Value::Int(a)), ("b", Value::Int(b)), ("c", Value::Int(c)), ("d", Value::Int(d))]);
            let bytes = layout.encode_value(&value).unwrap();
            prop_assert_eq!(bytes.len(), 8);
            let all = if order == "msb" {
                (a as u64) << 61 | (b as u64 & 2047) << 50 | (c as u64) << 5 | d as u64
            } else {
                a as u64 | (b as u64 & 2047) << 3 | (c as u64) << 14 | (d as u64) << 59
            };
            let expected = if order == "msb" { all.to_be_bytes() } else { all.to_le_bytes() };
            prop_assert_eq!(&bytes[..], &expected[..]);
            prop_assert_eq!(layout.decode_value(&bytes, 0).unwrap().0, value);
        }
    }
}
