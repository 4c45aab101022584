//! What a site is asked to do: `serve-static`'s options under their own names, and what goes beyond them.

use super::coding::Coding;
use bytes::Bytes;

/// What becomes of a path with a component that begins with a dot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dotfiles {
    /// As if it did not exist.
    #[default]
    Ignore,
    /// Like any other.
    Allow,
    /// 403.
    Deny,
}

/// What entity tags are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Etag {
    /// There are none.
    Off,
    /// The size and the time of the last change, as npm's `etag` writes them.
    #[default]
    Weak,
    /// A hash of the content.
    Strong,
}

/// What a site serves, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ranges are answered, and `Accept-Ranges` says so.
    pub accept_ranges: bool,
    /// `Cache-Control` is sent.
    pub cache_control: bool,
    /// See [`Dotfiles`].
    pub dotfiles: Dotfiles,
    /// See [`Etag`].
    pub etag: Etag,
    /// Extensions, without their dot, that are tried behind a name that has none.
    pub extensions: Vec<String>,
    /// A request that no file answers is left to whoever comes next.
    pub fallthrough: bool,
    /// Names and values of headers that every answer has; one that an answer has of its own replaces that.
    pub headers: Vec<(String, String)>,
    /// `Cache-Control` says `immutable`.
    pub immutable: bool,
    /// Names that are tried for a directory.
    pub index: Vec<String>,
    /// `Last-Modified` is sent.
    pub last_modified: bool,
    /// `max-age` of `Cache-Control`, in seconds.
    pub max_age: u64,
    /// A directory that is asked for without its slash is redirected to the name with it.
    pub redirect: bool,
    /// Codings whose siblings (`app.js.br`) answer for a file, the dearest first: where a client likes several alike, the first is taken.
    pub precompressed: Vec<Coding>,
    /// Codings that compressible files are given as they are asked for, in the same order.
    pub compress: Vec<Coding>,
    /// The page, a path below the root, that answers a navigation to what does not exist.
    pub single: Option<String>,
    /// A directory without an index is listed.
    pub listing: bool,
    /// The page, a path below the root, that says what is not found.
    pub not_found: Option<String>,
    /// See [`Limits`].
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            accept_ranges: true,
            cache_control: true,
            dotfiles: Dotfiles::default(),
            etag: Etag::default(),
            extensions: Vec::new(),
            fallthrough: true,
            headers: Vec::new(),
            immutable: false,
            index: vec!["index.html".into()],
            last_modified: true,
            max_age: 0,
            redirect: true,
            precompressed: Vec::new(),
            compress: Vec::new(),
            single: None,
            listing: false,
            not_found: None,
            limits: Limits::default(),
        }
    }
}

/// A site's options, and what is made of them once.
pub(super) struct Settings {
    pub options: Options,
    /// The lines of [`Options::headers`].
    pub headers: Bytes,
}

impl Settings {
    pub fn new(options: Options) -> Settings {
        let lines = options
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        // A value is latin1 on the wire, as in Node.
        let headers = lines.collect::<String>().chars().map(|c| c as u8).collect();
        Settings { options, headers }
    }
}

/// What a client, or a directory that somebody fills, can make us spend.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a request's target: a longer one is not found. No system opens longer paths than 4 KiB, which percent-encoding triples.
    pub target: usize,
    /// Components of a path: each costs a look into a directory. Deeper trees are not found in practice.
    pub depth: usize,
    /// Ranges of one request: more are answered with the whole file. Readers of PDFs, who ask for the most, stay below.
    pub ranges: usize,
    /// Bytes of a file that is kept in memory. Above it `sendfile` costs less than the copy that is saved.
    pub small_file: u64,
    /// Bytes that all files in memory may take.
    pub memory: usize,
    /// Files in memory.
    pub files: usize,
    /// Large files that stay open between requests: half of the 1,024 descriptors that a process commonly may have.
    pub handles: usize,
    /// Bytes below which compressing gains nothing: head and body fit into one packet either way.
    pub compress_from: u64,
    /// Bytes above which a file is not compressed as it is asked for: it would take too long for the one who waits.
    pub compress_to: u64,
    /// Bytes above which a file gets the weak tag also where strong ones are asked for: hashing it would take too long.
    pub hash: u64,
    /// Entries of a listing; the page says that there are more.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            target: 12 * 1024,
            depth: 64,
            ranges: 32,
            small_file: 16 * 1024,
            memory: 64 * 1024 * 1024,
            files: 8 * 1024,
            handles: 512,
            compress_from: 1024,
            compress_to: 4 * 1024 * 1024,
            hash: 64 * 1024 * 1024,
            entries: 10_000,
        }
    }
}
