//! One connection's requests or responses, as a machine that is fed whatever a read returned and never looks back.

use super::chunked::{Chunked, Piece};
use super::error::ParseError;
use super::head::Head;

/// Words per event in [`Batch::table`].
pub const EVENT_WORDS: usize = 8;

/// What an event is; its row has the words that [`row`] names.
pub mod event {
    /// The complete head of a request. Without [`super::flag::HAS_BODY`] the request is complete too and no `END` follows.
    pub const REQUEST: u32 = 1;
    /// A part of a body; nothing is copied.
    pub const BODY: u32 = 2;
    /// The body is complete.
    pub const END: u32 = 3;
    /// The complete head of a response. Without [`super::flag::HAS_BODY`] the response is complete too and no `END` follows.
    pub const RESPONSE: u32 = 6;
    /// The connection is beyond repair.
    pub const ERROR: u32 = 4;
}

/// Where the words of an event's row stand; those that its kind does not have are 0.
pub mod row {
    /// The bits of the first word that are the event's [kind](super::event).
    pub const KIND: u32 = 0xff;
    /// Of a request: the first bit there of the method's number, which has eight.
    pub const METHOD: u32 = 8;
    /// Of a head: the first bit there of the version, which has sixteen: major, minor.
    pub const VERSION: u32 = 16;
    /// The version of HTTP/1.1.
    pub const HTTP_1_1: u32 = 1 << 8 | 1;
    /// Of a head: its [flags](super::flag).
    pub const FLAGS: usize = 1;
    /// Of a head: where in the text it begins.
    pub const HEAD: usize = 2;
    /// Of a head: the length of what its text begins with, the URL or the reason.
    pub const FIRST_LENGTH: usize = 3;
    /// Of a head: the length of its text.
    pub const HEAD_LENGTH: usize = 4;
    /// Of a head: how many fields it has.
    pub const FIELDS: usize = 5;
    /// Of a request: where in the input it began, 0 when an earlier input began it.
    pub const BEGAN: usize = 6;
    /// Of a response: its status.
    pub const STATUS: usize = 7;
    /// Of a body's part: where in the input it lies.
    pub const PART: usize = 1;
    /// Of a body's part: its length.
    pub const PART_LENGTH: usize = 2;
    /// Of a body's end: where in the text its trailers begin.
    pub const TRAILERS: usize = 1;
    /// Of a body's end: the length of their text.
    pub const TRAILERS_LENGTH: usize = 2;
    /// Of an error: its number in [`ParseError::TABLE`](super::ParseError::TABLE).
    pub const ERROR_NUMBER: usize = 1;
    /// Of an error: how many bytes of the input come before it.
    pub const ERROR_OFFSET: usize = 2;
}

/// Bits of a message's flags. The low ones cross to JavaScript.
pub mod flag {
    /// The connection persists after this message, as far as the sender is concerned.
    pub const KEEP_ALIVE: u32 = 1;
    /// Body bytes (or at least an `END`) follow.
    pub const HAS_BODY: u32 = 2;
    /// The client asks for another protocol after this head, or used `CONNECT`; the server has changed to it.
    pub const UPGRADE: u32 = 4;
    /// There is an `Expect` header.
    pub const EXPECT: u32 = 8;
    /// There is a `Host` header.
    pub const HOST: u32 = 16;
    /// `Transfer-Encoding` ends in `chunked`.
    pub const CHUNKED: u32 = 32;
    /// There is a `Content-Length`.
    pub const CONTENT_LENGTH: u32 = 64;
    /// There is a `Transfer-Encoding`.
    pub const TRANSFER_ENCODING: u32 = 128;
    /// `Connection: close`.
    pub const CONNECTION_CLOSE: u32 = 256;
    /// `Connection: keep-alive`.
    pub const CONNECTION_KEEP_ALIVE: u32 = 512;
    /// `Connection: upgrade`.
    pub const CONNECTION_UPGRADE: u32 = 1024;
    /// There is an `Upgrade` header.
    pub const UPGRADE_HEADER: u32 = 2048;
    /// There is a `Keep-Alive` header.
    pub const KEEP_ALIVE_HEADER: u32 = 4096;
}

/// What a peer may make us hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of URL, header names and values in one head (and, separately, in its trailers). Node's default is 16 KiB.
    pub max_header_size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_header_size: 16 * 1024,
        }
    }
}

