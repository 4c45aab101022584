//! HTTP/2 connections between the engine and `lib/http2`. Their events are rows of [batches], which JavaScript reads;
//! JavaScript calls the functions of this module for everything that is sent.

pub(super) use super::batches::sent;

use super::batches::{self, Batch, Batches, GONE, Rows, SHARED_BODY, room, said};
use super::engine::Engine;
use super::raw::{Args, Functions, Outcome, Value};
use crate::http1::METHODS;
use crate::http1::encode::DateCache;
use crate::http2::{Code, Event, Fields, Limits, Role, Session, Settings, frame};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The kinds of events, in [`row::KIND`].
pub(super) mod event {
    /// A request or the final response has begun.
    pub const HEAD: u32 = 0;
    /// An informational response (1xx).
    pub const INFORMATIONAL: u32 = 1;
    /// A part of a body.
    pub const DATA: u32 = 2;
    /// The peer has ended its side of a stream, with or without trailers.
    pub const END: u32 = 3;
    /// A stream was reset.
    pub const RESET: u32 = 4;
    /// Everything written on a stream has been framed.
    pub const DRAINED: u32 = 5;
    /// Both sides of a stream have ended.
    pub const CLOSED: u32 = 6;
    /// The peer's settings were received.
    pub const SETTINGS: u32 = 7;
    /// The peer has acknowledged settings of ours.
    pub const SETTINGS_ACK: u32 = 8;
    /// A `PING` was received and answered.
    pub const PING: u32 = 9;
    /// The answer to a `PING` of ours.
    pub const PONG: u32 = 10;
    /// The peer shuts the connection down.
    pub const GOAWAY: u32 = 11;
    /// The connection has failed, with a code and, in the text, the reason.
    pub const FAILED: u32 = 12;
    /// On a client: the server promises the response to a request that was not made.
    pub const PUSH: u32 = 13;
    /// On a client: an `ALTSVC` or `ORIGIN` frame. Its type is in the row's `CODE`.
    pub const EXTENSION: u32 = 14;
}

/// The layout of a row of the table: indices of words, and bits of the first word.
pub(super) mod row {
    pub use super::super::batches::{FIRST, ID};
    /// The number of words of a row.
    pub const WORDS: usize = 7;
    /// Bits of the first word: the kind of event.
    pub const KIND: u32 = 0xff;
    /// Bit of the first word: neither a body nor trailers follow.
    pub const ENDS: u32 = 1 << 8;
    /// The position in the first word of the method's index in `METHODS` plus one, or 0 for any other method.
    pub const METHOD: u32 = 16;
    /// The second word is the connection ([`ID`]), the third is the stream.
    pub const STREAM: usize = 2;
    /// The offset of the event's part in the text or in the body, and its length.
    pub const PART: usize = 3;
    pub const PART_LENGTH: usize = 4;
    /// Of a request: the offset of its path in the text, and its length.
    pub const PATH: usize = 5;
    pub const PATH_LENGTH: usize = 6;
    /// Of a reset, a shutdown or a failure: its code.
    pub const CODE: usize = 5;
}

/// Bits of the calls that send, which say what the given body is.
pub(super) mod send_bit {
    /// In `respond`: the status.
    pub const STATUS: u32 = (1 << 10) - 1;
    /// Our side of the stream ends after it.
    pub const END: u32 = 1 << 10;
    /// In `respond`: add a `date` field.
    pub const DATE: u32 = 1 << 11;
    /// It is a string, to be sent as UTF-8.
    pub const TEXT: u32 = 1 << 12;
    /// It is a string, to be sent as latin1.
    pub const LATIN1: u32 = 1 << 13;
    /// It is bytes.
    pub const BYTES: u32 = 1 << 14;
}

