//! Any text as JSON of a message: refused, or read into a message that prints as JSON that reads as the same message.
#![no_main]

mod messages;

use ironwire::proto::codec::{BinaryOptions, Limits};
use ironwire::proto::json::{ParseOptions, PrintOptions, utf16};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (codec, id) = messages::codec();
    // Printing a `Struct` takes a level more than reading it: the map's entry.
    let limits = Limits {
        depth: 30,
        ..Limits::default()
    };
    let lenient = ParseOptions {
        limits,
        ignore_unknown: true,
        check_required: false,
    };
    let _ = codec.from_json(id, input, &lenient);
    let strict = ParseOptions {
        limits,
        ..ParseOptions::default()
    };
    let read = codec.from_json(id, input, &strict);

    let text = std::str::from_utf8(input).ok();
    let expected: Option<Vec<u16>> = text.map(|text| text.encode_utf16().collect());
    let mut memory = Vec::new();
    let units = utf16::to_utf16(input, &mut memory);
    assert_eq!(units, expected.as_deref());
    if let Some(units) = units {
        let mut bytes = Vec::new();
        utf16::from_utf16(units, &mut bytes);
        assert_eq!(bytes, input);
    }
    let Ok(message) = read else { return };
    codec
        .validate(id, &message, &BinaryOptions::default())
        .expect("what we write we read");
    let json = codec
        .to_json(id, &message, &PrintOptions::default())
        .expect("what came from JSON has a JSON form");
    let back = codec
        .from_json(id, &json, &ParseOptions::default())
        .expect("what we print we parse");
    assert_eq!(
        codec.to_json(id, &back, &PrintOptions::default()).expect("as before"),
        json
    );
});
