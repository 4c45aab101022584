//! Prints well-known types as JSON.
//!
//! The plan guarantees that they have the expected fields: a message that only has the name of a well-known type is
//! treated as an ordinary message.

use super::print::Printer;
use super::{number, string, time};
use crate::proto::codec::{Codec, Error, ErrorKind, FieldType, Occurrence, Result, Segment, UNKNOWN};
use crate::proto::schema::{FieldId, MessageId, WellKnown};

impl Printer<'_> {
    pub(super) fn well_known(
        &mut self,
        message: MessageId,
        well_known: WellKnown,
        segments: &[Segment],
        depth: usize,
    ) -> Result<()> {
        match well_known {
            WellKnown::Any => self.any(message, segments, depth),
            WellKnown::Timestamp | WellKnown::Duration => self.time(message, well_known, segments, depth),
            WellKnown::FieldMask => self.field_mask(message, segments, depth),
            WellKnown::Struct => self.structure(message, segments, depth),
            WellKnown::ListValue => self.list(message, segments, depth),
            WellKnown::Value => self.dynamic_value(message, segments, depth),
            WellKnown::Empty => {
                self.out.push(b'{');
                self.fields(message, segments, depth)?;
                self.close(b'}');
                Ok(())
            }
            _ => self.wrapper(message, segments, depth),
        }
    }

    /// The last value of field `number`, if it has this wire type.
    fn last(&self, message: MessageId, level: &std::ops::Range<usize>, number: u32) -> Option<Occurrence> {
        let id = self.scanner.codec.by_number(message, number)?;
        self.scanner.occurrences[level.clone()]
            .iter()
            .rfind(|occurrence| occurrence.field == id)
            .copied()
    }

    fn wrapper(&mut self, message: MessageId, segments: &[Segment], depth: usize) -> Result<()> {
        let level = self.scanner.scan(message, segments, depth)?;
        let (id, plans) = self.scanner.codec.fields_of(message);
        match self.last(message, &level, 1) {
            Some(found) => self.value(&plans[0], found),
            None => self.default(FieldId(id)),
        }
        self.scanner.occurrences.truncate(level.start);
        Ok(())
    }

    fn time(&mut self, message: MessageId, well_known: WellKnown, segments: &[Segment], depth: usize) -> Result<()> {
        let level = self.scanner.scan(message, segments, depth)?;
        let seconds = self.last(message, &level, 1).map_or(0, |found| found.bits as i64);
        let nanos = self.last(message, &level, 2).map_or(0, |found| found.bits as i32);
        self.scanner.occurrences.truncate(level.start);
        self.out.push(b'"');
        let written = match well_known {
            WellKnown::Timestamp => time::write_timestamp(seconds, nanos, &mut self.out),
            _ => time::write_duration(seconds, nanos, &mut self.out),
        };
        self.out.push(b'"');
        written.ok_or_else(|| {
            let name = &self.scanner.codec.schema()[message].full_name;
            Error::unrepresentable(format!("{name} of {seconds} seconds and {nanos} nanos is out of range"))
        })
    }

    fn field_mask(&mut self, message: MessageId, segments: &[Segment], depth: usize) -> Result<()> {
        let level = self.scanner.scan(message, segments, depth)?;
        let id = self.scanner.codec.by_number(message, 1);
        self.out.push(b'"');
        let mut first = true;
        for index in level.clone() {
            let occurrence = self.scanner.occurrences[index];
            if Some(occurrence.field) != id {
                continue;
            }
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            let path = self.scanner.bytes(occurrence.segment());
            string::mask_to_json(path, &mut self.out).ok_or_else(|| {
                let path = String::from_utf8_lossy(path);
                Error::unrepresentable(format!(
                    "The path {path:?} of a FieldMask cannot be converted to JSON and back"
                ))
            })?;
        }
        self.scanner.occurrences.truncate(level.start);
        self.out.push(b'"');
        Ok(())
    }

    /// Prints `Struct` as an object: its only field is a map, which is printed as one.
    fn structure(&mut self, message: MessageId, segments: &[Segment], depth: usize) -> Result<()> {
        let level = self.scanner.scan(message, segments, depth)?;
        let (id, plans) = self.scanner.codec.fields_of(message);
        let known = self.scanner.occurrences[level.clone()]
            .iter()
            .take_while(|found| found.field == id)
            .count();
        if let FieldType::Message(entry) = plans[0].ty {
            self.map(entry, level.start..level.start + known, depth)?;
        }
        self.scanner.occurrences.truncate(level.start);
        Ok(())
    }

    fn list(&mut self, message: MessageId, segments: &[Segment], depth: usize) -> Result<()> {
        let level = self.scanner.scan(message, segments, depth)?;
        let (id, plans) = self.scanner.codec.fields_of(message);
        self.out.push(b'[');
        for index in level.clone() {
            if let (true, FieldType::Message(value)) = (self.scanner.occurrences[index].field == id, plans[0].ty) {
                self.singular(value, index..index + 1, depth)?;
                self.out.push(b',');
            }
        }
        self.close(b']');
        self.scanner.occurrences.truncate(level.start);
        Ok(())
    }

    fn dynamic_value(&mut self, message: MessageId, segments: &[Segment], depth: usize) -> Result<()> {
        let codec = self.scanner.codec;
        let level = self.scanner.scan(message, segments, depth)?;
        // One member of the oneof is left. It may be a message in several parts.
        let found = self.scanner.occurrences[level.clone()]
            .first()
            .filter(|found| found.field != UNKNOWN);
        let Some(&found) = found else {
            return Err(Error::unrepresentable(
                "A google.protobuf.Value has none of its kinds set",
            ));
        };
        let run = self.scanner.run(level.start, level.end);
        let field = codec.field(found.field);
        let last = self.scanner.occurrences[run.end - 1];
        match field.ty {
            FieldType::Message(inner) | FieldType::Group(inner) => self.singular(inner, run, depth)?,
            FieldType::Double => {
                let value = f64::from_bits(last.bits);
                if !value.is_finite() {
                    return Err(Error::unrepresentable(format!(
                        "A google.protobuf.Value of {value} has no JSON form"
                    )));
                }
                number::write_f64(value, &mut self.out);
            }
            FieldType::Enum(_) | FieldType::ClosedEnum(_) => self.out.extend_from_slice(b"null"),
            _ => self.value(field, last),
        }
        self.scanner.occurrences.truncate(level.start);
        Ok(())
    }

    fn any(&mut self, message: MessageId, segments: &[Segment], depth: usize) -> Result<()> {
        let level = self.scanner.scan(message, segments, depth)?;
        let url = self.last(message, &level, 1).map_or((0, 0), |found| found.segment());
        let value = self.last(message, &level, 2).map_or((0, 0), |found| found.segment());
        self.scanner.occurrences.truncate(level.start);
        let url = self.scanner.bytes(url);
        if url.is_empty() && value.0 == value.1 {
            self.out.extend_from_slice(b"{}");
            return Ok(());
        }
        let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
        let inner = self.scanner.codec.resolve_any(url)?;
        self.out.extend_from_slice(b"{\"@type\":");
        string::write_string(url, &mut self.out);
        self.out.push(b',');
        match self.scanner.codec.message(inner).well_known {
            None | Some(WellKnown::Empty) => self.fields(inner, &[value], depth)?,
            Some(well_known) => {
                self.out.extend_from_slice(b"\"value\":");
                self.well_known(inner, well_known, &[value], depth)?;
                self.out.push(b'}');
                return Ok(());
            }
        }
        self.close(b'}');
        Ok(())
    }
}

impl Codec {
    /// The message that the type URL of an `Any` names after its last slash.
    pub(in crate::proto) fn resolve_any(&self, url: &[u8]) -> Result<MessageId> {
        let name = std::str::from_utf8(url)
            .ok()
            .and_then(|url| url.rsplit_once('/'))
            .map(|(_, name)| name);
        name.and_then(|name| self.schema().message_by_name(name))
            .ok_or_else(|| {
                let url = String::from_utf8_lossy(url);
                Error::new(
                    ErrorKind::Unrepresentable,
                    format!("The type {url:?} of an Any is not in the schema"),
                )
            })
    }
}
