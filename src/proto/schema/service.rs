//! Services and their methods.

use std::sync::Arc;

use super::{Comments, Features, FileId, MessageId, Options, Position};

/// One service.
#[derive(Debug)]
pub struct Service {
    /// The name as declared.
    pub name: Box<str>,
    /// Package and name, without a leading dot.
    pub full_name: Arc<str>,
    /// The file it is declared in.
    pub file: FileId,
    /// Methods in order of declaration.
    pub methods: Vec<Method>,
    /// The resolved features of this service.
    pub features: Features,
    /// Options.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// The position of its name.
    pub position: Position,
}

/// One method of a service.
#[derive(Debug)]
pub struct Method {
    /// The name as declared.
    pub name: Box<str>,
    /// Request type.
    pub input: MessageId,
    /// Reply type.
    pub output: MessageId,
    /// `(stream Request)`.
    pub client_streaming: bool,
    /// `returns (stream Reply)`.
    pub server_streaming: bool,
    /// `option idempotency_level`.
    pub idempotency: Idempotency,
    /// The resolved features of this method.
    pub features: Features,
    /// Options.
    pub options: Options,
    /// Comments.
    pub comments: Comments,
    /// The position of its name.
    pub position: Position,
}

/// The effect of calling a method again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Idempotency {
    /// Nothing.
    #[default]
    Unknown,
    /// The method has no side effects.
    NoSideEffects,
    /// Calling it twice has the same effect as calling it once.
    Idempotent,
}
