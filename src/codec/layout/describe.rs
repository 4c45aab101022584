//! Prints layouts and records for people: a table of fields, and an annotated dump.

use std::fmt::Write;

use super::columns::{Form, columns, form};
use super::decode::{Build, Failure, decode};
use super::*;

/// The layout as JSON: `{ name, size?, minimum, fields: [{ field, type, offset?, bit?, size?, optional?, value? }], columns, uniform }`.
///
/// `columns` has the root's fields, those of structs within included: `{ path, form, width?, names?, unit?, flag? }`.
pub fn describe(layout: &Layout) -> String {
    let root = layout.root();
    let mut json = Json::default();
    json.open('{');
    json.text("name", &root.name);
    if root.size.fixed {
        json.number("size", root.size.min);
    }
    json.number("minimum", root.size.min);
    json.key("fields");
    json.open('[');
    rows(layout, layout.root, "", Some(0), 0, &mut json);
    json.close(']');
    json.key("columns");
    json.open('[');
    let places = columns(layout).unwrap_or_default();
    let places: Vec<usize> = places
        .iter()
        .filter(|column| column.is_named())
        .map(|column| column.at)
        .collect();
    column_rows(
        layout,
        layout.root,
        &mut Vec::new(),
        0,
        &mut places.into_iter(),
        &mut json,
    );
    json.close(']');
    json.key("uniform");
    json.raw(columns(layout).is_some());
    json.close('}');
    json.0
}

/// How many levels of nested structs are shown.
const SHOWN: u32 = 8;

fn rows(layout: &Layout, id: usize, prefix: &str, mut offset: Option<u64>, depth: u32, json: &mut Json) {
    for field in &layout.structs[id].fields {
        let name = field.name.as_deref().unwrap_or_default();
        let path = match (prefix.is_empty(), name.is_empty()) {
            (false, false) => format!("{prefix}.{name}"),
            (false, true) => prefix.to_string(),
            _ => name.to_string(),
        };
        json.open('{');
        json.text("field", &path);
        json.text("type", &Names { layout, id }.kind(&field.kind));
        if let (Some(offset), None) = (offset, &field.place) {
            let bits = field.kind.bits();
            json.number("offset", offset + u64::from(bits.map_or(0, |bits| bits.at / 8)));
            if let Some(bits) = bits {
                json.number("bit", bits.at % 8);
            }
        }
        if field.size.fixed && field.condition.is_none() && field.kind.bits().is_none() {
            json.number("size", field.size.min);
        }
        let names = Names { layout, id };
        if let Some(condition) = &field.condition {
            json.text("if", &names.expr(condition));
        }
        if let Some(place) = &field.place {
            json.text(if field.peek { "peek" } else { "at" }, &names.expr(place));
        }
        match &field.value {
            Some(Given::Int(value)) => json.text("value", &value.to_string()),
            Some(Given::Text(text)) => json.text("value", &format!("{text:?}")),
            Some(Given::Expr { expr, .. }) => json.text("value", &names.expr(expr)),
            Some(Given::Checksum(checksum, span)) => {
                json.text("value", &format!("{}({})", checksum.name(), names.span(*span)));
            }
            None => {}
        }
        json.close('}');
        if let Kind::Struct(inner, _) = field.kind
            && !layout.structs[inner].recursive
            && depth < SHOWN
        {
            let start = if field.place.is_some() || field.area.is_some() {
                None
            } else {
                offset
            };
            rows(layout, inner, &path, start, depth + 1, json);
        }
        let bytes = match field.kind.bits() {
            Some(bits) => {
                if bits.last {
                    bits.run.into()
                } else {
                    0
                }
            }
            None => field.size.min,
        };
        offset = offset
            .filter(|_| field.size.fixed || field.peek)
            .map(|offset| offset + bytes);
    }
}

