//! Messages for JavaScript where code generation is not allowed: a tape from which a small table-driven reader builds
//! objects, and the reverse.
//!
//! **Reading.** A tape is a list of 32-bit words with one record per value, in the order and with the meaning that
//! the scanner gives them: oneofs are settled, parts merged, duplicate map keys removed, packed runs split. A record
//! is a field id followed by
//! - for a number, bool or enum: its low and high half, zigzag decoded and sign-extended;
//! - for a string or bytes: its start and end in the input;
//! - for a message, group or map entry: its records and [`END`];
//! - [`RAW`], start, end: an unknown field with its tag;
//! - [`CLOSED`], field number, value: an unknown number of a closed enum.
//!
//! **Writing.** The reverse is a string of bytes, because the JavaScript writer can already produce the wire form of
//! every scalar. A record is a varint, the field id plus [`WRITE_FIELDS`], followed by
//! - for a scalar: its wire form without a tag;
//! - for a message, group or map entry: its records and [`WRITE_END`];
//! - [`WRITE_RAW`], a length and so many bytes: unknown fields, to be copied unchanged.
//!
//! [`Codec::assemble`] adds what requires the schema: tags, lengths, groups, packed runs, message sets. It does not
//! change the order.

use super::{
    BinaryOptions, Codec, Error, ErrorKind, FieldType, Limits, Mark, Result, Scanner, Segment, UNKNOWN, begin, end,
};
use crate::proto::schema::MessageId;
use crate::proto::wire::{self, Reader, WireType};

/// Ends the records of one message.
pub const END: u32 = u32::MAX;
/// An unknown field.
pub const RAW: u32 = u32::MAX - 1;
/// An unknown number of a closed enum.
pub const CLOSED: u32 = u32::MAX - 2;

/// Ends the records of one message when writing.
pub const WRITE_END: u8 = 0;
/// Bytes to be copied unchanged.
pub const WRITE_RAW: u8 = 1;
/// The number added to a field id when writing.
pub const WRITE_FIELDS: u64 = 2;

impl Codec {
    /// Creates the tape of a message. Even without unknown fields it has [`CLOSED`] records, also one for a map entry
    /// that is unknown for this reason, because a reader that drops unknown fields may want to reject such a number.
    ///
    /// # Errors
    /// Those of [`Codec::normalize`].
    pub fn tape(&self, message: MessageId, input: &[u8], options: &BinaryOptions) -> Result<Vec<u32>> {
        let scanner = Scanner::new(self, input, &options.limits, options.check_required)?;
        let whole = scanner.whole();
        let mut writer = TapeWriter {
            scanner,
            tape: Vec::new(),
            unknown_fields: options.unknown_fields,
        };
        options
            .limits
            .descend(|levels| writer.message(message, &[whole], levels))?;
        Ok(writer.tape)
    }

    /// Creates the message from the records of a table-driven writer.
    ///
    /// # Errors
    /// An invalid tape, or an exceeded limit.
    pub fn assemble(&self, message: MessageId, tape: &[u8], limits: &Limits) -> Result<Vec<u8>> {
        limits.check_size(tape.len())?;
        let mut assembler = Assembler {
            codec: self,
            tape: Reader::new(tape),
            out: Vec::with_capacity(tape.len()),
        };
        limits.descend(|levels| assembler.records(self.message(message).message_set, levels))?;
        Ok(assembler.out)
    }
}

struct Assembler<'a> {
    codec: &'a Codec,
    tape: Reader<'a>,
    out: Vec<u8>,
}

