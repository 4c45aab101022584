//! The index of one message: the positions of its fields.
//!
//! A scan reads the tags of one level and skips nested messages by their length. The result is a sorted list of
//! occurrences to which the rules of the wire format are already applied, so that printing is a walk over the list. A
//! nested message is scanned when the walk reaches it.

use std::collections::HashMap;
use std::ops::Range;

use super::{Codec, Error, ErrorKind, FieldType, Limits, Result};
use crate::proto::schema::MessageId;
use crate::proto::wire::{Reader, WireError, WireType};

/// The field id of unknown fields. They sort after all others.
pub(in crate::proto) const UNKNOWN: u32 = u32::MAX;

/// The bytes `start..end` of the input. A message that occurs several times has several segments, which are read in
/// turn.
pub(in crate::proto) type Segment = (u32, u32);

/// One value in the input.
#[derive(Clone, Copy, Debug)]
pub(in crate::proto) struct Occurrence {
    /// The field's id, [`UNKNOWN`] for an unknown field.
    pub field: u32,
    pub wire_type: WireType,
    /// Whether it is an unknown number of a closed enum, to be kept as an unknown varint. `field` is [`UNKNOWN`]
    /// then, the upper half of `bits` is the number of the field, and the lower half is the enum's number.
    pub closed: bool,
    /// The value of a varint or fixed-width number. For others, the segment, which for an unknown field includes the
    /// tag.
    pub bits: u64,
}

impl Occurrence {
    #[inline]
    fn span(field: u32, wire_type: WireType, start: usize, end: usize) -> Self {
        Occurrence {
            field,
            wire_type,
            closed: false,
            bits: (start as u64) << 32 | end as u64,
        }
    }

    /// The segment of a length-prefixed value, a group or an unknown field.
    #[inline]
    pub fn segment(&self) -> Segment {
        ((self.bits >> 32) as u32, self.bits as u32)
    }
}

/// A map key, which can be compared independently of its encoding.
#[derive(PartialEq, Eq, Hash)]
enum MapKey<'a> {
    Number(u64),
    Text(&'a [u8]),
}

/// Indexes the messages of one input.
pub(in crate::proto) struct Scanner<'a> {
    pub codec: &'a Codec,
    pub input: &'a [u8],
    /// A stack. The occurrences of a level are above those of the levels around it.
    pub occurrences: Vec<Occurrence>,
    values: usize,
    /// Whether a missing required field is an error.
    check_required: bool,
}

impl<'a> Scanner<'a> {
    /// Creates a scanner. The input must not be longer than [`super::MAX_SIZE`].
    pub fn new(codec: &'a Codec, input: &'a [u8], limits: &Limits, check_required: bool) -> Result<Self> {
        limits.check_size(input.len())?;
        Ok(Scanner {
            codec,
            input,
            // Four kilobytes are enough for most messages, so they are allocated at once.
            occurrences: Vec::with_capacity(256),
            values: limits.values,
            check_required,
        })
    }

    /// The whole input as a segment.
    pub fn whole(&self) -> Segment {
        (0, self.input.len() as u32)
    }

