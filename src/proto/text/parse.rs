//! Parses text format directly into the binary format.

use super::lexer::{Lexer, Literal};
use crate::proto::codec::{
    BinaryOptions, Codec, Error, FieldPlan, FieldType, Limits, Result, begin, body, end, end_message, start_message,
};
use crate::proto::schema::{EnumId, FieldId, Kind, MessageId, WellKnown};
use crate::proto::wire::{self, WireType};

/// Options for reading text format.
#[derive(Clone, Copy, Debug)]
pub struct TextParseOptions {
    /// Limits on the input.
    pub limits: Limits,
    /// Whether unknown fields are ignored instead of rejected.
    pub ignore_unknown: bool,
    /// Whether a missing required field is an error.
    pub check_required: bool,
}

impl Default for TextParseOptions {
    fn default() -> Self {
        TextParseOptions {
            limits: Limits::default(),
            ignore_unknown: false,
            check_required: true,
        }
    }
}

impl Codec {
    /// Converts text format (UTF-8) to a binary message.
    ///
    /// # Errors
    /// The text is not valid text format, or does not match the message. Errors state line and column.
    pub fn from_text(&self, message: MessageId, text: &[u8], options: &TextParseOptions) -> Result<Vec<u8>> {
        options.limits.check_size(text.len())?;
        let mut parser = Parser {
            codec: self,
            lexer: Lexer::new(text),
            out: Vec::new(),
            seen: Vec::new(),
            seen_extensions: Vec::new(),
            options,
        };
        options.limits.descend(|levels| parser.fields(message, None, levels))?;
        // The fields are in the order of the text, and packed fields are single values. This is converted to
        // canonical form.
        parser.canonical(message, &parser.out)
    }
}

struct Parser<'a> {
    codec: &'a Codec,
    lexer: Lexer<'a>,
    out: Vec<u8>,
    /// A stack of bit sets: the fields, and then the oneofs, of each open message.
    seen: Vec<u64>,
    seen_extensions: Vec<u32>,
    options: &'a TextParseOptions,
}

/// The state of one open message.
#[derive(Clone, Copy)]
struct Level {
    message: MessageId,
    first: u32,
    count: usize,
    seen: usize,
    seen_extensions: usize,
}

/// The meaning of a field name.
enum Name {
    Field(u32),
    /// The name is reserved by the message, or unknown and allowed by the options.
    Skip,
    /// A type URL in an `Any`.
    Url(String),
}

impl<'a> Parser<'a> {
    fn canonical(&self, message: MessageId, written: &[u8]) -> Result<Vec<u8>> {
        let options = BinaryOptions {
            limits: self.options.limits,
            check_required: false,
            unknown_fields: true,
        };
        self.codec.normalize(message, written, &options)
    }

    /// Parses the fields of a message up to `close`, or to the end of the text.
    fn fields(&mut self, message: MessageId, close: Option<u8>, depth: usize) -> Result<()> {
        let (first, plans) = self.codec.fields_of(message);
        let oneofs = self.codec.schema()[message].oneofs.len();
        let level = Level {
            message,
            first,
            count: plans.len(),
            seen: self.seen.len(),
            seen_extensions: self.seen_extensions.len(),
        };
        self.seen.resize(level.seen + (plans.len() + oneofs).div_ceil(64), 0);
        loop {
            match close {
                Some(close) if self.lexer.take(close) => break,
                None if self.lexer.is_end() => break,
                _ => {}
            }
            match self.name(message)? {
                Name::Field(id) => self.field(&level, id, depth)?,
                Name::Skip => self.skip_field(depth)?,
                Name::Url(url) => {
                    for id in [first, first + 1] {
                        self.mark(&level, id, self.codec.field(id))?;
                    }
                    self.any(&url, depth)?;
                }
            }
            let _ = self.lexer.take(b',') || self.lexer.take(b';');
        }
        if self.options.check_required {
            for &id in &self.codec.message(message).required {
                let index = (id - first) as usize;
                if self.seen[level.seen + index / 64] >> (index % 64) & 1 == 0 {
                    return Err(self.codec.missing(message, id));
                }
            }
        }
        self.seen.truncate(level.seen);
        self.seen_extensions.truncate(level.seen_extensions);
        Ok(())
    }

