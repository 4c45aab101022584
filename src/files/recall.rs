//! Recognises requests whose head is byte for byte that of an earlier one, as when a page is reloaded or many clients
//! load it. If the earlier answer depended only on the state of one file, and that state is unchanged, the answer is
//! the same. Then the head is not parsed again and the file is not searched for. The system is still asked for the
//! file's state each time.

use super::file::File;
use super::{Answer, Body, Segment, pages};
use bytes::Bytes;
use lru::LruCache;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use twox_hash::XxHash3_64;

/// The most heads that are kept; the oldest is evicted.
const HEADS: NonZeroUsize = NonZeroUsize::new(2048).unwrap();

/// The longest head that is kept, in bytes. The heads of browsers are shorter.
pub const MAX_HEAD: usize = 1024;

/// A head is kept when it comes for the second time. Until then, four bytes of its hash are remembered, in a table of
/// this size.
const SEEN: usize = 4096;

/// See the module's documentation.
pub struct Recall {
    /// A random seed, so that no client can choose heads with the same hash.
    seed: u64,
    heads: Mutex<Heads>,
}

struct Heads {
    /// Heads by their hash. If two have the same hash, the later one is kept.
    known: LruCache<u64, Known>,
    seen: Vec<u32>,
}

/// The answer to a request. Only the caches keep the file alive.
struct Known {
    head: Box<[u8]>,
    file: Weak<File>,
    status: u16,
    lines: Bytes,
    part: Part,
}

/// The part of the file that was sent.
#[derive(Clone)]
enum Part {
    None,
    Whole,
    Range(Range<u64>),
}

impl Part {
    /// The part that an answer sends; `None` if its body does not tell.
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

    /// Returns the answer to a request with this head, if its file is unchanged.
    pub fn answer(&self, head: &[u8], is_current: impl FnOnce(&Arc<File>) -> bool) -> Option<Answer> {
        let known = self.with(head, |heads, hash| {
            let known = heads.known.peek(&hash).filter(|known| *known.head == *head)?;
            let file = known.file.upgrade()?;
            Some((file, known.status, known.lines.clone(), known.part.clone()))
        });
        let (file, status, lines, part) = known?;
        // The lock is not held during the system call.
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

    /// Remembers the answer to a request with this head. Nothing but the file's state may have influenced it.
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
