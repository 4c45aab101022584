//! Static files on an HTTP server without JavaScript. If a server does nothing but serve a
//! [site](crate::files::Site), its requests are answered right after they are parsed.
//!
//! Before the events of a connection are delivered, the leading requests that the site can answer are taken out. A
//! request that it cannot answer goes to JavaScript, and so do all later ones, until JavaScript says that it has
//! finished with the connection. That keeps responses in order. Once per turn, and whenever JavaScript has run since,
//! JavaScript is asked whether the site may still answer by itself, that is, whether the program has not added a
//! function that the request would pass through.
//!
//! A plan that may wait for a disk is made on a thread of the pool. The connection is parked meanwhile: it is not
//! read, and bytes that were already read wait.

use super::engine::Engine;
use super::files::{Files, append};
use super::http::{Segment, Server, go_on, word};
use super::http_conn::Http;
use super::raw::{Args, Callbacks, Functions, Outcome, Value};
use crate::background::Lost;
use crate::engine::COPIED;
use crate::files::{
    Answer, Batch, Body, MAX_HEAD, OwnedRequest, Plan, Planned, Request, Segment as Part, Site, fields,
};
use crate::http1::encode::{self, Connection, Framing, ResponseHead};
use crate::http1::{EVENT_WORDS, METHODS, Stop, event, flag, row as column};
use crate::uv::{Errno, Stream};
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;

/// The most output of a connection in bytes that may wait before its next request has to wait too.
const MOST_OUTPUT: u64 = 256 * 1024;

/// The bytes that a head needs besides the answer's lines.
const HEAD: usize = 160;

/// A request is answered here only if it has the flags of [`USUAL`] and none of [`UNUSUAL`].
const USUAL: u32 = flag::HOST;
const UNUSUAL: u32 = flag::HAS_BODY | flag::UPGRADE | flag::EXPECT;

/// The JavaScript functions that are called.
#[derive(Clone, Copy)]
enum Callback {
    /// `(mount)`: asks whether the site may answer now. JavaScript writes the words from [`word::SITE`] on.
    Ask,
    /// `(mount, rows)`: reports answers, one line per request.
    Log,
}

/// The data shared by all mounts of an environment.
#[derive(Default)]
pub(super) struct Sites {
    files: Rc<Files>,
    callbacks: RefCell<Option<Rc<Callbacks<2>>>>,
    /// JavaScript's answer about a mount, valid until JavaScript runs again.
    said: RefCell<Option<Said>>,
    log: RefCell<Vec<(u32, Vec<u8>)>>,
    /// The header lines of the request that is being planned.
    lines: RefCell<Vec<u8>>,
}

#[derive(Clone)]
struct Said {
    mount: u32,
    site: Option<Arc<Site>>,
    /// The batch of the requests planned until JavaScript runs again: all were received before.
    batch: Option<Batch>,
    /// The `Keep-Alive` timeout in seconds.
    seconds: Option<u32>,
    /// Whether answers are reported to JavaScript.
    logs: bool,
}

/// The state of a connection that belongs to a mount.
pub(super) struct Mounted {
    mount: u32,
    /// Whether JavaScript is using the connection, for a request or otherwise.
    elsewhere: Cell<bool>,
    /// The request for which a plan is being made.
    parked: Option<Parked>,
    /// Whether bytes that were read wait until output is sent.
    holds: bool,
    /// When the last answer was given or had been sent, in milliseconds of the loop's clock; 0 before the first.
    idle_since: u64,
    remote: Option<Box<str>>,
}

/// A request in the form in which it would be delivered to JavaScript.
struct Parked {
    row: [u32; EVENT_WORDS],
    text: Vec<u8>,
    since: u64,
}

impl Mounted {
    pub(super) fn new(mount: u32) -> Option<Box<Mounted>> {
        (mount > 0).then(|| {
            Box::new(Mounted {
                mount,
                elsewhere: Cell::new(false),
                parked: None,
                holds: false,
                idle_since: 0,
                remote: None,
            })
        })
    }

    /// Whether bytes that were read have to wait.
    pub(super) fn waits(&self) -> bool {
        self.parked.is_some() || self.holds
    }
}

/// The result of offering a connection's events to a site.
pub(super) enum Offered {
    /// Some events must be delivered to JavaScript.
    Shown,
    /// No events are left. The flag says whether to parse the rest of the read.
    Answered(bool),
}

