//! HTTP between the engine and `lib/http`: batches of parsed requests up, heads and bodies down.
//!
//! A read is parsed as far as it goes and shown to JavaScript in one call, `onHttp(id, events, text, body)`, with the events in
//! a table that both sides see. JavaScript moves the cursor in the table's first word before it handles an event: when a handler
//! throws, the rest of the batch is shown again, and no request is lost or seen twice.

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
    /// The loop's clock in milliseconds, modulo 2^32.
    pub const NOW: usize = 2;
    /// Where in the input the body bytes shown begin.
    pub const BODY_START: usize = 3;
    /// How much of the input the batch covers.
    pub const CONSUMED: usize = 4;
    /// Events begin here.
    pub const EVENTS: usize = 8;
}

/// Bits of `respond`'s second argument above the status; `lib/http/head.js` knows them.
mod respond_bit {
    pub const STATUS: u32 = (1 << 10) - 1;
    pub const CLOSE: u32 = 1 << 10;
    pub const CHUNKED: u32 = 1 << 11;
    pub const LENGTH: u32 = 1 << 12;
    pub const SECONDS: u32 = 17;
}

/// One connection's HTTP state.
pub struct Http {
    conn: Conn,
    /// When the message being read began (or the connection, before its first), in loop milliseconds; 0 between messages.
    started: u64,
    /// JavaScript wants to see the bytes as well: somebody listens for 'data' on the socket.
    tapped: bool,
}

/// What every HTTP connection of an environment shares.
#[derive(Default)]
pub struct Scratch {
    table: Option<SharedBytes>,
    words: Vec<u32>,
    /// The heads of the batch being shown; it may be shown again, so responses leave it alone.
    text: Vec<u8>,
    /// The header lines of the response being written.
    lines: Vec<u8>,
    date: DateCache,
    /// The loop time at which `date` was last checked.
    dated: u64,
}

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Engine>) {
    functions.add("httpTable", table);
    functions.add("httpAttach", attach);
    functions.add("httpDetach", |engine, args| {
        let detached = engine.connection(args.uint(0)?, |connection| connection.protocol = Protocol::Raw);
        Ok(detached.is_ok())
    });
    functions.add("httpTap", |engine, args| {
        let tapped = engine.connection(args.uint(0)?, |connection| {
            if let Protocol::Http(http) = &mut connection.protocol {
                http.tapped = true;
            }
        });
        Ok(tapped.is_ok())
    });
    functions.add("httpFeed", |engine, args| {
        let mut bytes = Vec::new();
        args.bytes(1, 0, args.uint(2)? as usize, |input| bytes.extend_from_slice(input))?;
        read(engine, args.uint(0)?, &bytes);
        Ok(())
    });
    functions.add("httpRespond", respond);
    functions.add("httpSend", send);
    functions.add("httpFinish", finish);
    functions.add("httpStarted", started);
    functions.add("httpNow", |engine, _| Ok(f64::from(now(engine) as u32)));
    functions.add("httpMethods", |_, _| Ok(METHODS.join(" ")));
    functions.add("httpErrors", |_, _| {
        let lines: Vec<String> = ParseError::TABLE
            .iter()
            .map(|(code, reason)| format!("{code} {reason}"))
            .collect();
        Ok(lines.join("\n"))
    });
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
            tapped: false,
        }));
    });
    let reading = attached.and_then(|()| engine.stream(id, crate::uv::Stream::read_start));
    Ok(reading.map_or_else(|error| error.0, |()| 0))
}

fn now(engine: &Engine) -> u64 {
    engine.uv().map_or(0, crate::uv::Loop::now)
}

/// Bytes for an HTTP connection: parses and shows them.
pub fn read(engine: &Engine, id: u32, bytes: &[u8]) {
    let tapped = engine.connection(id, |connection| match &connection.protocol {
        Protocol::Http(http) => http.tapped,
        _ => false,
    });
    parse(engine, id, bytes);
    if tapped == Ok(true) {
        engine.read_raw(id, bytes);
    }
}

