//! One connection, in either role: what its streams carry, as calls.

use super::message::{Piece, Splitter, frame};
use super::percent;
use super::timeout::{parse_timeout, put_timeout};
use crate::http2::{
    Code, Event as Received, Fields, Gone, Limits as SessionLimits, Role, Session, Settings, Wrote, pairs,
};
use std::collections::HashMap;

/// What stands for the status of a call whose server says none.
pub const NO_STATUS: u32 = u32::MAX;

/// `UNKNOWN`: the status for one that is no number.
const UNKNOWN: u32 = 2;

/// What a peer may ask of us, besides what it may of the [session](SessionLimits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message.
    pub message: u32,
    /// Bytes of all messages of a connection that are not whole.
    pub held: usize,
}

/// How long a caller waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// It does not say.
    None,
    /// So many milliseconds.
    After(u64),
    /// What it says is none.
    Invalid,
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    /// A number of gRPC's.
    pub code: u32,
    /// What is said about it, as text.
    pub message: &'a [u8],
    /// Behind the last message.
    pub metadata: &'a [u8],
}

/// What has happened. Metadata are as [`pairs`] reads them, with what else is for whoever handles the call.
#[derive(Debug)]
pub enum Event<'a> {
    /// A server's: a call begins.
    Call {
        /// Its stream.
        stream: u32,
        /// Of the method.
        path: &'a [u8],
        /// Of the caller's patience.
        timeout: Timeout,
        /// With `:authority`, `grpc-encoding` and `grpc-accept-encoding` among them.
        metadata: &'a [u8],
    },
    /// A client's: metadata before the first message.
    Metadata {
        /// The call's stream.
        stream: u32,
        /// Of HTTP.
        status: u16,
        /// With `grpc-encoding` among them.
        metadata: &'a [u8],
    },
    /// A message.
    Message {
        /// The call's stream.
        stream: u32,
        /// See [`Piece::Message`].
        compressed: bool,
        /// Its bytes.
        data: &'a [u8],
        /// See [`Piece::Message`]; to be given to [`Link::take`] if more is to come.
        used: u32,
    },
    /// A message that is longer than may be, or 0 when it is only that all messages of the connection take too much. No more of them are told.
    TooLarge {
        /// The call's stream.
        stream: u32,
        /// What the message says of itself.
        length: u32,
    },
    /// A server's: the caller sends no more.
    End {
        /// The call's stream.
        stream: u32,
        /// In the middle of a message.
        torn: bool,
    },
    /// A client's: the end.
    Status {
        /// The call's stream.
        stream: u32,
        /// A number of gRPC's, or [`NO_STATUS`].
        code: u32,
        /// Of HTTP; 0 when the call has ended without any word.
        http: u16,
        /// What is said about it, to be [decoded](super::decode).
        message: &'a [u8],
        /// Behind the last message.
        metadata: &'a [u8],
        /// Our side has not ended: the stream is not over with this.
        open: bool,
    },
    /// What is not about messages.
    Other(Received<'a>),
}

/// A call, as far as it is received here.
#[derive(Default)]
struct Call {
    splitter: Splitter,
    /// A client's: of HTTP, when a header has come.
    http: u16,
    /// A client's: its status has come. A server's: it was refused.
    over: bool,
    /// Our side is to end when all has left that was written, and has ended.
    ends: bool,
    ended: bool,
}

/// The calls of a connection, and where what is told of them is put together.
struct Calls {
    role: Role,
    limits: Limits,
    open: HashMap<u32, Call>,
    /// Bytes of messages that are not whole.
    held: usize,
    /// Data that nobody will take: the peer is told behind the read.
    passed: Vec<(u32, u32)>,
    /// Milliseconds that calls have, of which the session is told behind the read.
    timed: Vec<(u32, u64)>,
    /// Streams that are no calls.
    refused: Vec<u32>,
    text: Vec<u8>,
    message: Vec<u8>,
}

/// Who is told.
type Each<'e> = dyn FnMut(Event<'_>) + 'e;

/// See the module's documentation.
pub struct Link {
    session: Session,
    calls: Calls,
    framed: Vec<u8>,
}