/// Adds this module's functions.
pub(super) fn register(functions: &mut Functions<Engine>) {
    functions.add("httpSiteIdle", idle_since);
    functions.add("httpSiteRest", |engine, args| {
        let now = engine.now();
        engine.state(args.uint(0)?, |http: &mut Http| {
            if let Some(mounted) = &mut http.mounted {
                mounted.elsewhere.set(false);
                mounted.idle_since = now;
            }
        });
        Ok(())
    });
}

/// `(id)`: since when a connection that is answered here has been idle (modulo 2^32); 0 while it is not idle, -1 if
/// only JavaScript knows.
fn idle_since(engine: &Engine, args: &Args) -> Outcome<f64> {
    let idle = engine.connection(args.uint(0)?, |connection| {
        let sends = connection.queued() > 0;
        let http = connection.state::<Http>()?;
        let waiting = http.is_waiting();
        let mounted = http.mounted.as_ref().filter(|mounted| !mounted.elsewhere.get())?;
        let busy = sends || waiting || mounted.waits() || mounted.idle_since == 0;
        Some(if busy { 0 } else { (mounted.idle_since as u32).max(1) })
    });
    Ok(idle.ok().flatten().map_or(-1.0, f64::from))
}

impl Sites {
    pub(super) fn new(files: Rc<Files>) -> Sites {
        Sites {
            files,
            ..Sites::default()
        }
    }

    /// Sets the object with the functions to call.
    pub(super) fn listen(&self, args: &Args, listener: Value) {
        let callbacks = Callbacks::new(args.env(), listener, ["askSite", "onSiteLog"]);
        self.callbacks.replace(Some(Rc::new(callbacks)));
    }

    /// JavaScript runs, so its answer may no longer hold.
    pub(super) fn forget(&self) {
        self.said.take();
    }

    /// Asks JavaScript about a mount.
    fn ask(&self, server: &Server, mount: u32) -> Option<Said> {
        let said = self.said.borrow().clone().filter(|said| said.mount == mount);
        if said.is_some() {
            return said;
        }
        let callbacks = self.callbacks.borrow().clone()?;
        if !callbacks.ask(Callback::Ask as usize, |env| [env.int(mount as i32)]) {
            return None;
        }
        let [site, seconds, logs] = server.words([word::SITE, word::SECONDS, word::LOGS])?;
        let site = self.files.site(site);
        let said = Said {
            mount,
            batch: site.as_ref().map(|site| site.batch()),
            site,
            seconds: seconds.checked_sub(1),
            logs: logs != 0,
        };
        self.said.replace(Some(said.clone()));
        Some(said)
    }

    pub(super) fn silence(&self) {
        if let Some(callbacks) = &*self.callbacks.borrow() {
            callbacks.silence();
        }
    }

    /// Reports answers to JavaScript.
    pub(super) fn show_log(&self) {
        let Some(callbacks) = self.callbacks.borrow().clone() else {
            return;
        };
        for (mount, rows) in self.log.take() {
            callbacks.call(Callback::Log as usize, |env| [env.int(mount as i32), env.latin1(&rows)]);
        }
    }
}

/// The mount of a connection, if its requests may be answered here.
fn mount_of(engine: &Engine, id: u32, is_ready: impl FnOnce(&Http) -> bool) -> Option<u32> {
    let mount = engine.connection(id, |connection| {
        let ended = connection.has_ended();
        let http = connection.state::<Http>()?;
        let mounted = http.mounted.as_ref()?;
        let mine = !mounted.elsewhere.get() && !http.tapped && !http.timed && !ended;
        (mine && is_ready(http)).then_some(mounted.mount)
    });
    mount.ok().flatten()
}

/// Answers received bytes that are exactly the head of a request that was answered before.
pub(super) fn recall(server: &Server, engine: &Engine, id: u32, bytes: &[u8]) -> bool {
    if bytes.len() > MAX_HEAD {
        return false;
    }
    let Some(mount) = mount_of(engine, id, |http| http.is_between(bytes.len())) else {
        return false;
    };
    // Reports of answers need the request, which is not parsed here.
    let Some(said) = server.sites.ask(server, mount).filter(|said| !said.logs) else {
        return false;
    };
    let recalled = said
        .site
        .as_ref()
        .zip(said.batch)
        .and_then(|(site, batch)| site.recall(batch, bytes));
    let Some(answer) = recalled else {
        return false;
    };
    let now = engine.now();
    engine.state(id, |http: &mut Http| http.pass(now));
    let answered = Answered {
        request: None,
        answer,
        persists: true,
        since: now,
    };
    if !respond(server, engine, id, &said, answered) {
        // JavaScript is told of the close.
        let _ = engine.close(id, false);
    }
    true
}

