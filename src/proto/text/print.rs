//! Prints a binary message as text format.

use std::ops::Range;

use super::lexer::is_bracketed;
use crate::proto::codec::{Codec, Error, FieldType, Limits, Result, Scanner, Segment, UNKNOWN};
use crate::proto::schema::{FieldId, MessageId, WellKnown};
use crate::proto::wire::{Reader, WireType};

/// Options for writing text format.
#[derive(Clone, Copy, Debug)]
pub struct TextPrintOptions {
    /// Limits on the input.
    pub limits: Limits,
    /// Whether a missing required field is an error.
    pub check_required: bool,
    /// Whether unknown fields are written with their numbers. Such text is readable, but cannot be parsed again.
    pub unknown_fields: bool,
    /// Whether everything is written on one line.
    pub single_line: bool,
}

impl Default for TextPrintOptions {
    fn default() -> Self {
        TextPrintOptions {
            limits: Limits::default(),
            check_required: true,
            unknown_fields: false,
            single_line: false,
        }
    }
}

impl Codec {
    /// Converts a binary message to text format (UTF-8), with one field per line.
    ///
    /// # Errors
    /// Any error of the binary message.
    pub fn to_text(&self, message: MessageId, input: &[u8], options: &TextPrintOptions) -> Result<Vec<u8>> {
        let scanner = Scanner::new(self, input, &options.limits, options.check_required)?;
        let whole = scanner.whole();
        let mut printer = Printer {
            scanner,
            out: Vec::with_capacity(input.len() * 2 + 16),
            indent: 0,
            options,
        };
        options
            .limits
            .descend(|levels| printer.fields(message, &[whole], levels))?;
        Ok(printer.out)
    }
}

struct Printer<'a> {
    scanner: Scanner<'a>,
    out: Vec<u8>,
    indent: usize,
    options: &'a TextPrintOptions,
}

