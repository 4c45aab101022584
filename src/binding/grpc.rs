//! gRPC connections between the engine and `lib/grpc`: what peers say comes up in batches, what is answered goes down call by call.
//!
//! What the connections of one turn of the loop have received is shown to JavaScript in one call, `onGrpc(count, text, body)`, after the last
//! of them was read. The events stand in a [table](super::table), a row each, that names connection and stream; messages are whole, and methods
//! are the numbers that JavaScript has [been given](path) for their paths.

use super::engine::{Engine, Node};
use super::raw::{Args, Functions, Outcome, SharedBytes, Value};
use super::table::{Showing, Table};
use crate::engine::Protocol;
use crate::grpc::{Event, Limits, Link, Status, Timeout, decode};
use crate::http2::{Code, Event as Received, Gone, Limits as SessionLimits, Role, Settings, Wrote};
use crate::uv::{Errno, Stream};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Events per call of JavaScript: more gain nothing from being shown together.
const EVENTS: usize = 512;

/// Metadata per call of JavaScript, in bytes: they are one string, which lives as long as any part of it.
const TEXT: usize = 64 * 1024;

/// Messages of several reads per call of JavaScript, in bytes: they share one Buffer, which a part that is kept keeps whole.
const SHARED_BODY: usize = 8 * 1024;

/// Data that are put into a connection's output: what goes beyond that would only lie there, while other streams could have their turn.
const ROOM: u64 = 64 * 1024;

/// Output that nobody takes, beyond which a connection is not read any more: who does not read what is answered is not heard until he does.
const FLOOD: u64 = 4 * ROOM;

/// The kinds of events.
pub(super) mod event {
    /// A server's call begins.
    pub const CALL: u32 = 0;
    /// Metadata before a client's first message.
    pub const METADATA: u32 = 1;
    /// A message.
    pub const MESSAGE: u32 = 2;
    /// A message that is longer than may be, or 0 when all of a connection's are.
    pub const TOO_LARGE: u32 = 3;
    /// A server's caller sends no more.
    pub const END: u32 = 4;
    /// How a client's call has ended.
    pub const STATUS: u32 = 5;
    /// A stream is over before its end.
    pub const RESET: u32 = 6;
    /// All that was written on a stream is framed.
    pub const DRAINED: u32 = 7;
    /// A stream is over.
    pub const CLOSED: u32 = 8;
    /// The peer's settings have come.
    pub const SETTINGS: u32 = 9;
    /// A ping of ours was answered.
    pub const PONG: u32 = 10;
    /// The peer wants no more streams.
    pub const GOAWAY: u32 = 11;
    /// The connection is over: a code, and why in the text.
    pub const FAILED: u32 = 12;
    /// The peer asks whether we are there.
    pub const PING: u32 = 13;
}

/// A row of the table.
pub(super) mod row {
    /// Where the first begins, in words.
    pub const FIRST: usize = 1;
    /// Words of one.
    pub const WORDS: usize = 8;
    /// The first word: the kind,
    pub const KIND: u32 = 0xff;
    /// that a message is compressed,
    pub const COMPRESSED: u32 = 1 << 8;
    /// that the end comes in the middle of a message,
    pub const TORN: u32 = 1 << 9;
    /// that a status comes while our side is open.
    pub const OPEN: u32 = 1 << 10;
    /// The second: the connection.
    pub const ID: usize = 1;
    pub const STREAM: usize = 2;
    /// Where in the text, or of a message in the body, its part lies.
    pub const PART: usize = 3;
    pub const PART_LENGTH: usize = 4;
    /// Of a call, its method's number; 0 for one that nobody has asked a number for: its path is the text's first part then.
    pub const METHOD: usize = 5;
    /// Of a call, the length of that path.
    pub const PATH_LENGTH: usize = 6;
    /// Of a call, the milliseconds that its caller waits, or one of the two below.
    pub const TIMEOUT: usize = 7;
    /// Of a message, the bytes to be given back when it was taken.
    pub const USED: usize = 5;
    /// Of what is too large, its length.
    pub const LENGTH: usize = 5;
    /// Of what ends, why.
    pub const CODE: usize = 5;
    /// Of a status, the length of what is said about it, which is the text's first part.
    pub const MESSAGE_LENGTH: usize = 6;
    /// Of a status or of metadata, HTTP's status; 0 for a call that ended without any word.
    pub const HTTP: usize = 7;
}

