//! Looking for what a request names, in the order in which `send` does, and for the form of it that the client likes best.
//!
//! The same search is made on the loop's thread, where it ends as soon as a disk may have to be waited for, and again from the start on the
//! pool's, where it may wait.

use super::accept::Codings;
use super::beneath::{Entry, is_escape};
use super::coding::Coding;
use super::fields::Fields;
use super::file::{File, Given};
use super::identity::{Identity, Kind};
use super::load::{self, As, Loaded};
use super::options::{Dotfiles, Options};
use super::site::Site;
use super::target::{self, Refusal};
use super::{Cause, Request, errno, mime};
use std::cell::Cell;
use std::collections::HashSet;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// What a search may do to find out how things stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Patience {
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
pub enum Located {
    /// A file, and its path below the root.
    File(Arc<File>, String),
    /// A directory without its slash.
    Unslashed,
    /// A directory to list.
    Listing(String),
}

/// Why a search goes no further.
pub enum Stop {
    /// A disk may have to be waited for, which this thread must not do.
    Wait,
    /// There is nothing to send.
    Refused { status: u16, cause: Option<Cause> },
}

/// See [`Stop::Wait`].
pub struct Wait;

fn refused(status: u16) -> Stop {
    Stop::Refused { status, cause: None }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        refused(match refusal {
            Refusal::Malformed => 400,
            Refusal::Outside => 403,
            Refusal::Impossible => 404,
        })
    }
}

/// A request's target in parts.
pub struct Target<'a> {
    pub path: &'a str,
    pub query: &'a str,
    pub original: &'a str,
}