    #[inline]
    pub fn bytes(&self, segment: Segment) -> &'a [u8] {
        &self.input[segment.0 as usize..segment.1 as usize]
    }

    /// Indexes a message and returns its range of [`Scanner::occurrences`]: in order of declaration, then extensions
    /// and unknown fields, and several values of a field in order of appearance. The caller must truncate the vector
    /// to the start of the range when it is done. `depth` is the number of levels that may be entered inside.
    pub fn scan(&mut self, message: MessageId, segments: &[Segment], depth: usize) -> Result<Range<usize>> {
        let start = self.occurrences.len();
        for &segment in segments {
            self.scan_segment(message, segment, depth)?;
        }
        let plan = self.codec.message(message);
        if plan.oneofs {
            self.settle_oneofs(start, depth)?;
        }
        let level = &mut self.occurrences[start..];
        if !level.is_sorted_by_key(|occurrence| occurrence.field) {
            level.sort_by_key(|occurrence| occurrence.field);
        }
        if self.check_required && !plan.required.is_empty() {
            self.require(message, start)?;
        }
        Ok(start..self.occurrences.len())
    }

    /// Parses a message completely to find errors.
    pub fn validate(&mut self, message: MessageId, segments: &[Segment], depth: usize) -> Result<()> {
        let level = self.scan(message, segments, depth)?;
        let mut at = level.start;
        while at < level.end {
            let occurrence = self.occurrences[at];
            let run = self.run(at, level.end);
            at = run.end;
            if occurrence.field == UNKNOWN {
                break;
            }
            let field = self.codec.field(occurrence.field);
            if let FieldType::Message(id) | FieldType::Group(id) = field.ty {
                let inner = depth.checked_sub(1).ok_or_else(Error::depth)?;
                if field.repeated {
                    let segments = if field.map {
                        self.map_entries(run, id, inner)?
                    } else {
                        self.segments(run)
                    };
                    for segment in segments {
                        self.validate(id, &[segment], inner)?;
                    }
                } else {
                    self.validate(id, &self.segments(run), inner)?;
                }
            }
        }
        self.occurrences.truncate(level.start);
        Ok(())
    }

    /// Checks a message that a later value has replaced. It may lack required fields, but must be valid otherwise.
    fn validate_displaced(&mut self, message: MessageId, segment: Segment, depth: usize) -> Result<()> {
        let check_required = std::mem::replace(&mut self.check_required, false);
        let valid = self.validate(message, &[segment], depth);
        self.check_required = check_required;
        valid
    }

    /// The occurrences of the same field from `at` on.
    #[inline]
    pub fn run(&self, at: usize, end: usize) -> Range<usize> {
        let field = self.occurrences[at].field;
        let mut next = at + 1;
        while next < end && self.occurrences[next].field == field {
            next += 1;
        }
        at..next
    }

    /// The segments of a run. A singular message that occurs several times consists of all of them, merged.
    pub fn segments(&self, run: Range<usize>) -> Vec<Segment> {
        self.occurrences[run].iter().map(Occurrence::segment).collect()
    }

    /// Calls `each` with the numbers of a packable field, packed or not, in the form of [`Occurrence::bits`].
    pub fn numbers(&self, run: Range<usize>, mut each: impl FnMut(u64) -> Result<()>) -> Result<()> {
        for occurrence in &self.occurrences[run] {
            if occurrence.wire_type != WireType::Length {
                each(occurrence.bits)?;
                continue;
            }
            let mut reader = Reader::new(self.bytes(occurrence.segment()));
            let wire_type = self.codec.field(occurrence.field).wire_type;
            while !reader.is_empty() {
                each(match wire_type {
                    WireType::Fixed32 => reader.fixed32()?.into(),
                    WireType::Fixed64 => reader.fixed64()?,
                    _ => reader.varint()?,
                })?;
            }
        }
        Ok(())
    }

    /// The entries of a map field that count: for each key the last entry, at the position of the first.
    pub fn map_entries(&mut self, run: Range<usize>, entry: MessageId, depth: usize) -> Result<Vec<Segment>> {
        let mut entries = self.segments(run);
        if entries.len() < 2 {
            return Ok(entries);
        }
        let (key_id, _) = self.codec.fields_of(entry);
        let key_type = self.codec.field(key_id).ty;
        let mut first: HashMap<MapKey<'a>, usize> = HashMap::with_capacity(entries.len());
        let mut kept = 0;
        for index in 0..entries.len() {
            let segment = entries[index];
            let level = self.scan(entry, &[segment], depth)?;
            let key = self.occurrences[level.clone()]
                .iter()
                .rfind(|occurrence| occurrence.field == key_id);
            let key = match key {
                Some(key) if key_type == FieldType::String => MapKey::Text(self.bytes(key.segment())),
                Some(key) => MapKey::Number(key_type.normal_bits(key.bits)),
                None if key_type == FieldType::String => MapKey::Text(b""),
                None => MapKey::Number(0),
            };
            self.occurrences.truncate(level.start);
            let at = *first.entry(key).or_insert(kept);
            if at < kept {
                self.validate_displaced(entry, entries[at], depth)?;
            }
            entries[at] = segment;
            kept += usize::from(at == kept);
        }
        entries.truncate(kept);
        Ok(entries)
    }

    fn scan_segment(&mut self, message: MessageId, segment: Segment, depth: usize) -> Result<()> {
        let base = segment.0 as usize;
        let mut reader = Reader::new(self.bytes(segment));
        let message_set = self.codec.message(message).message_set;
        // A repeated field is usually followed by itself, so the last field is tried first.
        let mut last = (u32::MAX, UNKNOWN);
        while !reader.is_empty() {
            let tag_start = base + reader.position();
            let (number, wire_type) = reader.tag()?;
            if number != last.0 {
                last = (number, self.codec.by_number(message, number).unwrap_or(UNKNOWN));
            }
            if message_set && (number, wire_type) == (1, WireType::StartGroup) {
                self.message_set_item(message, &mut reader, base, tag_start, depth)?;
                continue;
            }
            self.occurrence(last.1, number, wire_type, &mut reader, base, tag_start, depth)?;
        }
        Ok(())
    }

    #[inline]
    fn push(&mut self, occurrence: Occurrence) -> Result<()> {
        if self.occurrences.len() >= self.values {
            return Err(Error::new(
                ErrorKind::Limit,
                format!("The message has more than {} values", self.values),
            ));
        }
        self.occurrences.push(occurrence);
        Ok(())
    }

    #[inline]
    #[allow(clippy::too_many_arguments, reason = "the state of one loop, in registers")]
    fn occurrence(
        &mut self,
        id: u32,
        number: u32,
        wire_type: WireType,
        reader: &mut Reader<'a>,
        base: usize,
        tag_start: usize,
        depth: usize,
    ) -> Result<()> {
        if id == UNKNOWN {
            if number == 0 {
                // Number 0 is legal only if the schema declares it.
                return Err(WireError::BadTag.into());
            }
            reader.skip(number, wire_type, depth)?;
            return self.push(Occurrence::span(
                UNKNOWN,
                wire_type,
                tag_start,
                base + reader.position(),
            ));
        }
        let field = self.codec.field(id);
        if wire_type == field.wire_type {
            match wire_type {
                WireType::Varint => {
                    let bits = reader.varint()?;
                    self.push(self.varint_occurrence(id, bits))
                }
                WireType::Fixed64 => {
                    let bits = reader.fixed64()?;
                    self.push(Occurrence {
                        field: id,
                        wire_type,
                        closed: false,
                        bits,
                    })
                }
                WireType::Fixed32 => {
                    let bits = reader.fixed32()?.into();
                    self.push(Occurrence {
                        field: id,
                        wire_type,
                        closed: false,
                        bits,
                    })
                }
                WireType::Length => self.length(id, reader, base, tag_start, depth),
                WireType::StartGroup | WireType::EndGroup => {
                    let start = base + reader.position();
                    let end = base + group_body(reader, number, depth)?;
                    self.push(Occurrence::span(id, wire_type, start, end))
                }
            }
        } else if wire_type == WireType::Length && field.repeated && field.packable() {
            let bytes = reader.bytes()?;
            let end = base + reader.position();
            self.packed(id, bytes, end - bytes.len(), end)
        } else {
            reader.skip(number, wire_type, depth)?;
            self.push(Occurrence::span(
                UNKNOWN,
                wire_type,
                tag_start,
                base + reader.position(),
            ))
        }
    }

    /// Creates the occurrence of a varint. An unknown number of a closed enum becomes an unknown field.
    #[inline]
    fn varint_occurrence(&self, id: u32, bits: u64) -> Occurrence {
        let field = self.codec.field(id);
        if let FieldType::ClosedEnum(enumeration) = field.ty
            && self.codec.schema()[enumeration].by_number(bits as i32).is_none()
        {
            let bits = u64::from(field.number) << 32 | u64::from(bits as u32);
            return Occurrence {
                field: UNKNOWN,
                wire_type: WireType::Varint,
                closed: true,
                bits,
            };
        }
        Occurrence {
            field: id,
            wire_type: WireType::Varint,
            closed: false,
            bits,
        }
    }

    fn length(&mut self, id: u32, reader: &mut Reader<'a>, base: usize, tag_start: usize, depth: usize) -> Result<()> {
        let field = self.codec.field(id);
        let bytes = reader.bytes()?;
        let end = base + reader.position();
        if field.utf8 {
            self.check_utf8(id, bytes)?;
        }
        if field.closed_map
            && let FieldType::Message(entry) = field.ty
        {
            let level = self.scan(
                entry,
                &[((end - bytes.len()) as u32, end as u32)],
                depth.saturating_sub(1),
            )?;
            let unknown = self.occurrences[level.clone()]
                .iter()
                .any(|occurrence| occurrence.closed);
            self.occurrences.truncate(level.start);
            if unknown {
                return self.push(Occurrence::span(UNKNOWN, WireType::Length, tag_start, end));
            }
        }
        self.push(Occurrence::span(id, WireType::Length, end - bytes.len(), end))
    }

    pub fn check_utf8(&self, id: u32, bytes: &[u8]) -> Result<()> {
        if simdutf8::basic::from_utf8(bytes).is_err() {
            let name = self.codec.field_name(id);
            return Err(Error::new(
                ErrorKind::Utf8,
                format!("The string in field {name} is not valid UTF-8"),
            ));
        }
        Ok(())
    }

    /// Adds a packed run. It is one occurrence, unless it contains unknown numbers of a closed enum.
    fn packed(&mut self, id: u32, bytes: &'a [u8], start: usize, end: usize) -> Result<()> {
        if bytes.is_empty() {
            // An empty run means that the field is absent.
            return Ok(());
        }
        let field = self.codec.field(id);
        match field.wire_type {
            WireType::Fixed32 if !bytes.len().is_multiple_of(4) => return Err(WireError::Truncated.into()),
            WireType::Fixed64 if !bytes.len().is_multiple_of(8) => return Err(WireError::Truncated.into()),
            WireType::Varint => {
                check_varints(bytes)?;
                if let FieldType::ClosedEnum(_) = field.ty {
                    return self.packed_enum(id, bytes, start, end);
                }
            }
            _ => {}
        }
        self.push(Occurrence::span(id, WireType::Length, start, end))
    }

    /// Adds a packed run of a closed enum. If it contains unknown numbers, it is split.
    fn packed_enum(&mut self, id: u32, bytes: &'a [u8], start: usize, end: usize) -> Result<()> {
        let mut reader = Reader::new(bytes);
        let mut closed = false;
        while !reader.is_empty() {
            let bits = reader.varint()?;
            closed |= self.varint_occurrence(id, bits).closed;
        }
        if !closed {
            return self.push(Occurrence::span(id, WireType::Length, start, end));
        }
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            let bits = reader.varint()?;
            self.push(self.varint_occurrence(id, bits))?;
        }
        Ok(())
    }

    /// Reads one item of a message set, `group 1 { uint32 type_id = 2; bytes message = 3; }`, with its parts in any
    /// order.
    fn message_set_item(
        &mut self,
        message: MessageId,
        reader: &mut Reader<'a>,
        base: usize,
        tag_start: usize,
        depth: usize,
    ) -> Result<()> {
        let inner = depth.checked_sub(1).ok_or_else(Error::depth)?;
        let mut id = None;
        let mut content = None;
        loop {
            match reader.tag()? {
                (1, WireType::EndGroup) => break,
                (2, WireType::Varint) if id.is_none() => id = Some(reader.varint()? as u32),
                (3, WireType::Length) if content.is_none() => {
                    let length = reader.bytes()?.len();
                    let end = base + reader.position();
                    content = Some((end - length, end));
                }
                (number, wire_type) => reader.skip(number, wire_type, inner)?,
            }
        }
        let field = id.and_then(|number| self.codec.by_number(message, number));
        match (field, content) {
            (Some(field), Some((start, end))) => self.push(Occurrence::span(field, WireType::Length, start, end)),
            _ => self.push(Occurrence::span(
                UNKNOWN,
                WireType::StartGroup,
                tag_start,
                base + reader.position(),
            )),
        }
    }

    /// Removes the members of oneofs that later members replaced. Their content must still be valid.
    fn settle_oneofs(&mut self, start: usize, depth: usize) -> Result<()> {
        // For each oneof, the last member and whether a member before it has been dropped. Messages have few oneofs.
        let mut settled: Vec<(u16, u32, bool)> = Vec::new();
        let mut dropped: Vec<usize> = Vec::new();
        for index in (start..self.occurrences.len()).rev() {
            let id = self.occurrences[index].field;
            if id == UNKNOWN {
                continue;
            }
            let Some(oneof) = self.codec.field(id).oneof else {
                continue;
            };
            match settled.iter_mut().find(|entry| entry.0 == oneof) {
                None => settled.push((oneof, id, false)),
                Some((_, winner, cut)) => {
                    *cut |= *winner != id;
                    if *cut {
                        dropped.push(index);
                    }
                }
            }
        }
        if dropped.is_empty() {
            return Ok(());
        }
        let displaced: Vec<Occurrence> = dropped.iter().map(|&index| self.occurrences[index]).collect();
        let mut index = start;
        let mut kept = start;
        while index < self.occurrences.len() {
            if dropped.last() == Some(&index) {
                dropped.pop();
            } else {
                self.occurrences[kept] = self.occurrences[index];
                kept += 1;
            }
            index += 1;
        }
        self.occurrences.truncate(kept);
        for occurrence in displaced {
            if let FieldType::Message(id) | FieldType::Group(id) = self.codec.field(occurrence.field).ty {
                let inner = depth.checked_sub(1).ok_or_else(Error::depth)?;
                self.validate_displaced(id, occurrence.segment(), inner)?;
            }
        }
        Ok(())
    }

    /// Checks the required fields. Both the required ids and the occurrences are in ascending order.
    fn require(&self, message: MessageId, start: usize) -> Result<()> {
        let mut present = self.occurrences[start..].iter().map(|occurrence| occurrence.field);
        for &id in &self.codec.message(message).required {
            if !present.by_ref().any(|field| field == id) {
                return Err(self.codec.missing(message, id));
            }
        }
        Ok(())
    }
}