/// What stands for a caller's milliseconds: that he does not say, and that he says what is none.
pub(super) mod timeout {
    pub const NONE: u32 = u32::MAX;
    pub const INVALID: u32 = u32::MAX - 1;
}

/// What to do with bytes, in the calls that send.
pub(super) mod send_bit {
    /// Our side ends with it.
    pub const END: u32 = 1;
    /// It is one message, which is to be framed.
    pub const MESSAGE: u32 = 2;
    /// It is messages that are framed.
    pub const FRAMES: u32 = 4;
    /// The call's response has begun.
    pub const BEGUN: u32 = 8;
}

/// What those calls return; -1 for a stream that is gone, or metadata that are none.
pub(super) mod sent {
    /// All is framed: no [`DRAINED`](super::event::DRAINED) comes.
    pub const ALL: i32 = 1;
    /// The stream is over: no [`CLOSED`](super::event::CLOSED) comes.
    pub const CLOSED: i32 = 2;
}

const GONE: i32 = -1;

/// One connection's state.
struct Connection {
    link: Link,
    /// It is not read until its output has left.
    flooded: bool,
}

/// The protocol in one environment.
#[derive(Default)]
struct Grpc {
    scratch: RefCell<Scratch>,
    /// A batch is being shown.
    showing: Cell<bool>,
    /// Numbers of methods, by their paths.
    paths: RefCell<HashMap<Vec<u8>, u32>>,
    /// Where metadata and messages that are strings are read.
    fields: RefCell<Vec<u8>>,
    more: RefCell<Vec<u8>>,
}

#[derive(Default)]
struct Scratch {
    table: Option<Table>,
    rows: Vec<[u32; row::WORDS]>,
    /// The metadata of the batch being made or shown; it may be shown again.
    text: Vec<u8>,
    body: Vec<u8>,
    /// What was received while a batch was shown, by a loop that the program runs inside of its own.
    late: Vec<(u32, Vec<u8>)>,
}

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Engine>) {
    let grpc = Rc::new(Grpc::default());
    functions.state().add_protocol(grpc.clone());
    functions.add_with(&grpc, "grpcTable", table);
    functions.add_with(&grpc, "grpcPath", path);
    functions.add_with(&grpc, "grpcAttach", attach);
    functions.add_with(&grpc, "grpcCall", call);
    functions.add_with(&grpc, "grpcRespond", |grpc, engine, args| {
        let stream = args.uint(1)?;
        let metadata = &mut *grpc.fields.borrow_mut();
        metadata.clear();
        args.append_latin1(2, metadata)?;
        Ok(said(
            engine.append_with(args.uint(0)?, |grpc: &mut Connection, out, _| {
                grpc.link.respond(stream, metadata, out)
            }),
        ))
    });
    functions.add_with(&grpc, "grpcWrite", write);
    functions.add_with(&grpc, "grpcReply", reply);
    functions.add_with(&grpc, "grpcFinish", finish);
    functions.add("grpcReset", |engine, args| {
        let (stream, code) = (args.uint(1)?, Code(args.uint(2)?));
        let reset = engine.append_with(args.uint(0)?, |grpc: &mut Connection, out, _| {
            grpc.link.reset(stream, code, out).is_ok()
        });
        Ok(reset == Some(true))
    });
    functions.add("grpcTake", |engine, args| {
        let (stream, used) = (args.uint(1)?, args.uint(2)?);
        engine.append_with(args.uint(0)?, |grpc: &mut Connection, out, _| {
            grpc.link.take(stream, used, out);
        });
        Ok(())
    });
    functions.add("grpcPing", |engine, args| {
        let octets = args.bytes(1, 0, 8, |bytes| bytes.try_into().unwrap_or_default())?;
        let sent = engine.append_with(args.uint(0)?, |grpc: &mut Connection, out, _| {
            grpc.link.session().ping(octets, out)
        });
        Ok(sent.is_some())
    });
    functions.add("grpcGoaway", goaway);
    functions.add("grpcForget", |engine, args| {
        engine.state(args.uint(0)?, |grpc: &mut Connection| grpc.link.forget());
        Ok(())
    });
    functions.add_with(&grpc, "grpcDecode", |grpc, _, args| {
        let text = &mut *grpc.fields.borrow_mut();
        text.clear();
        args.append_latin1(0, text)?;
        Ok(args.env().string(&decode(text)))
    });
}

