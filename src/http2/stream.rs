//! One stream: its states (RFC 9113, 5.1), its windows, what waits to be sent on it.

use bytes::Bytes;
use std::collections::VecDeque;

/// What we have sent on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Local {
    /// No header, or none but those of 1xx.
    Idle,
    /// A header.
    Open,
    /// Its end is decided, and waits behind its data.
    Ending,
    /// Its end.
    Ended,
}

/// What comes behind the data that waits.
#[derive(Debug)]
pub(super) enum End {
    /// Nothing.
    Data,
    /// These fields, as [`super::pairs`] reads them.
    Trailers(Vec<u8>),
}

#[derive(Debug)]
pub(super) struct Stream {
    pub local: Local,
    /// A client's: its request, which waits until the server takes one more stream. For the peer, there is no such stream yet.
    pub request: Option<Vec<u8>>,
    /// The peer can send more.
    pub remote_open: bool,
    /// A client's: the response's header has come.
    pub answered: bool,
    /// A client's: the response to HEAD has no body, whatever it says.
    pub bodiless: bool,
    /// How much the peer may send; more than it may, and the stream ends.
    pub receive: i64,
    /// Bytes that were taken, and the peer not told.
    pub taken: u32,
    /// How much we may send; less than nothing after the peer has made its windows smaller.
    pub send: i64,
    pub queue: VecDeque<Bytes>,
    /// Bytes in it.
    pub queued: usize,
    pub end: Option<End>,
    /// It is among those that have something to send.
    pub ready: bool,
    /// Whoever writes waits for all of it to have been framed.
    pub awaited: bool,
    /// Nobody takes data now: it gathers here.
    pub paused: bool,
    pub held: Vec<u8>,
    pub content_length: Option<u64>,
    /// Bytes of the peer's body.
    pub received: u64,
    /// When the peer is expected to reset it, in milliseconds.
    pub expires: u64,
}

impl Stream {
    pub fn new(receive: u32, send: u32) -> Stream {
        Stream {
            local: Local::Idle,
            request: None,
            remote_open: true,
            answered: false,
            bodiless: false,
            receive: receive.into(),
            taken: 0,
            send: send.into(),
            queue: VecDeque::new(),
            queued: 0,
            end: None,
            ready: false,
            awaited: false,
            paused: false,
            held: Vec::new(),
            content_length: None,
            received: 0,
            expires: u64::MAX,
        }
    }

    /// Whether something could be sent if the connection's window let it.
    pub fn can_send(&self) -> bool {
        self.request.is_none()
            && self.local < Local::Ended
            && (self.queued > 0 && self.send > 0 || self.queued == 0 && self.end.is_some())
    }

    /// Both sides have ended.
    pub fn is_over(&self) -> bool {
        self.local == Local::Ended && !self.remote_open
    }
}
