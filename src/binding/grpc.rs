//! gRPC connections between the engine and `lib/grpc`. Their events are rows of [batches], which JavaScript reads;
//! JavaScript calls the functions of this module for everything that is sent.
//!
//! Every message is passed as a whole. A method is represented by the number that JavaScript [has got](path) for its
//! path.

pub(super) use super::batches::sent;

use super::batches::{self, Batch, Batches, GONE, Rows, room, said};
use super::engine::Engine;
use super::raw::{Args, Functions, Outcome};
use crate::grpc::{Event, Limits, Link, Status, Timeout, decode};
use crate::http2::{Code, Event as Received, Gone, Limits as SessionLimits, PingLimits, Role, Settings};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The bounds of the number of calls from which the limit of resets is computed.
const LEAST_RESETS: u32 = 500;
const MOST_RESETS: u32 = 4096;

/// The kinds of events, in [`row::KIND`].
pub(super) mod event {
    /// On a server: a call has begun.
    pub const CALL: u32 = 0;
    /// On a client: metadata that come before the first message.
    pub const METADATA: u32 = 1;
    /// A complete message.
    pub const MESSAGE: u32 = 2;
    /// A message is longer than allowed. The length is 0 if the incomplete messages of the whole connection are too
    /// long.
    pub const TOO_LARGE: u32 = 3;
    /// On a server: the caller has sent everything.
    pub const END: u32 = 4;
    /// On a client: the call has ended, with this status.
    pub const STATUS: u32 = 5;
    /// A stream was reset.
    pub const RESET: u32 = 6;
    /// Everything written on a stream has been framed.
    pub const DRAINED: u32 = 7;
    /// Both sides of a stream have ended.
    pub const CLOSED: u32 = 8;
    /// The peer's settings were received.
    pub const SETTINGS: u32 = 9;
    /// The answer to a `PING` of ours.
    pub const PONG: u32 = 10;
    /// The peer shuts the connection down.
    pub const GOAWAY: u32 = 11;
    /// The connection has failed, with a code and, in the text, the reason.
    pub const FAILED: u32 = 12;
    /// A `PING` was received and answered.
    pub const PING: u32 = 13;
}

/// The layout of a row of the table: indices of words, and bits of the first word.
pub(super) mod row {
    pub use super::super::batches::{FIRST, ID};
    /// The number of words of a row.
    pub const WORDS: usize = 8;
    /// Bits of the first word: the kind of event.
    pub const KIND: u32 = 0xff;
    /// Bit of the first word: the message is compressed.
    pub const COMPRESSED: u32 = 1 << 8;
    /// Bit of the first word: the caller has ended within a message.
    pub const TORN: u32 = 1 << 9;
    /// Bit of the first word: a status has come while our side is open.
    pub const OPEN: u32 = 1 << 10;
    /// The second word is the connection ([`ID`]), the third is the stream.
    pub const STREAM: usize = 2;
    /// The offset of the event's part, of a message in the body and otherwise in the text, and its length.
    pub const PART: usize = 3;
    pub const PART_LENGTH: usize = 4;
    /// Of a call: the number of its method. 0 if JavaScript has not asked for one; then the text begins with the path.
    pub const METHOD: usize = 5;
    /// Of a call: the length of that path.
    pub const PATH_LENGTH: usize = 6;
    /// Of a call: its timeout in milliseconds, or one of [`timeout`](super::timeout).
    pub const TIMEOUT: usize = 7;
    /// Of a message: how many bytes to pass to `grpcTake` once it has been taken.
    pub const USED: usize = 5;
    /// Of a message that is too long: its length.
    pub const LENGTH: usize = 5;
    /// Of a reset, a status, a shutdown or a failure: its code.
    pub const CODE: usize = 5;
    /// Of a status: the length of its message, with which the text begins.
    pub const MESSAGE_LENGTH: usize = 6;
    /// Of a status or of metadata: the status of HTTP, or 0 for a call that has ended without trailers.
    pub const HTTP: usize = 7;
}

/// Special values of [`row::TIMEOUT`]: the caller has stated no timeout, or a malformed one.
pub(super) mod timeout {
    pub const NONE: u32 = u32::MAX;
    pub const INVALID: u32 = u32::MAX - 1;
}

