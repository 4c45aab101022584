//! A [`Session`]: the state of one connection, the parsing of its frames and what they mean. `receive` handles each
//! kind of frame, and `send` is the sending side.

mod receive;

use super::fields::Fields;
use super::frame::{self, Code, DEFAULT_WINDOW, Error, Frame, HEAD, Head, PREFACE, flag, kind};
use super::hpack::{Decoder, Encoder};
use super::limits::{Budget, Limits};
use super::pings::{PingLimits, Pings};
use super::settings::Settings;
use super::stream::Stream;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The peer is a client and opens streams.
    Server,
    /// The peer is a server, and we open streams.
    Client,
}

/// What a session reports.
#[derive(Debug)]
pub enum Event<'a> {
    /// A request or the final response has begun.
    Head {
        /// The stream; a request's is new.
        stream: u32,
        /// The header.
        fields: &'a Fields,
        /// Whether there is neither a body nor trailers.
        ends: bool,
    },
    /// On a client: the server promises the response to a request that was not made.
    Push {
        /// The stream of the promised response.
        stream: u32,
        /// The stream of the request that the push belongs to.
        parent: u32,
        /// The header of the promised request.
        fields: &'a Fields,
    },
    /// On a client: an `ALTSVC` or `ORIGIN` frame.
    Extension {
        /// [`kind::ALTSVC`] or [`kind::ORIGIN`].
        kind: u8,
        /// The stream, or 0 for the connection.
        stream: u32,
        /// The payload, not parsed.
        payload: &'a [u8],
    },
    /// An informational response (1xx). The final response is still to come.
    Informational {
        /// The stream.
        stream: u32,
        /// The header.
        fields: &'a Fields,
    },
    /// A part of a body.
    Data {
        /// The stream.
        stream: u32,
        /// The data, never empty.
        data: &'a [u8],
    },
    /// The peer has ended its side of a stream. If the stream is [paused](Session::pause), the data that are held
    /// belong before this event.
    End {
        /// The stream.
        stream: u32,
        /// The trailers, if any.
        trailers: Option<&'a Fields>,
    },
    /// A stream was reset.
    Reset {
        /// The stream.
        stream: u32,
        /// The error code.
        code: Code,
        /// Whether the peer has reset or refused it. Otherwise we have reset it, because of an error of the peer.
        by_peer: bool,
    },
    /// All data that waited on the stream have been framed.
    Drained(u32),
    /// Both sides of a stream have ended.
    Closed(u32),
    /// The peer's `SETTINGS` were received; all of its settings now.
    Settings(&'a Settings),
    /// The peer has acknowledged our oldest unacknowledged `SETTINGS`.
    SettingsAck,
    /// A `PING`. It has been answered already.
    Ping([u8; 8]),
    /// The answer to a `PING` of ours.
    Pong([u8; 8]),
    /// The peer shuts the connection down (`GOAWAY`).
    Goaway {
        /// The last of our streams that the peer handles.
        last: u32,
        /// The error code.
        code: Code,
        /// Debug data of the peer's choice.
        debug: &'a [u8],
    },
    /// The connection has failed, and a `GOAWAY` for the peer has been written.
    Failed {
        /// The error code.
        code: Code,
        /// The reason in words.
        why: &'static str,
    },
}

/// The state of the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// How many bytes of the preface have been received.
    Preface(usize),
    /// The next frame must be the peer's `SETTINGS`.
    First,
    Open,
    /// The connection is over, and everything received is ignored.
    Over,
}

/// How a stream ended that no longer exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    /// We have reset it. The peer may not know yet, so frames that it sends meanwhile are ignored.
    Reset,
    Ended,
}

/// The number of closed streams that are remembered, because frames for them can still arrive.
const PAST: usize = 256;
/// How many milliseconds before its expiry the peer's reset of a stream is accepted, because the peer may have started
/// its clock earlier.
const EARLY: u64 = 50;

/// A field block of which not all frames have been received.
struct Block {
    stream: u32,
    /// The promised stream, if the block belongs to a `PUSH_PROMISE`.
    promised: Option<u32>,
    ends: bool,
    bytes: Vec<u8>,
    frames: u32,
    /// Its `HEADERS` make the stream depend on itself.
    looped: bool,
}

/// `DATA` frames shorter than this, sent because the peer opened its window by so little, cost the peer's budget.
/// Received frames from this length on earn it back.
pub(super) const DRIBBLE: usize = 128;