impl Link {
    /// A new connection. What it begins with is appended to `out`.
    pub fn new(
        role: Role,
        settings: Settings,
        session: SessionLimits,
        limits: Limits,
        now: u64,
        out: &mut Vec<u8>,
    ) -> Link {
        let mut session = Session::new(role, settings, session, now, out);
        session.take_by_hand();
        let calls = Calls {
            role,
            limits,
            open: HashMap::new(),
            held: 0,
            passed: Vec::new(),
            timed: Vec::new(),
            refused: Vec::new(),
            text: Vec::new(),
            message: Vec::new(),
        };
        Link {
            session,
            calls,
            framed: Vec::new(),
        }
    }

    /// What it stands on.
    pub fn http2(&mut self) -> &mut Session {
        &mut self.session
    }

    /// See [`Session::has_ready`].
    pub fn has_ready(&self) -> bool {
        self.session.has_ready()
    }

    /// See [`Session::feed`].
    pub fn feed(
        &mut self,
        input: &[u8],
        now: u64,
        out: &mut Vec<u8>,
        room: &dyn Fn() -> bool,
        each: &mut Each<'_>,
    ) -> usize {
        let calls = &mut self.calls;
        let taken = self
            .session
            .feed(input, now, out, room, &mut |received| calls.hear(received, each));
        for (stream, length) in self.calls.passed.drain(..) {
            self.session.take(stream, length, out);
        }
        for (stream, time) in self.calls.timed.drain(..) {
            self.session.set_expiry(stream, now.saturating_add(time));
        }
        for stream in std::mem::take(&mut self.calls.refused) {
            let refused = self.session.respond(stream, 415, &[], None, true, out);
            self.said(stream, refused.ok());
        }
        taken
    }

    /// See [`Session::pump`].
    pub fn pump(&mut self, room: usize, out: &mut Vec<u8>, each: &mut Each<'_>) {
        let calls = &mut self.calls;
        self.session.pump(room, out, &mut |received| calls.hear(received, each));
    }

    /// Messages of a call were taken, of so many bytes.
    pub fn take(&mut self, stream: u32, used: u32, out: &mut Vec<u8>) {
        self.session.take(stream, used, out);
    }

    /// Begins a call: `head` are the fields that all calls of its method have, `metadata` those of this one. Returns its stream.
    ///
    /// # Errors
    /// The peer takes no more calls now, or the fields are none.
    pub fn call(&mut self, head: &[u8], timeout: Option<u64>, metadata: &[u8], out: &mut Vec<u8>) -> Result<u32, Gone> {
        let text = &mut self.calls.text;
        text.clear();
        text.extend_from_slice(head);
        if let Some(timeout) = timeout {
            text.extend_from_slice(b"grpc-timeout\0");
            put_timeout(timeout, text);
            text.push(0);
        }
        text.extend_from_slice(metadata);
        let stream = self.session.request(text, false, out)?;
        self.calls.open.insert(stream, Call::default());
        Ok(stream)
    }

    /// Whether another call can begin.
    pub fn has_room(&self) -> bool {
        self.session.open_streams() < self.session.remote().max_concurrent_streams as usize
    }

    /// Metadata before the first message.
    ///
    /// # Errors
    /// See [`Session::respond`].
    pub fn respond(&mut self, stream: u32, metadata: &[u8], out: &mut Vec<u8>) -> Result<Wrote, Gone> {
        let text = &mut self.calls.text;
        text.clear();
        text.extend_from_slice(RESPONSE);
        text.extend_from_slice(metadata);
        self.session.respond(stream, 200, text, None, false, out)
    }

    /// Sends a message, and the end of our side if it `ends`.
    ///
    /// # Errors
    /// See [`Session::write`].
    pub fn message(
        &mut self,
        stream: u32,
        message: &[u8],
        ends: bool,
        room: usize,
        out: &mut Vec<u8>,
    ) -> Result<Wrote, Gone> {
        let mut framed = std::mem::take(&mut self.framed);
        framed.clear();
        frame(message, &mut framed);
        let wrote = self.frames(stream, &framed, ends, room, out);
        framed.shrink_to(64 * 1024);
        self.framed = framed;
        wrote
    }

