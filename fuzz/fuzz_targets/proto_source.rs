//! `.proto` source and serialised descriptors: whatever the bytes, compiling them ends, with a schema or an error; and what a strict
//! compiler takes survives the trip through a `FileDescriptorSet`. What is made of schemas is made of these.

#![no_main]

use std::sync::Arc;

use ironwire::proto::codec::{BinaryOptions, Codec};
use ironwire::proto::emit::{self, EmitOptions, Emitted, Int64};
use ironwire::proto::schema::{MessageId, Schema};
use ironwire::proto::{CompileOptions, compile_source, descriptor};
use libfuzzer_sys::fuzz_target;

/// What is made of every schema: code, tables, descriptions, and a codec that reads the empty message.
fn use_it(schema: Schema, unknown_fields: bool) {
    let options = EmitOptions {
        unknown_fields,
        nan: unknown_fields,
        defaults: !unknown_fields,
        presence: unknown_fields,
        camel_case: unknown_fields,
        enum_names: unknown_fields,
        oneof_cases: unknown_fields,
        dates: unknown_fields,
        durations: unknown_fields,
        int64: if unknown_fields { Int64::BigInt } else { Int64::Auto },
        ..EmitOptions::default()
    };
    let mut emitted = Emitted::new(&schema);
    for index in 0..schema.messages.len() as u32 {
        emit::emit(&schema, MessageId(index), &mut emitted, &options);
        emit::describe::message(&schema, MessageId(index), &options);
    }
    emit::outline(&schema);
    emit::table(&schema, &options);
    let count = schema.messages.len() as u32;
    let codec = Codec::new(Arc::new(schema));
    for index in 0..count {
        let _ = codec.normalize(MessageId(index), &[], &BinaryOptions::default());
    }
}

fuzz_target!(|input: &[u8]| {
    let (options, rest) = match input.split_first() {
        Some((byte, rest)) if byte & 1 != 0 => (CompileOptions::lenient(), rest),
        Some((_, rest)) => (CompileOptions::strict(), rest),
        None => return,
    };
    if let Ok(schema) = descriptor::decode(rest, &options) {
        descriptor::encode(&schema, true);
        use_it(schema, input[0] & 2 != 0);
    }
    let Ok(source) = std::str::from_utf8(rest) else { return };
    if let Ok(schema) = compile_source("fuzz.proto", source, &options, &mut |_| Ok(None)) {
        let bytes = descriptor::encode(&schema, true);
        let again = descriptor::decode(&bytes, &options);
        if !options.lenient {
            assert_eq!(
                descriptor::encode(&again.expect("a descriptor of ours is valid"), true),
                bytes
            );
        }
        use_it(schema, input[0] & 2 != 0);
    }
});
