//! The language and both directions, without Node.
use super::*;

fn layout(text: &str) -> Layout {
    compile(
        &[Source {
            id: 0,
            text,
            root: None,
        }],
        Limits::default(),
    )
    .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn smoke() {
    let l = layout(
        "struct H { u4 a; u12 b; u16le len = sizeof(body); enum : u8 { X = 3, Y } kind; switch (kind) { X: utf8(rest); Y: struct { u8 n = count(items); u16be items[n]; } ; } body @size(len); u32be crc = crc32(a..body); }",
    );
    let bytes = [0x1f, 0xff, 2, 0, 3, b'h', b'i', 0, 0, 0, 0];
    let error = l.decode_value(&bytes, 0).unwrap_err();
    eprintln!("{error}");
    let v = Value::Record(vec![
        ("a".into(), Value::Int(1)),
        ("b".into(), Value::Int(0xabc)),
        ("kind".into(), Value::Text("Y".into())),
        (
            "body".into(),
            Value::Record(vec![("items".into(), Value::List(vec![Value::Int(1), Value::Int(2)]))]),
        ),
    ]);
    let out = l.encode_value(&v).unwrap();
    eprintln!("{out:02x?}");
    eprintln!("{:?}", l.decode_value(&out, 0).unwrap());
}
