//! Converts a `FileDescriptorSet` into a schema. It builds the same syntax trees as source text, so the same linker
//! makes the same checks.

use std::borrow::Cow;
use std::collections::HashMap;

use super::numbers::scalar_type;
use super::source_info::Locations;
use crate::proto::error::Error;
use crate::proto::lexer::{is_identifier, unescape_all};
use crate::proto::link::{Linker, Source, json_name};
use crate::proto::options::CompileOptions;
use crate::proto::parser::ast::{
    Const, Enum, EnumValue, Extend, ExtensionRanges, Field, File, Import, Label, Message, Method, MethodType, NamePart,
    Oneof, Opt, SerializedOptions, Service, Type, WrittenOption,
};
use crate::proto::schema::{Edition, ImportKind, Kind, Position, Schema, Visibility};
use crate::proto::stack::with_room;
use crate::proto::wire::{Reader, WireError, WireType};

type Result<T> = std::result::Result<T, Broken>;

/// Why a descriptor cannot be read.
enum Broken {
    Wire(WireError),
    Message(String),
}

impl From<WireError> for Broken {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        let message = match broken {
            Broken::Wire(error) => format!("the descriptor cannot be decoded: {error}"),
            Broken::Message(message) => message,
        };
        Error::new("", Position::default(), message)
    }
}

/// Decodes a `google.protobuf.FileDescriptorSet`, whose files may be in any order. Well-known types may be imported
/// without being in the set. All limits and checks of source text apply.
pub fn decode(bytes: &[u8], options: &CompileOptions) -> std::result::Result<Schema, Error> {
    with_room(options.limits.nesting, || read(bytes, options))
}

fn read(bytes: &[u8], options: &CompileOptions) -> std::result::Result<Schema, Error> {
    let limits = &options.limits;
    if bytes.len() > limits.source_bytes {
        let message = format!(
            "the descriptors have {} bytes, more than the limit of {}",
            bytes.len(),
            limits.source_bytes
        );
        return Err(Error::new("", Position::default(), message));
    }
    let mut files: HashMap<&str, &[u8]> = HashMap::new();
    let mut names = Vec::new();
    for file in Parts::read(bytes)?.messages(1) {
        let name = Parts::read(file)?.text(1)?;
        if files.insert(name, file).is_some() {
            return Err(Error::new(name, Position::default(), "the file is in the set twice"));
        }
        names.push(name);
    }
    let mut provide = |name: &str| match files.get(name) {
        None => Ok(None),
        Some(bytes) => match Decoder::file(bytes, limits.nesting) {
            Ok(tree) => Ok(Some(Source::Tree(Box::new(tree)))),
            Err(broken) => Err(Error::from(broken).message),
        },
    };
    let mut linker = Linker::new(options);
    for name in names {
        if linker.has(name) {
            continue;
        }
        match provide(name) {
            Ok(Some(source)) => linker.root(name, source)?,
            Ok(None) => continue,
            Err(reason) => {
                let message = format!("cannot load {name:?}: {reason}");
                return Err(Error::new("", Position::default(), message));
            }
        }
        linker.load(&mut provide)?;
    }
    Ok(linker.schema)
}

/// The fields of one message: numbers with their values, in order.
struct Parts<'a>(Vec<(u32, Raw<'a>)>);

#[derive(Clone, Copy)]
enum Raw<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

impl<'a> Parts<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut parts = Vec::new();
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            let (number, wire_type) = reader.tag()?;
            match wire_type {
                WireType::Varint => parts.push((number, Raw::Varint(reader.varint()?))),
                WireType::Length => parts.push((number, Raw::Bytes(reader.bytes()?))),
                // No field of `descriptor.proto` that is read here has another wire type, so the field is skipped.
                _ => reader.skip(number, wire_type, 64)?,
            }
        }
        Ok(Self(parts))
    }

    fn messages(&self, number: u32) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.0.iter().filter_map(move |(found, raw)| match raw {
            Raw::Bytes(bytes) if *found == number => Some(*bytes),
            _ => None,
        })
    }

    fn numbers(&self, number: u32) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().filter_map(move |(found, raw)| match raw {
            Raw::Varint(value) if *found == number => Some(*value),
            _ => None,
        })
    }

    fn texts(&self, number: u32) -> impl Iterator<Item = Result<&'a str>> + '_ {
        self.messages(number).map(as_text)
    }

    fn has(&self, number: u32) -> bool {
        self.0.iter().any(|(found, _)| *found == number)
    }

    fn number(&self, number: u32) -> Option<u64> {
        self.numbers(number).last()
    }

    fn int(&self, number: u32) -> i64 {
        self.number(number).unwrap_or(0) as i64
    }

    fn flag(&self, number: u32) -> bool {
        self.int(number) != 0
    }

    fn text(&self, number: u32) -> Result<&'a str> {
        self.messages(number).last().map_or(Ok(""), as_text)
    }

    fn options(&self, number: u32, position: Position) -> Vec<Opt<'a>> {
        self.messages(number)
            .map(|bytes| Opt::Serialized(SerializedOptions { bytes, position }))
            .collect()
    }
}

