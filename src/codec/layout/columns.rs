//! Decodes many records as columns, one array per field.
//!
//! If all records have the same size, with fields at the same offsets, each column is decoded in a loop over the
//! bytes without looking at single records. Other layouts are decoded record by record in JavaScript.

use super::wire::{read_bits, read_float, read_int};
use super::*;

/// A column: a field, or a field of a nested struct.
#[derive(Debug)]
pub struct Column<'a> {
    /// The names on the path to it.
    pub path: Vec<&'a str>,
    /// The type of its values.
    pub kind: &'a Kind,
    /// Its offset in a record. For bit fields, the offset of their run.
    pub at: usize,
    /// The value that it must have, if any.
    value: Option<i128>,
    /// Whether it is returned, or only checked.
    named: bool,
}

/// The form in which a column's values are returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A typed array with this name, whose elements have this many bytes.
    Numbers(&'static str, usize),
    /// As text.
    Text,
    /// As views of the input.
    Bytes,
    /// None of these forms: the values cannot be decoded as a column here.
    Values,
}

/// The form of the values of a kind. Names, times and the like are returned as numbers.
pub fn form(kind: &Kind) -> Form {
    match kind {
        Kind::Float { bytes: 8, .. } => Form::Numbers("Float64Array", 8),
        Kind::Float { .. } => Form::Numbers("Float32Array", 4),
        Kind::Text { .. } | Kind::Address(_) => Form::Text,
        Kind::Bytes(_) => Form::Bytes,
        Kind::Map(..) => Form::Values,
        _ => match kind.range() {
            None => Form::Values,
            Some((0, _)) if kind.is_big() => Form::Numbers("BigUint64Array", 8),
            Some(_) if kind.is_big() => Form::Numbers("BigInt64Array", 8),
            Some((0, 0..=0xff)) => Form::Numbers("Uint8Array", 1),
            Some((0, 0..=0xffff)) => Form::Numbers("Uint16Array", 2),
            Some((0, 0..=0xffff_ffff)) => Form::Numbers("Uint32Array", 4),
            Some((-0x80..=0, 0..=0x7f)) => Form::Numbers("Int8Array", 1),
            Some((-0x8000..=0, 0..=0x7fff)) => Form::Numbers("Int16Array", 2),
            Some((-0x8000_0000..=0, 0..=0x7fff_ffff)) => Form::Numbers("Int32Array", 4),
            Some(_) => Form::Numbers("Float64Array", 8),
        },
    }
}

/// The columns of a layout whose records all have the same size; `None` for other layouts.
pub fn columns(layout: &Layout) -> Option<Vec<Column<'_>>> {
    let mut found = Vec::new();
    let mut at = 0;
    let root = layout.root();
    (root.size.fixed && root.size.min > 0 && collect(layout, layout.root, &mut Vec::new(), &mut at, &mut found))
        .then_some(found)
}

fn collect<'a>(
    layout: &'a Layout,
    id: usize,
    path: &mut Vec<&'a str>,
    at: &mut usize,
    found: &mut Vec<Column<'a>>,
) -> bool {
    for field in &layout.structs[id].fields {
        let plain = field.condition.is_none() && field.place.is_none() && field.area.is_none();
        let value = match &field.value {
            None => None,
            Some(Given::Int(value)) => Some(*value),
            Some(_) => return false,
        };
        if !plain {
            return false;
        }
        path.push(field.name.as_deref().unwrap_or_default());
        match &field.kind {
            Kind::Struct(inner, _) => {
                if !collect(layout, *inner, path, at, found) {
                    return false;
                }
            }
            kind => {
                let simple = matches!(kind, Kind::Magic(_) | Kind::Pad(Expr::Int(_)));
                if form(kind) == Form::Values && !simple {
                    return false;
                }
                let named = field.name.is_some();
                found.push(Column {
                    path: path.clone(),
                    kind,
                    at: *at,
                    value,
                    named,
                });
                match kind.bits() {
                    Some(bits) if bits.last => *at += bits.run as usize,
                    Some(_) => {}
                    None => *at += field.size.min as usize,
                }
            }
        }
        path.pop();
    }
    true
}

impl Column<'_> {
    /// Whether the column is returned.
    pub fn is_named(&self) -> bool {
        self.named
    }

    /// Whether all its values are valid: equal to the required value, or 0 or 1 for a boolean.
    fn holds(&self, input: &[u8], size: usize) -> bool {
        let mut values = input.chunks_exact(size).map(|record| &record[self.at..]);
        match (self.kind, self.value) {
            (Kind::Magic(bytes), _) => values.all(|value| value.starts_with(bytes)),
            (Kind::Bool(_), None) => values.all(|value| matches!(integer(self.kind, value), Some(0 | 1))),
            (_, None) => true,
            (_, Some(_)) => values.all(|value| integer(self.kind, value) == self.value),
        }
    }
}

/// Concatenated texts.
#[derive(Debug, Default)]
pub struct Texts {
    /// All the texts.
    pub text: String,
    /// Whether all characters are below U+0080.
    pub is_ascii: bool,
}

/// The number of records that are decoded at a time, so that their bytes are still in the cache for the next column.
const BLOCK: usize = 256;

