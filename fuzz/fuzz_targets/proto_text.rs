//! Any bytes as text format of a message: refused, or read into a message that prints as text that reads as the same message.
#![no_main]

mod messages;

use ironwire::proto::codec::{BinaryOptions, Limits};
use ironwire::proto::text::{TextParseOptions, TextPrintOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (codec, id) = messages::codec();
    let limits = Limits {
        depth: 30,
        ..Limits::default()
    };
    let lenient = TextParseOptions {
        limits,
        ignore_unknown: true,
        check_required: false,
    };
    let _ = codec.from_text(id, input, &lenient);
    let strict = TextParseOptions {
        limits,
        ..TextParseOptions::default()
    };
    let Ok(message) = codec.from_text(id, input, &strict) else {
        return;
    };
    codec
        .validate(id, &message, &BinaryOptions::default())
        .expect("what we write we read");
    for single_line in [false, true] {
        let options = TextPrintOptions {
            single_line,
            ..TextPrintOptions::default()
        };
        let text = codec
            .to_text(id, &message, &options)
            .expect("a message has a text form");
        let back = codec
            .from_text(id, &text, &TextParseOptions::default())
            .expect("what we print we parse");
        assert_eq!(codec.to_text(id, &back, &options).expect("as before"), text);
    }
});
