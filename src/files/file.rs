//! One state of a file: its content or an open handle, and its header lines.

use super::coding::Coding;
use super::conditional::{Validators, format_date};
use super::identity::{Identity, SystemPath};
use super::mime;
use super::options::{Etag, Settings};
use crate::warmth::Warmth;
use bytes::Bytes;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// An open file. It keeps its bytes, whatever happens to its name.
#[derive(Debug)]
pub struct OpenFile {
    file: fs::File,
    warmth: Warmth,
}

impl OpenFile {
    /// The handle, for `sendfile` and similar calls. Its position is not used: all reads give an offset.
    pub fn file(&self) -> &fs::File {
        &self.file
    }

    /// The record of which parts of it were in memory.
    pub fn warmth(&self) -> &Warmth {
        &self.warmth
    }

    /// Reads from `offset` until the buffer is full or the file ends. Returns the number of bytes read.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            #[cfg(unix)]
            let read = std::os::unix::fs::FileExt::read_at(&self.file, &mut buffer[filled..], offset + filled as u64);
            #[cfg(windows)]
            let read =
                std::os::windows::fs::FileExt::seek_read(&self.file, &mut buffer[filled..], offset + filled as u64);
            match read {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

/// Where the bytes of a file are.
#[derive(Clone, Debug)]
pub enum Content {
    Memory(Bytes),
    Handle(Arc<OpenFile>),
}

/// One state of a file, prepared for sending.
#[derive(Debug)]
pub struct File {
    path: SystemPath,
    pub(super) identity: Identity,
    /// The content may have changed since it was read without a sign of that, see [`Identity::is_young`].
    pub(super) young: bool,
    /// The batch of requests in which the system last confirmed that this state is current.
    pub(super) proven: AtomicU64,
    /// Whether it was used since the cache last looked for entries to evict.
    used: AtomicBool,
    pub(super) content: Content,
    pub(super) size: u64,
    pub(super) coding: Option<Coding>,
    /// Whether it is available in several encodings.
    pub(super) varies: bool,
    /// Whether ranges of it can be requested.
    pub(super) ranges: bool,
    etag: String,
    modified: Option<i64>,
    pub(super) content_type: String,
    head: Head,
}

/// The header lines of a file that is sent as a whole, in the order of `send`.
#[derive(Debug)]
pub(super) struct Head {
    lines: Bytes,
    /// The length of the lines that a 304 also has.
    validators: usize,
    /// Where the `Content-Length` line begins.
    length: usize,
}

impl Head {
    /// The header lines of a 304.
    pub fn not_modified(&self) -> Bytes {
        self.lines.slice(..self.validators)
    }

    /// All header lines.
    pub fn whole(&self) -> Bytes {
        self.lines.clone()
    }

    /// The lines with which all other answers of the file begin.
    pub fn begin(&self) -> &[u8] {
        &self.lines[..self.length]
    }
}

/// The properties of a file, some of which depend on how an encoded form was created.
pub(super) struct Made<'a> {
    pub path: &'a Path,
    pub identity: Identity,
    pub young: bool,
    pub content: Content,
    pub size: u64,
    /// The name that determines the media type. For an encoded form, it is the name of the original.
    pub name: &'a str,
    pub coding: Option<Coding>,
    /// Whether it was compressed on request, so that its bytes may differ the next time.
    pub on_the_fly: bool,
    pub hash: Option<u128>,
    /// Whether several encodings are available.
    pub varies: bool,
}

impl File {
    pub(super) fn new(made: Made<'_>, settings: &Settings) -> io::Result<File> {
        let options = &settings.options;
        let Made {
            path,
            identity,
            young,
            content,
            size,
            name,
            coding,
            on_the_fly,
            hash,
            varies,
        } = made;
        let mut file = File {
            path: SystemPath::new(path)?,
            identity,
            young,
            proven: AtomicU64::new(0),
            used: AtomicBool::new(false),
            content,
            size,
            coding,
            varies,
            ranges: options.accept_ranges && !on_the_fly,
            etag: tag(options.etag, &identity, hash, coding),
            modified: options
                .last_modified
                .then(|| identity.modified.milliseconds().div_euclid(1000)),
            content_type: mime::content_type(name),
            head: Head {
                lines: Bytes::new(),
                validators: 0,
                length: 0,
            },
        };
        file.head = file.build_head(settings, &Given::default());
        Ok(file)
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        self.path.as_path()
    }

    /// The open file, if its bytes are not in memory.
    pub fn handle(&self) -> Option<&OpenFile> {
        match &self.content {
            Content::Handle(file) => Some(file),
            Content::Memory(_) => None,
        }
    }

