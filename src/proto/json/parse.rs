//! Parses ProtoJSON text directly into the binary format.
//!
//! The message is written while the text is read, in the order of the text. This requires only one length placeholder
//! per open message, and one bit per field of each open message, because a repeated key is an error.

use std::borrow::Cow;
use std::collections::HashSet;

use super::lexer::{Kind, Lexer, RawStr};
use super::number::{Misfit, Number};
use super::parse_scalar::{integer_bits, put_number, type_name};
use crate::proto::codec::{
    Codec, Error, ErrorKind, FieldPlan, FieldType, Limits, MessagePlan, Result, begin, end, end_message, start_message,
};
use crate::proto::schema::MessageId;
use crate::proto::wire::{self, WireType};

/// Options for reading JSON.
#[derive(Clone, Copy, Debug)]
pub struct ParseOptions {
    /// Limits on the input.
    pub limits: Limits,
    /// Whether unknown keys and enum names are ignored instead of rejected.
    pub ignore_unknown: bool,
    /// Whether a missing required field is an error.
    pub check_required: bool,
}

impl Default for ParseOptions {
    fn default() -> Self {
        ParseOptions {
            limits: Limits::default(),
            ignore_unknown: false,
            check_required: true,
        }
    }
}

impl Codec {
    /// Converts JSON text (UTF-8) to a binary message.
    ///
    /// # Errors
    /// The text is not valid JSON, or does not match the message: see [`ErrorKind::Json`]. Errors state line and
    /// column.
    pub fn from_json(&self, message: MessageId, json: &[u8], options: &ParseOptions) -> Result<Vec<u8>> {
        // A binary message is rarely larger than half of its JSON.
        let mut out = Vec::with_capacity(json.len() / 2 + 16);
        self.from_json_into(message, json, options, &mut out)?;
        Ok(out)
    }

    /// Like [`Codec::from_json`], but writes to a reusable vector, which is cleared first.
    ///
    /// # Errors
    /// Those of [`Codec::from_json`].
    pub fn from_json_into(
        &self,
        message: MessageId,
        json: &[u8],
        options: &ParseOptions,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        options.limits.check_size(json.len())?;
        let text = simdutf8::compat::from_utf8(json).map_err(|error| {
            let at = error.valid_up_to();
            Error::new(
                ErrorKind::Utf8,
                format!("The JSON text is not valid UTF-8 at byte {at}"),
            )
        })?;
        out.clear();
        let mut parser = Parser {
            codec: self,
            lexer: Lexer::new(text),
            out: std::mem::take(out),
            seen: Vec::new(),
            seen_extensions: Vec::new(),
            options,
        };
        let read = options
            .limits
            .descend(|levels| parser.message(message, levels))
            .and_then(|()| parser.lexer.end());
        *out = parser.out;
        read
    }
}

pub(super) struct Parser<'a> {
    pub codec: &'a Codec,
    pub lexer: Lexer<'a>,
    pub out: Vec<u8>,
    /// A stack of the bit sets of open messages with many fields.
    seen: Vec<u64>,
    seen_extensions: Vec<u32>,
    pub options: &'a ParseOptions,
}

/// The fields seen in one open message: one bit for each field, followed by one for each oneof.
struct Level<'a> {
    message: MessageId,
    plan: &'a MessagePlan,
    /// The bits, if 64 are enough.
    bits: u64,
    /// Otherwise, where they begin in [`Parser::seen`].
    many: usize,
    /// Where the extensions begin in [`Parser::seen_extensions`].
    extensions: usize,
}

impl Level<'_> {
    #[inline]
    fn is_large(&self) -> bool {
        self.plan.count + self.plan.oneof_count > 64
    }
}

/// The keys of one map, to detect duplicates.
#[derive(Default)]
pub(super) struct KeySet<'a> {
    few: Vec<MapKey<'a>>,
    many: HashSet<MapKey<'a>>,
}

#[derive(PartialEq, Eq, Hash)]
pub(super) enum MapKey<'a> {
    Number(u64),
    Text(Cow<'a, [u8]>),
}

impl<'a> KeySet<'a> {
    /// Adds a key. Returns `false` if it was there before.
    pub fn insert(&mut self, key: MapKey<'a>) -> bool {
        // Up to this size, a linear search is cheaper than hashing.
        const FEW: usize = 12;
        if self.many.is_empty() {
            if self.few.contains(&key) {
                return false;
            }
            self.few.push(key);
            if self.few.len() > FEW {
                self.many.extend(self.few.drain(..));
            }
            return true;
        }
        self.many.insert(key)
    }
}

impl<'a> Parser<'a> {
    /// Parses the value of a message in the form of its type.
    pub fn message(&mut self, message: MessageId, depth: usize) -> Result<()> {
        match self.codec.message(message).well_known {
            Some(well_known) => self.well_known(message, well_known, depth),
            None => {
                self.lexer.expect(b'{', "an object")?;
                self.fields(message, depth, false)
            }
        }
    }

