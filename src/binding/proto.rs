//! Protobuf schemas for `lib/protobuf`: cold calls, made once a schema or once a message type.

use std::sync::Arc;

use napi::bindgen_prelude::Either;
use napi_derive::napi;

use crate::proto::emit::{self, EmitOptions, Emitted, Int64};
use crate::proto::schema::{MessageId, Schema};
use crate::proto::{self, CompileOptions, Compiler, Limits, descriptor, wkt};

/// The options of a schema. `lib/protobuf` sets all of them.
#[napi(object)]
pub struct ProtoOptions {
    /// Whether the compiler accepts everything that npm `protocol-buffers` accepts, instead of only what `protoc` accepts.
    pub lenient: bool,
    /// How 64-bit integers are represented: `'auto'`, `'bigint'`, `'string'` or `'number'`.
    pub int64: String,
    /// Whether decoded objects have absent fields with their default values.
    pub defaults: bool,
    /// Whether unknown fields are kept and written back.
    pub unknown_fields: bool,
    /// Whether NaN is a value. Otherwise it counts as absent.
    pub nan: bool,
    /// How deep messages may nest.
    pub depth: u32,
    /// The options that only `protobuf.load` has.
    pub face: Option<ProtoFace>,
    /// Limits on the schema; see `proto::Limits` for the defaults.
    pub limits: Option<ProtoSchemaLimits>,
}

/// How `protobuf.load` represents messages; see `proto::emit::EmitOptions`.
#[napi(object)]
pub struct ProtoFace {
    /// Whether properties are in camel case.
    pub camel_case: bool,
    /// Whether enum values are represented by their names.
    pub enum_names: bool,
    /// Whether each oneof has a property that names the member that is set.
    pub oneof_cases: bool,
    /// Whether a `google.protobuf.Timestamp` is a `Date`.
    pub dates: bool,
    /// Whether a `google.protobuf.Duration` is a number of milliseconds.
    pub durations: bool,
}

/// Limits on a schema; see `proto::Limits`.
#[napi(object)]
pub struct ProtoSchemaLimits {
    /// The most bytes of all sources together.
    pub source_bytes: u32,
    /// The deepest nesting of messages, groups and option values.
    pub nesting: u32,
    /// The deepest chain of imports.
    pub import_depth: u32,
    /// The most files.
    pub files: u32,
    /// The most different options on one element.
    pub options: u32,
    /// The most bytes of a full name.
    pub full_name: u32,
    /// The most declared names.
    pub symbols: u32,
}

impl ProtoSchemaLimits {
    fn limits(&self) -> Limits {
        Limits {
            source_bytes: self.source_bytes as usize,
            nesting: self.nesting as usize,
            import_depth: self.import_depth as usize,
            files: self.files as usize,
            options: self.options as usize,
            full_name: self.full_name as usize,
            symbols: self.symbols as usize,
        }
    }
}

impl ProtoOptions {
    pub(super) fn compile(&self) -> CompileOptions {
        CompileOptions {
            lenient: self.lenient,
            limits: self.limits.as_ref().map(ProtoSchemaLimits::limits).unwrap_or_default(),
            ..CompileOptions::default()
        }
    }

    fn emit(&self) -> EmitOptions {
        EmitOptions {
            int64: match self.int64.as_str() {
                "bigint" => Int64::BigInt,
                "string" => Int64::String,
                "number" => Int64::Number,
                _ => Int64::Auto,
            },
            defaults: self.defaults,
            unknown_fields: self.unknown_fields,
            nan: self.nan,
            depth: self.depth,
            presence: self.face.is_some(),
            camel_case: self.face.as_ref().is_some_and(|face| face.camel_case),
            enum_names: self.face.as_ref().is_some_and(|face| face.enum_names),
            oneof_cases: self.face.as_ref().is_some_and(|face| face.oneof_cases),
            dates: self.face.as_ref().is_some_and(|face| face.dates),
            durations: self.face.as_ref().is_some_and(|face| face.durations),
        }
    }
}

/// Compiles source text. It never calls JavaScript: `root()` and `give()` return the name of the import that they need next, and the
/// caller passes its text to `give()`.
#[napi]
pub struct ProtoCompiler {
    compiler: Option<Compiler>,
}