fn column_rows<'a>(
    layout: &'a Layout,
    id: usize,
    path: &mut Vec<&'a str>,
    depth: u32,
    places: &mut std::vec::IntoIter<usize>,
    json: &mut Json,
) {
    for field in &layout.structs[id].fields {
        let Some(name) = field.name.as_deref() else { continue };
        path.push(name);
        let optional = field.condition.is_some();
        match &field.kind {
            Kind::Struct(inner, _) if !optional && !layout.structs[*inner].recursive && depth < SHOWN => {
                column_rows(layout, *inner, path, depth + 1, places, json);
            }
            kind => {
                json.open('{');
                json.key("path");
                json.open('[');
                path.iter().for_each(|step| json.raw(quote(step)));
                json.close(']');
                match form(kind) {
                    _ if optional => json.text("form", "values"),
                    Form::Numbers(array, width) => {
                        json.text("form", array);
                        json.number("width", width);
                    }
                    Form::Text => json.text("form", "text"),
                    Form::Bytes => {
                        json.text("form", "bytes");
                        json.number("length", field.size.min);
                    }
                    Form::Values => json.text("form", "values"),
                }
                if let Some(at) = places.next() {
                    json.number("at", at);
                }
                match kind {
                    Kind::Enum(id, _) => {
                        json.key("names");
                        json.open('[');
                        for (name, value) in &layout.enums[*id].values {
                            json.raw(format!("[{value},{}]", quote(name)));
                        }
                        json.close(']');
                    }
                    Kind::Time(_, unit) => json.number("unit", unit),
                    Kind::Bool(_) => json.number("flag", true),
                    _ => {}
                }
                json.close('}');
            }
        }
        path.pop();
    }
}

/// Names for the things that a struct refers to by index.
struct Names<'a> {
    layout: &'a Layout,
    id: usize,
}

