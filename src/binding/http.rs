//! HTTP requests on their way from the engine to `lib/http`, in batches. Responses are in
//! [`http_out`](super::http_out); the state of one connection is [`Http`].
//!
//! Requests of all connections that received something in a turn of the loop are parsed after the last read, and
//! delivered to JavaScript in one call, `onHttp(events, text, body)`, because entering JavaScript costs more than
//! parsing a request. The events are in a table that [both sides see](super::table); a row that names the connection
//! precedes its events. Between two connections, JavaScript runs ticks and promise jobs, as Node does between two
//! reads.
//!
//! JavaScript can stop before a request of a connection that it does not want yet, because output is not sent, or
//! because bytes were inserted before it. The bytes from that request on then wait, and are parsed again later. There
//! is only one table, so batches do not nest: bytes that JavaScript feeds during a batch wait until it ends.

use super::engine::{Engine, Node};
use super::files::Files;
use super::http_conn::Http;
use super::http_out::Heads;
use super::http_site::{self, Mounted, Offered, Sites};
use super::raw::{Args, Functions, Landing, Outcome, SharedBytes, Value};
use super::table::{Showing, Table};
use crate::engine::{Event, Protocol};
use crate::http1::{Batch, EVENT_WORDS, Limits, Stop, event, parts, row};
use crate::uv::{Errno, Loop, Stream};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::{Rc, Weak};

/// The most events per call of JavaScript. More would gain nothing.
const EVENTS: usize = 512;

/// The most bytes of heads per call of JavaScript. They form one string, which stays alive as long as any part of it.
const TEXT: usize = 64 * 1024;

/// The most bytes of bodies of several connections per call of JavaScript. They share one Buffer, and a part that is
/// kept keeps all of it alive. Node's own Buffer pool has the same cost.
const SHARED_BODY: usize = 8 * 1024;

/// Reads of at least this many bytes are parsed in place. Smaller ones are copied to wait for those of other
/// connections.
const LARGE_READ: usize = SHARED_BODY;

/// The most bytes that wait for the end of the loop's turn.
const INBOX: usize = 256 * 1024;

/// The words before the first event.
pub(super) mod word {
    /// The loop's clock in milliseconds, modulo 2^32.
    pub const NOW: usize = 1;
    /// JavaScript's answer about a mount, first word: the number of its site, or 0 if the site may not answer.
    pub const SITE: usize = 2;
    /// Second word: the `Keep-Alive` timeout in seconds plus one, or 0 for no such header.
    pub const SECONDS: usize = 3;
    /// Third word: 1 if JavaScript wants to be told about answers.
    pub const LOGS: usize = 4;
    /// The start of the first event.
    pub const EVENTS: usize = 8;
}

/// The row before the events of one connection.
pub(super) mod read_row {
    /// The kind of this row.
    pub const READ: u32 = 5;
    /// The id of the connection.
    pub const ID: usize = 1;
    /// Written by JavaScript: the number of the event from which on it does not handle the events for now.
    pub const HELD: usize = 2;
    /// Written by JavaScript: 1 if another protocol has taken over the connection.
    pub const TAKEN: usize = 3;
    /// The offset of the received bytes, if they are passed: with an error or an upgrade.
    pub const PACKET: usize = 4;
    /// The number of those bytes.
    pub const PACKET_LENGTH: usize = 5;
    /// How many of the received bytes the events cover.
    pub const LENGTH: usize = 6;
}

/// A read of one connection: a range of the inbox.
struct Read {
    id: u32,
    range: Range<usize>,
}

/// The part of a batch that belongs to one connection.
pub(super) struct Segment {
    pub(super) id: u32,
    /// The number of the row before its events.
    pub(super) row: usize,
    /// The range of its bytes in the input, and the end of those that were received together.
    pub(super) start: usize,
    end: usize,
    pub(super) read_end: usize,
    pub(super) stop: Stop,
    /// Whether the received bytes are exactly one request without a body.
    pub(super) whole: bool,
}

