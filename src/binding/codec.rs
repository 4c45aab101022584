//! Layouts for `lib/codec`: compiling them, the code that they emit, and the interpreter. Single records go through the interpreter
//! only where code generation is not allowed, or to find out what is wrong with them.

use napi::bindgen_prelude::{BigInt, BufferSlice};
use napi_derive::napi;

use super::raw::{Env, Type, Value};
use crate::codec::checksum::Checksum;
use crate::codec::layout::decode::{Build, Failure, decode};
use crate::codec::layout::encode::{Integer, Source as Values, Text, encode};
use crate::codec::layout::stack::with_room;
use crate::codec::layout::{Code, Error, Kind, Layout, Limits, Source, columns, compile, describe, emit};

/// One text of a layout. A layout may refer to other layouts, each of which is a source of its own.
#[napi(object)]
pub struct CodecSource {
    /// The number by which other sources refer to this one.
    pub id: u32,
    /// The declarations of structs and enums.
    pub text: String,
    /// The name of the struct that this source stands for. Default: the last struct.
    pub root: Option<String>,
}

/// Limits of a layout; see `codec::layout::Limits` for the defaults.
#[napi(object)]
pub struct CodecLimits {
    pub depth: Option<u32>,
    pub values: Option<u32>,
}

/// A compiled layout.
#[napi]
pub struct CodecLayout {
    layout: Layout,
}

/// Builds `{code, message, path, offset, value}`, from which `lib/codec/layout/errors.js` creates an error.
fn refusal(env: Env, error: &Error, value: Option<Value>) -> Value {
    let code = match error.code {
        Code::Syntax => "syntax",
        Code::Limit => "limit",
        Code::Truncated => "truncated",
        Code::Invalid => "invalid",
        Code::Checksum => "checksum",
        Code::Type => "type",
        Code::Range => "range",
        Code::Value => "value",
    };
    let object = env.object();
    env.set(object, "code", env.string(code));
    env.set(object, "message", env.string(&error.message));
    env.set(object, "path", env.string(&error.path()));
    if let Some(offset) = error.offset {
        env.set(object, "offset", env.number(offset as f64));
    }
    if let Some((line, column)) = error.position.filter(|(line, _)| *line > 0) {
        env.set(object, "line", env.int(line as i32));
        env.set(object, "column", env.int(column as i32));
    }
    if let Some(value) = value {
        env.set(object, "value", value);
    }
    object
}

/// A JavaScript exception is pending.
struct Thrown;

/// Creates and reads JavaScript values.
struct Js<'a> {
    env: Env,
    layout: &'a Layout,
    /// The function that creates a view of the input.
    view: Option<Value>,
    /// The function that applies a mapper to a value: `(index, isEncode, value)`.
    map: Value,
    /// The names of all fields, by struct and then by field. Created once per call.
    names: Vec<Vec<Option<Value>>>,
}

impl<'a> Js<'a> {
    fn new(env: Env, layout: &'a Layout, view: Option<Value>, map: Value) -> Self {
        let names = layout
            .structs
            .iter()
            .map(|inner| vec![None; inner.fields.len()])
            .collect();
        Js {
            env,
            layout,
            view,
            map,
            names,
        }
    }

    fn name(&mut self, structure: usize, field: usize) -> Value {
        if let Some(name) = self.names[structure][field] {
            return name;
        }
        let text = self.layout.structs[structure].fields[field]
            .name
            .as_deref()
            .unwrap_or_default();
        let name = self.env.string(text);
        self.names[structure][field] = Some(name);
        name
    }

    fn mapped(&mut self, mapper: u32, encode: bool, value: Value) -> Result<Value, Thrown> {
        let arguments = [self.env.number(mapper.into()), self.env.boolean(encode), value];
        self.env.call(self.map, &arguments).ok_or(Thrown)
    }
}

