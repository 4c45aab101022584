//! A [`Link`]: one connection in either role, whose streams are calls.

use super::message::{Piece, Splitter, frame};
use super::percent;
use super::timeout::{parse_timeout, put_timeout};
use crate::http2::{
    Code, Event as Received, Fields, Gone, Limits as SessionLimits, Role, Session, Settings, Wrote, pairs,
};
use std::collections::HashMap;

/// Stands for the status of a call whose server has not sent one.
pub const NO_STATUS: u32 = u32::MAX;

/// gRPC's code `UNKNOWN`, used for a status that is not a number.
const UNKNOWN: u32 = 2;

/// Limits on what a peer can make us keep, in addition to those of the [session](SessionLimits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of one message.
    pub message: u32,
    /// The most bytes of incomplete messages on one connection.
    pub held: usize,
}

/// The timeout of a call, as its caller has stated it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// There is no `grpc-timeout`.
    None,
    /// In milliseconds.
    After(u64),
    /// `grpc-timeout` is malformed.
    Invalid,
}

/// The outcome of a call, for its trailers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    /// A status code of gRPC.
    pub code: u32,
    /// A message for humans, in UTF-8 and not yet percent-encoded.
    pub message: &'a [u8],
    /// Metadata to send after the last message.
    pub metadata: &'a [u8],
}

/// What a connection reports. Metadata are in the form that [`pairs`] reads, and include the header fields named below.
#[derive(Debug)]
pub enum Event<'a> {
    /// On a server: a call has begun.
    Call {
        /// The call's stream.
        stream: u32,
        /// The `:path`, which names the method.
        path: &'a [u8],
        /// How long the caller waits.
        timeout: Timeout,
        /// Includes `:authority`, `grpc-encoding` and `grpc-accept-encoding`, and a malformed `grpc-timeout`.
        metadata: &'a [u8],
    },
    /// On a client: the metadata that the server sends before the first message.
    Metadata {
        /// The call's stream.
        stream: u32,
        /// The status of HTTP.
        status: u16,
        /// Includes `grpc-encoding` and `content-type`.
        metadata: &'a [u8],
    },
    /// A complete message.
    Message {
        /// The call's stream.
        stream: u32,
        /// See [`Piece::Message`].
        compressed: bool,
        /// The message without its prefix.
        data: &'a [u8],
        /// See [`Piece::Message`]. Pass it to [`Link::take`] when the message has been taken.
        used: u32,
    },
    /// A message is longer than allowed. No more messages of this call are reported.
    TooLarge {
        /// The call's stream.
        stream: u32,
        /// The length that the message announces, or 0 if the incomplete messages of the whole connection exceed the
        /// limit.
        length: u32,
    },
    /// On a server: the caller has sent everything.
    End {
        /// The call's stream.
        stream: u32,
        /// Whether it has ended within a message.
        torn: bool,
    },
    /// On a client: the server has ended the call.
    Status {
        /// The call's stream.
        stream: u32,
        /// A status code of gRPC, or [`NO_STATUS`].
        code: u32,
        /// The status of HTTP, or 0 if the stream has ended without trailers.
        http: u16,
        /// The message of the status, still to be [decoded](super::decode).
        message: &'a [u8],
        /// The metadata after the last message.
        metadata: &'a [u8],
        /// Whether our side of the stream has not ended yet. The stream stays open until it does.
        open: bool,
    },
    /// Any other event of the session.
    Other(Received<'a>),
}

/// The receiving side of a call.
#[derive(Default)]
struct Call {
    splitter: Splitter,
    /// On a client: the status of HTTP, 0 until the response has begun.
    http: u16,
    /// On a client: the status has been received. On a server: the request was refused. On both: a message was refused
    /// because too much was buffered.
    over: bool,
    /// Our side of the stream will end once everything written has been sent, and whether it has ended.
    ends: bool,
    ended: bool,
}

/// The calls of a connection, with buffers in which their events are assembled.
struct Calls {
    role: Role,
    limits: Limits,
    open: HashMap<u32, Call>,
    /// Bytes of incomplete messages of all calls.
    held: usize,
    /// Streams and byte counts that no receiver will take. They are given back to the flow control window after the
    /// read.
    passed: Vec<(u32, u32)>,
    /// Streams and timeouts in milliseconds, set in the session after the read.
    timed: Vec<(u32, u64)>,
    /// Streams whose request is not a call of gRPC. They are answered after the read.
    refused: Vec<u32>,
    text: Vec<u8>,
    message: Vec<u8>,
}

/// The callback that receives the events.
type Each<'e> = dyn FnMut(Event<'_>) + 'e;

/// A gRPC connection without I/O; see the [module](super).
pub struct Link {
    session: Session,
    calls: Calls,
    framed: Vec<u8>,
}

impl Link {
    /// A new connection. Appends the HTTP/2 preface and settings to `out`. `now` is a time in milliseconds.
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

    /// The underlying HTTP/2 session.
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

    /// Gives `used` bytes of messages of a call back to the flow control window.
    pub fn take(&mut self, stream: u32, used: u32, out: &mut Vec<u8>) {
        self.session.take(stream, used, out);
    }

    /// Begins a call and returns its stream. `head` are the header fields that all calls of the method share, `timeout`
    /// is in milliseconds, `metadata` are the fields of this call.
    ///
    /// # Errors
    /// The peer accepts no more calls now, or the fields are malformed.
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

    /// Whether the peer's limit of concurrent streams allows another call.
    pub fn has_room(&self) -> bool {
        self.session.open_streams() < self.session.remote().max_concurrent_streams as usize
    }

    /// On a server: sends the metadata that come before the first message.
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

    /// Sends a message, and ends our side of the stream if `ends` is set.
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

    /// Sends messages that are [framed](frame) already, and ends our side of the stream if `ends` is set.
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

    /// On a server: ends a call with its status. If the response has not `begun`, the status is sent in its headers
    /// instead of in trailers.
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
    /// The stream is closed already.
    pub fn reset(&mut self, stream: u32, code: Code, out: &mut Vec<u8>) -> Result<(), Gone> {
        self.calls.let_go(stream);
        self.session.reset(stream, code, out)
    }

    /// The number of bytes of incomplete messages, and of calls.
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

    /// Reports the end of a client's call, with the status in `fields` if there are any.
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

/// The header fields of every response.
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

/// Reads the headers of a request: metadata are written to `text`, the timeout is returned.
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

/// Writes the metadata in the headers of a response to `text`.
fn response_fields(fields: &[u8], text: &mut Vec<u8>) {
    text.clear();
    for field in pairs(fields).filter(|field| field.name != b":status") {
        put(field.name, field.value, text);
    }
}

/// Writes the metadata in trailers to `text` and the message of the status to `message`, and returns the status code.
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
