//! One connection: its transport, its TLS filter, its output and its protocol.

use super::filter::Filter;
use super::{FileRange, FileRead, Host, Out, Protocol, Sink};
use crate::errno::Errno;
use crate::tls::News;
use bytes::Bytes;
use std::any::Any;
use std::convert::Infallible;
use std::rc::Rc;

/// A connected (or connecting) stream.
pub struct Connection<H: Host> {
    /// The stream that carries its bytes.
    pub transport: H::Transport,
    /// The TLS layer in front of the transport, if any.
    pub(super) filter: Option<Box<Filter>>,
    out: Out,
    /// Whether its id is in the engine's list of output to flush before the loop waits.
    pub(super) dirty: bool,
    /// Whether a connect was started: there can be only one.
    pub(super) connecting: bool,
    spoken: Option<Spoken<H>>,
    /// Received bytes have been gathered and not been delivered yet.
    pub gathered: bool,
    /// Total bytes received, after decryption.
    pub received: u64,
    /// Total bytes accepted for sending, before encryption.
    pub sent: u64,
}

/// A protocol, and its state for one connection.
struct Spoken<H: Host> {
    protocol: Rc<dyn Protocol<H>>,
    state: Box<dyn Any>,
}

impl<H: Host> Connection<H> {
    pub(super) fn new(transport: H::Transport) -> Connection<H> {
        Connection {
            transport,
            filter: None,
            out: Out::default(),
            dirty: false,
            connecting: false,
            spoken: None,
            gathered: false,
            received: 0,
            sent: 0,
        }
    }

    /// Makes the connection speak `protocol` from now on, with `state` as the protocol's data about it.
    pub fn speak(&mut self, protocol: Rc<dyn Protocol<H>>, state: impl Any) {
        let state = Box::new(state);
        self.spoken = Some(Spoken { protocol, state });
    }

    /// Ends the use of a protocol and returns its state, if that is an `S`. A protocol with another type of state is
    /// kept.
    pub fn hush<S: Any>(&mut self) -> Option<Box<S>> {
        let Spoken { protocol, state } = self.spoken.take()?;
        match state.downcast() {
            Ok(state) => Some(state),
            Err(state) => {
                self.spoken = Some(Spoken { protocol, state });
                None
            }
        }
    }

    /// The protocol's state, if it is an `S`.
    pub fn state<S: Any>(&mut self) -> Option<&mut S> {
        self.spoken.as_mut()?.state.downcast_mut()
    }

    /// The protocol of this connection, if it has one.
    pub fn protocol(&self) -> Option<Rc<dyn Protocol<H>>> {
        self.spoken.as_ref().map(|spoken| spoken.protocol.clone())
    }

    /// Bytes written that have not been sent, including those of files.
    pub fn queued(&self) -> u64 {
        let encrypted = self.filter.as_ref().map_or(0, |filter| filter.waiting());
        self.out.waiting() + encrypted + self.transport.queued() as u64
    }

    /// Bytes written that TLS has not encrypted yet. Of bytes that are encrypted, it is unknown which have reached
    /// the peer.
    pub fn unencrypted(&self) -> u64 {
        self.out.waiting()
    }

    /// The TLS layer, if any.
    pub fn filter(&self) -> Option<&Filter> {
        self.filter.as_deref()
    }

    /// Runs `code` on the output and the sink that it goes to.
    fn output<T>(&mut self, code: impl FnOnce(&mut Out, &dyn Sink) -> T) -> T {
        match &mut self.filter {
            None => code(&mut self.out, &self.transport),
            Some(filter) => code(&mut self.out, &filter.over(&self.transport)),
        }
    }

    /// Passes input to the filter through `hear`, which appends decrypted bytes to `plain`. Bytes that TLS itself has
    /// to send leave with the output that the decrypted bytes cause. If there are none, they are sent at once.
    pub(super) fn decrypt(
        &mut self,
        plain: &mut Vec<u8>,
        hear: impl FnOnce(&mut Filter, &mut Vec<u8>) -> News,
    ) -> Result<News, Errno> {
        let Some(filter) = &mut self.filter else {
            return Ok(News::default());
        };
        let news = hear(filter, plain);
        if plain.is_empty() && !news.secured {
            filter.flush(&self.transport)?;
        }
        Ok(news)
    }

    /// The caller has verified the peer, see [`Session::trust`](crate::tls::Session::trust).
    pub(super) fn trust(&mut self) {
        if let Some(filter) = &mut self.filter {
            filter.trust();
        }
    }

