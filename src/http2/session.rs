//! One connection, in either role: what is received, and what that means.

mod receive;

use super::fields::Fields;
use super::frame::{self, Code, DEFAULT_WINDOW, Error, Frame, HEAD, Head, PREFACE, flag, kind};
use super::hpack::{Decoder, Encoder};
use super::limits::{Budget, Limits};
use super::pings::{PingLimits, Pings};
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
    /// A client's: the server promises the response to a request that we have not made.
    Push {
        /// The stream on which it will come.
        stream: u32,
        /// The one of ours that it belongs to.
        parent: u32,
        /// The request's header.
        fields: &'a Fields,
    },
    /// A client's: the server says what else it can do.
    Extension {
        /// `ALTSVC` or `ORIGIN`.
        kind: u8,
        /// The stream, or 0.
        stream: u32,
        /// What it says, unread.
        payload: &'a [u8],
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
/// A stream may have expired at the peer's so many milliseconds before it has here.
const EARLY: u64 = 50;

/// A block of fields that is being received.
struct Block {
    stream: u32,
    /// It promises this one.
    promised: Option<u32>,
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
    /// Data of streams that have ended while they were [paused](Session::pause).
    pub(super) kept: BTreeMap<u32, Vec<u8>>,
    /// The peer's last stream, and ours.
    last_remote: u32,
    pub(super) last_local: u32,
    /// The last of ours that the peer knows of, and those that wait until it takes them.
    pub(super) last_opened: u32,
    pub(super) unopened: VecDeque<u32>,
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
    pub(super) pings: Pings,
    /// As of the last call that said it, in milliseconds.
    pub(super) now: u64,
    /// The peer has us send too many tiny frames.
    pub(super) dribbled: bool,
    /// Streams on which something was taken in this read.
    credited: BTreeSet<u32>,
    /// The peer has sent settings.
    greeted: bool,
    /// See [`Session::take_by_hand`].
    by_hand: bool,
}

/// Who is told.
type Each<'e> = dyn FnMut(Event<'_>) + 'e;

impl Session {
    /// A new connection. What it begins with, which says `settings`, is appended to `out`.
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

    /// From now on, data that were told count as taken only when [`Session::take`] says so.
    pub fn take_by_hand(&mut self) {
        self.by_hand = true;
    }

    /// How often the peer may ask whether we are there.
    pub fn limit_pings(&mut self, limits: PingLimits) {
        self.pings = Pings::new(limits);
    }

    /// The peer resets a stream at that time, in milliseconds, if it is still there: that is no misuse.
    pub fn set_expiry(&mut self, id: u32, at: u64) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.expires = at;
        }
    }

    /// The peer has made good use of a stream: it may reset another one.
    pub fn earn_reset(&mut self) {
        self.resets.earn(1);
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

    /// Pushes that are open.
    pub(super) fn pushes(&self) -> usize {
        if self.last_remote == 0 {
            return 0;
        }
        self.streams.keys().filter(|&&id| !self.is_ours(id)).count()
    }

    /// Streams that are open.
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// The last stream that the peer has opened.
    pub fn last_remote(&self) -> u32 {
        self.last_remote
    }

    /// What the connection is at: how much the peer may send at a time, how much of that was taken and not given back, our next stream, the last of
    /// the peer's, how much we may send, and how much the peer.
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

    /// What we take, from the peer's answer on.
    pub fn settings(&mut self, settings: Settings, out: &mut Vec<u8>) {
        let mut settings = settings;
        // A server takes no pushes, and says nothing of that.
        settings.enable_push &= self.limits.pushes > 0;
        settings.enable_push |= self.role == Role::Server;
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
        self.open_waiting(out);
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
                    return idle("RST_STREAM is of a stream that was never there");
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
                // A client has made its requests itself, and what has expired was open for as long as was said.
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

    /// Whether a stream was there so long ago that nobody knows how it has ended.
    pub(super) fn is_forgotten(&self, stream: u32) -> bool {
        !self.is_idle(stream) && self.past(stream).is_none()
    }

    /// Whether what comes on a stream that is not there is passed over.
    fn is_passed_over(&self, stream: u32) -> bool {
        self.past(stream) == Some(Past::Reset)
            || self.is_ours(stream) && self.is_forgotten(stream)
            || !self.is_ours(stream) && self.last_handled.is_some_and(|last| stream > last)
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
        self.unopened.clear();
        self.ready.clear();
        self.past.clear();
        self.kept.clear();
        self.block = None;
        self.payload = Vec::new();
    }

    /// Whether all that was promised is done, behind a [`Session::goaway`].
    pub fn is_done(&self) -> bool {
        self.last_handled.is_some() && self.streams.is_empty()
    }

    /// Both sides of a stream have ended.
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
