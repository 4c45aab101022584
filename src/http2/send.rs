//! The way out: what is said on a session's streams, as the peer's windows let it.

use super::fields::{is_name, is_value, pairs};
use super::frame::{self, Code, DEFAULT_MAX_FRAME, Head, flag, kind};
use super::hpack::{Field, Indexing};
use super::session::{DRIBBLE, Event, Past, Role, Session};
use super::stream::{End, Local, Stream};
use bytes::{Buf, Bytes};

/// Nothing can be said on a stream (any more), or not that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// What became of what was said on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrote {
    /// All of it is framed; else [`Event::Drained`] tells when it is.
    pub all: bool,
    /// The stream is over.
    pub closed: bool,
}

/// The longest frame of data that is sent, whatever the peer takes: other streams have their turn, too.
const LONGEST: u32 = DEFAULT_MAX_FRAME;

impl Session {
    /// Opens a stream with a request: its fields are as [`pairs`] reads them. Returns its number.
    ///
    /// # Errors
    /// The peer takes no more streams, or the fields are none.
    pub fn request(&mut self, text: &[u8], ends: bool, out: &mut Vec<u8>) -> Result<u32, Gone> {
        if self.is_full() {
            return Err(Gone);
        }
        self.submit(text, ends, out)
    }

    /// The same, but a request that the peer does not take yet waits until it does.
    ///
    /// # Errors
    /// The peer takes no more streams at all, or the fields are none.
    pub fn submit(&mut self, text: &[u8], ends: bool, out: &mut Vec<u8>) -> Result<u32, Gone> {
        let id = self.next_local();
        if self.role() != Role::Client || self.is_over() || self.last_taken.is_some() || id >= 1 << 31 {
            return Err(Gone);
        }
        if !is_list(text) {
            return Err(Gone);
        }
        let mut stream = Stream::new(self.local().initial_window_size, self.remote.initial_window_size);
        stream.local = if ends { Local::Ended } else { Local::Open };
        stream.bodiless = pairs(text).any(|field| field.name == b":method" && field.value == b"HEAD");
        self.last_local = id;
        if !self.unopened.is_empty() || self.is_full() {
            stream.request = Some(text.to_vec());
            self.unopened.push_back(id);
        } else {
            self.open(id, text, ends, out);
        }
        self.streams.insert(id, stream);
        Ok(id)
    }

    fn open(&mut self, id: u32, text: &[u8], ends: bool, out: &mut Vec<u8>) {
        self.last_opened = id;
        let block = self.block(None, text, None);
        self.put_block(id, ends, &block, out);
    }

    /// Whether the peer takes no further stream as long as those that there are have not ended.
    fn is_full(&self) -> bool {
        let open = self.streams.len() - self.unopened.len() - self.pushes();
        open >= self.remote.max_concurrent_streams as usize
    }

    /// Opens streams that have waited for others to end.
    pub(super) fn open_waiting(&mut self, out: &mut Vec<u8>) {
        while !self.unopened.is_empty() && !self.is_full() {
            let Some(id) = self.unopened.pop_front() else { return };
            let Some(stream) = self.streams.get_mut(&id) else {
                continue;
            };
            let ends = stream.local == Local::Ended;
            let text = stream.request.take().unwrap_or_default();
            // The peer's first windows may be others by now.
            stream.send = self.remote.initial_window_size.into();
            if stream.can_send() && !stream.ready {
                stream.ready = true;
                self.ready.push_back(id);
            }
            self.open(id, &text, ends, out);
        }
    }

    /// The number of our next stream.
    pub(super) fn next_local(&self) -> u32 {
        match (self.role(), self.last_local) {
            (Role::Client, 0) => 1,
            (_, last) => last + 2,
        }
    }

    /// Has our next stream have this number, if that is one of ours that is still to come.
    pub fn set_next(&mut self, id: u32) {
        if self.is_ours(id) && id > self.next_local() {
            self.last_local = id - 2;
        }
    }