    /// Takes back the bytes that were written and not sent. They will not be sent any more.
    pub fn take_back(&mut self) -> Vec<u8> {
        self.out.take()
    }

    /// Limits the payload of TLS records to this many bytes.
    pub fn set_fragment(&mut self, bytes: usize) {
        if let Some(filter) = &mut self.filter {
            filter.set_fragment(bytes);
        }
    }

    /// The handshake is complete: continues output that waited for it. Returns the same as [`Out::written`].
    pub(super) fn secured(&mut self) -> Result<(bool, bool), Errno> {
        if self.out.is_held() {
            return self.output(|out, sink| out.written(sink, Ok(())));
        }
        Ok((false, false))
    }

    /// Whether there is gathered output that no pending report will send.
    pub(super) fn gathers(&self) -> bool {
        self.out.waiting() > 0 && !self.out.is_busy()
    }

    /// Gathers the bytes that `fill` appends. Returns the number of bytes gathered so far.
    pub(super) fn gather<E>(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<usize, E> {
        self.sent += self.out.gather(fill)? as u64;
        Ok(self.out.gathered())
    }

    /// Lets the protocol's state, if it is an `S`, gather output. `code` receives the state, the buffer to append to,
    /// and the number of bytes queued before. Returns `code`'s result and the number of bytes gathered so far.
    pub(super) fn gather_with<S: Any, T>(
        &mut self,
        code: impl FnOnce(&mut S, &mut Vec<u8>, u64) -> T,
    ) -> Option<(T, usize)> {
        let queued = self.queued();
        let state = self.spoken.as_mut()?.state.downcast_mut()?;
        let mut made = None;
        let Ok(added) = self.out.gather(|out| {
            made = Some(code(state, out, queued));
            Ok::<(), Infallible>(())
        });
        self.sent += added as u64;
        Some((made?, self.out.gathered()))
    }

    /// Gathers bytes that may be shared with other connections.
    pub(super) fn share(&mut self, bytes: Bytes) {
        self.sent += bytes.len() as u64;
        self.out.share(bytes);
    }

    /// Gathers a range of a file.
    pub(super) fn append_file(&mut self, range: FileRange) {
        self.sent += range.left();
        self.out.append_file(range);
    }

    /// Writes bytes that lie in JavaScript's memory, copying them only if they cannot be sent at once.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.sent += bytes.len() as u64;
        self.output(|out, sink| out.write(sink, bytes))
    }

    /// Passes waiting output to the transport.
    pub(super) fn flush(&mut self) -> Result<(), Errno> {
        self.output(|out, sink| out.flush(sink))?;
        self.flush_filter()
    }

    /// Flushes before the connection closes, unless TLS is not open (handshake incomplete, or server not trusted):
    /// nothing may be sent then.
    pub(super) fn flush_last(&mut self) -> Result<(), Errno> {
        match &self.filter {
            Some(filter) if !filter.session().is_open() => Ok(()),
            _ => self.flush(),
        }
    }

    /// Sends the bytes that TLS itself has to send.
    pub(super) fn flush_filter(&mut self) -> Result<(), Errno> {
        match &mut self.filter {
            None => Ok(()),
            Some(filter) => filter.flush(&self.transport),
        }
    }

    /// See [`Out::written`].
    pub(super) fn written(&mut self, result: Result<(), Errno>) -> Result<(bool, bool), Errno> {
        if let Some(filter) = &mut self.filter {
            let left = filter.written(&self.transport, result)?;
            if !left || !self.out.is_held() {
                return Ok((false, false));
            }
        }
        self.output(|out, sink| out.written(sink, result))
    }

    /// See [`Out::asks`].
    pub(super) fn asks(&mut self) -> Option<FileRead> {
        self.out.asks()
    }

    /// See [`Out::file_read`].
    pub(super) fn file_read(&mut self, result: Result<Bytes, Errno>) -> Result<(bool, bool), Errno> {
        self.output(|out, sink| out.file_read(sink, result))
    }

    /// Ends our side after everything written.
    pub(super) fn end(&mut self) -> Result<(), Errno> {
        self.out.end();
        self.flush()
    }

    /// Whether our side was asked to end: bytes written from now on are not sent.
    pub fn has_ended(&self) -> bool {
        self.out.has_ended()
    }

    /// 1 if JavaScript should wait for a drain before it writes more, else 0.
    pub(super) fn backlog(&mut self) -> i32 {
        let ready = self.filter.as_ref().is_none_or(|filter| filter.session().is_open());
        i32::from(self.out.congested(ready))
    }
}