/// The HTTP server protocol in one environment.
pub(super) struct Server {
    pub(super) me: Weak<Server>,
    pub(super) scratch: RefCell<Scratch>,
    /// Whether a batch is being delivered.
    showing: Cell<bool>,
    pub(super) sites: Sites,
    pub(super) heads: RefCell<Heads>,
}

/// The data shared by all HTTP connections of an environment.
#[derive(Default)]
pub(super) struct Scratch {
    table: Option<Table>,
    words: Vec<u32>,
    /// The number of rows in the current batch, including the rows before each connection's events.
    pub(super) count: usize,
    /// The heads of the batch. It may be delivered again, so responses must not use this memory.
    pub(super) text: Vec<u8>,
    /// The bodies of a batch with several connections.
    body: Vec<u8>,
    /// The range of the input that holds the body of a batch with one connection.
    lying: Option<Range<usize>>,
    /// The bytes received in this turn of the loop, and the connection of each read.
    inbox: Vec<u8>,
    reads: Vec<Read>,
    /// Connections with waiting bytes, to be continued after the current batch.
    pub(super) waiting: Vec<u32>,
}

/// Adds this module's functions.
pub fn register(functions: &mut Functions<Engine>, files: &Rc<Files>) {
    let server = Rc::new_cyclic(|me| Server {
        me: me.clone(),
        scratch: RefCell::default(),
        showing: Cell::new(false),
        sites: Sites::new(files.clone()),
        heads: RefCell::default(),
    });
    http_site::register(functions);
    functions.state().add_protocol(server.clone());
    functions.add_with(&server, "httpTable", table);
    functions.add_with(&server, "httpAttach", attach);
    functions.add_with(&server, "httpFeed", |server, engine, args| {
        let (length, received) = (args.uint(2)? as usize, args.boolean(3)?);
        let mut bytes = Vec::new();
        args.bytes(1, 0, length, |input| bytes.extend_from_slice(input))?;
        Ok(feed(server, engine, args.uint(0)?, &bytes, received))
    });
    functions.add_with(&server, "httpResume", |server, engine, args| {
        let id = args.uint(0)?;
        if engine.state(id, |http: &mut Http| http.paused = false).is_some() {
            server.scratch.borrow_mut().waiting.push(id);
        }
        go_on(server, engine);
        Ok(())
    });
    functions.add("httpNow", |engine, _| {
        Ok(f64::from(engine.uv().map_or(0, Loop::update_now) as u32))
    });
    functions.add("uncaught", |engine, args| {
        engine.env().uncaught(args.value(0));
        Ok(())
    });
}

/// `(listener)`: the first call sets an object whose `onHttp(events, text, body)` receives batches, and whose other
/// functions the [mounts](super::http_site) call. Returns the table of events as an `ArrayBuffer`.
fn table(server: &Rc<Server>, _engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let mut scratch = server.scratch.borrow_mut();
    if scratch.table.is_none() {
        let words = word::EVENTS + EVENTS * EVENT_WORDS;
        scratch.table = Table::new(args.env(), words, args.value(0), "onHttp");
        scratch.words = vec![0; EVENTS * EVENT_WORDS];
        server.sites.listen(args, args.value(0));
    }
    Ok(scratch.table.as_ref().map(Table::value))
}

/// `(id, maxHeaderSize, mount)`: makes a connection speak HTTP and starts reading it. `mount` is the number of its
/// server's mount, or 0.
fn attach(server: &Rc<Server>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let (id, max_header_size) = (args.uint(0)?, args.uint(1)? as usize);
    let limits = if max_header_size == 0 {
        Limits::default()
    } else {
        Limits { max_header_size }
    };
    let http = Http::new(limits, Mounted::new(args.uint(2)?), engine.now());
    let attached = engine.connection(id, |connection| connection.speak(server.clone(), http));
    let reading = attached.and_then(|()| engine.stream(id, Stream::read_start));
    Ok(Errno::code(reading))
}

impl Protocol<Node> for Server {
    fn read(&self, engine: &Engine, id: u32, bytes: &[u8]) {
        read(self, engine, id, bytes);
    }