/// Bits of the calls that send, which say what the given bytes are.
pub(super) mod send_bit {
    /// Our side of the stream ends after them.
    pub const END: u32 = 1;
    /// They are one message without its prefix.
    pub const MESSAGE: u32 = 2;
    /// They are messages with their prefixes.
    pub const FRAMES: u32 = 4;
    /// The header of the response was sent already.
    pub const BEGUN: u32 = 8;
}

/// The state of gRPC in one environment.
#[derive(Default)]
struct Grpc {
    /// The numbers of methods by their paths.
    paths: RefCell<HashMap<Vec<u8>, u32>>,
    /// Buffers into which strings from JavaScript are copied.
    fields: RefCell<Vec<u8>>,
    more: RefCell<Vec<u8>>,
}

type Connection = batches::Connection<Link>;
type Links = Batches<Grpc, { row::WORDS }>;

/// Adds the functions of this module.
pub fn register(functions: &mut Functions<Engine>) {
    let grpc = Batches::new(Grpc::default());
    functions.state().add_protocol(grpc.clone());
    functions.add_with(&grpc, "grpcTable", |grpc, _, args| Ok(grpc.table(args, "onGrpc")));
    functions.add_with(&grpc, "grpcPath", path);
    functions.add_with(&grpc, "grpcAttach", attach);
    functions.add_with(&grpc, "grpcCall", call);
    functions.add_with(&grpc, "grpcRespond", |grpc, engine, args| {
        let stream = args.uint(1)?;
        let metadata = &mut *grpc.protocol.fields.borrow_mut();
        metadata.clear();
        args.append_latin1(2, metadata)?;
        Ok(said(
            engine.append_with(args.uint(0)?, |grpc: &mut Connection, out, _| {
                grpc.session.respond(stream, metadata, out)
            }),
        ))
    });
    functions.add_with(&grpc, "grpcWrite", write);
    functions.add_with(&grpc, "grpcReply", reply);
    functions.add_with(&grpc, "grpcFinish", finish);
    functions.add("grpcReset", |engine, args| {
        let (stream, code) = (args.uint(1)?, Code(args.uint(2)?));
        let reset = engine.append_with(args.uint(0)?, |grpc: &mut Connection, out, _| {
            grpc.session.reset(stream, code, out).is_ok()
        });
        Ok(reset == Some(true))
    });
    functions.add("grpcTake", |engine, args| {
        let (stream, used) = (args.uint(1)?, args.uint(2)?);
        engine.append_with(args.uint(0)?, |grpc: &mut Connection, out, _| {
            grpc.session.take(stream, used, out);
        });
        Ok(())
    });
    functions.add("grpcPing", |engine, args| {
        let octets = args.bytes(1, 0, 8, |bytes| bytes.try_into().unwrap_or_default())?;
        let sent = engine.append_with(args.uint(0)?, |grpc: &mut Connection, out, _| {
            grpc.session.http2().ping(octets, out)
        });
        Ok(sent.is_some())
    });
    functions.add("grpcGoaway", goaway);
    // (id): the numbers of [`Session::state`](crate::http2::Session::state).
    functions.add("grpcState", |engine, args| {
        let env = args.env();
        Ok(engine.state(args.uint(0)?, |grpc: &mut Connection| {
            let state = grpc.session.http2().state();
            env.array(&state.map(|number| env.number(number.into())))
        }))
    });
    functions.add("grpcLimitPings", limit_pings);
    functions.add_with(&grpc, "grpcDecode", |grpc, _, args| {
        let text = &mut *grpc.protocol.fields.borrow_mut();
        text.clear();
        args.append_latin1(0, text)?;
        Ok(args.env().string(&decode(text)))
    });
}

/// `(path)`: the number that stands for this path from now on. The first is 1.
fn path(grpc: &Rc<Links>, _engine: &Engine, args: &Args) -> Outcome<i32> {
    let path = args.string(0)?.into_bytes();
    let mut paths = grpc.protocol.paths.borrow_mut();
    let next = paths.len() as u32 + 1;
    Ok(*paths.entry(path).or_insert(next) as i32)
}

/// `(id, isServer, maxStreams, streamWindow, window, maxMessage, maxHeld, maxHeaderList)`: the connection speaks gRPC
/// from now on, and reading starts.
fn attach(grpc: &Rc<Links>, engine: &Engine, args: &Args) -> Outcome<i32> {
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
    // All concurrent calls may be cancelled or time out together, and the next ones, too.
    let most = settings.max_concurrent_streams.clamp(LEAST_RESETS, MOST_RESETS);
    let session = SessionLimits {
        resets: (2 * most, most / 4),
        ..SessionLimits::default()
    };
    let mut out = Vec::new();
    let mut link = Link::new(role, settings, session, limits, engine.now(), &mut out);
    link.http2().set_window(window, &mut out);
    Ok(grpc.attach(engine, id, link, &out))
}