/// Answers the leading requests among a connection's events, which are the last of the batch, and removes them.
pub(super) fn offer(server: &Server, engine: &Engine, input: &[u8], segment: &Segment) -> Offered {
    let Some(mount) = mount_of(engine, segment.id, |_| true) else {
        return shown(server, engine, segment);
    };
    let said = server.sites.ask(server, mount);
    let Some((site, batch, said)) = said.and_then(|said| Some((said.site.clone()?, said.batch?, said))) else {
        return shown(server, engine, segment);
    };
    let first = segment.row + 1;
    let mut at = first;
    let (mut gave_up, mut goes_on) = (false, true);
    let mut keeps = None;
    {
        let scratch = server.scratch.borrow();
        let lines = &mut *server.sites.lines.borrow_mut();
        while at < scratch.count && keeps.is_none() {
            let row = scratch.row(at);
            let Some(request) = request(&row, &scratch.text, lines) else {
                break;
            };
            // The limit is as in JavaScript. The first request may have begun in an earlier read, and is answered in
            // any case.
            if at > first && is_congested(engine, segment.id) {
                keeps = Some((None, row[column::BEGAN] as usize));
                break;
            }
            let persists = row[column::FLAGS] & flag::KEEP_ALIVE != 0;
            let head = (segment.whole && persists).then(|| &input[segment.start..segment.read_end]);
            match site.plan_head(batch, &request, head) {
                Planned::Plan(Plan::Answer(answer)) => {
                    let answered = Answered {
                        request: Some(&request),
                        answer,
                        persists,
                        since: engine.now(),
                    };
                    gave_up = !respond(server, engine, segment.id, &said, answered);
                    at += 1;
                    if gave_up || !persists {
                        // No further request will be answered.
                        at = scratch.count;
                        goes_on = false;
                    }
                }
                Planned::Plan(_) => break,
                Planned::Cold(owned) => {
                    let next = (at + 1 < scratch.count).then(|| scratch.row(at + 1));
                    // Bytes after an error cannot be parsed again.
                    if next.is_some_and(|row| row[0] & column::KIND != event::REQUEST) {
                        break;
                    }
                    let parked = Parked {
                        row,
                        text: scratch.text[row[column::HEAD] as usize..][..row[column::HEAD_LENGTH] as usize].to_vec(),
                        since: engine.now(),
                    };
                    keeps = Some((
                        Some((parked, owned)),
                        next.map_or(usize::MAX, |row| row[column::BEGAN] as usize),
                    ));
                }
            }
        }
    }
    if let Some((parked, offset)) = keeps {
        at = server.scratch.borrow().count;
        goes_on = offset == usize::MAX;
        wait(engine, input, segment, parked.is_some(), offset);
        if let Some((parked, owned)) = parked {
            park(server, engine, segment.id, site, parked, owned);
        }
    }
    if gave_up {
        // JavaScript is told of the close.
        let _ = engine.close(segment.id, false);
    }
    let mut scratch = server.scratch.borrow_mut();
    if at < scratch.count {
        scratch.drop_rows(first, at);
        drop(scratch);
        return shown(server, engine, segment);
    }
    let text = scratch.row(first)[column::HEAD] as usize;
    if at > first || gave_up {
        scratch.text.truncate(text);
    }
    scratch.count = segment.row;
    Offered::Answered(segment.stop == Stop::Full && goes_on)
}

/// Leaves the remaining events, and the connection, to JavaScript.
pub(super) fn shown(server: &Server, engine: &Engine, segment: &Segment) -> Offered {
    let scratch = &mut *server.scratch.borrow_mut();
    engine.state(segment.id, |http: &mut Http| {
        if let Some(mounted) = &http.mounted
            && scratch.count > segment.row + 1
        {
            mounted.elsewhere.set(true);
        }
        scratch.mark_repeated(http, segment.row + 1);
    });
    Offered::Shown
}

