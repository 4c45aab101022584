//! Converts constants to typed option values, including text format in braces, and decodes the serialised options of
//! descriptors.

use super::defaults::scalar;
use super::options::{FieldOf, TypeOf};
use super::{FileLinker, Result, ast};
use crate::proto::descriptor::options::encode_entries;
use crate::proto::schema::{
    Cardinality, Enum, EnumValue, Field, Kind, OptionEncoding, OptionEntry, OptionValue, Position, Value,
};
use crate::proto::wire::{self, Reader, WireError, WireType};
use crate::proto::wkt;
use ast::Const;

impl FileLinker<'_, '_, '_> {
    pub(super) fn enum_of(&self, found: FieldOf) -> Option<&Enum> {
        match (found, self.field_of(found).kind) {
            (FieldOf::BuiltIn(_), Kind::Enum(id)) => Some(&wkt::descriptor()[id]),
            (FieldOf::Own(_), Kind::Enum(id)) => Some(&self.linker.schema[id]),
            _ => None,
        }
    }

    /// Converts a constant to a value of a field. Text format (`text`) allows some more notations.
    pub(super) fn option_value(
        &mut self,
        found: FieldOf,
        value: &Const,
        scope: &str,
        position: Position,
        text: bool,
    ) -> Result<OptionValue> {
        if let (Const::List(items), true) = (value, text) {
            if !matches!(
                self.field_of(found).cardinality,
                Cardinality::Repeated | Cardinality::Map
            ) {
                return Err(self.error(position, format!("\"{}\" is not repeated", self.field_of(found).name)));
            }
            let items = items
                .iter()
                .map(|(item, at)| self.option_value(found, item, scope, *at, text));
            return Ok(OptionValue::List(items.collect::<Result<_>>()?));
        }
        if let (Some(message), Const::Message(fields)) = (self.type_of(found), value) {
            return Ok(OptionValue::Message(
                self.text_message(message, fields, scope, position)?,
            ));
        }
        if let Some(enumeration) = self.enum_of(found) {
            let known = enum_value(enumeration, value, text);
            if let Some(value) = known {
                return Ok(OptionValue::Enum(value.number, value.name.clone()));
            }
            let message = format!(
                "expected a value of enum {}, found {}",
                enumeration.full_name,
                value.describe()
            );
            return Err(self.error(position, message));
        }
        let kind = self.field_of(found).kind;
        if let (Kind::Bool, true) = (kind, text) {
            match value {
                Const::Ident(word) if matches!(&**word, "True" | "t") => return Ok(boolean(true)),
                Const::Ident(word) if matches!(&**word, "False" | "f") => return Ok(boolean(false)),
                Const::Int(number @ 0..=1) => return Ok(boolean(*number == 1)),
                _ => {}
            }
        }
        // Here, `-0` is an integer, and integers have no signed zero.
        let value = match value {
            Const::NegativeInt(0) if !text && matches!(kind, Kind::Double | Kind::Float) => &Const::Int(0),
            value => value,
        };
        scalar(kind, value, text).map(OptionValue::Scalar).map_err(|expected| {
            let name = &self.field_of(found).name;
            self.error(
                position,
                format!("expected {expected} for option \"{name}\", found {}", value.describe()),
            )
        })
    }

    fn text_message(
        &mut self,
        message: TypeOf,
        fields: &[ast::TextField],
        scope: &str,
        position: Position,
    ) -> Result<Vec<OptionEntry>> {
        let mut entries = Vec::with_capacity(fields.len());
        for node in fields {
            let (name, extension) = match &node.name {
                ast::TextName::Field(name) => (*name, false),
                ast::TextName::Extension(name) => (&**name, true),
                ast::TextName::Any(url) => {
                    entries.extend(self.any(message, url, node, scope)?);
                    continue;
                }
            };
            let found = self.text_field(message, name, extension, node.position)?;
            let value = self.option_value(found, &node.value, scope, node.value_position, true)?;
            self.add(&mut entries, found, value, node.position)?;
        }
        entries.sort_by_key(|entry| entry.number);
        let (schema, id) = self.schema_of(message);
        let mut required = schema.fields_of(id).iter().filter(|field| field.is_required());
        let missing = required.find(|field| {
            entries
                .binary_search_by_key(&field.number, |entry| entry.number)
                .is_err()
        });
        if let (Some(field), false) = (missing, self.lenient()) {
            let message = format!("{} requires field \"{}\"", schema[id].full_name, field.name);
            return Err(self.error(position, message));
        }
        Ok(entries)
    }

    /// `[type.googleapis.com/pkg.Message] { … }` in an `Any`.
    fn any(&mut self, message: TypeOf, url: &str, node: &ast::TextField, scope: &str) -> Result<[OptionEntry; 2]> {
        let (schema, id) = self.schema_of(message);
        if &*schema[id].full_name != "google.protobuf.Any" {
            let message = format!(
                "\"[{url}]\" is for google.protobuf.Any, and this is {}",
                schema[id].full_name
            );
            return Err(self.error(node.position, message));
        }
        let known = ["type.googleapis.com/", "type.googleprod.com/"];
        let Some(name) = known.iter().find_map(|prefix| url.strip_prefix(prefix)) else {
            let message = format!("expected \"type.googleapis.com/\" before the name of a message, found \"{url}\"");
            return Err(self.error(node.position, message));
        };
        let Some(inner) = self.linker.schema.message_by_name(name) else {
            return Err(self.error(node.position, format!("Could not resolve {name}")));
        };
        let Const::Message(fields) = &node.value else {
            return Err(self.error(node.value_position, "expected a message in braces"));
        };
        let entries = self.text_message(TypeOf::Own(inner), fields, scope, node.value_position)?;
        let mut bytes = Vec::new();
        encode_entries(&entries, &mut bytes);
        let entry = |name: &str, number, kind, value| OptionEntry {
            name: name.into(),
            number,
            encoding: OptionEncoding::Scalar(kind),
            value: OptionValue::Scalar(value),
        };
        Ok([
            entry("type_url", 1, Kind::String, Value::String(url.into())),
            entry("value", 2, Kind::Bytes, Value::Bytes(bytes.into())),
        ])
    }

    /// Decodes serialised options. Fields that the schema does not know stay as bytes.
    pub(super) fn decode_options(
        &self,
        bytes: &[u8],
        message: TypeOf,
        position: Position,
        depth: usize,
    ) -> Result<Vec<OptionEntry>> {
        let broken = |error: WireError| self.error(position, format!("options cannot be decoded: {error}"));
        if depth > self.linker.options.limits.nesting {
            return Err(broken(WireError::TooDeep));
        }
        let mut reader = Reader::new(bytes);
        let mut entries: Vec<OptionEntry> = Vec::new();
        while !reader.is_empty() {
            let start = reader.position();
            let (number, wire_type) = reader.tag().map_err(broken)?;
            let found = self.option_field_by_number(message, number);
            let value_start = reader.clone();
            reader
                .skip(number, wire_type, self.linker.options.limits.nesting)
                .map_err(broken)?;
            let known = match found {
                Some(found) => self.decode_value(found, value_start.clone(), wire_type, position, depth)?,
                None => None,
            };
            match (found, known) {
                (Some(found), Some(value)) => {
                    let entry = self.entry(found, value);
                    let repeated = matches!(
                        self.field_of(found).cardinality,
                        Cardinality::Repeated | Cardinality::Map
                    );
                    match entries
                        .iter_mut()
                        .find(|known| known.number == entry.number && !known.name.is_empty())
                    {
                        Some(known) if !repeated => merge(&mut known.value, entry.value),
                        _ => self.add(&mut entries, found, entry.value, position)?,
                    }
                }
                _ => {
                    self.check_count(&entries, position)?;
                    entries.push(OptionEntry {
                        name: Box::default(),
                        number,
                        encoding: OptionEncoding::Raw,
                        value: OptionValue::Scalar(Value::Bytes(reader.slice(start, reader.position()).into())),
                    });
                }
            }
        }
        Ok(entries)
    }

    pub(super) fn option_field_by_number(&self, message: TypeOf, number: u32) -> Option<FieldOf> {
        let (schema, id) = self.schema_of(message);
        if let Some(found) = schema.field_by_number(id, number) {
            return Some(match message {
                TypeOf::BuiltIn(_) => FieldOf::BuiltIn(found),
                TypeOf::Own(_) => FieldOf::Own(found),
            });
        }
        let own = &self.linker.schema;
        let id = own.message_by_name(&schema[id].full_name)?;
        own.extension_by_number(id, number).map(FieldOf::Own)
    }

    /// Decodes a value from `reader`. `None` if the wire type does not match the field.
    fn decode_value(
        &self,
        found: FieldOf,
        mut reader: Reader,
        wire_type: WireType,
        position: Position,
        depth: usize,
    ) -> Result<Option<OptionValue>> {
        let broken = |error: WireError| self.error(position, format!("options cannot be decoded: {error}"));
        let field = self.field_of(found);
        if wire_type == WireType::Length && field.kind.is_packable() && field.cardinality == Cardinality::Repeated {
            let mut run = Reader::new(reader.bytes().map_err(broken)?);
            let mut list = Vec::new();
            while !run.is_empty() {
                list.push(self.decode_scalar(found, field, &mut run).map_err(broken)?);
            }
            return Ok(Some(OptionValue::List(list)));
        }
        if wire_type != field.kind.wire_type() {
            return Ok(None);
        }
        let Some(message) = self.type_of(found) else {
            return self.decode_scalar(found, field, &mut reader).map(Some).map_err(broken);
        };
        let bytes = match wire_type {
            WireType::StartGroup => {
                let start = reader.position();
                let mut end = start;
                loop {
                    match reader.tag().map_err(broken)? {
                        (_, WireType::EndGroup) => break,
                        (number, wire_type) => reader.skip(number, wire_type, 64).map_err(broken)?,
                    }
                    end = reader.position();
                }
                reader.slice(start, end)
            }
            _ => reader.bytes().map_err(broken)?,
        };
        self.decode_options(bytes, message, position, depth + 1)
            .map(|entries| Some(OptionValue::Message(entries)))
    }

    fn decode_scalar(
        &self,
        found: FieldOf,
        field: &Field,
        reader: &mut Reader,
    ) -> std::result::Result<OptionValue, WireError> {
        let value = match field.kind {
            Kind::Enum(_) => {
                let number = reader.varint()? as i32;
                let name = self.enum_of(found).and_then(|model| model.by_number(number));
                return Ok(OptionValue::Enum(
                    number,
                    name.map(|value| value.name.clone()).unwrap_or_default(),
                ));
            }
            Kind::Double => Value::Double(f64::from_bits(reader.fixed64()?)),
            Kind::Float => Value::Float(f32::from_bits(reader.fixed32()?)),
            Kind::Int64 => Value::Int64(reader.varint()? as i64),
            Kind::Uint64 => Value::Uint64(reader.varint()?),
            Kind::Int32 => Value::Int32(reader.varint()? as i32),
            Kind::Fixed64 => Value::Uint64(reader.fixed64()?),
            Kind::Fixed32 => Value::Uint32(reader.fixed32()?),
            Kind::Bool => Value::Bool(reader.varint()? != 0),
            Kind::String => Value::String(String::from_utf8_lossy(reader.bytes()?).into()),
            Kind::Uint32 => Value::Uint32(reader.varint()? as u32),
            Kind::Sfixed32 => Value::Int32(reader.fixed32()? as i32),
            Kind::Sfixed64 => Value::Int64(reader.fixed64()? as i64),
            Kind::Sint32 => Value::Int32(wire::unzigzag32(reader.varint()? as u32)),
            Kind::Sint64 => Value::Int64(wire::unzigzag64(reader.varint()?)),
            Kind::Bytes | Kind::Message(_) | Kind::Group(_) => Value::Bytes(reader.bytes()?.into()),
        };
        Ok(OptionValue::Scalar(value))
    }
}

