//! Protobuf schemas for `lib/protobuf`: cold calls, made once a schema or once a message type.

use std::sync::Arc;

use napi::bindgen_prelude::{Either, Function, Null};
use napi_derive::napi;

use crate::proto::emit::{self, EmitOptions, Emitted, Int64};
use crate::proto::schema::{MessageId, Schema};
use crate::proto::{self, CompileOptions, Limits};

/// Options of [`ProtoSchema::compile`], all of them set by `lib/protobuf`.
#[napi(object)]
pub struct ProtoOptions {
    /// What npm `protocol-buffers` takes; off: what `protoc` takes.
    pub lenient: bool,
    /// 64-bit integers: `'auto'`, `'bigint'` or `'string'`.
    pub int64: String,
    /// Decoded objects have absent fields by their default.
    pub defaults: bool,
    /// Unknown fields are kept and written back.
    pub unknown_fields: bool,
    /// NaN is a value.
    pub nan: bool,
    /// How deep messages may nest.
    pub depth: u32,
    /// Limits on the schema; the defaults of `proto::Limits` where left out.
    pub limits: Option<ProtoSchemaLimits>,
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
                _ => Int64::Auto,
            },
            defaults: self.defaults,
            unknown_fields: self.unknown_fields,
            nan: self.nan,
            depth: self.depth,
        }
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
    pub(super) fn new(schema: Schema, options: &ProtoOptions) -> Self {
        Self {
            emitted: Emitted::new(&schema),
            schema: Arc::new(schema),
            options: options.emit(),
        }
    }

    /// The schema, for the codec.
    pub(super) fn linked(&self) -> Arc<Schema> {
        Arc::clone(&self.schema)
    }

    /// The options that it is emitted with.
    pub(super) fn emit_options(&self) -> &EmitOptions {
        &self.options
    }
}

#[napi]
impl ProtoSchema {
    /// Compiles `source` and what it imports. `resolve` gives the text of an imported file, or null where there is none.
    #[napi(catch_unwind, factory)]
    pub fn compile(
        name: String,
        source: String,
        options: ProtoOptions,
        resolve: Function<'_, String, Either<String, Null>>,
    ) -> napi::Result<Self> {
        let mut resolver = |file: &str| match resolve.call(file.to_owned()) {
            Ok(Either::A(text)) => Ok(Some(text)),
            Ok(Either::B(_)) => Ok(None),
            Err(error) => Err(error.reason.clone()),
        };
        let schema = proto::compile_source(&name, &source, &options.compile(), &mut resolver)
            .map_err(|error| napi::Error::from_reason(error.to_string()))?;
        Ok(Self::new(schema, &options))
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
