//! Rewrites messages in canonical form: fields in order of declaration, the shortest varints, packed or unpacked as
//! the schema says, and parts of a message merged. Unknown fields are at the end, unchanged and in order.

use std::ops::Range;

use super::{Codec, Error, FieldPlan, FieldType, Limits, Occurrence, Result, Scanner, Segment, UNKNOWN};
use crate::proto::schema::MessageId;
use crate::proto::wire::{self, WireType};

/// How [`Codec::normalize`] reads and writes.
#[derive(Clone, Copy, Debug)]
pub struct BinaryOptions {
    /// Limits on the input.
    pub limits: Limits,
    /// Whether a missing required field is an error.
    pub check_required: bool,
    /// Whether unknown fields are kept.
    pub unknown_fields: bool,
}

impl Default for BinaryOptions {
    fn default() -> Self {
        BinaryOptions {
            limits: Limits::default(),
            check_required: true,
            unknown_fields: true,
        }
    }
}

impl Codec {
    /// Parses a message completely and rewrites it in canonical form.
    ///
    /// # Errors
    /// Any wire error, invalid UTF-8 in a verified string, a missing required field, or an exceeded limit.
    pub fn normalize(&self, message: MessageId, input: &[u8], options: &BinaryOptions) -> Result<Vec<u8>> {
        let scanner = Scanner::new(self, input, &options.limits, options.check_required)?;
        let whole = scanner.whole();
        let mut writer = Writer {
            scanner,
            out: Vec::with_capacity(input.len()),
            unknown_fields: options.unknown_fields,
        };
        options
            .limits
            .descend(|levels| writer.message(message, &[whole], levels))?;
        Ok(writer.out)
    }

    /// Parses a message completely to find errors.
    ///
    /// # Errors
    /// Those of [`Codec::normalize`].
    pub fn validate(&self, message: MessageId, input: &[u8], options: &BinaryOptions) -> Result<()> {
        let mut scanner = Scanner::new(self, input, &options.limits, options.check_required)?;
        let whole = scanner.whole();
        options
            .limits
            .descend(|levels| scanner.validate(message, &[whole], levels))
    }
}

struct Writer<'a> {
    scanner: Scanner<'a>,
    out: Vec<u8>,
    unknown_fields: bool,
}