/// The request in a row, if it can be answered here.
fn request<'a>(row: &[u32; EVENT_WORDS], text: &'a [u8], lines: &'a mut Vec<u8>) -> Option<Request<'a>> {
    let [kind, flags] = [row[0], row[column::FLAGS]];
    let method = METHODS[(kind >> column::METHOD & 0xff) as usize];
    if kind & column::KIND != event::REQUEST
        || kind >> column::VERSION != column::HTTP_1_1
        || flags & USUAL != USUAL
        || flags & UNUSUAL != 0
        || !matches!(method, "GET" | "HEAD")
    {
        return None;
    }
    let head = &text[row[column::HEAD] as usize..][..row[column::HEAD_LENGTH] as usize];
    let (target, named) = head.split_at(row[column::FIRST_LENGTH] as usize);
    if target.first() != Some(&b'/') || !target.is_ascii() || target.contains(&b'#') {
        return None;
    }
    collect(named.get(1..).unwrap_or_default(), lines)?;
    Some(Request {
        method: method.as_bytes(),
        target,
        original: b"",
        fields: lines,
        status: 200,
        given: b"",
    })
}

/// Turns those fields (`name\0value\0name…`) that affect an answer into lines. `None` if one of them occurs twice,
/// because Node has rules of its own for that.
fn collect(named: &[u8], lines: &mut Vec<u8>) -> Option<()> {
    lines.clear();
    let mut seen = 0u32;
    let mut parts = named.split(|&byte| byte == 0);
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        let Some(known) = fields::NAMES
            .iter()
            .position(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        else {
            continue;
        };
        if seen & 1 << known != 0 {
            return None;
        }
        seen |= 1 << known;
        for part in [name, b": ", value, b"\r\n"] {
            lines.extend_from_slice(part);
        }
    }
    Some(())
}

/// Whether a connection's next request must wait, because much output is left after a flush.
fn is_congested(engine: &Engine, id: u32) -> bool {
    let queued = || engine.connection(id, |connection| connection.queued()).unwrap_or(0);
    queued() >= MOST_OUTPUT && engine.flush(id).is_ok() && queued() > 0
}

/// An answer and its request.
struct Answered<'a> {
    /// `None` for a recalled answer, whose request was not parsed; it is not reported.
    request: Option<&'a Request<'a>>,
    answer: Answer,
    /// Whether the connection persists after this answer.
    persists: bool,
    /// When the request arrived.
    since: u64,
}

/// Sends an answer. Returns whether that is possible.
fn respond(server: &Server, engine: &Engine, id: u32, said: &Said, answered: Answered<'_>) -> bool {
    let Answered {
        request,
        answer,
        persists,
        since,
    } = answered;
    let now = engine.now();
    let heads = &mut *server.heads.borrow_mut();
    heads.check_date(now);
    let head = ResponseHead {
        status: answer.status,
        headers: &answer.lines,
        connection: if persists {
            Connection::KeepAlive(said.seconds)
        } else {
            Connection::Close
        },
        framing: Framing::Given,
    };
    // A small body is copied behind the head, which is cheaper than sending it separately.
    let small = match &answer.body {
        Body::Bytes(bytes) if bytes.len() <= COPIED => &**bytes,
        _ => b"",
    };
    let status = engine.append(id, |out| {
        out.reserve(answer.lines.len() + HEAD + small.len());
        encode::head(out, &head, &heads.date);
        out.extend_from_slice(small);
        Ok::<_, std::convert::Infallible>(())
    });
    let Ok(status) = status;
    let mut left = Errno::check(status).and_then(|()| match answer.body {
        Body::Bytes(bytes) if bytes.len() > COPIED => append(engine, id, Part::Bytes(bytes)),
        Body::Segments(parts) => parts.into_iter().try_for_each(|part| append(engine, id, part)),
        Body::None | Body::Bytes(_) => Ok(()),
    });
    if left.is_ok() && !persists {
        left = engine.end(id);
        // Further input is of no interest. When our side has ended, JavaScript closes the connection.
        let _ = engine.stream(id, |stream| {
            stream.read_stop();
            Ok(())
        });
    }
    let remote = engine.state(id, |http: &mut Http| {
        let mounted = http.mounted.as_mut()?;
        mounted.idle_since = now;
        said.logs.then(|| mounted.remote.take())
    });
    if let (Some(Some(remote)), Some(request)) = (remote, request) {
        let remote = remote.unwrap_or_else(|| remote_address(engine, id));
        let mut log = server.sites.log.borrow_mut();
        if log.last().is_none_or(|(mount, _)| *mount != said.mount) {
            log.push((said.mount, Vec::new()));
        }
        if let Some((_, rows)) = log.last_mut() {
            // Writing to memory cannot fail.
            let _ = write!(rows, "{remote}\t");
            rows.extend_from_slice(request.method);
            rows.push(b'\t');
            rows.extend_from_slice(request.target);
            let _ = writeln!(
                rows,
                "\t{}\t{}\t{}",
                answer.status,
                answer.length,
                now.saturating_sub(since)
            );
        }
        engine.gather();
        engine.state(id, |http: &mut Http| {
            if let Some(mounted) = &mut http.mounted {
                mounted.remote = Some(remote);
            }
        });
    }
    left.is_ok()
}

