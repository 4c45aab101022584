//! Protobuf schemas for `lib/protobuf`: cold calls, made once a schema or once a message type.

use std::sync::Arc;

use napi::bindgen_prelude::Either;
use napi_derive::napi;

use crate::proto::emit::{self, EmitOptions, Emitted, Int64};
use crate::proto::schema::{MessageId, Schema};
use crate::proto::{self, CompileOptions, Compiler, Limits, descriptor, wkt};

/// Options of a schema, all of them set by `lib/protobuf`.
#[napi(object)]
pub struct ProtoOptions {
    /// What npm `protocol-buffers` takes; off: what `protoc` takes.
    pub lenient: bool,
    /// 64-bit integers: `'auto'`, `'bigint'`, `'string'` or `'number'`.
    pub int64: String,
    /// Decoded objects have absent fields by their default.
    pub defaults: bool,
    /// Unknown fields are kept and written back.
    pub unknown_fields: bool,
    /// NaN is a value.
    pub nan: bool,
    /// How deep messages may nest.
    pub depth: u32,
    /// What only `protobuf.load` has; see `proto::emit::EmitOptions`.
    pub face: Option<ProtoFace>,
    /// Limits on the schema; the defaults of `proto::Limits` where left out.
    pub limits: Option<ProtoSchemaLimits>,
}

/// How `protobuf.load` shows messages; see `proto::emit::EmitOptions`.
#[napi(object)]
pub struct ProtoFace {
    /// Properties in camel case.
    pub camel_case: bool,
    /// Enums as names.
    pub enum_names: bool,
    /// Oneofs name the member that is set.
    pub oneof_cases: bool,
    /// Timestamps as `Date`.
    pub dates: bool,
    /// Durations as milliseconds.
    pub durations: bool,
}

/// Limits on a schema; see `proto::Limits`.
#[napi(object)]
pub struct ProtoSchemaLimits {
    /// Bytes of all sources.
    pub source_bytes: u32,
    /// Depth of messages, groups and option values.
    pub nesting: u32,
    /// Depth of imports.
    pub import_depth: u32,
    /// Files.
    pub files: u32,
    /// Different options on one element.
    pub options: u32,
    /// Bytes of a full name.
    pub full_name: u32,
    /// Declared names.
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

/// Compiles source text. It never calls JavaScript: whoever drives it is told which file is wanted next, and gives that.
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
        let spent = || napi::Error::from_reason("the compiler was used after its end");
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
    /// Nothing yet.
    #[napi(catch_unwind, constructor)]
    pub fn new(options: ProtoOptions) -> Self {
        Self {
            compiler: Some(Compiler::new(&options.compile())),
        }
    }

    /// The first file. Gives the name of the import that is wanted first, or null where that is all.
    #[napi(catch_unwind, ts_return_type = "string | null")]
    pub fn root(&mut self, name: String, source: String) -> napi::Result<Option<String>> {
        self.advance(|compiler| compiler.root(&name, source))
    }

    /// The file that was wanted, null where there is none. Gives the name of the next.
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
    /// Links what a compiler was given, which is then empty, or the files of a `google.protobuf.FileDescriptorSet`.
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

    /// Messages, enums and services as JSON; see `proto::emit::outline`.
    #[napi(catch_unwind)]
    pub fn outline(&self) -> String {
        emit::outline(&self.schema)
    }

    /// All fields of all messages as JSON, for a reader and a writer without emitted code; see `proto::emit::table`.
    #[napi(catch_unwind)]
    pub fn table(&self) -> String {
        emit::table(&self.schema, &self.options)
    }

    /// JavaScript for a message and all it refers to that was not emitted before; see `proto::emit::emit`.
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

/// See `proto::emit::CODEC_BODY`.
#[napi(catch_unwind)]
pub fn proto_codec_body() -> &'static str {
    emit::CODEC_BODY
}

/// The source of a well-known file, `google/protobuf/descriptor.proto` for one; see `proto::wkt`.
#[napi(catch_unwind)]
pub fn proto_well_known(name: String) -> Option<&'static str> {
    wkt::source(&name)
}
