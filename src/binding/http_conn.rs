//! The state of one HTTP server connection between reads, and what JavaScript can ask about it.

use super::engine::Engine;
use super::http_site::Mounted;
use super::raw::{Args, Functions, Outcome, Value};
use crate::http1::{Batch, Conn, EVENT_WORDS, Limits, Stop, event, row};

/// A flag of a request: its header fields are the same as those of the previous request.
pub const REPEATED: u32 = 1 << 30;

/// The most bytes of header fields that are kept for comparison with the next request. Those of browsers are shorter.
const KEPT_FIELDS: usize = 1024;

/// The results of `httpBusy`; 0 if the connection is idle.
pub mod busy {
    /// A request is being read.
    pub const READING: i32 = 1;
    /// Requests are waiting.
    pub const WAITING: i32 = 2;
    /// Output has not been sent yet.
    pub const SENDING: i32 = 3;
}

/// One connection's HTTP state.
pub struct Http {
    conn: Conn,
    /// Set if a server's site may answer requests without JavaScript.
    pub mounted: Option<Box<Mounted>>,
    /// When the current request began (or the connection, before its first request), in milliseconds of the loop's
    /// clock; 0 between requests.
    started: u64,
    /// When bytes were last received, in milliseconds of the loop's clock.
    heard: u64,
    /// JavaScript has been told that the current request takes too long.
    expired: bool,
    /// JavaScript gets the raw bytes and feeds them itself, because of a 'data' listener on the socket.
    pub tapped: bool,
    /// JavaScript is told of every read, if only to restart the socket's timer.
    pub timed: bool,
    /// JavaScript accepts no further request until it says so.
    pub paused: bool,
    /// The header fields of the last request that JavaScript received, unless they are too long to keep.
    last_fields: Vec<u8>,
    /// Bytes that JavaScript has fed meanwhile. They come before received bytes.
    inserted: Vec<u8>,
    /// Received bytes that wait. They are less than a read, because a paused connection is not read.
    backlog: Vec<u8>,
}

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Engine>) {
    functions.add("httpDetach", detach);
    functions.add("httpTap", |engine, args| with(engine, args, |http| http.tapped = true));
    functions.add("httpTime", |engine, args| with(engine, args, |http| http.timed = true));
    functions.add("httpPause", |engine, args| {
        with(engine, args, |http| http.paused = true)
    });
    functions.add("httpFinish", finish);
    functions.add("httpExpired", expired);
    functions.add("httpBusy", busy_with);
    functions.add("httpQuiet", |engine, args| {
        let mut quiet = 0;
        with(engine, args, |http| quiet = engine.now().saturating_sub(http.heard))?;
        Ok(quiet as f64)
    });
}

/// Runs `code` on a connection that speaks HTTP. Returns whether it does.
fn with(engine: &Engine, args: &Args, code: impl FnOnce(&mut Http)) -> Outcome<bool> {
    Ok(engine.state(args.uint(0)?, code).is_some())
}

/// `(id)`: hands the connection over to another protocol. Returns the waiting bytes, if any, which belong to that
/// protocol.
fn detach(engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let waited = engine.connection(args.uint(0)?, |connection| {
        connection.hush::<Http>().map(|mut http| http.take_waiting())
    });
    let waited = waited.ok().flatten().unwrap_or_default();
    Ok((!waited.is_empty()).then(|| args.env().buffer_copy(&waited)))
}

impl Http {
    /// Creates the state of a connection that begins to speak HTTP at `now`.
    pub fn new(limits: Limits, mounted: Option<Box<Mounted>>, now: u64) -> Http {
        Http {
            conn: Conn::new(limits),
            mounted,
            started: now,
            heard: now,
            expired: false,
            tapped: false,
            timed: false,
            paused: false,
            last_fields: Vec::new(),
            inserted: Vec::new(),
            backlog: Vec::new(),
        }
    }

    /// Parses bytes into a batch. Returns the number of bytes consumed and the reason for stopping.
    pub fn feed(&mut self, input: &[u8], batch: &mut Batch<'_>, now: u64) -> (usize, Stop) {
        self.heard = now;
        let before = batch.count;
        let (taken, stop) = self.conn.feed(input, batch);
        if self.conn.has_begun() {
            self.time_from(now.max(1));
        } else if batch.count > before && !self.conn.is_reading() {
            self.time_from(0);
        }
        (taken, stop)
    }

    /// Whether the next bytes would be parsed as the start of a request of at most `length` bytes. A caller that
    /// recognises them may then skip the parser.
    pub fn is_between(&self, length: usize) -> bool {
        self.conn.is_fresh() && length <= self.conn.max_header_size() && !self.must_wait()
    }

    /// Notes that a whole, recognised request was received at once.
    pub fn pass(&mut self, now: u64) {
        self.heard = now;
        self.time_from(0);
    }

