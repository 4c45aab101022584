//! Any bytes as a message: all readers agree on whether they are one, writing them again changes nothing after the first time, and what
//! has a JSON or text form comes back from it.
#![no_main]

mod messages;

use ironwire::proto::codec::BinaryOptions;
use ironwire::proto::json::{ParseOptions, PrintOptions};
use ironwire::proto::text::{TextParseOptions, TextPrintOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (codec, id) = messages::codec();
    let binary = BinaryOptions::default();
    let written = codec.normalize(id, input, &binary);
    assert_eq!(codec.validate(id, input, &binary).is_ok(), written.is_ok());
    assert_eq!(codec.tape(id, input, &binary).is_ok(), written.is_ok());
    // As the tape of a writer it is nonsense, or a message.
    if let Ok(message) = codec.assemble(id, input, &binary.limits) {
        let _ = codec.normalize(id, &message, &binary);
    }
    let Ok(written) = written else { return };
    assert_eq!(
        codec.normalize(id, &written, &binary).expect("what we write we read"),
        written
    );

    let unknown = TextPrintOptions {
        unknown_fields: true,
        ..TextPrintOptions::default()
    };
    codec.to_text(id, input, &unknown).expect("a message has a text form");
    let text = codec
        .to_text(id, input, &TextPrintOptions::default())
        .expect("a message has a text form");
    let back = codec
        .from_text(id, &text, &TextParseOptions::default())
        .expect("what we print we parse");
    assert_eq!(
        codec
            .to_text(id, &back, &TextPrintOptions::default())
            .expect("as before"),
        text
    );

    let Ok(json) = codec.to_json(id, input, &PrintOptions::default()) else {
        return;
    };
    let back = codec
        .from_json(id, &json, &ParseOptions::default())
        .expect("what we print we parse");
    assert_eq!(
        codec.to_json(id, &back, &PrintOptions::default()).expect("as before"),
        json
    );
    let all = PrintOptions {
        defaults: true,
        proto_names: true,
        enum_numbers: true,
        ..PrintOptions::default()
    };
    let json = codec.to_json(id, input, &all).expect("as before");
    codec
        .from_json(id, &json, &ParseOptions::default())
        .expect("what we print we parse");
});