    /// Parses the members of an object after its opening brace. `any`: the member `@type` has been handled.
    pub fn fields(&mut self, message: MessageId, depth: usize, any: bool) -> Result<()> {
        let codec = self.codec;
        let plan = codec.message(message);
        let mut level = Level {
            message,
            plan,
            bits: 0,
            many: self.seen.len(),
            extensions: self.seen_extensions.len(),
        };
        if level.is_large() {
            let words = (plan.count + plan.oneof_count).div_ceil(64) as usize;
            self.seen.resize(level.many + words, 0);
        }
        let mut expected = plan.first;
        let mut typed = false;
        let mut more = !self.lexer.take(b'}');
        while more {
            let at = self.lexer.offset();
            if let Some(id) = self.key(&level, expected)? {
                expected = id + 1;
                if !self.mark(&mut level, id) {
                    let name = codec.field_name(id);
                    return Err(self.lexer.error_at(at, format_args!("Field {name} appears twice")));
                }
                self.field(&mut level, id, depth)?;
            } else if any && !typed && &*self.key_at(at)? == b"@type" {
                typed = true;
                self.lexer.string()?;
            } else if self.options.ignore_unknown {
                self.lexer.skip_value(depth)?;
            } else {
                let key = self.key_at(at)?;
                let name = String::from_utf8_lossy(&key);
                let message = &codec.schema()[message].full_name;
                return Err(self.lexer.error_at(at, format_args!("{message} has no field {name:?}")));
            }
            more = self.lexer.more(b'}')?;
        }
        if self.options.check_required {
            for &id in &plan.required {
                if self.set_bit(&mut level, id - plan.first) {
                    return Err(codec.missing(message, id));
                }
            }
        }
        self.seen.truncate(level.many);
        self.seen_extensions.truncate(level.extensions);
        Ok(())
    }

    /// Reads a key and its colon and returns the field. Usually it is the field after the last one, which is checked
    /// first.
    #[inline]
    fn key(&mut self, level: &Level<'_>, expected: u32) -> Result<Option<u32>> {
        if expected < level.plan.first + level.plan.count {
            let quoted = self.codec.json_key(self.codec.field(expected));
            if self.lexer.take_all(quoted) {
                return Ok(Some(expected));
            }
        }
        let key = self.lexer.string()?;
        self.lexer.expect(b':', "':'")?;
        self.find_by_name(level.message, key)
    }

