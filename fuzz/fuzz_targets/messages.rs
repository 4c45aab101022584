//! What the targets that read messages share: the codec of `messages.proto`, made once.

use std::sync::{Arc, OnceLock};

use ironwire::proto::codec::Codec;
use ironwire::proto::schema::MessageId;
use ironwire::proto::{CompileOptions, compile_source};

pub fn codec() -> (&'static Codec, MessageId) {
    static CODEC: OnceLock<Codec> = OnceLock::new();
    let codec = CODEC.get_or_init(|| {
        let source = include_str!("../messages.proto");
        let schema = compile_source("messages.proto", source, &CompileOptions::strict(), &mut |_| Ok(None));
        Codec::new(Arc::new(schema.expect("the schema is valid")))
    });
    (
        codec,
        codec.schema().message_by_name("fuzz.All").expect("it is declared"),
    )
}
