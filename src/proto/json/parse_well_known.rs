//! Well-known types from JSON.

use super::lexer::{Kind, RawStr};
use super::parse::{KeySet, MapKey, Parser};
use super::{string, time};
use crate::proto::codec::{Error, Result, begin, end};
use crate::proto::schema::{MessageId, WellKnown};
use crate::proto::wire::{self, WireType};

impl<'a> Parser<'a> {
    pub(super) fn well_known(&mut self, message: MessageId, well_known: WellKnown, depth: usize) -> Result<()> {
        match well_known {
            WellKnown::Any => self.any(depth),
            WellKnown::Timestamp => self.time(
                "an RFC 3339 timestamp between the years 1 and 9999",
                time::read_timestamp,
            ),
            WellKnown::Duration => self.time(
                "a duration like \"1.5s\" of at most 315,576,000,000 seconds",
                time::read_duration,
            ),
            WellKnown::FieldMask => self.field_mask(),
            WellKnown::Struct => {
                self.lexer.expect(b'{', "an object")?;
                self.structure(depth)
            }
            WellKnown::ListValue => {
                self.lexer.expect(b'[', "an array")?;
                self.list(depth)
            }
            WellKnown::Value => self.dynamic_value(depth),
            WellKnown::Empty => {
                self.lexer.expect(b'{', "an object")?;
                self.fields(message, depth, false)
            }
            _ => {
                let (id, plans) = self.codec.fields_of(message);
                self.scalar(id, &plans[0], plans[0].presence).map(drop)
            }
        }
    }

    fn time(&mut self, wanted: &str, read: fn(&[u8]) -> Option<(i64, i32)>) -> Result<()> {
        if self.lexer.kind()? != Kind::String {
            return Err(self.lexer.unexpected(wanted));
        }
        let at = self.lexer.offset();
        let raw = self.lexer.string()?;
        let text = self.text(raw)?;
        let (seconds, nanos) = read(&text).ok_or_else(|| {
            self.lexer
                .error_at(at, format_args!("{:?} is not {wanted}", String::from_utf8_lossy(&text)))
        })?;
        for (number, value) in [(1, seconds), (2, i64::from(nanos))] {
            if value != 0 {
                wire::put_tag(&mut self.out, number, WireType::Varint);
                wire::put_varint(&mut self.out, value as u64);
            }
        }
        Ok(())
    }

    fn field_mask(&mut self) -> Result<()> {
        if self.lexer.kind()? != Kind::String {
            return Err(self.lexer.unexpected("a string"));
        }
        let at = self.lexer.offset();
        let raw = self.lexer.string()?;
        let text = self.text(raw)?;
        if text.is_empty() {
            return Ok(());
        }
        for path in text.split(|byte| *byte == b',') {
            wire::put_tag(&mut self.out, 1, WireType::Length);
            let mark = begin(&mut self.out);
            string::mask_from_json(path, &mut self.out).ok_or_else(|| {
                let path = String::from_utf8_lossy(path);
                self.lexer.error_at(
                    at,
                    format_args!("{path:?} is not a path of a field mask in lowerCamelCase"),
                )
            })?;
            end(&mut self.out, mark);
        }
        Ok(())
    }

