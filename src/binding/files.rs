//! Static files between [`crate::files`] and `lib/files`: sites, and plans of how a request is answered.
//!
//! A plan that is not available at once comes later from a background thread: `onFilesPlan(ticket, plan)`. JavaScript
//! reads from a plan what it needs, and releases it. The body is either sent on a connection of the engine without
//! JavaScript seeing it, or read in pieces.

use super::engine::Engine;
use super::raw::{Args, Callbacks, Functions, Outcome, SharedBytes, Value};
use crate::background::Lost;
use crate::engine::{FileRange, LARGE_WRITE, Source};
use crate::errno::Errno;
use crate::files::{
    Answer, Body, Coding, Dotfiles, Etag, Failure, Limits, OpenFile, Options, Plan, Planned, Request, Segment, Site,
    fields,
};
use crate::slots::Slots;
use crate::warmth::Warmth;
use bytes::Bytes;
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// The words that describe a plan, written by `filesHead`.
pub(super) mod word {
    /// The status code.
    pub const STATUS: usize = 0;
    /// The flags, see [`super::flag`].
    pub const FLAGS: usize = 1;
    /// The system's error as libuv's number, or 0.
    pub const ERRNO: usize = 2;
    /// The number of bytes in the body: the low and the high 32 bits.
    pub const LENGTH: usize = 3;
    pub const LENGTH_HIGH: usize = 4;
    /// The number of words.
    pub const WORDS: usize = 8;
}

/// The flags of a plan.
pub(super) mod flag {
    /// It is an error, to be passed to `next`.
    pub const FAILED: u32 = 1;
    /// A file was found.
    pub const FILE: u32 = 2;
    /// A body follows.
    pub const BODY: u32 = 4;
    /// The body is read while it is sent.
    pub const STREAM: u32 = 8;
}

/// The JavaScript functions that are called: `(ticket, plan)` and `(ticket, Buffer | errno)`.
const CALLBACKS: [&str; 2] = ["onFilesPlan", "onFilesRead"];
const ON_PLAN: usize = 0;
const ON_READ: usize = 1;

/// The most bytes of one read. JavaScript's requests are bounded by the buffer of its stream.
const MAX_READ: u32 = 1024 * 1024;

/// A plan that JavaScript holds.
enum Held {
    Answer(Answer),
    Failure(Failure),
}

/// The sites and plans of an environment.
#[derive(Default)]
pub(super) struct Files {
    sites: RefCell<Slots<Arc<Site>>>,
    plans: RefCell<Slots<Held>>,
    table: RefCell<Option<Table>>,
    tickets: Cell<i32>,
}

struct Table {
    words: SharedBytes,
    callbacks: Callbacks<{ CALLBACKS.len() }>,
}

impl Source for OpenFile {
    fn file(&self) -> &File {
        OpenFile::file(self)
    }

    fn warmth(&self) -> Option<&Warmth> {
        Some(OpenFile::warmth(self))
    }
}