    /// Begins a response, or says 1xx: `text` are its fields but for `:status`, as [`pairs`] reads them, and `date` is that field's value.
    ///
    /// # Errors
    /// The stream is gone, has its header already, or the fields are none.
    pub fn respond(
        &mut self,
        id: u32,
        status: u16,
        text: &[u8],
        date: Option<&[u8]>,
        ends: bool,
        out: &mut Vec<u8>,
    ) -> Result<Wrote, Gone> {
        let stream = self.streams.get(&id).ok_or(Gone)?;
        if stream.local != Local::Idle || !has_no_pseudo(text) {
            return Err(Gone);
        }
        let block = self.block(Some(status), text, date);
        self.put_block(id, ends, &block, out);
        let stream = self.streams.get_mut(&id).ok_or(Gone)?;
        if status >= 200 {
            stream.local = if ends { Local::Ended } else { Local::Open };
        }
        let closed = stream.is_over();
        if closed {
            self.over(id);
        }
        Ok(Wrote { all: true, closed })
    }

    /// Promises the response to a request that a client will make, on the stream of one that it has made. Returns the new stream's number.
    ///
    /// # Errors
    /// The client takes no pushes, or no more; the stream is gone, or one of a push itself; the fields are none.
    pub fn push(&mut self, parent: u32, text: &[u8], out: &mut Vec<u8>) -> Result<u32, Gone> {
        let open = self.streams.keys().filter(|id| id.is_multiple_of(2)).count();
        let full = open >= self.remote.max_concurrent_streams as usize;
        let id = self.last_local + 2;
        let stream = self.streams.get(&parent).ok_or(Gone)?;
        let late = stream.local >= Local::Ending || self.last_taken.is_some();
        if self.role() != Role::Server
            || !self.remote.enable_push
            || full
            || late
            || parent.is_multiple_of(2)
            || id >= 1 << 31
            || !is_list(text)
        {
            return Err(Gone);
        }
        let block = self.block(None, text, None);
        let payload = [&id.to_be_bytes()[..], &block].concat();
        frame::block(kind::PUSH_PROMISE, 0, parent, &payload, self.remote.max_frame_size, out);
        let mut stream = Stream::new(self.local().initial_window_size, self.remote.initial_window_size);
        stream.remote_open = false;
        self.last_local = id;
        self.last_opened = id;
        self.streams.insert(id, stream);
        Ok(id)
    }

    /// A list of fields, which has been looked at, compressed.
    fn block(&mut self, status: Option<u16>, text: &[u8], date: Option<&[u8]>) -> Vec<u8> {
        let mut block = Vec::with_capacity(64);
        self.encoder.begin(&mut block);
        let mut plain = |name: &[u8], value: &[u8], indexing| {
            let field = Field {
                name,
                value,
                sensitive: false,
            };
            self.encoder.field(field, indexing, &mut block);
        };
        if let Some(status) = status {
            let digits = [status / 100 % 10, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8);
            plain(b":status", &digits, Indexing::Add);
        }
        for field in pairs(text) {
            let indexing = if field.sensitive {
                Indexing::Never
            } else {
                Indexing::of(field.name, field.value)
            };
            plain(field.name, field.value, indexing);
        }
        if let Some(date) = date {
            plain(b"date", date, Indexing::Add);
        }
        block
    }

    fn put_block(&mut self, id: u32, ends: bool, block: &[u8], out: &mut Vec<u8>) {
        let flags = if ends { flag::END_STREAM } else { 0 };
        self.pings.forget();
        frame::block(kind::HEADERS, flags, id, block, self.remote.max_frame_size, out);
    }