/// `(listener)`: an object whose `onGrpc` is shown batches, the first time. Returns the table, as an `ArrayBuffer`.
fn table(grpc: &Rc<Grpc>, _engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let mut scratch = grpc.scratch.borrow_mut();
    if scratch.table.is_none() {
        let words = row::FIRST + EVENTS * row::WORDS;
        scratch.table = Table::new(args.env(), words, args.value(0), "onGrpc");
    }
    Ok(scratch.table.as_ref().map(Table::value))
}

/// `(path)`: the number that stands for it, from 1 on.
fn path(grpc: &Rc<Grpc>, _engine: &Engine, args: &Args) -> Outcome<i32> {
    let path = args.string(0)?.into_bytes();
    let mut paths = grpc.paths.borrow_mut();
    let next = paths.len() as u32 + 1;
    Ok(*paths.entry(path).or_insert(next) as i32)
}

/// `(id, isServer, maxStreams, streamWindow, window, maxMessage, maxHeld, maxHeaderList)`: the connection speaks gRPC from now on, and is read.
fn attach(grpc: &Rc<Grpc>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let id = args.uint(0)?;
    let role = if args.boolean(1)? { Role::Server } else { Role::Client };
    let settings = Settings {
        max_concurrent_streams: args.uint(2)?,
        initial_window_size: args.uint(3)?,
        max_header_list_size: args.uint(7)?,
        ..Settings::default()
    };
    let window = args.uint(4)?;
    let limits = Limits {
        message: args.uint(5)?,
        held: args.uint(6)? as usize,
    };
    let mut out = Vec::new();
    let mut link = Link::new(role, settings, SessionLimits::default(), limits, engine.now(), &mut out);
    link.session().set_window(window, &mut out);
    let connection = Connection { link, flooded: false };
    let attached = engine.connection(id, |spoken| spoken.speak(grpc.clone(), connection));
    if let Err(error) = attached {
        return Ok(error.0);
    }
    engine.append_with(id, |_: &mut Connection, pending, _| pending.extend_from_slice(&out));
    Ok(Errno::code(engine.stream(id, Stream::read_start)))
}

/// Room for data in the output of a connection of which so many bytes have not left.
fn room(queued: u64) -> usize {
    ROOM.saturating_sub(queued) as usize
}

fn said(wrote: Option<Result<Wrote, Gone>>) -> i32 {
    match wrote {
        Some(Ok(Wrote { all, closed })) => (i32::from(all) * sent::ALL) | (i32::from(closed) * sent::CLOSED),
        _ => GONE,
    }
}

/// `(id, head, timeout | -1, metadata, bits, message, length)`: begins a call with the fields that all of its method have and its own, and sends its message if `bits` say that there is one. Returns its
/// stream.
fn call(grpc: &Rc<Grpc>, engine: &Engine, args: &Args) -> Outcome<i32> {
    use send_bit::*;
    let (id, timeout, bits) = (args.uint(0)?, args.double(2)?, args.uint(4)?);
    let head = &mut *grpc.more.borrow_mut();
    head.clear();
    args.append_latin1(1, head)?;
    let timeout = (timeout >= 0.0).then_some(timeout as u64);
    let metadata = &mut *grpc.fields.borrow_mut();
    metadata.clear();
    args.append_latin1(3, metadata)?;
    let called = |message: Option<&[u8]>| {
        let called = engine.append_with(id, |grpc: &mut Connection, out, queued| {
            let stream = grpc.link.call(head, timeout, metadata, out)?;
            if let Some(message) = message {
                grpc.link.message(stream, message, bits & END != 0, room(queued), out)?;
            }
            Ok::<u32, Gone>(stream)
        });
        called.and_then(Result::ok).map_or(GONE, |stream| stream as i32)
    };
    if bits & MESSAGE == 0 {
        return Ok(called(None));
    }
    let stream = args.bytes(5, 0, args.uint(6)? as usize, |message| called(Some(message)))?;
    pump_soon(grpc, engine, id);
    Ok(stream)
}

