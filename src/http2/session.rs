//! One connection, in either role: what is received, and what that means.

use super::fields::{Fields, Kind};
use super::frame::{self, Code, DEFAULT_WINDOW, Error, Frame, HEAD, Head, MAX_WINDOW, PREFACE, flag, kind};
use super::hpack::{Decoder, Encoder};
use super::limits::{Budget, Limits};
use super::settings::Settings;
use super::stream::Stream;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Which end of a connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Clients open streams to us.
    Server,
    /// We open streams.
    Client,
}

/// What has happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A request or a response begins.
    Head {
        /// The stream; of a request, a new one.
        stream: u32,
        /// Its header.
        fields: &'a Fields,
        /// It ends with that.
        ends: bool,
    },
    /// A response of 1xx: the response itself is still to come.
    Informational {
        /// The stream.
        stream: u32,
        /// Its header.
        fields: &'a Fields,
    },
    /// A part of a body.
    Data {
        /// The stream.
        stream: u32,
        /// The part; it is not empty.
        data: &'a [u8],
    },
    /// A body has ended. Data that are [held](Session::pause) come before that.
    End {
        /// The stream.
        stream: u32,
        /// The fields behind it.
        trailers: Option<&'a Fields>,
    },
    /// A stream is over before its end.
    Reset {
        /// The stream.
        stream: u32,
        /// Why.
        code: Code,
        /// The peer said so; else it has made us say so.
        by_peer: bool,
    },
    /// All that was written on a stream is framed, which was waited for.
    Drained(u32),
    /// Both sides of a stream have ended.
    Closed(u32),
    /// The peer has said what it takes.
    Settings(&'a Settings),
    /// The peer has taken note of what we have said.
    SettingsAck,
    /// It has been answered.
    Ping([u8; 8]),
    /// A ping of ours has been answered.
    Pong([u8; 8]),
    /// The peer wants no more streams than those up to `last`.
    Goaway {
        /// The last that it handles.
        last: u32,
        /// Why.
        code: Code,
        /// Whatever it says.
        debug: &'a [u8],
    },
    /// The connection is over, and the peer has been told why.
    Failed {
        /// Why.
        code: Code,
        /// Why, in words.
        why: &'static str,
    },
}

/// Where the stream of frames is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// So many bytes of the preface have come.
    Preface(usize),
    /// The peer's settings must come first.
    First,
    Open,
    /// Whatever comes is passed over.
    Over,
}

/// How a stream ended that is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    /// We reset it: the peer may not know yet, so what it has sent meanwhile is passed over.
    Reset,
    Ended,
}

/// Streams that are over and remembered: frames of these can still be on their way.
const PAST: usize = 256;

/// A block of fields that is being received.
struct Block {
    stream: u32,
    ends: bool,
    bytes: Vec<u8>,
    frames: u32,
    /// It makes its stream depend on itself.
    looped: bool,
}

/// Data smaller than this for want of a window cost their sender's budget.
pub(super) const DRIBBLE: usize = 128;

/// See the module's documentation.
pub struct Session {
    role: Role,
    limits: Limits,
    phase: Phase,
    /// What has come of a frame that is not whole: of its head, and of its payload.
    head: [u8; HEAD],
    head_length: usize,
    payload: Vec<u8>,
    block: Option<Block>,
    decoder: Decoder,
    pub(super) encoder: Encoder,
    fields: Fields,
    /// What holds of ours, and what the peer has been told since, which holds from its answer on.
    local: Settings,
    told: VecDeque<Settings>,
    pub(super) remote: Settings,
    pub(super) streams: BTreeMap<u32, Stream>,
    past: VecDeque<(u32, Past)>,
    /// The peer's last stream, and ours.
    last_remote: u32,
    pub(super) last_local: u32,
    /// How much the peer may send on the connection, and what it has sent without being told that it was taken.
    receive: i64,
    taken: u32,
    pub(super) window: u32,
    pub(super) send: i64,
    pub(super) ready: VecDeque<u32>,
    /// The last stream that is handled, when the peer was told that there is one.
    pub(super) last_handled: Option<u32>,
    /// The same of the peer.
    pub(super) last_taken: Option<u32>,
    resets: Budget,
    malformed: Budget,
    pub(super) chatter: Budget,
    /// As of the last call that said it, in milliseconds.
    pub(super) now: u64,
    /// The peer has us send too many tiny frames.
    pub(super) dribbled: bool,
    /// Streams on which something was taken in this read.
    credited: BTreeSet<u32>,
}