/// One HTTP/2 connection without I/O; see the [module](super).
pub struct Session {
    role: Role,
    limits: Limits,
    phase: Phase,
    /// The received part of an incomplete frame: `head_length` bytes of its head, and its payload.
    head: [u8; HEAD],
    head_length: usize,
    payload: Vec<u8>,
    block: Option<Block>,
    decoder: Decoder,
    pub(super) encoder: Encoder,
    fields: Fields,
    /// Our settings in force, and those announced since. Each of the latter is in force once the peer acknowledges it.
    local: Settings,
    told: VecDeque<Settings>,
    pub(super) remote: Settings,
    pub(super) streams: BTreeMap<u32, Stream>,
    past: VecDeque<(u32, Past)>,
    /// The held data of streams that have ended while they were [paused](Session::pause).
    pub(super) kept: BTreeMap<u32, Vec<u8>>,
    /// The last stream opened by the peer, and the last one of ours.
    last_remote: u32,
    pub(super) last_local: u32,
    /// The last stream of ours that the peer knows of, and those that wait until the peer allows more.
    pub(super) last_opened: u32,
    pub(super) unopened: VecDeque<u32>,
    /// How many more bytes the peer may send on the connection, and how many were consumed but not yet given back.
    receive: i64,
    taken: u32,
    pub(super) window: u32,
    pub(super) send: i64,
    pub(super) ready: VecDeque<u32>,
    /// The last stream that we handle, once a `GOAWAY` was sent.
    pub(super) last_handled: Option<u32>,
    /// The last stream that the peer handles, once a `GOAWAY` was received.
    pub(super) last_taken: Option<u32>,
    resets: Budget,
    malformed: Budget,
    pub(super) chatter: Budget,
    pub(super) pings: Pings,
    /// The time of the last [`Session::feed`], in milliseconds.
    pub(super) now: u64,
    /// The peer opens its windows by too few bytes at a time. The next [`Session::feed`] fails the connection.
    pub(super) dribbled: bool,
    /// Streams on which data were consumed during this read.
    credited: BTreeSet<u32>,
    /// Whether the peer's first `SETTINGS` have been received.
    greeted: bool,
    /// See [`Session::take_by_hand`].
    by_hand: bool,
}

/// The callback that receives the events.
type Each<'e> = dyn FnMut(Event<'_>) + 'e;

