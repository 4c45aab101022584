//! Options on the wire.

use crate::proto::schema::{Kind, OptionEncoding, OptionEntry, OptionValue, Value};
use crate::proto::wire::{WireType, put_bytes, put_delimited, put_tag, put_varint, zigzag32, zigzag64};

/// Appends options as the fields of their message, with repeated ones unpacked. Undeclared options (number 0) are
/// left out.
pub fn encode_entries(entries: &[OptionEntry], out: &mut Vec<u8>) {
    for entry in entries {
        match &entry.value {
            OptionValue::List(items) => items.iter().for_each(|item| encode_value(entry, item, out)),
            value => encode_value(entry, value, out),
        }
    }
}

fn encode_value(entry: &OptionEntry, value: &OptionValue, out: &mut Vec<u8>) {
    let number = entry.number;
    match (entry.encoding, value) {
        (OptionEncoding::Raw, OptionValue::Scalar(Value::Bytes(raw))) => out.extend_from_slice(raw),
        (OptionEncoding::Scalar(kind), OptionValue::Scalar(value)) => {
            put_tag(out, number, kind.wire_type());
            encode_scalar(kind, value, out);
        }
        (OptionEncoding::Enum, OptionValue::Enum(value, _)) => {
            put_tag(out, number, WireType::Varint);
            put_varint(out, *value as i64 as u64);
        }
        (OptionEncoding::Message, OptionValue::Message(fields)) => {
            put_tag(out, number, WireType::Length);
            let body = |out: &mut Vec<u8>| -> Result<(), std::convert::Infallible> {
                encode_entries(fields, out);
                Ok(())
            };
            let Ok(()) = put_delimited(out, body);
        }
        (OptionEncoding::Group, OptionValue::Message(fields)) => {
            put_tag(out, number, WireType::StartGroup);
            encode_entries(fields, out);
            put_tag(out, number, WireType::EndGroup);
        }
        // Kept as written and never resolved, so it has no number.
        _ => {}
    }
}

fn encode_scalar(kind: Kind, value: &Value, out: &mut Vec<u8>) {
    match (value, kind) {
        (Value::Double(value), _) => out.extend_from_slice(&value.to_le_bytes()),
        (Value::Float(value), _) => out.extend_from_slice(&value.to_le_bytes()),
        (Value::Int32(value), Kind::Sfixed32) => out.extend_from_slice(&value.to_le_bytes()),
        (Value::Int32(value), Kind::Sint32) => put_varint(out, zigzag32(*value) as u64),
        (Value::Int32(value), _) | (Value::Enum(value), _) => put_varint(out, *value as i64 as u64),
        (Value::Int64(value), Kind::Sfixed64) => out.extend_from_slice(&value.to_le_bytes()),
        (Value::Int64(value), Kind::Sint64) => put_varint(out, zigzag64(*value)),
        (Value::Int64(value), _) => put_varint(out, *value as u64),
        (Value::Uint32(value), Kind::Fixed32) => out.extend_from_slice(&value.to_le_bytes()),
        (Value::Uint32(value), _) => put_varint(out, *value as u64),
        (Value::Uint64(value), Kind::Fixed64) => out.extend_from_slice(&value.to_le_bytes()),
        (Value::Uint64(value), _) => put_varint(out, *value),
        (Value::Bool(value), _) => out.push(*value as u8),
        (Value::String(value), _) => put_bytes(out, value.as_bytes()),
        (Value::Bytes(value), _) => put_bytes(out, value),
    }
}
