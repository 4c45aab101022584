//! What each type of received frame does to a session and its streams.

use super::{DRIBBLE, Each, Event, Past, Role, Session, idle};
use crate::http2::fields::{Fields, Kind};
use crate::http2::frame::{self, Code, Error, MAX_WINDOW, flag, kind};
use crate::http2::stream::{Local, Stream};

impl Session {
    pub(super) fn data(
        &mut self,
        id: u32,
        data: &[u8],
        padding: u32,
        ends: bool,
        each: &mut Each<'_>,
    ) -> Result<(), Error> {
        let passed_over = !self.streams.contains_key(&id) && self.is_passed_over(id);
        if self.is_idle(id) && !passed_over {
            return idle("DATA for a stream that was never opened");
        }
        let length = data.len() as u32 + padding;
        // The connection's window gets back all data at once, also those of a paused stream: otherwise one stream could
        // block the others.
        self.receive -= i64::from(length);
        self.taken += length;
        if data.is_empty() && !ends {
            self.chatter(10)?;
        } else if data.len() >= DRIBBLE {
            self.chatter.earn(1);
        }
        let closed = Err(Error::Stream(
            id,
            Code::STREAM_CLOSED,
            "DATA after the end of the stream",
        ));
        let Some(stream) = self.streams.get_mut(&id) else {
            // Many streams may have been reset at the same time, with data still on their way.
            return if passed_over || self.is_forgotten(id) {
                self.chatter(1)
            } else {
                closed
            };
        };
        if !stream.remote_open {
            return closed;
        }
        let failed = |code, why| Err(Error::Stream(id, code, why));
        if i64::from(length) > stream.receive {
            return failed(
                Code::FLOW_CONTROL_ERROR,
                "the DATA frames exceed the window of the stream",
            );
        }
        if self.role == Role::Client && !stream.answered {
            return failed(Code::PROTOCOL_ERROR, "a response begins with DATA instead of HEADERS");
        }
        stream.receive -= i64::from(length);
        stream.received += data.len() as u64;
        let right = match stream.content_length {
            Some(all) if ends => stream.received == all,
            Some(all) => stream.received <= all,
            None => true,
        };
        if !right || stream.bodiless && stream.received > 0 {
            return failed(
                Code::PROTOCOL_ERROR,
                "the length of a body differs from its content-length",
            );
        }
        let mut credit = padding;
        if stream.paused {
            stream.held.extend_from_slice(data);
        } else {
            if !self.by_hand {
                credit += data.len() as u32;
            }
            if !data.is_empty() {
                each(Event::Data { stream: id, data });
            }
        }
        if ends {
            return self.remote_ended(id, None, each);
        }
        stream.taken += credit;
        self.credited.insert(id);
        Ok(())
    }

    /// Gives consumed bytes back to the window of the connection, once they are half of it.
    pub(super) fn take_on_connection(&mut self, out: &mut Vec<u8>) {
        if self.taken > 0 && self.taken >= self.window / 2 {
            self.grant(out);
        }
    }

    /// Fills the peer's window of the connection up to our `window`.
    fn grant(&mut self, out: &mut Vec<u8>) {
        self.taken = 0;
        let by = i64::from(self.window) - self.receive;
        // After the window was made smaller, the peer may still have more than that.
        if by > 0 {
            self.receive += by;
            frame::window_update(0, by as u32, out);
        }
    }

    /// Counts `length` bytes of a stream as consumed, and gives them back to its window once they are half of it and
    /// the peer can still send.
    pub(in crate::http2) fn credit(&mut self, id: u32, length: u32, out: &mut Vec<u8>) {
        let window = self.local.initial_window_size;
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.taken += length;
        if stream.remote_open && stream.taken > 0 && stream.taken >= window / 2 {
            let by = std::mem::take(&mut stream.taken);
            stream.receive += i64::from(by);
            frame::window_update(id, by, out);
        }
    }

    /// Counts `length` bytes of data reported for a stream as consumed, after [`Session::take_by_hand`].
    pub fn take(&mut self, id: u32, length: u32, out: &mut Vec<u8>) {
        self.credit(id, length, out);
    }

    /// Sets the window of the connection: how many bytes the peer may send before we give any back.
    pub fn set_window(&mut self, window: u32, out: &mut Vec<u8>) {
        self.window = window.min(MAX_WINDOW);
        self.grant(out);
    }

