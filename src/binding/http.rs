//! HTTP between the engine and `lib/http`: batches of parsed requests up, heads and bodies down.
//!
//! A read is parsed as far as it goes and shown to JavaScript in one call, `onHttp(id, events, text, body)`, with the events in
//! a table that both sides see. JavaScript moves the cursor in the table's first word before it handles an event: when a handler
//! throws, the rest of the batch is shown again, and no request is lost or seen twice.
//!
//! JavaScript can leave a batch before a request that it does not want yet: output does not leave, or bytes were put in front. What
//! was read from there on then waits as bytes, and is parsed again when its time comes. There is one table, so batches do not nest:
//! bytes that JavaScript feeds while one is shown wait for its end.

use super::engine::{Callback, Engine, Protocol};
use super::raw::{Args, Functions, Outcome, SharedBytes, Value};
use crate::http1::encode::{self, Connection, DateCache, Framing, ResponseHead};
use crate::http1::{Batch, Conn, EVENT_WORDS, Limits, METHODS, ParseError, Stop, event};
use std::time::{SystemTime, UNIX_EPOCH};

/// Events per call of JavaScript: more pipelined requests than that gain nothing from being shown together.
const EVENTS: usize = 128;

/// The words before the first event; `lib/http/connection.js` knows them.
mod word {
    /// The next event to handle, written by JavaScript.
    pub const CURSOR: usize = 0;
    /// What JavaScript says of an upgrade: 1 when it took the connection over.
    pub const TAKEN: usize = 1;
    /// 1 when JavaScript does not go past the cursor, where a request is, for now.
    pub const HOLD: usize = 2;
    /// Where in the input the body bytes shown begin.
    pub const BODY_START: usize = 3;
    /// How much of the input the batch covers.
    pub const CONSUMED: usize = 4;
    /// Events begin here.
    pub const EVENTS: usize = 8;
}

/// Bits of `respond`'s second argument above the status; `lib/http/response.js` knows them.
mod respond_bit {
    pub const STATUS: u32 = (1 << 10) - 1;
    pub const CLOSE: u32 = 1 << 10;
    pub const CHUNKED: u32 = 1 << 11;
    pub const LENGTH: u32 = 1 << 12;
    pub const BODY: u32 = 1 << 13;
    pub const TEXT: u32 = 1 << 14;
    pub const BYTES: u32 = 1 << 15;
    pub const LINES: u32 = 1 << 16;
    pub const SECONDS: u32 = 17;
}

/// One connection's HTTP state.
pub struct Http {
    conn: Conn,
    /// When the request being read began (or the connection, before its first), in loop milliseconds; 0 between requests.
    started: u64,
    /// When bytes were last received, in loop milliseconds.
    heard: u64,
    /// JavaScript knows that the request being read takes too long.
    expired: bool,
    /// Somebody listens for 'data' on the socket: JavaScript gets the bytes, and feeds them itself.
    tapped: bool,
    /// JavaScript hears of every read, if only to set the socket's timer anew.
    timed: bool,
    /// JavaScript takes no further request until it says so.
    paused: bool,
    /// What JavaScript fed in the meantime; it goes before what was received.
    inserted: Vec<u8>,
    /// Received bytes that wait: less than a read of them, because a paused connection is not read.
    backlog: Vec<u8>,
}

