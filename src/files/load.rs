//! Loads files from the disk on a thread of the pool, so that requests can then be answered from memory or from an
//! open file.

use super::beneath::Node;
use super::coding::Coding;
use super::file::{self, Content, File, Made, OpenFile};
use super::identity::{Identity, Kind};
use super::options::{Etag, Settings};
use bytes::Bytes;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use twox_hash::XxHash3_128;

/// How many times a file that changes while it is read is read again. After that, it is sent through its handle.
const ATTEMPTS: usize = 3;

/// What a path has turned out to be.
pub enum Loaded {
    File(Arc<File>),
    Directory,
    Special,
}

/// How a file is to be loaded.
#[derive(Clone, Copy)]
pub struct As<'a> {
    /// The name that determines its media type.
    pub name: &'a str,
    /// The encoding of its content.
    pub coding: Option<Coding>,
    /// Whether other encoded forms of it are available.
    pub varies: bool,
}

/// Creates the cache entry of an open file.
pub fn load(node: Node, path: &Path, of: As<'_>, settings: &Settings) -> io::Result<Loaded> {
    let (file, identity) = match node {
        Node::File(file, identity) => (file, identity),
        Node::Directory => return Ok(Loaded::Directory),
        Node::Special => return Ok(Loaded::Special),
    };
    let options = &settings.options;
    let (content, identity) = content(file, identity, options.limits.small_file)?;
    let (hash, identity) = match options.etag {
        Etag::Strong if identity.size <= options.limits.hash => hash(&content, identity)?,
        _ => (None, identity),
    };
    let made = Made {
        path,
        young: identity.is_young(),
        size: identity.size,
        identity,
        content,
        name: of.name,
        coding: of.coding,
        on_the_fly: false,
        hash,
        varies: of.varies,
    };
    Ok(Loaded::File(Arc::new(File::new(made, settings)?)))
}

/// Reads a small file, or keeps the handle of one that is large or keeps changing.
fn content(file: fs::File, mut identity: Identity, small_file: u64) -> io::Result<(Content, Identity)> {
    let handle = file::handle(file);
    for _ in 0..ATTEMPTS {
        if identity.size > small_file {
            break;
        }
        let bytes = read(&handle, identity.size)?;
        let (now, _) = Identity::of(&handle.file().metadata()?);
        if now == identity && bytes.len() as u64 == identity.size {
            return Ok((Content::Memory(bytes), identity));
        }
        identity = now;
    }
    Ok((Content::Handle(handle), identity))
}

/// Reads up to `size` bytes from the start.
fn read(handle: &OpenFile, size: u64) -> io::Result<Bytes> {
    let mut bytes = vec![0; size as usize];
    let length = handle.read_at(&mut bytes, 0)?;
    bytes.truncate(length);
    Ok(bytes.into())
}

/// Computes the hash of a file's content, together with the state it was computed for. There is no hash if the file
/// keeps changing.
fn hash(content: &Content, mut identity: Identity) -> io::Result<(Option<u128>, Identity)> {
    let handle = match content {
        Content::Memory(bytes) => return Ok((Some(XxHash3_128::oneshot(bytes)), identity)),
        Content::Handle(handle) => handle,
    };
    let mut buffer = vec![0; 256 * 1024];
    for _ in 0..ATTEMPTS {
        let (mut hasher, mut offset) = (XxHash3_128::new(), 0);
        loop {
            let length = handle.read_at(&mut buffer, offset)?;
            hasher.write(&buffer[..length]);
            offset += length as u64;
            if length < buffer.len() {
                break;
            }
        }
        let (now, _) = Identity::of(&handle.file().metadata()?);
        if now == identity && offset == identity.size {
            return Ok((Some(hasher.finish_128()), identity));
        }
        identity = now;
    }
    Ok((None, identity))
}

/// Compresses a file. `None` if that gains nothing or the file keeps changing.
pub fn compress(base: &File, coding: Coding, settings: &Settings) -> io::Result<Option<File>> {
    let content = match &base.content {
        Content::Memory(bytes) => bytes.clone(),
        Content::Handle(handle) => {
            let bytes = read(handle, base.size)?;
            if Identity::of(&handle.file().metadata()?) != (base.identity, Kind::File)
                || bytes.len() as u64 != base.size
            {
                return Ok(None);
            }
            bytes
        }
    };
    let compressed = coding.compress(&content)?;
    if compressed.len() >= content.len() {
        return Ok(None);
    }
    let hash = (settings.options.etag == Etag::Strong).then(|| XxHash3_128::oneshot(&content));
    let path = base.path();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let made = Made {
        path,
        identity: base.identity,
        young: base.young,
        size: compressed.len() as u64,
        content: Content::Memory(compressed.into()),
        name: &name,
        coding: Some(coding),
        on_the_fly: true,
        hash,
        varies: true,
    };
    File::new(made, settings).map(Some)
}