impl Names<'_> {
    fn field(&self, at: u16) -> &str {
        self.layout.structs[self.id].fields[usize::from(at)]
            .name
            .as_deref()
            .unwrap_or("(unnamed)")
    }

    fn span(&self, span: Span) -> String {
        match span.from == span.to {
            true => self.field(span.from).into(),
            false => format!("{}..{}", self.field(span.from), self.field(span.to)),
        }
    }

    fn path(&self, path: &[u16]) -> String {
        let mut names = vec![self.field(path[0]).to_string()];
        let mut kind = &self.layout.structs[self.id].fields[usize::from(path[0])].kind;
        for &step in &path[1..] {
            let Kind::Struct(id, _) = kind else { break };
            let field = &self.layout.structs[*id].fields[usize::from(step)];
            names.push(field.name.as_deref().unwrap_or_default().into());
            kind = &field.kind;
        }
        names.join(".")
    }

    fn kind(&self, kind: &Kind) -> String {
        let order = |little: bool| if little { "le" } else { "be" };
        match kind {
            Kind::Int(int) => {
                let letter = if int.signed { 'i' } else { 'u' };
                let order = if int.bytes == 1 { "" } else { order(int.little) };
                format!("{letter}{}{order}", u32::from(int.bytes) * 8)
            }
            Kind::Bits(bits) => format!("{}{}", if bits.signed { 'i' } else { 'u' }, bits.width),
            Kind::Varint(varint) => {
                let name = match varint.sign {
                    Sign::Unsigned => "uleb128",
                    Sign::Signed => "sleb128",
                    Sign::Zigzag => "zigzag",
                };
                format!("{name}{}", if varint.big { "n" } else { "" })
            }
            Kind::Float { bytes, little } => format!("f{}{}", u32::from(*bytes) * 8, order(*little)),
            Kind::Bool(inner) => if matches!(**inner, Kind::Bits(Bits { width: 1, .. })) {
                "flag"
            } else {
                "bool"
            }
            .into(),
            Kind::Enum(id, inner) => {
                let name = &self.layout.enums[*id].name;
                format!("{}: {}", if name.is_empty() { "enum" } else { name }, self.kind(inner))
            }
            Kind::Time(inner, unit) => {
                format!("unixtime({}{})", self.kind(inner), if *unit == 1 { ", ms" } else { "" })
            }
            Kind::Address(address) => address.name().into(),
            Kind::Text { encoding, length, .. } => format!("{}({})", encoding.name(), self.length(length)),
            Kind::Bytes(length) => format!("bytes({})", self.length(length)),
            Kind::Array(item, length) => format!("{}[{}]", self.kind(item), self.length(length)),
            Kind::Struct(id, _) => self.layout.structs[*id].name.to_string(),
            Kind::Switch(choices) => format!("switch ({})", self.expr(&choices.on)),
            Kind::Map(_, inner) => self.kind(inner),
            Kind::Magic(_) => "magic".into(),
            Kind::Pad(count) => format!("pad({})", self.expr(count)),
            Kind::Align(to, _) => format!("align({to})"),
        }
    }

    fn length(&self, length: &Length) -> String {
        match length {
            Length::Expr(expr) => self.expr(expr),
            Length::Prefix(kind) => self.kind(kind),
            Length::Until(stop) => format!("until {stop}"),
            Length::UntilItem(expr) => format!("until {}", self.expr(expr)),
            Length::Rest => "rest".into(),
        }
    }

    fn expr(&self, expr: &Expr) -> String {
        match expr {
            Expr::Int(value) => value.to_string(),
            Expr::Text(text) => format!("{text:?}"),
            Expr::Field(path) => self.path(path),
            Expr::Param(at) => format!("parameter {at}"),
            Expr::Remaining => "remaining".into(),
            Expr::Item(path) if path.is_empty() => "_".into(),
            Expr::Item(_) => "_.…".into(),
            Expr::Unary(operator, inner) => {
                let symbol = match operator {
                    Unary::Neg => '-',
                    Unary::Not => '~',
                    Unary::Is0 => '!',
                };
                format!("{symbol}{}", self.expr(inner))
            }
            Expr::Binary(operator, left, right) => {
                let symbol = match operator {
                    Binary::Add => "+",
                    Binary::Sub => "-",
                    Binary::Mul => "*",
                    Binary::Div => "/",
                    Binary::Rem => "%",
                    Binary::And => "&",
                    Binary::Or => "|",
                    Binary::Xor => "^",
                    Binary::Shl => "<<",
                    Binary::Shr => ">>",
                    Binary::Eq => "==",
                    Binary::Ne => "!=",
                    Binary::Lt => "<",
                    Binary::Le => "<=",
                    Binary::Gt => ">",
                    Binary::Ge => ">=",
                    Binary::Both => "&&",
                    Binary::Either => "||",
                };
                format!("({} {symbol} {})", self.expr(left), self.expr(right))
            }
            Expr::Choice(condition, then, otherwise) => {
                format!(
                    "({} ? {} : {})",
                    self.expr(condition),
                    self.expr(then),
                    self.expr(otherwise)
                )
            }
            Expr::Size(span) => format!("sizeof({})", self.span(*span)),
            Expr::Count(at) => format!("count({})", self.field(*at)),
            Expr::Offset(at) => format!("offsetof({})", self.field(*at)),
            Expr::Present(at) => format!("present({})", self.field(*at)),
            Expr::Sum(checksum, span) => format!("{}({})", checksum.name(), self.span(*span)),
        }
    }
}

/// JSON under construction. A comma is written before anything that follows a complete value.
#[derive(Default)]
struct Json(String);

impl Json {
    fn raw(&mut self, text: impl std::fmt::Display) {
        if !self.0.is_empty() && !self.0.ends_with(['{', '[', ':']) {
            self.0.push(',');
        }
        write!(self.0, "{text}").expect("writing to a String cannot fail");
    }

    fn open(&mut self, bracket: char) {
        self.raw(bracket);
    }

    fn close(&mut self, bracket: char) {
        self.0.push(bracket);
    }

    fn key(&mut self, name: &str) {
        self.raw(format_args!("\"{name}\":"));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        self.raw(quote(text));
    }

    fn number(&mut self, name: &str, value: impl std::fmt::Display) {
        self.key(name);
        self.raw(value);
    }
}

use crate::js::quote;

/// The number of bytes in a line of a dump.
const LINE: usize = 8;