/// Who is told.
type Each<'e> = dyn FnMut(Event<'_>) + 'e;

impl Session {
    /// A new connection. What it begins with, which says `settings`, is appended to `out`.
    pub fn new(role: Role, settings: Settings, limits: Limits, now: u64, out: &mut Vec<u8>) -> Session {
        let mut session = Session {
            role,
            limits,
            phase: match role {
                Role::Server => Phase::Preface(0),
                Role::Client => Phase::First,
            },
            head: [0; HEAD],
            head_length: 0,
            payload: Vec::new(),
            block: None,
            decoder: Decoder::default(),
            encoder: Encoder::default(),
            fields: Fields::default(),
            local: Settings::default(),
            told: VecDeque::new(),
            remote: Settings::default(),
            streams: BTreeMap::new(),
            past: VecDeque::new(),
            last_remote: 0,
            last_local: 0,
            receive: DEFAULT_WINDOW.into(),
            taken: 0,
            window: DEFAULT_WINDOW,
            send: DEFAULT_WINDOW.into(),
            ready: VecDeque::new(),
            last_handled: None,
            last_taken: None,
            resets: Budget::new(limits.resets, now),
            malformed: Budget::new(limits.malformed, now),
            chatter: Budget::new(limits.chatter, now),
            now,
            dribbled: false,
            credited: BTreeSet::new(),
        };
        if role == Role::Client {
            out.extend_from_slice(PREFACE);
        }
        session.settings(settings, out);
        session
    }

    /// Which end this is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What holds of ours.
    pub fn local(&self) -> &Settings {
        &self.local
    }

    /// What the peer has said.
    pub fn remote(&self) -> &Settings {
        &self.remote
    }

    /// What we have said last: of what costs only us, it holds at once, or a peer could put off its answer.
    fn said(&self) -> &Settings {
        self.told.back().unwrap_or(&self.local)
    }

    /// Streams that are open.
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// The last stream that the peer has opened.
    pub fn last_remote(&self) -> u32 {
        self.last_remote
    }

    /// What the connection is at: how much the peer may send, how much of that it has used, our next stream, the last of the peer's, how much we may
    /// send, and how many streams are open.
    pub fn state(&self) -> [u32; 7] {
        let send = self.send.max(0) as u32;
        let open = self.streams.len() as u32;
        [
            self.window,
            self.taken,
            self.last_local + 2,
            self.last_remote,
            send,
            open,
            self.ready.len() as u32,
        ]
    }

    /// Whether the connection is over.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// What we take, from the peer's answer on.
    pub fn settings(&mut self, settings: Settings, out: &mut Vec<u8>) {
        let mut settings = settings;
        // A server takes no pushes, and says nothing of that; nobody here takes any.
        settings.enable_push = self.role == Role::Server;
        settings.encode(self.said(), out);
        self.told.push_back(settings);
    }

