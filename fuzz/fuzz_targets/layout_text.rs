//! Any text is a layout or an error; what is a layout reads any bytes, or says what is wrong, and writes what it read.
#![no_main]

use ironwire::codec::layout::{Limits, Source, compile, describe, emit};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Text up to a byte that no UTF-8 has, bytes after it.
    let cut = data.iter().position(|&byte| byte == 0xff).unwrap_or(data.len());
    let (text, rest) = data.split_at(cut);
    let Ok(text) = std::str::from_utf8(text) else { return };
    let limits = Limits {
        values: 1000,
        ..Limits::default()
    };
    let Ok(layout) = compile(
        &[Source {
            id: 0,
            text,
            root: None,
        }],
        limits,
    ) else {
        return;
    };
    emit::emit(&layout);
    describe::describe(&layout);
    let input = rest.get(1..).unwrap_or_default();
    describe::dump(&layout, input, 0);
    if let Ok((value, bytes)) = layout.decode_value(input, 0) {
        assert!(bytes <= input.len());
        // A value that was read can be written where it has all that writing asks for, and is then read the same.
        if let Ok(written) = layout.encode_value(&value) {
            layout.decode_value(&written, 0).expect("what was written is read");
        }
    }
});