/// Adds this module's functions. Returns the sites.
pub(super) fn register(functions: &mut Functions<Engine>) -> Rc<Files> {
    let files = Rc::new(Files::default());
    functions.add_with(&files, "filesTable", table);
    functions.add("filesFields", |_, _| Ok(fields::NAMES.join(",")));
    functions.add_with(&files, "filesOpen", |files, _, args| {
        Ok(files.open(&args.string(0)?, args.object(1)?))
    });
    functions.add_with(&files, "filesCheck", |files, _, args| {
        Ok(files.site(args.uint(0)?).map_or(Errno::EBADF.0, |site| {
            site.check().map_or_else(|error| crate::files::errno(&error), |()| 0)
        }))
    });
    functions.add_with(&files, "filesClose", |files, _, args| {
        let site = files.sites.borrow_mut().remove(args.uint(0)?.wrapping_sub(1));
        Ok(site.is_some())
    });
    functions.add_with(&files, "filesTidy", |files, engine, args| {
        // The caller does not wait for the result.
        let tidied = files
            .site(args.uint(0)?)
            .map(|site| engine.in_background(move || site.tidy(), |_, _| ()));
        Ok(tidied.is_some_and(|begun| begun.is_ok()))
    });
    functions.add_with(&files, "filesPlan", plan);
    functions.add_with(&files, "filesHead", head);
    functions.add_with(&files, "filesErrorHead", |files, _, args| {
        Ok(files.with(args.uint(0)?, |held| match held {
            Held::Failure(failure) => args.env().latin1(&failure.headers),
            Held::Answer(_) => args.env().latin1(b""),
        }))
    });
    functions.add_with(&files, "filesPath", |files, _, args| {
        Ok(files.with(args.uint(0)?, |held| {
            held.path().map(|path| args.env().utf8(&path.to_string_lossy()))
        }))
    });
    functions.add_with(&files, "filesSyscall", |files, _, args| {
        Ok(files.with(args.uint(0)?, |held| match held {
            Held::Failure(Failure { cause: Some(cause), .. }) => Some(cause.syscall.to_owned()),
            _ => None,
        }))
    });
    functions.add_with(&files, "filesFd", |files, _, args| {
        Ok(files.with(args.uint(0)?, |held| held.fd()).unwrap_or(-1))
    });
    functions.add_with(&files, "filesBytes", |files, _, args| {
        let (number, env) = (args.uint(0)?, args.env());
        Ok(files.with(number, |held| match held {
            Held::Answer(Answer {
                body: Body::Bytes(bytes),
                ..
            }) => env.buffer_copy(bytes),
            Held::Answer(Answer { body: Body::None, .. }) => env.buffer_copy(&[]),
            _ => env.undefined(),
        }))
    });
    functions.add_with(&files, "filesRead", read);
    functions.add_with(&files, "filesSend", send);
    functions.add_with(&files, "filesRelease", |files, _, args| {
        let plan = files.plans.borrow_mut().remove(args.uint(0)?.wrapping_sub(1));
        Ok(plan.is_some())
    });
    functions.add_with(&files, "filesUsage", |files, _, args| {
        let Some(site) = files.site(args.uint(0)?) else {
            return Ok(None);
        };
        let ((count, bytes, handles), env) = (site.usage(), args.env());
        let usage = env.object();
        env.set(usage, "files", env.number(count as f64));
        env.set(usage, "bytes", env.number(bytes as f64));
        env.set(usage, "handles", env.number(handles as f64));
        env.set(usage, "plans", env.number(files.plans.borrow().len() as f64));
        Ok(Some(usage))
    });
    files
}

