//! The options that are part of a field's definition: `default`, `json_name` and `packed`, and where they are
//! allowed.

use super::features::{flag, option_position, serialized_varint, varint_option};
use super::{FileLinker, Result, ast};
use crate::proto::schema::{Cardinality, Edition, Field, Kind, Value};
use ast::Const;

impl FileLinker<'_, '_, '_> {
    /// Reads those options of a field into its model.
    pub(super) fn field_options(&mut self, node: &ast::Field, field: &mut Field) -> Result<()> {
        self.has_options = true;
        let mut seen = [false; 2];
        self.check_packed(&node.options, field)?;
        self.check_kind(&node.options, field)?;
        for option in node.options.iter().filter_map(ast::Opt::written) {
            let [part] = &option.name[..] else { continue };
            if part.extension {
                continue;
            }
            let once = match &*part.text {
                "default" => {
                    field.default = self.default(option, field)?;
                    &mut seen[0]
                }
                "json_name" => {
                    self.explicit_json_name(option, field)?;
                    &mut seen[1]
                }
                _ => continue,
            };
            if std::mem::replace(once, true) {
                return Err(self.error(option.position, format!("option \"{}\" is already set", part.text)));
            }
        }
        Ok(())
    }

    fn explicit_json_name(&self, option: &ast::WrittenOption, field: &mut Field) -> Result<()> {
        let Const::Str(bytes) = &option.value else {
            return Err(self.error(option.value_position, "expected a string for json_name"));
        };
        let Ok(name) = std::str::from_utf8(bytes) else {
            return Err(self.error(option.value_position, "json_name must be valid UTF-8"));
        };
        if name.contains('\0') || (name.starts_with('[') && name.ends_with(']')) {
            return Err(self.error(
                option.value_position,
                "json_name must not contain NUL, and must not be enclosed in brackets",
            ));
        }
        field.json_name = name.into();
        field.json_name_explicit = true;
        Ok(())
    }

    fn check_packed(&self, options: &[ast::Opt], field: &Field) -> Result<()> {
        let Some(packed) = varint_option(options, "packed", 2) else {
            return Ok(());
        };
        let error = |message| Err(self.error(option_position(options, "packed"), message));
        if self.tree.edition >= Edition::E2023 && !self.lenient() {
            return error("editions have no \"packed\"; use features.repeated_field_encoding");
        }
        // npm `protocol-buffers` rejects the type, and ignores the option on singular fields.
        let repeated = field.cardinality == Cardinality::Repeated || self.lenient();
        match packed == 1 && !(repeated && field.kind.is_packable()) {
            true => error("only repeated fields of numbers, bools and enums can be packed"),
            false => Ok(()),
        }
    }

    /// Rejects `lazy` and `jstype` on fields of other types, and `ctype` in editions without it.
    fn check_kind(&self, options: &[ast::Opt], field: &Field) -> Result<()> {
        if self.lenient() {
            return Ok(());
        }
        if self.tree.edition >= Edition::E2024 && varint_option(options, "ctype", 1).is_some() {
            let message = "edition 2024 has no option \"ctype\"; use features.(pb.cpp).string_type";
            return Err(self.error(option_position(options, "ctype"), message));
        }
        for (name, number) in [("lazy", 5), ("unverified_lazy", 15)] {
            let lazy = flag(options, name, number);
            if lazy && !matches!(field.kind, Kind::Message(_)) {
                return Err(self.error(option_position(options, name), "lazy is allowed on message fields only"));
            }
            if lazy && number == 15 && field.is_extension {
                let message = "extensions cannot be unverified_lazy";
                return Err(self.error(option_position(options, name), message));
            }
        }
        let wide = matches!(
            field.kind,
            Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64
        );
        let converts = match ast::written_option(options, "jstype") {
            Some(option) => !matches!(&option.value, Const::Ident(word) if word == "JS_NORMAL"),
            None => serialized_varint(options, 6).is_some_and(|value| value > 0),
        };
        if !wide && converts {
            let message = "jstype is allowed on 64-bit integers only";
            return Err(self.error(option_position(options, "jstype"), message));
        }
        Ok(())
    }

    fn default(&self, option: &ast::WrittenOption, field: &Field) -> Result<Option<Value>> {
        let misplaced = match (field.cardinality, self.tree.edition) {
            (Cardinality::Repeated | Cardinality::Map, _) => Some("repeated fields and maps have no default"),
            _ if field.kind.message().is_some() => Some("message fields have no default"),
            (_, Edition::Proto3) => Some("proto3 has no explicit defaults"),
            _ if !field.has_presence => Some("fields with implicit presence have no default"),
            _ => None,
        };
        match misplaced {
            // npm `protocol-buffers` ignores a default that it cannot use.
            Some(_) if self.lenient() && field.kind.message().is_some() => return Ok(None),
            Some(_) if self.lenient() && field.cardinality != Cardinality::Optional => return Ok(None),
            Some(message) if !self.lenient() => return Err(self.error(option.position, message)),
            _ => {}
        }
        if let (Kind::Enum(id), Const::Ident(name)) = (field.kind, &option.value) {
            let enumeration = &self.linker.schema[id];
            return match enumeration.by_name(name) {
                Some(value) => Ok(Some(Value::Enum(value.number))),
                None if self.lenient() => Ok(None),
                None => {
                    let message = format!("expected a value of enum {}, found \"{name}\"", enumeration.full_name);
                    Err(self.error(option.value_position, message))
                }
            };
        }
        match scalar(field.kind, &option.value, self.lenient()) {
            Ok(value) => Ok(Some(value)),
            Err(_) if self.lenient() => Ok(None),
            Err(expected) => {
                let message = format!("expected {expected} as the default, found {}", option.value.describe());
                Err(self.error(option.value_position, message))
            }
        }
    }
}

