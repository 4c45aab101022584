//! The Rust codec for `lib/protobuf`: JSON, text format, and all of it where no code may be generated.
//!
//! A call takes a message by its index in the outline, bytes, and the flags that `lib/protobuf/formats.js` names. It returns bytes or a
//! string. Its errors have one of this package's codes and a sentence as the message.

use std::sync::Arc;

use napi::bindgen_prelude::{Buffer, BufferSlice, Uint32Array, Utf16String};
use napi::{Env, JsString};
use napi_derive::napi;

use super::proto::ProtoSchema;
use crate::proto::codec::{BinaryOptions, Codec, Error, ErrorKind, Limits, MAX_SIZE};
use crate::proto::json::{ParseOptions, PrintOptions, utf16};
use crate::proto::schema::MessageId;
use crate::proto::text::{TextParseOptions, TextPrintOptions};

/// Unknown fields, keys and enum names are passed over (reading), or written by number (text format).
pub const UNKNOWN: u32 = 1;
/// A missing required field is no error.
pub const PARTIAL: u32 = 2;
/// JSON has fields without presence that are unset.
pub const DEFAULTS: u32 = 4;
/// JSON keys are the names as declared.
pub const PROTO_NAMES: u32 = 8;
/// JSON has enums as numbers.
pub const ENUM_NUMBERS: u32 = 16;
/// Text format on one line.
pub const SINGLE_LINE: u32 = 32;

/// Encodes and decodes the messages of a schema in all formats.
#[napi]
pub struct ProtoCodec {
    codec: Arc<Codec>,
    limits: Limits,
    scratch: Scratch,
}

/// The limits of a codec.
#[napi(object)]
pub struct ProtoLimits {
    /// The deepest nesting of messages, groups, arrays and objects.
    pub depth: u32,
    /// The most bytes of input.
    pub size: u32,
    /// The most values in the index of one level and the levels around it.
    pub values: u32,
}

/// An error with one of this package's codes.
type Refusal = napi::Error<String>;

fn failed(error: Error, limits: Limits) -> Refusal {
    refused(&error, &error.to_string(), limits)
}

/// Creates an error with this message.
fn refused(error: &Error, message: &str, limits: Limits) -> Refusal {
    let code = match error.kind() {
        ErrorKind::Wire => "IRONWIRE_PROTOBUF_INVALID",
        ErrorKind::Json => "IRONWIRE_PROTOBUF_JSON",
        ErrorKind::Text => "IRONWIRE_PROTOBUF_TEXT",
        ErrorKind::Utf8 => "IRONWIRE_PROTOBUF_UTF8",
        ErrorKind::Required => "IRONWIRE_PROTOBUF_REQUIRED",
        ErrorKind::Limit | ErrorKind::Depth => "IRONWIRE_PROTOBUF_LIMIT",
        ErrorKind::Unrepresentable => "IRONWIRE_PROTOBUF_UNREPRESENTABLE",
    };
    let limit = match error.kind() {
        ErrorKind::Depth => format!(", which is {}", limits.levels()),
        _ => String::new(),
    };
    Refusal::new(code.into(), format!("{message}{limit}"))
}

/// Memory that calls reuse. Newly allocated memory would cost page faults and work for the collector.
#[derive(Default)]
struct Scratch {
    /// JSON from a JavaScript string, converted to UTF-8.
    input: Vec<u8>,
    /// The result of the last call.
    output: Vec<u8>,
    /// The result in UTF-16 for V8, if it is not ASCII.
    units: Vec<u16>,
}

impl Scratch {
    /// Keeps at most a megabyte for the next call.
    fn trim(&mut self) {
        const KEPT: usize = 1 << 20;
        for bytes in [&mut self.input, &mut self.output] {
            if bytes.capacity() > KEPT {
                *bytes = Vec::new();
            }
        }
        if self.units.capacity() > KEPT {
            self.units = Vec::new();
        }
    }

    /// Converts `output` to a JavaScript string. V8 takes one-byte or two-byte characters directly; transcoding UTF-8
    /// would be slow.
    fn string<'env>(&mut self, env: &'env Env) -> Result<JsString<'env>, Refusal> {
        let Scratch { output, units, .. } = self;
        let string = if output.is_ascii() {
            env.create_string_latin1(&*output)
        } else {
            match utf16::to_utf16(output, units) {
                Some(units) => env.create_string_utf16(units),
                // The printers write valid UTF-8 if the input was. If a schema does not verify a string, invalid
                // bytes are replaced.
                None => env.create_string(String::from_utf8_lossy(output)),
            }
        };
        self.trim();
        // A string that is too long for V8 fails.
        string.map_err(|error| Refusal::new(error.status.to_string(), error.reason.clone()))
    }
}

impl ProtoCodec {
    fn message(&self, index: u32) -> Result<MessageId, Refusal> {
        if index as usize >= self.codec.schema().messages.len() {
            return Err(Refusal::new("IRONWIRE_INTERNAL".into(), "no such message"));
        }
        Ok(MessageId(index))
    }

    /// Converts an error for JavaScript, and releases the memory that a rejected input took.
    fn settle<T>(&mut self, result: Result<T, Error>) -> Result<T, Refusal> {
        result.map_err(|error| {
            self.scratch.trim();
            failed(error, self.limits)
        })
    }

    fn binary(&self, flags: u32) -> BinaryOptions {
        BinaryOptions {
            limits: self.limits,
            check_required: flags & PARTIAL == 0,
            unknown_fields: flags & UNKNOWN != 0,
        }
    }

    fn parse(&self, flags: u32) -> ParseOptions {
        ParseOptions {
            limits: self.limits,
            ignore_unknown: flags & UNKNOWN != 0,
            check_required: flags & PARTIAL == 0,
        }
    }

