//! How schemas are compiled: leniency and limits.

/// Options of the compiler.
#[derive(Clone, Debug)]
pub struct CompileOptions {
    /// Take what npm `protocol-buffers` takes: see [`CompileOptions::lenient`]. Off: what `protoc` takes.
    ///
    /// On, these are no errors: a repeated field name, field number or enum value name, a default of the wrong type, a field
    /// without label in a file without syntax line, options that nothing declares, `required` and enums that do not start at 0 in
    /// proto3, imports that are not there; and a file sees every file loaded before it. `docs/protobuf-language.md` has the list.
    pub lenient: bool,
    /// Field number 0 is legal where the source declares it. npm `protocol-buffers` takes it, `protoc` does not.
    pub allow_field_number_zero: bool,
    /// Limits.
    pub limits: Limits,
}

impl Default for CompileOptions {
    /// Strict, number 0 allowed, default limits.
    fn default() -> Self {
        Self {
            lenient: false,
            allow_field_number_zero: true,
            limits: Limits::default(),
        }
    }
}

impl CompileOptions {
    /// What `protoc` takes and nothing else.
    pub fn strict() -> Self {
        Self {
            allow_field_number_zero: false,
            ..Self::default()
        }
    }

    /// What npm `protocol-buffers` takes, besides all that `protoc` takes.
    pub fn lenient() -> Self {
        Self {
            lenient: true,
            ..Self::default()
        }
    }
}

/// Limits on schemas that came from elsewhere. Real schemas stay far below each.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of all sources together. 64 MiB: far above what anybody compiles at once.
    pub source_bytes: usize,
    /// Depth of nested messages, groups and `{…}` option values. 64: `protoc` stops at 32 for messages.
    pub nesting: usize,
    /// Depth of imports of imports. 128: they are followed one inside the other.
    pub import_depth: usize,
    /// Files of one schema. 10,000: far above what anybody compiles at once.
    pub files: usize,
    /// Different options set on one element, or fields set in one `{…}`. 1,000: `FileOptions`, the largest, has about 20.
    pub options: usize,
    /// Bytes of a full name, `package.Outer.Inner`. 512: every declaration holds its own, so a long name around many others would
    /// multiply.
    pub full_name: usize,
    /// Declared names of one schema: messages, fields, enums, values, oneofs, services, methods. 1,000,000: they take 465 MB while being compiled.
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
