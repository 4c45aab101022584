//! Schemas as `google.protobuf.FileDescriptorSet`, the form in which protobuf tools exchange them.

pub(crate) mod options;