    /// Sends messages that are [framed](frame), and the end of our side if it `ends`.
    ///
    /// # Errors
    /// See [`Session::write`].
    pub fn frames(
        &mut self,
        stream: u32,
        frames: &[u8],
        ends: bool,
        room: usize,
        out: &mut Vec<u8>,
    ) -> Result<Wrote, Gone> {
        let wrote = self.session.write(stream, frames, ends, room, out)?;
        if let Some(call) = self.calls.open.get_mut(&stream).filter(|_| ends) {
            call.ends = true;
            call.ended = wrote.all;
        }
        self.said(stream, Some(wrote));
        Ok(wrote)
    }

    /// A server's: ends a call. One whose response has not `begun` ends with its header.
    ///
    /// # Errors
    /// See [`Session::trailers`] and [`Session::respond`].
    pub fn finish(
        &mut self,
        stream: u32,
        status: &Status<'_>,
        begun: bool,
        room: usize,
        out: &mut Vec<u8>,
    ) -> Result<Wrote, Gone> {
        let text = &mut self.calls.text;
        text.clear();
        if !begun {
            text.extend_from_slice(CONTENT_TYPE);
        }
        text.extend_from_slice(b"grpc-status\0");
        text.extend_from_slice(status.code.to_string().as_bytes());
        text.extend_from_slice(b"\0grpc-message\0");
        percent::encode(status.message, text);
        text.push(0);
        text.extend_from_slice(status.metadata);
        let wrote = if begun {
            self.session.trailers(stream, text, room, out)?
        } else {
            self.session.respond(stream, 200, text, None, true, out)?
        };
        self.said(stream, Some(wrote));
        Ok(wrote)
    }

    /// Ends a call at once.
    ///
    /// # Errors
    /// It is over already.
    pub fn reset(&mut self, stream: u32, code: Code, out: &mut Vec<u8>) -> Result<(), Gone> {
        self.calls.let_go(stream);
        self.session.reset(stream, code, out)
    }

    /// Bytes of messages that are not whole, and calls, for tests.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (usize, usize) {
        (self.calls.held, self.calls.open.len())
    }

    fn said(&mut self, stream: u32, wrote: Option<Wrote>) {
        if wrote.is_some_and(|wrote| wrote.closed) {
            self.calls.let_go(stream);
            self.session.earn_reset();
        }
    }
}

impl Calls {
    fn hear(&mut self, received: Received<'_>, each: &mut Each<'_>) {
        match (received, self.role) {
            (Received::Head { stream, fields, ends }, Role::Server) => self.request(stream, fields, ends, each),
            (Received::Head { stream, fields, ends }, Role::Client) => self.response(stream, fields, ends, each),
            (Received::Data { stream, data }, _) => self.data(stream, data, each),
            (Received::End { stream, trailers }, _) => self.end(stream, trailers, each),
            (other, _) => {
                match other {
                    Received::Closed(stream) | Received::Reset { stream, .. } => self.let_go(stream),
                    Received::Drained(stream) => {
                        if let Some(call) = self.open.get_mut(&stream) {
                            call.ended |= call.ends;
                        }
                    }
                    Received::Failed { .. } => self.forget(),
                    _ => {}
                }
                each(Event::Other(other));
            }
        }
    }

    fn request(&mut self, stream: u32, fields: &Fields, ends: bool, each: &mut Each<'_>) {
        let over = !is_call(fields);
        let call = Call {
            over,
            ..Call::default()
        };
        self.open.insert(stream, call);
        if over {
            self.refused.push(stream);
            return;
        }
        let timeout = request_fields(fields, &mut self.text);
        if let Timeout::After(time) = timeout {
            self.timed.push((stream, time));
        }
        each(Event::Call {
            stream,
            path: &fields.text()[fields.path()],
            timeout,
            metadata: &self.text,
        });
        if ends {
            each(Event::End { stream, torn: false });
        }
    }

    fn response(&mut self, stream: u32, fields: &Fields, ends: bool, each: &mut Each<'_>) {
        let Some(call) = self.open.get_mut(&stream) else { return };
        call.http = fields.status();
        if ends {
            self.status(stream, Some(fields), each);
            return;
        }
        response_fields(fields.text(), &mut self.text);
        each(Event::Metadata {
            stream,
            status: fields.status(),
            metadata: &self.text,
        });
    }

