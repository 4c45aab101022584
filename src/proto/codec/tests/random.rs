//! Messages made at random: any fields in any order, in any number of parts, packed and not, with odd values.

use super::super::{BinaryOptions, Codec, FieldPlan, FieldType};
use super::message;
use crate::proto::schema::{MessageId, WellKnown};
use crate::proto::wire::{self, WireType};

/// Splitmix64: enough to make messages from one number that proptest picks.
struct Random {
    state: u64,
    oneofs: bool,
}

impl Random {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Numbers of all sizes, edges among them.
    fn number(&mut self) -> u64 {
        let bits = self.next();
        match self.below(4) {
            0 => bits & 3,
            1 => bits >> self.below(64),
            2 => !(bits >> self.below(64)),
            _ => [
                0,
                1,
                u64::MAX,
                i64::MIN as u64,
                i32::MIN as i64 as u64,
                u64::from(u32::MAX),
            ][self.below(6) as usize],
        }
    }

    fn text(&mut self) -> String {
        let pieces = [
            "a",
            "é",
            "😀",
            "\"",
            "\\",
            "\n",
            "\0",
            "\u{2028}",
            "/",
            "'",
            "long enough to leave a machine word",
            "\u{7f}",
        ];
        (0..self.below(5))
            .map(|_| pieces[self.below(pieces.len() as u64) as usize])
            .collect()
    }
}

/// Appends random fields of a message: any order, any number of parts, packed and not.
fn fill(random: &mut Random, codec: &Codec, id: MessageId, out: &mut Vec<u8>, depth: usize) {
    if let Some(well_known) = codec.message(id).well_known
        && special(random, codec, well_known, out, depth)
    {
        return;
    }
    let schema = codec.schema();
    let ids: Vec<u32> = schema[id]
        .fields
        .clone()
        .chain(schema[id].extensions.iter().map(|id| id.0))
        .collect();
    if ids.is_empty() {
        return;
    }
    for _ in 0..random.below(8) {
        let field = codec.field(ids[random.below(ids.len() as u64) as usize]);
        if field.oneof.is_some() && !random.oneofs {
            continue;
        }
        one(random, codec, field, codec.message(id).message_set, out, depth);
    }
}

fn field_is_value(codec: &Codec, id: MessageId) -> bool {
    codec.message(id).well_known == Some(WellKnown::Value)
}

fn one(random: &mut Random, codec: &Codec, field: &FieldPlan, set: bool, out: &mut Vec<u8>, depth: usize) {
    let message = match field.ty {
        FieldType::Message(id) | FieldType::Group(id) => Some(id),
        _ => None,
    };
    if let Some(id) = message {
        if depth == 0 && !field_is_value(codec, id) {
            return;
        }
        let mut body = Vec::new();
        if field.map {
            // Each part once at most: JSON and text cannot show a key that is not there.
            for part in codec.fields_of(id).1 {
                // A `Value` must be there to have a JSON form.
                let dynamic = matches!(part.ty, FieldType::Message(id) if field_is_value(codec, id));
                if dynamic || random.below(8) > 0 {
                    one(random, codec, part, false, &mut body, depth);
                }
            }
        } else {
            fill(random, codec, id, &mut body, depth.saturating_sub(1));
        }
        if let FieldType::Group(_) = field.ty {
            wire::put_tag(out, field.number, WireType::StartGroup);
            out.extend_from_slice(&body);
            wire::put_tag(out, field.number, WireType::EndGroup);
        } else if set {
            wire::put_tag(out, 1, WireType::StartGroup);
            wire::put_tag(out, 3, WireType::Length);
            wire::put_bytes(out, &body);
            wire::put_tag(out, 2, WireType::Varint);
            wire::put_varint(out, field.number.into());
            wire::put_tag(out, 1, WireType::EndGroup);
        } else {
            wire::put_tag(out, field.number, WireType::Length);
            wire::put_bytes(out, &body);
        }
        return;
    }
    match field.ty {
        FieldType::String => {
            wire::put_tag(out, field.number, WireType::Length);
            wire::put_bytes(out, random.text().as_bytes());
        }
        FieldType::Bytes => {
            wire::put_tag(out, field.number, WireType::Length);
            let bytes: Vec<u8> = (0..random.below(10)).map(|_| random.next() as u8).collect();
            wire::put_bytes(out, &bytes);
        }
        _ if field.repeated && random.below(2) == 0 => {
            let mut body = Vec::new();
            for _ in 0..random.below(5) {
                scalar(random, codec, field, &mut body);
            }
            wire::put_tag(out, field.number, WireType::Length);
            wire::put_bytes(out, &body);
        }
        _ => {
            wire::put_tag(out, field.number, field.wire_type);
            scalar(random, codec, field, out);
        }
    }
}

