//! Prints a binary message as canonical ProtoJSON.

use std::ops::Range;

use super::{lexer, number, string};
use crate::proto::codec::{Codec, Error, FieldPlan, FieldType, Limits, Occurrence, Result, Scanner, Segment, UNKNOWN};
use crate::proto::schema::{EnumId, FieldId, MessageId};

/// Options for writing JSON.
#[derive(Clone, Copy, Debug)]
pub struct PrintOptions {
    /// Limits on the input.
    pub limits: Limits,
    /// Whether a missing required field is an error.
    pub check_required: bool,
    /// Whether fields without presence, repeated fields and maps are written when they are unset.
    pub defaults: bool,
    /// Whether keys are the names as declared (`foo_bar`) instead of `fooBar`.
    pub proto_names: bool,
    /// Whether enums are written as numbers.
    pub enum_numbers: bool,
}

impl Default for PrintOptions {
    fn default() -> Self {
        PrintOptions {
            limits: Limits::default(),
            check_required: true,
            defaults: false,
            proto_names: false,
            enum_numbers: false,
        }
    }
}

impl Codec {
    /// Converts a binary message to JSON text (UTF-8). Unknown fields are left out, because JSON has no form for
    /// them.
    ///
    /// # Errors
    /// Any error of the binary message, a well-known type whose value has no JSON form, or an `Any` whose type is not
    /// in the schema.
    pub fn to_json(&self, message: MessageId, input: &[u8], options: &PrintOptions) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(input.len() * 3 + 16);
        self.to_json_into(message, input, options, &mut out)?;
        Ok(out)
    }

    /// Like [`Codec::to_json`], but writes to a reusable vector, which is cleared first.
    ///
    /// # Errors
    /// Those of [`Codec::to_json`].
    pub fn to_json_into(
        &self,
        message: MessageId,
        input: &[u8],
        options: &PrintOptions,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let scanner = Scanner::new(self, input, &options.limits, options.check_required)?;
        let whole = scanner.whole();
        out.clear();
        let mut printer = Printer {
            scanner,
            out: std::mem::take(out),
            options,
        };
        let written = options
            .limits
            .descend(|levels| printer.message(message, &[whole], levels));
        *out = printer.out;
        written
    }
}

/// Strings of up to this many bytes are copied as one block of this size.
const SHORT: usize = 16;

pub(super) struct Printer<'a> {
    pub scanner: Scanner<'a>,
    pub out: Vec<u8>,
    options: &'a PrintOptions,
}

impl<'a> Printer<'a> {
    /// Prints a message in the form of its type.
    pub fn message(&mut self, message: MessageId, segments: &[Segment], depth: usize) -> Result<()> {
        match self.scanner.codec.message(message).well_known {
            Some(well_known) => self.well_known(message, well_known, segments, depth),
            None => {
                self.out.push(b'{');
                self.fields(message, segments, depth)?;
                self.close(b'}');
                Ok(())
            }
        }
    }

    /// Prints `"key":value,` for each set field. [`Printer::close`] replaces the last comma.
    pub fn fields(&mut self, message: MessageId, segments: &[Segment], depth: usize) -> Result<()> {
        let codec = self.scanner.codec;
        let level = self.scanner.scan(message, segments, depth)?;
        let mut at = level.start;
        // The next declared field, if unset fields are written too.
        let mut next = codec.fields_of(message).0;
        while at < level.end {
            let id = self.scanner.occurrences[at].field;
            if id == UNKNOWN {
                break;
            }
            if self.options.defaults {
                self.unset(message, next..id);
                next = id + 1;
            }
            let run = self.scanner.run(at, level.end);
            at = run.end;
            self.field(id, run, depth)?;
        }
        if self.options.defaults {
            self.unset(message, next..u32::MAX);
        }
        self.scanner.occurrences.truncate(level.start);
        Ok(())
    }

    /// Closes an object or array. Each of its elements has written a comma after itself.
    #[inline]
    pub fn close(&mut self, bracket: u8) {
        match self.out.last_mut() {
            Some(last) if *last == b',' => *last = bracket,
            _ => self.out.push(bracket),
        }
    }

    #[inline]
    fn key(&mut self, id: u32, field: &FieldPlan) {
        let codec = self.scanner.codec;
        if self.options.proto_names {
            let declared = &codec.schema()[FieldId(id)];
            if !declared.is_extension {
                string::write_string(declared.name.as_bytes(), &mut self.out);
                self.out.push(b':');
                return;
            }
        }
        codec.put_json_key(field, &mut self.out);
    }