fn parse(engine: &Engine, id: u32, bytes: &[u8]) {
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let now = now(engine);
        let mut scratch = engine.http.borrow_mut();
        let fed = engine.connection(id, |connection| match &mut connection.protocol {
            Protocol::Http(http) => Some(http.feed(rest, &mut scratch, now)),
            // JavaScript took the connection over in the middle of this read.
            _ => None,
        });
        drop(scratch);
        let (taken, count, stop) = match fed {
            Ok(Some(fed)) => fed,
            Ok(None) => return engine.read_raw(id, rest),
            Err(_) => return,
        };
        if count > 0 && !show(engine, id, rest, taken, count, stop, now) {
            return;
        }
        at += taken;
        if stop == Stop::Failed {
            return;
        }
    }
}

impl Http {
    /// Parses on into the scratch table. Returns the bytes taken, the events made, and why it stopped.
    fn feed(&mut self, input: &[u8], scratch: &mut Scratch, now: u64) -> (usize, usize, Stop) {
        scratch.text.clear();
        let was_idle = self.conn.is_idle();
        let mut batch = Batch {
            table: &mut scratch.words,
            count: 0,
            text: &mut scratch.text,
        };
        let (taken, stop) = self.conn.feed(input, &mut batch);
        let count = batch.count;
        if self.conn.is_idle() {
            self.started = 0;
        } else if was_idle || count > 0 {
            self.started = now.max(1);
        }
        (taken, count, stop)
    }
}