impl Printer<'_> {
    fn fields(&mut self, message: MessageId, segments: &[Segment], depth: usize) -> Result<()> {
        let codec = self.scanner.codec;
        let level = self.scanner.scan(message, segments, depth)?;
        if codec.message(message).well_known == Some(WellKnown::Any) && self.any(&level, depth)? {
            self.scanner.occurrences.truncate(level.start);
            return Ok(());
        }
        let mut at = level.start;
        while at < level.end {
            let run = self.scanner.run(at, level.end);
            at = run.end;
            let id = self.scanner.occurrences[run.start].field;
            if id == UNKNOWN {
                if self.options.unknown_fields {
                    self.unknown(run, depth)?;
                }
                break;
            }
            self.field(id, run, depth)?;
        }
        self.scanner.occurrences.truncate(level.start);
        Ok(())
    }

    fn field(&mut self, id: u32, run: Range<usize>, depth: usize) -> Result<()> {
        let codec = self.scanner.codec;
        let field = codec.field(id);
        match field.ty {
            FieldType::Message(entry) if field.map => {
                let inner = depth.checked_sub(1).ok_or_else(Error::depth)?;
                for segment in self.scanner.map_entries(run, entry, inner)? {
                    self.entry(id, entry, segment, inner)?;
                }
            }
            FieldType::Message(inner) | FieldType::Group(inner) if field.repeated => {
                for index in run {
                    let segment = self.scanner.occurrences[index].segment();
                    self.message(id, inner, &[segment], depth)?;
                }
            }
            FieldType::Message(inner) | FieldType::Group(inner) => {
                let segments = self.scanner.segments(run);
                self.message(id, inner, &segments, depth)?;
            }
            FieldType::String | FieldType::Bytes if field.repeated => {
                for index in run {
                    self.string(id, self.scanner.occurrences[index].segment());
                }
            }
            FieldType::String | FieldType::Bytes => {
                let last = self.scanner.occurrences[run.end - 1];
                let segment = last.segment();
                if field.presence || segment.0 < segment.1 {
                    self.string(id, segment);
                }
            }
            _ if field.repeated => {
                let mut numbers = Vec::new();
                self.scanner.numbers(run, |bits| {
                    numbers.push(bits);
                    Ok(())
                })?;
                for bits in numbers {
                    self.number(id, field.ty, bits);
                }
            }
            _ => {
                let bits = self.scanner.occurrences[run.end - 1].bits;
                if field.presence || field.ty.normal_bits(bits) != 0 {
                    self.number(id, field.ty, bits);
                }
            }
        }
        Ok(())
    }

    fn message(&mut self, id: u32, inner: MessageId, segments: &[Segment], depth: usize) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
        self.start_line();
        self.name(id);
        self.braces(|printer| printer.fields(inner, segments, depth))
    }

    /// Prints a map entry. Both fields are printed, even with default values.
    fn entry(&mut self, id: u32, entry: MessageId, segment: Segment, depth: usize) -> Result<()> {
        let codec = self.scanner.codec;
        let level = self.scanner.scan(entry, &[segment], depth)?;
        let (first, parts) = codec.fields_of(entry);
        self.start_line();
        self.name(id);
        self.braces(|printer| {
            for (part, id) in parts.iter().zip(first..) {
                let found = level.clone().find(|&at| printer.scanner.occurrences[at].field == id);
                let run = found.map(|at| printer.scanner.run(at, level.end));
                let last = run.clone().map(|run| printer.scanner.occurrences[run.end - 1]);
                match part.ty {
                    FieldType::Message(inner) | FieldType::Group(inner) => {
                        let segments = run.map(|run| printer.scanner.segments(run)).unwrap_or_default();
                        printer.message(id, inner, &segments, depth)?;
                    }
                    FieldType::String | FieldType::Bytes => {
                        printer.string(id, last.map_or((0, 0), |last| last.segment()));
                    }
                    FieldType::ClosedEnum(enumeration) if last.is_none() => {
                        let default = codec.schema()[enumeration].default_number();
                        printer.number(id, part.ty, default as i64 as u64);
                    }
                    ty => printer.number(id, ty, last.map_or(0, |last| last.bits)),
                }
            }
            Ok(())
        })?;
        self.scanner.occurrences.truncate(level.start);
        Ok(())
    }

    fn braces(&mut self, body: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.out.extend_from_slice(b" {");
        self.end_line();
        self.indent += 1;
        body(self)?;
        self.indent -= 1;
        self.start_line();
        self.out.push(b'}');
        self.end_line();
        Ok(())
    }

    fn start_line(&mut self) {
        if !self.options.single_line {
            self.out.resize(self.out.len() + self.indent * 2, b' ');
        }
    }

    fn end_line(&mut self) {
        self.out.push(if self.options.single_line { b' ' } else { b'\n' });
    }

    fn name(&mut self, id: u32) {
        let codec = self.scanner.codec;
        let declared = &codec.schema()[FieldId(id)];
        let name = match codec.group_name(FieldId(id)) {
            Some(name) if !declared.is_extension => name.to_owned(),
            _ => codec.field_name(id),
        };
        self.out.extend_from_slice(name.as_bytes());
    }

    fn string(&mut self, id: u32, segment: Segment) {
        self.start_line();
        self.name(id);
        self.out.extend_from_slice(b": ");
        let utf8 = self.scanner.codec.field(id).ty == FieldType::String;
        quote(self.scanner.bytes(segment), utf8, &mut self.out);
        self.end_line();
    }

    fn number(&mut self, id: u32, ty: FieldType, bits: u64) {
        self.start_line();
        self.name(id);
        self.out.extend_from_slice(b": ");
        let normal = ty.normal_bits(bits);
        let text = match ty {
            FieldType::Double => float(
                f64::from_bits(normal),
                zmij::Buffer::new().format(f64::from_bits(normal)),
            ),
            FieldType::Float => {
                let value = f32::from_bits(normal as u32);
                float(value.into(), zmij::Buffer::new().format(value))
            }
            FieldType::Bool => (normal != 0).to_string(),
            FieldType::Uint64 | FieldType::Fixed64 => normal.to_string(),
            FieldType::Uint32 | FieldType::Fixed32 => (normal as u32).to_string(),
            FieldType::Enum(id) | FieldType::ClosedEnum(id) => {
                let value = self.scanner.codec.schema()[id].by_number(normal as i32);
                value.map_or_else(|| (normal as i32).to_string(), |value| value.name.to_string())
            }
            _ => (normal as i64).to_string(),
        };
        self.out.extend_from_slice(text.as_bytes());
        self.end_line();
    }

    /// Prints an `Any` in expanded form if its type is in the schema. Returns `false` if its two fields must be
    /// printed instead.
    fn any(&mut self, level: &Range<usize>, depth: usize) -> Result<bool> {
        let codec = self.scanner.codec;
        let find = |number: u32| {
            let occurrences = &self.scanner.occurrences[level.clone()];
            occurrences
                .iter()
                .rfind(|found| found.field != UNKNOWN && codec.field(found.field).number == number)
        };
        let (url, value) = (find(1).copied(), find(2).copied());
        let Some(url) = url.map(|url| self.scanner.bytes(url.segment())) else {
            return Ok(false);
        };
        if !url.iter().all(|byte| is_bracketed(*byte)) {
            return Ok(false);
        }
        let Ok(message) = codec.resolve_any(url) else {
            return Ok(false);
        };
        let inner = depth.checked_sub(1).ok_or_else(Error::depth)?;
        let (start, indent, top) = (self.out.len(), self.indent, self.scanner.occurrences.len());
        self.start_line();
        self.out.push(b'[');
        self.out.extend_from_slice(url);
        self.out.push(b']');
        let value = value.map_or((0, 0), |value| value.segment());
        if self.braces(|printer| printer.fields(message, &[value], inner)).is_err() {
            // The value is not valid for the type, so the fields are printed as they are.
            self.out.truncate(start);
            self.indent = indent;
            self.scanner.occurrences.truncate(top);
            return Ok(false);
        }
        Ok(true)
    }

    fn unknown(&mut self, run: Range<usize>, depth: usize) -> Result<()> {
        for index in run {
            let found = self.scanner.occurrences[index];
            if found.closed {
                self.start_line();
                let text = format!("{}: {}", found.bits >> 32, i64::from(found.bits as i32) as u64);
                self.out.extend_from_slice(text.as_bytes());
                self.end_line();
            } else {
                self.unknown_fields(self.scanner.bytes(found.segment()), depth)?;
            }
        }
        Ok(())
    }

    /// Prints fields about which only the wire format is known.
    fn unknown_fields(&mut self, bytes: &[u8], depth: usize) -> Result<()> {
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            let (number, wire_type) = reader.tag()?;
            self.start_line();
            self.out.extend_from_slice(number.to_string().as_bytes());
            match wire_type {
                WireType::Varint => self.out.extend_from_slice(format!(": {}", reader.varint()?).as_bytes()),
                WireType::Fixed32 => self
                    .out
                    .extend_from_slice(format!(": 0x{:08x}", reader.fixed32()?).as_bytes()),
                WireType::Fixed64 => self
                    .out
                    .extend_from_slice(format!(": 0x{:016x}", reader.fixed64()?).as_bytes()),
                WireType::Length => {
                    let inner = reader.bytes()?;
                    if looks_like_a_message(inner, depth) {
                        self.braces(|printer| printer.unknown_fields(inner, depth - 1))?;
                        continue;
                    }
                    self.out.extend_from_slice(b": ");
                    quote(inner, false, &mut self.out);
                }
                WireType::StartGroup | WireType::EndGroup => {
                    let inner = depth.checked_sub(1).ok_or_else(Error::depth)?;
                    let start = reader.position();
                    let end = crate::proto::codec::group_body(&mut reader, number, depth)?;
                    self.braces(|printer| printer.unknown_fields(&bytes[start..end], inner))?;
                    continue;
                }
            }
            self.end_line();
        }
        Ok(())
    }
}

/// Guesses whether bytes are the fields of a message.
fn looks_like_a_message(bytes: &[u8], depth: usize) -> bool {
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let fine = reader.tag().and_then(|(number, wire_type)| {
            reader.skip(number, wire_type, depth.saturating_sub(1))?;
            Ok(number != 0)
        });
        if fine != Ok(true) {
            return false;
        }
    }
    depth > 0 && !bytes.is_empty()
}

fn float(value: f64, shortest: &str) -> String {
    match value {
        f64::INFINITY => "inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        _ if value.is_nan() => "nan".to_owned(),
        _ => shortest.strip_suffix(".0").unwrap_or(shortest).to_owned(),
    }
}

/// Appends a string literal. Valid UTF-8 stays readable; all other bytes become octal escapes.
fn quote(bytes: &[u8], utf8: bool, out: &mut Vec<u8>) {
    let readable = utf8 && std::str::from_utf8(bytes).is_ok();
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'"' | b'\'' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            0x80.. if readable => out.push(byte),
            _ => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    out.push(b'"');
}