/// What every HTTP connection of an environment shares.
#[derive(Default)]
pub struct Scratch {
    table: Option<SharedBytes>,
    words: Vec<u32>,
    /// The heads of the batch being shown; it may be shown again, so responses leave it alone.
    text: Vec<u8>,
    /// The header lines and the body of the response being written.
    lines: Vec<u8>,
    body: Vec<u8>,
    date: DateCache,
    /// The loop time at which `date` was last checked.
    dated: u64,
    /// A batch is being shown.
    showing: bool,
    /// Connections that have something to go on with when it is over.
    waiting: Vec<u32>,
}

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Engine>) {
    functions.add("httpTable", table);
    functions.add("httpAttach", attach);
    functions.add("httpDetach", detach);
    functions.add("httpTap", |engine, args| with(engine, args, |http| http.tapped = true));
    functions.add("httpTime", |engine, args| with(engine, args, |http| http.timed = true));
    functions.add("httpFeed", |engine, args| {
        let (length, received) = (args.uint(2)? as usize, args.boolean(3)?);
        let mut bytes = Vec::new();
        args.bytes(1, 0, length, |input| bytes.extend_from_slice(input))?;
        Ok(feed(engine, args.uint(0)?, &bytes, received))
    });
    functions.add("httpPause", |engine, args| {
        with(engine, args, |http| http.paused = true)
    });
    functions.add("httpResume", |engine, args| {
        if with(engine, args, |http| http.paused = false)? {
            engine.http.borrow_mut().waiting.push(args.uint(0)?);
        }
        go_on(engine);
        Ok(())
    });
    functions.add("httpRespond", respond);
    functions.add("httpFinish", finish);
    functions.add("httpExpired", expired);
    functions.add("httpBusy", busy);
    functions.add("httpQuiet", |engine, args| {
        let mut quiet = 0;
        with(engine, args, |http| quiet = now(engine).saturating_sub(http.heard))?;
        Ok(quiet as f64)
    });
    functions.add("httpNow", |engine, _| {
        Ok(f64::from(engine.uv().map_or(0, crate::uv::Loop::update_now) as u32))
    });
    functions.add("httpMethods", |_, _| Ok(METHODS.join(" ")));
    functions.add("httpErrors", |_, _| {
        let lines: Vec<String> = ParseError::TABLE
            .iter()
            .map(|(code, reason)| format!("{code} {reason}"))
            .collect();
        Ok(lines.join("\n"))
    });
}

/// Runs `code` on a connection that speaks HTTP; returns whether it does.
fn with(engine: &Engine, args: &Args, code: impl FnOnce(&mut Http)) -> Outcome<bool> {
    let done = engine.connection(args.uint(0)?, |connection| match &mut connection.protocol {
        Protocol::Http(http) => {
            code(http);
            true
        }
        _ => false,
    });
    Ok(done == Ok(true))
}

/// The table that batches are shown in, as an `ArrayBuffer`.
fn table(engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let mut scratch = engine.http.borrow_mut();
    if scratch.table.is_none() {
        scratch.table = SharedBytes::new(args.env(), (word::EVENTS + EVENTS * EVENT_WORDS) * 4);
        scratch.words = vec![0; EVENTS * EVENT_WORDS];
    }
    Ok(scratch.table.as_ref().map(SharedBytes::value))
}

/// `(id, maxHeaderSize)`: the connection speaks HTTP from now on, and is read.
fn attach(engine: &Engine, args: &Args) -> Outcome<i32> {
    let (id, max_header_size) = (args.uint(0)?, args.uint(1)? as usize);
    let limits = if max_header_size == 0 {
        Limits::default()
    } else {
        Limits { max_header_size }
    };
    let started = now(engine);
    let attached = engine.connection(id, |connection| {
        connection.protocol = Protocol::Http(Box::new(Http {
            conn: Conn::new(limits),
            started,
            heard: started,
            expired: false,
            tapped: false,
            timed: false,
            paused: false,
            inserted: Vec::new(),
            backlog: Vec::new(),
        }));
    });
    let reading = attached.and_then(|()| engine.stream(id, crate::uv::Stream::read_start));
    Ok(reading.map_or_else(|error| error.0, |()| 0))
}

fn now(engine: &Engine) -> u64 {
    engine.uv().map_or(0, crate::uv::Loop::now)
}

/// `(id)`: another protocol takes over. Returns the bytes that waited, if any: they are that protocol's.
fn detach(engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let waited = engine.connection(args.uint(0)?, |connection| {
        match std::mem::replace(&mut connection.protocol, Protocol::Raw) {
            Protocol::Http(mut http) => http.take_waiting(),
            other => {
                connection.protocol = other;
                Vec::new()
            }
        }
    });
    let waited = waited.unwrap_or_default();
    Ok((!waited.is_empty()).then(|| args.env().buffer_copy(&waited)))
}

/// Bytes that an HTTP connection has received.
pub fn read(engine: &Engine, id: u32, bytes: &[u8]) {
    let tapped = engine.connection(id, |connection| match &connection.protocol {
        Protocol::Http(http) => http.tapped,
        _ => false,
    });
    if tapped == Ok(true) {
        engine.read_raw(id, bytes);
    } else {
        feed(engine, id, bytes, true);
    }
}

