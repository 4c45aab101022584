//! Messages for JavaScript where no code may be generated: the tape that a small table-driven reader builds objects from, and the
//! way back.
//!
//! **Reading.** A tape is a list of 32-bit words, a record per value, in the order and with the meaning that the scanner gives them:
//! oneofs settled, parts merged, doubled map keys gone, packed runs taken apart. A record is a field id and
//! - for a number, bool or enum its low and high half, zigzag undone, sign-extended;
//! - for a string or bytes where it starts and ends in the input;
//! - for a message, group or map entry its records and [`END`];
//! - [`RAW`], start, end: an unknown field as it came, tag included;
//! - [`CLOSED`], field number, value: a number that a closed enum does not know.
//!
//! **Writing.** A table-driven writer puts tags and values down without looking ahead, so that it cannot know the length of a message:
//! it writes every message as a group and every packed value on its own. [`Codec::assemble`] makes of that what the schema says.

use super::{BinaryOptions, Codec, Error, FieldType, Result, Scanner, Segment, UNKNOWN};
use crate::proto::schema::MessageId;

/// Ends the records of one message.
pub const END: u32 = u32::MAX;
/// An unknown field.
pub const RAW: u32 = u32::MAX - 1;
/// An unknown number of a closed enum.
pub const CLOSED: u32 = u32::MAX - 2;

impl Codec {
    /// The tape of a message.
    ///
    /// # Errors
    /// As [`Codec::normalize`].
    pub fn tape(&self, message: MessageId, input: &[u8], options: &BinaryOptions) -> Result<Vec<u32>> {
        let scanner = Scanner::new(self, input, &options.limits, options.check_required)?;
        let whole = scanner.whole();
        let mut writer = TapeWriter {
            scanner,
            tape: Vec::new(),
            unknown_fields: options.unknown_fields,
        };
        writer.message(message, &[whole], options.limits.levels())?;
        Ok(writer.tape)
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
                if self.unknown_fields {
                    self.unknown(run);
                }
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

    fn unknown(&mut self, run: std::ops::Range<usize>) {
        for found in &self.scanner.occurrences[run] {
            let (high, low) = found.segment();
            self.tape.extend([if found.closed { CLOSED } else { RAW }, high, low]);
        }
    }
}
