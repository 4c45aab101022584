//! HTTP requests between the engine and `lib/http`: batches of them up. Responses go [the other way](super::http_out); a connection of its own
//! is [`Http`].
//!
//! What the connections of one turn of the loop have received is parsed together, after the last of them was read, and shown to JavaScript in
//! one call, `onHttp(events, text, body)`: to enter JavaScript costs more than to parse a request. The events stand in a table that
//! [both sides see](super::table); those of a connection follow a row that names it. Between two connections JavaScript runs ticks and promise jobs, as Node does between two reads.
//!
//! JavaScript can leave a connection's events before a request that it does not want yet: output does not leave, or bytes were put in
//! front. What was read from there on then waits as bytes, and is parsed again when its time comes. There is one table, so batches do
//! not nest: bytes that JavaScript feeds while one is shown wait for its end.

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

/// Events per call of JavaScript: more gain nothing from being shown together.
const EVENTS: usize = 512;

/// Heads per call of JavaScript, in bytes: they are one string, which lives as long as any part of it.
const TEXT: usize = 64 * 1024;

/// Bodies of several connections per call of JavaScript, in bytes: they share one Buffer, which a part that is kept keeps whole. That is how
/// much Node's own pool of Buffers costs.
const SHARED_BODY: usize = 8 * 1024;

/// Reads from this size on are parsed where they lie; smaller ones are copied to wait for those of other connections.
const LARGE_READ: usize = SHARED_BODY;

/// Bytes that may wait for the end of the loop's turn.
const INBOX: usize = 256 * 1024;

/// The words before the first event.
pub(super) mod word {
    /// The loop's clock in milliseconds, modulo 2^32.
    pub const NOW: usize = 1;
    /// Written by JavaScript when it is asked about a mount: the number of its site, 0 for none,
    pub const SITE: usize = 2;
    /// the seconds of `Keep-Alive` and one more, 0 without that header,
    pub const SECONDS: usize = 3;
    /// and 1 when what is answered is to be told.
    pub const LOGS: usize = 4;
    /// Events begin here.
    pub const EVENTS: usize = 8;
}

/// A row before the events of one connection.
pub(super) mod read_row {
    /// Its kind.
    pub const READ: u32 = 5;
    /// Whose they are.
    pub const ID: usize = 1;
    /// Written by JavaScript: the number of the event that it does not handle for now, and none of those behind it.
    pub const HELD: usize = 2;
    /// Written by JavaScript: 1 when another protocol has the connection from now on.
    pub const TAKEN: usize = 3;
    /// Where the bytes received lie, if they are shown: with an error, or an upgrade.
    pub const PACKET: usize = 4;
    /// How many those are.
    pub const PACKET_LENGTH: usize = 5;
    /// How many of the bytes received the events are of.
    pub const LENGTH: usize = 6;
}

/// Bytes of one connection: a range of the inbox.
struct Read {
    id: u32,
    range: Range<usize>,
}

/// The part of a batch that is one connection's.
pub(super) struct Segment {
    pub(super) id: u32,
    /// The row before its events.
    pub(super) row: usize,
    /// Where in the input its bytes begin and end, and where those that were received together end.
    pub(super) start: usize,
    end: usize,
    pub(super) read_end: usize,
    pub(super) stop: Stop,
    /// What was received is one request without a body, from its beginning to its end, and no more.
    pub(super) whole: bool,
}

/// The protocol in one environment.
pub(super) struct Server {
    pub(super) me: Weak<Server>,
    pub(super) scratch: RefCell<Scratch>,
    /// A batch is being shown.
    showing: Cell<bool>,
    pub(super) sites: Sites,
    pub(super) heads: RefCell<Heads>,
}

/// What every HTTP connection of an environment shares.
#[derive(Default)]
pub(super) struct Scratch {
    table: Option<Table>,
    words: Vec<u32>,
    /// Events of the batch being made or shown, the rows before them included.
    pub(super) count: usize,
    /// The heads of the batch being shown; it may be shown again, so responses leave it alone.
    pub(super) text: Vec<u8>,
    /// The bodies of a batch of several connections.
    body: Vec<u8>,
    /// Where in the input the body of a batch of one connection lies.
    lying: Option<Range<usize>>,
    /// Bytes received in this turn of the loop, and whose they are.
    inbox: Vec<u8>,
    reads: Vec<Read>,
    /// Connections that have something to go on with when it is over.
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

/// `(listener)`: an object whose `onHttp(events, text, body)` is shown batches, and whose other functions the [mounts](super::http_site) call,
/// the first time. Returns the table of events, as an `ArrayBuffer`.
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

/// `(id, maxHeaderSize, mount)`: the connection speaks HTTP from now on, and is read. `mount` is the number of its server's, 0 for none.
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

    /// A server's idle clock starts when the last of a response has left, also when no one waits for that.
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
    /// What words of the table say; nothing when its memory is gone.
    pub(super) fn words<const N: usize>(&self, at: [usize; N]) -> Option<[u32; N]> {
        let scratch = self.scratch.borrow();
        let words = scratch.table.as_ref()?.words()?;
        Some(at.map(|at| words.word(at)))
    }

    /// Shows a request that was taken out of its batch before; no other is being shown.
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

/// Bytes that an HTTP connection has received.
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

/// Parses and shows what was received in this turn of the loop.
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
        // The memory serves the next turn.
        (scratch.inbox, scratch.reads) = (inbox, reads);
        scratch.inbox.clear();
        scratch.reads.clear();
    }
}

