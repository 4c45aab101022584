//! The parser of one connection's requests or responses: a state machine that can be fed the bytes of any read, and
//! that never needs earlier bytes again.

use super::chunked::{Chunked, Piece};
use super::error::ParseError;
use super::head::Head;

/// Words per event in [`Batch::table`].
pub const EVENT_WORDS: usize = 8;

/// The kinds of events. [`row`] names the words of an event's row.
pub mod event {
    /// The complete head of a request. Without [`super::flag::HAS_BODY`], the request itself is complete too, and no
    /// `END` follows.
    pub const REQUEST: u32 = 1;
    /// A part of a body. The row refers to the input; nothing is copied.
    pub const BODY: u32 = 2;
    /// The body is complete.
    pub const END: u32 = 3;
    /// The complete head of a response. Without [`super::flag::HAS_BODY`], the response itself is complete too, and
    /// no `END` follows.
    pub const RESPONSE: u32 = 6;
    /// A parse error. Nothing more can be read from the connection.
    pub const ERROR: u32 = 4;
}

/// The positions of the words in an event's row. Words that an event does not use are 0.
pub mod row {
    /// The bits of the first word that hold the event's [kind](super::event).
    pub const KIND: u32 = 0xff;
    /// Request: the lowest bit of the method's number in the first word, which has eight bits.
    pub const METHOD: u32 = 8;
    /// Request and response: the lowest bit of the version in the first word: eight bits for the minor number, then
    /// eight for the major.
    pub const VERSION: u32 = 16;
    /// The version of HTTP/1.1.
    pub const HTTP_1_1: u32 = 1 << 8 | 1;
    /// Request and response: the [flags](super::flag).
    pub const FLAGS: usize = 1;
    /// Request and response: where the head begins in the text.
    pub const HEAD: usize = 2;
    /// Request and response: the length of the first part of the head's text, which is the URL or the reason phrase.
    pub const FIRST_LENGTH: usize = 3;
    /// Request and response: the length of the head's text.
    pub const HEAD_LENGTH: usize = 4;
    /// Request and response: the number of header fields.
    pub const FIELDS: usize = 5;
    /// Request: where it began in the input, or 0 if it began in an earlier input.
    pub const BEGAN: usize = 6;
    /// Response: the status code.
    pub const STATUS: usize = 7;
    /// Body part: its offset in the input.
    pub const PART: usize = 1;
    /// Body part: its length.
    pub const PART_LENGTH: usize = 2;
    /// End of a body: where its trailers begin in the text.
    pub const TRAILERS: usize = 1;
    /// End of a body: the length of the trailers' text.
    pub const TRAILERS_LENGTH: usize = 2;
    /// Error: its number in [`ParseError::TABLE`](super::ParseError::TABLE).
    pub const ERROR_NUMBER: usize = 1;
    /// Error: its offset in the input.
    pub const ERROR_OFFSET: usize = 2;
}

/// The flags of a message. JavaScript sees the low bits.
pub mod flag {
    /// The sender wants the connection to persist after this message.
    pub const KEEP_ALIVE: u32 = 1;
    /// Body bytes, or at least an `END`, follow.
    pub const HAS_BODY: u32 = 2;
    /// Request: the client asks for another protocol after this head, or uses `CONNECT`. Response: the server has
    /// switched protocols.
    pub const UPGRADE: u32 = 4;
    /// The message has an `Expect` header.
    pub const EXPECT: u32 = 8;
    /// The message has a `Host` header.
    pub const HOST: u32 = 16;
    /// `Transfer-Encoding` ends with `chunked`.
    pub const CHUNKED: u32 = 32;
    /// The message has a `Content-Length`.
    pub const CONTENT_LENGTH: u32 = 64;
    /// The message has a `Transfer-Encoding`.
    pub const TRANSFER_ENCODING: u32 = 128;
    /// `Connection: close`.
    pub const CONNECTION_CLOSE: u32 = 256;
    /// `Connection: keep-alive`.
    pub const CONNECTION_KEEP_ALIVE: u32 = 512;
    /// `Connection: upgrade`.
    pub const CONNECTION_UPGRADE: u32 = 1024;
    /// The message has an `Upgrade` header.
    pub const UPGRADE_HEADER: u32 = 2048;
    /// The message has a `Keep-Alive` header.
    pub const KEEP_ALIVE_HEADER: u32 = 4096;
}

/// Limits on the memory that a peer can make the parser use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes of the URL, header names and values in one head; trailers have the same limit of their own.
    /// Node's default is 16 KiB.
    pub max_header_size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_header_size: 16 * 1024,
        }
    }
}

/// The destination of the events of one read.
pub struct Batch<'a> {
    /// The event rows, [`EVENT_WORDS`] words each.
    pub table: &'a mut [u32],
    /// The number of events in the table.
    pub count: usize,
    /// The text of the batch's heads and trailers, in latin1.
    pub text: &'a mut Vec<u8>,
}

