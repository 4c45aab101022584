//! Feature resolution: the defaults of the edition, overridden from the file inwards.
//!
//! Source: `google.protobuf.FeatureSet` and "Feature Settings for Editions".

use super::ast::{Const, Opt, SerializedOptions, TextName, WrittenOption, written_option};
use super::{FileLinker, Result};
use crate::proto::schema::{DefaultVisibility, Edition, Features, FieldPresence, Position};
use crate::proto::wire::{Reader, WireType};

/// The kind of element that has an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    File,
    ExtensionRange,
    Message,
    Field,
    Oneof,
    Enum,
    EnumValue,
    Service,
    Method,
}

impl Target {
    /// The name of the options message of `descriptor.proto` for this kind.
    pub(super) fn options_message(self) -> &'static str {
        match self {
            Target::File => "google.protobuf.FileOptions",
            Target::ExtensionRange => "google.protobuf.ExtensionRangeOptions",
            Target::Message => "google.protobuf.MessageOptions",
            Target::Field => "google.protobuf.FieldOptions",
            Target::Oneof => "google.protobuf.OneofOptions",
            Target::Enum => "google.protobuf.EnumOptions",
            Target::EnumValue => "google.protobuf.EnumValueOptions",
            Target::Service => "google.protobuf.ServiceOptions",
            Target::Method => "google.protobuf.MethodOptions",
        }
    }

    /// The field number of `features` in that message.
    fn features_number(self) -> u32 {
        match self {
            Target::File | Target::ExtensionRange => 50,
            Target::Message => 12,
            Target::Field => 21,
            Target::Oneof => 1,
            Target::Enum => 7,
            Target::EnumValue => 2,
            Target::Service => 34,
            Target::Method => 35,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Target::File => "a file",
            Target::ExtensionRange => "an extension range",
            Target::Message => "a message",
            Target::Field => "a field",
            Target::Oneof => "a oneof",
            Target::Enum => "an enum",
            Target::EnumValue => "an enum value",
            Target::Service => "a service",
            Target::Method => "a method",
        }
    }
}

/// A feature: its name, its values by number (0, "unknown", is left out), and the elements that may have it.
struct Feature {
    name: &'static str,
    values: &'static [(&'static str, u32)],
    targets: &'static [Target],
    introduced: Edition,
}

const FIELD_OR_FILE: &[Target] = &[Target::Field, Target::File];
const ANY: &[Target] = &[
    Target::File,
    Target::ExtensionRange,
    Target::Message,
    Target::Field,
    Target::Oneof,
    Target::Enum,
    Target::EnumValue,
    Target::Service,
    Target::Method,
];

/// The features, by field number in `FeatureSet` from 1.
const FEATURES: [Feature; 8] = [
    Feature {
        name: "field_presence",
        values: &[("EXPLICIT", 1), ("IMPLICIT", 2), ("LEGACY_REQUIRED", 3)],
        targets: FIELD_OR_FILE,
        introduced: Edition::E2023,
    },
    Feature {
        name: "enum_type",
        values: &[("OPEN", 1), ("CLOSED", 2)],
        targets: &[Target::Enum, Target::File],
        introduced: Edition::E2023,
    },
    Feature {
        name: "repeated_field_encoding",
        values: &[("PACKED", 1), ("EXPANDED", 2)],
        targets: FIELD_OR_FILE,
        introduced: Edition::E2023,
    },
    Feature {
        name: "utf8_validation",
        values: &[("VERIFY", 2), ("NONE", 3)],
        targets: FIELD_OR_FILE,
        introduced: Edition::E2023,
    },
    Feature {
        name: "message_encoding",
        values: &[("LENGTH_PREFIXED", 1), ("DELIMITED", 2)],
        targets: FIELD_OR_FILE,
        introduced: Edition::E2023,
    },
    Feature {
        name: "json_format",
        values: &[("ALLOW", 1), ("LEGACY_BEST_EFFORT", 2)],
        targets: &[Target::Message, Target::Enum, Target::File],
        introduced: Edition::E2023,
    },
    Feature {
        name: "enforce_naming_style",
        values: &[("STYLE2024", 1), ("STYLE_LEGACY", 2)],
        targets: ANY,
        introduced: Edition::E2024,
    },
    Feature {
        name: "default_symbol_visibility",
        values: &[
            ("EXPORT_ALL", 1),
            ("EXPORT_TOP_LEVEL", 2),
            ("LOCAL_ALL", 3),
            ("STRICT", 4),
        ],
        targets: &[Target::File],
        introduced: Edition::E2024,
    },
];