impl Assembler<'_> {
    fn records(&mut self, message_set: bool, depth: usize) -> Result<()> {
        // The packed run that is being written, with its field.
        let mut run: Option<(u64, Mark)> = None;
        loop {
            let op = self.tape.varint()?;
            if let Some((field, mark)) = run
                && field != op
            {
                end(&mut self.out, mark);
                run = None;
            }
            if op == u64::from(WRITE_END) {
                return Ok(());
            }
            if op == u64::from(WRITE_RAW) {
                let raw = self.tape.bytes()?;
                self.out.extend_from_slice(raw);
                continue;
            }
            let id = (op - WRITE_FIELDS) as usize;
            if id >= self.codec.schema().fields.len() {
                return Err(Error::new(
                    ErrorKind::Wire,
                    "a tape names a field that is not in the schema",
                ));
            }
            let field = self.codec.field(id as u32);
            match field.ty {
                FieldType::Message(inner) | FieldType::Group(inner) => {
                    let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
                    let inner_set = self.codec.message(inner).message_set;
                    let mark = super::start_message(&mut self.out, field, message_set);
                    self.records(inner_set, depth)?;
                    super::end_message(&mut self.out, field, message_set, mark);
                }
                FieldType::String | FieldType::Bytes => {
                    let bytes = self.tape.bytes()?;
                    wire::put_tag(&mut self.out, field.number, WireType::Length);
                    wire::put_bytes(&mut self.out, bytes);
                }
                _ => {
                    if !field.packed {
                        wire::put_tag(&mut self.out, field.number, field.wire_type);
                    } else if run.is_none() {
                        wire::put_tag(&mut self.out, field.number, WireType::Length);
                        run = Some((op, begin(&mut self.out)));
                    }
                    match field.wire_type {
                        WireType::Fixed32 => self.out.extend_from_slice(&self.tape.fixed32()?.to_le_bytes()),
                        WireType::Fixed64 => self.out.extend_from_slice(&self.tape.fixed64()?.to_le_bytes()),
                        _ => wire::put_varint(&mut self.out, self.tape.varint()?),
                    }
                }
            }
        }
    }
}

struct TapeWriter<'a> {
    scanner: Scanner<'a>,
    tape: Vec<u32>,
    unknown_fields: bool,
}

impl TapeWriter<'_> {
    fn message(&mut self, message: MessageId, segments: &[Segment], depth: usize) -> Result<()> {
        let codec = self.scanner.codec;
        let level = self.scanner.scan(message, segments, depth)?;
        let mut at = level.start;
        while at < level.end {
            let mut run = self.scanner.run(at, level.end);
            at = run.end;
            let id = self.scanner.occurrences[run.start].field;
            if id == UNKNOWN {
                self.unknown(message, run, depth)?;
                continue;
            }
            let field = codec.field(id);
            match field.ty {
                FieldType::Message(inner) | FieldType::Group(inner) => {
                    let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
                    let segments = if field.map {
                        self.scanner.map_entries(run, inner, depth)?
                    } else {
                        self.scanner.segments(run)
                    };
                    let size = if field.repeated { 1 } else { segments.len() };
                    for part in segments.chunks(size) {
                        self.tape.push(id);
                        self.message(inner, part, depth)?;
                    }
                }
                FieldType::String | FieldType::Bytes => {
                    if !field.repeated {
                        run.start = run.end - 1;
                    }
                    for found in &self.scanner.occurrences[run] {
                        let (start, end) = found.segment();
                        self.tape.extend([id, start, end]);
                    }
                }
                ty => {
                    if !field.repeated {
                        run.start = run.end - 1;
                    }
                    let TapeWriter { scanner, tape, .. } = self;
                    scanner.numbers(run, |bits| {
                        let bits = ty.normal_bits(bits);
                        tape.extend([id, bits as u32, (bits >> 32) as u32]);
                        Ok(())
                    })?;
                }
            }
        }
        self.scanner.occurrences.truncate(level.start);
        self.tape.push(END);
        Ok(())
    }

    fn unknown(&mut self, message: MessageId, run: std::ops::Range<usize>, depth: usize) -> Result<()> {
        for index in run {
            let found = self.scanner.occurrences[index];
            let (high, low) = found.segment();
            if found.closed {
                self.tape.extend([CLOSED, high, low]);
            } else if self.unknown_fields {
                self.tape.extend([RAW, high, low]);
            } else if found.wire_type == WireType::Length {
                self.closed_entry(message, found.segment(), depth)?;
            }
        }
        Ok(())
    }

    /// Adds the record of a map entry that is unknown because its value is an unknown number of a closed enum.
    fn closed_entry(&mut self, message: MessageId, raw: Segment, depth: usize) -> Result<()> {
        let codec = self.scanner.codec;
        let mut reader = Reader::new(self.scanner.bytes(raw));
        let (number, _) = reader.tag()?;
        let field = codec.by_number(message, number).map(|id| codec.field(id));
        let Some(FieldType::Message(entry)) = field.filter(|field| field.closed_map).map(|field| field.ty) else {
            return Ok(());
        };
        let length = reader.bytes()?.len() as u32;
        let level = self.scanner.scan(entry, &[(raw.1 - length, raw.1)], depth)?;
        let closed = self.scanner.occurrences[level.clone()]
            .iter()
            .find(|found| found.closed);
        if let Some(value) = closed.map(|found| found.segment().1) {
            self.tape.extend([CLOSED, number, value]);
        }
        self.scanner.occurrences.truncate(level.start);
        Ok(())
    }
}