    /// A server's idle time starts when the last byte of a response is sent, even if nothing waits for that.
    fn drained(&self, engine: &Engine, id: u32, awaited: bool) {
        if !http_site::drained(self, engine, id) || awaited {
            engine.tell(Event::Drain(id));
        }
    }

    fn tick(&self, engine: &Engine) {
        handle_reads(self, engine);
        self.sites.show_log();
    }

    fn silence(&self) {
        if let Some(table) = &self.scratch.borrow().table {
            table.silence();
        }
        self.sites.silence();
    }
}

impl Server {
    /// Reads words of the table. `None` if it was detached.
    pub(super) fn words<const N: usize>(&self, at: [usize; N]) -> Option<[u32; N]> {
        let scratch = self.scratch.borrow();
        let words = scratch.table.as_ref()?.words()?;
        Some(at.map(|at| words.word(at)))
    }

    /// Delivers a request that was taken out of its batch before. No batch may be in delivery.
    pub(super) fn show_alone(&self, engine: &Engine, id: u32, request: &[u32; EVENT_WORDS], text: &[u8]) {
        let segment = Segment {
            id,
            row: 0,
            start: 0,
            end: 0,
            read_end: 0,
            stop: Stop::Drained,
            whole: false,
        };
        let mut scratch = self.scratch.borrow_mut();
        scratch.text.extend_from_slice(text);
        scratch.words[EVENT_WORDS..2 * EVENT_WORDS].copy_from_slice(request);
        scratch.words[EVENT_WORDS + row::HEAD] = 0;
        scratch.count = 2;
        scratch.place_body(&segment, &[], true);
        drop(scratch);
        http_site::shown(self, engine, &segment);
        show(self, engine, &[], &mut vec![segment]);
    }
}

/// Handles received bytes of an HTTP connection.
fn read(server: &Server, engine: &Engine, id: u32, bytes: &[u8]) {
    if engine.state(id, |http: &mut Http| http.tapped) == Some(true) {
        engine.read_raw(id, bytes);
        return;
    }
    if bytes.len() >= LARGE_READ || server.showing.get() {
        engine.catch_up();
        feed(server, engine, id, bytes, true);
        return;
    }
    let mut scratch = server.scratch.borrow_mut();
    let start = scratch.inbox.len();
    scratch.inbox.extend_from_slice(bytes);
    let range = start..scratch.inbox.len();
    if scratch.reads.is_empty() {
        engine.gather();
    }
    scratch.reads.push(Read { id, range });
    let full = scratch.inbox.len() > INBOX;
    drop(scratch);
    if full {
        engine.catch_up();
    }
}

/// Whether received bytes wait for the end of the loop's turn.
fn has_reads(server: &Server) -> bool {
    !server.scratch.borrow().reads.is_empty() && !server.showing.get()
}

/// Parses and delivers the bytes received in this turn of the loop.
fn handle_reads(server: &Server, engine: &Engine) {
    if !has_reads(server) {
        return;
    }
    let mut scratch = server.scratch.borrow_mut();
    let (inbox, reads) = (std::mem::take(&mut scratch.inbox), std::mem::take(&mut scratch.reads));
    drop(scratch);
    run(server, engine, &inbox, &reads);
    go_on(server, engine);
    engine.flush_all();
    let mut scratch = server.scratch.borrow_mut();
    if scratch.reads.is_empty() {
        // The memory is used again in the next turn.
        (scratch.inbox, scratch.reads) = (inbox, reads);
        scratch.inbox.clear();
        scratch.reads.clear();
    }
}

/// Passes bytes to the parser in the right order. Bytes that were not `received` come before all that wait. Returns
/// whether they had to wait.
fn feed(server: &Server, engine: &Engine, id: u32, bytes: &[u8], received: bool) -> bool {
    let showing = server.showing.get();
    let waits = engine.state(id, |http: &mut Http| {
        let waits = showing || http.must_wait();
        if waits {
            http.hold(bytes, received);
        }
        waits
    }) == Some(true);
    if waits {
        server.scratch.borrow_mut().waiting.push(id);
    } else {
        run(
            server,
            engine,
            bytes,
            &[Read {
                id,
                range: 0..bytes.len(),
            }],
        );
    }
    go_on(server, engine);
    waits
}