    /// Takes received bytes, tells `each` what they mean as long as there is `room` before the next frame, and appends to `out` what has to be
    /// answered. Returns how many bytes were taken: all, unless there was no room.
    ///
    /// What may be sent of bodies because of it, [`Session::pump`] appends.
    pub fn feed(
        &mut self,
        input: &[u8],
        now: u64,
        out: &mut Vec<u8>,
        room: &dyn Fn() -> bool,
        each: &mut Each<'_>,
    ) -> usize {
        self.now = now;
        let mut rest = input;
        if std::mem::take(&mut self.dribbled) {
            let why = "windows are opened by a few bytes at a time";
            self.fail(Code::ENHANCE_YOUR_CALM, why, out, each);
        }
        if let Phase::Preface(had) = self.phase {
            let count = rest.len().min(PREFACE.len() - had);
            let (part, behind) = rest.split_at(count);
            if part != &PREFACE[had..had + count] {
                self.fail(
                    Code::PROTOCOL_ERROR,
                    "the connection does not begin with the preface",
                    out,
                    each,
                );
                return input.len();
            }
            rest = behind;
            self.phase = if had + count == PREFACE.len() {
                Phase::First
            } else {
                Phase::Preface(had + count)
            };
        }
        while !rest.is_empty() && self.phase != Phase::Over && room() {
            rest = self.step(rest, out, each);
        }
        if self.phase == Phase::Over {
            return input.len();
        }
        // The peer knows of it only then: whatever it has sent until now was to fit the windows that it knew.
        self.take_on_connection(out);
        for id in std::mem::take(&mut self.credited) {
            self.credit(id, 0, out);
        }
        input.len() - rest.len()
    }

    /// Takes a part of a frame, or all of it.
    fn step<'i>(&mut self, input: &'i [u8], out: &mut Vec<u8>, each: &mut Each<'_>) -> &'i [u8] {
        let mut rest = input;
        if self.head_length < HEAD {
            let count = rest.len().min(HEAD - self.head_length);
            let (part, behind) = rest.split_at(count);
            self.head[self.head_length..self.head_length + count].copy_from_slice(part);
            self.head_length += count;
            rest = behind;
            if self.head_length < HEAD {
                return rest;
            }
            if let Err(error) = self.announced(Head::parse(self.head)) {
                self.failed(error, out, each);
                return &[];
            }
        }
        let head = Head::parse(self.head);
        let length = head.length as usize;
        let mut gathered = std::mem::take(&mut self.payload);
        let payload = if gathered.is_empty() && rest.len() >= length {
            let (payload, behind) = rest.split_at(length);
            rest = behind;
            payload
        } else {
            let count = rest.len().min(length - gathered.len());
            let (part, behind) = rest.split_at(count);
            gathered.extend_from_slice(part);
            rest = behind;
            if gathered.len() < length {
                self.payload = gathered;
                return rest;
            }
            &gathered
        };
        self.head_length = 0;
        let handled = Frame::parse(head, payload).and_then(|frame| self.frame(frame, out, each));
        if let Err(error) = handled {
            self.failed(error, out, each);
        }
        rest
    }

    /// Whether a frame may come, by its head: before anything of it is kept.
    fn announced(&mut self, head: Head) -> Result<(), Error> {
        let violation = |code, why| Err(Error::Connection(code, why));
        let most = self.told.iter().map(|told| told.max_frame_size);
        if head.length > most.fold(self.local.max_frame_size, u32::max) {
            return violation(Code::FRAME_SIZE_ERROR, "a frame is longer than we take");
        }
        if self.phase == Phase::First {
            if head.kind != kind::SETTINGS || head.flags & flag::ACK != 0 {
                return violation(Code::PROTOCOL_ERROR, "the first frame is not SETTINGS");
            }
            self.phase = Phase::Open;
        }
        match &self.block {
            Some(block) if head.kind != kind::CONTINUATION || head.stream != block.stream => {
                return violation(Code::PROTOCOL_ERROR, "a block of fields is interrupted");
            }
            None if head.kind == kind::CONTINUATION => {
                return violation(Code::PROTOCOL_ERROR, "CONTINUATION continues nothing");
            }
            _ => {}
        }
        if head.kind == kind::DATA && i64::from(head.length) > self.receive {
            return violation(
                Code::FLOW_CONTROL_ERROR,
                "there are more data than the connection's window",
            );
        }
        Ok(())
    }

