//! The state of one stream (RFC 9113, 5.1): its windows, and the data that wait to be sent.

use bytes::Bytes;
use std::collections::VecDeque;

/// How far our side of a stream has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Local {
    /// We have sent no header yet, or only those of informational responses (1xx).
    Idle,
    /// We have sent the header.
    Open,
    /// The end was requested, and waits until the data before it have been sent.
    Ending,
    /// We have sent the end.
    Ended,
}

/// How our side ends after the waiting data.
#[derive(Debug)]
pub(super) enum End {
    /// With the flag `END_STREAM` on the last `DATA` frame.
    Data,
    /// With these trailers, in the form that [`super::pairs`] reads.
    Trailers(Vec<u8>),
}

#[derive(Debug)]
pub(super) struct Stream {
    pub local: Local,
    /// On a client: the header of a request that waits until the server allows another stream. The server does not know
    /// of the stream yet.
    pub request: Option<Vec<u8>>,
    /// Whether the peer can still send on the stream.
    pub remote_open: bool,
    /// Whether the header of the response has been received. Always true for requests on a server.
    pub answered: bool,
    /// On a client: whether the response has no body whatever its `content-length` is, as after `HEAD`.
    pub bodiless: bool,
    /// How many more bytes the peer may send.
    pub receive: i64,
    /// Bytes that were consumed but not yet given back to the peer's window.
    pub taken: u32,
    /// How many more bytes we may send. Negative after the peer has reduced its initial window below what was sent.
    pub send: i64,
    pub queue: VecDeque<Bytes>,
    /// The number of bytes in `queue`.
    pub queued: usize,
    pub end: Option<End>,
    /// Whether the stream is in the session's queue of streams that can send.
    pub ready: bool,
    /// Whether [`Event::Drained`](super::Event::Drained) is to be reported once everything was framed.
    pub awaited: bool,
    /// Whether the stream is paused. Received data are kept in `held` then.
    pub paused: bool,
    pub held: Vec<u8>,
    pub content_length: Option<u64>,
    /// The number of body bytes received.
    pub received: u64,
    /// The time, in milliseconds, from which a reset by the peer is expected and costs nothing.
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

    /// Whether a frame could be sent if the connection's window allowed it.
    pub fn can_send(&self) -> bool {
        self.request.is_none()
            && self.local < Local::Ended
            && (self.queued > 0 && self.send > 0 || self.queued == 0 && self.end.is_some())
    }

    /// Whether both sides have ended.
    pub fn is_over(&self) -> bool {
        self.local == Local::Ended && !self.remote_open
    }
}