fn remote_address(engine: &Engine, id: u32) -> Box<str> {
    let address = engine.stream(id, Stream::peer_address);
    address.map_or_else(|_| "-".into(), |address| address.ip.into())
}

/// Stops reading a connection behind the request that it waits for. `behind`: that request has been removed from the
/// events.
fn wait(engine: &Engine, input: &[u8], segment: &Segment, behind: bool, offset: usize) {
    engine.state(segment.id, |http: &mut Http| {
        // Otherwise the input was parsed to its end, or to the end of the table.
        if offset < usize::MAX {
            let from = (segment.start + offset).min(segment.read_end);
            http.put_back(&input[from..segment.read_end]);
        }
        if let Some(mounted) = &mut http.mounted {
            mounted.holds = !behind;
        }
    });
    // Enough input is here. The kernel's buffer then fills up, which slows the peer down.
    let _ = engine.stream(segment.id, |stream| {
        stream.read_stop();
        Ok(())
    });
}

/// Makes a plan on a thread of the pool.
fn park(server: &Server, engine: &Engine, id: u32, site: Arc<Site>, parked: Parked, owned: OwnedRequest) {
    engine.state(id, |http: &mut Http| {
        if let Some(mounted) = &mut http.mounted {
            mounted.parked = Some(parked);
        }
    });
    let server = server.me.clone();
    let begun = engine.in_background(
        move || site.plan_cold(&owned),
        move |engine, plan| {
            if let Some(server) = server.upgrade() {
                planned(&server, engine, id, plan);
            }
        },
    );
    if begun.is_err() {
        // The environment ends, and the connection with it.
        let _ = engine.close(id, false);
    }
}

/// Handles the plan for a parked connection.
fn planned(server: &Server, engine: &Engine, id: u32, plan: Result<Plan, Lost>) {
    let parked = engine.state(id, |http: &mut Http| {
        let mounted = http.mounted.as_mut()?;
        Some((mounted.mount, mounted.parked.take()?))
    });
    let Some((mount, parked)) = parked.flatten() else {
        return;
    };
    // JavaScript has run since.
    server.sites.forget();
    let said = server.sites.ask(server, mount).filter(|said| said.site.is_some());
    let mut answered = false;
    if let (Some(said), Ok(Plan::Answer(answer))) = (said, plan) {
        let mut lines = Vec::new();
        let mut row = parked.row;
        row[column::HEAD] = 0;
        if let Some(request) = request(&row, &parked.text, &mut lines) {
            let persists = row[column::FLAGS] & flag::KEEP_ALIVE != 0;
            let answer = Answered {
                request: Some(&request),
                answer,
                persists,
                since: parked.since,
            };
            if !respond(server, engine, id, &said, answer) {
                let _ = engine.close(id, false);
            }
            answered = true;
        }
    }
    if !answered {
        server.show_alone(engine, id, &parked.row, &parked.text);
    }
    resume(server, engine, id);
    server.sites.show_log();
}

/// Continues with the waiting bytes of a connection.
fn resume(server: &Server, engine: &Engine, id: u32) {
    // A connection that is closed, or paused by JavaScript, is not read.
    let reads = engine.state(id, |http: &mut Http| !http.paused) == Some(true);
    if reads {
        let _ = engine.stream(id, Stream::read_start);
    }
    server.scratch.borrow_mut().waiting.push(id);
    go_on(server, engine);
}

/// Called when all output of a connection has been sent. Returns whether it is served here.
pub(super) fn drained(server: &Server, engine: &Engine, id: u32) -> bool {
    let now = engine.now();
    let holds = engine.state(id, |http: &mut Http| {
        let mounted = http.mounted.as_mut().filter(|mounted| !mounted.elsewhere.get())?;
        mounted.idle_since = now;
        Some(std::mem::take(&mut mounted.holds))
    });
    let Some(holds) = holds.flatten() else {
        return false;
    };
    if holds {
        resume(server, engine, id);
    }
    true
}