    fn frame(&mut self, frame: Frame<'_>, out: &mut Vec<u8>, each: &mut Each<'_>) -> Result<(), Error> {
        match frame {
            Frame::Data {
                stream,
                data,
                padding,
                ends,
            } => self.data(stream, data, padding, ends, each),
            Frame::Headers {
                stream,
                block,
                whole,
                ends,
                parent,
            } => {
                self.check_headers(stream)?;
                let looped = parent == Some(stream);
                if whole {
                    return self.fields(stream, block, ends, looped, each);
                }
                self.block = Some(Block {
                    stream,
                    ends,
                    bytes: block.to_vec(),
                    frames: 0,
                    looped,
                });
                Ok(())
            }
            Frame::Continuation { block, whole, .. } => self.continuation(block, whole, each),
            Frame::Priority { stream, parent } => {
                self.chatter(1)?;
                if stream == parent {
                    return Err(Error::Stream(
                        stream,
                        Code::PROTOCOL_ERROR,
                        "a stream depends on itself",
                    ));
                }
                Ok(())
            }
            Frame::Reset { stream, code } => {
                if self.is_idle(stream) {
                    return idle("RST_STREAM is of a stream that was never there");
                }
                if self.streams.remove(&stream).is_none() {
                    return self.chatter(1);
                }
                self.remember(stream, Past::Ended);
                each(Event::Reset {
                    stream,
                    code,
                    by_peer: true,
                });
                self.reset_once()
            }
            Frame::Settings(settings) => {
                self.chatter(10)?;
                self.received_settings(&settings, out, each)
            }
            Frame::SettingsAck => self.acknowledged(each),
            Frame::PushPromise { .. } => Err(Error::Connection(
                Code::PROTOCOL_ERROR,
                "PUSH_PROMISE comes although pushes were refused",
            )),
            Frame::Ping(octets) => {
                self.chatter(1)?;
                frame::encode(kind::PING, flag::ACK, 0, &octets, out);
                each(Event::Ping(octets));
                Ok(())
            }
            Frame::Pong(octets) => {
                self.chatter(1)?;
                each(Event::Pong(octets));
                Ok(())
            }
            Frame::Goaway { last, code, debug } => {
                self.chatter(10)?;
                let last = self.last_taken.map_or(last, |before| before.min(last));
                self.last_taken = Some(last);
                each(Event::Goaway { last, code, debug });
                self.refused_from(last, each);
                Ok(())
            }
            Frame::WindowUpdate { stream, by } => self.window_update(stream, by),
            Frame::Unknown => self.chatter(1),
        }
    }

    /// What the peer has sent that is of no use: it may do so now and then.
    pub(super) fn chatter(&mut self, count: u32) -> Result<(), Error> {
        if self.chatter.spend(count, self.now) {
            return Ok(());
        }
        let why = "there are too many frames that say nothing";
        Err(Error::Connection(Code::ENHANCE_YOUR_CALM, why))
    }

    fn reset_once(&mut self) -> Result<(), Error> {
        if self.resets.spend(1, self.now) {
            return Ok(());
        }
        let why = "too many streams are reset";
        Err(Error::Connection(Code::ENHANCE_YOUR_CALM, why))
    }

    fn is_ours(&self, stream: u32) -> bool {
        (stream % 2 == 1) == (self.role == Role::Client)
    }

    fn is_idle(&self, stream: u32) -> bool {
        let last = if self.is_ours(stream) {
            self.last_local
        } else {
            self.last_remote
        };
        stream > last
    }

    pub(super) fn remember(&mut self, stream: u32, past: Past) {
        if self.past.len() == PAST {
            self.past.pop_front();
        }
        self.past.push_back((stream, past));
    }

    fn past(&self, stream: u32) -> Option<Past> {
        let of = |&&(id, _): &&(u32, Past)| id == stream;
        self.past.iter().rev().find(of).map(|&(_, past)| past)
    }