    fn field(&mut self, id: u32, run: Range<usize>, depth: usize) -> Result<()> {
        let field = self.scanner.codec.field(id);
        let start = self.out.len();
        self.key(id, field);
        match field.ty {
            FieldType::Message(entry) if field.map => self.map(entry, run, depth)?,
            _ if field.repeated => {
                self.out.push(b'[');
                self.repeated(field, run, depth)?;
                self.close(b']');
            }
            FieldType::Message(inner) | FieldType::Group(inner) => self.singular(inner, run, depth)?,
            _ => {
                let last = self.scanner.occurrences[run.end - 1];
                // With implicit presence, a zero counts as unset, so its key is removed again.
                if !field.presence && !self.options.defaults && self.is_default(field, last) {
                    self.out.truncate(start);
                    return Ok(());
                }
                self.value(field, last);
            }
        }
        self.out.push(b',');
        Ok(())
    }

    fn is_default(&self, field: &FieldPlan, last: Occurrence) -> bool {
        match field.ty {
            FieldType::String | FieldType::Bytes => last.segment().0 == last.segment().1,
            _ => field.ty.normal_bits(last.bits) == 0,
        }
    }

    pub fn singular(&mut self, inner: MessageId, run: Range<usize>, depth: usize) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
        if run.len() == 1 {
            let segment = self.scanner.occurrences[run.start].segment();
            return self.message(inner, &[segment], depth);
        }
        let segments = self.scanner.segments(run);
        self.message(inner, &segments, depth)
    }

    fn repeated(&mut self, field: &FieldPlan, run: Range<usize>, depth: usize) -> Result<()> {
        match field.ty {
            FieldType::Message(inner) | FieldType::Group(inner) => {
                let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
                for index in run {
                    let segment = self.scanner.occurrences[index].segment();
                    self.message(inner, &[segment], depth)?;
                    self.out.push(b',');
                }
            }
            FieldType::String | FieldType::Bytes => {
                for index in run {
                    self.value(field, self.scanner.occurrences[index]);
                    self.out.push(b',');
                }
            }
            _ => {
                let Printer { scanner, out, options } = self;
                scanner.numbers(run, |bits| {
                    write_number(scanner.codec, field.ty, bits, options, out);
                    out.push(b',');
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    pub fn map(&mut self, entry: MessageId, run: Range<usize>, depth: usize) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
        let codec = self.scanner.codec;
        let (key_id, parts) = codec.fields_of(entry);
        let (key, value) = (&parts[0], &parts[1]);
        self.out.push(b'{');
        for segment in self.scanner.map_entries(run, entry, depth)? {
            let level = self.scanner.scan(entry, &[segment], depth)?;
            let mut at = level.start;
            match self.scanner.occurrences.get(at) {
                Some(found) if found.field == key_id => {
                    let run = self.scanner.run(at, level.end);
                    at = run.end;
                    self.map_key(key, self.scanner.occurrences[run.end - 1]);
                }
                _ => self.out.extend_from_slice(if key.ty == FieldType::String {
                    b"\"\""
                } else {
                    map_key_default(key.ty)
                }),
            }
            self.out.push(b':');
            let set = at < level.end && self.scanner.occurrences[at].field == key_id + 1;
            match value.ty {
                FieldType::Message(inner) | FieldType::Group(inner) => {
                    let run = if set { self.scanner.run(at, level.end) } else { at..at };
                    self.singular(inner, run, depth)?;
                }
                _ if set => {
                    let run = self.scanner.run(at, level.end);
                    self.value(value, self.scanner.occurrences[run.end - 1]);
                }
                _ => self.default(FieldId(key_id + 1)),
            }
            self.scanner.occurrences.truncate(level.start);
            self.out.push(b',');
        }
        self.close(b'}');
        Ok(())
    }

    fn map_key(&mut self, key: &FieldPlan, found: Occurrence) {
        if key.ty == FieldType::String {
            return self.value(key, found);
        }
        // 64-bit integers are already quoted.
        let quoted = matches!(key.ty, FieldType::Int64 | FieldType::Uint64 | FieldType::Sint64)
            || matches!(key.ty, FieldType::Fixed64 | FieldType::Sfixed64);
        if quoted {
            return self.value(key, found);
        }
        self.out.push(b'"');
        self.value(key, found);
        self.out.push(b'"');
    }

    /// Prints a string that is valid UTF-8.
    #[inline]
    fn text(&mut self, segment: Segment) {
        let text = self.scanner.bytes(segment);
        self.out.push(b'"');
        match self.scanner.input[segment.0 as usize..].first_chunk::<SHORT>() {
            // A copy of constant length takes one or two moves. The excess is cut off again.
            Some(window) if text.len() <= SHORT && lexer::find_special(window, 0) >= text.len() => {
                let end = self.out.len() + text.len();
                self.out.extend_from_slice(window);
                self.out.truncate(end);
            }
            _ => string::write_escaped(text, &mut self.out),
        }
        self.out.push(b'"');
    }

    /// Prints a scalar.
    #[inline]
    pub fn value(&mut self, field: &FieldPlan, found: Occurrence) {
        match field.ty {
            FieldType::String => {
                if field.utf8 {
                    self.text(found.segment());
                } else {
                    string::write_string(self.scanner.bytes(found.segment()), &mut self.out);
                }
            }
            FieldType::Bytes => {
                self.out.push(b'"');
                string::write_base64(self.scanner.bytes(found.segment()), &mut self.out);
                self.out.push(b'"');
            }
            ty => write_number(self.scanner.codec, ty, found.bits, self.options, &mut self.out),
        }
    }

    /// Prints the default of an unset field.
    pub fn default(&mut self, id: FieldId) {
        let codec = self.scanner.codec;
        let ty = codec.field(id.0).ty;
        match ty {
            FieldType::String | FieldType::Bytes => self.out.extend_from_slice(b"\"\""),
            FieldType::Enum(id) | FieldType::ClosedEnum(id) => {
                let bits = codec.schema()[id].default_number() as i64 as u64;
                write_number(codec, ty, bits, self.options, &mut self.out);
            }
            _ => write_number(codec, ty, 0, self.options, &mut self.out),
        }
    }

    /// Prints the defaults of those fields among `ids` that are unset and have no presence.
    fn unset(&mut self, message: MessageId, ids: Range<u32>) {
        let codec = self.scanner.codec;
        let (first, plans) = codec.fields_of(message);
        let end = ids.end.min(first + plans.len() as u32);
        for id in ids.start..end {
            let field = codec.field(id);
            if field.presence {
                continue;
            }
            self.key(id, field);
            match (field.map, field.repeated) {
                (true, _) => self.out.extend_from_slice(b"{}"),
                (_, true) => self.out.extend_from_slice(b"[]"),
                _ => self.default(FieldId(id)),
            }
            self.out.push(b',');
        }
    }
}

fn map_key_default(ty: FieldType) -> &'static [u8] {
    if ty == FieldType::Bool { b"\"false\"" } else { b"\"0\"" }
}

/// Writes a number, bool or enum in its JSON form. 64-bit integers and non-finite floats are quoted.
pub(super) fn write_number(codec: &Codec, ty: FieldType, bits: u64, options: &PrintOptions, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let normal = ty.normal_bits(bits);
    match ty {
        FieldType::Int32 | FieldType::Sint32 | FieldType::Sfixed32 => {
            out.extend_from_slice(buffer.format(normal as i32).as_bytes());
        }
        FieldType::Uint32 | FieldType::Fixed32 => out.extend_from_slice(buffer.format(normal as u32).as_bytes()),
        FieldType::Int64 | FieldType::Sint64 | FieldType::Sfixed64 => {
            out.push(b'"');
            out.extend_from_slice(buffer.format(normal as i64).as_bytes());
            out.push(b'"');
        }
        FieldType::Uint64 | FieldType::Fixed64 => {
            out.push(b'"');
            out.extend_from_slice(buffer.format(normal).as_bytes());
            out.push(b'"');
        }
        FieldType::Bool => out.extend_from_slice(if normal == 0 { b"false" } else { b"true" }),
        FieldType::Float => number::write_f32(f32::from_bits(normal as u32), out),
        FieldType::Double => number::write_f64(f64::from_bits(normal), out),
        FieldType::Enum(id) | FieldType::ClosedEnum(id) => write_enum(codec, id, normal as i32, options, out),
        FieldType::String | FieldType::Bytes | FieldType::Message(_) | FieldType::Group(_) => {}
    }
}

fn write_enum(codec: &Codec, id: EnumId, number: i32, options: &PrintOptions, out: &mut Vec<u8>) {
    let enumeration = &codec.schema()[id];
    if enumeration.is_null_value {
        return out.extend_from_slice(b"null");
    }
    match enumeration.by_number(number) {
        Some(value) if !options.enum_numbers => string::write_string(value.name.as_bytes(), out),
        _ => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
    }
}