impl Build for Js<'_> {
    type Value = Value;
    type Foreign = Thrown;

    fn int(&mut self, value: i128, big: bool) -> Value {
        if big {
            self.env.bigint(value)
        } else {
            self.env.number(value as f64)
        }
    }

    fn float(&mut self, value: f64) -> Value {
        self.env.number(value)
    }

    fn bool(&mut self, value: bool) -> Value {
        self.env.boolean(value)
    }

    fn text(&mut self, text: &str) -> Value {
        self.env.string(text)
    }

    fn bytes(&mut self, _input: &[u8], start: usize, end: usize) -> Value {
        let Some(view) = self.view else {
            return self.env.undefined();
        };
        // This function belongs to the package, so no code of the application runs in it.
        let made = self
            .env
            .call(view, &[self.env.number(start as f64), self.env.number(end as f64)]);
        made.unwrap_or_else(|| self.env.undefined())
    }

    fn time(&mut self, ms: f64) -> Value {
        self.env.date(ms)
    }

    fn list(&mut self, items: Vec<Value>) -> Value {
        self.env.array(&items)
    }

    fn record(&mut self, structure: usize, fields: Vec<(usize, Value)>) -> Value {
        let object = self.env.object();
        for (field, value) in fields {
            let name = self.name(structure, field);
            self.env.define(object, name, value);
        }
        object
    }

    fn map(&mut self, mapper: u32, value: Value) -> Result<Value, Thrown> {
        self.mapped(mapper, false, value)
    }
}

impl Values for Js<'_> {
    type Value = Value;
    type Foreign = Thrown;

    fn is_record(&mut self, value: &Value) -> bool {
        self.env.type_of(*value) == Type::Object
    }

    fn is_absent(&mut self, value: &Value) -> bool {
        self.env.type_of(*value) == Type::Nothing
    }

    fn field(&mut self, record: &Value, structure: usize, field: usize) -> Result<Value, Thrown> {
        let name = self.name(structure, field);
        let inherited = self.layout.structs[structure].fields[field].name.as_deref() == Some("__proto__");
        if inherited && !self.env.has_own(*record, name) {
            return Ok(self.env.undefined());
        }
        self.env.property(*record, name).ok_or(Thrown)
    }

    fn int(&mut self, value: &Value, big: bool) -> Integer {
        match (self.env.type_of(*value), big) {
            (Type::BigInt, true) => self.env.as_bigint(*value).map_or(Integer::Other, Integer::Value),
            (Type::Number, false) => match self.env.as_double(*value) {
                // Any larger value is out of range in any case.
                Some(number) if number.fract() == 0.0 => Integer::Value(number.clamp(-1e30, 1e30) as i128),
                _ => Integer::Fraction,
            },
            _ => Integer::Other,
        }
    }

    fn float(&mut self, value: &Value) -> Option<f64> {
        self.env.as_double(*value)
    }

    fn bool(&mut self, value: &Value) -> Option<bool> {
        self.env.as_boolean(*value)
    }

    fn text(&mut self, value: &Value) -> Text {
        match self.env.as_utf16(*value) {
            Some(units) => String::from_utf16(&units).map_or(Text::Broken, Text::Value),
            None => Text::Other,
        }
    }

    fn bytes(&mut self, value: &Value) -> Option<Vec<u8>> {
        self.env.copy_bytes(*value)
    }

    fn time(&mut self, value: &Value) -> Option<f64> {
        self.env.as_date(*value)
    }

    fn list(&mut self, value: &Value) -> Result<Option<usize>, Thrown> {
        Ok(self.env.list_length(*value))
    }

    fn item(&mut self, list: &Value, index: usize) -> Result<Value, Thrown> {
        self.env.element(*list, index).ok_or(Thrown)
    }

    fn map(&mut self, mapper: u32, value: Value) -> Result<Value, Thrown> {
        self.mapped(mapper, true, value)
    }
}