/// The options of a site, checked by `lib/files/options.js`.
#[napi(object)]
pub struct FilesOptions {
    pub accept_ranges: bool,
    pub cache_control: bool,
    /// `'ignore'`, `'allow'` or `'deny'`.
    pub dotfiles: String,
    /// `'off'`, `'weak'` or `'strong'`.
    pub etag: String,
    pub extensions: Vec<String>,
    pub fallthrough: bool,
    /// Names and values in turn.
    pub headers: Vec<String>,
    pub immutable: bool,
    pub index: Vec<String>,
    pub last_modified: bool,
    /// In milliseconds.
    pub max_age: f64,
    pub redirect: bool,
    /// Names of encodings, in order of preference.
    pub precompressed: Vec<String>,
    /// Whether files are compressed on request. All encodings are used, or none.
    pub compress: bool,
    pub single: Option<String>,
    pub listing: bool,
    pub not_found: Option<String>,
    pub limits: Option<FilesLimits>,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Limits of a site; see `files::Limits` for their meanings and defaults.
        #[napi(object)]
        pub struct FilesLimits {
            $($(#[$doc])* pub $name: Option<f64>,)*
        }

        impl FilesLimits {
            fn apply(&self, limits: &mut Limits) {
                $(if let Some(value) = self.$name {
                    // A cast with `as` saturates, and JavaScript has checked everything else.
                    limits.$name = value as _;
                })*
            }
        }
    };
}

limits! {
    target, depth, ranges, small_file, memory, files, handles, compress_from, compress_to, hash, entries
}

impl FilesOptions {
    fn read(self) -> Option<Options> {
        let coding = |name: &String| Coding::from_name(name.as_bytes());
        let mut limits = Limits::default();
        if let Some(given) = &self.limits {
            given.apply(&mut limits);
        }
        Some(Options {
            accept_ranges: self.accept_ranges,
            cache_control: self.cache_control,
            dotfiles: match &*self.dotfiles {
                "ignore" => Dotfiles::Ignore,
                "allow" => Dotfiles::Allow,
                "deny" => Dotfiles::Deny,
                _ => return None,
            },
            etag: match &*self.etag {
                "off" => Etag::Off,
                "weak" => Etag::Weak,
                "strong" => Etag::Strong,
                _ => return None,
            },
            extensions: self.extensions,
            fallthrough: self.fallthrough,
            headers: self
                .headers
                .chunks_exact(2)
                .map(|pair| (pair[0].clone(), pair[1].clone()))
                .collect(),
            immutable: self.immutable,
            index: self.index,
            last_modified: self.last_modified,
            max_age: (self.max_age / 1e3).floor() as u64,
            redirect: self.redirect,
            precompressed: self.precompressed.iter().map(coding).collect::<Option<_>>()?,
            compress: if self.compress {
                Coding::ALL.to_vec()
            } else {
                Vec::new()
            },
            single: self.single,
            listing: self.listing,
            not_found: self.not_found,
            limits,
        })
    }
}

impl Held {
    /// The file that the plan is about, if any.
    fn about(&self) -> Option<&crate::files::File> {
        match self {
            Held::Answer(answer) => answer.file.as_deref(),
            Held::Failure(failure) => failure.file.as_deref(),
        }
    }

    /// The path of that file, or the one in a system error.
    fn path(&self) -> Option<&Path> {
        let file = self.about().map(crate::files::File::path);
        match self {
            Held::Failure(Failure { cause: Some(cause), .. }) => file.or(Some(&cause.path)),
            _ => file,
        }
    }

    /// The descriptor of the file, if it is kept open; otherwise -1.
    #[cfg(unix)]
    fn fd(&self) -> i32 {
        use std::os::fd::AsRawFd;
        let handle = self.about().and_then(crate::files::File::handle);
        handle.map_or(-1, |handle| handle.file().as_raw_fd())
    }

    /// The descriptor of the file, if it is kept open; otherwise -1.
    #[cfg(not(unix))]
    fn fd(&self) -> i32 {
        -1
    }
}

impl Files {
    /// Opens a site. Returns its number or a negative errno. The root need not exist yet.
    fn open(&self, root: &str, options: FilesOptions) -> i32 {
        let Some(site) = options
            .read()
            .and_then(|options| Site::open(Path::new(root), options).ok())
        else {
            return Errno::EINVAL.0;
        };
        number(&self.sites, Arc::new(site)).unwrap_or(Errno::EMFILE.0)
    }

    /// The site with a number from `filesOpen`.
    pub(super) fn site(&self, number: u32) -> Option<Arc<Site>> {
        self.sites.borrow_mut().get_mut(number.wrapping_sub(1)).cloned()
    }

    fn with<T>(&self, number: u32, look: impl FnOnce(&Held) -> T) -> Option<T> {
        self.plans
            .borrow_mut()
            .get_mut(number.wrapping_sub(1))
            .map(|held| look(held))
    }

    /// Keeps a plan and returns its number; 0 if the request is passed on.
    fn hold(&self, plan: Plan) -> i32 {
        let held = match plan {
            Plan::Pass => return 0,
            Plan::Answer(answer) => Held::Answer(answer),
            Plan::Fail(failure) => Held::Failure(failure),
        };
        number(&self.plans, held).unwrap_or(0)
    }

    fn ticket(&self) -> i32 {
        let ticket = self.tickets.get() % i32::MAX + 1;
        self.tickets.set(ticket);
        ticket
    }