fn set(features: &mut Features, number: u32, value: u32) {
    match (number, value) {
        (1, 1) => features.field_presence = FieldPresence::Explicit,
        (1, 2) => features.field_presence = FieldPresence::Implicit,
        (1, 3) => features.field_presence = FieldPresence::LegacyRequired,
        (2, 1 | 2) => features.closed_enum = value == 2,
        (3, 1 | 2) => features.packed = value == 1,
        (4, 2 | 3) => features.utf8 = value == 2,
        (5, 1 | 2) => features.delimited = value == 2,
        (6, 1 | 2) => features.json_best_effort = value == 2,
        (7, 1 | 2) => features.enforce_style = value == 1,
        (8, 1) => features.visibility = DefaultVisibility::ExportAll,
        (8, 2) => features.visibility = DefaultVisibility::ExportTopLevel,
        (8, 3) => features.visibility = DefaultVisibility::LocalAll,
        (8, 4) => features.visibility = DefaultVisibility::Strict,
        _ => {}
    }
}

fn by_number(number: u32) -> Option<&'static Feature> {
    FEATURES.get((number as usize).checked_sub(1)?)
}

impl Feature {
    fn word(&self, number: u32) -> Option<&'static str> {
        let (word, _) = self.values.iter().find(|(_, value)| *value == number)?;
        Some(word)
    }
}

impl FileLinker<'_, '_, '_> {
    /// Resolves the features of an element inside one with the features `outer`.
    #[inline]
    pub(super) fn features(&mut self, outer: Features, options: &[Opt], target: Target) -> Result<Features> {
        if options.is_empty() {
            return Ok(outer);
        }
        self.has_options = true;
        let mut features = outer;
        for option in options {
            match option {
                Opt::Serialized(options) => self.raw_features(&mut features, options, target)?,
                Opt::Written(option) => match &option.name[..] {
                    [head, rest @ ..] if !head.extension && head.text == "features" => {
                        self.written_features(&mut features, option, rest, target)?;
                    }
                    _ => {}
                },
            }
        }
        Ok(features)
    }

    /// Applies the features of a descriptor, with the same checks as for source text.
    fn raw_features(&self, features: &mut Features, options: &SerializedOptions, target: Target) -> Result<()> {
        let position = options.position;
        for (number, value) in raw_features(options, target) {
            let Some(known) = by_number(number) else { continue };
            if self.lenient() {
                set(features, number, value);
                continue;
            }
            self.check_has_features(position)?;
            let constant = match known.word(value) {
                Some(word) => Const::Ident(word.into()),
                None => Const::Int(value.into()),
            };
            self.feature(features, known.name, &constant, target, position, position)?;
        }
        Ok(())
    }

    fn check_has_features(&self, position: Position) -> Result<()> {
        match self.tree.edition < Edition::E2023 && !self.lenient() {
            true => Err(self.error(
                position,
                "features require an edition; this file has a syntax statement or none",
            )),
            false => Ok(()),
        }
    }

    fn written_features(
        &self,
        features: &mut Features,
        option: &WrittenOption,
        rest: &[super::ast::NamePart],
        target: Target,
    ) -> Result<()> {
        self.check_has_features(option.position)?;
        match (rest, &option.value) {
            ([], Const::Message(fields)) => {
                for field in fields {
                    if let TextName::Field(name) = field.name {
                        self.feature(
                            features,
                            name,
                            &field.value,
                            target,
                            field.position,
                            field.value_position,
                        )?;
                    }
                }
                Ok(())
            }
            ([part], value) if !part.extension => self.feature(
                features,
                &part.text,
                value,
                target,
                option.position,
                option.value_position,
            ),
            // Features of other languages' generators are checked with the options.
            _ => Ok(()),
        }
    }

    fn feature(
        &self,
        features: &mut Features,
        name: &str,
        value: &Const,
        target: Target,
        position: Position,
        value_position: Position,
    ) -> Result<()> {
        let Some(number) = FEATURES.iter().position(|feature| feature.name == name) else {
            return Err(self.error(position, format!("unknown feature \"{name}\"")));
        };
        let feature = &FEATURES[number];
        if self.tree.edition < feature.introduced && !self.lenient() {
            return Err(self.error(position, format!("feature \"{name}\" needs edition 2024")));
        }
        if !feature.targets.contains(&target) {
            return Err(self.error(
                position,
                format!("feature \"{name}\" cannot be set on {}", target.describe()),
            ));
        }
        let found = match value {
            Const::Ident(word) => feature.values.iter().find(|(value, _)| value == word),
            _ => None,
        };
        let Some(&(_, value)) = found else {
            let known = feature
                .values
                .iter()
                .map(|(value, _)| *value)
                .collect::<Vec<_>>()
                .join(", ");
            let message = format!(
                "expected a value of feature \"{name}\" ({known}), found {}",
                value.describe()
            );
            return Err(self.error(value_position, message));
        };
        if target == Target::File && (number, value) == (0, 3) {
            return Err(self.error(value_position, "required presence cannot be the default of a file"));
        }
        set(features, number as u32 + 1, value);
        Ok(())
    }
}