    /// Whether what comes on a stream that is not there is passed over.
    fn is_passed_over(&self, stream: u32) -> bool {
        self.past(stream) == Some(Past::Reset)
            || !self.is_ours(stream) && self.last_handled.is_some_and(|last| stream > last)
    }

    fn data(&mut self, id: u32, data: &[u8], padding: u32, ends: bool, each: &mut Each<'_>) -> Result<(), Error> {
        let passed_over = !self.streams.contains_key(&id) && self.is_passed_over(id);
        if self.is_idle(id) && !passed_over {
            return idle("DATA are of a stream that was never there");
        }
        let length = data.len() as u32 + padding;
        // The connection's window is for all streams: it is not for one to stop the others.
        self.receive -= i64::from(length);
        self.taken += length;
        if data.is_empty() && !ends {
            self.chatter(10)?;
        } else if data.len() >= DRIBBLE {
            self.chatter.earn(1);
        }
        let closed = Err(Error::Stream(
            id,
            Code::STREAM_CLOSED,
            "DATA come behind a stream's end",
        ));
        let Some(stream) = self.streams.get_mut(&id) else {
            return if passed_over { self.chatter(1) } else { closed };
        };
        if !stream.remote_open {
            return closed;
        }
        let failed = |code, why| Err(Error::Stream(id, code, why));
        if i64::from(length) > stream.receive {
            return failed(Code::FLOW_CONTROL_ERROR, "there are more data than the stream's window");
        }
        if self.role == Role::Client && !stream.answered {
            return failed(Code::PROTOCOL_ERROR, "a response begins with DATA");
        }
        stream.receive -= i64::from(length);
        stream.received += data.len() as u64;
        let right = match stream.content_length {
            Some(all) if ends => stream.received == all,
            Some(all) => stream.received <= all,
            None => true,
        };
        if !right || stream.bodiless && stream.received > 0 {
            return failed(Code::PROTOCOL_ERROR, "a body is not as long as its content-length says");
        }
        let mut credit = padding;
        if stream.paused {
            stream.held.extend_from_slice(data);
        } else {
            credit += data.len() as u32;
            if !data.is_empty() {
                each(Event::Data { stream: id, data });
            }
        }
        if ends {
            return self.remote_ended(id, None, each);
        }
        stream.taken += credit;
        self.credited.insert(id);
        Ok(())
    }

    /// What was taken on the connection, the peer may send more.
    fn take_on_connection(&mut self, out: &mut Vec<u8>) {
        if self.taken > 0 && self.taken >= self.window / 2 {
            let by = std::mem::take(&mut self.taken);
            self.receive += i64::from(by);
            frame::window_update(0, by, out);
        }
    }

    /// The same on a stream, as far as the peer still sends on it.
    pub(super) fn credit(&mut self, id: u32, length: u32, out: &mut Vec<u8>) {
        let window = self.local.initial_window_size;
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.taken += length;
        if stream.remote_open && stream.taken > 0 && stream.taken >= window / 2 {
            let by = std::mem::take(&mut stream.taken);
            stream.receive += i64::from(by);
            frame::window_update(id, by, out);
        }
    }

    /// The connection takes `window` bytes without being asked again.
    pub fn set_window(&mut self, window: u32, out: &mut Vec<u8>) {
        let window = window.min(MAX_WINDOW);
        // It cannot be made smaller: what was given stays given.
        if let Some(by @ 1..) = window.checked_sub(self.window) {
            self.receive += i64::from(by);
            frame::window_update(0, by, out);
        }
        self.window = window;
    }

    fn remote_ended(&mut self, id: u32, trailers: Option<&Fields>, each: &mut Each<'_>) -> Result<(), Error> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        stream.remote_open = false;
        let over = stream.is_over();
        each(Event::End { stream: id, trailers });
        if over {
            self.streams.remove(&id);
            self.remember(id, Past::Ended);
            each(Event::Closed(id));
        }
        Ok(())
    }

