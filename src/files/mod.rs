//! Static files: everything that is decided about an answer, from the request's target to the bytes of its body.
//!
//! A [`Site`] is a directory with options and caches. [`Site::plan`] answers from what is known, proven current by asking the system for
//! the file's state (one `stat`), and never waits for a disk; [`Site::plan_cold`] may, and is for a pool's thread. Both take the same
//! decisions in the same code (`site`). It is `serve-static` 2 over `send` 1 call for call, with RFC 9110 where those depart from it.
//!
//! Nothing here knows sockets or Node: an answer is head lines, and a body of bytes and ranges of open files.

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
    /// The method as it was sent.
    pub method: &'a [u8],
    /// The target without the mount point (`req.url`), in UTF-8. Bytes above 0x7F of a request line go through [`target::latin1`] first.
    pub target: &'a [u8],
    /// The whole target (`req.originalUrl`), for redirects; empty when it is the same.
    pub original: &'a [u8],
    /// Head lines, `Name: value\r\n`; those of [`fields::NAMES`] count.
    pub fields: &'a [u8],
    /// The status of the response that will carry the answer, 200 unless somebody has set it.
    pub status: u16,
    /// Lines that this response has already: they stay, and preconditions go by them. Mostly none.
    pub given: &'a [u8],
}

/// A request on its way to the pool.
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
    /// A copy that can go to another thread.
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
    /// The request.
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

/// What is known at once.
#[derive(Debug)]
pub enum Planned {
    /// The plan.
    Plan(Plan),
    /// A disk may have to be waited for: [`Site::plan_cold`], elsewhere.
    Cold(OwnedRequest),
}

/// What is to be done about a request.
#[derive(Debug)]
pub enum Plan {
    /// It is answered.
    Answer(Answer),
    /// It is left to whoever comes next (`next()`).
    Pass,
    /// It fails (`next(error)`).
    Fail(Failure),
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Head lines, `Name: value\r\n`, in `send`'s order, `Content-Length` among them where there is one; neither `Date` nor `Connection`.
    pub lines: Bytes,
    /// Bytes of the body that follows: 0 for HEAD and 304.
    pub length: u64,
    /// The body.
    pub body: Body,
    /// The file that is sent, if it is one.
    pub file: Option<Arc<File>>,
}

/// A body.
#[derive(Debug)]
pub enum Body {
    /// There is none, or none is sent.
    None,
    /// Bytes in memory.
    Bytes(Bytes),
    /// One after the other.
    Segments(Vec<Segment>),
}

/// A part of a body.
#[derive(Clone, Debug)]
pub enum Segment {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes of an open file. One that has become shorter cannot fill its range: the connection has to end.
    File {
        /// The file.
        file: Arc<OpenFile>,
        /// Offsets in it.
        range: Range<u64>,
    },
}

impl Segment {
    /// Bytes in it.
    pub fn len(&self) -> u64 {
        match self {
            Segment::Bytes(bytes) => bytes.len() as u64,
            Segment::File { range, .. } => range.end - range.start,
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A request that fails, as `send` reports it.
#[derive(Debug)]
pub struct Failure {
    /// The status code.
    pub status: u16,
    /// Head lines of the error (`error.headers`): `Content-Range` of a 416.
    pub headers: Bytes,
    /// Head lines that the response has by then: those of the file, if one was found.
    pub lines: Bytes,
    /// What the system said, if it was asked.
    pub cause: Option<Cause>,
    /// The file, if one was found.
    pub file: Option<Arc<File>>,
}

/// What the system said of a file.
#[derive(Clone, Debug)]
pub struct Cause {
    /// libuv's number of the error, which is Node's `errno`.
    pub errno: i32,
    /// The call that failed, as Node names it.
    pub syscall: &'static str,
    /// The path.
    pub path: PathBuf,
}
