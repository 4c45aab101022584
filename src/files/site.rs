//! A site, and the steps from a request to its answer, which are those of `serve-static` and `send`.

use super::accept::takes_html;
use super::beneath::Root;
use super::cache::Cache;
use super::conditional::{self, Validators, Verdict};
use super::fields::Fields;
use super::file::{File, Given};
use super::look::{Located, Look, Patience, Stop, Target, Wait, has_extension};
use super::multipart::{self, Boundaries};
use super::options::{Options, Settings};
use super::ranges::{self, Ranges};
use super::recall::Recall;
use super::{Answer, Body, Cause, Failure, OwnedRequest, Plan, Planned, Request, Segment, listing, pages};
use bytes::Bytes;
use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A directory with options and caches. The loop's thread and the pool's threads share it.
pub struct Site {
    pub(super) root: Root,
    pub(super) settings: Settings,
    pub(super) cache: Cache,
    /// The encoded forms that are being created now.
    pub(super) making: Mutex<HashSet<Box<str>>>,
    boundaries: Boundaries,
    recall: Recall,
    /// The number of batches started so far.
    batches: AtomicU64,
}

/// Identifies a group of requests that had all been received before it began and that are planned in a row. What the
/// system says about a file for one of them holds for the others too: each gets the file as it was at some moment
/// after the request was sent, just as if it were alone.
#[derive(Clone, Copy, Debug)]
pub struct Batch(u64);

impl Site {
    /// Creates a site over a directory. It does not need to exist yet: until it does, nothing is found. Fails if the
    /// path contains a NUL.
    pub fn open(root: &Path, options: Options) -> io::Result<Site> {
        let limits = &options.limits;
        Ok(Site {
            root: Root::new(root)?,
            cache: Cache::new(limits.files, limits.memory, limits.handles),
            making: Mutex::default(),
            boundaries: Boundaries::default(),
            recall: Recall::new(),
            batches: AtomicU64::new(0),
            settings: Settings::new(options),
        })
    }

    /// Checks that the root is a directory that can be opened, for callers who want to know before the first request.
    pub fn check(&self) -> io::Result<()> {
        self.root.check()
    }

    /// The contents of the caches: the number of files in memory, the bytes they take, and the number of open files.
    pub fn usage(&self) -> (usize, usize, usize) {
        self.cache.usage()
    }

    /// Closes cached files that their name no longer refers to, because their disk space is not freed before that. It
    /// calls `stat` for each, so it must run on a thread of a pool.
    pub fn tidy(&self) {
        self.cache
            .keep_handles(|file| file.system_path().stat().is_ok_and(|(now, _)| now == file.identity));
    }

    /// The decision for a request whose answer was lost on the way from the pool.
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

    /// Plans a request from the caches, after checking that they are current, without waiting for a disk.
    pub fn plan(&self, request: &Request<'_>) -> Planned {
        self.plan_in(self.batch(), request)
    }