    /// The key at `at`, which was consumed before.
    fn key_at(&self, at: usize) -> Result<Cow<'a, [u8]>> {
        let key = self.lexer.at(at).string()?;
        self.text(key)
    }

    fn find_by_name(&mut self, message: MessageId, key: RawStr<'a>) -> Result<Option<u32>> {
        let bytes = self.text(key)?;
        let name = std::str::from_utf8(&bytes).expect("the text was validated, and unescaping keeps it valid");
        let schema = self.codec.schema();
        if let Some(id) = schema
            .field_by_json_name(message, name)
            .or_else(|| schema.field_by_name(message, name))
        {
            return Ok(Some(id.0));
        }
        let extension = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let id = extension.and_then(|name| schema.extension_by_name(name));
        Ok(id.filter(|&id| schema[id].message == message).map(|id| id.0))
    }

    /// Marks a field as seen, under any of its names. Returns `false` the second time.
    #[inline]
    fn mark(&mut self, level: &mut Level<'_>, id: u32) -> bool {
        let index = id.wrapping_sub(level.plan.first);
        if index < level.plan.count {
            return self.set_bit(level, index);
        }
        let fresh = !self.seen_extensions[level.extensions..].contains(&id);
        self.seen_extensions.push(id);
        fresh
    }

    /// Sets the bit of a field, or of a oneof, whose bits follow those of the fields. Returns `false` if it was set.
    #[inline]
    fn set_bit(&mut self, level: &mut Level<'_>, index: u32) -> bool {
        let word = if level.is_large() {
            &mut self.seen[level.many + index as usize / 64]
        } else {
            &mut level.bits
        };
        let bit = 1 << (index % 64);
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    fn field(&mut self, level: &mut Level<'_>, id: u32, depth: usize) -> Result<()> {
        let field = self.codec.field(id);
        if self.lexer.next_is(b'n') && (field.repeated || !self.takes_null(field.ty)) {
            return self.lexer.word("null");
        }
        if let Some(oneof) = field.oneof
            && !self.set_bit(level, level.plan.count + u32::from(oneof))
        {
            let name = &self.codec.schema()[level.message].oneofs[usize::from(oneof)].name;
            return Err(self.lexer.error(format_args!("Oneof {name} has more than one member")));
        }
        match field.ty {
            FieldType::Message(entry) if field.map => self.map(field, entry, depth),
            _ if field.repeated => self.repeated(id, field, depth),
            FieldType::Message(inner) | FieldType::Group(inner) => {
                self.sub_message(field, inner, level.plan.message_set, depth)
            }
            _ => self.scalar(id, field, field.presence).map(drop),
        }
    }

    /// Whether `null` is a value of this type.
    fn takes_null(&self, ty: FieldType) -> bool {
        use crate::proto::schema::WellKnown;
        match ty {
            FieldType::Message(id) => self.codec.message(id).well_known == Some(WellKnown::Value),
            FieldType::Enum(id) | FieldType::ClosedEnum(id) => self.codec.schema()[id].is_null_value,
            _ => false,
        }
    }

    /// Writes a message with its tag.
    fn sub_message(&mut self, field: &FieldPlan, inner: MessageId, message_set: bool, depth: usize) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
        let mark = start_message(&mut self.out, field, message_set);
        self.message(inner, depth)?;
        end_message(&mut self.out, field, message_set, mark);
        Ok(())
    }

    fn repeated(&mut self, id: u32, field: &FieldPlan, depth: usize) -> Result<()> {
        self.lexer.expect(b'[', "an array")?;
        if self.lexer.take(b']') {
            return Ok(());
        }
        if field.packed && field.packable() {
            let start = self.out.len();
            wire::put_tag(&mut self.out, field.number, WireType::Length);
            let mark = begin(&mut self.out);
            let mut any = false;
            loop {
                if let Some(bits) = self.number_bits(field.ty)? {
                    put_number(&mut self.out, field, bits);
                    any = true;
                }
                if !self.lexer.more(b']')? {
                    break;
                }
            }
            if any {
                end(&mut self.out, mark)
            } else {
                self.out.truncate(start)
            }
            return Ok(());
        }
        loop {
            match field.ty {
                FieldType::Message(inner) | FieldType::Group(inner) => {
                    if self.lexer.kind()? == Kind::Null && !self.takes_null(field.ty) {
                        return Err(self.lexer.unexpected("an object: null is not allowed in a list"));
                    }
                    self.sub_message(field, inner, false, depth)?;
                }
                _ => drop(self.scalar(id, field, true)?),
            }
            if !self.lexer.more(b']')? {
                return Ok(());
            }
        }
    }

    fn map(&mut self, field: &FieldPlan, entry: MessageId, depth: usize) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
        let (key_id, parts) = self.codec.fields_of(entry);
        let (key, value) = (&parts[0], &parts[1]);
        let mut keys = KeySet::default();
        self.lexer.expect(b'{', "an object")?;
        let mut more = !self.lexer.take(b'}');
        while more {
            let start = self.out.len();
            wire::put_tag(&mut self.out, field.number, WireType::Length);
            let mark = begin(&mut self.out);
            let at = self.lexer.offset();
            let raw = self.lexer.string()?;
            let map_key = self.map_key(key, raw, at)?;
            if !keys.insert(map_key) {
                return Err(self.lexer.error_at(
                    at,
                    format_args!("A map has the key {} twice", String::from_utf8_lossy(raw.bytes)),
                ));
            }
            self.lexer.expect(b':', "':'")?;
            if self.lexer.kind()? == Kind::Null && !self.takes_null(value.ty) {
                return Err(self.lexer.unexpected("a value: null is not allowed in a map"));
            }
            let kept = match value.ty {
                FieldType::Message(inner) | FieldType::Group(inner) => {
                    self.sub_message(value, inner, false, depth)?;
                    true
                }
                _ => self.scalar(key_id + 1, value, true)?,
            };
            if kept {
                end(&mut self.out, mark)
            } else {
                self.out.truncate(start)
            }
            more = self.lexer.more(b'}')?;
        }
        Ok(())
    }

    /// Writes a map key: any JSON string, read as the key's type.
    fn map_key(&mut self, key: &FieldPlan, raw: RawStr<'a>, at: usize) -> Result<MapKey<'a>> {
        let text = self.text(raw)?;
        if key.ty == FieldType::String {
            wire::put_tag(&mut self.out, key.number, WireType::Length);
            wire::put_bytes(&mut self.out, &text);
            return Ok(MapKey::Text(text));
        }
        let bits = match (key.ty, &*text) {
            (FieldType::Bool, b"true") => 1,
            (FieldType::Bool, b"false") => 0,
            (FieldType::Bool, _) => {
                return Err(self
                    .lexer
                    .error_at(at, "A key of this map must be \"true\" or \"false\""));
            }
            _ => {
                let number = std::str::from_utf8(&text)
                    .ok()
                    .and_then(Number::whole)
                    .ok_or(Misfit::NotInteger);
                number.and_then(|number| integer_bits(key.ty, number)).map_err(|_| {
                    self.lexer.error_at(
                        at,
                        format_args!("{:?} is not {}", String::from_utf8_lossy(&text), type_name(key.ty)),
                    )
                })?
            }
        };
        wire::put_tag(&mut self.out, key.number, key.wire_type);
        put_number(&mut self.out, key, bits);
        Ok(MapKey::Number(bits))
    }
}
