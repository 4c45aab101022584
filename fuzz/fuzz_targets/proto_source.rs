//! `.proto` source and serialised descriptors: whatever the bytes, compiling them ends, with a schema or an error; and what a strict
//! compiler takes survives the trip through a `FileDescriptorSet`.

#![no_main]

use ironwire::proto::{CompileOptions, compile_source, descriptor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (options, rest) = match input.split_first() {
        Some((byte, rest)) if byte & 1 != 0 => (CompileOptions::lenient(), rest),
        Some((_, rest)) => (CompileOptions::strict(), rest),
        None => return,
    };
    if let Ok(schema) = descriptor::decode(rest, &options) {
        descriptor::encode(&schema, true);
    }
    let Ok(source) = std::str::from_utf8(rest) else { return };
    if let Ok(schema) = compile_source("fuzz.proto", source, &options, &mut |_| Ok(None)) {
        let bytes = descriptor::encode(&schema, true);
        let again = descriptor::decode(&bytes, &options);
        if !options.lenient {
            assert_eq!(descriptor::encode(&again.expect("a descriptor of ours is valid"), true), bytes);
        }
    }
});
