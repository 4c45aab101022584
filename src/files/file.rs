//! A file in one state: its content, or the handle to it, and the head lines that go before it.

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

/// A file that is open: whatever becomes of its name, its bytes are those of this file.
#[derive(Debug)]
pub struct OpenFile {
    file: fs::File,
    warmth: Warmth,
}

impl OpenFile {
    /// The handle, for `sendfile` and the like. Its position is nobody's: everything is read by offset.
    pub fn file(&self) -> &fs::File {
        &self.file
    }

    /// Which part of it was in memory.
    pub fn warmth(&self) -> &Warmth {
        &self.warmth
    }

    /// Reads from `offset` on until the buffer is full or the file ends; returns how many bytes that were.
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

/// Where a file's bytes are.
#[derive(Clone, Debug)]
pub enum Content {
    Memory(Bytes),
    Handle(Arc<OpenFile>),
}

/// One state of a file, as it is sent.
#[derive(Debug)]
pub struct File {
    path: SystemPath,
    pub(super) identity: Identity,
    /// What was read may have changed since without a sign of it, see [`Identity::is_young`].
    pub(super) young: bool,
    /// The batch of requests in which the system last said that it is still so.
    pub(super) proven: AtomicU64,
    /// It was asked for since the cache last looked for what can go.
    used: AtomicBool,
    pub(super) content: Content,
    pub(super) size: u64,
    pub(super) coding: Option<Coding>,
    /// It may be had in several codings.
    pub(super) varies: bool,
    /// Ranges of it can be had.
    pub(super) ranges: bool,
    etag: String,
    modified: Option<i64>,
    pub(super) content_type: String,
    head: Head,
}

/// The head lines of a file that is sent whole, in `send`'s order.
#[derive(Debug)]
pub(super) struct Head {
    lines: Bytes,
    /// Where the lines end that a 304 has too.
    validators: usize,
    /// Where `Content-Length` begins.
    length: usize,
}

impl Head {
    /// The lines of a 304.
    pub fn not_modified(&self) -> Bytes {
        self.lines.slice(..self.validators)
    }

    /// All lines.
    pub fn whole(&self) -> Bytes {
        self.lines.clone()
    }

    /// The lines that the file's other answers begin with.
    pub fn begin(&self) -> &[u8] {
        &self.lines[..self.length]
    }
}

/// How a coded form of a file came to be, which its tag tells.
pub(super) struct Made<'a> {
    pub path: &'a Path,
    pub identity: Identity,
    pub young: bool,
    pub content: Content,
    pub size: u64,
    /// The name that the type is taken from: the original's for a coded form.
    pub name: &'a str,
    pub coding: Option<Coding>,
    /// It was compressed here, and so may be compressed otherwise the next time.
    pub on_the_fly: bool,
    pub hash: Option<u128>,
    /// Several codings can be had.
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

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.path.as_path()
    }

    /// The open file, where its bytes are not in memory.
    pub fn handle(&self) -> Option<&OpenFile> {
        match &self.content {
            Content::Handle(file) => Some(file),
            Content::Memory(_) => None,
        }
    }

    /// It is asked for.
    pub(super) fn note_use(&self) {
        // To read costs nothing where it is set already.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was asked for since this was last called.
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

    /// The head lines beside those that the response has already. The site's own go first, and take the place of ours.
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

    /// A part of the file as it is sent.
    pub(super) fn part(&self, range: Range<u64>) -> super::Segment {
        match &self.content {
            Content::Memory(bytes) => super::Segment::Bytes(bytes.slice(range.start as usize..range.end as usize)),
            Content::Handle(file) => super::Segment::File {
                file: file.clone(),
                range,
            },
        }
    }

    /// What keeping it costs in memory.
    pub(super) fn weight(&self) -> usize {
        let content = match &self.content {
            Content::Memory(bytes) => bytes.len(),
            Content::Handle(_) => 0,
        };
        size_of::<File>() + self.head.lines.len() + content
    }
}

/// `Vary` with `names` added to those that are there; none where they are there already.
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

/// Opens a handle for keeping.
pub(super) fn handle(file: fs::File) -> Arc<OpenFile> {
    Arc::new(OpenFile {
        file,
        warmth: Warmth::default(),
    })
}

/// The entity tag: npm `etag`'s of a file's stat, or of its hash, with the coding's name where there is one, since each form of a
/// file has a tag of its own (RFC 9110, 8.8.3.3).
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

/// What the response has already, before the file is sent: such lines stay, and preconditions go by them, as with `send`.
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
    /// The fields of the request that this file was chosen by, beside its path: `Vary` names them.
    pub(super) chosen_by: &'a [&'a str],
}

impl<'a> Given<'a> {
    /// Reads `Name: value\r\n` lines; an empty value counts as none. The last line of a name counts.
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
