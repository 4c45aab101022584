//! A site, and the way from a request to its answer: `serve-static`'s and `send`'s, step by step.

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

/// A directory with options and caches, shared by the loop's thread and the pool's.
pub struct Site {
    pub(super) root: Root,
    pub(super) settings: Settings,
    pub(super) cache: Cache,
    /// Coded forms that are being made.
    pub(super) making: Mutex<HashSet<Box<str>>>,
    boundaries: Boundaries,
    recall: Recall,
    /// Batches begun so far.
    batches: AtomicU64,
}

/// Requests that had all been received before it began, planned one after the other with nothing in between: what the system said of a
/// file for one of them is true for the others. Each of them gets the file as it was at a moment after it was sent, as if alone.
#[derive(Clone, Copy, Debug)]
pub struct Batch(u64);

impl Site {
    /// A site over a directory, which need not be there yet: until it is, nothing is found. Fails for a path with a NUL in it.
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

    /// Whether the root is a directory that can be opened, for those who want to hear of it before the first request.
    pub fn check(&self) -> io::Result<()> {
        self.root.check()
    }

    /// What the caches hold: files in memory, the bytes they take, files kept open.
    pub fn usage(&self) -> (usize, usize, usize) {
        self.cache.usage()
    }

    /// Lets go of files that are kept open but are no longer what their name stands for, whose room on the disk is not free until then. It
    /// asks for the state of each, and so is for a pool's thread.
    pub fn tidy(&self) {
        self.cache
            .keep_handles(|file| file.system_path().stat().is_ok_and(|(now, _)| now == file.identity));
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
        self.plan_head(batch, request, None)
    }

    /// As [`Site::plan_in`], of a request whose head was received as these bytes. They say all that it says; so [`Site::recall`] may know them
    /// from then on.
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

    /// The answer to a request with the same head as one before, if nothing has changed.
    pub fn recall(&self, batch: Batch, head: &[u8]) -> Option<Answer> {
        let look = Look::new(self, Patience::Batch(batch.0));
        self.recall
            .answer(head, |file| look.is_current(file).is_ok_and(|current| current))
    }

    /// The same, where waiting is allowed. What it learns, [`Site::plan`] knows from then on.
    pub fn plan_cold(&self, request: &OwnedRequest) -> Plan {
        let request = request.as_request();
        // Who may wait is not told to wait.
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

    /// No file is sent: a page stands in for it, or the request is left to others, or it fails.
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
        // A file that is there but may not be read is a mistake that the operator has to hear of, not the next handler's turn.
        let is_unreadable = status == 403 && cause.is_some();
        if options.fallthrough && status < 500 && !is_unreadable {
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
            body: pages::whole_body(file),
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

impl Answer {
    fn without_body(self) -> Answer {
        Answer {
            length: 0,
            body: Body::None,
            ..self
        }
    }
}

/// What [`is_navigation`] looks at, beside the path.
const NAVIGATION: &[&str] = &["Accept", "Sec-Fetch-Mode"];

/// Whether a request that no file answers looks like a browser's going to a page of an application, whose paths have no extension.
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
