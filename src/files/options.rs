//! The options of a site: those of `serve-static` under their own names, and additional ones.

use super::coding::Coding;
use bytes::Bytes;

/// How a path is handled if one of its components begins with a dot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dotfiles {
    /// As if it did not exist (404).
    #[default]
    Ignore,
    /// Like any other path.
    Allow,
    /// It is refused (403).
    Deny,
}

/// What entity tags are computed from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Etag {
    /// No entity tags.
    Off,
    /// The size and the modification time, in the format of npm's `etag`.
    #[default]
    Weak,
    /// A hash of the content.
    Strong,
}

/// The options of a site.
#[derive(Clone, Debug)]
pub struct Options {
    /// Answer range requests, and send `Accept-Ranges`.
    pub accept_ranges: bool,
    /// Send `Cache-Control`.
    pub cache_control: bool,
    /// See [`Dotfiles`].
    pub dotfiles: Dotfiles,
    /// See [`Etag`].
    pub etag: Etag,
    /// Extensions, without the dot, to try for a name without one.
    pub extensions: Vec<String>,
    /// Leave a request that no file answers to the next handler.
    pub fallthrough: bool,
    /// Names and values of headers to add to every answer. They replace a header of the same name that the answer
    /// would have.
    pub headers: Vec<(String, String)>,
    /// Add `immutable` to `Cache-Control`.
    pub immutable: bool,
    /// The names to try as the index of a directory.
    pub index: Vec<String>,
    /// Send `Last-Modified`.
    pub last_modified: bool,
    /// The `max-age` of `Cache-Control`, in seconds.
    pub max_age: u64,
    /// Redirect a request for a directory without a trailing slash to the name with the slash.
    pub redirect: bool,
    /// Encodings whose precompressed siblings (such as `app.js.br`) are served, in order of preference: among those
    /// that a client accepts equally, the first is used.
    pub precompressed: Vec<Coding>,
    /// Encodings with which compressible files are compressed on request, in order of preference.
    pub compress: Vec<Coding>,
    /// The page that answers a navigation to a path that does not exist, as a path below the root.
    pub single: Option<String>,
    /// List the contents of a directory without an index.
    pub listing: bool,
    /// The page to send with a 404, as a path below the root.
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

/// A site's options, with what is derived from them once.
pub(super) struct Settings {
    pub options: Options,
    /// The header lines of [`Options::headers`].
    pub headers: Bytes,
}

impl Settings {
    pub fn new(options: Options) -> Settings {
        let lines = options
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        // Header values are latin1 on the wire, as in Node.
        let headers = lines.collect::<String>().chars().map(|c| c as u8).collect();
        Settings { options, headers }
    }
}

/// Limits on the resources that a client, or someone who fills the directory, can make a site use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most bytes of a request's target. Longer ones are not found. No system opens a path longer than 4 KiB, and
    /// percent-encoding makes it three times as long.
    pub target: usize,
    /// The most components of a path, each of which costs a directory lookup. Deeper trees do not occur in practice.
    pub depth: usize,
    /// The most ranges of one request. With more, the whole file is sent. PDF readers, which ask for the most, stay
    /// below.
    pub ranges: usize,
    /// The largest file that is kept in memory, in bytes. For larger ones, `sendfile` costs less than the copy that
    /// memory would save.
    pub small_file: u64,
    /// The most bytes that all files in memory may take.
    pub memory: usize,
    /// The most files in memory.
    pub files: usize,
    /// The most large files that stay open between requests: half of the 1,024 descriptors that a process can usually
    /// have.
    pub handles: usize,
    /// Smaller files, in bytes, are not compressed: head and body fit into one packet in any case.
    pub compress_from: u64,
    /// Larger files, in bytes, are not compressed on request: the client would wait too long.
    pub compress_to: u64,
    /// Larger files, in bytes, get a weak tag even if strong ones are requested: hashing them would take too long.
    pub hash: u64,
    /// The most entries of a listing. The page says if there are more.
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
