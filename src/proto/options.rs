//! The options of the schema compiler: leniency and limits.

/// Options of the compiler.
#[derive(Clone, Debug)]
pub struct CompileOptions {
    /// Whether to accept what npm `protocol-buffers` accepts, see [`CompileOptions::lenient`]. If `false`, only what
    /// `protoc` accepts.
    ///
    /// In lenient mode, these are not errors: a repeated field name, field number or enum value name; a default of
    /// the wrong type; a field without a label in a file without a syntax line; undeclared options; `required`, and
    /// enums that do not start at 0, in proto3; missing imports. A file also sees every file loaded before it.
    /// `docs/protobuf-language.md` has the list.
    pub lenient: bool,
    /// Whether field number 0 is legal if the source declares it. npm `protocol-buffers` accepts it, `protoc` does
    /// not.
    pub allow_field_number_zero: bool,
    /// Limits.
    pub limits: Limits,
}

impl Default for CompileOptions {
    /// Strict, but with field number 0 allowed, and with the default limits.
    fn default() -> Self {
        Self {
            lenient: false,
            allow_field_number_zero: true,
            limits: Limits::default(),
        }
    }
}

impl CompileOptions {
    /// Exactly what `protoc` accepts.
    pub fn strict() -> Self {
        Self {
            allow_field_number_zero: false,
            ..Self::default()
        }
    }

    /// Everything that `protoc` or npm `protocol-buffers` accepts.
    pub fn lenient() -> Self {
        Self {
            lenient: true,
            ..Self::default()
        }
    }
}

/// Limits for schemas from untrusted sources. Real schemas stay far below each.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most bytes of all sources together. Default 64 MiB, far more than anyone compiles at once.
    pub source_bytes: usize,
    /// The deepest nesting of messages, groups and `{…}` option values. Default 64; `protoc` allows 32 for messages.
    pub nesting: usize,
    /// The deepest chain of imports. Default 128. All files of a chain are open at the same time.
    pub import_depth: usize,
    /// The most files of one schema. Default 10,000, far more than anyone compiles at once.
    pub files: usize,
    /// The most different options set on one element, or fields set in one `{…}`. Default 1,000; `FileOptions`, the
    /// largest, has about 20.
    pub options: usize,
    /// The most bytes of a full name, such as `package.Outer.Inner`. Default 512. Every declaration stores its own
    /// full name, so a long outer name would multiply.
    pub full_name: usize,
    /// The most declared names of one schema: messages, fields, enums, values, oneofs, services, methods. Default
    /// 1,000,000, which take 465 MB during compilation.
    pub symbols: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            source_bytes: 64 << 20,
            nesting: 64,
            import_depth: 128,
            files: 10_000,
            options: 1_000,
            full_name: 512,
            symbols: 1_000_000,
        }
    }
}