impl Batch<'_> {
    /// Whether fewer than two rows are free. One step writes at most two events: the last body bytes and the end of
    /// the body.
    fn is_full(&self) -> bool {
        (self.count + 2) * EVENT_WORDS > self.table.len()
    }

    /// Adds an event. `kind` is the first word of its row; `words` are the others with their positions.
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
    /// All input was consumed.
    Drained,
    /// The table is full. Deliver the batch, then feed the rest of the input.
    Full,
    /// The last event of the batch is a request or response with [`flag::UPGRADE`]. Calling [`Conn::decide_upgrade`],
    /// or feeding more input, treats it as an ordinary message.
    Upgrade,
    /// The last event of the batch is an error. Nothing more will be read.
    Failed,
}

/// What a client knows about the response to its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The head of the response says how its body ends.
    Ordinary,
    /// The request was `HEAD`: there is no body, whatever the head says.
    NoBody,
    /// The request was `CONNECT`: another protocol follows the head.
    Tunnel,
}

#[derive(Clone, Copy, Debug)]
enum Role {
    /// A server's end, which reads requests.
    Server,
    /// A client's end, which reads responses. Bytes without an expected response are an error: they were sent by
    /// mistake, or to be taken for the response to the next request.
    Client(Option<Expected>),
}

#[derive(Clone, Debug)]
enum Phase {
    Head,
    Length(u64),
    /// The body of a response that ends when the connection ends.
    UntilEnd,
    Chunked(Chunked),
    Trailers,
    /// A head with [`flag::UPGRADE`] was delivered, and it is not decided yet whether another protocol follows.
    Undecided,
    /// The last request said `Connection: close`, so only line ends may follow.
    Closing,
    /// Every further read fails with the same error, as in llhttp.
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
    /// The text of a head of which only a part has arrived. It is empty between heads, and allocated only for a head
    /// that is split over several reads.
    held: Vec<u8>,
    limits: Limits,
    /// A request with [`flag::UPGRADE`] that was treated as an ordinary one has just ended: the rest of the read is
    /// dropped.
    dropping: bool,
    /// More input followed the head with [`flag::UPGRADE`] in the same read.
    has_rest: bool,
    /// Whether the last feed saw the beginning of a head.
    began: bool,
}

impl Conn {
    /// Creates a server's end, before any input.
    pub fn new(limits: Limits) -> Self {
        Self::with_role(Role::Server, limits)
    }

    /// Creates a client's end, before any request was sent.
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

    /// Tells a client's end that a request was sent and a response is expected. Returns whether the connection was
    /// free: the response before it must have ended.
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

    /// Whether a request has begun and not ended, which `requestTimeout` limits. After an error within a message this
    /// stays true.
    pub fn is_reading(&self) -> bool {
        match self.phase {
            Phase::Head => !self.head.is_untouched(),
            Phase::Closing => false,
            _ => true,
        }
    }

    /// Whether the parser is in its initial state, in which the same bytes always give the same events.
    pub fn is_fresh(&self) -> bool {
        self.is_idle() && !self.dropping && !self.has_rest
    }

    /// The limit on the bytes of a head, see [`Limits`].
    pub fn max_header_size(&self) -> usize {
        self.limits.max_header_size
    }

    /// Whether the next message's head has not been read completely, which `headersTimeout` limits.
    pub fn in_head(&self) -> bool {
        matches!(self.phase, Phase::Head | Phase::Failed { in_head: true, .. })
    }

    /// Whether the last [`Conn::feed`] saw the beginning of a request that it did not complete.
    pub fn has_begun(&self) -> bool {
        self.began && self.is_reading()
    }

    /// Discards what was read after the end of a request that [persists](flag::KEEP_ALIVE). Those bytes will be fed
    /// again.
    pub fn rewind(&mut self) {
        *self = Conn::with_role(self.role, self.limits);
    }

    /// Reads `input` (less than 4 GiB) until it ends or the caller has to act. Returns the number of bytes consumed
    /// and the reason for stopping.
    pub fn feed(&mut self, input: &[u8], batch: &mut Batch<'_>) -> (usize, Stop) {
        let mut at = 0;
        self.decide_upgrade();
        if std::mem::take(&mut self.dropping) {
            return (input.len(), Stop::Drained);
        }
        // Checked only at the start of a feed: behind a response in the same read, llhttp parses on and reports the
        // first fault that it finds.
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

    /// Tells the parser that the peer will send nothing more. A message that only the end of the connection delimits
    /// is complete then.
    ///
    /// # Errors
    /// [`ParseError::EndOfInput`], Node's `HPE_INVALID_EOF_STATE`, if a message is cut short.
    pub fn finish(&self) -> Result<(), ParseError> {
        match self.phase {
            Phase::Head if self.head.is_untouched() => Ok(()),
            Phase::Head | Phase::Length(_) | Phase::Chunked(_) | Phase::Trailers => Err(ParseError::EndOfInput),
            Phase::UntilEnd | Phase::Undecided | Phase::Closing | Phase::Failed { .. } => Ok(()),
        }
    }

    /// Continues after [`Stop::Upgrade`] with the message as an ordinary one. Bytes after its end in the same read
    /// were meant for the other protocol and are dropped, as by llhttp.
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
        // Line ends before a request do not belong to it.
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
        // Informational responses other than 101 announce that a final response follows.
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
        // Without a body, the end of the connection is not needed to end the response. llhttp sets this flag only
        // after it has delivered the head.
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
