//! Schemas as descriptors, and reflection, for `lib/protobuf`: cold calls.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use super::proto::ProtoSchema;
use crate::proto::descriptor;
use crate::proto::emit::describe;
use crate::proto::schema::{EnumId, FieldId, FileId, MessageId, ServiceId};

#[napi]
impl ProtoSchema {
    /// All files as a `google.protobuf.FileDescriptorSet`, with places and comments where `source_info` is set.
    #[napi(catch_unwind)]
    pub fn descriptors(&self, source_info: bool) -> Buffer {
        descriptor::encode(&self.linked(), source_info).into()
    }

    /// What reflection shows of an element, as JSON; see `proto::emit::describe`. `kind` is `'file'`, `'message'`, `'enum'`,
    /// `'service'` or `'extension'`.
    #[napi(catch_unwind)]
    pub fn describe(&self, kind: String, index: u32) -> napi::Result<String> {
        let schema = self.linked();
        let count = match kind.as_str() {
            "file" => schema.files.len(),
            "message" => schema.messages.len(),
            "enum" => schema.enums.len(),
            "service" => schema.services.len(),
            "extension" => schema.fields.len(),
            _ => 0,
        };
        if index as usize >= count {
            return Err(napi::Error::from_reason("no such element"));
        }
        Ok(match kind.as_str() {
            "file" => describe::file(&schema, FileId(index)),
            "message" => describe::message(&schema, MessageId(index), self.emit_options()),
            "enum" => describe::enumeration(&schema, EnumId(index)),
            "service" => describe::service(&schema, ServiceId(index)),
            _ => describe::extension(&schema, FieldId(index), self.emit_options()),
        })
    }

    /// All extensions, by the index that `describe` takes.
    #[napi(catch_unwind)]
    pub fn extensions(&self) -> Vec<u32> {
        self.linked().extensions.iter().map(|id| id.0).collect()
    }
}