    /// Sends a part of a body, and its end with it if it `ends`. What the windows do not take, or would be more than `room` bytes, waits.
    ///
    /// # Errors
    /// The stream is gone, has no header, or has ended.
    pub fn write(&mut self, id: u32, data: &[u8], ends: bool, room: usize, out: &mut Vec<u8>) -> Result<Wrote, Gone> {
        let others = !self.ready.is_empty();
        let (longest, connection) = (
            self.remote.max_frame_size.min(LONGEST) as usize,
            self.send.max(0) as usize,
        );
        let stream = self.streams.get_mut(&id).ok_or(Gone)?;
        if stream.local != Local::Open {
            return Err(Gone);
        }
        let at_once = data.len() <= longest
            && data.len() <= connection
            && data.len() as i64 <= stream.send.max(0)
            && data.len() <= room
            && stream.request.is_none()
            && stream.queued == 0
            && (!others || data.is_empty());
        if at_once {
            if data.is_empty() && !ends {
                return Ok(Wrote {
                    all: true,
                    closed: false,
                });
            }
            stream.send -= data.len() as i64;
            self.send -= data.len() as i64;
            self.pings.forget();
            put_data(id, data, ends, out);
            // However short it is: so it was said. Windows for it may be given back on stream and connection.
            self.chatter.earn(2);
            if ends {
                stream.local = Local::Ended;
            }
            let closed = stream.is_over();
            if closed {
                self.over(id);
                self.open_waiting(out);
            }
            return Ok(Wrote { all: true, closed });
        }
        if !data.is_empty() {
            stream.queued += data.len();
            stream.queue.push_back(Bytes::copy_from_slice(data));
        }
        self.ending(id, ends.then_some(End::Data), room, out)
    }

    /// Ends a stream with fields behind its body, as [`pairs`] reads them.
    ///
    /// # Errors
    /// The stream is gone, has no header, or has ended; the fields are none.
    pub fn trailers(&mut self, id: u32, text: &[u8], room: usize, out: &mut Vec<u8>) -> Result<Wrote, Gone> {
        if !has_no_pseudo(text) {
            return Err(Gone);
        }
        let stream = self.streams.get(&id).ok_or(Gone)?;
        if stream.local != Local::Open {
            return Err(Gone);
        }
        self.ending(id, Some(End::Trailers(text.to_vec())), room, out)
    }

    /// Something waits on a stream, and its end behind it.
    fn ending(&mut self, id: u32, end: Option<End>, room: usize, out: &mut Vec<u8>) -> Result<Wrote, Gone> {
        let stream = self.streams.get_mut(&id).ok_or(Gone)?;
        if end.is_some() {
            stream.end = end;
            stream.local = Local::Ending;
        }
        let alone = self.ready.is_empty() || self.ready.len() == 1 && stream.ready;
        stream.awaited = true;
        if stream.can_send() && !stream.ready {
            stream.ready = true;
            self.ready.push_back(id);
        }
        if !alone {
            return Ok(Wrote {
                all: false,
                closed: false,
            });
        }
        let mut wrote = Wrote {
            all: false,
            closed: false,
        };
        self.pump(room, out, &mut |event| match event {
            Event::Drained(_) => wrote.all = true,
            Event::Closed(_) => wrote.closed = true,
            _ => {}
        });
        Ok(wrote)
    }