/// The state of HTTP/2 in one environment.
#[derive(Default)]
struct Http2 {
    date: RefCell<DateCache>,
    /// The time of the event loop at which `date` was last checked, in milliseconds.
    dated: Cell<u64>,
    /// Buffers into which fields and bodies that are strings are copied.
    fields: RefCell<Vec<u8>>,
    body: RefCell<Vec<u8>>,
}

type Connection = batches::Connection<Session>;
type Sessions = Batches<Http2, { row::WORDS }>;

/// Adds the functions of this module.
pub fn register(functions: &mut Functions<Engine>) {
    let http2 = Batches::new(Http2::default());
    functions.state().add_protocol(http2.clone());
    functions.add_with(&http2, "http2Table", |http2, _, args| Ok(http2.table(args, "onHttp2")));
    functions.add_with(&http2, "http2Attach", attach);
    functions.add_with(&http2, "http2Feed", |http2, engine, args| {
        let (id, length) = (args.uint(0)?, args.uint(2)? as usize);
        let bytes = args.bytes(1, 0, length, <[u8]>::to_vec)?;
        http2.receive(engine, id, &bytes);
        Ok(())
    });
    functions.add_with(&http2, "http2Request", request);
    functions.add("http2Next", |engine, args| {
        let next = args.uint(1)?;
        engine.state(args.uint(0)?, |http2: &mut Connection| http2.session.set_next(next));
        Ok(())
    });
    functions.add_with(&http2, "http2Respond", respond);
    functions.add_with(&http2, "http2Write", write);
    functions.add_with(&http2, "http2Trailers", trailers);
    functions.add("http2Reset", |engine, args| {
        let (stream, code) = (args.uint(1)?, Code(args.uint(2)?));
        let reset = engine.append_with(args.uint(0)?, |http2: &mut Connection, out, _| {
            http2.session.reset(stream, code, out).is_ok()
        });
        Ok(reset == Some(true))
    });
    functions.add_with(&http2, "http2Push", |http2, engine, args| {
        let (id, stream) = (args.uint(0)?, args.uint(1)?);
        let fields = &mut *http2.protocol.fields.borrow_mut();
        fields.clear();
        args.append_latin1(2, fields)?;
        let pushed = engine.append_with(id, |http2: &mut Connection, out, _| {
            http2.session.push(stream, fields, out).ok()
        });
        Ok(pushed.flatten().map_or(GONE, |id| id as i32))
    });
    functions.add("http2Pause", |engine, args| {
        let stream = args.uint(1)?;
        engine.state(args.uint(0)?, |http2: &mut Connection| http2.session.pause(stream));
        Ok(())
    });
    functions.add("http2Resume", resume);
    functions.add("http2Ping", |engine, args| {
        let octets = args.bytes(1, 0, 8, |bytes| bytes.try_into().unwrap_or_default())?;
        let sent = engine.append_with(args.uint(0)?, |http2: &mut Connection, out, _| {
            http2.session.ping(octets, out)
        });
        Ok(sent.is_some())
    });
    functions.add("http2Goaway", goaway);
    functions.add("http2Settings", |engine, args| {
        let settings = settings(args, 1)?;
        let sent = engine.append_with(args.uint(0)?, |http2: &mut Connection, out, _| {
            http2.session.settings(settings, out);
        });
        Ok(sent.is_some())
    });
    functions.add("http2Window", |engine, args| {
        let window = args.uint(1)?;
        engine.append_with(args.uint(0)?, |http2: &mut Connection, out, _| {
            http2.session.set_window(window, out);
        });
        Ok(())
    });
    functions.add("http2Extension", |engine, args| {
        let (id, kind, stream) = (args.uint(0)?, args.uint(1)? as u8, args.uint(2)?);
        args.bytes(3, 0, args.uint(4)? as usize, |payload| {
            let sent = engine.append_with(id, |_: &mut Connection, out, _| {
                frame::encode(kind, 0, stream, payload, out)
            });
            sent.is_some()
        })
    });
    functions.add("http2Forget", |engine, args| {
        engine.state(args.uint(0)?, |http2: &mut Connection| http2.session.forget());
        Ok(())
    });
    functions.add("http2State", state);
}