/// Converts a constant to a scalar of the given kind, which is not an enum or message. The error states what was
/// expected.
///
/// In text format (`text`), infinity and NaN have additional names.
pub(super) fn scalar(kind: Kind, value: &Const, text: bool) -> std::result::Result<Value, &'static str> {
    let signed = |bits: u32| -> Option<i64> {
        let limit = 1u64 << (bits - 1);
        match value {
            Const::Int(value) if *value < limit => Some(*value as i64),
            Const::NegativeInt(value) if *value <= limit => Some((*value as i64).wrapping_neg()),
            _ => None,
        }
    };
    let unsigned = |most: u64| match value {
        Const::Int(value) if *value <= most => Some(*value),
        _ => None,
    };
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => signed(32)
            .map(|value| Value::Int32(value as i32))
            .ok_or("an integer of 32 bits"),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => signed(64).map(Value::Int64).ok_or("an integer of 64 bits"),
        Kind::Uint32 | Kind::Fixed32 => unsigned(u32::MAX as u64)
            .map(|value| Value::Uint32(value as u32))
            .ok_or("an unsigned integer of 32 bits"),
        Kind::Uint64 | Kind::Fixed64 => unsigned(u64::MAX)
            .map(Value::Uint64)
            .ok_or("an unsigned integer of 64 bits"),
        Kind::Double => float(value, text).map(Value::Double).ok_or("a number"),
        Kind::Float => float(value, text)
            .map(|value| Value::Float(value as f32))
            .ok_or("a number"),
        Kind::Bool => match value {
            Const::Ident(word) if word == "true" => Ok(Value::Bool(true)),
            Const::Ident(word) if word == "false" => Ok(Value::Bool(false)),
            _ => Err("true or false"),
        },
        Kind::String => match value {
            Const::Str(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Value::String(text.into())),
                Err(_) => Err("a string of valid UTF-8"),
            },
            _ => Err("a string"),
        },
        Kind::Bytes => match value {
            Const::Str(bytes) => Ok(Value::Bytes(bytes.as_ref().into())),
            _ => Err("a string"),
        },
        Kind::Enum(_) => Err("the name of an enum value"),
        Kind::Message(_) | Kind::Group(_) => Err("a message in braces"),
    }
}

fn float(value: &Const, text: bool) -> Option<f64> {
    Some(match value {
        Const::Int(value) => *value as f64,
        Const::NegativeInt(value) => -(*value as f64),
        Const::Float(value) => *value,
        Const::Ident(word) if is_infinity(word, text) => f64::INFINITY,
        Const::NegativeIdent(word) if is_infinity(word, text) => f64::NEG_INFINITY,
        Const::Ident(word) if word == "nan" || (text && word.eq_ignore_ascii_case("nan")) => f64::NAN,
        Const::NegativeIdent(word) if *word == "nan" || (text && word.eq_ignore_ascii_case("nan")) => f64::NAN,
        _ => return None,
    })
}

fn is_infinity(word: &str, text: bool) -> bool {
    word == "inf" || (text && (word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("infinity")))
}
