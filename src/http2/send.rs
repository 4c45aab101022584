//! The sending side of a [`Session`]: headers, data and trailers, within the flow control windows of the peer.

use super::fields::{is_name, is_value, pairs};
use super::frame::{self, Code, DEFAULT_MAX_FRAME, Head, flag, kind};
use super::hpack::{Field, Indexing};
use super::session::{DRIBBLE, Event, Past, Role, Session};
use super::stream::{End, Local, Stream};
use bytes::{Buf, Bytes};

/// The stream does not exist (any more) or its state does not allow this, or the fields are malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// The result of sending on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrote {
    /// Whether everything has been framed. Otherwise [`Event::Drained`] is reported once it has.
    pub all: bool,
    /// Whether both sides of the stream have ended.
    pub closed: bool,
}

/// The longest `DATA` frame that is sent, even if the peer accepts longer ones, so that other streams get their turn.
const LONGEST: u32 = DEFAULT_MAX_FRAME;

impl Session {
    /// Opens a stream with a request and returns its number. `text` is its header in the form that [`pairs`] reads.
    ///
    /// # Errors
    /// The peer's limit of concurrent streams is reached, the connection takes no more requests, or the fields are
    /// malformed.
    pub fn request(&mut self, text: &[u8], ends: bool, out: &mut Vec<u8>) -> Result<u32, Gone> {
        if self.is_full() {
            return Err(Gone);
        }
        self.submit(text, ends, out)
    }

    /// Like [`Session::request`], but a request beyond the peer's limit of concurrent streams waits until a stream
    /// ends.
    ///
    /// # Errors
    /// The connection takes no more requests, or the fields are malformed.
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

    /// Whether the peer's limit of concurrent streams is reached.
    fn is_full(&self) -> bool {
        let open = self.streams.len() - self.unopened.len() - self.pushes();
        open >= self.remote.max_concurrent_streams as usize
    }

    /// Opens waiting streams, as far as the peer's limit allows.
    pub(super) fn open_waiting(&mut self, out: &mut Vec<u8>) {
        while !self.unopened.is_empty() && !self.is_full() {
            let Some(id) = self.unopened.pop_front() else { return };
            let Some(stream) = self.streams.get_mut(&id) else {
                continue;
            };
            let ends = stream.local == Local::Ended;
            let text = stream.request.take().unwrap_or_default();
            // The peer may have changed its initial window since.
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

    /// Sets the number of our next stream. Ignored if that number is not one of ours or is in the past.
    pub fn set_next(&mut self, id: u32) {
        if self.is_ours(id) && id > self.next_local() {
            self.last_local = id - 2;
        }
    }

    /// Sends an informational response (1xx) or the header of the final one. `text` is the header without `:status` in
    /// the form that [`pairs`] reads, `date` the value of a `date` field to add.
    ///
    /// # Errors
    /// The stream does not exist, its final header was sent already, or the fields are malformed.
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

    /// On a server: promises the response to a request that the client has not made, on the stream `parent` of one that
    /// it has. Returns the number of the promised stream.
    ///
    /// # Errors
    /// The client accepts no pushes, or no more at this time; `parent` does not exist, has ended or is a push itself;
    /// the fields are malformed.
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

    /// Compresses a list of fields that has been checked.
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

    /// Sends a part of a body, and ends our side of the stream if `ends` is set. Data wait if they do not fit into the
    /// windows, if they are more than `room` bytes, or if other streams wait, too.
    ///
    /// # Errors
    /// The stream does not exist, its header was not sent, or its end was sent or requested.
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
            // Even a short frame earns budget, because its length was chosen here. The peer may send two window updates
            // for it, for the stream and the connection.
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

    /// Ends our side of a stream with trailers, in the form that [`pairs`] reads.
    ///
    /// # Errors
    /// The stream does not exist, its header was not sent, its end was sent or requested, or the fields are malformed.
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

    /// Sends what waits on a stream, and its `end`, as soon as it is the stream's turn: at once if no other stream
    /// waits.
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

    /// Appends waiting data as far as the windows allow, until about `room` bytes are appended. More would only lie in
    /// the memory of the socket. `each` gets [`Event::Drained`] and [`Event::Closed`].
    pub fn pump(&mut self, room: usize, out: &mut Vec<u8>, each: &mut dyn FnMut(Event<'_>)) {
        let end = out.len().saturating_add(room);
        let longest = self.remote.max_frame_size.min(LONGEST) as usize;
        // Streams that only the window of the connection stops.
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

    /// Whether streams are queued for [`Session::pump`].
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Resets a stream, and drops the data that wait on it.
    ///
    /// # Errors
    /// The stream does not exist any more.
    pub fn reset(&mut self, id: u32, code: Code, out: &mut Vec<u8>) -> Result<(), Gone> {
        let stream = self.streams.remove(&id).ok_or(Gone)?;
        if stream.request.is_some() {
            // The peer does not know of this stream yet.
            self.unopened.retain(|&unopened| unopened != id);
            return Ok(());
        }
        self.remember(id, Past::Reset);
        frame::reset(id, code, out);
        self.open_waiting(out);
        Ok(())
    }

    /// Holds the data of a stream from now on, instead of reporting them.
    pub fn pause(&mut self, id: u32) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.paused = true;
        }
    }

    /// Reports the data of a stream again, and returns those that were held, even if the stream was
    /// [closed](Event::Closed) in the meantime.
    pub fn resume(&mut self, id: u32, out: &mut Vec<u8>) -> Vec<u8> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return self.kept.remove(&id).unwrap_or_default();
        };
        stream.paused = false;
        let held = std::mem::take(&mut stream.held);
        self.credit(id, held.len() as u32, out);
        held
    }

    /// Sends a `PING`.
    pub fn ping(&self, octets: [u8; 8], out: &mut Vec<u8>) {
        frame::encode(kind::PING, 0, 0, &octets, out);
    }

    /// Sends a `GOAWAY`: streams after `last` will not be handled. The default is the peer's last stream. Existing
    /// streams go on.
    pub fn goaway(&mut self, code: Code, last: Option<u32>, debug: &[u8], out: &mut Vec<u8>) {
        let last = last.unwrap_or(self.last_remote());
        self.last_handled = Some(self.last_handled.map_or(last, |before| before.min(last)));
        frame::goaway(last, code, debug, out);
    }

    /// The number of body bytes that wait for the peer's windows.
    pub fn queued(&self) -> usize {
        self.streams.values().map(|stream| stream.queued).sum()
    }
}

/// Whether all fields of a text can be sent. Pseudo-headers are allowed.
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