fn enum_value<'e>(enumeration: &'e Enum, value: &Const, text: bool) -> Option<&'e EnumValue> {
    match value {
        Const::Ident(name) => enumeration.by_name(name),
        Const::Int(number) if text => i32::try_from(*number)
            .ok()
            .and_then(|number| enumeration.by_number(number)),
        Const::NegativeInt(number) if text => i32::try_from(-(*number as i128))
            .ok()
            .and_then(|number| enumeration.by_number(number)),
        _ => None,
    }
}

/// Adds a repeated occurrence of a singular field. Messages are merged (`protoc` writes `(a).x` and `(a).y` as two);
/// other values are replaced.
fn merge(known: &mut OptionValue, value: OptionValue) {
    match (known, value) {
        (OptionValue::Message(known), OptionValue::Message(fields)) => {
            for field in fields {
                match known
                    .iter_mut()
                    .find(|known| known.number == field.number && known.name == field.name)
                {
                    Some(known) => merge(&mut known.value, field.value),
                    None => known.push(field),
                }
            }
        }
        (OptionValue::List(known), OptionValue::List(items)) => known.extend(items),
        (known, value) => *known = value,
    }
}

fn boolean(value: bool) -> OptionValue {
    OptionValue::Scalar(Value::Bool(value))
}