/// `(id, interval, idleInterval, strikes)`: limits how often the peer may send `PING`. Intervals are in milliseconds.
fn limit_pings(engine: &Engine, args: &Args) -> Outcome<()> {
    let limits = PingLimits {
        interval: args.double(1)? as u64,
        idle_interval: args.double(2)? as u64,
        strikes: args.uint(3)?,
    };
    engine.state(args.uint(0)?, |grpc: &mut Connection| {
        grpc.session.http2().limit_pings(limits)
    });
    Ok(())
}

/// `(id, head, timeout | -1, metadata, bits, message, length)`: begins a call and returns its stream. `head` are the
/// header fields that all calls of its method share, `metadata` those of this call; `timeout` is in milliseconds.
/// `message` is sent if `bits` contain `MESSAGE`.
fn call(grpc: &Rc<Links>, engine: &Engine, args: &Args) -> Outcome<i32> {
    use send_bit::*;
    let (id, timeout, bits) = (args.uint(0)?, args.double(2)?, args.uint(4)?);
    let head = &mut *grpc.protocol.more.borrow_mut();
    head.clear();
    args.append_latin1(1, head)?;
    let timeout = (timeout >= 0.0).then_some(timeout as u64);
    let metadata = &mut *grpc.protocol.fields.borrow_mut();
    metadata.clear();
    args.append_latin1(3, metadata)?;
    // Returns the stream, and whether the whole message has been framed.
    let called = |message: Option<&[u8]>| {
        let called = engine.append_with(id, |grpc: &mut Connection, out, queued| {
            let stream = grpc.session.call(head, timeout, metadata, out)?;
            let Some(message) = message else {
                return Ok((stream as i32, true));
            };
            let ends = bits & END != 0;
            let wrote = grpc.session.message(stream, message, ends, room(queued), out)?;
            Ok::<_, Gone>((stream as i32, wrote.all))
        });
        called.and_then(Result::ok).unwrap_or((GONE, true))
    };
    let (stream, all) = if bits & MESSAGE == 0 {
        called(None)
    } else {
        args.bytes(5, 0, args.uint(6)? as usize, |message| called(Some(message)))?
    };
    if !all {
        grpc.pump(engine, id);
    }
    Ok(stream)
}

/// `(id, stream, bits, bytes, length)`: sends messages, ends our side, or both.
fn write(grpc: &Rc<Links>, engine: &Engine, args: &Args) -> Outcome<i32> {
    use send_bit::*;
    let (id, stream, bits) = (args.uint(0)?, args.uint(1)?, args.uint(2)?);
    let ends = bits & END != 0;
    let wrote = args.bytes(3, 0, args.uint(4)? as usize, |bytes| {
        said(engine.append_with(id, |grpc: &mut Connection, out, queued| {
            if bits & MESSAGE != 0 {
                return grpc.session.message(stream, bytes, ends, room(queued), out);
            }
            grpc.session.frames(stream, bytes, ends, room(queued), out)
        }))
    })?;
    Ok(grpc.go_on(engine, id, wrote))
}

/// `(id, stream, bits, metadata, trailers, message, length)`: sends a complete response with one message and the status
/// OK.
fn reply(grpc: &Rc<Links>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let (id, stream, bits) = (args.uint(0)?, args.uint(1)?, args.uint(2)?);
    let metadata = &mut *grpc.protocol.fields.borrow_mut();
    metadata.clear();
    args.append_latin1(3, metadata)?;
    let trailers = &mut *grpc.protocol.more.borrow_mut();
    trailers.clear();
    args.append_latin1(4, trailers)?;
    let wrote = args.bytes(5, 0, args.uint(6)? as usize, |message| {
        said(engine.append_with(id, |grpc: &mut Connection, out, queued| {
            if bits & send_bit::BEGUN == 0 {
                grpc.session.respond(stream, metadata, out)?;
            }
            let room = room(queued);
            grpc.session.message(stream, message, false, room, out)?;
            let status = Status {
                code: 0,
                message: b"OK",
                metadata: trailers,
            };
            grpc.session.finish(stream, &status, true, room, out)
        }))
    })?;
    Ok(grpc.go_on(engine, id, wrote))
}