    fn check_headers(&self, id: u32) -> Result<(), Error> {
        let wrong = |code, why| Err(Error::Connection(code, why));
        if self.streams.contains_key(&id) || self.is_passed_over(id) {
            return Ok(());
        }
        if self.is_ours(id) {
            let why = "HEADERS open a stream whose number is not the peer's";
            return wrong(Code::PROTOCOL_ERROR, why);
        }
        if self.role == Role::Client {
            return wrong(Code::PROTOCOL_ERROR, "a server opens a stream without PUSH_PROMISE");
        }
        if self.is_idle(id) {
            return Ok(());
        }
        match self.past(id) {
            Some(_) => wrong(Code::STREAM_CLOSED, "HEADERS come behind a stream's end"),
            None => wrong(
                Code::PROTOCOL_ERROR,
                "streams are not opened in the order of their numbers",
            ),
        }
    }

    fn continuation(&mut self, part: &[u8], whole: bool, each: &mut Each<'_>) -> Result<(), Error> {
        // It was seen by its head that there is one.
        let Some(mut block) = self.block.take() else {
            return Ok(());
        };
        block.frames += 1;
        if block.frames > self.limits.continuations || block.bytes.len() + part.len() > self.limits.block {
            let why = "a block of fields is too long, or comes in too many frames";
            return Err(Error::Connection(Code::ENHANCE_YOUR_CALM, why));
        }
        block.bytes.extend_from_slice(part);
        if part.is_empty() {
            self.chatter(10)?;
        }
        if whole {
            return self.fields(block.stream, &block.bytes, block.ends, block.looped, each);
        }
        self.block = Some(block);
        Ok(())
    }

    /// A block of fields is whole.
    fn fields(&mut self, id: u32, block: &[u8], ends: bool, looped: bool, each: &mut Each<'_>) -> Result<(), Error> {
        if block.len() > self.limits.block {
            return Err(Error::Connection(
                Code::ENHANCE_YOUR_CALM,
                "a block of fields is too long",
            ));
        }
        let known = self.streams.get(&id).map(|stream| stream.answered);
        let kind = match (self.role, known) {
            (Role::Server, None) => Kind::Request,
            (Role::Client, Some(false)) => Kind::Response,
            _ => Kind::Trailers,
        };
        let mut fields = std::mem::take(&mut self.fields);
        fields.begin(kind, self.said().max_header_list_size as usize, self.limits.fields);
        // Whatever becomes of the stream: the tables of the two ends must stay the same.
        let decoded = self.decoder.decode(block, |field| fields.add(field));
        let handled = match decoded {
            Err(_) => Err(Error::Connection(
                Code::COMPRESSION_ERROR,
                "a block of fields cannot be read",
            )),
            Ok(()) if known.is_none() && self.is_passed_over(id) => self.chatter(1),
            Ok(()) => self.list(id, &fields, ends, looped, each),
        };
        self.fields = fields;
        handled
    }

    fn list(&mut self, id: u32, fields: &Fields, ends: bool, looped: bool, each: &mut Each<'_>) -> Result<(), Error> {
        let fresh = !self.streams.contains_key(&id);
        if fresh {
            self.last_remote = id;
        }
        let failed = |code, why| Err(Error::Stream(id, code, why));
        if looped {
            return failed(Code::PROTOCOL_ERROR, "a stream depends on itself");
        }
        let remote_open = self.streams.get(&id).is_none_or(|stream| stream.remote_open);
        if !remote_open {
            return failed(Code::STREAM_CLOSED, "HEADERS come behind a stream's end");
        }
        if fields.is_too_large() {
            return failed(Code::ENHANCE_YOUR_CALM, "a list of fields is too large");
        }
        if let Err(why) = fields.finish(self.local.enable_connect_protocol) {
            return failed(Code::PROTOCOL_ERROR, why);
        }
        if fresh {
            return self.opened(id, fields, ends, each);
        }
        // It was there a moment ago.
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        if self.role == Role::Client && !stream.answered {
            if fields.status() < 200 {
                if ends {
                    return failed(Code::PROTOCOL_ERROR, "a response of 1xx ends its stream");
                }
                each(Event::Informational { stream: id, fields });
                return self.chatter(1);
            }
            stream.answered = true;
            stream.bodiless |= matches!(fields.status(), 204 | 304);
            stream.content_length = fields.content_length().filter(|_| !stream.bodiless);
            if ends && stream.content_length.is_some_and(|length| length > 0) {
                return failed(Code::PROTOCOL_ERROR, "a response without a body says that it has one");
            }
            each(Event::Head {
                stream: id,
                fields,
                ends,
            });
            return if ends {
                self.remote_ended(id, None, each)
            } else {
                Ok(())
            };
        }
        if !ends {
            return failed(Code::PROTOCOL_ERROR, "trailers do not end their stream");
        }
        if stream.content_length.is_some_and(|length| length != stream.received) {
            return failed(Code::PROTOCOL_ERROR, "a body is not as long as its content-length says");
        }
        self.remote_ended(id, Some(fields), each)
    }