/// Shows one batch to JavaScript, again and again while handlers throw. Returns whether the rest of the read may follow.
fn show(engine: &Engine, id: u32, input: &[u8], taken: usize, count: usize, stop: Stop, now: u64) -> bool {
    let body = body_range(engine, input, count, stop);
    {
        let scratch = engine.http.borrow();
        let Some(table) = &scratch.table else { return false };
        table.set_word(word::CURSOR, 0);
        table.set_word(word::TAKEN, 0);
        table.set_word(word::NOW, now as u32);
        table.set_word(word::BODY_START, body.start as u32);
        table.set_word(word::CONSUMED, taken as u32);
        table.copy_words(word::EVENTS, &scratch.words[..count * EVENT_WORDS]);
    }
    let cursor = || {
        engine
            .http
            .borrow()
            .table
            .as_ref()
            .map_or(count, |table| table.word(word::CURSOR) as usize)
    };
    loop {
        let before = cursor();
        let returned = engine.call(Callback::Http, |env| {
            let text = env.latin1(&engine.http.borrow().text);
            let body = if body.is_empty() {
                env.undefined()
            } else {
                env.buffer_copy(&input[body.clone()])
            };
            [env.int(id as i32), env.int(count as i32), text, body]
        });
        // After a throw it is called even when no event is left: it has its own end of a batch to come to. It may also return
        // before the last event, to have ticks and promises run in between.
        if (returned && cursor() >= count) || cursor() == before {
            break;
        }
    }
    if stop == Stop::Upgrade {
        let taken_over = engine
            .http
            .borrow()
            .table
            .as_ref()
            .is_some_and(|table| table.word(word::TAKEN) == 1);
        if taken_over {
            return false;
        }
        let decided = engine.connection(id, |connection| {
            if let Protocol::Http(http) = &mut connection.protocol {
                http.conn.decide_upgrade();
            }
        });
        return decided.is_ok();
    }
    true
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

/// `(id, bits, bodyBits, lines, body, length)`: a whole response. `lines` are the application's header lines (latin1); the bits from 17 on
/// are the seconds of `Keep-Alive`. Returns what `write` returns.
fn respond(engine: &Engine, args: &Args) -> Outcome<i32> {
    use respond_bit::*;
    let (id, bits, body_bits) = (args.uint(0)?, args.uint(1)?, args.uint(2)?);
    let length = if body_bits & (send_bit::TEXT | send_bit::LATIN1 | send_bit::BYTES) == 0 {
        0
    } else {
        args.uint(5)?
    };
    let scratch = &mut *engine.http.borrow_mut();
    scratch.lines.clear();
    append_head(args, body_bits, 3, &mut scratch.lines)?;
    scratch.check_date(now(engine));
    let framing = if bits & CHUNKED != 0 {
        Framing::Chunked
    } else if bits & LENGTH != 0 {
        Framing::Length(u64::from(length))
    } else {
        Framing::Given
    };
    let head = ResponseHead {
        status: (bits & STATUS) as u16,
        reason: b"",
        headers: &scratch.lines,
        date: true,
        connection: if bits & CLOSE != 0 {
            Connection::Close
        } else {
            Connection::KeepAlive {
                timeout: bits >> SECONDS,
                max: 0,
            }
        },
        framing,
    };
    engine.append(id, |out| {
        encode::head(out, &head, &scratch.date);
        write_body(args, body_bits, 4, length, out)
    })
}

fn append_head(args: &Args, bits: u32, at: usize, out: &mut Vec<u8>) -> Outcome<usize> {
    if bits & send_bit::UTF8_HEAD != 0 {
        args.append_utf8(at, out)
    } else {
        args.append_latin1(at, out)
    }
}

/// Appends a body, or a part of it, as `bits` say, out of arguments `at` on.
fn write_body(args: &Args, bits: u32, at: usize, length: u32, out: &mut Vec<u8>) -> Outcome<()> {
    use send_bit::*;
    let body = |out: &mut Vec<u8>| {
        if bits & TEXT != 0 {
            args.append_utf8(at, out)?;
        } else if bits & LATIN1 != 0 {
            args.append_latin1(at, out)?;
        } else if bits & BYTES != 0 {
            args.bytes(at, 0, length as usize, |bytes| out.extend_from_slice(bytes))?;
        }
        Ok(())
    };
    if bits & CHUNK != 0 {
        encode::chunk_of(out, u64::from(length), body)?;
    } else {
        body(out)?;
    }
    if bits & LAST != 0 {
        encode::last_chunk(out);
    }
    Ok(())
}

/// Bits of `send`'s second argument; `lib/http/outgoing.js` knows them.
mod send_bit {
    /// The body is a string, to be sent as UTF-8.
    pub const TEXT: u32 = 1;
    /// The body is a string, to be sent as latin1.
    pub const LATIN1: u32 = 2;
    /// The body is bytes.
    pub const BYTES: u32 = 4;
    /// The body is a chunk of the chunked coding.
    pub const CHUNK: u32 = 8;
    /// The chunked coding ends.
    pub const LAST: u32 = 16;
    /// There is a head.
    pub const HEAD: u32 = 32;
    /// The head (or the lines of one) is UTF-8, not latin1.
    pub const UTF8_HEAD: u32 = 64;
}

/// `(id, bits, head, body, length)`: a head (latin1) and the body, or a part of it. Returns what `write` returns.
fn send(engine: &Engine, args: &Args) -> Outcome<i32> {
    use send_bit::*;
    let (id, bits) = (args.uint(0)?, args.uint(1)?);
    let length = if bits & (TEXT | LATIN1 | BYTES) == 0 { 0 } else { args.uint(4)? };
    engine.append(id, |out| {
        if bits & HEAD != 0 {
            append_head(args, bits, 2, out)?;
        }
        write_body(args, bits, 3, length, out)
    })
}

impl Scratch {
    /// The wall clock is asked only when the loop's has moved.
    fn check_date(&mut self, now: u64) {
        if now != self.dated {
            self.dated = now;
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.date.set(since.as_secs() as i64);
        }
        if let Some(table) = &self.table {
            table.set_word(word::NOW, now as u32);
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

/// `(id)`: how long the message being read has been coming, in ms: 0 between messages, negative once its head is complete.
fn started(engine: &Engine, args: &Args) -> Outcome<f64> {
    let now = now(engine);
    let age = engine.connection(args.uint(0)?, |connection| match &connection.protocol {
        Protocol::Http(http) if http.started > 0 => {
            let age = now.saturating_sub(http.started) as f64 + 1.0;
            if http.conn.in_head() || http.conn.is_idle() {
                age
            } else {
                -age
            }
        }
        _ => 0.0,
    });
    Ok(age.unwrap_or(0.0))
}