/// `(id, stream, bits, bytes, length)`: messages, or the end of our side, or both.
fn write(grpc: &Rc<Grpc>, engine: &Engine, args: &Args) -> Outcome<i32> {
    use send_bit::*;
    let (id, stream, bits) = (args.uint(0)?, args.uint(1)?, args.uint(2)?);
    let ends = bits & END != 0;
    let wrote = args.bytes(3, 0, args.uint(4)? as usize, |bytes| {
        said(engine.append_with(id, |grpc: &mut Connection, out, queued| {
            if bits & MESSAGE != 0 {
                return grpc.link.message(stream, bytes, ends, room(queued), out);
            }
            grpc.link.frames(stream, bytes, ends, room(queued), out)
        }))
    })?;
    if wrote & sent::ALL == 0 {
        pump_soon(grpc, engine, id);
    }
    Ok(wrote)
}

/// `(id, stream, bits, metadata, trailers, message, length)`: the whole of a response with one message, whose status is OK.
fn reply(grpc: &Rc<Grpc>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let (id, stream, bits) = (args.uint(0)?, args.uint(1)?, args.uint(2)?);
    let metadata = &mut *grpc.fields.borrow_mut();
    metadata.clear();
    args.append_latin1(3, metadata)?;
    let trailers = &mut *grpc.more.borrow_mut();
    trailers.clear();
    args.append_latin1(4, trailers)?;
    let wrote = args.bytes(5, 0, args.uint(6)? as usize, |message| {
        said(engine.append_with(id, |grpc: &mut Connection, out, queued| {
            if bits & send_bit::BEGUN == 0 {
                grpc.link.respond(stream, metadata, out)?;
            }
            let room = room(queued);
            grpc.link.message(stream, message, false, room, out)?;
            let status = Status {
                code: 0,
                message: b"OK",
                metadata: trailers,
            };
            grpc.link.finish(stream, &status, true, room, out)
        }))
    })?;
    if wrote & sent::ALL == 0 {
        pump_soon(grpc, engine, id);
    }
    Ok(wrote)
}

/// `(id, stream, bits, code, message, metadata)`: the end of a response.
fn finish(grpc: &Rc<Grpc>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let (id, stream, bits, code) = (args.uint(0)?, args.uint(1)?, args.uint(2)?, args.uint(3)?);
    let message = &mut *grpc.fields.borrow_mut();
    message.clear();
    args.append_utf8(4, message)?;
    let metadata = &mut *grpc.more.borrow_mut();
    metadata.clear();
    args.append_latin1(5, metadata)?;
    let begun = bits & send_bit::BEGUN != 0;
    let wrote = said(engine.append_with(id, |grpc: &mut Connection, out, queued| {
        let status = Status {
            code,
            message,
            metadata,
        };
        grpc.link.finish(stream, &status, begun, room(queued), out)
    }));
    if wrote & sent::ALL == 0 {
        pump_soon(grpc, engine, id);
    }
    Ok(wrote)
}

/// `(id, code, last | -1, debug, length)`: no further streams are handled. Returns whether none is open.
fn goaway(engine: &Engine, args: &Args) -> Outcome<bool> {
    let (id, code, last) = (args.uint(0)?, Code(args.uint(1)?), args.int(2)?);
    let debug = args.bytes(3, 0, args.uint(4)? as usize, <[u8]>::to_vec)?;
    let done = engine.append_with(id, |grpc: &mut Connection, out, _| {
        let session = grpc.link.session();
        session.goaway(code, u32::try_from(last).ok(), &debug, out);
        session.is_done()
    });
    Ok(done != Some(false))
}

impl Protocol<Node> for Grpc {
    fn read(&self, engine: &Engine, id: u32, bytes: &[u8]) {
        read(self, engine, id, bytes);
    }

    /// There is room again.
    fn drained(&self, engine: &Engine, id: u32, _awaited: bool) {
        if pump(self, engine, id) {
            engine.gather();
        }
        let flooded = engine.state(id, |grpc: &mut Connection| std::mem::take(&mut grpc.flooded));
        if flooded == Some(true) {
            // A connection that is closed meanwhile is not read.
            let _ = engine.stream(id, Stream::read_start);
        }
    }

    fn tick(&self, engine: &Engine) {
        show(self, engine);
    }