/// Continues with all waiting bytes. During a batch, this is postponed until its end.
pub(super) fn go_on(server: &Server, engine: &Engine) {
    loop {
        let mut scratch = server.scratch.borrow_mut();
        if server.showing.get() || scratch.waiting.is_empty() {
            return;
        }
        let id = scratch.waiting.swap_remove(0);
        drop(scratch);
        let bytes = engine.state(id, |http: &mut Http| {
            if http.is_held() {
                Vec::new()
            } else {
                http.take_waiting()
            }
        });
        if let Some(bytes) = bytes
            && !bytes.is_empty()
        {
            run(
                server,
                engine,
                &bytes,
                &[Read {
                    id,
                    range: 0..bytes.len(),
                }],
            );
        }
    }
}

/// Parses the bytes of connections, which are ranges of `input`, and delivers as many events as possible together.
fn run(server: &Server, engine: &Engine, input: &[u8], reads: &[Read]) {
    server.sites.forget();
    let alone = reads.len() == 1;
    let mut reads = reads.iter().map(|read| (read.id, read.range.clone()));
    // The rest of a read whose first part had to be delivered before.
    let mut left = None;
    let mut batch = Vec::new();
    while let Some((id, range)) = left.take().or_else(|| reads.next()) {
        if !server.scratch.borrow().has_room_for(range.len()) {
            show(server, engine, input, &mut batch);
        }
        if http_site::recall(server, engine, id, &input[range.clone()]) {
            continue;
        }
        match parse(server, engine, id, input, range.clone(), alone) {
            Parsed::Nothing => {}
            Parsed::Raw => {
                show(server, engine, input, &mut batch);
                engine.read_raw(id, &input[range]);
            }
            Parsed::Events(segment) => {
                let (stop, rest) = (segment.stop, segment.end..range.end);
                if let Offered::Answered(goes_on) = http_site::offer(server, engine, input, &segment) {
                    left = (goes_on && !rest.is_empty()).then_some((id, rest));
                    continue;
                }
                batch.push(segment);
                if stop != Stop::Drained {
                    // A batch ends where JavaScript must decide something first.
                    let goes_on = show(server, engine, input, &mut batch);
                    if goes_on && !rest.is_empty() && !keep(server, engine, id, &input[rest.clone()], false) {
                        left = Some((id, rest));
                    }
                }
            }
        }
    }
    show(server, engine, input, &mut batch);
}

/// The result of parsing.
enum Parsed {
    /// Nothing to deliver.
    Nothing,
    /// The bytes belong to another protocol.
    Raw,
    Events(Segment),
}

/// Parses bytes of one connection into the batch. `alone` means that there are no other connections.
fn parse(server: &Server, engine: &Engine, id: u32, input: &[u8], range: Range<usize>, alone: bool) -> Parsed {
    let scratch = &mut *server.scratch.borrow_mut();
    let now = engine.now();
    let bytes = &input[range.clone()];
    let row = scratch.count;
    let parsed = engine.connection(id, |connection| {
        let Some(http) = connection.state::<Http>() else {
            return Parsed::Raw;
        };
        if http.must_wait() {
            http.hold(bytes, true);
            scratch.waiting.push(id);
            return Parsed::Nothing;
        }
        let mut batch = Batch {
            table: &mut scratch.words,
            count: row + 1,
            text: &mut scratch.text,
        };
        let fresh = http.is_between(bytes.len());
        let (taken, stop) = http.feed(bytes, &mut batch, now);
        let count = batch.count;
        if count == row + 1 && !http.timed {
            return Parsed::Nothing;
        }
        scratch.count = count;
        Parsed::Events(Segment {
            id,
            row,
            start: range.start,
            end: range.start + taken,
            read_end: range.end,
            stop,
            whole: fresh && count == row + 2 && taken == bytes.len() && http.is_between(bytes.len()),
        })
    });
    let parsed = parsed.unwrap_or(Parsed::Nothing);
    if let Parsed::Events(segment) = &parsed {
        scratch.place_body(segment, bytes, alone);
    }
    parsed
}