impl Writer<'_> {
    fn message(&mut self, message: MessageId, segments: &[Segment], depth: usize) -> Result<()> {
        let codec = self.scanner.codec;
        let level = self.scanner.scan(message, segments, depth)?;
        let message_set = codec.message(message).message_set;
        let mut at = level.start;
        while at < level.end {
            let run = self.scanner.run(at, level.end);
            at = run.end;
            let id = self.scanner.occurrences[run.start].field;
            if id == UNKNOWN {
                self.unknown(run);
                continue;
            }
            let field = codec.field(id);
            match field.ty {
                FieldType::Message(entry) if field.map => self.map(field, entry, run, depth)?,
                FieldType::Message(inner) | FieldType::Group(inner) => {
                    self.messages(field, inner, run, depth, message_set)?;
                }
                FieldType::String | FieldType::Bytes if field.repeated => {
                    for index in run {
                        self.bytes(field.number, self.scanner.occurrences[index].segment());
                    }
                }
                FieldType::String | FieldType::Bytes => self.last_bytes(field, self.scanner.occurrences[run.end - 1]),
                _ if field.repeated => self.numbers(field, run)?,
                _ => self.last_number(field, self.scanner.occurrences[run.end - 1]),
            }
        }
        self.scanner.occurrences.truncate(level.start);
        Ok(())
    }

    fn messages(
        &mut self,
        field: &FieldPlan,
        inner: MessageId,
        run: Range<usize>,
        depth: usize,
        message_set: bool,
    ) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
        let mut segments = self.scanner.segments(run);
        let size = if field.repeated { 1 } else { segments.len() };
        for part in segments.chunks_mut(size) {
            let mark = super::start_message(&mut self.out, field, message_set);
            self.message(inner, part, depth)?;
            super::end_message(&mut self.out, field, message_set, mark);
        }
        Ok(())
    }

    /// A map entry always has both fields, even if they have default values.
    fn map(&mut self, field: &FieldPlan, entry: MessageId, run: Range<usize>, depth: usize) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
        let codec = self.scanner.codec;
        let (key_id, parts) = codec.fields_of(entry);
        for segment in self.scanner.map_entries(run, entry, depth)? {
            wire::put_tag(&mut self.out, field.number, WireType::Length);
            let mark = super::begin(&mut self.out);
            let level = self.scanner.scan(entry, &[segment], depth)?;
            for (offset, part) in parts.iter().enumerate() {
                let id = key_id + offset as u32;
                let from = level.clone().find(|&at| self.scanner.occurrences[at].field == id);
                match (from, part.ty) {
                    (Some(at), FieldType::Message(inner) | FieldType::Group(inner)) => {
                        let run = self.scanner.run(at, level.end);
                        self.messages(part, inner, run, depth, false)?;
                    }
                    (Some(at), FieldType::String | FieldType::Bytes) => {
                        let run = self.scanner.run(at, level.end);
                        self.bytes(part.number, self.scanner.occurrences[run.end - 1].segment());
                    }
                    (Some(at), _) => {
                        let run = self.scanner.run(at, level.end);
                        self.number(part, self.scanner.occurrences[run.end - 1].bits);
                    }
                    (None, FieldType::Message(_) | FieldType::String | FieldType::Bytes) => {
                        self.bytes(part.number, (0, 0))
                    }
                    (None, FieldType::Group(_)) => {
                        wire::put_tag(&mut self.out, part.number, WireType::StartGroup);
                        wire::put_tag(&mut self.out, part.number, WireType::EndGroup);
                    }
                    (None, FieldType::ClosedEnum(id)) => {
                        self.number(part, codec.schema()[id].default_number() as i64 as u64);
                    }
                    (None, _) => self.number(part, 0),
                }
            }
            self.scanner.occurrences.truncate(level.start);
            super::end(&mut self.out, mark);
        }
        Ok(())
    }

    fn bytes(&mut self, number: u32, segment: Segment) {
        wire::put_tag(&mut self.out, number, WireType::Length);
        wire::put_bytes(&mut self.out, self.scanner.bytes(segment));
    }

    fn last_bytes(&mut self, field: &FieldPlan, last: Occurrence) {
        let segment = last.segment();
        if field.presence || segment.0 < segment.1 {
            self.bytes(field.number, segment);
        }
    }

    fn last_number(&mut self, field: &FieldPlan, last: Occurrence) {
        if field.presence || field.ty.normal_bits(last.bits) != 0 {
            self.number(field, last.bits);
        }
    }

    fn number(&mut self, field: &FieldPlan, bits: u64) {
        wire::put_tag(&mut self.out, field.number, field.wire_type);
        put_number(&mut self.out, field, bits);
    }

    fn numbers(&mut self, field: &FieldPlan, run: Range<usize>) -> Result<()> {
        if field.packed {
            let out = &mut self.out;
            wire::put_tag(out, field.number, WireType::Length);
            let mark = super::begin(out);
            self.scanner.numbers(run, |bits| {
                put_number(out, field, bits);
                Ok(())
            })?;
            super::end(out, mark);
            return Ok(());
        }
        let out = &mut self.out;
        self.scanner.numbers(run, |bits| {
            wire::put_tag(out, field.number, field.wire_type);
            put_number(out, field, bits);
            Ok(())
        })
    }

    fn unknown(&mut self, run: Range<usize>) {
        if !self.unknown_fields {
            return;
        }
        for index in run {
            let occurrence = self.scanner.occurrences[index];
            if occurrence.closed {
                wire::put_tag(&mut self.out, (occurrence.bits >> 32) as u32, WireType::Varint);
                wire::put_varint(&mut self.out, i64::from(occurrence.bits as i32) as u64);
            } else {
                self.out.extend_from_slice(self.scanner.bytes(occurrence.segment()));
            }
        }
    }
}

fn put_number(out: &mut Vec<u8>, field: &FieldPlan, bits: u64) {
    match field.wire_type {
        WireType::Fixed32 => out.extend_from_slice(&(bits as u32).to_le_bytes()),
        WireType::Fixed64 => out.extend_from_slice(&bits.to_le_bytes()),
        _ => wire::put_varint(out, field.ty.wire_bits(field.ty.normal_bits(bits))),
    }
}