impl CodecLayout {
    fn has_mappers(&self) -> bool {
        fn maps(kind: &Kind) -> bool {
            match kind {
                Kind::Map(..) => true,
                Kind::Array(inner, _) | Kind::Bool(inner) | Kind::Enum(_, inner) | Kind::Time(inner, _) => maps(inner),
                Kind::Switch(choices) => choices
                    .cases
                    .iter()
                    .map(|(_, kind)| kind)
                    .chain(&choices.default)
                    .any(maps),
                _ => false,
            }
        }
        self.layout
            .structs
            .iter()
            .flat_map(|inner| &inner.fields)
            .any(|field| maps(&field.kind))
    }
}

#[napi]
impl CodecLayout {
    /// Returns the body of a JavaScript function; see `codec::layout::emit`.
    #[napi(catch_unwind)]
    pub fn emit(&self) -> String {
        with_room(|| emit::emit(&self.layout))
    }

    /// Returns a description of the layout as JSON; see `codec::layout::describe`.
    #[napi(catch_unwind)]
    pub fn describe(&self) -> String {
        with_room(|| describe::describe(&self.layout))
    }

    /// Decodes up to `most` records from `offset` to the end of the bytes. Returns `{ values, bytes }`, or `{ code, message, path, … }` if they are
    /// invalid.
    #[napi(
        catch_unwind,
        ts_args_type = "bytes: Uint8Array, offset: number, most: number, view: (start: number, end: number) => unknown, map: (mapper: number, isEncode: boolean, value: unknown) => unknown",
        ts_return_type = "unknown"
    )]
    pub fn decode(
        &self,
        env: &napi::Env,
        bytes: Value,
        offset: i64,
        most: i64,
        view: Value,
        map: Value,
    ) -> napi::Result<Value> {
        let env = Env::from(env);
        // Mappers are functions of the application and may change the bytes, so they get a copy.
        if self.has_mappers() {
            let copy = env.copy_bytes(bytes).unwrap_or_default();
            return Ok(self.decode_from(env, &copy, offset, most, view, map));
        }
        let input = env.with_bytes(bytes, |input| self.decode_from(env, input, offset, most, view, map));
        input.ok_or_else(|| napi::Error::from_reason("bytes must be a Uint8Array"))
    }

    fn decode_from(&self, env: Env, input: &[u8], offset: i64, most: i64, view: Value, map: Value) -> Value {
        let mut js = Js::new(env, &self.layout, Some(view), map);
        let mut values = Vec::new();
        let mut at = offset as usize;
        while values.len() < most as usize && (values.is_empty() && most == 1 || at < input.len()) {
            match decode(&self.layout, input, at, &mut js) {
                Ok((value, 0)) if most > 1 => {
                    values.push(value);
                    break;
                }
                Ok((value, bytes)) => {
                    values.push(value);
                    at += bytes;
                }
                Err(Failure::Layout(error)) => return refusal(env, &error, None),
                Err(Failure::Foreign(Thrown)) => return env.undefined(),
            }
        }
        let result = env.object();
        env.set(result, "values", env.array(&values));
        env.set(result, "bytes", env.number((at - offset as usize) as f64));
        result
    }

    /// Returns why the bytes at `offset` are not a record, as `{ code, message, path, … }`, or undefined if they are one.
    #[napi(catch_unwind, ts_return_type = "unknown")]
    pub fn explain(&self, env: &napi::Env, bytes: &[u8], offset: i64) -> Value {
        let env = Env::from(env);
        match with_room(|| self.layout.decode_value(bytes, offset as usize).map(drop)) {
            Ok(()) => env.undefined(),
            Err(error) => refusal(env, &error, None),
        }
    }

    /// Encodes a record. Returns its bytes, or `{ code, message, path, … }` if the record does not match the layout.
    #[napi(
        catch_unwind,
        ts_args_type = "record: unknown, map: (mapper: number, isEncode: boolean, value: unknown) => unknown",
        ts_return_type = "unknown"
    )]
    pub fn encode(&self, env: &napi::Env, record: Value, map: Value) -> Value {
        let env = Env::from(env);
        let mut js = Js::new(env, &self.layout, None, map);
        match encode(&self.layout, &mut js, &record) {
            Ok(bytes) => env.buffer_copy(&bytes),
            Err((Failure::Layout(error), value)) => refusal(env, &error, value),
            Err((Failure::Foreign(Thrown), _)) => env.undefined(),
        }
    }

    /// Reads `count` records from `offset` on as columns and writes those to `out`; see `codec::layout::columns`. Returns one string for
    /// each column of strings, or undefined if the bytes do not match the layout.
    #[napi(catch_unwind, ts_return_type = "string[] | undefined")]
    pub fn columns(&self, env: &napi::Env, bytes: &[u8], offset: i64, count: i64, mut out: BufferSlice) -> Value {
        let env = Env::from(env);
        let (Some(columns), Some(input)) = (columns::columns(&self.layout), bytes.get(offset as usize..)) else {
            return env.undefined();
        };
        let Some(texts) = columns::read(&self.layout, &columns, input, count as usize, &mut out) else {
            return env.undefined();
        };
        let texts: Vec<Value> = texts
            .iter()
            .map(|texts| {
                if texts.is_ascii {
                    env.latin1(texts.text.as_bytes())
                } else {
                    env.string(&texts.text)
                }
            })
            .collect();
        env.array(&texts)
    }

    /// Lists the fields in the bytes at `offset`, one per line.
    #[napi(catch_unwind)]
    pub fn dump(&self, bytes: &[u8], offset: i64) -> String {
        with_room(|| describe::dump(&self.layout, bytes, offset as usize))
    }
}