fn as_text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| Broken::Message("a string of the descriptor is not valid UTF-8".into()))
}

/// Checks that a name could be declared in source text. A descriptor can contain any string, but later steps rely on
/// valid identifiers.
fn as_name(text: &str) -> Result<&str> {
    match is_identifier(text) {
        true => Ok(text),
        false => Err(Broken::Message(format!(
            "expected a name of letters, digits and underscores, found {text:?}"
        ))),
    }
}

fn as_path(text: &str) -> Result<&str> {
    text.strip_prefix('.')
        .unwrap_or(text)
        .split('.')
        .try_for_each(|part| as_name(part).map(drop))?;
    Ok(text)
}

/// Decodes one file.
struct Decoder {
    locations: Locations,
    path: Vec<u32>,
    edition: Edition,
    depth: usize,
    symbols: usize,
}

impl Decoder {
    fn file(bytes: &[u8], depth: usize) -> Result<File<'_>> {
        let parts = Parts::read(bytes)?;
        let locations = parts
            .messages(9)
            .last()
            .map_or_else(|| Ok(Locations::default()), Locations::read)?;
        let edition = match (parts.number(14), parts.text(12)?) {
            (Some(998), _) | (None, "" | "proto2") => Edition::Proto2,
            (Some(999), _) | (None, "proto3") => Edition::Proto3,
            (Some(1000), _) => Edition::E2023,
            (Some(1001), _) => Edition::E2024,
            (edition, syntax) => {
                let edition = edition.unwrap_or(0);
                return Err(Broken::Message(format!(
                    "syntax {syntax:?} with edition {edition} is not supported"
                )));
            }
        };
        let mut decoder = Decoder {
            locations,
            path: Vec::new(),
            edition,
            depth,
            symbols: 0,
        };
        let package = parts.text(2)?;
        if !package.is_empty() {
            as_path(package)?;
        }
        let mut messages = decoder.each(&parts, 4, |decoder, bytes| decoder.message(bytes, package))?;
        Ok(File {
            edition,
            syntax_omitted: false,
            package: Cow::Borrowed(package),
            imports: imports(&parts)?,
            options: parts.options(8, Position::default()),
            enums: decoder.each(&parts, 5, Self::enumeration)?,
            services: decoder.each(&parts, 6, Self::service)?,
            extends: decoder.extends(&parts, 7, package, &mut messages)?,
            messages,
            comments: decoder.locations.get(&[12]).1,
            package_comments: decoder.locations.get(&[2]).1,
            package_position: Position::default(),
            symbols: decoder.symbols,
        })
    }

    /// Decodes each message of a repeated field and passes its path.
    fn each<'a, T>(
        &mut self,
        parts: &Parts<'a>,
        number: u32,
        mut decode: impl FnMut(&mut Self, &'a [u8]) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.path.push(number);
        let mut out = Vec::new();
        for (index, bytes) in parts.messages(number).enumerate() {
            self.path.push(index as u32);
            self.symbols += 1;
            out.push(decode(self, bytes)?);
            self.path.pop();
        }
        self.path.pop();
        Ok(out)
    }

    fn message<'a>(&mut self, bytes: &'a [u8], scope: &str) -> Result<Message<'a>> {
        self.depth = self.depth.checked_sub(1).ok_or(WireError::TooDeep)?;
        let parts = Parts::read(bytes)?;
        let (position, comments) = self.locations.get(&self.path);
        let name = as_name(parts.text(1)?)?;
        let full_name = if scope.is_empty() {
            name.to_string()
        } else {
            format!("{scope}.{name}")
        };
        let (oneofs, oneof_map) = self.oneofs(&parts)?;
        let mut messages = self.each(&parts, 3, |decoder, bytes| decoder.message(bytes, &full_name))?;
        let fields = self.each(&parts, 2, |decoder, bytes| {
            match decoder.field(bytes, &full_name, &messages, &oneof_map)? {
                (field, "") => Ok(field),
                (field, extendee) => Err(Broken::Message(format!(
                    "field {} extends {extendee:?} but is not an extension",
                    field.name
                ))),
            }
        })?;
        check_oneofs(&oneofs, &fields)?;
        let mut reserved_ranges = Vec::new();
        for bytes in parts.messages(9) {
            let range = Parts::read(bytes)?;
            reserved_ranges.push(((range.int(1), range.int(2) - 1), position));
        }
        let mut extension_ranges = Vec::new();
        for bytes in parts.messages(5) {
            let range = Parts::read(bytes)?;
            let ranges = vec![((range.int(1), range.int(2).saturating_sub(1)), position)];
            extension_ranges.push(ExtensionRanges {
                ranges,
                options: range.options(3, position),
            });
        }
        let extends = self.extends(&parts, 6, &full_name, &mut messages)?;
        let is_map_entry = parts
            .messages(7)
            .any(|bytes| Parts::read(bytes).is_ok_and(|options| options.flag(7)));
        let message = Message {
            name: Cow::Borrowed(name),
            fields,
            oneofs,
            enums: self.each(&parts, 4, Self::enumeration)?,
            messages,
            extends,
            extension_ranges,
            reserved_ranges,
            reserved_names: parts
                .texts(10)
                .map(|name| Ok((Cow::Borrowed(name?), position)))
                .collect::<Result<_>>()?,
            options: if is_map_entry {
                Vec::new()
            } else {
                parts.options(7, position)
            },
            visibility: visibility(parts.int(11)),
            is_map_entry,
            comments,
            position,
        };
        if is_map_entry && !matches!(&message.fields[..], [key, value] if key.number == 1 && value.number == 2) {
            return Err(Broken::Message(format!(
                "{full_name} is a map entry without the fields key = 1 and value = 2"
            )));
        }
        self.depth += 1;
        Ok(message)
    }

    /// The declared oneofs, except those of proto3 `optional` fields. Also returns the new index for each index in
    /// the descriptor.
    fn oneofs<'a>(&mut self, parts: &Parts<'a>) -> Result<(Vec<Oneof<'a>>, Vec<Option<u32>>)> {
        let mut synthetic = vec![false; parts.messages(8).count()];
        for bytes in parts.messages(2) {
            let field = Parts::read(bytes)?;
            if let (true, Some(index)) = (field.flag(17), field.number(9))
                && let Some(slot) = synthetic.get_mut(index as usize)
            {
                *slot = true;
            }
        }
        let all = self.each(parts, 8, |decoder, bytes| {
            let parts = Parts::read(bytes)?;
            let (position, comments) = decoder.locations.get(&decoder.path);
            Ok(Oneof {
                name: as_name(parts.text(1)?)?,
                options: parts.options(2, position),
                comments,
                position,
            })
        })?;
        let mut kept = Vec::with_capacity(all.len());
        let mut map = Vec::with_capacity(all.len());
        for (oneof, synthetic) in all.into_iter().zip(synthetic) {
            map.push((!synthetic).then_some(kept.len() as u32));
            if !synthetic {
                kept.push(oneof);
            }
        }
        Ok((kept, map))
    }

    /// Extensions, grouped by the message they extend, like `extend` blocks.
    fn extends<'a>(
        &mut self,
        parts: &Parts<'a>,
        number: u32,
        scope: &str,
        messages: &mut [Message<'a>],
    ) -> Result<Vec<Extend<'a>>> {
        let fields = self.each(parts, number, |decoder, bytes| {
            decoder.field(bytes, scope, messages, &[])
        })?;
        let mut extends: Vec<Extend> = Vec::new();
        for (field, extendee) in fields {
            match extends.last_mut() {
                Some(last) if last.extendee == extendee => last.fields.push(field),
                _ => {
                    let extendee = Cow::Borrowed(as_path(extendee)?);
                    extends.push(Extend {
                        extendee,
                        position: field.position,
                        fields: vec![field],
                    });
                }
            }
        }
        Ok(extends)
    }

    /// A field, and the message that it extends, if any.
    fn field<'a>(
        &mut self,
        bytes: &'a [u8],
        scope: &str,
        siblings: &[Message<'a>],
        oneofs: &[Option<u32>],
    ) -> Result<(Field<'a>, &'a str)> {
        let parts = Parts::read(bytes)?;
        let (position, comments) = self.locations.get(&self.path);
        let name = as_name(parts.text(1)?)?;
        let ty = field_type(&parts, scope, siblings)?;
        let oneof = match parts.number(9) {
            None => None,
            Some(index) => *oneofs.get(index as usize).ok_or_else(|| {
                Broken::Message(format!("field {name} belongs to oneof {index}, which does not exist"))
            })?,
        };
        let label = match (parts.int(4), self.edition) {
            _ if matches!(ty, Type::Map(_)) => None,
            (3, _) => Some(Label::Repeated),
            (2, _) => Some(Label::Required),
            (_, Edition::Proto2) if oneof.is_none() => Some(Label::Optional),
            (_, Edition::Proto3) if parts.flag(17) => Some(Label::Optional),
            _ => None,
        };
        let mut options = parts.options(8, position);
        let extendee = parts.text(2)?;
        let mut pseudo = |name, value| {
            let name = vec![NamePart {
                text: Cow::Borrowed(name),
                extension: false,
            }];
            options.push(Opt::Written(WrittenOption {
                name,
                value,
                position,
                value_position: position,
            }));
        };
        if parts.has(7) {
            pseudo("default", default_value(parts.text(7)?, &ty)?);
        }
        let json = parts.text(10)?;
        if parts.has(10) && *json != *json_name(name) {
            pseudo("json_name", Const::Str(Cow::Borrowed(json.as_bytes())));
        }
        let field = Field {
            label,
            label_position: position,
            ty,
            type_position: position,
            name: Cow::Borrowed(name),
            number: parts.number(3).unwrap_or(u64::MAX) as i64,
            number_position: position,
            oneof,
            options,
            comments,
            position,
        };
        Ok((field, extendee))
    }

    fn enumeration<'a>(&mut self, bytes: &'a [u8]) -> Result<Enum<'a>> {
        let parts = Parts::read(bytes)?;
        let (position, comments) = self.locations.get(&self.path);
        let mut reserved_ranges = Vec::new();
        for bytes in parts.messages(4) {
            let range = Parts::read(bytes)?;
            reserved_ranges.push(((range.int(1) as i32 as i64, range.int(2) as i32 as i64), position));
        }
        Ok(Enum {
            name: as_name(parts.text(1)?)?,
            values: self.each(&parts, 2, |decoder, bytes| {
                let parts = Parts::read(bytes)?;
                let (position, comments) = decoder.locations.get(&decoder.path);
                Ok(EnumValue {
                    name: as_name(parts.text(1)?)?,
                    number: parts.int(2) as i32,
                    options: parts.options(3, position),
                    comments,
                    position,
                })
            })?,
            reserved_ranges,
            reserved_names: parts
                .texts(5)
                .map(|name| Ok((Cow::Borrowed(name?), position)))
                .collect::<Result<_>>()?,
            options: parts.options(3, position),
            visibility: visibility(parts.int(6)),
            comments,
            position,
        })
    }

    fn service<'a>(&mut self, bytes: &'a [u8]) -> Result<Service<'a>> {
        let parts = Parts::read(bytes)?;
        let (position, comments) = self.locations.get(&self.path);
        Ok(Service {
            name: as_name(parts.text(1)?)?,
            methods: self.each(&parts, 2, |decoder, bytes| {
                let parts = Parts::read(bytes)?;
                let (position, comments) = decoder.locations.get(&decoder.path);
                let ty = |number, stream| -> Result<MethodType<'a>> {
                    Ok(MethodType {
                        name: Cow::Borrowed(as_path(parts.text(number)?)?),
                        stream,
                        position,
                    })
                };
                Ok(Method {
                    name: as_name(parts.text(1)?)?,
                    input: ty(2, parts.flag(5))?,
                    output: ty(3, parts.flag(6))?,
                    options: parts.options(4, position),
                    comments,
                    position,
                })
            })?,
            options: parts.options(3, position),
            comments,
            position,
        })
    }
}