/// Bytes for the parser, in their turn: what was not `received` goes before all that waits. Returns whether they had to wait.
fn feed(engine: &Engine, id: u32, bytes: &[u8], received: bool) -> bool {
    let showing = engine.http.borrow().showing;
    let waits = engine.connection(id, |connection| match &mut connection.protocol {
        Protocol::Http(http) if showing || http.paused || http.is_waiting() => {
            let queue = if received {
                &mut http.backlog
            } else {
                &mut http.inserted
            };
            queue.extend_from_slice(bytes);
            true
        }
        _ => false,
    }) == Ok(true);
    if waits {
        engine.http.borrow_mut().waiting.push(id);
    } else {
        parse(engine, id, bytes);
    }
    go_on(engine);
    waits
}

/// Goes on with what waits, wherever that is; while a batch is shown it is put off until its end.
fn go_on(engine: &Engine) {
    loop {
        let mut scratch = engine.http.borrow_mut();
        if scratch.showing || scratch.waiting.is_empty() {
            return;
        }
        let id = scratch.waiting.swap_remove(0);
        drop(scratch);
        let bytes = engine.connection(id, |connection| match &mut connection.protocol {
            Protocol::Http(http) if !http.paused => http.take_waiting(),
            _ => Vec::new(),
        });
        if let Ok(bytes) = bytes {
            parse(engine, id, &bytes);
        }
    }
}

fn parse(engine: &Engine, id: u32, bytes: &[u8]) {
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let now = now(engine);
        let mut scratch = engine.http.borrow_mut();
        let fed = engine.connection(id, |connection| match &mut connection.protocol {
            Protocol::Http(http) => Some((http.feed(rest, &mut scratch, now), http.timed)),
            // JavaScript took the connection over in the middle of this read.
            _ => None,
        });
        drop(scratch);
        let ((taken, count, stop), timed) = match fed {
            Ok(Some(fed)) => fed,
            Ok(None) => return engine.read_raw(id, rest),
            Err(_) => return,
        };
        let shown = if count > 0 || timed {
            show(engine, id, rest, taken, count, stop)
        } else {
            Shown::All
        };
        at += match shown {
            Shown::All => taken,
            Shown::Before(offset) => offset,
            Shown::Over => return,
        };
        if stop == Stop::Failed && shown == Shown::All {
            return;
        }
        if at == bytes.len() {
            return;
        }
        // JavaScript may have stopped before a request, or put bytes in front of what is left.
        let waits = engine.connection(id, |connection| match &mut connection.protocol {
            Protocol::Http(http) => http.keep(&bytes[at..], shown != Shown::All),
            _ => false,
        });
        if waits == Ok(true) {
            engine.http.borrow_mut().waiting.push(id);
            return;
        }
    }
}

impl Http {
    /// Parses on into the scratch table. Returns the bytes taken, the events made, and why it stopped.
    fn feed(&mut self, input: &[u8], scratch: &mut Scratch, now: u64) -> (usize, usize, Stop) {
        scratch.text.clear();
        self.heard = now;
        let mut batch = Batch {
            table: &mut scratch.words,
            count: 0,
            text: &mut scratch.text,
        };
        let (taken, stop) = self.conn.feed(input, &mut batch);
        let count = batch.count;
        if self.conn.has_begun() {
            self.time_from(now.max(1));
        } else if count > 0 && !self.conn.is_reading() {
            self.time_from(0);
        }
        (taken, count, stop)
    }

    /// The request being read began at `started`; 0: there is none.
    fn time_from(&mut self, started: u64) {
        self.started = started;
        self.expired = false;
    }

    fn is_waiting(&self) -> bool {
        !self.inserted.is_empty() || !self.backlog.is_empty()
    }

