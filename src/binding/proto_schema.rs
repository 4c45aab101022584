//! Schemas as descriptors, and reflection, for `lib/protobuf`: cold calls.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use super::proto::ProtoSchema;
use crate::proto::descriptor;
use crate::proto::emit::describe;
use crate::proto::schema::{EnumId, FieldId, FileId, MessageId, ServiceId};

#[napi]
impl ProtoSchema {
    /// Returns all files as a `google.protobuf.FileDescriptorSet`. `source_info` adds source locations and comments.
    #[napi(catch_unwind)]
    pub fn descriptors(&self, source_info: bool) -> Buffer {
        descriptor::encode(&self.linked(), source_info).into()
    }

    /// Returns the reflection data of an element as JSON; see `proto::emit::describe`. `kind` is `'file'`, `'message'`, `'enum'`, `'service'`
    /// or `'extension'`.
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

    /// Returns the indices of all extensions, for `describe()`.
    #[napi(catch_unwind)]
    pub fn extensions(&self) -> Vec<u32> {
        self.linked().extensions.iter().map(|id| id.0).collect()
    }
}