impl Scratch {
    /// Whether there is room for one more connection, with a body of at most `length` bytes.
    fn has_room_for(&self, length: usize) -> bool {
        self.count + 4 <= EVENTS
            && self.text.len() < TEXT
            && (self.body.is_empty() || self.body.len() + length <= SHARED_BODY)
            && self.lying.is_none()
    }

    /// Writes the row before a segment's events, and the positions of its body bytes.
    fn place_body(&mut self, segment: &Segment, bytes: &[u8], alone: bool) {
        let rows = &mut self.words[segment.row * EVENT_WORDS..self.count * EVENT_WORDS];
        let (head, events) = rows.split_at_mut(EVENT_WORDS);
        let taken = segment.end - segment.start;
        let mut packet = 0..0;
        if matches!(segment.stop, Stop::Failed | Stop::Upgrade) {
            // An error reports the received bytes, and the first bytes of the other protocol may follow the head of
            // an upgrade.
            let base = self.body.len();
            self.body.extend_from_slice(bytes);
            packet = base..self.body.len();
            parts::move_on(events, base);
        } else if alone {
            let span = parts::trim(events);
            if !span.is_empty() {
                self.lying = Some(segment.start + span.start..segment.start + span.end);
            }
        } else {
            parts::gather(events, bytes, &mut self.body);
        }
        head.fill(0);
        head[0] = read_row::READ;
        head[read_row::ID] = segment.id;
        head[read_row::PACKET] = packet.start as u32;
        head[read_row::PACKET_LENGTH] = packet.len() as u32;
        head[read_row::LENGTH] = taken as u32;
    }

    /// The words of a row.
    pub(super) fn row(&self, at: usize) -> [u32; EVENT_WORDS] {
        std::array::from_fn(|word| self.words[at * EVENT_WORDS + word])
    }

    /// Removes rows. Those behind them move up.
    pub(super) fn drop_rows(&mut self, from: usize, to: usize) {
        self.words
            .copy_within(to * EVENT_WORDS..self.count * EVENT_WORDS, from * EVENT_WORDS);
        self.count -= to - from;
    }

    /// See [`Http::mark_repeated`]; for the events from `from` on.
    pub(super) fn mark_repeated(&mut self, http: &mut Http, from: usize) {
        http.mark_repeated(
            &mut self.words[from * EVENT_WORDS..self.count * EVENT_WORDS],
            &self.text,
        );
    }

    /// Clears the batch.
    fn clear(&mut self) {
        self.count = 0;
        self.text.clear();
        self.body.clear();
        self.lying = None;
    }
}

/// Makes bytes of a connection wait if they must, see [`Http::keep`]. Returns whether they do.
fn keep(server: &Server, engine: &Engine, id: u32, rest: &[u8], stopped: bool) -> bool {
    let kept = engine.state(id, |http: &mut Http| http.keep(rest, stopped)) == Some(true);
    if kept {
        server.scratch.borrow_mut().waiting.push(id);
    }
    kept
}