    pub(super) fn remote_ended(
        &mut self,
        id: u32,
        trailers: Option<&Fields>,
        each: &mut Each<'_>,
    ) -> Result<(), Error> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        stream.remote_open = false;
        let over = stream.is_over();
        each(Event::End { stream: id, trailers });
        if over {
            self.over(id);
            each(Event::Closed(id));
        }
        Ok(())
    }

    pub(super) fn check_headers(&self, id: u32) -> Result<(), Error> {
        let wrong = |code, why| Err(Error::Connection(code, why));
        let unopened = self.is_ours(id) && self.is_idle(id);
        if !unopened && (self.streams.contains_key(&id) || self.is_passed_over(id)) {
            return Ok(());
        }
        if self.is_ours(id) {
            let why = "HEADERS for a stream number that the peer must not open";
            return wrong(Code::PROTOCOL_ERROR, why);
        }
        if self.role == Role::Client {
            return wrong(Code::PROTOCOL_ERROR, "a server opened a stream without PUSH_PROMISE");
        }
        if self.is_idle(id) {
            return Ok(());
        }
        match self.past(id) {
            Some(_) => wrong(Code::STREAM_CLOSED, "HEADERS after the end of the stream"),
            None => wrong(
                Code::PROTOCOL_ERROR,
                "streams must be opened in ascending order of their numbers",
            ),
        }
    }

    pub(super) fn continuation(&mut self, part: &[u8], whole: bool, each: &mut Each<'_>) -> Result<(), Error> {
        // `announced()` has already checked that there is a block.
        let Some(mut block) = self.block.take() else {
            return Ok(());
        };
        block.frames += 1;
        if block.frames > self.limits.continuations || block.bytes.len() + part.len() > self.limits.block {
            let why = "a header block is too long, or was split into too many frames";
            return Err(Error::Connection(Code::ENHANCE_YOUR_CALM, why));
        }
        block.bytes.extend_from_slice(part);
        if part.is_empty() {
            self.chatter(10)?;
        }
        match block.promised {
            _ if !whole => {
                self.block = Some(block);
                Ok(())
            }
            Some(promised) => self.promised(block.stream, promised, &block.bytes, each),
            None => self.fields(block.stream, &block.bytes, block.ends, block.looped, each),
        }
    }

    /// Checks whether the server may promise a push on this stream, and with this number.
    pub(super) fn check_promise(&self, parent: u32, promised: u32) -> Result<(), Error> {
        let wrong = |why| Err(Error::Connection(Code::PROTOCOL_ERROR, why));
        if self.role == Role::Server || !self.local.enable_push {
            return wrong("PUSH_PROMISE although SETTINGS_ENABLE_PUSH is 0");
        }
        if !self.is_ours(parent) || self.is_idle(parent) {
            return wrong("PUSH_PROMISE on a stream that was never opened");
        }
        let open = self.streams.get(&parent).map(|stream| stream.remote_open);
        if open != Some(true) && !self.is_passed_over(parent) {
            return wrong("PUSH_PROMISE after the end of the stream");
        }
        if promised == 0 || self.is_ours(promised) || !self.is_idle(promised) {
            return wrong("PUSH_PROMISE for a stream number that is not valid");
        }
        Ok(())
    }

    /// Handles the complete field block of a `PUSH_PROMISE`.
    pub(super) fn promised(
        &mut self,
        parent: u32,
        promised: u32,
        block: &[u8],
        each: &mut Each<'_>,
    ) -> Result<(), Error> {
        self.last_remote = promised;
        let mut fields = std::mem::take(&mut self.fields);
        let handled = self
            .decode(block, Kind::Request, &mut fields)
            .and_then(|()| self.pushed(parent, promised, &fields, each));
        self.fields = fields;
        handled
    }

    fn pushed(&mut self, parent: u32, promised: u32, fields: &Fields, each: &mut Each<'_>) -> Result<(), Error> {
        let failed = |code, why| Err(Error::Stream(promised, code, why));
        if fields.is_too_large() {
            return failed(
                Code::ENHANCE_YOUR_CALM,
                "a header list exceeds the limit for its size or its number of fields",
            );
        }
        if let Err(why) = fields.finish(false) {
            return failed(Code::PROTOCOL_ERROR, why);
        }
        let most = self.limits.pushes.min(self.said().max_concurrent_streams) as usize;
        let unwanted = !self.said().enable_push || self.last_handled.is_some() || !self.streams.contains_key(&parent);
        if unwanted || self.pushes() >= most {
            return failed(Code::CANCEL, "a pushed response was not accepted");
        }
        let mut stream = Stream::new(self.local.initial_window_size, self.remote.initial_window_size);
        stream.local = Local::Ended;
        stream.bodiless = fields.is_head();
        self.streams.insert(promised, stream);
        each(Event::Push {
            stream: promised,
            parent,
            fields,
        });
        Ok(())
    }

    /// Decompresses a field block. Also necessary for blocks that are otherwise ignored, because the HPACK tables of
    /// both ends have to stay the same.
    fn decode(&mut self, block: &[u8], kind: Kind, fields: &mut Fields) -> Result<(), Error> {
        let why = "a header block is too long";
        if block.len() > self.limits.block {
            return Err(Error::Connection(Code::ENHANCE_YOUR_CALM, why));
        }
        fields.begin(kind, self.said().max_header_list_size as usize, self.limits.fields);
        let why = "a header block cannot be decoded";
        let decoded = self.decoder.decode(block, |field| fields.add(field));
        decoded.map_err(|_| Error::Connection(Code::COMPRESSION_ERROR, why))
    }

    /// Handles the complete field block of a `HEADERS` frame.
    pub(super) fn fields(
        &mut self,
        id: u32,
        block: &[u8],
        ends: bool,
        looped: bool,
        each: &mut Each<'_>,
    ) -> Result<(), Error> {
        let known = self.streams.get(&id).map(|stream| stream.answered);
        let kind = match (self.role, known) {
            (Role::Server, None) => Kind::Request,
            (Role::Client, Some(false)) => Kind::Response,
            _ => Kind::Trailers,
        };
        let mut fields = std::mem::take(&mut self.fields);
        let handled = match self.decode(block, kind, &mut fields) {
            Ok(()) if known.is_none() && self.is_passed_over(id) => self.chatter(1),
            Ok(()) => self.list(id, &fields, ends, looped, each),
            Err(error) => Err(error),
        };
        self.fields = fields;
        handled
    }

    pub(super) fn list(
        &mut self,
        id: u32,
        fields: &Fields,
        ends: bool,
        looped: bool,
        each: &mut Each<'_>,
    ) -> Result<(), Error> {
        let fresh = !self.streams.contains_key(&id);
        if fresh {
            self.last_remote = id;
        }
        let failed = |code, why| Err(Error::Stream(id, code, why));
        if looped {
            return failed(Code::PROTOCOL_ERROR, "a stream depends on itself");
        }
        let remote_open = self.streams.get(&id).is_none_or(|stream| stream.remote_open);
        if !remote_open {
            return failed(Code::STREAM_CLOSED, "HEADERS after the end of the stream");
        }
        if fields.is_too_large() {
            return failed(
                Code::ENHANCE_YOUR_CALM,
                "a header list exceeds the limit for its size or its number of fields",
            );
        }
        if let Err(why) = fields.finish(self.local.enable_connect_protocol) {
            return failed(Code::PROTOCOL_ERROR, why);
        }
        if fresh {
            return self.opened(id, fields, ends, each);
        }
        // The stream was found above.
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        if self.role == Role::Client && !stream.answered {
            if fields.status() < 200 {
                if ends {
                    return failed(Code::PROTOCOL_ERROR, "a 1xx response must not end its stream");
                }
                each(Event::Informational { stream: id, fields });
                return self.chatter(1);
            }
            stream.answered = true;
            self.chatter.earn(2);
            stream.bodiless |= matches!(fields.status(), 204 | 304);
            stream.content_length = fields.content_length().filter(|_| !stream.bodiless);
            if ends && stream.content_length.is_some_and(|length| length > 0) {
                return failed(
                    Code::PROTOCOL_ERROR,
                    "a response without a body has a content-length that is not 0",
                );
            }
            each(Event::Head {
                stream: id,
                fields,
                ends,
            });
            return if ends {
                self.remote_ended(id, None, each)
            } else {
                Ok(())
            };
        }
        if !ends {
            return failed(Code::PROTOCOL_ERROR, "trailers must end their stream");
        }
        if stream.content_length.is_some_and(|length| length != stream.received) {
            return failed(
                Code::PROTOCOL_ERROR,
                "the length of a body differs from its content-length",
            );
        }
        self.remote_ended(id, Some(fields), each)
    }

    pub(super) fn opened(&mut self, id: u32, fields: &Fields, ends: bool, each: &mut Each<'_>) -> Result<(), Error> {
        let failed = |code, why| Err(Error::Stream(id, code, why));
        let most = self.said().max_concurrent_streams as usize;
        let theirs = || self.streams.keys().filter(|&&id| !self.is_ours(id)).count();
        if self.streams.len() >= most && theirs() >= most {
            return failed(
                Code::REFUSED_STREAM,
                "more streams are open than SETTINGS_MAX_CONCURRENT_STREAMS",
            );
        }
        if ends && fields.content_length().is_some_and(|length| length > 0) {
            return failed(
                Code::PROTOCOL_ERROR,
                "a request without a body has a content-length that is not 0",
            );
        }
        let mut stream = Stream::new(self.local.initial_window_size, self.remote.initial_window_size);
        stream.remote_open = !ends;
        stream.answered = true;
        stream.content_length = fields.content_length();
        self.chatter.earn(2);
        self.streams.insert(id, stream);
        each(Event::Head {
            stream: id,
            fields,
            ends,
        });
        Ok(())
    }

    pub(super) fn received_settings(
        &mut self,
        settings: &frame::Settings<'_>,
        out: &mut Vec<u8>,
        each: &mut Each<'_>,
    ) -> Result<(), Error> {
        let before = self.remote;
        if settings.iter().count() > self.limits.settings {
            let why = "a SETTINGS frame has too many settings";
            return Err(Error::Connection(Code::ENHANCE_YOUR_CALM, why));
        }
        if !std::mem::replace(&mut self.greeted, true) {
            // Until now `Limits::requests` has applied.
            self.remote.max_concurrent_streams = u32::MAX;
        }
        for (number, value) in settings.iter() {
            self.remote.apply(number, value)?;
        }
        if self.role == Role::Client && self.remote.enable_push && !before.enable_push {
            return Err(Error::Connection(
                Code::PROTOCOL_ERROR,
                "a server must not set SETTINGS_ENABLE_PUSH to 1",
            ));
        }
        if self.remote.header_table_size != before.header_table_size {
            self.encoder.limit(self.remote.header_table_size);
        }
        let by = i64::from(self.remote.initial_window_size) - i64::from(before.initial_window_size);
        if by != 0 {
            for (&id, stream) in &mut self.streams {
                stream.send += by;
                if stream.send > i64::from(MAX_WINDOW) {
                    let why = "SETTINGS_INITIAL_WINDOW_SIZE makes a window larger than 2^31-1";
                    return Err(Error::Connection(Code::FLOW_CONTROL_ERROR, why));
                }
                if stream.can_send() && !stream.ready {
                    stream.ready = true;
                    self.ready.push_back(id);
                }
            }
        }
        frame::encode(kind::SETTINGS, flag::ACK, 0, &[], out);
        each(Event::Settings(&self.remote));
        Ok(())
    }

    /// Puts our oldest unacknowledged settings into force.
    pub(super) fn acknowledged(&mut self, each: &mut Each<'_>) -> Result<(), Error> {
        let Some(told) = self.told.pop_front() else {
            return Err(Error::Connection(
                Code::PROTOCOL_ERROR,
                "an acknowledgement for SETTINGS that were not sent",
            ));
        };
        let by = i64::from(told.initial_window_size) - i64::from(self.local.initial_window_size);
        for stream in self.streams.values_mut() {
            stream.receive += by;
        }
        if told.header_table_size != self.local.header_table_size {
            self.decoder.limit(told.header_table_size);
        }
        self.local = told;
        each(Event::SettingsAck);
        Ok(())
    }

    pub(super) fn window_update(&mut self, id: u32, by: u32) -> Result<(), Error> {
        if id == 0 {
            self.send += i64::from(by);
            if self.send > i64::from(MAX_WINDOW) {
                let why = "the window of the connection exceeds 2^31-1";
                return Err(Error::Connection(Code::FLOW_CONTROL_ERROR, why));
            }
            return self.chatter(1);
        }
        if self.is_idle(id) {
            return idle("WINDOW_UPDATE for a stream that was never opened");
        }
        let Some(stream) = self.streams.get_mut(&id) else {
            return self.chatter(1);
        };
        stream.send += i64::from(by);
        if stream.send > i64::from(MAX_WINDOW) {
            return Err(Error::Stream(
                id,
                Code::FLOW_CONTROL_ERROR,
                "the window of a stream exceeds 2^31-1",
            ));
        }
        if stream.can_send() && !stream.ready {
            stream.ready = true;
            self.ready.push_back(id);
        } else if !stream.ready {
            // No data wait for this window.
            return self.chatter(1);
        }
        Ok(())
    }

    /// Ends our streams that the peer will not handle, after a `GOAWAY`. They can be retried on another connection.
    pub(super) fn refused_from(&mut self, last: u32, each: &mut Each<'_>) {
        let refused: Vec<u32> = self
            .streams
            .keys()
            .copied()
            .filter(|&id| self.is_ours(id) && (id > last || self.unopened.contains(&id)))
            .collect();
        self.unopened.clear();
        for stream in refused {
            self.streams.remove(&stream);
            self.remember(stream, Past::Reset);
            each(Event::Reset {
                stream,
                code: Code::REFUSED_STREAM,
                by_peer: true,
            });
        }
    }
}
