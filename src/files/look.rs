//! Searches for the file that a request names, in the order of `send`, and for the encoded form of it that the client
//! prefers.
//!
//! The same search runs first on the loop's thread, where it stops as soon as it might have to wait for a disk, and
//! then again from the start on a thread of the pool, where it may wait.

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

/// What a search may do to find out the state of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Wait for a disk.
    Disk,
    /// Use only what the system has in memory, and do not ask again what was asked in this batch.
    Batch(u64),
}

/// What exists at a path.
enum Found {
    File(Arc<File>),
    Directory,
    Special,
}

/// The result of a search.
pub enum Located {
    /// A file, and its path below the root.
    File(Arc<File>, String),
    /// A directory that was requested without its trailing slash.
    Unslashed,
    /// A directory to list.
    Listing(String),
}

/// Why a search ends without a result.
pub enum Stop {
    /// It would have to wait for a disk, which this thread must not do.
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

/// The parts of a request's target.
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
        // The mount point itself was requested without its trailing slash.
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
    /// How many times the state of a path was asked for.
    asked: Cell<usize>,
    /// Whether one of several encoded forms was chosen.
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

    /// Whether the result depends only on the state of one file.
    pub fn has_asked_once(&self) -> bool {
        self.asked.get() == 1 && !self.chose.get()
    }

    fn may_wait(&self) -> bool {
        self.patience == Patience::Disk
    }

    /// Finds what a target refers to, trying names in the order of `send`.
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

    /// Finds the index of a directory.
    fn index(&self, directory: &str) -> Result<Located, Stop> {
        let names = self.site.settings.options.index.iter();
        self.first(names.map(|index| [directory, index].concat()), refused(404))
    }

    /// Finds the first of these paths that is a file. If none is, the error is that of the last path, or `last` if
    /// there are no paths.
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

    /// Finds what a path names: a file, possibly without its extension, or a directory.
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

    /// Finds what exists at a path below the root, from the caches if the system says that it is unchanged.
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
            // If the root itself is a file, its own name is used.
            name: match path {
                "" => root.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
                path => path,
            },
            coding: None,
            varies,
        };
        self.load(path, path, of)
    }

    /// Returns the cached file under a key if it is unchanged. An error means that it is gone.
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

    /// Whether a cached file is unchanged. An error means that it is gone.
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

    /// Opens a file and caches it under a key.
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

    /// Opens a file. If the process has too many files open, it closes the cached ones and tries again.
    fn with_room<T>(&self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        match open() {
            Err(error) if errno::is_too_many(&error) => {
                // Files that are open only for later requests can be closed.
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
            // Not a failure of the server: its user has no permission to read the file.
            errno::EACCES => 403,
            errno::ENOENT | errno::ENOTDIR | errno::ENAMETOOLONG => 404,
            _ if errno::is_too_many(error) => 503,
            _ => 500,
        };
        let path = self.site.root.absolute(path);
        // Node reports a missing file as an error of `stat`.
        let syscall = if status == 404 { "stat" } else { "open" };
        let cause = Cause { errno, syscall, path };
        Stop::Refused {
            status,
            // Nothing is revealed about the target of a link that leads out of the root.
            cause: (!is_escape(error)).then_some(cause),
        }
    }

    /// Returns a page of the site's own, if it exists.
    pub fn page(&self, path: &str) -> Result<Option<Arc<File>>, Wait> {
        match self.find(path.trim_start_matches('/')) {
            Ok(Found::File(file)) => Ok(Some(file)),
            Err(Stop::Wait) => Err(Wait),
            _ => Ok(None),
        }
    }

    /// Chooses the encoded form of a file that the client prefers.
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
        // A file with a `Content-Encoding` is not encoded again.
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
        // Ranges are served from the file as it is: a form compressed on request may differ the next time.
        let ranged = base.ranges && !head && fields.range.is_some();
        if ranged || base.young || !(from..=limits.compress_to).contains(&base.size) {
            return Ok(base);
        }
        match codings.preferred(compress).next() {
            Some(coding) if mime::is_compressible(&base.content_type) => self.compressed(base, path, coding),
            _ => Ok(base),
        }
    }

    /// Returns the precompressed sibling of a file, unless it is older than the file.
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

    /// Returns the file compressed now, or earlier if it has not changed since.
    fn compressed(&self, base: Arc<File>, path: &str, coding: Coding) -> Result<Arc<File>, Wait> {
        let key = [path, "\0~", coding.name()].concat();
        let Site { cache, settings, .. } = self.site;
        if let Some(file) = cache.get(&key).filter(|file| file.identity == base.identity) {
            return Ok(file);
        }
        if !self.may_wait() {
            return Err(Wait);
        }
        // While one thread compresses the file, other requests get it as it is.
        let Some(_making) = Making::begin(&self.site.making, &key) else {
            return Ok(base);
        };
        let made = match load::compress(&base, coding, settings) {
            Ok(Some(file)) => Arc::new(file),
            // If compression gains nothing, the file itself is cached as the result.
            Ok(None) => base.clone(),
            Err(_) => return Ok(base),
        };
        cache.insert(&key, &made);
        Ok(made)
    }

    /// Lists a directory. Returns its entries, and whether there are more.
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

/// Marks an encoded form as being created, so that only one thread creates it.
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