/// Where the events of one read go.
pub struct Batch<'a> {
    /// Events, [`EVENT_WORDS`] each.
    pub table: &'a mut [u32],
    /// How many events the table holds already.
    pub count: usize,
    /// Heads and trailers of the batch, latin1.
    pub text: &'a mut Vec<u8>,
}

impl Batch<'_> {
    /// One step writes two events at most: the last body bytes and their end.
    fn is_full(&self) -> bool {
        (self.count + 2) * EVENT_WORDS > self.table.len()
    }

    /// Adds an event: the first word of its row, and the others by their places.
    #[inline]
    fn push<const N: usize>(&mut self, kind: u32, words: [(usize, u32); N]) {
        let row = &mut self.table[self.count * EVENT_WORDS..][..EVENT_WORDS];
        row.fill(0);
        row[0] = kind;
        for (at, word) in words {
            row[at] = word;
        }
        self.count += 1;
    }
}

/// Why [`Conn::feed`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// All input is taken.
    Drained,
    /// The table is full: show the batch, then feed the rest.
    Full,
    /// The batch's last event is a request with [`flag::UPGRADE`]. [`Conn::decide_upgrade`] makes it an ordinary one, and so does
    /// to feed on.
    Upgrade,
    /// The batch's last event is an error. Nothing more will be read.
    Failed,
}

/// What a client knows of the response that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Its head says how its body ends.
    Ordinary,
    /// Answers `HEAD`: whatever its head says, there is no body.
    NoBody,
    /// Answers `CONNECT`: what follows its head is another protocol.
    Tunnel,
}

#[derive(Clone, Copy, Debug)]
enum Role {
    /// A server's: reads requests.
    Server,
    /// A client's: reads responses. Whatever comes unexpected was sent by mistake, or in order to pass for the answer to the next
    /// request.
    Client(Option<Expected>),
}

#[derive(Clone, Debug)]
enum Phase {
    Head,
    Length(u64),
    /// A response that ends with its connection.
    UntilEnd,
    Chunked(Chunked),
    Trailers,
    /// A head with [`flag::UPGRADE`] was shown; nobody has said yet what becomes of it.
    Undecided,
    /// The last request said `Connection: close`: only line ends may follow it.
    Closing,
    /// Every further read fails the same way, as in llhttp.
    Failed {
        error: ParseError,
        in_head: bool,
    },
}

impl Role {
    fn head(self) -> Head {
        match self {
            Role::Server => Head::default(),
            Role::Client(_) => Head::response(),
        }
    }
}

/// The reading half of one connection.
#[derive(Clone, Debug)]
pub struct Conn {
    role: Role,
    phase: Phase,
    head: Head,
    /// Text of a head that has not fully arrived; empty between heads, and allocated only for split ones.
    held: Vec<u8>,
    limits: Limits,
    /// A request that was not taken over has just ended, and what is left of the read is to be dropped.
    dropping: bool,
    /// Behind the head of one that asks to be taken over, the read goes on.
    has_rest: bool,
    /// The last feed has begun a head.
    began: bool,
}

impl Conn {
    /// A connection of a server's, on which nothing has arrived.
    pub fn new(limits: Limits) -> Self {
        Self::with_role(Role::Server, limits)
    }

    /// A connection of a client's, on which nothing is expected yet.
    pub fn client(limits: Limits) -> Self {
        Self::with_role(Role::Client(None), limits)
    }

    fn with_role(role: Role, limits: Limits) -> Self {
        Self {
            role,
            phase: Phase::Head,
            head: role.head(),
            held: Vec::new(),
            limits,
            dropping: false,
            has_rest: false,
            began: false,
        }
    }

    /// A client has sent a request: its response is to come. Whether the connection can carry it, having ended the one before.
    pub fn expect(&mut self, expected: Expected, limits: Limits) -> bool {
        let fit = matches!(self.role, Role::Client(None)) && self.is_idle();
        if fit {
            self.role = Role::Client(Some(expected));
            self.limits = limits;
        }
        fit
    }