/// Bytes for the parser, in their turn: what was not `received` goes before all that waits. Returns whether they had to wait.
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

/// Goes on with what waits, wherever that is; while a batch is shown it is put off until its end.
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

/// Parses the bytes of connections, which are ranges of `input`, and shows what they say, as many as possible together.
fn run(server: &Server, engine: &Engine, input: &[u8], reads: &[Read]) {
    server.sites.forget();
    let alone = reads.len() == 1;
    let mut reads = reads.iter().map(|read| (read.id, read.range.clone()));
    // What is left of a read whose first part had to be shown before.
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
                    // What has to be decided first ends a batch.
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

/// What bytes said.
enum Parsed {
    /// Nothing to show.
    Nothing,
    /// They are another protocol's.
    Raw,
    Events(Segment),
}

/// Parses one connection's bytes on into the batch. `alone`: there are no others.
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
    /// Whether the events and the body of so many bytes of one more connection have room.
    fn has_room_for(&self, length: usize) -> bool {
        self.count + 4 <= EVENTS
            && self.text.len() < TEXT
            && (self.body.is_empty() || self.body.len() + length <= SHARED_BODY)
            && self.lying.is_none()
    }

    /// Writes the row before a segment's events, and where its body bytes are.
    fn place_body(&mut self, segment: &Segment, bytes: &[u8], alone: bool) {
        let rows = &mut self.words[segment.row * EVENT_WORDS..self.count * EVENT_WORDS];
        let (head, events) = rows.split_at_mut(EVENT_WORDS);
        let taken = segment.end - segment.start;
        let mut packet = 0..0;
        if matches!(segment.stop, Stop::Failed | Stop::Upgrade) {
            // An error reports the packet, and behind an upgrade's head may lie the first bytes of the other protocol.
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

    /// The words of an event.
    pub(super) fn row(&self, at: usize) -> [u32; EVENT_WORDS] {
        std::array::from_fn(|word| self.words[at * EVENT_WORDS + word])
    }

    /// Takes events out; those behind them move up.
    pub(super) fn drop_rows(&mut self, from: usize, to: usize) {
        self.words
            .copy_within(to * EVENT_WORDS..self.count * EVENT_WORDS, from * EVENT_WORDS);
        self.count -= to - from;
    }

    /// See [`Http::mark_repeated`]; of the events from `from` on.
    pub(super) fn mark_repeated(&mut self, http: &mut Http, from: usize) {
        http.mark_repeated(
            &mut self.words[from * EVENT_WORDS..self.count * EVENT_WORDS],
            &self.text,
        );
    }

    /// The batch is over.
    fn clear(&mut self) {
        self.count = 0;
        self.text.clear();
        self.body.clear();
        self.lying = None;
    }
}

/// Has bytes of a connection wait where they must, see [`Http::keep`]; returns whether they do.
fn keep(server: &Server, engine: &Engine, id: u32, rest: &[u8], stopped: bool) -> bool {
    let kept = engine.state(id, |http: &mut Http| http.keep(rest, stopped)) == Some(true);
    if kept {
        server.scratch.borrow_mut().waiting.push(id);
    }
    kept
}

/// Shows a batch to JavaScript, again and again while handlers throw. Returns whether its last connection is still to be read.
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
    // JavaScript has run.
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

/// Gives the memory of a large read that is nothing but a part of a body to JavaScript, instead of a copy: nothing of it will be
/// parsed again. The events say where in it that is.
fn take(server: &Server, engine: &Engine, input: &[u8], batch: &[Segment]) -> Option<Rc<Landing>> {
    let [segment] = batch else { return None };
    if segment.stop != Stop::Drained || segment.end != segment.read_end {
        return None;
    }
    let scratch = &mut *server.scratch.borrow_mut();
    let range = scratch.lying.clone()?;
    let events = &mut scratch.words[(segment.row + 1) * EVENT_WORDS..scratch.count * EVENT_WORDS];
    // A request that is not the first event may be held back.
    let mut later = events.chunks_exact(EVENT_WORDS).skip(1);
    if later.any(|words| words[0] & row::KIND == event::REQUEST) {
        return None;
    }
    let (landing, offset) = engine.take(&input[range])?;
    parts::move_on(events, offset);
    Some(landing)
}

/// After a batch: what JavaScript said of one connection. Returns whether the rest of its bytes is to be parsed.
fn settle(server: &Server, engine: &Engine, input: &[u8], segment: &Segment) -> bool {
    let at = word::EVENTS + segment.row * EVENT_WORDS;
    let said = with_table(server, |table, words| {
        let held = table.word(at + read_row::HELD) as usize;
        // Where in the read the request begins that it stopped before.
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

/// Looks at the table and the words for it; nothing when its memory is gone.
fn with_table<T>(server: &Server, code: impl FnOnce(&SharedBytes, &[u32]) -> T) -> Option<T> {
    let scratch = server.scratch.borrow();
    let words = scratch.table.as_ref()?.words()?;
    Some(code(words, &scratch.words))
}

/// Somebody has detached the table: no request can be shown any more, and no peer is left waiting.
fn lost(server: &Server, engine: &Engine, batch: &mut Vec<Segment>) -> bool {
    engine.env().report("ironwire: the table of HTTP events was detached");
    for segment in batch.drain(..) {
        // It may be closed already.
        let _ = engine.close(segment.id, false);
    }
    server.scratch.borrow_mut().clear();
    false
}
