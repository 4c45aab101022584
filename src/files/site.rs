//! A site, and the way from a request to its answer: `serve-static`'s and `send`'s, step by step.

use super::accept::{Codings, takes_html};
use super::beneath::{Root, is_escape};
use super::cache::Cache;
use super::coding::Coding;
use super::conditional::{self, Validators, Verdict};
use super::fields::Fields;
use super::file::{File, Given};
use super::identity::{Identity, Kind};
use super::load::{self, As, Loaded};
use super::multipart::{self, Boundaries};
use super::options::{Dotfiles, Options, Settings};
use super::ranges::{self, Ranges};
use super::target::{self, Refusal};
use super::{
    Answer, Body, Cause, Failure, OwnedRequest, Plan, Planned, Request, Segment, errno, escape, listing, mime,
};
use bytes::Bytes;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A directory with options and caches, shared by the loop's thread and the pool's.
pub struct Site {
    root: Root,
    settings: Settings,
    cache: Cache,
    boundaries: Boundaries,
    /// Batches begun so far.
    batches: AtomicU64,
}

/// Requests that had all been received before it began, planned one after the other with nothing in between: what the system said of a
/// file for one of them is true for the others. Each of them gets the file as it was at a moment after it was sent, as if alone.
#[derive(Clone, Copy, Debug)]
pub struct Batch(u64);

/// What a search may do to find out how things stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Wait for a disk.
    Disk,
    /// Ask for what the system has in memory, and not again what was asked in this batch.
    Batch(u64),
}

/// What stands at a path.
enum Found {
    File(Arc<File>),
    Directory,
    Special,
}

/// What a request is for.
enum Located {
    /// A file, and its path below the root.
    File(Arc<File>, String),
    /// A directory without its slash.
    Unslashed,
    /// A directory to list.
    Listing(String),
}

/// Why a search goes no further.
enum Stop {
    /// A disk may have to be waited for, which this thread must not do.
    Wait,
    /// There is nothing to send.
    Refused { status: u16, cause: Option<Cause> },
}

/// See [`Stop::Wait`].
struct Wait;

fn refused(status: u16) -> Stop {
    Stop::Refused { status, cause: None }
}

impl Site {
    /// A site over a directory, which need not be there yet: until it is, nothing is found. Fails for a path with a NUL in it.
    pub fn open(root: &Path, options: Options) -> io::Result<Site> {
        let limits = &options.limits;
        Ok(Site {
            root: Root::new(root)?,
            cache: Cache::new(limits.files, limits.memory, limits.handles),
            boundaries: Boundaries::default(),
            batches: AtomicU64::new(0),
            settings: Settings::new(options),
        })
    }

    /// Whether the root is a directory that can be opened, for those who want to hear of it before the first request.
    pub fn check(&self) -> io::Result<()> {
        self.root.check()
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.settings.options
    }

    /// What the caches hold: files in memory, the bytes they take, files kept open.
    pub fn usage(&self) -> (usize, usize, usize) {
        self.cache.usage()
    }

    /// What a request comes to whose answer was lost on its way.
    pub fn lost(&self) -> Plan {
        self.failure(500, None)
    }

    fn failure(&self, status: u16, cause: Option<Cause>) -> Plan {
        let (headers, lines) = (Bytes::new(), self.settings.headers.clone());
        Plan::Fail(Failure {
            status,
            headers,
            lines,
            cause,
            file: None,
        })
    }

    /// Answers from what is known and proven current, without waiting for a disk.
    pub fn plan(&self, request: &Request<'_>) -> Planned {
        self.plan_in(self.batch(), request)
    }