    /// `Struct`, after its opening brace: `map<string, Value> fields = 1`.
    fn structure(&mut self, depth: usize) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
        let mut keys = KeySet::default();
        let mut more = !self.lexer.take(b'}');
        while more {
            wire::put_tag(&mut self.out, 1, WireType::Length);
            let entry = begin(&mut self.out);
            let at = self.lexer.offset();
            let raw = self.lexer.string()?;
            let key = self.text(raw)?;
            wire::put_tag(&mut self.out, 1, WireType::Length);
            wire::put_bytes(&mut self.out, &key);
            if !keys.insert(MapKey::Text(key)) {
                let key = String::from_utf8_lossy(raw.bytes);
                return Err(self
                    .lexer
                    .error_at(at, format_args!("An object has the key {key} twice")));
            }
            self.lexer.expect(b':', "':'")?;
            wire::put_tag(&mut self.out, 2, WireType::Length);
            self.delimited(|parser| parser.dynamic_value(depth))?;
            end(&mut self.out, entry);
            more = self.lexer.more(b'}')?;
        }
        Ok(())
    }

    /// `ListValue`, after its opening bracket: `repeated Value values = 1`.
    fn list(&mut self, depth: usize) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
        let mut more = !self.lexer.take(b']');
        while more {
            wire::put_tag(&mut self.out, 1, WireType::Length);
            self.delimited(|parser| parser.dynamic_value(depth))?;
            more = self.lexer.more(b']')?;
        }
        Ok(())
    }

    /// `Value`: any JSON value, written with the field numbers of its oneof.
    fn dynamic_value(&mut self, depth: usize) -> Result<()> {
        match self.lexer.kind()? {
            Kind::Null => {
                self.lexer.word("null")?;
                self.out.extend_from_slice(&[1 << 3, 0]);
            }
            Kind::Number => {
                let at = self.lexer.offset();
                let number = self.lexer.number()?.to_f64();
                let value = number.map_err(|_| self.lexer.error_at(at, "The number is out of range of a double"))?;
                wire::put_tag(&mut self.out, 2, WireType::Fixed64);
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            Kind::String => {
                let raw = self.lexer.string()?;
                wire::put_tag(&mut self.out, 3, WireType::Length);
                self.put_text(raw)?;
            }
            Kind::True => {
                self.lexer.word("true")?;
                self.out.extend_from_slice(&[4 << 3, 1]);
            }
            Kind::False => {
                self.lexer.word("false")?;
                self.out.extend_from_slice(&[4 << 3, 0]);
            }
            Kind::Object => {
                self.lexer.take(b'{');
                wire::put_tag(&mut self.out, 5, WireType::Length);
                self.delimited(|parser| parser.structure(depth))?;
            }
            Kind::Array => {
                self.lexer.take(b'[');
                wire::put_tag(&mut self.out, 6, WireType::Length);
                self.delimited(|parser| parser.list(depth))?;
            }
        }
        Ok(())
    }

    fn delimited(&mut self, body: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let mark = begin(&mut self.out);
        body(self)?;
        end(&mut self.out, mark);
        Ok(())
    }

    fn any(&mut self, depth: usize) -> Result<()> {
        self.lexer.expect(b'{', "an object")?;
        let depth = depth.checked_sub(1).ok_or_else(Error::depth)?;
        if self.lexer.take(b'}') {
            return Ok(());
        }
        let url = self.any_type(depth)?;
        let url = self.text(url)?;
        let message = self.codec.resolve_any(&url).map_err(|error| self.lexer.error(error))?;
        wire::put_tag(&mut self.out, 1, WireType::Length);
        wire::put_bytes(&mut self.out, &url);
        let start = self.out.len();
        wire::put_tag(&mut self.out, 2, WireType::Length);
        let mark = begin(&mut self.out);
        match self.codec.message(message).well_known {
            None => self.fields(message, depth, true)?,
            Some(well_known) => self.any_value(message, well_known, depth)?,
        }
        if self.out.len() == crate::proto::codec::body(mark) {
            self.out.truncate(start);
        } else {
            end(&mut self.out, mark);
        }
        Ok(())
    }

    /// Searches for the member `@type` of an object and returns to the current position. Usually it is the first
    /// member.
    fn any_type(&mut self, depth: usize) -> Result<RawStr<'a>> {
        let start = self.lexer;
        loop {
            let key = self.lexer.string()?;
            self.lexer.expect(b':', "':'")?;
            if &*self.text(key)? == b"@type" {
                if self.lexer.kind()? != Kind::String {
                    return Err(self.lexer.unexpected("a type URL"));
                }
                let url = self.lexer.string()?;
                self.lexer = start;
                return Ok(url);
            }
            self.lexer.skip_value(depth)?;
            if !self.lexer.more(b'}')? {
                return Err(self.lexer.error("An Any has no \"@type\""));
            }
        }
    }

    /// Parses the members `@type` and `value` of an `Any` that holds a well-known type, after the opening brace.
    fn any_value(&mut self, message: MessageId, well_known: WellKnown, depth: usize) -> Result<()> {
        let (mut typed, mut valued) = (false, false);
        loop {
            let at = self.lexer.offset();
            let key = self.lexer.string()?;
            self.lexer.expect(b':', "':'")?;
            let key = self.text(key)?;
            match &*key {
                b"@type" if !typed => {
                    typed = true;
                    self.lexer.string()?;
                }
                b"value" if !valued => {
                    valued = true;
                    self.well_known(message, well_known, depth)?;
                }
                _ if self.options.ignore_unknown && &*key != b"@type" && &*key != b"value" => {
                    self.lexer.skip_value(depth)?
                }
                _ => {
                    let key = String::from_utf8_lossy(&key);
                    return Err(self.lexer.error_at(
                        at,
                        format_args!("An Any of a well-known type cannot have the member {key:?}"),
                    ));
                }
            }
            if !self.lexer.more(b'}')? {
                break;
            }
        }
        if valued || well_known == WellKnown::Empty {
            return Ok(());
        }
        Err(self.lexer.error("An Any of a well-known type has no \"value\""))
    }
}
