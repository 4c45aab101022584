//! The well-known types: files that can be imported although they do not exist.

use std::sync::OnceLock;

use super::link::Linker;
use super::options::CompileOptions;
use super::schema::Schema;

const FILES: [(&str, &str); 14] = [
    ("google/protobuf/any.proto", include_str!("wkt/any.proto")),
    ("google/protobuf/api.proto", include_str!("wkt/api.proto")),
    (
        "google/protobuf/cpp_features.proto",
        include_str!("wkt/cpp_features.proto"),
    ),
    (DESCRIPTOR, include_str!("wkt/descriptor.proto")),
    ("google/protobuf/duration.proto", include_str!("wkt/duration.proto")),
    ("google/protobuf/empty.proto", include_str!("wkt/empty.proto")),
    ("google/protobuf/field_mask.proto", include_str!("wkt/field_mask.proto")),
    (
        "google/protobuf/go_features.proto",
        include_str!("wkt/go_features.proto"),
    ),
    (
        "google/protobuf/java_features.proto",
        include_str!("wkt/java_features.proto"),
    ),
    (
        "google/protobuf/source_context.proto",
        include_str!("wkt/source_context.proto"),
    ),
    ("google/protobuf/struct.proto", include_str!("wkt/struct.proto")),
    ("google/protobuf/timestamp.proto", include_str!("wkt/timestamp.proto")),
    ("google/protobuf/type.proto", include_str!("wkt/type.proto")),
    ("google/protobuf/wrappers.proto", include_str!("wkt/wrappers.proto")),
];

const DESCRIPTOR: &str = "google/protobuf/descriptor.proto";

/// The names of the built-in files.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// The source of a built-in file.
pub fn source(name: &str) -> Option<&'static str> {
    if !name.starts_with("google/protobuf/") {
        return None;
    }
    FILES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, source)| *source)
}

/// The linked `descriptor.proto`, for the interpretation of options.
pub(super) fn descriptor() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let source = source(DESCRIPTOR).expect("descriptor.proto is among the built-in files");
        Linker::bootstrap(&CompileOptions::default(), DESCRIPTOR, source)
            .expect("the built-in descriptor.proto is valid")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::compile;

    #[test]
    fn all_are_valid() {
        let names = names().collect::<Vec<_>>();
        let schema = compile(&names, &CompileOptions::strict(), &mut |_| Ok(None)).unwrap();
        assert_eq!(schema.files.len(), names.len());
        assert!(
            schema
                .messages
                .iter()
                .filter(|message| message.well_known.is_some())
                .count()
                == 17
        );
    }
}