    /// What waits, in its order.
    fn take_waiting(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.inserted);
        if bytes.is_empty() {
            return std::mem::take(&mut self.backlog);
        }
        bytes.append(&mut self.backlog);
        bytes
    }

    /// Has `rest` wait if it must: when JavaScript has stopped before the request that it begins with, or when bytes go in front.
    fn keep(&mut self, rest: &[u8], stopped: bool) -> bool {
        if stopped {
            self.conn.rewind();
            self.time_from(0);
        }
        let waits = stopped || self.paused || !self.inserted.is_empty();
        if waits {
            self.backlog.splice(..0, rest.iter().copied());
        }
        waits
    }
}

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    All,
    /// JavaScript stopped before the request that begins at this offset of the input.
    Before(usize),
    /// Nothing of the input is left to do: the connection has another protocol, or is lost.
    Over,
}

/// Marks a batch as being shown.
struct Showing<'a>(&'a Engine);

impl<'a> Showing<'a> {
    fn new(engine: &'a Engine) -> Self {
        engine.http.borrow_mut().showing = true;
        Showing(engine)
    }
}

impl Drop for Showing<'_> {
    fn drop(&mut self) {
        self.0.http.borrow_mut().showing = false;
    }
}

/// Shows one batch to JavaScript, again and again while handlers throw.
fn show(engine: &Engine, id: u32, input: &[u8], taken: usize, count: usize, stop: Stop) -> Shown {
    let body = body_range(engine, input, count, stop);
    let begun = with_table(engine, |table, words| {
        table.set_word(word::CURSOR, 0);
        table.set_word(word::TAKEN, 0);
        table.set_word(word::HOLD, 0);
        table.set_word(word::BODY_START, body.start as u32);
        table.set_word(word::CONSUMED, taken as u32);
        table.copy_words(word::EVENTS, &words[..count * EVENT_WORDS]);
    });
    if begun.is_none() {
        return lost(engine, id);
    }
    let showing = Showing::new(engine);
    let mut before = 0;
    let (cursor, held, taken_over) = loop {
        let returned = engine.call(Callback::Http, |env| {
            let text = env.latin1(&engine.http.borrow().text);
            let body = if body.is_empty() {
                env.undefined()
            } else {
                env.buffer_copy(&input[body.clone()])
            };
            [env.int(id as i32), env.int(count as i32), text, body]
        });
        let state = with_table(engine, |table, _| {
            let cursor = table.word(word::CURSOR) as usize;
            (cursor, table.word(word::HOLD) == 1, table.word(word::TAKEN) == 1)
        });
        let Some((cursor, held, taken_over)) = state else {
            drop(showing);
            return lost(engine, id);
        };
        // After a throw it is called even when no event is left: it has its own end of a batch to come to. It may also return
        // before the last event, to have ticks and promises run in between.
        if held || (returned && cursor >= count) || cursor == before {
            break (cursor, held, taken_over);
        }
        before = cursor;
    };
    drop(showing);
    if taken_over {
        return Shown::Over;
    }
    if held {
        let scratch = engine.http.borrow();
        let row = &scratch.words[..count * EVENT_WORDS];
        return match row.chunks_exact(EVENT_WORDS).nth(cursor) {
            Some(row) if row[0] & 0xff == event::REQUEST => Shown::Before(row[6] as usize),
            _ => Shown::Over,
        };
    }
    if stop == Stop::Upgrade {
        let decided = engine.connection(id, |connection| {
            if let Protocol::Http(http) = &mut connection.protocol {
                http.conn.decide_upgrade();
                if !http.conn.is_reading() {
                    http.time_from(0);
                }
            }
        });
        if decided.is_err() {
            return Shown::Over;
        }
    }
    Shown::All
}

/// Looks at the table and the words for it; nothing when its memory is gone.
fn with_table<T>(engine: &Engine, code: impl FnOnce(&SharedBytes, &[u32]) -> T) -> Option<T> {
    let scratch = engine.http.borrow();
    let table = scratch.table.as_ref()?;
    table.is_attached().then(|| code(table, &scratch.words))
}

/// Somebody has detached the table: no request can be shown any more, and a peer is not left waiting.
fn lost(engine: &Engine, id: u32) -> Shown {
    engine.env().report("ironwire: the table of HTTP events was detached");
    // It may be closed already.
    let _ = engine.close(id, false);
    Shown::Over
}