/// Compiles a layout. Returns it, or `{ code, message, path, … }` if the text is invalid.
#[napi(catch_unwind)]
pub fn codec_layout(
    env: &napi::Env,
    sources: Vec<CodecSource>,
    limits: CodecLimits,
) -> napi::Result<napi::Either<CodecLayout, Value>> {
    let texts: Vec<Source> = sources
        .iter()
        .map(|source| Source {
            id: source.id,
            text: &source.text,
            root: source.root.as_deref(),
        })
        .collect();
    let usual = Limits::default();
    let limits = Limits {
        depth: limits.depth.unwrap_or(usual.depth),
        values: limits.values.unwrap_or(usual.values),
        ..usual
    };
    Ok(match with_room(|| compile(&texts, limits)) {
        Ok(layout) => napi::Either::A(CodecLayout { layout }),
        Err(error) => napi::Either::B(refusal(Env::from(env), &error, None)),
    })
}

/// Returns a checksum of up to 32 bits of `bytes[start..end]`. The bytes from `own_start` to `own_end`, where the checksum itself is
/// stored, count as zeros.
#[napi(catch_unwind)]
pub fn codec_checksum(name: String, bytes: &[u8], start: i64, end: i64, own_start: i64, own_end: i64) -> f64 {
    checksum(&name, bytes, start, end, own_start, own_end) as f64
}

/// The same for checksums of 64 bits.
#[napi(catch_unwind)]
pub fn codec_checksum64(name: String, bytes: &[u8], start: i64, end: i64, own_start: i64, own_end: i64) -> BigInt {
    checksum(&name, bytes, start, end, own_start, own_end).into()
}

fn checksum(name: &str, bytes: &[u8], start: i64, end: i64, own_start: i64, own_end: i64) -> u64 {
    let range = bytes.get(start as usize..end as usize).unwrap_or_default();
    let own = (own_start as usize, own_end as usize);
    Checksum::by_name(name).map_or(0, |sum| sum.without(range, start as usize, own))
}

/// Returns the bytes of an address, or null if the text is not a valid one.
#[napi(catch_unwind)]
pub fn codec_parse_address(kind: String, text: String) -> Option<napi::bindgen_prelude::Buffer> {
    let bytes = crate::codec::layout::Address::by_name(&kind)?.parse(&text)?;
    Some(bytes.into())
}