/// Checks what the grammar guarantees for source text: a oneof has fields, which are singular and consecutive.
fn check_oneofs(oneofs: &[Oneof], fields: &[Field]) -> Result<()> {
    let mut last = None;
    let mut seen = vec![false; oneofs.len()];
    for field in fields {
        if field.oneof.is_some() && field.label == Some(Label::Repeated) {
            return Err(Broken::Message(format!(
                "field {} is repeated, so it cannot be in a oneof",
                field.name
            )));
        }
        if let (Some(oneof), true) = (field.oneof, field.oneof != last)
            && std::mem::replace(&mut seen[oneof as usize], true)
        {
            let name = oneofs[oneof as usize].name;
            return Err(Broken::Message(format!(
                "the fields of oneof {name} must be declared one after the other"
            )));
        }
        last = field.oneof;
    }
    match oneofs.iter().zip(seen).find(|(_, seen)| !seen) {
        Some((oneof, _)) => Err(Broken::Message(format!(
            "oneof {} must have at least one field",
            oneof.name
        ))),
        None => Ok(()),
    }
}

fn imports(parts: &Parts) -> Result<Vec<Import>> {
    let import = |name: &str, kind| Import {
        name: name.into(),
        kind,
        position: Position::default(),
    };
    let mut imports = parts
        .texts(3)
        .map(|name| Ok(import(name?, ImportKind::Plain)))
        .collect::<Result<Vec<_>>>()?;
    for (number, kind) in [(10, ImportKind::Public), (11, ImportKind::Weak)] {
        for index in parts.numbers(number) {
            let import = usize::try_from(index).ok().and_then(|index| imports.get_mut(index));
            import
                .ok_or_else(|| Broken::Message(format!("dependency {index} does not exist")))?
                .kind = kind;
        }
    }
    for name in parts.texts(15) {
        imports.push(import(name?, ImportKind::Option));
    }
    Ok(imports)
}