    /// Begins a batch of requests.
    pub fn batch(&self) -> Batch {
        Batch(self.batches.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// As [`Site::plan`], with one `stat` for all requests of a file in the batch.
    pub fn plan_in(&self, batch: Batch, request: &Request<'_>) -> Planned {
        match self.resolve(request, Patience::Batch(batch.0)) {
            Ok(plan) => Planned::Plan(plan),
            Err(Wait) => Planned::Cold(request.to_owned()),
        }
    }

    /// The same, where waiting is allowed. What it learns, [`Site::plan`] knows from then on.
    pub fn plan_cold(&self, request: &OwnedRequest) -> Plan {
        let request = request.as_request();
        // Who may wait is not told to wait.
        self.resolve(&request, Patience::Disk)
            .unwrap_or_else(|Wait| self.lost())
    }

    fn resolve(&self, request: &Request<'_>, patience: Patience) -> Result<Plan, Wait> {
        let head = match request.method {
            b"GET" => false,
            b"HEAD" => true,
            _ if self.settings.options.fallthrough => return Ok(Plan::Pass),
            _ => return Ok(self.own(not_allowed(), false)),
        };
        let look = Look { site: self, patience };
        let target = Target::new(request);
        let located = match &target {
            Ok(target) => look.locate(target),
            Err(refusal) => Err(self.refusal(*refusal)),
        };
        let fields = Fields::parse(request.fields);
        let answer = match located {
            Ok(Located::File(file, path)) => {
                let given = (request.status != 200 || !request.given.is_empty())
                    .then(|| Given::parse(request.status, request.given));
                let file = look.negotiate(file, &path, &fields, head, given.as_ref())?;
                return Ok(self.send(&file, &fields, head, given));
            }
            Ok(Located::Unslashed) => redirect(target.ok()),
            Ok(Located::Listing(path)) => look.listing(&path, target.ok())?,
            Err(Stop::Wait) => return Err(Wait),
            Err(Stop::Refused { status, cause }) => {
                return self.not_sent(&look, request, &fields, head, status, cause);
            }
        };
        Ok(self.own(answer, head))
    }

    /// An answer that is no file's own.
    fn own(&self, answer: Answer, head: bool) -> Plan {
        let constant = &self.settings.headers;
        let lines = if constant.is_empty() {
            answer.lines
        } else {
            [&**constant, &answer.lines].concat().into()
        };
        let answer = Answer { lines, ..answer };
        Plan::Answer(if head { answer.without_body() } else { answer })
    }

    fn refusal(&self, refusal: Refusal) -> Stop {
        match refusal {
            Refusal::Malformed => refused(400),
            Refusal::Outside => refused(403),
            Refusal::Impossible => refused(404),
        }
    }

    /// No file is sent: a page stands in for it, or the request is left to others, or it fails.
    fn not_sent(
        &self,
        look: &Look<'_>,
        request: &Request<'_>,
        fields: &Fields<'_>,
        head: bool,
        status: u16,
        cause: Option<Cause>,
    ) -> Result<Plan, Wait> {
        if status == 404 {
            if let Some(page) = &self.settings.options.single
                && is_navigation(request.target, fields)
                && let Some(file) = look.page(page)?
            {
                let given = Given::parse(request.status, request.given);
                let file = look.negotiate(file, page, fields, head, Some(&given))?;
                return Ok(self.send(&file, fields, head, Some(given)));
            }
            if let Some(page) = &self.settings.options.not_found
                && let Some(file) = look.page(page)?
            {
                return Ok(self.own(not_found(file), head));
            }
        }
        if self.settings.options.fallthrough && status < 500 {
            return Ok(Plan::Pass);
        }
        Ok(self.failure(status, cause))
    }

    /// The answer that a file gives: `send`'s own part.
    fn send(&self, file: &Arc<File>, fields: &Fields<'_>, head: bool, given: Option<Given<'_>>) -> Plan {
        let built = given.as_ref().map(|given| file.build_head(&self.settings, given));
        let lines = built.as_ref().unwrap_or(file.head());
        let own = file.validators();
        let validators = match &given {
            None => own,
            Some(given) => Validators {
                etag: given.etag.or(own.etag),
                modified: given
                    .last_modified
                    .map_or(own.modified, |date| conditional::date(Some(date))),
            },
        };
        let status = given.as_ref().map_or(200, |given| given.status);
        match conditional::evaluate(fields, validators) {
            Verdict::Failed => {
                return Plan::Fail(Failure {
                    status: 412,
                    headers: Bytes::new(),
                    lines: Bytes::copy_from_slice(lines.begin()),
                    cause: None,
                    file: Some(file.clone()),
                });
            }
            Verdict::NotModified if matches!(status, 200..300 | 304) => {
                return Plan::Answer(Answer {
                    status: 304,
                    lines: lines.not_modified(),
                    length: 0,
                    body: Body::None,
                    file: Some(file.clone()),
                });
            }
            _ => {}
        }
        if file.ranges
            && !head
            && let Some(range) = fields.range.as_deref()
        {
            match ranges::parse(range, file.size, self.settings.options.limits.ranges) {
                _ if !conditional::range_applies(fields.if_range.as_deref(), validators) => {}
                Ranges::Whole => {}
                Ranges::Unsatisfiable => {
                    let headers = format!("Content-Range: bytes */{}\r\n", file.size);
                    return Plan::Fail(Failure {
                        status: 416,
                        lines: [lines.begin(), headers.as_bytes()].concat().into(),
                        headers: headers.into(),
                        cause: None,
                        file: Some(file.clone()),
                    });
                }
                Ranges::Some(ranges) => {
                    let begin = lines.begin();
                    return Plan::Answer(match &*ranges {
                        [range] => partial(file, begin, range.clone()),
                        ranges => self.multipart(file, ranges, given.unwrap_or_default()),
                    });
                }
            }
        }
        let whole = lines.whole();
        let answer = Answer {
            status,
            lines: whole,
            length: file.size,
            body: whole_body(file),
            file: Some(file.clone()),
        };
        Plan::Answer(if head { answer.without_body() } else { answer })
    }

    /// Several ranges.
    fn multipart(&self, file: &Arc<File>, ranges: &[Range<u64>], mut given: Given<'_>) -> Answer {
        let boundary = self.boundaries.next();
        let (segments, length) = multipart::body(file, &file.content_type, ranges, &boundary);
        // The type is that of the parts now.
        given.content_type = true;
        let head = file.build_head(&self.settings, &given);
        let own = format!("Content-Type: multipart/byteranges; boundary={boundary}\r\nContent-Length: {length}\r\n");
        Answer {
            status: 206,
            lines: [head.begin(), own.as_bytes()].concat().into(),
            length,
            body: Body::Segments(segments),
            file: Some(file.clone()),
        }
    }
}

/// A request's target in parts.
struct Target<'a> {
    path: &'a str,
    query: &'a str,
    original: &'a str,
}

impl<'a> Target<'a> {
    fn new(request: &Request<'a>) -> Result<Target<'a>, Refusal> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Refusal::Malformed);
        let (mut path, query) = target::split(text(request.target)?);
        let (original, query) = if request.original.is_empty() {
            (path, query)
        } else {
            target::split(text(request.original)?)
        };
        // The mount point itself, asked for without its slash.
        if path == "/" && !original.ends_with('/') {
            path = "";
        }
        Ok(Target { path, query, original })
    }
}