/// Delivers a batch to JavaScript, with repeated calls while handlers throw. Returns whether its last connection may
/// be read further.
fn show(server: &Server, engine: &Engine, input: &[u8], batch: &mut Vec<Segment>) -> bool {
    if batch.is_empty() {
        return false;
    }
    let (count, table) = {
        let scratch = server.scratch.borrow();
        (scratch.count, scratch.table.clone())
    };
    let Some(table) = table else {
        return lost(server, engine, batch);
    };
    let taken = take(server, engine, input, batch);
    let fill = |words: &SharedBytes| {
        words.set_word(word::NOW, engine.now() as u32);
        words.copy_words(word::EVENTS, &server.scratch.borrow().words[..count * EVENT_WORDS]);
    };
    let showing = Showing::new(&server.showing);
    let shown = table.show(fill, |env| {
        let scratch = server.scratch.borrow();
        let body = match (&taken, &scratch.lying) {
            (Some(landing), _) => landing.value(env),
            (None, Some(range)) => env.buffer_copy(&input[range.clone()]),
            _ if scratch.body.is_empty() => env.undefined(),
            _ => env.buffer_copy(&scratch.body),
        };
        [env.int(count as i32), env.latin1(&scratch.text), body]
    });
    drop(showing);
    // JavaScript has run, so its answers may be outdated.
    server.sites.forget();
    if shown.is_err() {
        return lost(server, engine, batch);
    }
    let mut goes_on = false;
    for segment in batch.drain(..) {
        goes_on = settle(server, engine, input, &segment);
    }
    server.scratch.borrow_mut().clear();
    goes_on
}

/// Gives the memory of a large read to JavaScript instead of a copy, if the read is only a part of a body and so will
/// not be parsed again. Adjusts the positions in the events.
fn take(server: &Server, engine: &Engine, input: &[u8], batch: &[Segment]) -> Option<Rc<Landing>> {
    let [segment] = batch else { return None };
    if segment.stop != Stop::Drained || segment.end != segment.read_end {
        return None;
    }
    let scratch = &mut *server.scratch.borrow_mut();
    let range = scratch.lying.clone()?;
    let events = &mut scratch.words[(segment.row + 1) * EVENT_WORDS..scratch.count * EVENT_WORDS];
    // A request that is not the first event may be held back and parsed again.
    let mut later = events.chunks_exact(EVENT_WORDS).skip(1);
    if later.any(|words| words[0] & row::KIND == event::REQUEST) {
        return None;
    }
    let (landing, offset) = engine.take(&input[range])?;
    parts::move_on(events, offset);
    Some(landing)
}

/// After a batch, applies what JavaScript decided about one connection. Returns whether the rest of its bytes is to
/// be parsed.
fn settle(server: &Server, engine: &Engine, input: &[u8], segment: &Segment) -> bool {
    let at = word::EVENTS + segment.row * EVENT_WORDS;
    let said = with_table(server, |table, words| {
        let held = table.word(at + read_row::HELD) as usize;
        // The start of the request before which JavaScript stopped, within the read.
        let offset = words.get(held * EVENT_WORDS + row::BEGAN).copied().unwrap_or(0) as usize;
        (
            (held > segment.row).then_some(offset),
            table.word(at + read_row::TAKEN) == 1,
        )
    });
    match said {
        Some((None, false)) => {}
        Some((Some(offset), false)) => {
            let from = (segment.start + offset).min(segment.read_end);
            keep(server, engine, segment.id, &input[from..segment.read_end], true);
            return false;
        }
        _ => return false,
    }
    match segment.stop {
        Stop::Failed => false,
        Stop::Drained | Stop::Full => true,
        Stop::Upgrade => {
            let decided = engine.connection(segment.id, |connection| {
                if let Some(http) = connection.state::<Http>() {
                    http.refuse_upgrade();
                }
            });
            decided.is_ok()
        }
    }
}

/// Runs `code` on the table and its words. `None` if it was detached.
fn with_table<T>(server: &Server, code: impl FnOnce(&SharedBytes, &[u32]) -> T) -> Option<T> {
    let scratch = server.scratch.borrow();
    let words = scratch.table.as_ref()?.words()?;
    Some(code(words, &scratch.words))
}

/// User code has detached the table, so no request can be delivered. The connections are closed, so that no peer
/// waits forever.
fn lost(server: &Server, engine: &Engine, batch: &mut Vec<Segment>) -> bool {
    engine.env().report("ironwire: the table of HTTP events was detached");
    for segment in batch.drain(..) {
        // It may be closed already.
        let _ = engine.close(segment.id, false);
    }
    server.scratch.borrow_mut().clear();
    false
}