fn visibility(number: i64) -> Visibility {
    match number {
        1 => Visibility::Local,
        2 => Visibility::Export,
        _ => Visibility::Unset,
    }
}

fn field_type<'a>(parts: &Parts<'a>, scope: &str, siblings: &[Message]) -> Result<Type<'a>> {
    let number = parts.int(5) as u64;
    if let Some(kind) = scalar_type(number) {
        return match parts.text(6)? {
            "" => Ok(Type::Scalar(kind)),
            name => Err(Broken::Message(format!(
                "a field of a scalar type names the type {name:?}"
            ))),
        };
    }
    let name = as_path(parts.text(6)?)?;
    let own = match name.strip_prefix('.') {
        Some(full) => full.strip_prefix(scope).and_then(|name| name.strip_prefix('.')),
        // A relative name, as protobufjs writes it. The innermost scope is this message.
        None => Some(name),
    };
    let entry = own.and_then(|own| {
        siblings
            .iter()
            .position(|sibling| sibling.is_map_entry && *sibling.name == *own)
    });
    Ok(match (entry, number) {
        (Some(index), 0 | 11) if parts.int(4) == 3 => Type::Map(index as u32),
        (_, 10) => Type::NamedGroup(Cow::Borrowed(name)),
        (_, 11) => Type::NamedMessage(Cow::Borrowed(name)),
        (_, 14) => Type::NamedEnum(Cow::Borrowed(name)),
        _ => Type::Named(Cow::Borrowed(name)),
    })
}

fn default_value<'a>(text: &'a str, ty: &Type) -> Result<Const<'a>> {
    let bad = || Broken::Message(format!("{text:?} is not a valid default for the type of the field"));
    let Type::Scalar(kind) = ty else {
        return Ok(Const::Ident(Cow::Borrowed(text)));
    };
    Ok(match kind {
        Kind::String => Const::Str(Cow::Borrowed(text.as_bytes())),
        Kind::Bytes => Const::Str(Cow::Owned(unescape_all(text.as_bytes()).map_err(Broken::Message)?)),
        Kind::Bool => Const::Ident(Cow::Borrowed(text)),
        Kind::Double | Kind::Float => Const::Float(text.parse().map_err(|_| bad())?),
        _ => match text.strip_prefix('-') {
            Some(digits) => Const::NegativeInt(digits.parse().map_err(|_| bad())?),
            None => Const::Int(text.parse().map_err(|_| bad())?),
        },
    })
}