/// `(id, stream, bits, code, message, metadata)`: ends a response with a status.
fn finish(grpc: &Rc<Links>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let (id, stream, bits, code) = (args.uint(0)?, args.uint(1)?, args.uint(2)?, args.uint(3)?);
    let message = &mut *grpc.protocol.fields.borrow_mut();
    message.clear();
    args.append_utf8(4, message)?;
    let metadata = &mut *grpc.protocol.more.borrow_mut();
    metadata.clear();
    args.append_latin1(5, metadata)?;
    let begun = bits & send_bit::BEGUN != 0;
    let wrote = said(engine.append_with(id, |grpc: &mut Connection, out, queued| {
        let status = Status {
            code,
            message,
            metadata,
        };
        grpc.session.finish(stream, &status, begun, room(queued), out)
    }));
    Ok(grpc.go_on(engine, id, wrote))
}

/// `(id, code, last | -1, debug, length)`: announces that no further streams will be handled. Returns whether no stream
/// is open.
fn goaway(engine: &Engine, args: &Args) -> Outcome<bool> {
    let (id, code, last) = (args.uint(0)?, Code(args.uint(1)?), args.int(2)?);
    let debug = args.bytes(3, 0, args.uint(4)? as usize, <[u8]>::to_vec)?;
    let done = engine.append_with(id, |grpc: &mut Connection, out, _| {
        let session = grpc.session.http2();
        session.goaway(code, u32::try_from(last).ok(), &debug, out);
        session.is_done()
    });
    Ok(done != Some(false))
}

impl batches::Session for Link {
    type Event<'a> = Event<'a>;

    fn feed(
        &mut self,
        input: &[u8],
        now: u64,
        out: &mut Vec<u8>,
        room: &dyn Fn() -> bool,
        each: &mut dyn FnMut(Event<'_>),
    ) -> usize {
        Link::feed(self, input, now, out, room, each)
    }

    fn pump(&mut self, room: usize, out: &mut Vec<u8>, each: &mut dyn FnMut(Event<'_>)) {
        Link::pump(self, room, out, each);
    }

    fn has_ready(&self) -> bool {
        Link::has_ready(self)
    }
}

impl Rows<{ row::WORDS }> for Grpc {
    type Session = Link;

    fn add(&self, batch: &mut Batch<{ row::WORDS }>, id: u32, event: &Event<'_>) {
        let row = match *event {
            Event::Call {
                stream,
                path,
                timeout,
                metadata,
            } => {
                let method = self.paths.borrow().get(path).copied();
                let path = if method.is_some() { &[] } else { path };
                let (at, length) = batch.add_text_of([path, metadata]);
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
                let (at, length) = batch.add_text(metadata);
                [event::METADATA, id, stream, at, length, 0, 0, status.into()]
            }
            Event::Message {
                stream,
                compressed,
                data,
                used,
            } => {
                let (at, length) = batch.add_body(data);
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
                let (at, length) = batch.add_text_of([message, metadata]);
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
            Event::Other(ref event) => match other(batch, id, event) {
                Some(row) => row,
                None => return,
            },
        };
        batch.rows.push(row);
    }
}

fn other(batch: &mut Batch<{ row::WORDS }>, id: u32, event: &Received<'_>) -> Option<[u32; row::WORDS]> {
    Some(match *event {
        Received::Reset { stream, code, .. } => [event::RESET, id, stream, 0, 0, code.0, 0, 0],
        Received::Drained(stream) => [event::DRAINED, id, stream, 0, 0, 0, 0, 0],
        Received::Closed(stream) => [event::CLOSED, id, stream, 0, 0, 0, 0, 0],
        Received::Settings(_) => [event::SETTINGS, id, 0, 0, 0, 0, 0, 0],
        Received::Ping(_) => [event::PING, id, 0, 0, 0, 0, 0, 0],
        Received::Pong(octets) => {
            let (at, length) = batch.add_body(&octets);
            [event::PONG, id, 0, at, length, 0, 0, 0]
        }
        Received::Goaway { last, code, debug } => {
            let (at, length) = batch.add_text(debug);
            [event::GOAWAY, id, last, at, length, code.0, 0, 0]
        }
        Received::Failed { code, why } => {
            let (at, length) = batch.add_text(why.as_bytes());
            [event::FAILED, id, 0, at, length, code.0, 0, 0]
        }
        _ => return None,
    })
}