/// Dumps the record at `offset`: a line for each value, with its bytes, path, type and value. If something is wrong,
/// the last line states it.
pub fn dump(layout: &Layout, bytes: &[u8], offset: usize) -> String {
    let mut dump = Dump {
        layout,
        input: bytes,
        path: Vec::new(),
        rows: Vec::new(),
    };
    let result = decode(layout, bytes, offset, &mut dump);
    let widest = |column: fn(&[String; 3]) -> &str| {
        dump.rows
            .iter()
            .map(|(.., row)| column(row).chars().count())
            .max()
            .unwrap_or(0)
            .min(40)
    };
    let (paths, types) = (widest(|row| &row[0]), widest(|row| &row[1]));
    let mut out = String::new();
    for (start, end, [path, kind, value]) in &dump.rows {
        let shown: Vec<String> = bytes[*start..*end]
            .iter()
            .take(LINE)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let more = if end - start > LINE { "…" } else { "" };
        let hex = format!("{}{more}", shown.join(" "));
        let line = format!("{start:08x}  {hex:<25}  {path:<paths$}  {kind:<types$}  {value}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    if let Err(Failure::Layout(error)) = result {
        out.push_str(&format!("! {error}\n"));
    }
    out
}

struct Dump<'a> {
    layout: &'a Layout,
    input: &'a [u8],
    path: Vec<Step>,
    rows: Vec<(usize, usize, [String; 3])>,
}

/// Cuts text to at most `most` characters.
fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

impl Build for Dump<'_> {
    /// The value as it is shown; empty for a value with parts of its own.
    type Value = String;
    type Foreign = std::convert::Infallible;
    const TRACES: bool = true;

    fn int(&mut self, value: i128, _big: bool) -> String {
        value.to_string()
    }

    fn float(&mut self, value: f64) -> String {
        value.to_string()
    }

    fn bool(&mut self, value: bool) -> String {
        value.to_string()
    }

    fn text(&mut self, text: &str) -> String {
        format!("{:?}", short(text, 40))
    }

    fn bytes(&mut self, _input: &[u8], start: usize, end: usize) -> String {
        format!("{} bytes", end - start)
    }

    fn time(&mut self, ms: f64) -> String {
        format!("{ms} ms")
    }

    fn list(&mut self, _items: Vec<String>) -> String {
        String::new()
    }

    fn record(&mut self, _structure: usize, _fields: Vec<(usize, String)>) -> String {
        String::new()
    }

    fn map(&mut self, _mapper: u32, value: String) -> Result<String, Self::Foreign> {
        Ok(value)
    }

    fn enter(&mut self, step: &Step) {
        self.path.push(step.clone());
    }

    fn leave(&mut self, kind: &Kind, start: usize, end: usize, value: Option<&String>) {
        let path = Error {
            steps: self.path.iter().rev().cloned().collect(),
            ..Error::new(Code::Invalid, "")
        }
        .path();
        self.path.pop();
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return;
        };
        let names = Names {
            layout: self.layout,
            id: self.layout.root,
        };
        // For bit fields, the bytes of the run that contain the field.
        let (start, end) = match kind.bits() {
            Some(bits) => {
                let first = start + bits.at as usize / 8;
                (
                    first,
                    first + (bits.at as usize % 8 + usize::from(bits.width)).div_ceil(8),
                )
            }
            None => (start, end),
        };
        let kind = match kind {
            // Their references may be to fields of another struct.
            Kind::Text { .. } | Kind::Bytes(_) | Kind::Pad(_) | Kind::Switch(_) => names.layout_free(kind),
            kind => names.kind(kind),
        };
        self.rows
            .push((start, end.min(self.input.len()), [path, kind, value.clone()]));
    }
}

impl Names<'_> {
    /// The name of a kind without what it refers to.
    fn layout_free(&self, kind: &Kind) -> String {
        let text = match kind {
            Kind::Text { encoding, fill, .. } => self.kind(&Kind::Text {
                encoding: *encoding,
                length: Length::Rest,
                fill: *fill,
            }),
            Kind::Bytes(_) => "bytes".into(),
            Kind::Pad(_) => "pad".into(),
            _ => "switch".into(),
        };
        text.split('(').next().unwrap_or_default().into()
    }
}