    fn data(&mut self, stream: u32, data: &[u8], each: &mut Each<'_>) {
        let Some(call) = self.open.get_mut(&stream).filter(|call| !call.over) else {
            self.passed.push((stream, data.len() as u32));
            return;
        };
        let before = call.splitter.held();
        let left = call.splitter.push(data, self.limits.message, &mut |piece| {
            each(match piece {
                Piece::Message { compressed, data, used } => Event::Message {
                    stream,
                    compressed,
                    data,
                    used,
                },
                Piece::TooLarge { length } => Event::TooLarge { stream, length },
            });
        });
        self.held = self.held + call.splitter.held() - before;
        if self.held > self.limits.held {
            self.held -= call.splitter.held();
            call.splitter = Splitter::default();
            call.over = true;
            each(Event::TooLarge { stream, length: 0 });
        }
        if left > 0 {
            self.passed.push((stream, left));
        }
    }

    fn end(&mut self, stream: u32, trailers: Option<&Fields>, each: &mut Each<'_>) {
        let Some(call) = self.open.get(&stream).filter(|call| !call.over) else {
            return;
        };
        if self.role == Role::Client {
            self.status(stream, trailers, each);
            return;
        }
        let torn = call.splitter.is_within();
        each(Event::End { stream, torn });
    }

    /// A client's call has ended, with what these fields say.
    fn status(&mut self, stream: u32, fields: Option<&Fields>, each: &mut Each<'_>) {
        let Some(call) = self.open.get_mut(&stream) else { return };
        call.over = true;
        let (text, message) = (&mut self.text, &mut self.message);
        text.clear();
        message.clear();
        let code = fields.map_or(NO_STATUS, |fields| trailer_fields(fields.text(), text, message));
        each(Event::Status {
            stream,
            code,
            http: fields.map_or(0, |_| call.http),
            message,
            metadata: text,
            open: !call.ended,
        });
    }

    fn let_go(&mut self, stream: u32) {
        if let Some(call) = self.open.remove(&stream) {
            self.held -= call.splitter.held();
        }
    }

    fn forget(&mut self) {
        self.open.clear();
        self.held = 0;
    }
}

const CONTENT_TYPE: &[u8] = b"content-type\0application/grpc+proto\0";

/// What each response begins with.
const RESPONSE: &[u8] = b"content-type\0application/grpc+proto\0grpc-accept-encoding\0identity,deflate,gzip\0";

fn is_call(fields: &Fields) -> bool {
    let prefix = b"application/grpc";
    pairs(fields.text()).any(|field| field.name == b"content-type" && field.value.starts_with(prefix))
}

fn put(name: &[u8], value: &[u8], text: &mut Vec<u8>) {
    text.extend_from_slice(name);
    text.push(0);
    text.extend_from_slice(value);
    text.push(0);
}

/// What a call's header says beyond its path: metadata go to `text`.
fn request_fields(fields: &Fields, text: &mut Vec<u8>) -> Timeout {
    let mut timeout = Timeout::None;
    text.clear();
    for field in pairs(fields.text()) {
        match field.name {
            b":method" | b":scheme" | b":path" | b"te" | b"content-type" | b"accept-encoding" => {}
            b"grpc-timeout" => {
                timeout = parse_timeout(field.value).map_or(Timeout::Invalid, Timeout::After);
                if timeout == Timeout::Invalid {
                    put(field.name, field.value, text);
                }
            }
            name => put(name, field.value, text),
        }
    }
    timeout
}

/// Of a response's header, what is for whoever called.
fn response_fields(fields: &[u8], text: &mut Vec<u8>) {
    text.clear();
    for field in pairs(fields).filter(|field| field.name != b":status") {
        put(field.name, field.value, text);
    }
}

/// Of trailers, what is for whoever called, and what is said about the status, which is the result.
fn trailer_fields(fields: &[u8], text: &mut Vec<u8>, message: &mut Vec<u8>) -> u32 {
    let mut code = NO_STATUS;
    text.clear();
    message.clear();
    for field in pairs(fields) {
        match field.name {
            b":status" => {}
            b"grpc-status" => {
                let digits = field.value.len() <= 9 && field.value.iter().all(u8::is_ascii_digit);
                let number = std::str::from_utf8(field.value).ok().and_then(|text| text.parse().ok());
                code = number.filter(|_| digits).unwrap_or(UNKNOWN);
            }
            b"grpc-message" => message.extend_from_slice(field.value),
            name => put(name, field.value, text),
        }
    }
    code
}