impl Session {
    /// A new connection. Appends what it begins with to `out`: the preface of a client, and `SETTINGS` with `settings`.
    /// `now` is in milliseconds, as everywhere in a session.
    pub fn new(role: Role, settings: Settings, limits: Limits, now: u64, out: &mut Vec<u8>) -> Session {
        let remote = Settings {
            max_concurrent_streams: limits.requests,
            ..Settings::default()
        };
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
            remote,
            streams: BTreeMap::new(),
            past: VecDeque::new(),
            kept: BTreeMap::new(),
            last_remote: 0,
            last_local: 0,
            last_opened: 0,
            unopened: VecDeque::new(),
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
            pings: Pings::default(),
            now,
            dribbled: false,
            credited: BTreeSet::new(),
            greeted: false,
            by_hand: false,
        };
        if role == Role::Client {
            out.extend_from_slice(PREFACE);
        }
        session.settings(settings, out);
        session
    }

    /// From now on, reported data are given back to the peer's window only when [`Session::take`] is called.
    pub fn take_by_hand(&mut self) {
        self.by_hand = true;
    }

    /// Limits how often the peer may send `PING`.
    pub fn limit_pings(&mut self, limits: PingLimits) {
        self.pings = Pings::new(limits);
    }

    /// Sets the time, in milliseconds, at which the peer is expected to reset a stream, for example for a timeout that
    /// it has announced. A reset from then on does not count as misuse.
    pub fn set_expiry(&mut self, id: u32, at: u64) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.expires = at;
        }
    }

    /// Gives one reset back to the peer's budget, because a stream was used properly.
    pub fn earn_reset(&mut self) {
        self.resets.earn(1);
    }

    /// Which end of the connection this is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Our settings in force.
    pub fn local(&self) -> &Settings {
        &self.local
    }

    /// The settings of the peer.
    pub fn remote(&self) -> &Settings {
        &self.remote
    }

    /// The settings that we announced last. The limits on streams, pushes and lists of fields are taken from these at
    /// once: a peer could otherwise evade new limits by not acknowledging them.
    fn said(&self) -> &Settings {
        self.told.back().unwrap_or(&self.local)
    }

    /// The number of pushes that are open.
    pub(super) fn pushes(&self) -> usize {
        if self.last_remote == 0 {
            return 0;
        }
        self.streams.keys().filter(|&&id| !self.is_ours(id)).count()
    }

    /// The number of streams that exist, including requests that still wait for the peer's limit.
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// The last stream that the peer has opened.
    pub fn last_remote(&self) -> u32 {
        self.last_remote
    }

    /// The numbers of Node's `session.state`: the window of the connection, how much of it was consumed but not yet
    /// given back, our next stream, the last stream of the peer, how many more bytes we may send and how many more the
    /// peer may send.
    pub fn state(&self) -> [u32; 6] {
        let [send, receive] = [self.send, self.receive].map(|window| window.max(0) as u32);
        [
            self.window,
            self.taken,
            self.next_local(),
            self.last_remote,
            send,
            receive,
        ]
    }

    /// Whether the connection is over.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Announces new settings. They are in force once the peer acknowledges them.
    pub fn settings(&mut self, settings: Settings, out: &mut Vec<u8>) {
        let mut settings = settings;
        // A server must not announce that it accepts pushes (RFC 9113, 6.5.2), so it leaves the setting at its default.
        settings.enable_push &= self.limits.pushes > 0;
        settings.enable_push |= self.role == Role::Server;
        settings.encode(self.said(), out);
        self.told.push_back(settings);
    }

    /// Takes received bytes, reports events to `each` and appends answers to `out`. Before each frame, stops if there
    /// is no `room` left for events. Returns how many bytes of `input` were taken: all of them, unless there was no
    /// room.
    ///
    /// Call [`Session::pump`] afterwards to send data that the peer's frames have made possible.
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
            let why = "too many WINDOW_UPDATE frames have a tiny increment";
            self.fail(Code::ENHANCE_YOUR_CALM, why, out, each);
        }
        if let Phase::Preface(had) = self.phase {
            let count = rest.len().min(PREFACE.len() - had);
            let (part, behind) = rest.split_at(count);
            if part != &PREFACE[had..had + count] {
                self.fail(
                    Code::PROTOCOL_ERROR,
                    "the connection does not start with the HTTP/2 preface",
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
        // The windows are updated only here: everything received until now was sent within the old windows.
        self.take_on_connection(out);
        for id in std::mem::take(&mut self.credited) {
            self.credit(id, 0, out);
        }
        self.open_waiting(out);
        input.len() - rest.len()
    }

    /// Takes a part of a frame or all of it, and returns the rest of the input.
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

    /// Checks the head of a frame, before any of its payload is stored.
    fn announced(&mut self, head: Head) -> Result<(), Error> {
        let violation = |code, why| Err(Error::Connection(code, why));
        let most = self.told.iter().map(|told| told.max_frame_size);
        if head.length > most.fold(self.local.max_frame_size, u32::max) {
            return violation(Code::FRAME_SIZE_ERROR, "a frame is longer than SETTINGS_MAX_FRAME_SIZE");
        }
        if self.phase == Phase::First {
            if head.kind != kind::SETTINGS || head.flags & flag::ACK != 0 {
                return violation(Code::PROTOCOL_ERROR, "the first frame must be SETTINGS");
            }
            self.phase = Phase::Open;
        }
        match &self.block {
            Some(block) if head.kind != kind::CONTINUATION || head.stream != block.stream => {
                return violation(Code::PROTOCOL_ERROR, "a header block is interrupted by another frame");
            }
            None if head.kind == kind::CONTINUATION => {
                return violation(Code::PROTOCOL_ERROR, "CONTINUATION continues nothing");
            }
            _ => {}
        }
        if head.kind == kind::DATA && i64::from(head.length) > self.receive {
            return violation(
                Code::FLOW_CONTROL_ERROR,
                "the DATA frames exceed the window of the connection",
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
                    promised: None,
                    ends,
                    bytes: block.to_vec(),
                    frames: 0,
                    looped,
                });
                Ok(())
            }
            Frame::PushPromise {
                stream,
                promised,
                block,
                whole,
            } => {
                self.check_promise(stream, promised)?;
                if whole {
                    return self.promised(stream, promised, block, each);
                }
                self.block = Some(Block {
                    stream,
                    promised: Some(promised),
                    ends: false,
                    bytes: block.to_vec(),
                    frames: 0,
                    looped: false,
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
                    return idle("RST_STREAM for a stream that was never opened");
                }
                let Some(gone) = self.streams.remove(&stream) else {
                    return self.chatter(1);
                };
                self.remember(stream, Past::Ended);
                each(Event::Reset {
                    stream,
                    code,
                    by_peer: true,
                });
                // A client's own requests do not count, nor does a stream that was open for as long as the peer had
                // announced.
                let own = self.role == Role::Client && self.is_ours(stream);
                if own || gone.expires <= self.now.saturating_add(EARLY) {
                    return Ok(());
                }
                self.reset_once()
            }
            Frame::Settings(settings) => {
                self.chatter(10)?;
                self.received_settings(&settings, out, each)
            }
            Frame::SettingsAck => self.acknowledged(each),
            Frame::Ping(octets) => {
                self.chatter(1)?;
                if !self.pings.allows(self.now, self.streams.is_empty()) {
                    return Err(Error::Connection(Code::ENHANCE_YOUR_CALM, "too_many_pings"));
                }
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
            Frame::Extension { kind, stream, payload } if self.role == Role::Client => {
                self.chatter(10)?;
                each(Event::Extension { kind, stream, payload });
                Ok(())
            }
            Frame::Extension { .. } | Frame::Unknown => self.chatter(1),
        }
    }

    /// Spends the peer's budget for frames without use.
    pub(super) fn chatter(&mut self, count: u32) -> Result<(), Error> {
        if self.chatter.spend(count, self.now) {
            return Ok(());
        }
        let why = "too many frames carry no data";
        Err(Error::Connection(Code::ENHANCE_YOUR_CALM, why))
    }

    fn reset_once(&mut self) -> Result<(), Error> {
        if self.resets.spend(1, self.now) {
            return Ok(());
        }
        let why = "too many streams were reset";
        Err(Error::Connection(Code::ENHANCE_YOUR_CALM, why))
    }

    pub(super) fn is_ours(&self, stream: u32) -> bool {
        (stream % 2 == 1) == (self.role == Role::Client)
    }

    fn is_idle(&self, stream: u32) -> bool {
        let last = if self.is_ours(stream) {
            self.last_opened
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

    /// Whether a stream ended so long ago that its end is no longer remembered.
    pub(super) fn is_forgotten(&self, stream: u32) -> bool {
        !self.is_idle(stream) && self.past(stream).is_none()
    }

    /// Whether frames on a stream that no longer exists are ignored.
    fn is_passed_over(&self, stream: u32) -> bool {
        self.past(stream) == Some(Past::Reset)
            || self.is_ours(stream) && self.is_forgotten(stream)
            || !self.is_ours(stream) && self.last_handled.is_some_and(|last| stream > last)
    }

    /// Ends a stream or the connection because of an error in what was received.
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
                    let why = "too many frames were malformed";
                    self.fail(Code::ENHANCE_YOUR_CALM, why, out, each);
                }
            }
        }
    }

    /// Fails the connection: writes `GOAWAY`, drops all streams and reports the failure.
    pub(super) fn fail(&mut self, code: Code, why: &'static str, out: &mut Vec<u8>, each: &mut Each<'_>) {
        if self.phase == Phase::Over {
            return;
        }
        self.phase = Phase::Over;
        frame::goaway(self.last_remote, code, why.as_bytes(), out);
        self.forget();
        each(Event::Failed { code, why });
    }

    /// Drops all state of the connection. Nothing is sent or received any more.
    pub fn forget(&mut self) {
        self.phase = Phase::Over;
        self.streams.clear();
        self.unopened.clear();
        self.ready.clear();
        self.past.clear();
        self.kept.clear();
        self.block = None;
        self.payload = Vec::new();
    }

    /// Whether all streams have ended after a [`Session::goaway`].
    pub fn is_done(&self) -> bool {
        self.last_handled.is_some() && self.streams.is_empty()
    }

    /// Removes a stream of which both sides have ended.
    pub(super) fn over(&mut self, id: u32) {
        if let Some(stream) = self.streams.remove(&id)
            && !stream.held.is_empty()
        {
            self.kept.insert(id, stream.held);
        }
        self.remember(id, Past::Ended);
    }
}

fn idle(why: &'static str) -> Result<(), Error> {
    Err(Error::Connection(Code::PROTOCOL_ERROR, why))
}