    /// Whether the connection is between two messages.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Head) && self.head.is_untouched()
    }

    /// Whether a request has begun and not ended (what `requestTimeout` is about), or never will: an error cut it short.
    pub fn is_reading(&self) -> bool {
        match self.phase {
            Phase::Head => !self.head.is_untouched(),
            Phase::Closing => false,
            _ => true,
        }
    }

    /// Whether the next byte begins a message, whatever came before: the same bytes mean the same then.
    pub fn is_fresh(&self) -> bool {
        self.is_idle() && !self.dropping && !self.has_rest
    }

    /// The most bytes of a head, see [`Limits`].
    pub fn max_header_size(&self) -> usize {
        self.limits.max_header_size
    }

    /// Whether no whole head has come yet of what is to come next: what `headersTimeout` is about.
    pub fn in_head(&self) -> bool {
        matches!(self.phase, Phase::Head | Phase::Failed { in_head: true, .. })
    }

    /// Whether the last [`Conn::feed`] has begun a request that it did not end.
    pub fn has_begun(&self) -> bool {
        self.began && self.is_reading()
    }

    /// Forgets what was read after the end of a request that [persists](flag::KEEP_ALIVE): it will be fed again.
    pub fn rewind(&mut self) {
        *self = Conn::with_role(self.role, self.limits);
    }

    /// Reads `input` (under 4 GiB) until it ends or something must happen first. Returns how many bytes were taken and why it
    /// stopped.
    pub fn feed(&mut self, input: &[u8], batch: &mut Batch<'_>) -> (usize, Stop) {
        let mut at = 0;
        self.decide_upgrade();
        if std::mem::take(&mut self.dropping) {
            return (input.len(), Stop::Drained);
        }
        // Behind a response, in the same read, llhttp reads on and finds fault with what it finds.
        if matches!(self.role, Role::Client(None)) && self.is_idle() && !input.is_empty() {
            self.phase = Phase::Failed {
                error: ParseError::Unsolicited,
                in_head: false,
            };
        }
        self.began = false;
        while at < input.len() {
            if batch.is_full() {
                return (at, Stop::Full);
            }
            let stepped = match &mut self.phase {
                Phase::Head => self.head_step(input, at, batch),
                Phase::Length(_) | Phase::UntilEnd | Phase::Chunked(_) => self.body_step(input, at, batch),
                Phase::Trailers => self.trailer_step(&input[at..], batch),
                Phase::Closing if matches!(input[at], b'\r' | b'\n') => Ok(1),
                Phase::Closing => Err((ParseError::Closed, 0)),
                Phase::Undecided => unreachable!("decided above"),
                &mut Phase::Failed { error, .. } => Err((error, 0)),
            };
            match stepped {
                Ok(_) if std::mem::take(&mut self.dropping) => return (input.len(), Stop::Drained),
                Ok(taken) => at += taken,
                Err((error, offset)) => {
                    let in_head = self.in_head();
                    self.phase = Phase::Failed { error, in_head };
                    batch.push(
                        event::ERROR,
                        [
                            (row::ERROR_NUMBER, error as u32),
                            (row::ERROR_OFFSET, (at + offset) as u32),
                        ],
                    );
                    return (at + offset, Stop::Failed);
                }
            }
            if matches!(self.phase, Phase::Undecided) {
                self.has_rest = at < input.len();
                return (at, Stop::Upgrade);
            }
        }
        (at, Stop::Drained)
    }

    /// The peer will send nothing more. `Err` when that cuts a message short; one without another end is complete.
    ///
    /// # Errors
    /// [`ParseError::EndOfInput`], Node's `HPE_INVALID_EOF_STATE`.
    pub fn finish(&self) -> Result<(), ParseError> {
        match self.phase {
            Phase::Head if self.head.is_untouched() => Ok(()),
            Phase::Head | Phase::Length(_) | Phase::Chunked(_) | Phase::Trailers => Err(ParseError::EndOfInput),
            Phase::UntilEnd | Phase::Undecided | Phase::Closing | Phase::Failed { .. } => Ok(()),
        }
    }

    /// Goes on after [`Stop::Upgrade`]: the request was not taken over and is an ordinary one. What else was read with it behind its end was
    /// meant for the other protocol and is dropped, as by llhttp.
    pub fn decide_upgrade(&mut self) {
        if matches!(self.phase, Phase::Undecided) {
            self.begin_body();
            self.dropping &= self.has_rest;
        }
    }

    fn head_step(&mut self, input: &[u8], at: usize, batch: &mut Batch<'_>) -> Result<usize, (ParseError, usize)> {
        let base = batch.text.len();
        let untouched = self.head.is_untouched();
        batch.text.append(&mut self.held);
        let stepped = self
            .head
            .step(&input[at..], batch.text, base, self.limits.max_header_size);
        // Line ends before a request are not yet the request.
        self.began |= untouched && (stepped.is_err() || !self.head.is_untouched());
        let step = stepped?;
        if !step.done {
            self.held = batch.text.split_off(base);
            return Ok(step.consumed);
        }
        match self.role {
            Role::Server => self.request_head(at, base, batch),
            Role::Client(expected) => self.response_head(expected, base, batch),
        }
        if self.head.flags & flag::UPGRADE != 0 {
            self.phase = Phase::Undecided;
        } else {
            self.begin_body();
        }
        Ok(step.consumed)
    }

    fn request_head(&self, at: usize, base: usize, batch: &mut Batch<'_>) {
        let head = &self.head;
        let length = batch.text.len() - base;
        batch.push(
            event::REQUEST | u32::from(head.method) << row::METHOD | head.version() << row::VERSION,
            [
                (row::FLAGS, head.flags),
                (row::HEAD, base as u32),
                (row::FIRST_LENGTH, head.url_len),
                (row::HEAD_LENGTH, length as u32),
                (row::FIELDS, head.headers),
                (row::BEGAN, at as u32),
            ],
        );
    }

    fn response_head(&mut self, expected: Option<Expected>, base: usize, batch: &mut Batch<'_>) {
        let head = &mut self.head;
        match expected {
            Some(Expected::Tunnel) => head.flags = head.flags & !flag::HAS_BODY | flag::UPGRADE,
            Some(Expected::NoBody) => head.flags &= !flag::HAS_BODY,
            _ => {}
        }
        // Others than 101 announce a final response to come.
        if !matches!(head.status, 100 | 102..200) || head.flags & flag::UPGRADE != 0 {
            self.role = Role::Client(None);
        }
        let length = batch.text.len() - base;
        batch.push(
            event::RESPONSE | head.version() << row::VERSION,
            [
                (row::FLAGS, head.flags),
                (row::HEAD, base as u32),
                (row::FIRST_LENGTH, head.url_len),
                (row::HEAD_LENGTH, length as u32),
                (row::FIELDS, head.headers),
                (row::STATUS, u32::from(head.status)),
            ],
        );
        // There being no body, the connection's end is not needed for its end; llhttp says so only after it has shown the head.
        if expected == Some(Expected::NoBody) && head.persists() {
            head.flags |= flag::KEEP_ALIVE;
        }
    }

    fn begin_body(&mut self) {
        if self.head.flags & flag::HAS_BODY == 0 {
            self.message_done();
        } else if self.head.flags & flag::CHUNKED != 0 {
            self.phase = Phase::Chunked(Chunked::default());
        } else if self.head.content_length > 0 && self.head.flags & flag::TRANSFER_ENCODING == 0 {
            self.phase = Phase::Length(self.head.content_length);
        } else {
            self.phase = Phase::UntilEnd;
        }
    }

    fn message_done(&mut self) {
        self.dropping = self.head.flags & flag::UPGRADE != 0;
        let persists = self.head.flags & flag::KEEP_ALIVE != 0;
        self.phase = if persists { Phase::Head } else { Phase::Closing };
        self.head = self.role.head();
    }

    fn body_step(&mut self, input: &[u8], at: usize, batch: &mut Batch<'_>) -> Result<usize, (ParseError, usize)> {
        let (taken, piece) = match &mut self.phase {
            Phase::Length(left) => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len() - at);
                *left -= len as u64;
                (len, Piece::Data(len))
            }
            Phase::UntilEnd => (input.len() - at, Piece::Data(input.len() - at)),
            Phase::Chunked(chunked) => chunked.next(&input[at..])?,
            _ => unreachable!("only called inside a body"),
        };
        match piece {
            Piece::More => {}
            Piece::Data(len) => {
                batch.push(
                    event::BODY,
                    [(row::PART, (at + taken - len) as u32), (row::PART_LENGTH, len as u32)],
                );
                if matches!(self.phase, Phase::Length(0)) {
                    batch.push(event::END, []);
                    self.message_done();
                }
            }
            Piece::Last => {
                self.head = self.head.trailers();
                self.phase = Phase::Trailers;
            }
        }
        Ok(taken)
    }

    fn trailer_step(&mut self, input: &[u8], batch: &mut Batch<'_>) -> Result<usize, (ParseError, usize)> {
        let base = batch.text.len();
        batch.text.append(&mut self.held);
        let step = self.head.step(input, batch.text, base, self.limits.max_header_size)?;
        if !step.done {
            self.held = batch.text.split_off(base);
            return Ok(step.consumed);
        }
        let length = batch.text.len() - base;
        batch.push(
            event::END,
            [(row::TRAILERS, base as u32), (row::TRAILERS_LENGTH, length as u32)],
        );
        self.message_done();
        Ok(step.consumed)
    }
}