/// A search for a file.
struct Look<'a> {
    site: &'a Site,
    patience: Patience,
}

impl Look<'_> {
    fn may_wait(&self) -> bool {
        self.patience == Patience::Disk
    }

    /// Finds what a path is for, trying names in the order in which `send` does.
    fn locate(&self, target: &Target<'_>) -> Result<Located, Stop> {
        let Options {
            limits,
            dotfiles,
            index,
            ..
        } = &self.site.settings.options;
        if target.path.len() > limits.target {
            return Err(refused(404));
        }
        let relative = target::relative(target.path, limits.depth).map_err(|refusal| self.site.refusal(refusal))?;
        match dotfiles {
            _ if !relative.hidden => {}
            Dotfiles::Allow => {}
            Dotfiles::Deny => return Err(refused(403)),
            Dotfiles::Ignore => return Err(refused(404)),
        }
        let slash = target.path.ends_with('/');
        if slash && !index.is_empty() {
            match self.index(&relative.path) {
                Err(Stop::Refused { .. }) if self.is_listed(&relative.path)? => Ok(Located::Listing(relative.path)),
                found => found,
            }
        } else {
            self.named(relative.path, slash)
        }
    }

    /// The index of a directory.
    fn index(&self, directory: &str) -> Result<Located, Stop> {
        let mut last = refused(404);
        for index in &self.site.settings.options.index {
            let path = [directory, index].concat();
            match self.find(&path) {
                Ok(Found::File(file)) => return Ok(Located::File(file, path)),
                Ok(Found::Directory | Found::Special) => last = refused(404),
                Err(Stop::Wait) => return Err(Stop::Wait),
                Err(stop) => last = stop,
            }
        }
        Err(last)
    }

    fn is_listed(&self, path: &str) -> Result<bool, Stop> {
        match self.site.settings.options.listing.then(|| self.find(path)) {
            Some(Ok(Found::Directory)) => Ok(true),
            Some(Err(Stop::Wait)) => Err(Stop::Wait),
            _ => Ok(false),
        }
    }

    /// What a path names: a file, perhaps with an extension that is left out, or a directory.
    fn named(&self, path: String, slash: bool) -> Result<Located, Stop> {
        let Options {
            extensions,
            redirect,
            listing,
            ..
        } = &self.site.settings.options;
        match self.find(&path) {
            Ok(Found::File(_)) if path.ends_with('/') => Err(refused(404)),
            Ok(Found::File(file)) => Ok(Located::File(file, path)),
            Ok(Found::Special) => Err(refused(404)),
            Ok(Found::Directory) if slash => {
                if *listing {
                    Ok(Located::Listing(path))
                } else {
                    Err(refused(404))
                }
            }
            Ok(Found::Directory) => {
                if *redirect {
                    Ok(Located::Unslashed)
                } else {
                    Err(refused(404))
                }
            }
            Err(Stop::Refused {
                status: 404,
                cause: Some(cause),
            }) if cause.errno == errno::ENOENT
                && !path.ends_with('/')
                && !extensions.is_empty()
                && !has_extension(&path) =>
            {
                let mut last = Stop::Refused {
                    status: 404,
                    cause: Some(cause),
                };
                for extension in extensions {
                    let path = [&path, ".", extension].concat();
                    match self.find(&path) {
                        Ok(Found::File(file)) => return Ok(Located::File(file, path)),
                        Ok(Found::Directory | Found::Special) => last = refused(404),
                        Err(Stop::Wait) => return Err(Stop::Wait),
                        Err(stop) => last = stop,
                    }
                }
                Err(last)
            }
            Err(stop) => Err(stop),
        }
    }

    /// What stands at a path below the root: from the caches if the system says that it is still so.
    fn find(&self, path: &str) -> Result<Found, Stop> {
        match self.current(path) {
            Ok(Some(file)) => return Ok(Found::File(file)),
            Err(error) => return Err(self.failed(path, &error)),
            Ok(None) if self.may_wait() => {}
            Ok(None) if self.site.root.is_known_missing(path) => {
                return Err(self.failed(path, &io::ErrorKind::NotFound.into()));
            }
            Ok(None) => return Err(Stop::Wait),
        }
        let Options {
            precompressed,
            compress,
            ..
        } = &self.site.settings.options;
        let varies =
            !precompressed.is_empty() || !compress.is_empty() && mime::is_compressible(&mime::content_type(path));
        self.load(
            path,
            path,
            As {
                name: path,
                coding: None,
                varies,
            },
        )
    }

    /// The file that is kept under a key, if it is still in its state; an error when it is gone.
    fn current(&self, key: &str) -> io::Result<Option<Arc<File>>> {
        let cache = &self.site.cache;
        let Some(file) = cache.get(key).filter(|file| !file.young) else {
            return Ok(None);
        };
        if let Patience::Batch(number) = self.patience
            && file.proven.load(Ordering::Relaxed) == number
        {
            return Ok(Some(file));
        }
        match file.system_path().stat() {
            Ok(now) if now == (file.identity, Kind::File) => {
                if let Patience::Batch(number) = self.patience {
                    file.proven.store(number, Ordering::Relaxed);
                }
                Ok(Some(file))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                cache.remove(key);
                Err(error)
            }
            _ => Ok(None),
        }
    }

    /// Opens a file and keeps it under a key.
    fn load(&self, key: &str, path: &str, of: As<'_>) -> Result<Found, Stop> {
        let Site {
            root, cache, settings, ..
        } = self.site;
        let attempt = || {
            let node = root.open(path)?;
            let As { name, coding, varies } = of;
            load::load(node, &root.absolute(path), As { name, coding, varies }, settings)
        };
        let loaded = match attempt() {
            Err(error) if errno::is_too_many(&error) => {
                // What is kept open only for later makes room.
                cache.drop_handles();
                attempt()
            }
            loaded => loaded,
        };
        match loaded {
            Ok(Loaded::File(file)) => {
                cache.insert(key, &file);
                Ok(Found::File(file))
            }
            Ok(Loaded::Directory) => Ok(Found::Directory),
            Ok(Loaded::Special) => Ok(Found::Special),
            Err(error) => {
                cache.remove(key);
                Err(self.failed(path, &error))
            }
        }
    }

    fn failed(&self, path: &str, error: &io::Error) -> Stop {
        let errno = errno::of(error);
        let status = match errno {
            _ if is_escape(error) => 403,
            errno::ENOENT | errno::ENOTDIR | errno::ENAMETOOLONG => 404,
            _ if errno::is_too_many(error) => 503,
            _ => 500,
        };
        let path = self.site.root.absolute(path);
        // What is not there is found out by looking, in Node's words.
        let syscall = if status == 404 { "stat" } else { "open" };
        let cause = Cause { errno, syscall, path };
        Stop::Refused {
            status,
            cause: (status != 403).then_some(cause),
        }
    }

    /// A page of the site's own, if it is there.
    fn page(&self, path: &str) -> Result<Option<Arc<File>>, Wait> {
        match self.find(path.trim_start_matches('/')) {
            Ok(Found::File(file)) => Ok(Some(file)),
            Err(Stop::Wait) => Err(Wait),
            _ => Ok(None),
        }
    }

    /// The form of a file that the client likes best.
    fn negotiate(
        &self,
        base: Arc<File>,
        path: &str,
        fields: &Fields<'_>,
        head: bool,
        given: Option<&Given<'_>>,
    ) -> Result<Arc<File>, Wait> {
        let Some(accepted) = fields.accept_encoding.as_deref().filter(|_| base.varies) else {
            return Ok(base);
        };
        // What is encoded already is not encoded again.
        if given.is_some_and(|given| given.content_encoding) {
            return Ok(base);
        }
        let Options {
            precompressed,
            compress,
            limits,
            ..
        } = &self.site.settings.options;
        let codings = Codings::parse(Some(accepted));
        for coding in codings.preferred(precompressed) {
            if let Some(sibling) = self.sibling(&base, path, coding)? {
                return Ok(sibling);
            }
        }
        let from = if codings.refuses_identity() {
            1
        } else {
            limits.compress_from
        };
        // Ranges are those of the file as it is: its compressed form may be another one the next time.
        let ranged = base.ranges && !head && fields.range.is_some();
        if ranged || base.young || !(from..=limits.compress_to).contains(&base.size) {
            return Ok(base);
        }
        match codings.preferred(compress).next() {
            Some(coding) if mime::is_compressible(&base.content_type) => self.compressed(base, path, coding),
            _ => Ok(base),
        }
    }

    /// A file's form that was compressed ahead, unless it is older than the file.
    fn sibling(&self, base: &File, path: &str, coding: Coding) -> Result<Option<Arc<File>>, Wait> {
        let key = [path, "\0=", coding.name()].concat();
        let sibling = [path, coding.extension()].concat();
        let found = match self.current(&key) {
            Ok(Some(file)) => file,
            Err(_) => return Ok(None),
            Ok(None) if !self.may_wait() => {
                return if self.site.root.is_known_missing(&sibling) {
                    Ok(None)
                } else {
                    Err(Wait)
                };
            }
            Ok(None) => match self.load(
                &key,
                &sibling,
                As {
                    name: path,
                    coding: Some(coding),
                    varies: true,
                },
            ) {
                Ok(Found::File(file)) => file,
                _ => return Ok(None),
            },
        };
        let seconds = |identity: &Identity| identity.modified.seconds;
        Ok((seconds(&found.identity) >= seconds(&base.identity)).then_some(found))
    }

    /// A file compressed now, or since it was last changed.
    fn compressed(&self, base: Arc<File>, path: &str, coding: Coding) -> Result<Arc<File>, Wait> {
        let key = [path, "\0~", coding.name()].concat();
        let Site { cache, settings, .. } = self.site;
        if let Some(file) = cache.get(&key).filter(|file| file.identity == base.identity) {
            return Ok(file);
        }
        if !self.may_wait() {
            return Err(Wait);
        }
        let made = match load::compress(&base, coding, settings) {
            Ok(Some(file)) => Arc::new(file),
            // What gains nothing is known as itself.
            Ok(None) => base.clone(),
            Err(_) => return Ok(base),
        };
        cache.insert(&key, &made);
        Ok(made)
    }

    /// The page that lists a directory.
    fn listing(&self, path: &str, target: Option<Target<'_>>) -> Result<Answer, Wait> {
        if !self.may_wait() {
            return Err(Wait);
        }
        let Options { limits, dotfiles, .. } = &self.site.settings.options;
        let listed = self.site.root.list(path, limits.entries);
        let shown = target.map_or("/", |target| target.original);
        let page = match listed {
            Ok((mut entries, more)) => {
                entries.retain(|entry| *dotfiles == Dotfiles::Allow || !entry.name.starts_with('.'));
                listing::page(shown, entries, more)
            }
            Err(_) => listing::page(shown, Vec::new(), false),
        };
        Ok(page_answer(200, page, listing::POLICY, ""))
    }
}