impl<'a> Target<'a> {
    pub fn new(request: &Request<'a>) -> Result<Target<'a>, Refusal> {
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
pub struct Look<'a> {
    site: &'a Site,
    patience: Patience,
    /// How often the state of something mattered.
    asked: Cell<usize>,
    /// One form of several was chosen.
    chose: Cell<bool>,
}

impl<'a> Look<'a> {
    pub fn new(site: &'a Site, patience: Patience) -> Look<'a> {
        Look {
            site,
            patience,
            asked: Cell::new(0),
            chose: Cell::new(false),
        }
    }

    /// Whether what was found depends on the state of one file and on nothing else.
    pub fn has_asked_once(&self) -> bool {
        self.asked.get() == 1 && !self.chose.get()
    }

    fn may_wait(&self) -> bool {
        self.patience == Patience::Disk
    }

    /// Finds what a path is for, trying names in the order in which `send` does.
    pub fn locate(&self, target: &Target<'_>) -> Result<Located, Stop> {
        let Options {
            limits,
            dotfiles,
            index,
            ..
        } = &self.site.settings.options;
        if target.path.len() > limits.target {
            return Err(refused(404));
        }
        let relative = target::relative(target.path, limits.depth)?;
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
        let names = self.site.settings.options.index.iter();
        self.first(names.map(|index| [directory, index].concat()), refused(404))
    }

    /// The first of these paths that names a file; where none does, why the last one does not, or `last` where there are none.
    fn first(&self, paths: impl Iterator<Item = String>, mut last: Stop) -> Result<Located, Stop> {
        for path in paths {
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
                let last = Stop::Refused {
                    status: 404,
                    cause: Some(cause),
                };
                let paths = extensions.iter().map(|extension| [&path, ".", extension].concat());
                self.first(paths, last)
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
        let root = self.site.root.absolute("");
        let of = As {
            // A root that is a file has a name of its own.
            name: match path {
                "" => root.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
                path => path,
            },
            coding: None,
            varies,
        };
        self.load(path, path, of)
    }

    /// The file that is kept under a key, if it is still in its state; an error when it is gone.
    fn current(&self, key: &str) -> io::Result<Option<Arc<File>>> {
        self.asked.set(self.asked.get() + 1);
        let cache = &self.site.cache;
        let Some(file) = cache.get(key) else {
            return Ok(None);
        };
        let current = self.is_current(&file);
        if current.is_err() {
            cache.remove(key);
        }
        Ok(current?.then_some(file))
    }

    /// Whether a file is still in its state; an error when it is gone.
    pub fn is_current(&self, file: &File) -> io::Result<bool> {
        if file.young {
            return Ok(false);
        }
        file.note_use();
        if let Patience::Batch(number) = self.patience
            && file.proven.load(Ordering::Relaxed) == number
        {
            return Ok(true);
        }
        match file.system_path().stat() {
            Ok(now) if now == (file.identity, Kind::File) => {
                if let Patience::Batch(number) = self.patience {
                    file.proven.store(number, Ordering::Relaxed);
                }
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
            _ => Ok(false),
        }
    }

    /// Opens a file and keeps it under a key.
    fn load(&self, key: &str, path: &str, of: As<'_>) -> Result<Found, Stop> {
        let Site {
            root, cache, settings, ..
        } = self.site;
        let loaded = self.with_room(|| load::load(root.open(path)?, &root.absolute(path), of, settings));
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

    /// Opens something, again with more room if the process has too many files open.
    fn with_room<T>(&self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        match open() {
            Err(error) if errno::is_too_many(&error) => {
                // What is kept open only for later makes room.
                self.site.cache.drop_handles();
                open()
            }
            opened => opened,
        }
    }

    fn failed(&self, path: &str, error: &io::Error) -> Stop {
        let errno = errno::of(error);
        let status = match errno {
            _ if is_escape(error) => 403,
            // The server works; it is the file that its user may not read.
            errno::EACCES => 403,
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
            // A link that leads out says nothing of where it leads.
            cause: (!is_escape(error)).then_some(cause),
        }
    }

    /// A page of the site's own, if it is there.
    pub fn page(&self, path: &str) -> Result<Option<Arc<File>>, Wait> {
        match self.find(path.trim_start_matches('/')) {
            Ok(Found::File(file)) => Ok(Some(file)),
            Err(Stop::Wait) => Err(Wait),
            _ => Ok(None),
        }
    }

    /// The form of a file that the client likes best.
    pub fn negotiate(
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
        self.chose.set(true);
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
            Ok(None) => {
                let of = As {
                    name: path,
                    coding: Some(coding),
                    varies: true,
                };
                match self.load(&key, &sibling, of) {
                    Ok(Found::File(file)) => file,
                    _ => return Ok(None),
                }
            }
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
        // Whoever comes while it is made gets the file as it is, rather than making it as well.
        let Some(_making) = Making::begin(&self.site.making, &key) else {
            return Ok(base);
        };
        let made = match load::compress(&base, coding, settings) {
            Ok(Some(file)) => Arc::new(file),
            // What gains nothing is known as itself.
            Ok(None) => base.clone(),
            Err(_) => return Ok(base),
        };
        cache.insert(&key, &made);
        Ok(made)
    }

    /// What a directory has, and whether there is more of it.
    pub fn list(&self, path: &str) -> Result<(Vec<Entry>, bool), Stop> {
        if !self.may_wait() {
            return Err(Stop::Wait);
        }
        let Options { limits, dotfiles, .. } = &self.site.settings.options;
        let listed = self.with_room(|| self.site.root.list(path, limits.entries));
        let (mut entries, more) = listed.map_err(|error| self.failed(path, &error))?;
        entries.retain(|entry| *dotfiles == Dotfiles::Allow || !entry.name.starts_with('.'));
        Ok((entries, more))
    }
}

/// A coded form that is being made, by one thread at a time.
struct Making<'a> {
    all: &'a Mutex<HashSet<Box<str>>>,
    key: &'a str,
}

impl<'a> Making<'a> {
    fn begin(all: &'a Mutex<HashSet<Box<str>>>, key: &'a str) -> Option<Making<'a>> {
        let mut made = all.lock().unwrap_or_else(PoisonError::into_inner);
        made.insert(key.into()).then(|| Making { all, key })
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(self.key);
    }
}

/// Whether the last component of a path has an extension.
pub fn has_extension(path: &str) -> bool {
    mime::extension(path.rsplit('/').next().unwrap_or(path)).is_some()
}
