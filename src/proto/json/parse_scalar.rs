//! Scalars from JSON: strings, bytes, numbers, bools and enums.

use std::borrow::Cow;

use super::lexer::{Kind, RawStr};
use super::number::{Misfit, Number};
use super::parse::Parser;
use super::string;
use crate::proto::codec::{FieldPlan, FieldType, Result, begin, end};
use crate::proto::schema::EnumId;
use crate::proto::wire::{self, WireType};

impl<'a> Parser<'a> {
    /// Writes a scalar with its tag. A zero is written only if `zero` is set. Returns `false` if an unknown enum name
    /// was ignored.
    pub fn scalar(&mut self, id: u32, field: &FieldPlan, zero: bool) -> Result<bool> {
        let start = self.out.len();
        match field.ty {
            FieldType::String | FieldType::Bytes => {
                wire::put_tag(&mut self.out, field.number, WireType::Length);
                let body = self.out.len();
                let raw = self.lexer.string()?;
                if field.ty == FieldType::String {
                    self.put_text(raw)?;
                } else {
                    self.put_base64(id, raw)?;
                }
                if !zero && self.out[body..] == [0] {
                    self.out.truncate(start);
                }
                Ok(true)
            }
            _ => match self.number_bits(field.ty)? {
                Some(bits) => {
                    if zero || bits != 0 {
                        wire::put_tag(&mut self.out, field.number, field.wire_type);
                        put_number(&mut self.out, field, bits);
                    }
                    Ok(true)
                }
                None => Ok(false),
            },
        }
    }