    fn tell(&self, callback: usize, ticket: i32, value: impl FnOnce(super::raw::Env) -> Value) {
        if let Some(table) = &*self.table.borrow() {
            table.callbacks.call(callback, |env| [env.int(ticket), value(env)]);
        }
    }
}

/// Stores a value under a number above 0. `None` if all are in use.
fn number<T>(slots: &RefCell<Slots<T>>, value: T) -> Option<i32> {
    let id = slots.borrow_mut().insert_with(|_| Ok::<_, ()>(value))?.ok()?;
    Some(id as i32 + 1)
}

/// `(listener)`: sets an object with `onFilesPlan` and `onFilesRead`. Returns the words as an `ArrayBuffer`.
fn table(files: &Rc<Files>, _engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let table = &mut *files.table.borrow_mut();
    if table.is_none() {
        *table = SharedBytes::new(args.env(), word::WORDS * 4).map(|words| Table {
            words,
            callbacks: Callbacks::new(args.env(), args.value(0), CALLBACKS),
        });
    }
    Ok(table.as_ref().map(|table| table.words.value()))
}

/// `(site, method, target, original, fields, status, given)`: returns the number of a plan, 0 to pass the request on,
/// or the negative number of a ticket. The last two arguments are optional: the response's status and header lines so
/// far.
fn plan(files: &Rc<Files>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let Some(site) = files.site(args.uint(0)?) else {
        return Ok(0);
    };
    let mut text = Vec::with_capacity(1024);
    let method = args.append_latin1(1, &mut text)?;
    let target = method + args.append_utf8(2, &mut text)?;
    let original = target + args.append_utf8(3, &mut text)?;
    let fields = original + args.append_latin1(4, &mut text)?;
    let status = args.uint(5).unwrap_or(200);
    // If the argument is missing, there are no lines.
    let _ = args.append_latin1(6, &mut text);
    let request = Request {
        method: &text[..method],
        target: &text[method..target],
        original: &text[target..original],
        fields: &text[original..fields],
        status: u16::try_from(status).unwrap_or(200),
        given: &text[fields..],
    };
    let request = match site.plan(&request) {
        Planned::Plan(plan) => return Ok(files.hold(plan)),
        Planned::Cold(request) => request,
    };
    let (ticket, files) = (files.ticket(), files.clone());
    let lost = site.lost();
    let begun = engine.in_background(
        move || site.plan_cold(&request),
        move |_, plan: Result<Plan, Lost>| {
            let plan = files.hold(plan.unwrap_or(lost));
            files.tell(ON_PLAN, ticket, |env| env.int(plan));
        },
    );
    Ok(if begun.is_ok() { -ticket } else { 0 })
}

/// `(plan)`: returns its header lines and writes the rest of its description into the words.
fn head(files: &Rc<Files>, _engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let table = files.table.borrow();
    let Some(words) = table
        .as_ref()
        .map(|table| &table.words)
        .filter(|words| words.is_attached())
    else {
        return Ok(None);
    };
    Ok(files.with(args.uint(0)?, |held| {
        let (status, flags, errno, length, lines, file) = match held {
            Held::Answer(Answer {
                status,
                lines,
                length,
                body,
                file,
            }) => {
                let flags = match body {
                    Body::None => 0,
                    Body::Bytes(_) => flag::BODY,
                    Body::Segments(_) => flag::BODY | flag::STREAM,
                };
                (status, flags, 0, *length, lines, file)
            }
            Held::Failure(Failure {
                status,
                lines,
                cause,
                file,
                ..
            }) => {
                let errno = cause.as_ref().map_or(0, |cause| cause.errno);
                (status, flag::FAILED, errno, 0, lines, file)
            }
        };
        let flags = flags | if file.is_some() { flag::FILE } else { 0 };
        let length = [length as u32, (length >> 32) as u32];
        words.copy_words(
            word::STATUS,
            &[u32::from(*status), flags, errno as u32, length[0], length[1]],
        );
        args.env().latin1(lines)
    }))
}

/// `(plan, connection)`: appends the body to a connection's output. Returns 0 if it is sent now or in this turn, 1 if
/// JavaScript should wait for the drain, or a negative errno.
fn send(files: &Rc<Files>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let connection = args.uint(1)?;
    let sent = files.with(args.uint(0)?, |held| match held {
        // It is sent with the rest of this turn's output for the connection, like any small write.
        Held::Answer(Answer {
            body: Body::Bytes(bytes),
            ..
        }) if bytes.len() < LARGE_WRITE => Ok(engine.share(connection, bytes.clone())),
        Held::Answer(answer) => append_body(engine, connection, &answer.body).and_then(|()| {
            engine.flush(connection)?;
            let left = engine.connection(connection, |connection| connection.queued())?;
            Ok(i32::from(left > 0))
        }),
        Held::Failure(_) => Err(Errno::EINVAL),
    });
    Ok(sent.unwrap_or(Err(Errno::EBADF)).unwrap_or_else(|error| error.0))
}

fn append_body(engine: &Engine, connection: u32, body: &Body) -> Result<(), Errno> {
    match body {
        Body::None => Ok(()),
        Body::Bytes(bytes) => append(engine, connection, Segment::Bytes(bytes.clone())),
        Body::Segments(segments) => {
            let mut segments = segments.iter().cloned();
            segments.try_for_each(|segment| append(engine, connection, segment))
        }
    }
}

/// Appends a part of a body to a connection's output.
pub(super) fn append(engine: &Engine, connection: u32, segment: Segment) -> Result<(), Errno> {
    Errno::check(match segment {
        Segment::Bytes(bytes) => engine.share(connection, bytes),
        Segment::File { file, range } => engine.append_file(connection, FileRange::new(file, range)),
    })
}

/// `(plan, offset, length)`: returns a ticket, under which `onFilesRead` receives bytes of the body: as many as asked
/// for, unless the body ends before. Or returns a negative errno: EIO if the file has become shorter.
fn read(files: &Rc<Files>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let (number, offset, length) = (args.uint(0)?, args.double(1)?, args.uint(2)?);
    let segments = files.with(number, |held| match held {
        Held::Answer(Answer {
            body: Body::Bytes(bytes),
            ..
        }) => vec![Segment::Bytes(bytes.clone())],
        Held::Answer(Answer {
            body: Body::Segments(segments),
            ..
        }) => segments.clone(),
        _ => Vec::new(),
    });
    let Some(segments) = segments else {
        return Ok(Errno::EBADF.0);
    };
    let (ticket, files) = (files.ticket(), files.clone());
    let begun = engine.in_background(
        move || gather(&segments, offset as u64, length.min(MAX_READ) as usize),
        move |_, bytes: Result<io::Result<Bytes>, Lost>| {
            files.tell(ON_READ, ticket, |env| match bytes {
                Ok(Ok(bytes)) => env.buffer_copy(&bytes),
                Ok(Err(error)) => env.int(crate::files::errno(&error)),
                Err(Lost) => env.int(Errno::ENOMEM.0),
            });
        },
    );
    Ok(begun.map_or_else(|error| error.0, |()| ticket))
}

/// Reads bytes of a body from an offset on.
fn gather(segments: &[Segment], mut offset: u64, length: usize) -> io::Result<Bytes> {
    let mut gathered = Vec::new();
    for segment in segments {
        let skipped = offset.min(segment.len());
        offset -= skipped;
        let wanted = (segment.len() - skipped).min((length - gathered.len()) as u64) as usize;
        match segment {
            Segment::Bytes(bytes) => gathered.extend_from_slice(&bytes[skipped as usize..skipped as usize + wanted]),
            Segment::File { file, range } => {
                let start = gathered.len();
                gathered.resize(start + wanted, 0);
                if file.read_at(&mut gathered[start..], range.start + skipped)? < wanted {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
    }
    Ok(gathered.into())
}