/// The numbers and values of the features in a descriptor's serialised options. Malformed bytes are reported when the
/// options are read.
fn raw_features(options: &SerializedOptions, target: Target) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    let mut reader = Reader::new(options.bytes);
    while let Ok((number, wire_type)) = reader.tag() {
        if number != target.features_number() || wire_type != WireType::Length {
            if reader.skip(number, wire_type, 64).is_err() {
                return found;
            }
            continue;
        }
        let Ok(inner) = reader.bytes() else { return found };
        let mut inner = Reader::new(inner);
        while let Ok((number, wire_type)) = inner.tag() {
            match wire_type {
                WireType::Varint => match inner.varint() {
                    Ok(value) => found.push((number, value as u32)),
                    Err(_) => return found,
                },
                _ if inner.skip(number, wire_type, 64).is_err() => return found,
                _ => {}
            }
        }
    }
    found
}

/// The features that an option sets in any notation, as name and value. The value is empty if it is not a known word.
pub(super) fn features_set<'n>(option: &'n Opt, target: Target) -> Vec<(&'n str, &'n str)> {
    let word = |value: &'n Const| match value {
        Const::Ident(word) => &**word,
        _ => "",
    };
    let option = match option {
        Opt::Written(option) => option,
        Opt::Serialized(options) => {
            let named = |(number, value)| {
                let feature = by_number(number)?;
                Some((feature.name, feature.word(value).unwrap_or_default()))
            };
            return raw_features(options, target).into_iter().filter_map(named).collect();
        }
    };
    match (&option.name[..], &option.value) {
        ([head, feature], constant) if head.text == "features" => vec![(&feature.text, word(constant))],
        ([head], Const::Message(fields)) if head.text == "features" => fields
            .iter()
            .filter_map(|field| match field.name {
                TextName::Field(name) => Some((name, word(&field.value))),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The value of a standard `bool` or enum option, found by name if written (`bool` only) or by number if serialised.
pub(super) fn varint_option(options: &[Opt], name: &str, number: u32) -> Option<u64> {
    match written_option(options, name) {
        Some(option) => Some(super::declare::is_true(&option.value).into()),
        None => serialized_varint(options, number),
    }
}

/// The value of a standard `bool` or enum option in the options of a descriptor.
pub(super) fn serialized_varint(options: &[Opt], number: u32) -> Option<u64> {
    let mut found = None;
    for option in options {
        let Opt::Serialized(SerializedOptions { bytes, .. }) = option else {
            continue;
        };
        let mut reader = Reader::new(bytes);
        while let Ok((field, wire_type)) = reader.tag() {
            match wire_type {
                WireType::Varint if field == number => found = reader.varint().ok(),
                _ if reader.skip(field, wire_type, 64).is_err() => break,
                _ => {}
            }
        }
    }
    found
}

/// The position at which an option is set: that of its name, or that of all options of a descriptor.
pub(super) fn option_position(options: &[Opt], name: &str) -> Position {
    let found = options.iter().rfind(|option| option.may_set(name));
    found.map(Opt::position).unwrap_or_default()
}

/// Like [`varint_option`], for a `bool`.
pub(super) fn flag(options: &[Opt], name: &str, number: u32) -> bool {
    varint_option(options, name, number) == Some(1)
}