    /// Appends data that wait, as far as the windows go, up to `room` bytes: what goes beyond that would only lie in memory.
    pub fn pump(&mut self, room: usize, out: &mut Vec<u8>, each: &mut dyn FnMut(Event<'_>)) {
        let end = out.len().saturating_add(room);
        let longest = self.remote.max_frame_size.min(LONGEST) as usize;
        // Those that would go on, but for the connection's window.
        let mut blocked = Vec::new();
        while out.len() < end
            && let Some(id) = self.ready.pop_front()
        {
            let connection = self.send.max(0) as usize;
            let Some(stream) = self.streams.get_mut(&id) else {
                continue;
            };
            let open = stream.send.max(0) as usize;
            if stream.queued > 0 && open > 0 && connection == 0 {
                blocked.push(id);
                continue;
            }
            stream.ready = false;
            let window = open.min(connection).min(longest);
            let mut dribble = false;
            if let Some(first) = stream.queue.front_mut() {
                let length = first.len().min(window);
                if length == 0 {
                    continue;
                }
                dribble = length < DRIBBLE && length < first.len();
                let data = first.split_to(length);
                if first.is_empty() {
                    stream.queue.pop_front();
                }
                stream.queued -= length;
                stream.send -= length as i64;
                self.send -= length as i64;
                let ends = stream.queued == 0 && matches!(stream.end, Some(End::Data));
                self.pings.forget();
                put_data(id, data.chunk(), ends, out);
                if ends {
                    stream.end = None;
                    stream.local = Local::Ended;
                }
            } else if matches!(stream.end, Some(End::Data)) {
                stream.end = None;
                stream.local = Local::Ended;
                put_data(id, &[], true, out);
            }
            if stream.queued == 0
                && let Some(End::Trailers(text)) = stream.end.take()
            {
                stream.local = Local::Ended;
                let block = self.block(None, &text, None);
                self.put_block(id, true, &block, out);
            }
            self.sent_some(id, each);
            if dribble {
                self.dribbled |= !self.chatter.spend(1, self.now);
            } else {
                self.chatter.earn(2);
            }
        }
        for id in blocked.into_iter().rev() {
            self.ready.push_front(id);
        }
        self.open_waiting(out);
    }

    fn sent_some(&mut self, id: u32, each: &mut dyn FnMut(Event<'_>)) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if stream.queued == 0 && stream.end.is_none() && std::mem::take(&mut stream.awaited) {
            each(Event::Drained(id));
        }
        if stream.is_over() {
            self.over(id);
            each(Event::Closed(id));
        } else if stream.can_send() && !stream.ready {
            stream.ready = true;
            self.ready.push_back(id);
        }
    }

    /// Whether data wait that the windows would take.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Ends a stream at once, whatever waits on it.
    ///
    /// # Errors
    /// It is over already.
    pub fn reset(&mut self, id: u32, code: Code, out: &mut Vec<u8>) -> Result<(), Gone> {
        let stream = self.streams.remove(&id).ok_or(Gone)?;
        if stream.request.is_some() {
            // The peer has not heard of it.
            self.unopened.retain(|&unopened| unopened != id);
            return Ok(());
        }
        self.remember(id, Past::Reset);
        frame::reset(id, code, out);
        self.open_waiting(out);
        Ok(())
    }

    /// Data of a stream are kept here from now on, and not told.
    pub fn pause(&mut self, id: u32) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.paused = true;
        }
    }

    /// Data of a stream are told again. Those that were kept are the result, also of a stream that is [closed](Event::Closed) since.
    pub fn resume(&mut self, id: u32, out: &mut Vec<u8>) -> Vec<u8> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return self.kept.remove(&id).unwrap_or_default();
        };
        stream.paused = false;
        let held = std::mem::take(&mut stream.held);
        self.credit(id, held.len() as u32, out);
        held
    }

    /// Asks whether the peer is there.
    pub fn ping(&self, octets: [u8; 8], out: &mut Vec<u8>) {
        frame::encode(kind::PING, 0, 0, &octets, out);
    }

    /// Says that no streams behind the last are handled. Those that are open go on.
    pub fn goaway(&mut self, code: Code, last: Option<u32>, debug: &[u8], out: &mut Vec<u8>) {
        let last = last.unwrap_or(self.last_remote());
        self.last_handled = Some(self.last_handled.map_or(last, |before| before.min(last)));
        frame::goaway(last, code, debug, out);
    }

    /// Bytes of bodies that wait for the peer's windows.
    pub fn queued(&self) -> usize {
        self.streams.values().map(|stream| stream.queued).sum()
    }
}

/// Whether all of a text can be sent as fields; pseudo-headers among them.
fn is_list(text: &[u8]) -> bool {
    pairs(text).all(|field| (is_name(field.name) || field.name.first() == Some(&b':')) && is_value(field.value))
}

fn has_no_pseudo(text: &[u8]) -> bool {
    pairs(text).all(|field| is_name(field.name) && is_value(field.value))
}

fn put_data(id: u32, data: &[u8], ends: bool, out: &mut Vec<u8>) {
    Head {
        length: data.len() as u32,
        kind: kind::DATA,
        flags: if ends { flag::END_STREAM } else { 0 },
        stream: id,
    }
    .encode(out);
    out.extend_from_slice(data);
}