impl Answer {
    fn without_body(self) -> Answer {
        Answer {
            length: 0,
            body: Body::None,
            ..self
        }
    }
}

fn has_extension(path: &str) -> bool {
    mime::extension(path.rsplit('/').next().unwrap_or(path)).is_some()
}

/// Whether a request that no file answers looks like a browser's going to a page of an application, whose paths have no extension.
fn is_navigation(target: &[u8], fields: &Fields<'_>) -> bool {
    let path = std::str::from_utf8(target).map_or("", |target| target::split(target).0);
    let mode = fields.sec_fetch_mode.as_deref();
    !has_extension(path) && mode.is_none_or(|mode| mode == b"navigate") && takes_html(fields.accept.as_deref())
}

fn whole_body(file: &File) -> Body {
    match file.part(0..file.size) {
        _ if file.size == 0 => Body::None,
        Segment::Bytes(bytes) => Body::Bytes(bytes),
        segment => Body::Segments(vec![segment]),
    }
}

fn partial(file: &Arc<File>, begin: &[u8], range: Range<u64>) -> Answer {
    let length = range.end - range.start;
    let content_range = multipart::content_range(&range, file.size);
    let own = format!("Content-Range: {content_range}\r\nContent-Length: {length}\r\n");
    let body = match file.part(range) {
        Segment::Bytes(bytes) => Body::Bytes(bytes),
        segment => Body::Segments(vec![segment]),
    };
    Answer {
        status: 206,
        lines: [begin, own.as_bytes()].concat().into(),
        length,
        body,
        file: Some(file.clone()),
    }
}

