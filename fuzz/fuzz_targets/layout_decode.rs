//! A layout of everything that there is, over any bytes: what is read is written back the same.
#![no_main]

use std::sync::LazyLock;

use ironwire::codec::layout::{Layout, Limits, Source, columns, compile};
use libfuzzer_sys::fuzz_target;

const TEXT: &str = r#"
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
        latin1(u8) text; hex(3) hex; base64(u8) base64; ipv6 address; uuid id;
        align(4);
        u32 crc = crc32c(kind..id);
        u8 numbers[until 255];
        bytes(remaining - (flagged ? 0 : 1)) rest;
        if (!flagged) u8 last;
    }
"#;

static LAYOUT: LazyLock<Layout> = LazyLock::new(|| {
    let limits = Limits {
        values: 1000,
        ..Limits::default()
    };
    compile(
        &[Source {
            id: 0,
            text: TEXT,
            root: None,
        }],
        limits,
    )
    .expect("a layout")
});

const FIXED: &str = "struct Row { u8 a; i24le b; u5 c; u11 d; f64be e; utf8(4) f; ipv4 g; bool h; }";

static ROWS: LazyLock<Layout> = LazyLock::new(|| {
    compile(
        &[Source {
            id: 0,
            text: FIXED,
            root: None,
        }],
        Limits::default(),
    )
    .expect("a layout")
});

fuzz_target!(|data: &[u8]| {
    if let Ok((value, bytes)) = LAYOUT.decode_value(data, 0) {
        let written = LAYOUT.encode_value(&value).expect("what was read can be written");
        // Not all that is read is written in the shortest form; what is written is.
        assert!(written.len() <= bytes);
        let (again, _) = LAYOUT.decode_value(&written, 0).expect("what was written is read");
        assert_eq!(LAYOUT.encode_value(&again), Ok(written));
    }
    let columns = columns::columns(&ROWS).expect("all alike");
    let size = ROWS.root().size.min as usize;
    let count = data.len() / size;
    let mut out = vec![0; 8 * (count + 1) * columns.len()];
    let read = columns::read(&ROWS, &columns, data, count, &mut out);
    let each = (0..count).all(|at| ROWS.decode_value(data, at * size).is_ok());
    assert_eq!(read.is_some(), each);
});