    /// Begins a batch of requests.
    pub fn batch(&self) -> Batch {
        Batch(self.batches.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Like [`Site::plan`], with one `stat` for all requests of a file in the batch.
    pub fn plan_in(&self, batch: Batch, request: &Request<'_>) -> Planned {
        self.plan_head(batch, request, None)
    }

    /// Like [`Site::plan_in`], for a request whose head was received as `head`. These bytes must determine the
    /// request completely, because [`Site::recall`] may use them from then on.
    pub fn plan_head(&self, batch: Batch, request: &Request<'_>, head: Option<&[u8]>) -> Planned {
        let look = Look::new(self, Patience::Batch(batch.0));
        match self.resolve(request, &look) {
            Ok(plan) => {
                if let (Some(head), Plan::Answer(answer)) = (head, &plan)
                    && look.has_asked_once()
                {
                    self.recall.note(head, answer);
                }
                Planned::Plan(plan)
            }
            Err(Wait) => Planned::Cold(request.to_owned()),
        }
    }

    /// Returns the answer to an earlier request with the same head, if nothing has changed.
    pub fn recall(&self, batch: Batch, head: &[u8]) -> Option<Answer> {
        let look = Look::new(self, Patience::Batch(batch.0));
        self.recall
            .answer(head, |file| look.is_current(file).is_ok_and(|current| current))
    }

    /// Plans a request and may wait for a disk. What it loads is then available to [`Site::plan`].
    pub fn plan_cold(&self, request: &OwnedRequest) -> Plan {
        let request = request.as_request();
        // With this patience, a search never returns `Wait`.
        self.resolve(&request, &Look::new(self, Patience::Disk))
            .unwrap_or_else(|Wait| self.lost())
    }

    fn resolve(&self, request: &Request<'_>, look: &Look<'_>) -> Result<Plan, Wait> {
        let head = match request.method {
            b"GET" => false,
            b"HEAD" => true,
            _ if self.settings.options.fallthrough => return Ok(Plan::Pass),
            _ => return Ok(self.own(pages::not_allowed(), false)),
        };
        let fields = Fields::parse(request.fields);
        let given =
            (request.status != 200 || !request.given.is_empty()).then(|| Given::parse(request.status, request.given));
        let target = match Target::new(request) {
            Ok(target) => target,
            Err(refusal) => return self.not_sent(refusal.into(), look, "", &fields, head, given),
        };
        let answer = match look.locate(&target) {
            Ok(Located::File(file, path)) => {
                let file = look.negotiate(file, &path, &fields, head, given.as_ref())?;
                return Ok(self.send(&file, &fields, head, given));
            }
            Ok(Located::Unslashed) => pages::redirect(&target),
            Ok(Located::Listing(path)) => match look.list(&path) {
                Ok((entries, more)) => pages::listed(listing::page(target.original, entries, more)),
                Err(stop) => return self.not_sent(stop, look, target.path, &fields, head, given),
            },
            Err(stop) => return self.not_sent(stop, look, target.path, &fields, head, given),
        };
        Ok(self.own(answer, head))
    }

    /// Adds the site's headers to an answer that is not a file's.
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

    /// Decides about a request for which no file is sent: a page of the site answers it, it is left to the next
    /// handler, or it fails.
    fn not_sent(
        &self,
        stop: Stop,
        look: &Look<'_>,
        path: &str,
        fields: &Fields<'_>,
        head: bool,
        given: Option<Given<'_>>,
    ) -> Result<Plan, Wait> {
        let Stop::Refused { status, cause } = stop else {
            return Err(Wait);
        };
        let options = &self.settings.options;
        if status == 404 {
            if let Some(page) = &options.single
                && is_navigation(path, fields)
                && let Some(file) = look.page(page)?
            {
                let file = look.negotiate(file, page, fields, head, given.as_ref())?;
                let given = given.unwrap_or(Given {
                    status: 200,
                    ..Given::default()
                });
                let chosen_by = NAVIGATION;
                return Ok(self.send(&file, fields, head, Some(Given { chosen_by, ..given })));
            }
            if let Some(page) = &options.not_found
                && let Some(file) = look.page(page)?
            {
                return Ok(self.own(pages::not_found(file), head));
            }
        }
        // A file that exists but cannot be read is a mistake that the operator must see, so it is not left to the
        // next handler.
        let is_unreadable = status == 403 && cause.is_some();
        if options.fallthrough && status < 500 && !is_unreadable {
            return Ok(Plan::Pass);
        }
        Ok(self.failure(status, cause))
    }

    /// Builds the answer for a file, which is the part that `send` has.
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
            body: pages::whole_body(file),
            file: Some(file.clone()),
        };
        Plan::Answer(if head { answer.without_body() } else { answer })
    }

    /// Builds the answer for several ranges.
    fn multipart(&self, file: &Arc<File>, ranges: &[Range<u64>], mut given: Given<'_>) -> Answer {
        let boundary = self.boundaries.next();
        let (segments, length) = multipart::body(file, &file.content_type, ranges, &boundary);
        // The file's own type is sent with each part.
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

impl Answer {
    fn without_body(self) -> Answer {
        Answer {
            length: 0,
            body: Body::None,
            ..self
        }
    }
}

/// The fields that [`is_navigation`] examines in addition to the path.
const NAVIGATION: &[&str] = &["Accept", "Sec-Fetch-Mode"];

/// Whether a request that no file answers looks like a browser's navigation to a page of an application, whose paths
/// have no extension.
fn is_navigation(path: &str, fields: &Fields<'_>) -> bool {
    let mode = fields.sec_fetch_mode.as_deref();
    !has_extension(path) && mode.is_none_or(|mode| mode == b"navigate") && takes_html(fields.accept.as_deref())
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
