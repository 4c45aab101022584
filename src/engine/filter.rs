//! TLS between a connection's output and its transport, and between what arrives and its protocol, which knows nothing of it.
//!
//! Plaintext is encrypted when it leaves, not when it is written: what gathers is plain, and goes into records together. Ciphertext that the
//! transport does not take waits in an output of its own, and as long as it waits, plaintext does.

use super::out::Out;
use super::{FileRange, Sent, Sink};
use crate::errno::Errno;
use crate::tls::{Answer, News, Session};
use bytes::Bytes;
use std::cell::RefCell;
use std::convert::Infallible;

/// Ciphertext that is offered to the transport at once, about.
const FLUSH_AT: usize = 64 * 1024;

/// The TLS of one connection.
pub struct Filter {
    session: Session,
    cipher: Out,
    /// The peer has said that it sends nothing more: what its transport says of that is no news.
    ended: bool,
    /// Our side is told to end: all that was written has been encrypted.
    farewell: bool,
}

impl Filter {
    /// The TLS of `session`. What that has to say waits to be [flushed](Filter::flush).
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

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// See [`Session::trust`].
    pub(super) fn trust(&mut self) {
        self.session.trust();
    }

    /// Ciphertext that the transport has not been given.
    pub(super) fn waiting(&self) -> u64 {
        self.cipher.waiting()
    }

    /// Whether the end of the transport's input is news.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes what has arrived, and appends what it says to `plain`.
    pub(super) fn receive(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> News {
        let news = self.session.receive(bytes, plain);
        self.ended |= news.ended;
        self.take();
        news
    }

    /// Answers what a client wants; as [`Filter::receive`].
    pub(super) fn answer(&mut self, answer: Answer, plain: &mut Vec<u8>) -> News {
        let news = self.session.answer(answer, plain);
        self.ended |= news.ended;
        self.take();
        news
    }

    /// Has records carry no more than so many bytes.
    pub(super) fn set_fragment(&mut self, bytes: usize) {
        self.session.set_fragment(bytes);
    }

    /// The session, which is no longer this one's.
    pub(super) fn into_session(self) -> Session {
        self.session
    }

    /// Gathers what the session itself has to say.
    fn take(&mut self) {
        let Ok(_) = self.cipher.gather(|tail| {
            self.session.take(tail);
            Ok::<_, Infallible>(())
        });
    }

    /// Gives what waits of ciphertext to the transport.
    pub(super) fn flush(&mut self, transport: &dyn Sink) -> Result<(), Errno> {
        if self.cipher.waiting() == 0 {
            Ok(())
        } else {
            self.cipher.flush(transport)
        }
    }

    /// A queued write of ciphertext has ended; returns whether all has left.
    pub(super) fn written(&mut self, transport: &dyn Sink, result: Result<(), Errno>) -> Result<bool, Errno> {
        let went = self.cipher.written(transport, result).map(|(left, _)| left);
        went.or_else(|error| self.part(transport, error).map(|()| true))
    }

    /// The transport takes nothing more. Behind the farewell that is no error, as with OpenSSL in Node: whoever is gone misses none.
    fn part(&mut self, transport: &dyn Sink, error: Errno) -> Result<(), Errno> {
        if !self.farewell {
            return Err(error);
        }
        self.cipher.take();
        transport.shutdown()
    }

    /// What output goes to.
    pub(super) fn over<'a>(&'a mut self, transport: &'a dyn Sink) -> Filtered<'a> {
        Filtered {
            filter: RefCell::new(self),
            transport,
        }
    }

    /// Encrypts some of `plain`; returns how many bytes that were.
    fn encrypt(&mut self, plain: &[u8]) -> Result<usize, Errno> {
        let mut sent = 0;
        let Ok(_) = self.cipher.gather(|tail| {
            sent = self.session.send(plain, tail);
            Ok::<_, Infallible>(())
        });
        // It has failed, which was told.
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

/// A transport with the filter before it.
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

    /// `close_notify`.
    fn ends_with_bytes(&self) -> bool {
        true
    }

    fn is_busy(&self) -> bool {
        self.filter.borrow().is_busy()
    }

    /// It is read by hand, to be encrypted.
    fn send_file(&self, range: &mut FileRange, _share: u64) -> Result<Sent, Errno> {
        Ok(if range.left() == 0 { Sent::Whole } else { Sent::Unable })
    }

    /// What is not taken is never queued: it was busy, then.
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