    /// The unescaped text of a string.
    pub fn text(&self, raw: RawStr<'a>) -> Result<Cow<'a, [u8]>> {
        if !raw.escaped {
            return Ok(Cow::Borrowed(raw.bytes));
        }
        let mut text = Vec::with_capacity(raw.bytes.len());
        self.lexer.unescape(raw, &mut text)?;
        Ok(Cow::Owned(text))
    }

    /// Writes a string with its length.
    #[inline]
    pub fn put_text(&mut self, raw: RawStr<'_>) -> Result<()> {
        if !raw.escaped {
            wire::put_bytes(&mut self.out, raw.bytes);
            return Ok(());
        }
        let mark = begin(&mut self.out);
        self.lexer.unescape(raw, &mut self.out)?;
        end(&mut self.out, mark);
        Ok(())
    }

    fn put_base64(&mut self, id: u32, raw: RawStr<'a>) -> Result<()> {
        let text = self.text(raw)?;
        let mark = begin(&mut self.out);
        string::read_base64(&text, &mut self.out).ok_or_else(|| {
            self.lexer.error(format_args!(
                "The value of field {} is not base64",
                self.codec.field_name(id)
            ))
        })?;
        end(&mut self.out, mark);
        Ok(())
    }

    /// Parses a number, bool or enum into the form of [`FieldType::normal_bits`]. `None` if an unknown enum name was
    /// ignored.
    pub(super) fn number_bits(&mut self, ty: FieldType) -> Result<Option<u64>> {
        if let FieldType::Double | FieldType::Float = ty {
            return self.any_number_bits(ty);
        }
        let start = self.lexer;
        if let Some(bits) = self.lexer.small_integer().and_then(|value| ty.fit(value)) {
            return Ok(Some(bits));
        }
        self.lexer = start;
        self.any_number_bits(ty)
    }

    fn any_number_bits(&mut self, ty: FieldType) -> Result<Option<u64>> {
        let kind = self.lexer.kind()?;
        let at = self.lexer.offset();
        let bits = match (ty, kind) {
            (FieldType::Enum(id) | FieldType::ClosedEnum(id), _) => return self.enumeration(ty, id, kind),
            (FieldType::Bool, Kind::True) => self.lexer.word("true").map(|()| Ok(1)),
            (FieldType::Bool, Kind::False) => self.lexer.word("false").map(|()| Ok(0)),
            (FieldType::Bool, _) => Err(self.lexer.unexpected("true or false")),
            (FieldType::Float | FieldType::Double, Kind::Number) => {
                self.lexer.number().map(|number| float_bits(ty, number))
            }
            (_, Kind::Number) => self.lexer.number().map(|number| integer_bits(ty, number)),
            (_, Kind::String) => {
                let raw = self.lexer.string()?;
                let text = self.text(raw)?;
                Ok(quoted_bits(ty, &text))
            }
            _ => Err(self.lexer.unexpected(type_name(ty))),
        }?;
        bits.map(Some).map_err(|misfit| {
            let why = match misfit {
                Misfit::OutOfRange => "is out of range of",
                Misfit::NotInteger => "is not",
            };
            self.lexer
                .error_at(at, format_args!("The value {why} {}", type_name(ty)))
        })
    }

    fn enumeration(&mut self, ty: FieldType, id: EnumId, kind: Kind) -> Result<Option<u64>> {
        let enumeration = &self.codec.schema()[id];
        let at = self.lexer.offset();
        match kind {
            Kind::Null if enumeration.is_null_value => self.lexer.word("null").map(|()| Some(0)),
            Kind::String => {
                let raw = self.lexer.string()?;
                let text = self.text(raw)?;
                let name = std::str::from_utf8(&text).expect("the text was validated, and unescaping keeps it valid");
                match enumeration.by_name(name) {
                    Some(value) => Ok(Some(i64::from(value.number) as u64)),
                    None if self.options.ignore_unknown => Ok(None),
                    None => Err(self
                        .lexer
                        .error_at(at, format_args!("{} has no value {name:?}", enumeration.full_name))),
                }
            }
            Kind::Number => {
                let number = self.lexer.number()?.to_i32().map_err(|_| {
                    self.lexer
                        .error_at(at, "The number of an enum value must be a 32-bit integer")
                })?;
                if matches!(ty, FieldType::ClosedEnum(_)) && enumeration.by_number(number).is_none() {
                    if self.options.ignore_unknown {
                        return Ok(None);
                    }
                    return Err(self
                        .lexer
                        .error_at(at, format_args!("{} has no value {number}", enumeration.full_name)));
                }
                Ok(Some(i64::from(number) as u64))
            }
            _ => Err(self.lexer.unexpected("the name or number of an enum value")),
        }
    }
}

fn quoted_bits(ty: FieldType, text: &[u8]) -> std::result::Result<u64, Misfit> {
    let float = matches!(ty, FieldType::Float | FieldType::Double);
    let special = match text {
        b"NaN" => Some(f64::NAN),
        b"Infinity" => Some(f64::INFINITY),
        b"-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    };
    match (ty, special) {
        (FieldType::Float, Some(value)) => Ok((value as f32).to_bits().into()),
        (FieldType::Double, Some(value)) => Ok(value.to_bits()),
        _ => {
            let number = std::str::from_utf8(text)
                .ok()
                .and_then(Number::whole)
                .ok_or(Misfit::NotInteger)?;
            if float {
                float_bits(ty, number)
            } else {
                integer_bits(ty, number)
            }
        }
    }
}

fn float_bits(ty: FieldType, number: Number<'_>) -> std::result::Result<u64, Misfit> {
    Ok(if ty == FieldType::Float {
        number.to_f32()?.to_bits().into()
    } else {
        number.to_f64()?.to_bits()
    })
}

#[inline]
pub(super) fn integer_bits(ty: FieldType, number: Number<'_>) -> std::result::Result<u64, Misfit> {
    Ok(match ty {
        FieldType::Int32 | FieldType::Sint32 | FieldType::Sfixed32 => i64::from(number.to_i32()?) as u64,
        FieldType::Uint32 | FieldType::Fixed32 => number.to_u32()?.into(),
        FieldType::Int64 | FieldType::Sint64 | FieldType::Sfixed64 => number.to_i64()? as u64,
        _ => number.to_u64()?,
    })
}

pub(super) fn put_number(out: &mut Vec<u8>, field: &FieldPlan, normal: u64) {
    match field.wire_type {
        WireType::Fixed32 => out.extend_from_slice(&(normal as u32).to_le_bytes()),
        WireType::Fixed64 => out.extend_from_slice(&normal.to_le_bytes()),
        _ => wire::put_varint(out, field.ty.wire_bits(normal)),
    }
}

pub(super) fn type_name(ty: FieldType) -> &'static str {
    match ty {
        FieldType::Double => "a double",
        FieldType::Float => "a float",
        FieldType::Int32 | FieldType::Sint32 | FieldType::Sfixed32 => "a signed 32-bit integer",
        FieldType::Uint32 | FieldType::Fixed32 => "an unsigned 32-bit integer",
        FieldType::Int64 | FieldType::Sint64 | FieldType::Sfixed64 => "a signed 64-bit integer",
        FieldType::Uint64 | FieldType::Fixed64 => "an unsigned 64-bit integer",
        FieldType::Bool => "true or false",
        FieldType::String | FieldType::Bytes => "a string",
        FieldType::Enum(_) | FieldType::ClosedEnum(_) => "an enum value",
        FieldType::Message(_) | FieldType::Group(_) => "an object",
    }
}