    fn opened(&mut self, id: u32, fields: &Fields, ends: bool, each: &mut Each<'_>) -> Result<(), Error> {
        let failed = |code, why| Err(Error::Stream(id, code, why));
        let most = self.said().max_concurrent_streams as usize;
        let theirs = || self.streams.keys().filter(|&&id| !self.is_ours(id)).count();
        if self.streams.len() >= most && theirs() >= most {
            return failed(Code::REFUSED_STREAM, "more streams are open than we take");
        }
        if ends && fields.content_length().is_some_and(|length| length > 0) {
            return failed(Code::PROTOCOL_ERROR, "a request without a body says that it has one");
        }
        let mut stream = Stream::new(self.local.initial_window_size, self.remote.initial_window_size);
        stream.remote_open = !ends;
        stream.answered = true;
        stream.content_length = fields.content_length();
        self.chatter.earn(2);
        self.streams.insert(id, stream);
        each(Event::Head {
            stream: id,
            fields,
            ends,
        });
        Ok(())
    }

    fn received_settings(
        &mut self,
        settings: &frame::Settings<'_>,
        out: &mut Vec<u8>,
        each: &mut Each<'_>,
    ) -> Result<(), Error> {
        let before = self.remote;
        if settings.iter().count() > self.limits.settings {
            let why = "one frame has too many settings";
            return Err(Error::Connection(Code::ENHANCE_YOUR_CALM, why));
        }
        for (number, value) in settings.iter() {
            self.remote.apply(number, value)?;
        }
        if self.role == Role::Client && self.remote.enable_push && !before.enable_push {
            return Err(Error::Connection(
                Code::PROTOCOL_ERROR,
                "a server says that it takes pushes",
            ));
        }
        if self.remote.header_table_size != before.header_table_size {
            self.encoder.limit(self.remote.header_table_size);
        }
        let by = i64::from(self.remote.initial_window_size) - i64::from(before.initial_window_size);
        if by != 0 {
            for (&id, stream) in &mut self.streams {
                stream.send += by;
                if stream.send > i64::from(MAX_WINDOW) {
                    let why = "SETTINGS_INITIAL_WINDOW_SIZE makes a window larger than 2^31-1";
                    return Err(Error::Connection(Code::FLOW_CONTROL_ERROR, why));
                }
                if stream.can_send() && !stream.ready {
                    stream.ready = true;
                    self.ready.push_back(id);
                }
            }
        }
        frame::encode(kind::SETTINGS, flag::ACK, 0, &[], out);
        each(Event::Settings(&self.remote));
        Ok(())
    }

    /// What the peer was told holds.
    fn acknowledged(&mut self, each: &mut Each<'_>) -> Result<(), Error> {
        let Some(told) = self.told.pop_front() else {
            return Err(Error::Connection(
                Code::PROTOCOL_ERROR,
                "SETTINGS are answered that were not sent",
            ));
        };
        let by = i64::from(told.initial_window_size) - i64::from(self.local.initial_window_size);
        for stream in self.streams.values_mut() {
            stream.receive += by;
        }
        if told.header_table_size != self.local.header_table_size {
            self.decoder.limit(told.header_table_size);
        }
        self.local = told;
        each(Event::SettingsAck);
        Ok(())
    }