/// Reads `COUNT` numbers of 32 bits each, in the byte order of the machine.
fn words<const COUNT: usize>(args: &Args, index: usize) -> Outcome<[u32; COUNT]> {
    let mut words = [0u32; COUNT];
    args.bytes(index, 0, 4 * COUNT, |bytes| {
        for (word, octets) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_ne_bytes(*octets);
        }
    })?;
    Ok(words)
}

/// Reads settings: seven numbers, in the order of their identifiers.
fn settings(args: &Args, index: usize) -> Outcome<Settings> {
    let [
        header_table_size,
        push,
        max_concurrent_streams,
        initial_window_size,
        max_frame_size,
        max_header_list_size,
        connect,
    ] = words(args, index)?;
    Ok(Settings {
        header_table_size,
        enable_push: push != 0,
        max_concurrent_streams,
        initial_window_size,
        max_frame_size,
        max_header_list_size,
        enable_connect_protocol: connect != 0,
    })
}

fn numbers(settings: &Settings) -> [u32; 7] {
    [
        settings.header_table_size,
        settings.enable_push.into(),
        settings.max_concurrent_streams,
        settings.initial_window_size,
        settings.max_frame_size,
        settings.max_header_list_size,
        settings.enable_connect_protocol.into(),
    ]
}

/// `(id, isClient, settings, limits)`: the connection speaks HTTP/2 from now on, and reading starts. `limits` are
/// numbers: fields of a list, settings in one frame, resets (the budget and its refill per second), malformed streams,
/// pushes, and requests before the server's settings have been received.
fn attach(http2: &Rc<Sessions>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let id = args.uint(0)?;
    let role = if args.boolean(1)? { Role::Client } else { Role::Server };
    let settings = settings(args, 2)?;
    let [fields, in_one, resets, resets_per_second, malformed, pushes, requests] = words(args, 3)?;
    let limits = Limits {
        fields,
        settings: in_one as usize,
        resets: (resets, resets_per_second),
        malformed: (malformed, Limits::default().malformed.1),
        pushes,
        requests,
        ..Limits::default()
    };
    let mut out = Vec::new();
    let session = Session::new(role, settings, limits, engine.now(), &mut out);
    Ok(http2.attach(engine, id, session, &out))
}

/// `(id, fields, ends)`: sends the header of a request and returns its stream. A body follows unless it `ends`.
fn request(http2: &Rc<Sessions>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let (id, ends) = (args.uint(0)?, args.boolean(2)?);
    let fields = &mut *http2.protocol.fields.borrow_mut();
    fields.clear();
    args.append_latin1(1, fields)?;
    let opened = engine.append_with(id, |http2: &mut Connection, out, _| {
        http2.session.submit(fields, ends, out).ok()
    });
    Ok(opened.flatten().map_or(GONE, |id| id as i32))
}

/// `(id, stream, bits, fields, body, length)`: sends the header of a response and, if `bits` say so, its body or the
/// first part of it.
fn respond(http2: &Rc<Sessions>, engine: &Engine, args: &Args) -> Outcome<i32> {
    use send_bit::*;
    let (id, stream, bits) = (args.uint(0)?, args.uint(1)?, args.uint(2)?);
    let fields = &mut *http2.protocol.fields.borrow_mut();
    fields.clear();
    args.append_latin1(3, fields)?;
    http2.protocol.check_date(engine.now());
    let date = http2.protocol.date.borrow();
    let date = (bits & DATE != 0).then(|| date.value());
    let status = (bits & STATUS) as u16;
    if bits & (TEXT | LATIN1 | BYTES) == 0 {
        let ends = bits & END != 0;
        let responded = engine.append_with(id, |http2: &mut Connection, out, _| {
            http2.session.respond(stream, status, fields, date, ends, out)
        });
        return Ok(said(responded));
    }
    let wrote = with_body(http2, args, bits, 4, |body| {
        let wrote = engine.append_with(id, |http2: &mut Connection, out, queued| {
            http2.session.respond(stream, status, fields, date, false, out)?;
            http2.session.write(stream, body, bits & END != 0, room(queued), out)
        });
        said(wrote)
    })?;
    Ok(http2.go_on(engine, id, wrote))
}

