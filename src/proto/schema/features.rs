//! Features of editions, resolved.

use super::Edition;

/// `export` and `local` of edition 2024.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Visibility {
    /// Not written; the feature `default_symbol_visibility` decides.
    #[default]
    Unset,
    /// Only this file sees the type.
    Local,
    /// Importers see the type.
    Export,
}

/// The features of `google.protobuf.FeatureSet`, resolved: defaults of the edition, overridden from the file inwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Features {
    /// `field_presence`.
    pub field_presence: FieldPresence,
    /// `enum_type` is `CLOSED`.
    pub closed_enum: bool,
    /// `repeated_field_encoding` is `PACKED`.
    pub packed: bool,
    /// `utf8_validation` is `VERIFY`.
    pub utf8: bool,
    /// `message_encoding` is `DELIMITED`.
    pub delimited: bool,
    /// `json_format` is `LEGACY_BEST_EFFORT`: JSON name conflicts are tolerated.
    pub json_best_effort: bool,
    /// `enforce_naming_style` is `STYLE2024`.
    pub enforce_style: bool,
    /// `default_symbol_visibility`.
    pub visibility: DefaultVisibility,
}

/// The values of `features.field_presence`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldPresence {
    /// A set field is written whatever its value.
    Explicit,
    /// Only values other than the default are written.
    Implicit,
    /// Must be set.
    LegacyRequired,
}

/// The values of `features.default_symbol_visibility`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultVisibility {
    /// Every type is visible to importers.
    ExportAll,
    /// Nested types are not.
    ExportTopLevel,
    /// No type is, unless `export` is written.
    LocalAll,
    /// Like `LocalAll`; in addition, nested types cannot be exported.
    Strict,
}

impl Features {
    /// The defaults of an edition.
    pub const fn defaults(edition: Edition) -> Self {
        let proto2 = matches!(edition, Edition::Proto2);
        Self {
            field_presence: match edition {
                Edition::Proto3 => FieldPresence::Implicit,
                _ => FieldPresence::Explicit,
            },
            closed_enum: proto2,
            packed: !proto2,
            utf8: !proto2,
            delimited: false,
            json_best_effort: proto2,
            enforce_style: matches!(edition, Edition::E2024),
            visibility: match edition {
                Edition::E2024 => DefaultVisibility::ExportTopLevel,
                _ => DefaultVisibility::ExportAll,
            },
        }
    }
}