/// Which part of the input JavaScript gets to see: from the first body byte to the last; all of it with an error, which
/// reports the packet, and with an upgrade, whose first bytes of the other protocol may lie behind the head.
fn body_range(engine: &Engine, input: &[u8], count: usize, stop: Stop) -> std::ops::Range<usize> {
    if matches!(stop, Stop::Failed | Stop::Upgrade) {
        return 0..input.len();
    }
    let scratch = engine.http.borrow();
    let rows = scratch
        .words
        .chunks_exact(EVENT_WORDS)
        .take(count)
        .filter(|row| row[0] == event::BODY);
    rows.fold(0..0, |range, row| {
        let (start, end) = (row[1] as usize, (row[1] + row[2]) as usize);
        if range.is_empty() { start..end } else { range.start..end }
    })
}

/// `(id, bits, lines, body, length)`: a whole response. `lines` are the application's header lines (latin1), `body` a string
/// (UTF-8) or bytes, as `bits` say; the bits from 17 on are the seconds of `Keep-Alive` and one more,
/// 0 without that header. Returns what `write` returns.
fn respond(engine: &Engine, args: &Args) -> Outcome<i32> {
    use respond_bit::*;
    let (id, bits) = (args.uint(0)?, args.uint(1)?);
    let scratch = &mut *engine.http.borrow_mut();
    scratch.lines.clear();
    scratch.body.clear();
    if bits & LINES != 0 {
        args.append_latin1(2, &mut scratch.lines)?;
    }
    if bits & TEXT != 0 {
        args.append_utf8(3, &mut scratch.body)?;
    } else if bits & BYTES != 0 {
        let length = args.uint(4)? as usize;
        args.bytes(3, 0, length, |bytes| scratch.body.extend_from_slice(bytes))?;
    }
    scratch.check_date(now(engine));
    engine.append(id, |out| {
        scratch.write(out, bits);
        Ok(())
    })
}

impl Scratch {
    fn write(&self, out: &mut Vec<u8>, bits: u32) {
        use respond_bit::*;
        let framing = if bits & CHUNKED != 0 {
            Framing::Chunked
        } else if bits & LENGTH != 0 {
            Framing::Length(self.body.len() as u64)
        } else {
            Framing::Given
        };
        let head = ResponseHead {
            status: (bits & STATUS) as u16,
            reason: b"",
            headers: &self.lines,
            date: true,
            connection: if bits & CLOSE != 0 {
                Connection::Close
            } else {
                Connection::KeepAlive {
                    timeout: (bits >> SECONDS).checked_sub(1),
                    max: 0,
                }
            },
            framing,
        };
        encode::head(out, &head, &self.date);
        if bits & CHUNKED != 0 {
            encode::chunk(out, &self.body);
            encode::last_chunk(out);
        } else if bits & BODY != 0 {
            out.extend_from_slice(&self.body);
        }
    }

    /// The wall clock is asked only when the loop's has moved.
    fn check_date(&mut self, now: u64) {
        if now != self.dated {
            self.dated = now;
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.date.set(since.as_secs() as i64);
        }
    }
}

/// `(id)`: the peer ended its side. -1 when that is orderly, else the number of the parse error.
fn finish(engine: &Engine, args: &Args) -> Outcome<i32> {
    let finished = engine.connection(args.uint(0)?, |connection| match &connection.protocol {
        Protocol::Http(http) => http.conn.finish(),
        _ => Ok(()),
    });
    Ok(match finished {
        Ok(Err(error)) => error as i32,
        _ => -1,
    })
}

/// `(id, headersTimeout, requestTimeout)`, in ms, 0 for none: whether the request being read takes too long. It is said once.
fn expired(engine: &Engine, args: &Args) -> Outcome<bool> {
    let now = now(engine);
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

/// `(id)`: 1 while a request is being read, 2 while requests wait, 3 while output has not left, 0 when there is nothing of the kind.
fn busy(engine: &Engine, args: &Args) -> Outcome<i32> {
    let busy = engine.connection(args.uint(0)?, |connection| match &connection.protocol {
        Protocol::Http(http) if http.is_waiting() => 2,
        Protocol::Http(http) if http.started > 0 => 1,
        _ if connection.queued() > 0 => 3,
        _ => 0,
    });
    Ok(busy.unwrap_or(0))
}