/// `(id, stream, bits, body, length)`: sends a part of a body, and ends our side if `bits` contain `END`.
fn write(http2: &Rc<Sessions>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let (id, stream, bits) = (args.uint(0)?, args.uint(1)?, args.uint(2)?);
    let wrote = with_body(http2, args, bits, 3, |body| {
        let wrote = engine.append_with(id, |http2: &mut Connection, out, queued| {
            http2
                .session
                .write(stream, body, bits & send_bit::END != 0, room(queued), out)
        });
        said(wrote)
    })?;
    Ok(http2.go_on(engine, id, wrote))
}

fn with_body<T>(http2: &Sessions, args: &Args, bits: u32, at: usize, code: impl FnOnce(&[u8]) -> T) -> Outcome<T> {
    use send_bit::*;
    if bits & BYTES != 0 {
        return args.bytes(at, 0, args.uint(at + 1)? as usize, code);
    }
    let body = &mut *http2.protocol.body.borrow_mut();
    body.clear();
    if bits & TEXT != 0 {
        args.append_utf8(at, body)?;
    } else if bits & LATIN1 != 0 {
        args.append_latin1(at, body)?;
    }
    let made = code(body);
    body.shrink_to(SHARED_BODY);
    Ok(made)
}

/// `(id, stream, fields)`: ends our side of a stream with trailers.
fn trailers(http2: &Rc<Sessions>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let (id, stream) = (args.uint(0)?, args.uint(1)?);
    let fields = &mut *http2.protocol.fields.borrow_mut();
    fields.clear();
    args.append_latin1(2, fields)?;
    let wrote = said(engine.append_with(id, |http2: &mut Connection, out, queued| {
        http2.session.trailers(stream, fields, room(queued), out)
    }));
    Ok(http2.go_on(engine, id, wrote))
}

/// `(id, stream)`: reports the data of a stream again. Returns those that were held, if there are any.
fn resume(engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let stream = args.uint(1)?;
    let held = engine.append_with(args.uint(0)?, |http2: &mut Connection, out, _| {
        http2.session.resume(stream, out)
    });
    let held = held.filter(|held| !held.is_empty());
    Ok(held.map(|held| args.env().buffer_copy(&held)))
}

/// `(id, code, last | -1, debug, length)`: announces that no further streams will be handled. Returns whether no stream
/// is open.
fn goaway(engine: &Engine, args: &Args) -> Outcome<bool> {
    let (id, code, last) = (args.uint(0)?, Code(args.uint(1)?), args.int(2)?);
    let debug = args.bytes(3, 0, args.uint(4)? as usize, <[u8]>::to_vec)?;
    let done = engine.append_with(id, |http2: &mut Connection, out, _| {
        http2.session.goaway(code, u32::try_from(last).ok(), &debug, out);
        http2.session.is_done()
    });
    Ok(done != Some(false))
}

/// `(id)`: an array of numbers: our settings, the peer's settings, and those of [`Session::state`].
fn state(engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let env = args.env();
    Ok(engine.state(args.uint(0)?, |http2: &mut Connection| {
        let session = &http2.session;
        let mut numbers = [numbers(session.local()), numbers(session.remote())].concat();
        numbers.extend(session.state());
        let values: Vec<Value> = numbers.into_iter().map(|number| env.number(number.into())).collect();
        env.array(&values)
    }))
}

impl Http2 {
    /// Updates `date`. Reads the wall clock only if the time of the event loop has changed.
    fn check_date(&self, now: u64) {
        if self.dated.replace(now) != now {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.date.borrow_mut().set(since.as_secs());
        }
    }
}