    /// Marks requests whose header fields equal those of the previous request, as is common: JavaScript already has
    /// them parsed.
    pub fn mark_repeated(&mut self, rows: &mut [u32], text: &[u8]) {
        for words in rows
            .chunks_exact_mut(EVENT_WORDS)
            .filter(|words| words[0] & row::KIND == event::REQUEST)
        {
            let from = words[row::HEAD] as usize;
            let url_end = from + words[row::FIRST_LENGTH] as usize;
            let end = from + words[row::HEAD_LENGTH] as usize;
            let fields = text.get(url_end + 1..end).unwrap_or_default();
            if !fields.is_empty() && fields == self.last_fields {
                words[row::FLAGS] |= REPEATED;
            } else {
                self.last_fields.clear();
                if fields.len() <= KEPT_FIELDS {
                    self.last_fields.extend_from_slice(fields);
                }
            }
        }
    }

    /// Sets when the current request began; 0 if there is none.
    fn time_from(&mut self, started: u64) {
        self.started = started;
        self.expired = false;
    }

    /// Whether received bytes must wait.
    pub fn is_held(&self) -> bool {
        self.paused || self.mounted.as_ref().is_some_and(|mounted| mounted.waits())
    }

    /// Whether bytes are waiting.
    pub fn is_waiting(&self) -> bool {
        !self.inserted.is_empty() || !self.backlog.is_empty()
    }

    /// Whether bytes must wait: behind others, for JavaScript, or for a file.
    pub fn must_wait(&self) -> bool {
        self.is_held() || self.is_waiting()
    }

    /// Keeps the bytes after a request that persists, to be parsed later.
    pub fn put_back(&mut self, rest: &[u8]) {
        self.conn.rewind();
        self.time_from(0);
        self.backlog.splice(..0, rest.iter().copied());
    }

    /// Makes bytes wait. Received bytes go behind all others; bytes that JavaScript inserts go before them.
    pub fn hold(&mut self, bytes: &[u8], received: bool) {
        let queue = if received {
            &mut self.backlog
        } else {
            &mut self.inserted
        };
        queue.extend_from_slice(bytes);
    }

    /// Treats the request that asks for another protocol as an ordinary one.
    pub fn refuse_upgrade(&mut self) {
        self.conn.decide_upgrade();
        if !self.conn.is_reading() {
            self.time_from(0);
        }
    }

    /// Takes all waiting bytes in order.
    pub fn take_waiting(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.inserted);
        if bytes.is_empty() {
            return std::mem::take(&mut self.backlog);
        }
        bytes.append(&mut self.backlog);
        bytes
    }

    /// Keeps `rest` if it must wait: because JavaScript has stopped before the request it begins with, or because
    /// bytes were inserted before it.
    pub fn keep(&mut self, rest: &[u8], stopped: bool) -> bool {
        if stopped {
            self.put_back(rest);
            // JavaScript has not seen the request whose fields were kept last.
            self.last_fields.clear();
            return true;
        }
        let waits = self.is_held() || !self.inserted.is_empty();
        if waits {
            self.backlog.splice(..0, rest.iter().copied());
        }
        waits
    }
}

/// `(id)`: the peer has ended its side. Returns -1 if that is in order, or the number of the parse error.
fn finish(engine: &Engine, args: &Args) -> Outcome<i32> {
    let finished = engine.state(args.uint(0)?, |http: &mut Http| http.conn.finish());
    Ok(match finished {
        Some(Err(error)) => error as i32,
        _ => -1,
    })
}

/// `(id, headersTimeout, requestTimeout)`, in ms, 0 for no limit: whether the current request takes too long. Returns
/// `true` only once per request.
fn expired(engine: &Engine, args: &Args) -> Outcome<bool> {
    let now = engine.now();
    let (headers, request) = (u64::from(args.uint(1)?), u64::from(args.uint(2)?));
    let mut late = false;
    with(engine, args, |http| {
        let age = now.saturating_sub(http.started);
        let passed = |limit: u64| limit > 0 && age > limit;
        late = http.started > 0 && !http.expired && (http.conn.in_head() && passed(headers) || passed(request));
        http.expired |= late;
    })?;
    Ok(late)
}

/// `(id)`: returns one of [`busy`].
fn busy_with(engine: &Engine, args: &Args) -> Outcome<i32> {
    let busy = engine.connection(args.uint(0)?, |connection| {
        let with_requests = connection.state().map_or(0, |http: &mut Http| match http.started {
            _ if http.is_held() && !http.paused || http.is_waiting() => busy::WAITING,
            0 => 0,
            _ => busy::READING,
        });
        if with_requests == 0 && connection.queued() > 0 {
            busy::SENDING
        } else {
            with_requests
        }
    });
    Ok(busy.unwrap_or(0))
}
