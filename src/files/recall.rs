//! Requests that come again byte for byte, as those of a page that is reloaded do, or of one that many load. What a request was answered with
//! is the answer to the next one like it, as long as the file is in the state that it was in: where that was all that was asked of the system,
//! neither is the request's head read again nor its file looked for. The system is asked about the file as ever.

use super::file::File;
use super::{Answer, Body, Segment, pages};
use bytes::Bytes;
use lru::LruCache;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use twox_hash::XxHash3_64;

/// Heads that are kept: the oldest goes.
const HEADS: NonZeroUsize = NonZeroUsize::new(2048).unwrap();

/// Bytes of the longest head that is kept: those of browsers fit.
pub const MAX_HEAD: usize = 1024;

/// Heads are kept when they come a second time; so many are remembered until then, by four bytes of their hash.
const SEEN: usize = 4096;

/// See the module's documentation.
pub struct Recall {
    /// Nobody can choose heads that have the same hash.
    seed: u64,
    heads: Mutex<Heads>,
}

struct Heads {
    /// By their hashes. Of two that have the same, the last one is kept.
    known: LruCache<u64, Known>,
    seen: Vec<u32>,
}

/// What a request was answered with. The file is the caches' to keep.
struct Known {
    head: Box<[u8]>,
    file: Weak<File>,
    status: u16,
    lines: Bytes,
    part: Part,
}

/// Which part of the file was sent.
#[derive(Clone)]
enum Part {
    None,
    Whole,
    Range(Range<u64>),
}

impl Part {
    /// Nothing for a body that does not say it.
    fn of(answer: &Answer) -> Option<Part> {
        match &answer.body {
            Body::None => Some(Part::None),
            Body::Bytes(_) if answer.status == 200 => Some(Part::Whole),
            Body::Segments(parts) => match &**parts {
                [Segment::File { range, .. }] => Some(Part::Range(range.clone())),
                _ => None,
            },
            Body::Bytes(_) => None,
        }
    }
}

impl Recall {
    pub fn new() -> Recall {
        Recall {
            seed: RandomState::new().hash_one(HEADS),
            heads: Mutex::new(Heads {
                known: LruCache::new(HEADS),
                seen: Vec::new(),
            }),
        }
    }

    fn with<T>(&self, head: &[u8], code: impl FnOnce(&mut Heads, u64) -> T) -> T {
        let hash = XxHash3_64::oneshot_with_seed(self.seed, head);
        code(&mut self.heads.lock().unwrap_or_else(PoisonError::into_inner), hash)
    }

    /// The answer to a request with this head, if its file is in the same state still.
    pub fn answer(&self, head: &[u8], is_current: impl FnOnce(&Arc<File>) -> bool) -> Option<Answer> {
        let known = self.with(head, |heads, hash| {
            let known = heads.known.peek(&hash).filter(|known| *known.head == *head)?;
            let file = known.file.upgrade()?;
            Some((file, known.status, known.lines.clone(), known.part.clone()))
        });
        let (file, status, lines, part) = known?;
        // The lock is not held while the system is asked.
        if !is_current(&file) {
            return None;
        }
        let (length, body) = match part {
            Part::None => (0, Body::None),
            Part::Whole => (file.size, pages::whole_body(&file)),
            Part::Range(range) => (range.end - range.start, Body::Segments(vec![file.part(range)])),
        };
        Some(Answer {
            status,
            lines,
            length,
            body,
            file: Some(file),
        })
    }

    /// A request with this head got this answer, which nothing but its file's state decided.
    pub fn note(&self, head: &[u8], answer: &Answer) {
        let (Some(file), Some(part), true) = (&answer.file, Part::of(answer), head.len() <= MAX_HEAD) else {
            return;
        };
        self.with(head, |heads, hash| {
            heads.seen.resize(SEEN, 0);
            let seen = &mut heads.seen[hash as usize % SEEN];
            let mark = (hash >> 32) as u32;
            if std::mem::replace(seen, mark) != mark {
                return;
            }
            let known = Known {
                head: head.into(),
                file: Arc::downgrade(file),
                status: answer.status,
                lines: answer.lines.clone(),
                part,
            };
            heads.known.put(hash, known);
        });
    }
}
