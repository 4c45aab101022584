//! One connection: its transport, its output, what it speaks.

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
    /// What its bytes go over.
    pub transport: H::Transport,
    /// The TLS before that.
    pub(super) filter: Option<Box<Filter>>,
    out: Out,
    /// It is among those that have output to flush before the loop waits.
    pub(super) dirty: bool,
    /// A connect was asked for: there is no second.
    pub(super) connecting: bool,
    spoken: Option<Spoken<H>>,
    /// What it has received is gathered, and not shown yet.
    pub gathered: bool,
    /// Bytes received.
    pub received: u64,
    /// Bytes taken from JavaScript to be sent.
    pub sent: u64,
}

/// A protocol, and what it keeps about one connection.
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

    /// Speaks `protocol` from now on, which keeps `state` about it.
    pub fn speak(&mut self, protocol: Rc<dyn Protocol<H>>, state: impl Any) {
        let state = Box::new(state);
        self.spoken = Some(Spoken { protocol, state });
    }

    /// Speaks nothing any more; returns what its protocol kept, if that is an `S`, and goes on with any other.
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

    /// What its protocol keeps about it, if that is an `S`.
    pub fn state<S: Any>(&mut self) -> Option<&mut S> {
        self.spoken.as_mut()?.state.downcast_mut()
    }

    /// What it speaks.
    pub fn protocol(&self) -> Option<Rc<dyn Protocol<H>>> {
        self.spoken.as_ref().map(|spoken| spoken.protocol.clone())
    }

    /// Bytes written that have not left, those of files included.
    pub fn queued(&self) -> u64 {
        let encrypted = self.filter.as_ref().map_or(0, |filter| filter.waiting());
        self.out.waiting() + encrypted + self.transport.queued() as u64
    }

    /// Bytes written that its TLS has not encrypted. Of those that it has, nobody can tell which have reached the peer.
    pub fn unencrypted(&self) -> u64 {
        self.out.waiting()
    }

    /// Its TLS.
    pub fn filter(&self) -> Option<&Filter> {
        self.filter.as_deref()
    }

    /// Runs `code` on the output, and what it goes to.
    fn output<T>(&mut self, code: impl FnOnce(&mut Out, &dyn Sink) -> T) -> T {
        match &mut self.filter {
            None => code(&mut self.out, &self.transport),
            Some(filter) => code(&mut self.out, &filter.over(&self.transport)),
        }
    }

    /// Has the filter take what came, as `hear` does, and appends to `plain` what that says. What it leads to goes out with what that causes, if there is any;
    /// else at once.
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

    /// The peer is who it should be, says whoever knows.
    pub(super) fn trust(&mut self) {
        if let Some(filter) = &mut self.filter {
            filter.trust();
        }
    }

    /// What was written and has not left, which will not any more.
    pub fn take_back(&mut self) -> Vec<u8> {
        self.out.take()
    }

    /// Has records of its TLS carry no more than so many bytes.
    pub fn set_fragment(&mut self, bytes: usize) {
        if let Some(filter) = &mut self.filter {
            filter.set_fragment(bytes);
        }
    }

    /// The handshake is done: what waited for that goes on. Returns what [`Out::written`] returns.
    pub(super) fn secured(&mut self) -> Result<(bool, bool), Errno> {
        if self.out.is_held() {
            return self.output(|out, sink| out.written(sink, Ok(())));
        }
        Ok((false, false))
    }

    /// Whether output gathers that nothing is going to send by itself.
    pub(super) fn gathers(&self) -> bool {
        self.out.waiting() > 0 && !self.out.is_busy()
    }

    /// Gathers what `fill` appends; the bytes that have gathered are the result.
    pub(super) fn gather<E>(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<usize, E> {
        self.sent += self.out.gather(fill)? as u64;
        Ok(self.out.gathered())
    }

    /// Gathers what its protocol's state, if that is an `S`, makes of something: `code` gets it with where output gathers, and how many bytes
    /// have not left. The bytes that have gathered are the result.
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

    /// Gathers bytes that others may have, too.
    pub(super) fn share(&mut self, bytes: Bytes) {
        self.sent += bytes.len() as u64;
        self.out.share(bytes);
    }

    /// Gathers a part of a file.
    pub(super) fn append_file(&mut self, range: FileRange) {
        self.sent += range.left();
        self.out.append_file(range);
    }

    /// Writes bytes that lie in JavaScript's memory.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.sent += bytes.len() as u64;
        self.output(|out, sink| out.write(sink, bytes))
    }

    /// Gives what waits to the transport.
    pub(super) fn flush(&mut self) -> Result<(), Errno> {
        self.output(|out, sink| out.flush(sink))?;
        self.flush_filter()
    }

    /// What waits leaves before the connection closes, but for the end of a handshake with a server that is not trusted.
    pub(super) fn flush_last(&mut self) -> Result<(), Errno> {
        match &self.filter {
            Some(filter) if !filter.session().is_open() => Ok(()),
            _ => self.flush(),
        }
    }

    /// Gives what the filter has to say by itself to the transport.
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

    /// Ends our side behind what is written.
    pub(super) fn end(&mut self) -> Result<(), Errno> {
        self.out.end();
        self.flush()
    }

    /// Whether our side was told to end: what is written from now on does not leave.
    pub fn has_ended(&self) -> bool {
        self.out.has_ended()
    }

    /// 1 when JavaScript is to wait for a drain before it writes more, else 0.
    pub(super) fn backlog(&mut self) -> i32 {
        let ready = self.filter.as_ref().is_none_or(|filter| filter.session().is_open());
        i32::from(self.out.congested(ready))
    }
}