    fn print(&self, flags: u32) -> PrintOptions {
        PrintOptions {
            limits: self.limits,
            check_required: flags & PARTIAL == 0,
            defaults: flags & DEFAULTS != 0,
            proto_names: flags & PROTO_NAMES != 0,
            enum_numbers: flags & ENUM_NUMBERS != 0,
        }
    }
}

#[napi]
impl ProtoCodec {
    /// Prepares the codec of a schema.
    #[napi(catch_unwind, constructor)]
    pub fn new(schema: &ProtoSchema, limits: ProtoLimits) -> Self {
        ProtoCodec {
            codec: Arc::new(Codec::new(schema.linked())),
            scratch: Scratch::default(),
            limits: Limits {
                depth: limits.depth as usize,
                size: limits.size as usize,
                values: limits.values as usize,
            },
        }
    }

    /// Converts binary to JSON.
    #[napi(catch_unwind, ts_return_type = "string")]
    pub fn binary_to_json<'env>(
        &mut self,
        env: &'env Env,
        message: u32,
        bytes: &[u8],
        flags: u32,
    ) -> Result<JsString<'env>, Refusal> {
        let (message, options) = (self.message(message)?, self.print(flags));
        let written = self
            .codec
            .to_json_into(message, bytes, &options, &mut self.scratch.output);
        self.settle(written)?;
        self.scratch.string(env)
    }

    /// Converts JSON to binary. Returns its length; `take()` fetches the bytes.
    #[napi(catch_unwind, ts_args_type = "message: number, json: string, flags: number")]
    pub fn json_to_binary(&mut self, message: u32, json: Utf16String, flags: u32) -> Result<u32, Refusal> {
        if !utf16::from_utf16(&json, &mut self.scratch.input) {
            return Err(Refusal::new(
                "IRONWIRE_PROTOBUF_UTF8".into(),
                "The JSON text has a lone surrogate",
            ));
        }
        let (message, options) = (self.message(message)?, self.parse(flags));
        let Scratch { input, output, .. } = &mut self.scratch;
        let read = self.codec.from_json_into(message, input, &options, output);
        self.settle(read)?;
        Ok(self.scratch.output.len() as u32)
    }

    /// Converts JSON in UTF-8 to binary. Returns its length; `take()` fetches the bytes.
    #[napi(catch_unwind)]
    pub fn json_bytes_to_binary(&mut self, message: u32, json: &[u8], flags: u32) -> Result<u32, Refusal> {
        let (message, options) = (self.message(message)?, self.parse(flags));
        let output = &mut self.scratch.output;
        let read = self.codec.from_json_into(message, json, &options, output);
        self.settle(read)?;
        Ok(self.scratch.output.len() as u32)
    }

    /// Copies the result of the last call to `into`, which must have the length that the call returned.
    #[napi(catch_unwind)]
    pub fn take(&mut self, mut into: BufferSlice<'_>) {
        if let Some(place) = into.get_mut(..self.scratch.output.len()) {
            place.copy_from_slice(&self.scratch.output);
        }
        self.scratch.trim();
    }

    /// Converts binary to text format.
    #[napi(catch_unwind, ts_return_type = "string")]
    pub fn binary_to_text<'env>(
        &mut self,
        env: &'env Env,
        message: u32,
        bytes: &[u8],
        flags: u32,
    ) -> Result<JsString<'env>, Refusal> {
        let options = TextPrintOptions {
            limits: self.limits,
            check_required: flags & PARTIAL == 0,
            unknown_fields: flags & UNKNOWN != 0,
            single_line: flags & SINGLE_LINE != 0,
        };
        self.scratch.output = self
            .codec
            .to_text(self.message(message)?, bytes, &options)
            .map_err(|error| failed(error, self.limits))?;
        self.scratch.string(env)
    }

    /// Converts text format to binary.
    #[napi(catch_unwind)]
    pub fn text_to_binary(&self, message: u32, source: &[u8], flags: u32) -> Result<Buffer, Refusal> {
        let options = TextParseOptions {
            limits: self.limits,
            ignore_unknown: flags & UNKNOWN != 0,
            check_required: flags & PARTIAL == 0,
        };
        let binary = self.codec.from_text(self.message(message)?, source, &options);
        Ok(binary.map_err(|error| failed(error, self.limits))?.into())
    }

    /// Returns a binary message in canonical form.
    #[napi(catch_unwind)]
    pub fn normalize(&self, message: u32, bytes: &[u8], flags: u32) -> Result<Buffer, Refusal> {
        let binary = self.codec.normalize(self.message(message)?, bytes, &self.binary(flags));
        Ok(binary.map_err(|error| failed(error, self.limits))?.into())
    }

    /// Returns the tape from which a table-driven reader builds an object; see `proto::codec::tape`. The error of an invalid message has
    /// the reason only as its message.
    #[napi(catch_unwind)]
    pub fn tape(&self, message: u32, bytes: &[u8], flags: u32) -> Result<Uint32Array, Refusal> {
        let tape = self.codec.tape(self.message(message)?, bytes, &self.binary(flags));
        Ok(tape
            .map_err(|error| refused(&error, error.reason(), self.limits))?
            .into())
    }

    /// Returns the binary message for the bytes of a table-driven writer; see `proto::codec::tape`.
    #[napi(catch_unwind)]
    pub fn assemble(&self, message: u32, bytes: &[u8]) -> Result<Buffer, Refusal> {
        // The tape comes from the writer itself and is longer than the message. Size limits apply to untrusted input.
        let limits = Limits {
            size: MAX_SIZE,
            ..self.limits
        };
        let binary = self.codec.assemble(self.message(message)?, bytes, &limits);
        Ok(binary.map_err(|error| failed(error, self.limits))?.into())
    }
}