fn not_found(file: Arc<File>) -> Answer {
    let lines = format!(
        "Content-Type: {}\r\nContent-Length: {}\r\n",
        file.content_type, file.size
    );
    Answer {
        status: 404,
        lines: lines.into(),
        length: file.size,
        body: whole_body(&file),
        file: Some(file),
    }
}

fn not_allowed() -> Answer {
    Answer {
        status: 405,
        lines: Bytes::from_static(b"Allow: GET, HEAD\r\nContent-Length: 0\r\n"),
        length: 0,
        body: Body::None,
        file: None,
    }
}

fn redirect(target: Option<Target<'_>>) -> Answer {
    let location = target.map_or_else(
        || "/".into(),
        |target| target::with_slash(target.original, target.query),
    );
    let mut page = String::from(concat!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Redirecting</title>\n</head>\n<body>\n",
        "<pre>Redirecting to "
    ));
    escape::html(&mut page, &location);
    page.push_str("</pre>\n</body>\n</html>\n");
    page_answer(301, page, "default-src 'none'", &format!("Location: {location}\r\n"))
}

/// A page that we write ourselves.
fn page_answer(status: u16, page: String, policy: &str, more: &str) -> Answer {
    let length = page.len() as u64;
    let lines = format!(
        "Content-Type: text/html; charset=UTF-8\r\nContent-Length: {length}\r\nContent-Security-Policy: {policy}\r\n\
         X-Content-Type-Options: nosniff\r\n{more}"
    );
    Answer {
        status,
        lines: lines.into(),
        length,
        body: Body::Bytes(page.into()),
        file: None,
    }
}