fn scalar(random: &mut Random, codec: &Codec, field: &FieldPlan, out: &mut Vec<u8>) {
    let bits = match field.ty {
        // Only the one NaN that JSON and text give back.
        FieldType::Double => Some(f64::from_bits(random.number()))
            .filter(|value| !value.is_nan())
            .unwrap_or(f64::NAN)
            .to_bits(),
        FieldType::Float => {
            let value = f32::from_bits(random.number() as u32);
            (if value.is_nan() { f32::NAN } else { value }).to_bits().into()
        }
        // JSON has one null.
        FieldType::Enum(id) if codec.schema()[id].is_null_value => 0,
        // Known and unknown numbers.
        FieldType::ClosedEnum(id) if random.below(4) > 0 => {
            let values = &codec.schema()[id].values;
            values[random.below(values.len() as u64) as usize].number as i64 as u64
        }
        _ => random.number(),
    };
    match field.wire_type {
        WireType::Fixed32 => out.extend_from_slice(&(bits as u32).to_le_bytes()),
        WireType::Fixed64 => out.extend_from_slice(&bits.to_le_bytes()),
        _ => wire::put_varint(out, bits),
    }
}

/// Well-known types whose values must be in range to have a JSON form.
fn special(random: &mut Random, codec: &Codec, well_known: WellKnown, out: &mut Vec<u8>, depth: usize) -> bool {
    let mut varint = |number, value: i64| {
        wire::put_tag(out, number, WireType::Varint);
        wire::put_varint(out, value as u64);
    };
    match well_known {
        WellKnown::Timestamp => {
            varint(1, random.below(315_537_897_600) as i64 - 62_135_596_800);
            varint(2, random.below(1_000_000_000) as i64);
        }
        WellKnown::Duration => {
            let sign = if random.below(2) == 0 { 1 } else { -1 };
            varint(1, sign * random.below(315_576_000_000) as i64);
            varint(2, sign * random.below(1_000_000_000) as i64);
        }
        WellKnown::FieldMask => {
            for _ in 0..random.below(3) {
                wire::put_tag(out, 1, WireType::Length);
                wire::put_bytes(
                    out,
                    ["foo", "foo_bar.baz", "a_b_c"][random.below(3) as usize].as_bytes(),
                );
            }
        }
        WellKnown::Value => match random.below(if depth == 0 { 3 } else { 5 }) {
            0 => varint(1, 0),
            1 => varint(4, random.below(2) as i64),
            2 => {
                wire::put_tag(out, 2, WireType::Fixed64);
                let value = f64::from_bits(random.number());
                out.extend_from_slice(&(if value.is_finite() { value } else { 0.5 }).to_le_bytes());
            }
            number => {
                let (number, name) =
                    [(5, "google.protobuf.Struct"), (6, "google.protobuf.ListValue")][number as usize - 3];
                let mut body = Vec::new();
                fill(random, codec, message(codec, name), &mut body, depth - 1);
                wire::put_tag(out, number, WireType::Length);
                wire::put_bytes(out, &body);
            }
        },
        WellKnown::Any => {
            let name = ["t.All", "google.protobuf.Duration", "google.protobuf.Any"]
                [random.below(if depth > 0 { 3 } else { 1 }) as usize];
            let mut body = Vec::new();
            if depth > 0 {
                fill(random, codec, message(codec, name), &mut body, depth - 1);
            }
            // The value stays as it is within an Any: compare like with like.
            let body = codec
                .normalize(message(codec, name), &body, &BinaryOptions::default())
                .unwrap();
            wire::put_tag(out, 1, WireType::Length);
            wire::put_bytes(out, format!("example.org/{name}").as_bytes());
            // Also when it is empty: this may be the second part of an Any, and must not merge with the value of another type.
            wire::put_tag(out, 2, WireType::Length);
            wire::put_bytes(out, &body);
        }
        _ => return false,
    }
    true
}

pub(super) fn random_message(codec: &Codec, id: MessageId, seed: u64, oneofs: bool) -> Vec<u8> {
    let mut out = Vec::new();
    fill(&mut Random { state: seed, oneofs }, codec, id, &mut out, 4);
    out
}