    /// Marks the file as used.
    pub(super) fn note_use(&self) {
        // Reading first avoids a write to shared memory if the mark is already set.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Returns and clears the mark that the file was used.
    pub(super) fn take_use(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }

    pub(super) fn system_path(&self) -> &SystemPath {
        &self.path
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    pub(super) fn validators(&self) -> Validators<'_> {
        Validators {
            etag: (!self.etag.is_empty()).then_some(self.etag.as_bytes()),
            modified: self.modified,
        }
    }

    /// Builds the header lines to add to those that the response already has. The site's headers come first and
    /// replace the file's.
    pub(super) fn build_head(&self, settings: &Settings, given: &Given<'_>) -> Head {
        let Settings { options, headers } = settings;
        let constant = Given::parse(200, headers);
        let mut lines = Vec::with_capacity(320 + headers.len());
        lines.extend_from_slice(headers);
        let mut line = |name: &str, value: &str| {
            for part in [name, ": ", value, "\r\n"] {
                lines.extend_from_slice(part.as_bytes());
            }
            lines.len()
        };
        let mut validators = headers.len();
        if self.ranges && !given.accept_ranges && !constant.accept_ranges {
            validators = line("Accept-Ranges", "bytes");
        }
        if options.cache_control && !given.cache_control && !constant.cache_control {
            let immutable = if options.immutable { ", immutable" } else { "" };
            validators = line(
                "Cache-Control",
                &format!("public, max-age={}{immutable}", options.max_age),
            );
        }
        if let Some(modified) = self.modified.filter(|_| given.last_modified.is_none()) {
            validators = line("Last-Modified", &format_date(modified));
        }
        if !self.etag.is_empty() && given.etag.is_none() {
            validators = line("ETag", &self.etag);
        }
        let coded = if self.varies { &["Accept-Encoding"][..] } else { &[] };
        if let Some(vary) = vary(given.vary.or(constant.vary), given.chosen_by.iter().chain(coded)) {
            validators = line("Vary", &vary);
        }
        let mut length = validators;
        if !given.content_type && !constant.content_type {
            length = line("Content-Type", &self.content_type);
        }
        if let Some(coding) = self.coding {
            length = line("Content-Encoding", coding.name());
        }
        line("Content-Length", itoa::Buffer::new().format(self.size));
        Head {
            lines: lines.into(),
            validators,
            length,
        }
    }

    /// The given range of the file as a part of a body.
    pub(super) fn part(&self, range: Range<u64>) -> super::Segment {
        match &self.content {
            Content::Memory(bytes) => super::Segment::Bytes(bytes.slice(range.start as usize..range.end as usize)),
            Content::Handle(file) => super::Segment::File {
                file: file.clone(),
                range,
            },
        }
    }

    /// How many bytes of memory it takes to keep the file.
    pub(super) fn weight(&self) -> usize {
        let content = match &self.content {
            Content::Memory(bytes) => bytes.len(),
            Content::Handle(_) => 0,
        };
        size_of::<File>() + self.head.lines.len() + content
    }
}

/// The `Vary` value with `names` added to those given; `None` if all are there already.
fn vary<'a>(given: Option<&[u8]>, names: impl Iterator<Item = &'a &'a str>) -> Option<String> {
    let given = String::from_utf8_lossy(given.unwrap_or_default());
    let is_given = |name: &str| {
        let mut given = given.split(',').map(str::trim);
        given.any(|given| given == "*" || given.eq_ignore_ascii_case(name))
    };
    let added: Vec<&str> = names.copied().filter(|name| !is_given(name)).collect();
    let all = (!given.is_empty())
        .then_some(&*given)
        .into_iter()
        .chain(added.iter().copied());
    (!added.is_empty()).then(|| all.collect::<Vec<_>>().join(", "))
}

/// Wraps a file as a handle that can be kept.
pub(super) fn handle(file: fs::File) -> Arc<OpenFile> {
    Arc::new(OpenFile {
        file,
        warmth: Warmth::default(),
    })
}

/// The entity tag: that of npm's `etag` for the file's stat, or a hash of the content. The name of the encoding is
/// appended, because each encoded form needs a tag of its own (RFC 9110 §8.8.3.3).
fn tag(kind: Etag, identity: &Identity, hash: Option<u128>, coding: Option<Coding>) -> String {
    let (dash, coding) = coding.map_or(("", ""), |coding| ("-", coding.name()));
    let size = identity.size;
    match (kind, hash) {
        (Etag::Off, _) => String::new(),
        (Etag::Strong, Some(hash)) => format!("\"{size:x}-{hash:032x}{dash}{coding}\""),
        _ => {
            let time = identity.modified.milliseconds();
            let sign = if time < 0 { "-" } else { "" };
            format!("W/\"{size:x}-{sign}{:x}{dash}{coding}\"", time.unsigned_abs())
        }
    }
}

/// The header lines that the response already has. They are kept, and preconditions are evaluated against them, as in
/// `send`.
#[derive(Default, Debug)]
pub struct Given<'a> {
    pub(super) status: u16,
    pub(super) accept_ranges: bool,
    pub(super) cache_control: bool,
    pub(super) content_type: bool,
    pub(super) content_encoding: bool,
    pub(super) etag: Option<&'a [u8]>,
    pub(super) last_modified: Option<&'a [u8]>,
    pub(super) vary: Option<&'a [u8]>,
    /// The request fields, besides the path, that led to the choice of this file. `Vary` lists them.
    pub(super) chosen_by: &'a [&'a str],
}

impl<'a> Given<'a> {
    /// Parses `Name: value\r\n` lines. An empty value counts as absent, and the last line of a name counts.
    pub(super) fn parse(status: u16, lines: &'a [u8]) -> Given<'a> {
        let mut given = Given {
            status,
            ..Given::default()
        };
        for (name, value) in super::fields::each(lines).filter(|(_, value)| !value.is_empty()) {
            match &*name.to_ascii_lowercase() {
                b"accept-ranges" => given.accept_ranges = true,
                b"cache-control" => given.cache_control = true,
                b"content-type" => given.content_type = true,
                b"content-encoding" => given.content_encoding = true,
                b"etag" => given.etag = Some(value),
                b"last-modified" => given.last_modified = Some(value),
                b"vary" => given.vary = Some(value),
                _ => {}
            }
        }
        given
    }
}
