//! Static files: everything that decides about a response, from the request's target to the bytes of its body.
//!
//! A [`Site`] is a directory with options and caches. [`Site::plan`] answers from the caches after it has asked the
//! system whether the file is unchanged (one `stat`), and never waits for a disk. [`Site::plan_cold`] may wait, and
//! must run on a thread of a pool. Both make the same decisions with the same code (`site`). The behaviour is that of
//! `serve-static` 2 over `send` 1, call for call; where those deviate from RFC 9110, the RFC wins.
//!
//! This module knows neither sockets nor Node: an answer consists of header lines and a body of bytes and ranges of
//! open files.

pub mod accept;
mod beneath;
mod cache;
pub mod coding;
pub mod conditional;
mod errno;
mod escape;
pub mod fields;
mod file;
mod identity;
mod listing;
mod load;
mod look;
pub mod mime;
mod multipart;
mod options;
mod pages;
pub mod ranges;
mod recall;
mod site;
pub mod target;
#[cfg(test)]
mod tests;

pub use coding::Coding;
pub use errno::of as errno;
pub use file::{File, OpenFile};
pub use options::{Dotfiles, Etag, Limits, Options};
pub use recall::MAX_HEAD;
pub use site::{Batch, Site};

use bytes::Bytes;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A request for a file.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method as it was received.
    pub method: &'a [u8],
    /// The target without the mount point (`req.url`), in UTF-8. If the request line contains bytes above 0x7F, pass
    /// it through [`target::latin1`] first.
    pub target: &'a [u8],
    /// The whole target (`req.originalUrl`), for redirects. Empty if it is the same as `target`.
    pub original: &'a [u8],
    /// The header lines, `Name: value\r\n`. Only those of [`fields::NAMES`] are used.
    pub fields: &'a [u8],
    /// The status that the response has so far: 200 unless the application has set another.
    pub status: u16,
    /// The header lines that the response already has, usually none. They are kept, and preconditions are evaluated
    /// against them.
    pub given: &'a [u8],
}

/// A copy of a [`Request`] that can be sent to the pool.
#[derive(Clone, Debug)]
pub struct OwnedRequest {
    method: Box<[u8]>,
    target: Box<[u8]>,
    original: Box<[u8]>,
    fields: Box<[u8]>,
    status: u16,
    given: Box<[u8]>,
}

impl Request<'_> {
    /// Copies the request so that it can be sent to another thread.
    pub fn to_owned(&self) -> OwnedRequest {
        OwnedRequest {
            method: self.method.into(),
            target: self.target.into(),
            original: self.original.into(),
            fields: self.fields.into(),
            status: self.status,
            given: self.given.into(),
        }
    }
}

impl OwnedRequest {
    /// Borrows it as a request.
    pub fn as_request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            target: &self.target,
            original: &self.original,
            fields: &self.fields,
            status: self.status,
            given: &self.given,
        }
    }
}

/// The result of [`Site::plan`].
#[derive(Debug)]
pub enum Planned {
    /// The decision.
    Plan(Plan),
    /// The decision may require waiting for a disk: call [`Site::plan_cold`] on another thread.
    Cold(OwnedRequest),
}

/// The decision about a request.
#[derive(Debug)]
pub enum Plan {
    /// Send this answer.
    Answer(Answer),
    /// Leave the request to the next handler (`next()`).
    Pass,
    /// Fail with this error (`next(error)`).
    Fail(Failure),
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header lines, `Name: value\r\n`, in the order of `send`. They include `Content-Length` if it applies, but
    /// neither `Date` nor `Connection`.
    pub lines: Bytes,
    /// The number of bytes of the body that is sent: 0 for HEAD and 304.
    pub length: u64,
    /// The body.
    pub body: Body,
    /// The file that is sent, if any.
    pub file: Option<Arc<File>>,
}

/// A body.
#[derive(Debug)]
pub enum Body {
    /// No body, or none that is sent.
    None,
    /// Bytes in memory.
    Bytes(Bytes),
    /// Consecutive parts.
    Segments(Vec<Segment>),
}

/// A part of a body.
#[derive(Clone, Debug)]
pub enum Segment {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes of an open file. If the file has become shorter than the range, the connection must be closed.
    File {
        /// The open file.
        file: Arc<OpenFile>,
        /// The range of bytes.
        range: Range<u64>,
    },
}

impl Segment {
    /// The number of bytes.
    pub fn len(&self) -> u64 {
        match self {
            Segment::Bytes(bytes) => bytes.len() as u64,
            Segment::File { range, .. } => range.end - range.start,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A failed request, as `send` reports it.
#[derive(Debug)]
pub struct Failure {
    /// The status code.
    pub status: u16,
    /// The header lines of the error (`error.headers`), such as `Content-Range` for a 416.
    pub headers: Bytes,
    /// The header lines that the response has at this point: those of the file, if one was found.
    pub lines: Bytes,
    /// The system's error, if there was one.
    pub cause: Option<Cause>,
    /// The file, if one was found.
    pub file: Option<Arc<File>>,
}

/// A system error about a file.
#[derive(Clone, Debug)]
pub struct Cause {
    /// The error number of libuv, which is Node's `errno`.
    pub errno: i32,
    /// The system call that failed, as Node names it.
    pub syscall: &'static str,
    /// The path of the file.
    pub path: PathBuf,
}