impl batches::Session for Session {
    type Event<'a> = Event<'a>;

    fn feed(
        &mut self,
        input: &[u8],
        now: u64,
        out: &mut Vec<u8>,
        room: &dyn Fn() -> bool,
        each: &mut dyn FnMut(Event<'_>),
    ) -> usize {
        Session::feed(self, input, now, out, room, each)
    }

    fn pump(&mut self, room: usize, out: &mut Vec<u8>, each: &mut dyn FnMut(Event<'_>)) {
        Session::pump(self, room, out, each);
    }

    fn has_ready(&self) -> bool {
        Session::has_ready(self)
    }
}

impl Rows<{ row::WORDS }> for Http2 {
    type Session = Session;

    fn add(&self, batch: &mut Batch<{ row::WORDS }>, id: u32, event: &Event<'_>) {
        let row = match *event {
            Event::Head { stream, fields, ends } => head(batch, event::HEAD, id, stream, fields, ends),
            Event::Informational { stream, fields } => head(batch, event::INFORMATIONAL, id, stream, fields, false),
            Event::Push { stream, fields, .. } => head(batch, event::PUSH, id, stream, fields, false),
            Event::Extension { kind, stream, payload } => {
                let (at, length) = batch.add_body(payload);
                [event::EXTENSION, id, stream, at, length, kind.into(), 0]
            }
            Event::Data { stream, data } => {
                let (at, length) = batch.add_body(data);
                // Parts of one body that follow each other become one.
                if let Some(last) = batch.rows.last_mut()
                    && last[..3] == [event::DATA, id, stream]
                {
                    last[row::PART_LENGTH] += length;
                    return;
                }
                [event::DATA, id, stream, at, length, 0, 0]
            }
            Event::End { stream, trailers } => {
                let (at, length) = trailers.map_or((0, 0), |fields| batch.add_text(fields.text()));
                [event::END, id, stream, at, length, 0, 0]
            }
            Event::Reset { stream, code, .. } => [event::RESET, id, stream, 0, 0, code.0, 0],
            Event::Drained(stream) => [event::DRAINED, id, stream, 0, 0, 0, 0],
            Event::Closed(stream) => [event::CLOSED, id, stream, 0, 0, 0, 0],
            Event::Settings(_) => [event::SETTINGS, id, 0, 0, 0, 0, 0],
            Event::SettingsAck => [event::SETTINGS_ACK, id, 0, 0, 0, 0, 0],
            Event::Ping(octets) => {
                let (at, length) = batch.add_body(&octets);
                [event::PING, id, 0, at, length, 0, 0]
            }
            Event::Pong(octets) => {
                let (at, length) = batch.add_body(&octets);
                [event::PONG, id, 0, at, length, 0, 0]
            }
            Event::Goaway { last, code, debug } => {
                let (at, length) = batch.add_body(debug);
                [event::GOAWAY, id, last, at, length, code.0, 0]
            }
            Event::Failed { code, why } => {
                let (at, length) = batch.add_text(why.as_bytes());
                [event::FAILED, id, 0, at, length, code.0, 0]
            }
        };
        batch.rows.push(row);
    }
}

fn head(
    batch: &mut Batch<{ row::WORDS }>,
    kind: u32,
    id: u32,
    stream: u32,
    fields: &Fields,
    ends: bool,
) -> [u32; row::WORDS] {
    let (at, length) = batch.add_text(fields.text());
    let method = &fields.text()[fields.method()];
    let number = METHODS.iter().position(|known| known.as_bytes() == method);
    let number = number.map_or(0, |number| number as u32 + 1);
    let ends = if ends { row::ENDS } else { 0 };
    let (path, path_length) = (fields.path().start as u32, fields.path().len() as u32);
    let first = kind | ends | number << row::METHOD;
    [first, id, stream, at, length, at + path, path_length]
}