    fn window_update(&mut self, id: u32, by: u32) -> Result<(), Error> {
        if id == 0 {
            self.send += i64::from(by);
            if self.send > i64::from(MAX_WINDOW) {
                let why = "the connection's window is larger than 2^31-1";
                return Err(Error::Connection(Code::FLOW_CONTROL_ERROR, why));
            }
            return self.chatter(1);
        }
        if self.is_idle(id) {
            return idle("WINDOW_UPDATE is of a stream that was never there");
        }
        let Some(stream) = self.streams.get_mut(&id) else {
            return self.chatter(1);
        };
        stream.send += i64::from(by);
        if stream.send > i64::from(MAX_WINDOW) {
            return Err(Error::Stream(
                id,
                Code::FLOW_CONTROL_ERROR,
                "a window is larger than 2^31-1",
            ));
        }
        if stream.can_send() && !stream.ready {
            stream.ready = true;
            self.ready.push_back(id);
        } else if !stream.ready {
            // Nothing waits for it.
            return self.chatter(1);
        }
        Ok(())
    }

    /// Streams of ours that the peer will not handle: they can be tried again elsewhere.
    fn refused_from(&mut self, last: u32, each: &mut Each<'_>) {
        let refused: Vec<u32> = self
            .streams
            .keys()
            .copied()
            .filter(|&id| self.is_ours(id) && id > last)
            .collect();
        for stream in refused {
            self.streams.remove(&stream);
            self.remember(stream, Past::Reset);
            each(Event::Reset {
                stream,
                code: Code::REFUSED_STREAM,
                by_peer: true,
            });
        }
    }

    /// Something ends for what was received.
    pub(super) fn failed(&mut self, error: Error, out: &mut Vec<u8>, each: &mut Each<'_>) {
        match error {
            Error::Connection(code, why) => self.fail(code, why, out, each),
            Error::Stream(stream, _, why) if self.is_idle(stream) => {
                self.fail(Code::PROTOCOL_ERROR, why, out, each);
            }
            Error::Stream(stream, code, _) => {
                frame::reset(stream, code, out);
                self.remember(stream, Past::Reset);
                if self.streams.remove(&stream).is_some() {
                    each(Event::Reset {
                        stream,
                        code,
                        by_peer: false,
                    });
                }
                if !self.malformed.spend(1, self.now) {
                    let why = "too many frames are malformed";
                    self.fail(Code::ENHANCE_YOUR_CALM, why, out, each);
                }
            }
        }
    }

    /// The connection ends for an error.
    pub(super) fn fail(&mut self, code: Code, why: &'static str, out: &mut Vec<u8>, each: &mut Each<'_>) {
        if self.phase == Phase::Over {
            return;
        }
        self.phase = Phase::Over;
        frame::goaway(self.last_remote, code, why.as_bytes(), out);
        self.forget();
        each(Event::Failed { code, why });
    }

    /// Lets go of everything: nothing is sent or received any more.
    pub fn forget(&mut self) {
        self.phase = Phase::Over;
        self.streams.clear();
        self.ready.clear();
        self.past.clear();
        self.block = None;
        self.payload = Vec::new();
    }

    /// Whether all that was promised is done, behind a [`Session::goaway`].
    pub fn is_done(&self) -> bool {
        self.last_handled.is_some() && self.streams.is_empty()
    }

    pub(super) fn over(&mut self, id: u32, past: Past) {
        self.streams.remove(&id);
        self.remember(id, past);
    }
}

fn idle(why: &'static str) -> Result<(), Error> {
    Err(Error::Connection(Code::PROTOCOL_ERROR, why))
}