    fn name(&mut self, message: MessageId) -> Result<Name> {
        let schema = self.codec.schema();
        let start = self.lexer;
        if self.lexer.peek() == Some(b'[') {
            let name = self.lexer.bracketed()?;
            if name.contains('/') && self.codec.message(message).well_known == Some(WellKnown::Any) {
                return Ok(Name::Url(name));
            }
            return match schema
                .extension_by_name(&name)
                .filter(|&id| schema[id].message == message)
            {
                Some(id) => Ok(Name::Field(id.0)),
                None if self.options.ignore_unknown => Ok(Name::Skip),
                None => Err(start.error(format_args!("{} has no extension {name:?}", schema[message].full_name))),
            };
        }
        let name = self
            .lexer
            .identifier()
            .ok_or_else(|| self.lexer.unexpected("the name of a field"))?;
        if let Some(id) = schema.field_by_name(message, name) {
            return Ok(Name::Field(id.0));
        }
        // The name of a group is that of its type: the field's name with capitals.
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            let id = schema.field_by_name(message, &name.to_ascii_lowercase());
            if let Some(id) = id.filter(|&id| self.codec.group_name(id) == Some(name)) {
                return Ok(Name::Field(id.0));
            }
        }
        if self.options.ignore_unknown
            || schema[message]
                .reserved_names
                .iter()
                .any(|reserved| &**reserved == name)
        {
            return Ok(Name::Skip);
        }
        Err(start.error(format_args!("{} has no field {name:?}", schema[message].full_name)))
    }

    fn field(&mut self, level: &Level, id: u32, depth: usize) -> Result<()> {
        let field = self.codec.field(id);
        if !field.repeated {
            self.mark(level, id, field)?;
        }
        let message_set = self.codec.message(level.message).message_set;
        let colon = self.lexer.take(b':');
        let is_message = matches!(field.ty, FieldType::Message(_) | FieldType::Group(_));
        if !colon && !is_message {
            return Err(self.lexer.unexpected("':'"));
        }
        if field.repeated && self.lexer.take(b'[') {
            if self.lexer.take(b']') {
                return Ok(());
            }
            loop {
                self.value(id, field, message_set, depth)?;
                if !self.lexer.take(b',') {
                    return self.lexer.expect(b']', "',' or ']'");
                }
            }
        }
        self.value(id, field, message_set, depth)
    }

    /// Marks a singular field as seen. A second value is an error, as is a second member of a oneof.
    fn mark(&mut self, level: &Level, id: u32, field: &FieldPlan) -> Result<()> {
        let index = id.wrapping_sub(level.first) as usize;
        let mut set = |index: usize| {
            let word = &mut self.seen[level.seen + index / 64];
            let fresh = *word >> (index % 64) & 1 == 0;
            *word |= 1 << (index % 64);
            fresh
        };
        let fresh = if index < level.count {
            set(index) && field.oneof.is_none_or(|oneof| set(level.count + usize::from(oneof)))
        } else {
            let fresh = !self.seen_extensions[level.seen_extensions..].contains(&id);
            self.seen_extensions.push(id);
            fresh
        };
        if fresh {
            return Ok(());
        }
        let name = self.codec.field_name(id);
        Err(self.lexer.error(format_args!(
            "Field {name}, or another member of its oneof, is set twice"
        )))
    }

    fn value(&mut self, id: u32, field: &FieldPlan, message_set: bool, depth: usize) -> Result<()> {
        match field.ty {
            FieldType::Message(inner) | FieldType::Group(inner) => {
                let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
                let close = self.open()?;
                self.sub_message(field, inner, message_set, close, depth)
            }
            FieldType::String | FieldType::Bytes => self.text(id, field),
            _ => {
                let bits = self.number(field.ty)?;
                // Without presence, zero counts as unset.
                if bits != 0 || field.presence || field.repeated {
                    wire::put_tag(&mut self.out, field.number, field.wire_type);
                    match field.wire_type {
                        WireType::Fixed32 => self.out.extend_from_slice(&(bits as u32).to_le_bytes()),
                        WireType::Fixed64 => self.out.extend_from_slice(&bits.to_le_bytes()),
                        _ => wire::put_varint(&mut self.out, field.ty.wire_bits(bits)),
                    }
                }
                Ok(())
            }
        }
    }

    /// Reads an opening brace and returns the matching closing one.
    fn open(&mut self) -> Result<u8> {
        if self.lexer.take(b'{') {
            return Ok(b'}');
        }
        self.lexer.expect(b'<', "'{'").map(|()| b'>')
    }

    fn sub_message(
        &mut self,
        field: &FieldPlan,
        inner: MessageId,
        message_set: bool,
        close: u8,
        depth: usize,
    ) -> Result<()> {
        let mark = start_message(&mut self.out, field, message_set);
        self.fields(inner, Some(close), depth)?;
        end_message(&mut self.out, field, message_set, mark);
        Ok(())
    }

    fn text(&mut self, id: u32, field: &FieldPlan) -> Result<()> {
        let start = self.out.len();
        let at = self.lexer;
        wire::put_tag(&mut self.out, field.number, WireType::Length);
        let mark = begin(&mut self.out);
        self.lexer.strings(&mut self.out)?;
        let text = &self.out[body(mark)..];
        if field.ty == FieldType::String && std::str::from_utf8(text).is_err() {
            return Err(at.error(format_args!(
                "The string in field {} is not valid UTF-8",
                self.codec.field_name(id)
            )));
        }
        if text.is_empty() && !field.presence && !field.repeated {
            self.out.truncate(start);
        } else {
            end(&mut self.out, mark);
        }
        Ok(())
    }

    /// Parses a number, bool or enum into the form of [`FieldType::normal_bits`].
    fn number(&mut self, ty: FieldType) -> Result<u64> {
        let start = self.lexer;
        let negative = self.lexer.take(b'-');
        if let FieldType::Float | FieldType::Double = ty {
            return self.float(ty, negative);
        }
        if !negative
            && self
                .lexer
                .peek()
                .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        {
            let word = self.lexer.identifier().unwrap_or_default();
            return match ty {
                FieldType::Bool if matches!(word, "true" | "True" | "t") => Ok(1),
                FieldType::Bool if matches!(word, "false" | "False" | "f") => Ok(0),
                FieldType::Enum(id) | FieldType::ClosedEnum(id) => self.enum_name(start, id, word),
                _ => Err(start.error(format_args!("{word:?} is not a number"))),
            };
        }
        let literal = self.lexer.number()?;
        let magnitude = literal.integer().ok_or_else(|| start.error("Not a 64-bit integer"))?;
        let value = if negative {
            -i128::from(magnitude)
        } else {
            i128::from(magnitude)
        };
        let range = match ty {
            FieldType::Int32 | FieldType::Sint32 | FieldType::Sfixed32 => i128::from(i32::MIN)..=i32::MAX.into(),
            FieldType::Enum(_) | FieldType::ClosedEnum(_) => i32::MIN.into()..=i32::MAX.into(),
            FieldType::Uint32 | FieldType::Fixed32 => 0..=u32::MAX.into(),
            FieldType::Int64 | FieldType::Sint64 | FieldType::Sfixed64 => i64::MIN.into()..=i64::MAX.into(),
            FieldType::Bool => 0..=1,
            _ => 0..=u64::MAX.into(),
        };
        // "-0" is neither an unsigned number nor a bool.
        if !range.contains(&value) || (negative && *range.start() == 0) {
            return Err(start.error("The number is out of range of its field"));
        }
        if let FieldType::ClosedEnum(id) = ty
            && self.codec.schema()[id].by_number(value as i32).is_none()
        {
            return Err(start.error(format_args!(
                "{} has no value {value}",
                self.codec.schema()[id].full_name
            )));
        }
        Ok(value as u64)
    }

    fn enum_name(&self, start: Lexer<'_>, id: EnumId, word: &str) -> Result<u64> {
        let enumeration = &self.codec.schema()[id];
        let value = enumeration.by_name(word);
        value
            .map(|value| i64::from(value.number) as u64)
            .ok_or_else(|| start.error(format_args!("{} has no value {word:?}", enumeration.full_name)))
    }

    /// Parses a float. A value out of range becomes infinite.
    fn float(&mut self, ty: FieldType, negative: bool) -> Result<u64> {
        let start = self.lexer;
        let word = self.lexer.identifier();
        let text = match word {
            Some(word) if word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("infinity") => "inf",
            Some(word) if word.eq_ignore_ascii_case("nan") => "nan",
            Some(word) => return Err(start.error(format_args!("{word:?} is not a number"))),
            None => match self.lexer.number()? {
                Literal::Decimal(text) | Literal::Float(text) => text,
                _ => return Err(start.error("A floating-point number must be decimal")),
            },
        };
        let wrong = |_| start.error("Not a number");
        Ok(if ty == FieldType::Float {
            let value: f32 = text.parse().map_err(wrong)?;
            (if negative { -value } else { value }).to_bits().into()
        } else {
            let value: f64 = text.parse().map_err(wrong)?;
            (if negative { -value } else { value }).to_bits()
        })
    }

    /// Parses `[type.googleapis.com/pkg.Type] { … }` in an `Any`.
    fn any(&mut self, url: &str, depth: usize) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
        let message = self
            .codec
            .resolve_any(url.as_bytes())
            .map_err(|error| self.lexer.error(error))?;
        wire::put_tag(&mut self.out, 1, WireType::Length);
        wire::put_bytes(&mut self.out, url.as_bytes());
        wire::put_tag(&mut self.out, 2, WireType::Length);
        let _ = self.lexer.take(b':');
        let close = self.open()?;
        let mark = begin(&mut self.out);
        self.fields(message, Some(close), depth)?;
        // Later, the contents of an `Any` are only bytes, so they must be converted to canonical form here.
        let canonical = self.canonical(message, &self.out[body(mark)..])?;
        self.out.truncate(body(mark));
        self.out.extend_from_slice(&canonical);
        end(&mut self.out, mark);
        Ok(())
    }

    /// Skips the value of an ignored field. Brackets are counted instead of recursing.
    fn skip_field(&mut self, depth: usize) -> Result<()> {
        let colon = self.lexer.take(b':');
        if !colon && !matches!(self.lexer.peek(), Some(b'{' | b'<')) {
            return Err(self.lexer.unexpected("':'"));
        }
        let mut open: Vec<u8> = Vec::new();
        let mut scratch = Vec::new();
        loop {
            match self.lexer.peek() {
                Some(byte @ (b'{' | b'<' | b'[')) => {
                    if open.len() > depth {
                        return Err(Error::depth());
                    }
                    self.lexer.take(byte);
                    open.push(if byte == b'<' { b'>' } else { byte + 2 });
                }
                Some(byte @ (b'}' | b'>' | b']')) if open.last() == Some(&byte) => {
                    self.lexer.take(byte);
                    open.pop();
                }
                Some(b'"' | b'\'') => {
                    scratch.clear();
                    self.lexer.strings(&mut scratch)?;
                }
                Some(b':' | b',' | b';' | b'/' | b'.') if !open.is_empty() => {
                    let byte = self.lexer.peek().unwrap_or_default();
                    self.lexer.take(byte);
                    continue;
                }
                Some(b'-') => {
                    self.lexer.take(b'-');
                    continue;
                }
                Some(byte) if byte.is_ascii_digit() => drop(self.lexer.number()?),
                Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => drop(self.lexer.identifier()),
                _ => return Err(self.lexer.unexpected("a value")),
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }
}

impl Codec {
    /// The name of a group in text format. It is that of its type, if the type was declared for this field only, as
    /// `group` does.
    pub(super) fn group_name(&self, id: FieldId) -> Option<&str> {
        let schema = self.schema();
        let field = &schema[id];
        let Kind::Group(message) = field.kind else { return None };
        let message = &schema[message];
        let scope = if field.is_extension {
            field.scope
        } else {
            Some(field.message)
        };
        let own = message.parent == scope && message.file == field.file;
        (own && message.name.to_ascii_lowercase() == *field.name).then_some(&*message.name)
    }
}