/// Reads a group to its end and returns the offset of its end tag. `reader` must be after the start tag.
pub(in crate::proto) fn group_body(reader: &mut Reader<'_>, number: u32, depth: usize) -> Result<usize> {
    let inner = depth.checked_sub(1).ok_or_else(Error::depth)?;
    loop {
        let end = reader.position();
        match reader.tag()? {
            (found, WireType::EndGroup) if found == number => return Ok(end),
            (found, wire_type) => reader.skip(found, wire_type, inner)?,
        }
    }
}

/// Checks that the bytes are complete varints of at most ten bytes each.
fn check_varints(bytes: &[u8]) -> std::result::Result<(), WireError> {
    let mut length = 0;
    for byte in bytes {
        length = if *byte < 0x80 { 0 } else { length + 1 };
        if length == 10 {
            return Err(WireError::VarintTooLong);
        }
    }
    if length == 0 { Ok(()) } else { Err(WireError::Truncated) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_are_checked_as_reading_them_does(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0x80u8..], 0..40)) {
            let mut reader = Reader::new(&bytes);
            let mut naive = Ok(());
            while naive.is_ok() && !reader.is_empty() {
                naive = reader.varint().map(drop);
            }
            prop_assert_eq!(check_varints(&bytes), naive);
        }
    }
}