/// Decodes `count` records into `out`. A column of numbers gets its elements; a column of text gets the length of each
/// text in UTF-16 units. Columns begin at multiples of 8 bytes. Returns the texts. Returns `None` if a record does not
/// match the layout or `out` is too small; no column of numbers has been written then.
pub fn read(layout: &Layout, columns: &[Column], input: &[u8], count: usize, out: &mut [u8]) -> Option<Vec<Texts>> {
    let size = layout.root().size.min as usize;
    let input = input.get(..size.checked_mul(count)?)?;
    if !columns.iter().all(|column| column.holds(input, size)) {
        return None;
    }
    let (mut texts, mut elements) = (Vec::new(), Vec::new());
    let mut rest = out;
    for column in columns.iter().filter(|column| column.named) {
        let width = match form(column.kind) {
            Form::Numbers(_, width) => width,
            Form::Text => size_of::<u32>(),
            Form::Bytes | Form::Values => continue,
        };
        let target = rest.split_off_mut(..width * count)?;
        // Padding to the next multiple of eight. It may be missing after the last column.
        rest.split_off_mut(..rest.len().min((width * count).next_multiple_of(8) - width * count))?;
        if form(column.kind) == Form::Text {
            texts.push(text_column(column, input, size, target)?);
        } else {
            elements.push((column, target.chunks_mut(width * BLOCK)));
        }
    }
    for block in input.chunks(size * BLOCK) {
        for (column, targets) in &mut elements {
            numbers(column, block, size, targets.next()?);
        }
    }
    Some(texts)
}

fn integer(kind: &Kind, bytes: &[u8]) -> Option<i128> {
    match kind.integer()? {
        Kind::Int(int) => Some(read_int(*int, &bytes[..int.bytes.into()])),
        Kind::Bits(bits) => Some(read_bits(*bits, bytes)),
        _ => None,
    }
}

/// Decodes a column of numbers.
fn numbers(column: &Column, input: &[u8], size: usize, out: &mut [u8]) {
    let at = column.at;
    match column.kind {
        Kind::Float { bytes: 2, little } => {
            for (record, place) in input.chunks_exact(size).zip(out.chunks_exact_mut(4)) {
                let value = read_float(&record[at..at + 2], *little) as f32;
                place.copy_from_slice(&value.to_ne_bytes());
            }
        }
        Kind::Float { bytes: 4, little } => swap::<4>(input, size, at, *little, out),
        Kind::Float { little, .. } => swap::<8>(input, size, at, *little, out),
        kind => match kind.integer() {
            Some(Kind::Int(int)) => match int.bytes {
                1 => swap::<1>(input, size, at, true, out),
                2 => swap::<2>(input, size, at, int.little, out),
                4 => swap::<4>(input, size, at, int.little, out),
                8 => swap::<8>(input, size, at, int.little, out),
                _ => widen(kind, input, size, at, out),
            },
            _ => widen(kind, input, size, at, out),
        },
    }
}

/// Copies elements of a width that machine integers have.
fn swap<const N: usize>(input: &[u8], size: usize, at: usize, little: bool, out: &mut [u8]) {
    let (places, _) = out.as_chunks_mut::<N>();
    let reverse = little != cfg!(target_endian = "little");
    for (record, place) in input.chunks_exact(size).zip(places) {
        let Some(bytes) = record.get(at..).and_then(|rest| rest.first_chunk::<N>()) else {
            return;
        };
        *place = *bytes;
        if reverse {
            place.reverse();
        }
    }
}

/// Converts elements of other widths.
fn widen(kind: &Kind, input: &[u8], size: usize, at: usize, out: &mut [u8]) {
    let Form::Numbers(name, width) = form(kind) else { return };
    for (record, place) in input.chunks_exact(size).zip(out.chunks_exact_mut(width)) {
        let value = integer(kind, &record[at..]).unwrap_or_default();
        match (name, width) {
            ("Float64Array", _) => place.copy_from_slice(&(value as f64).to_ne_bytes()),
            (_, 1) => place[0] = value as u8,
            (_, 2) => place.copy_from_slice(&(value as u16).to_ne_bytes()),
            (_, 4) => place.copy_from_slice(&(value as u32).to_ne_bytes()),
            _ => place.copy_from_slice(&(value as u64).to_ne_bytes()),
        }
    }
}

fn text_column(column: &Column, input: &[u8], size: usize, out: &mut [u8]) -> Option<Texts> {
    let mut all = String::new();
    for (record, place) in input.chunks_exact(size).zip(out.chunks_exact_mut(4)) {
        let text = match column.kind {
            Kind::Address(address) => address.text(&record[column.at..column.at + address.bytes()]),
            Kind::Text {
                encoding,
                length: Length::Expr(Expr::Int(length)),
                fill,
            } => {
                let mut bytes = record.get(column.at..column.at + *length as usize)?;
                if let Some(fill) = fill {
                    bytes = text::trim(*encoding, bytes, *fill);
                }
                text::decode(*encoding, bytes).ok()?
            }
            _ => return None,
        };
        let units = if text.is_ascii() {
            text.len()
        } else {
            text.encode_utf16().count()
        };
        place.copy_from_slice(&(units as u32).to_ne_bytes());
        all.push_str(&text);
    }
    Some(Texts {
        is_ascii: all.is_ascii(),
        text: all,
    })
}