    fn silence(&self) {
        if let Some(table) = &self.scratch.borrow().table {
            table.silence();
        }
    }
}

/// Bytes that a connection has received.
fn read(grpc: &Grpc, engine: &Engine, id: u32, bytes: &[u8]) {
    if grpc.showing.get() {
        grpc.scratch.borrow_mut().late.push((id, bytes.to_vec()));
        return;
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        if !grpc.scratch.borrow().has_room_for(rest.len()) {
            show(grpc, engine);
        }
        let now = engine.now();
        let room = || grpc.scratch.borrow().has_room();
        let fed = engine.append_with(id, |connection: &mut Connection, out, _| {
            connection.link.feed(rest, now, out, &room, &mut |event| {
                let paths = grpc.paths.borrow();
                grpc.scratch.borrow_mut().add(id, &event, &paths);
            })
        });
        let Some(taken) = fed else { return };
        rest = &rest[taken..];
        pump(grpc, engine, id);
    }
    // So much has been offered to the kernel, which has not taken it: it will be said when it has.
    let queued = engine.connection(id, |connection| connection.queued());
    if queued.is_ok_and(|queued| queued > FLOOD) {
        engine.state(id, |grpc: &mut Connection| grpc.flooded = true);
        let _ = engine.stream(id, |stream| {
            stream.read_stop();
            Ok(())
        });
    }
    if !grpc.scratch.borrow().rows.is_empty() {
        engine.gather();
    }
}

/// The same in a call from above: what it tells is shown before the loop waits.
fn pump_soon(grpc: &Grpc, engine: &Engine, id: u32) {
    if pump(grpc, engine, id) {
        engine.gather_before_wait();
    }
}

/// Puts data that wait into a connection's output, as far as windows and room go. Returns whether there is something to tell.
fn pump(grpc: &Grpc, engine: &Engine, id: u32) -> bool {
    let mut tells = false;
    loop {
        let before = grpc.scratch.borrow().rows.len();
        let more = engine.append_with(id, |connection: &mut Connection, out, queued| {
            let room = room(queued);
            if room == 0 || !connection.link.session().has_ready() {
                return false;
            }
            let length = out.len();
            connection.link.pump(room, out, &mut |event| {
                let paths = grpc.paths.borrow();
                grpc.scratch.borrow_mut().add(id, &event, &paths);
            });
            out.len() > length
        });
        tells |= grpc.scratch.borrow().rows.len() > before;
        if more != Some(true) {
            return tells;
        }
    }
}

impl Scratch {
    fn has_room(&self) -> bool {
        self.rows.len() < EVENTS && self.text.len() < TEXT
    }

    /// Whether what one more read of so many bytes brings has room.
    fn has_room_for(&self, length: usize) -> bool {
        self.has_room() && (self.body.is_empty() || self.body.len() + length <= SHARED_BODY)
    }

    fn add_text(&mut self, parts: [&[u8]; 2]) -> (u32, u32) {
        let at = self.text.len() as u32;
        self.text.extend_from_slice(parts[0]);
        self.text.extend_from_slice(parts[1]);
        (at, (parts[0].len() + parts[1].len()) as u32)
    }

    fn add_body(&mut self, bytes: &[u8]) -> (u32, u32) {
        let at = self.body.len() as u32;
        self.body.extend_from_slice(bytes);
        (at, bytes.len() as u32)
    }