fn failed(error: proto::Error) -> napi::Error {
    napi::Error::from_reason(error.to_string())
}

impl ProtoCompiler {
    /// Takes the compiler. After an error it is not put back, and cannot be used any more.
    fn take(&mut self) -> napi::Result<Compiler> {
        let spent = || napi::Error::from_reason("the compiler cannot be used any more");
        self.compiler.take().ok_or_else(spent)
    }

    fn advance(
        &mut self,
        step: impl FnOnce(&mut Compiler) -> Result<(), proto::Error>,
    ) -> napi::Result<Option<String>> {
        let mut compiler = self.take()?;
        step(&mut compiler).map_err(failed)?;
        let wanted = compiler.wanted().map_err(failed)?;
        self.compiler = Some(compiler);
        Ok(wanted)
    }
}

#[napi]
impl ProtoCompiler {
    /// Creates a compiler without any files.
    #[napi(catch_unwind, constructor)]
    pub fn new(options: ProtoOptions) -> Self {
        Self {
            compiler: Some(Compiler::new(&options.compile())),
        }
    }

    /// Adds the first file. Returns the name of the import that is needed next, or null if there is none.
    #[napi(catch_unwind, ts_return_type = "string | null")]
    pub fn root(&mut self, name: String, source: String) -> napi::Result<Option<String>> {
        self.advance(|compiler| compiler.root(&name, source))
    }

    /// Adds the file that was asked for, or null if it does not exist. Returns the name of the import that is needed next, or null.
    #[napi(catch_unwind, ts_return_type = "string | null")]
    pub fn give(&mut self, source: Option<String>) -> napi::Result<Option<String>> {
        self.advance(|compiler| compiler.give(Ok(source)))
    }
}

/// A linked schema.
#[napi]
pub struct ProtoSchema {
    schema: Arc<Schema>,
    options: EmitOptions,
    emitted: Emitted,
}

impl ProtoSchema {
    /// The schema, for the codec.
    pub(super) fn linked(&self) -> Arc<Schema> {
        Arc::clone(&self.schema)
    }

    /// The options for emitting code.
    pub(super) fn emit_options(&self) -> &EmitOptions {
        &self.options
    }
}

#[napi]
impl ProtoSchema {
    /// Links the files of a compiler, which cannot be used afterwards, or those of a `google.protobuf.FileDescriptorSet`.
    #[napi(catch_unwind, constructor)]
    pub fn new(source: Either<&mut ProtoCompiler, &[u8]>, options: ProtoOptions) -> napi::Result<Self> {
        let schema = match source {
            Either::A(compiler) => compiler.take()?.schema(),
            Either::B(bytes) => descriptor::decode(bytes, &options.compile()).map_err(failed)?,
        };
        Ok(Self {
            emitted: Emitted::new(&schema),
            schema: Arc::new(schema),
            options: options.emit(),
        })
    }

    /// Returns messages, enums and services as JSON; see `proto::emit::outline`.
    #[napi(catch_unwind)]
    pub fn outline(&self) -> String {
        emit::outline(&self.schema)
    }

    /// Returns all fields of all messages as JSON, for readers and writers without generated code; see `proto::emit::table`.
    #[napi(catch_unwind)]
    pub fn table(&self) -> String {
        emit::table(&self.schema, &self.options)
    }

    /// Returns JavaScript for a message, and for all messages it refers to that were not emitted before; see `proto::emit::emit`.
    #[napi(catch_unwind)]
    pub fn emit(&mut self, message: u32) -> napi::Result<String> {
        if message as usize >= self.schema.messages.len() {
            return Err(napi::Error::from_reason("no such message"));
        }
        Ok(emit::emit(
            &self.schema,
            MessageId(message),
            &mut self.emitted,
            &self.options,
        ))
    }
}

/// Returns the code around the generated functions; see `proto::emit::CODEC_BODY`.
#[napi(catch_unwind)]
pub fn proto_codec_body() -> &'static str {
    emit::CODEC_BODY
}

/// Returns the source of a well-known file, such as `google/protobuf/descriptor.proto`, or null if it is not one.
#[napi(catch_unwind)]
pub fn proto_well_known(name: String) -> Option<&'static str> {
    wkt::source(&name)
}
