//! TLS between a connection's output and its transport, and between the transport's input and the connection's
//! protocol. The protocol does not see it.
//!
//! Plaintext is encrypted when it is sent, not when it is written, so small writes that were gathered share TLS
//! records. Ciphertext that the transport does not take waits in an output queue of its own; until that is sent,
//! plaintext waits too.

use super::out::Out;
use super::{FileRange, Sent, Sink};
use crate::errno::Errno;
use crate::tls::{Answer, News, Session};
use bytes::Bytes;
use std::cell::RefCell;
use std::convert::Infallible;

/// Ciphertext is passed to the transport each time about this many bytes are gathered.
const FLUSH_AT: usize = 64 * 1024;

/// The TLS of one connection.
pub struct Filter {
    session: Session,
    cipher: Out,
    /// The peer has ended its side on the TLS level. The end of the transport's input then says nothing new.
    ended: bool,
    /// Our side was asked to end, and everything written before is encrypted.
    farewell: bool,
}

impl Filter {
    /// Wraps `session`. Bytes that it wants to send at once wait until they are [flushed](Filter::flush).
    pub(super) fn new(session: Session) -> Filter {
        let mut filter = Filter {
            session,
            cipher: Out::default(),
            ended: false,
            farewell: false,
        };
        filter.take();
        filter
    }

    /// The TLS session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// See [`Session::trust`].
    pub(super) fn trust(&mut self) {
        self.session.trust();
    }

    /// Bytes of ciphertext that the transport has not been given yet.
    pub(super) fn waiting(&self) -> u64 {
        self.cipher.waiting()
    }

    /// Whether the peer has ended its side on the TLS level.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Processes received ciphertext and appends the decrypted bytes to `plain`.
    pub(super) fn receive(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> News {
        let news = self.session.receive(bytes, plain);
        self.ended |= news.ended;
        self.take();
        news
    }

    /// Answers a ClientHello. Input that came after it is processed as in [`Filter::receive`].
    pub(super) fn answer(&mut self, answer: Answer, plain: &mut Vec<u8>) -> News {
        let news = self.session.answer(answer, plain);
        self.ended |= news.ended;
        self.take();
        news
    }

    /// Limits the payload of TLS records to this many bytes.
    pub(super) fn set_fragment(&mut self, bytes: usize) {
        self.session.set_fragment(bytes);
    }

    /// Takes the session out of the filter.
    pub(super) fn into_session(self) -> Session {
        self.session
    }

    /// Gathers the bytes that the session itself has to send.
    fn take(&mut self) {
        let Ok(_) = self.cipher.gather(|tail| {
            self.session.take(tail);
            Ok::<_, Infallible>(())
        });
    }

    /// Passes waiting ciphertext to the transport.
    pub(super) fn flush(&mut self, transport: &dyn Sink) -> Result<(), Errno> {
        if self.cipher.waiting() == 0 {
            Ok(())
        } else {
            self.cipher.flush(transport)
        }
    }

    /// A queued write of ciphertext has ended. Returns whether all ciphertext has been sent.
    pub(super) fn written(&mut self, transport: &dyn Sink, result: Result<(), Errno>) -> Result<bool, Errno> {
        let went = self.cipher.written(transport, result).map(|(left, _)| left);
        went.or_else(|error| self.part(transport, error).map(|()| true))
    }

    /// Handles a write error. After our closing alert it is no error, as with OpenSSL in Node: a peer that has
    /// already gone does not need the alert.
    fn part(&mut self, transport: &dyn Sink, error: Errno) -> Result<(), Errno> {
        if !self.farewell {
            return Err(error);
        }
        self.cipher.take();
        transport.shutdown()
    }

    /// The sink that the connection's output writes to.
    pub(super) fn over<'a>(&'a mut self, transport: &'a dyn Sink) -> Filtered<'a> {
        Filtered {
            filter: RefCell::new(self),
            transport,
        }
    }

    /// Encrypts part of `plain` and returns the number of bytes taken.
    fn encrypt(&mut self, plain: &[u8]) -> Result<usize, Errno> {
        let mut sent = 0;
        let Ok(_) = self.cipher.gather(|tail| {
            sent = self.session.send(plain, tail);
            Ok::<_, Infallible>(())
        });
        // The session has failed. That was already reported.
        if sent == 0 { Err(Errno::ECONNRESET) } else { Ok(sent) }
    }

    fn is_busy(&self) -> bool {
        self.cipher.is_busy() || !self.session.is_open()
    }

    fn write(&mut self, transport: &dyn Sink, plain: &[u8]) -> Result<usize, Errno> {
        let mut taken = 0;
        while taken < plain.len() && !self.is_busy() {
            taken += self.encrypt(&plain[taken..])?;
            if self.cipher.gathered() >= FLUSH_AT {
                self.cipher.flush(transport)?;
            }
        }
        Ok(taken)
    }
}

/// A transport with TLS in front of it.
pub(super) struct Filtered<'a> {
    filter: RefCell<&'a mut Filter>,
    transport: &'a dyn Sink,
}

impl Sink for Filtered<'_> {
    fn try_write(&self, parts: &[&[u8]], more: bool) -> Result<usize, Errno> {
        let mut filter = self.filter.borrow_mut();
        let mut taken = 0;
        for part in parts {
            taken += filter.write(self.transport, part)?;
        }
        if !more {
            filter.flush(self.transport)?;
        }
        Ok(taken)
    }

    /// The closing alert, `close_notify`.
    fn ends_with_bytes(&self) -> bool {
        true
    }

    fn is_busy(&self) -> bool {
        self.filter.borrow().is_busy()
    }

    /// The file must be read and encrypted, so the transport cannot send it.
    fn send_file(&self, range: &mut FileRange, _share: u64) -> Result<Sent, Errno> {
        Ok(if range.left() == 0 { Sent::Whole } else { Sent::Unable })
    }

    /// Never used: bytes that are not taken mean that the filter is busy, and a busy sink gets no queued writes.
    fn write(&self, _parts: Vec<Bytes>) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn queued(&self) -> usize {
        self.filter.borrow().waiting() as usize + self.transport.queued()
    }

    fn shutdown(&self) -> Result<(), Errno> {
        let filter = &mut **self.filter.borrow_mut();
        let Ok(_) = filter.cipher.gather(|tail| {
            filter.session.close(tail);
            Ok::<_, Infallible>(())
        });
        filter.cipher.end();
        filter.farewell = true;
        let flushed = filter.cipher.flush(self.transport);
        flushed.or_else(|error| filter.part(self.transport, error))
    }
}