    fn add(&mut self, id: u32, event: &Event<'_>, paths: &HashMap<Vec<u8>, u32>) {
        let row = match *event {
            Event::Call {
                stream,
                path,
                timeout,
                metadata,
            } => {
                let method = paths.get(path).copied();
                let path = if method.is_some() { &[] } else { path };
                let (at, length) = self.add_text([path, metadata]);
                let timeout = match timeout {
                    Timeout::None => timeout::NONE,
                    Timeout::Invalid => timeout::INVALID,
                    Timeout::After(milliseconds) => milliseconds.min((timeout::INVALID - 1).into()) as u32,
                };
                let (method, path) = (method.unwrap_or(0), path.len() as u32);
                [event::CALL, id, stream, at, length, method, path, timeout]
            }
            Event::Metadata {
                stream,
                status,
                metadata,
            } => {
                let (at, length) = self.add_text([metadata, &[]]);
                [event::METADATA, id, stream, at, length, 0, 0, status.into()]
            }
            Event::Message {
                stream,
                compressed,
                data,
                used,
            } => {
                let (at, length) = self.add_body(data);
                let flags = if compressed { row::COMPRESSED } else { 0 };
                [event::MESSAGE | flags, id, stream, at, length, used, 0, 0]
            }
            Event::TooLarge { stream, length } => [event::TOO_LARGE, id, stream, 0, 0, length, 0, 0],
            Event::End { stream, torn } => {
                let flags = if torn { row::TORN } else { 0 };
                [event::END | flags, id, stream, 0, 0, 0, 0, 0]
            }
            Event::Status {
                stream,
                code,
                http,
                message,
                metadata,
                open,
            } => {
                let (at, length) = self.add_text([message, metadata]);
                let message = message.len() as u32;
                let flags = if open { row::OPEN } else { 0 };
                [
                    event::STATUS | flags,
                    id,
                    stream,
                    at,
                    length,
                    code,
                    message,
                    http.into(),
                ]
            }
            Event::Other(ref other) => match self.other(id, other) {
                Some(row) => row,
                None => return,
            },
        };
        self.rows.push(row);
    }

    fn other(&mut self, id: u32, event: &Received<'_>) -> Option<[u32; row::WORDS]> {
        Some(match *event {
            Received::Reset { stream, code, .. } => [event::RESET, id, stream, 0, 0, code.0, 0, 0],
            Received::Drained(stream) => [event::DRAINED, id, stream, 0, 0, 0, 0, 0],
            Received::Closed(stream) => [event::CLOSED, id, stream, 0, 0, 0, 0, 0],
            Received::Settings(_) => [event::SETTINGS, id, 0, 0, 0, 0, 0, 0],
            Received::Ping(_) => [event::PING, id, 0, 0, 0, 0, 0, 0],
            Received::Pong(octets) => {
                let (at, length) = self.add_body(&octets);
                [event::PONG, id, 0, at, length, 0, 0, 0]
            }
            Received::Goaway { last, code, debug } => {
                let (at, length) = self.add_text([debug, &[]]);
                [event::GOAWAY, id, last, at, length, code.0, 0, 0]
            }
            Received::Failed { code, why } => {
                let (at, length) = self.add_text([why.as_bytes(), &[]]);
                [event::FAILED, id, 0, at, length, code.0, 0, 0]
            }
            _ => return None,
        })
    }
}

/// Shows what was gathered, again and again while handlers throw.
fn show(grpc: &Grpc, engine: &Engine) {
    if grpc.showing.get() || grpc.scratch.borrow().rows.is_empty() {
        return;
    }
    let Some(table) = grpc.scratch.borrow().table.clone() else {
        return;
    };
    let (rows, text, body) = {
        let mut scratch = grpc.scratch.borrow_mut();
        let Scratch { rows, text, body, .. } = &mut *scratch;
        (std::mem::take(rows), std::mem::take(text), std::mem::take(body))
    };
    let showing = Showing::new(&grpc.showing);
    for rows in rows.chunks(EVENTS) {
        let shown = table.show(
            |words: &SharedBytes| words.copy_words(row::FIRST, rows.as_flattened()),
            |env| {
                let bytes = if body.is_empty() {
                    env.undefined()
                } else {
                    env.buffer_copy(&body)
                };
                [env.int(rows.len() as i32), env.latin1(&text), bytes]
            },
        );
        if shown.is_err() {
            engine.env().report("ironwire: the table of gRPC events was detached");
            for row in rows {
                // It may be closed already.
                let _ = engine.close(row[row::ID], false);
            }
        }
    }
    drop(showing);
    let late = {
        let mut scratch = grpc.scratch.borrow_mut();
        if scratch.rows.is_empty() && scratch.text.is_empty() && scratch.body.is_empty() {
            // The memory serves the next batch.
            (scratch.rows, scratch.text, scratch.body) = (rows, text, body);
            scratch.rows.clear();
            scratch.text.clear();
            scratch.body.clear();
            scratch.body.shrink_to(TEXT);
        }
        std::mem::take(&mut scratch.late)
    };
    for (id, bytes) in late {
        read(grpc, engine, id, &bytes);
    }
}
