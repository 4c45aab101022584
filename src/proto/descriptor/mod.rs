//! Schemas as `google.protobuf.FileDescriptorSet`, the form in which protobuf tools exchange them: what `protoc
//! --descriptor_set_out` writes.
//!
//! Source: `descriptor.proto`. Written and read field by field with the primitives of [`wire`](super::wire); field numbers are
//! literals beside the names that `descriptor.proto` gives them.

mod decode;
mod encode;
mod numbers;
pub(crate) mod options;
mod source_info;

pub use decode::decode;
pub use encode::{encode, encode_file};
