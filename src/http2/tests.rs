//! Scripts of what a peer sends, and of the events and frames that follow. Each script is read at once, byte by byte,
//! and cut at random.

mod client;

use super::frame::{self, Code, Frame, HEAD, Head, PREFACE, flag, kind, setting};
use super::hpack::{Encoder, Field, Indexing};
use super::{Event, Limits, PingLimits, Role, Session, Settings, pairs};
use proptest::prelude::*;

/// An event with its own copy of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Head(u32, String, bool),
    Informational(u32, String),
    Data(u32, Vec<u8>),
    End(u32, Option<String>),
    Reset(u32, Code, bool),
    Drained(u32),
    Closed(u32),
    Settings(Settings),
    SettingsAck,
    Ping([u8; 8]),
    Pong([u8; 8]),
    Goaway(u32, Code, Vec<u8>),
    Failed(Code, &'static str),
    Push(u32, u32, String),
    Extension(u8, u32, Vec<u8>),
}

pub(super) fn text(text: &[u8]) -> String {
    pairs(text)
        .map(|field| {
            let sensitive = if field.sensitive { "!" } else { "" };
            let [name, value] = [field.name, field.value].map(String::from_utf8_lossy);
            format!("{sensitive}{name}={value};")
        })
        .collect()
}

impl Seen {
    pub(super) fn of(event: Event<'_>) -> Seen {
        match event {
            Event::Head { stream, fields, ends } => Seen::Head(stream, text(fields.text()), ends),
            Event::Informational { stream, fields } => Seen::Informational(stream, text(fields.text())),
            Event::Data { stream, data } => Seen::Data(stream, data.to_vec()),
            Event::End { stream, trailers } => Seen::End(stream, trailers.map(|fields| text(fields.text()))),
            Event::Reset { stream, code, by_peer } => Seen::Reset(stream, code, by_peer),
            Event::Drained(stream) => Seen::Drained(stream),
            Event::Closed(stream) => Seen::Closed(stream),
            Event::Settings(settings) => Seen::Settings(*settings),
            Event::SettingsAck => Seen::SettingsAck,
            Event::Ping(octets) => Seen::Ping(octets),
            Event::Pong(octets) => Seen::Pong(octets),
            Event::Goaway { last, code, debug } => Seen::Goaway(last, code, debug.to_vec()),
            Event::Failed { code, why } => Seen::Failed(code, why),
            Event::Push { stream, parent, fields } => Seen::Push(stream, parent, text(fields.text())),
            Event::Extension { kind, stream, payload } => Seen::Extension(kind, stream, payload.to_vec()),
        }
    }
}

/// A session, and the peer's side of its connection written by hand.
struct Pair {
    session: Session,
    /// What the session has written.
    out: Vec<u8>,
    seen: Vec<Seen>,
    /// What the peer sends next.
    script: Vec<u8>,
    encoder: Encoder,
    now: u64,
}

const ALL: usize = 1 << 20;

/// The settings of the server in these tests.
fn settings() -> Settings {
    Settings {
        max_concurrent_streams: 100,
        max_header_list_size: 16 * 1024,
        ..Settings::default()
    }
}

impl Pair {
    /// A server whose client has sent the preface and empty settings.
    fn server() -> Pair {
        let mut pair = Pair::silent(Role::Server, settings());
        pair.script.extend_from_slice(PREFACE);
        frame::settings(&[], &mut pair.script);
        pair.feed();
        assert!(matches!(pair.seen[..], [Seen::Settings(_)]));
        pair.seen.clear();
        pair.sent();
        pair
    }

    /// A client whose server has sent empty settings.
    fn client() -> Pair {
        let mut pair = Pair::silent(Role::Client, Settings::default());
        frame::settings(&[], &mut pair.script);
        pair.feed();
        pair.seen.clear();
        assert_eq!(&pair.out[..PREFACE.len()], PREFACE);
        pair.sent();
        pair
    }

    fn silent(role: Role, settings: Settings) -> Pair {
        let mut out = Vec::new();
        Pair {
            session: Session::new(role, settings, Limits::default(), 0, &mut out),
            out,
            seen: Vec::new(),
            script: Vec::new(),
            encoder: Encoder::default(),
            now: 0,
        }
    }

    fn block(&mut self, fields: &[(&str, &str)]) -> Vec<u8> {
        let mut block = Vec::new();
        self.encoder.begin(&mut block);
        for (name, value) in fields {
            let field = Field {
                name: name.as_bytes(),
                value: value.as_bytes(),
                sensitive: false,
            };
            self.encoder.field(field, Indexing::Add, &mut block);
        }
        block
    }

    fn headers(&mut self, stream: u32, fields: &[(&str, &str)], ends: bool) -> &mut Pair {
        let block = self.block(fields);
        let ends = if ends { flag::END_STREAM } else { 0 };
        frame::block(kind::HEADERS, ends, stream, &block, 16_384, &mut self.script);
        self
    }

    fn get(&mut self, stream: u32) -> &mut Pair {
        self.headers(stream, GET, true)
    }

    fn post(&mut self, stream: u32) -> &mut Pair {
        self.headers(stream, POST, false)
    }

    fn put(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        frame::encode(kind, flags, stream, payload, &mut self.script);
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> &mut Pair {
        self.put(kind, flags, stream, payload);
        self
    }

    /// Lets the session read the script.
    fn feed(&mut self) -> &mut Pair {
        let script = std::mem::take(&mut self.script);
        self.read(&script);
        self
    }

    fn read(&mut self, bytes: &[u8]) {
        let Pair {
            session,
            out,
            seen,
            now,
            ..
        } = self;
        let taken = session.feed(bytes, *now, out, &|| true, &mut |event| seen.push(Seen::of(event)));
        assert_eq!(taken, bytes.len());
        session.pump(ALL, out, &mut |event| seen.push(Seen::of(event)));
    }

    fn see(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.seen)
    }

    /// The heads and payloads of the frames that the session has sent since the last call.
    fn sent(&mut self) -> Vec<(Head, Vec<u8>)> {
        let out = std::mem::take(&mut self.out);
        let mut rest = out.strip_prefix(PREFACE).unwrap_or(&out);
        let mut frames = Vec::new();
        while let Some((octets, behind)) = rest.split_first_chunk::<HEAD>() {
            let head = Head::parse(*octets);
            let (payload, behind) = behind.split_at(head.length as usize);
            Frame::parse(head, payload).unwrap();
            frames.push((head, payload.to_vec()));
            rest = behind;
        }
        assert!(rest.is_empty());
        frames
    }

    fn fails(&mut self, code: Code) {
        let seen = self.feed().see();
        assert!(
            matches!(seen.last(), Some(Seen::Failed(found, _)) if *found == code),
            "{seen:?} instead of {code:?}"
        );
        let frames = self.sent();
        let (head, payload) = frames.last().unwrap();
        assert_eq!(head.kind, kind::GOAWAY);
        assert_eq!(payload[4..8], code.0.to_be_bytes());
        assert!(self.session.is_over());
        assert_eq!(self.session.open_streams(), 0);
        // Everything after it is ignored.
        self.get(99).feed();
        assert_eq!((self.see(), self.sent().len()), (vec![], 0));
    }

    fn resets(&mut self, stream: u32, code: Code) {
        let seen = self.feed().see();
        assert!(!seen.iter().any(|event| matches!(event, Seen::Failed(..))), "{seen:?}");
        let frames = self.sent();
        let (head, payload) = frames.last().unwrap_or_else(|| panic!("nothing is sent: {seen:?}"));
        assert_eq!((head.kind, head.stream), (kind::RST_STREAM, stream), "{seen:?}");
        assert_eq!(payload[..], code.0.to_be_bytes());
        // The connection stays usable.
        self.get(4001).feed();
        assert!(matches!(self.see()[..], [Seen::Head(4001, ..)]));
    }
}

const GET: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "a"),
];
const POST: &[(&str, &str)] = &[
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "a"),
];

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [GET, more].concat()
}

#[test]
fn a_request_is_answered() {
    let mut pair = Pair::server();
    pair.get(1).feed();
    let head = ":method=GET;:scheme=http;:path=/;:authority=a;".to_owned();
    assert_eq!(pair.see(), [Seen::Head(1, head, true)]);
    let text = b"content-type\0text/plain\0";
    let wrote = pair
        .session
        .respond(1, 200, text, Some(b"now"), false, &mut pair.out)
        .unwrap();
    assert!(wrote.all && !wrote.closed);
    let wrote = pair.session.write(1, b"hello", true, ALL, &mut pair.out).unwrap();
    assert!(wrote.all && wrote.closed);
    let frames = pair.sent();
    assert_eq!(frames.len(), 2);
    assert_eq!((frames[1].0.flags, &frames[1].1[..]), (flag::END_STREAM, &b"hello"[..]));
    assert_eq!(pair.session.open_streams(), 0);
    assert!(pair.session.write(1, b"more", true, ALL, &mut pair.out).is_err());
}

#[test]
fn bodies_and_trailers_go_both_ways() {
    let mut pair = Pair::server();
    pair.post(1).frame(kind::DATA, 0, 1, b"ab");
    pair.frame(kind::DATA, flag::PADDED, 1, b"\x02cd\0\0");
    pair.headers(1, &[("x-sum", "4")], true).feed();
    let seen = pair.see();
    assert_eq!(seen[1], Seen::Data(1, b"ab".to_vec()));
    assert_eq!(seen[2], Seen::Data(1, b"cd".to_vec()));
    assert_eq!(seen[3], Seen::End(1, Some("x-sum=4;".to_owned())));
    let out = &mut pair.out;
    pair.session.respond(1, 103, b"link\0</a>\0", None, false, out).unwrap();
    pair.session.respond(1, 200, b"", None, false, out).unwrap();
    pair.session.write(1, b"x", false, ALL, out).unwrap();
    assert!(pair.session.trailers(1, b"x-end\x001\0", ALL, out).unwrap().closed);
    let kinds: Vec<u8> = pair.sent().iter().map(|(head, _)| head.kind).collect();
    assert_eq!(kinds, [kind::HEADERS, kind::HEADERS, kind::DATA, kind::HEADERS]);
}

#[test]
fn a_client_asks_and_is_answered() {
    let mut pair = Pair::client();
    let request = b":method\0GET\0:scheme\0http\0:path\0/\0:authority\0a\0";
    assert_eq!(pair.session.request(request, true, &mut pair.out), Ok(1));
    assert_eq!(pair.session.request(request, false, &mut pair.out), Ok(3));
    pair.headers(1, &[(":status", "103"), ("link", "</a>")], false);
    pair.headers(1, &[(":status", "200"), ("content-length", "2")], false);
    pair.frame(kind::DATA, flag::END_STREAM, 1, b"hi").feed();
    assert_eq!(
        pair.see(),
        [
            Seen::Informational(1, ":status=103;link=</a>;".to_owned()),
            Seen::Head(1, ":status=200;content-length=2;".to_owned(), false),
            Seen::Data(1, b"hi".to_vec()),
            Seen::End(1, None),
            Seen::Closed(1),
        ]
    );
    // Requests that the server will not handle can be retried elsewhere.
    pair.frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0, b'x']).feed();
    assert_eq!(
        pair.see(),
        [
            Seen::Goaway(1, Code::NO_ERROR, b"x".to_vec()),
            Seen::Reset(3, Code::REFUSED_STREAM, true),
        ]
    );
    assert!(pair.session.request(request, true, &mut pair.out).is_err());
    pair.frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, &[0, 0, 0, 2])
        .fails(Code::PROTOCOL_ERROR);
}

#[test]
fn what_a_server_must_not_send_ends_the_stream() {
    for (fields, body, ends) in [
        (&[(":status", "101")][..], &b""[..], false),
        (&[(":status", "20")], b"", false),
        (&[("a", "b")], b"", false),
        (&[(":status", "200"), (":path", "/")], b"", false),
        (&[(":status", "100")], b"", true),
        (&[(":status", "200"), ("content-length", "1")], b"", true),
        (&[(":status", "200"), ("content-length", "1")], b"ab", false),
        (&[(":status", "204")], b"ab", false),
        (&[(":status", "200"), ("connection", "close")], b"", false),
    ] {
        let mut pair = Pair::client();
        let request = b":method\0GET\0:scheme\0http\0:path\0/\0:authority\0a\0";
        pair.session.request(request, true, &mut pair.out).unwrap();
        pair.sent();
        pair.headers(1, fields, ends);
        if !body.is_empty() {
            pair.frame(kind::DATA, 0, 1, body);
        }
        let seen = pair.feed().see();
        let reset = Seen::Reset(1, Code::PROTOCOL_ERROR, false);
        assert_eq!(seen.last(), Some(&reset), "{fields:?}");
    }
}

#[test]
fn heads_that_are_malformed_end_their_stream() {
    let swapped = [GET[0], GET[1], GET[2], ("a", "b"), GET[3]];
    let fields: Vec<Vec<(&str, &str)>> = vec![
        with(&[("", "empty")]),
        with(&[("Upper", "a")]),
        with(&[("a b", "a")]),
        with(&[("a", "a\r\nb: c")]),
        with(&[("a", "b\0")]),
        with(&[("connection", "close")]),
        with(&[("proxy-connection", "close")]),
        with(&[("keep-alive", "1")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("upgrade", "h2c")]),
        with(&[("te", "gzip")]),
        with(&[("content-length", "0"), ("content-length", "0")]),
        with(&[("content-length", "1")]),
        with(&[("content-length", "-1")]),
        with(&[("content-length", "")]),
        with(&[("content-length", "99999999999999999999")]),
        with(&[("host", "a"), ("host", "a")]),
        with(&[(":path", "/")]),
        with(&[(":status", "200")]),
        with(&[(":unknown", "a")]),
        with(&[(":protocol", "websocket")]),
        swapped.to_vec(),
        GET[..3].to_vec(),
        GET[1..].to_vec(),
        [&GET[..1], &GET[2..]].concat(),
        [&GET[..2], &GET[3..]].concat(),
        vec![GET[0], GET[1], (":path", ""), GET[3]],
        vec![GET[0], GET[1], (":path", "x"), GET[3]],
        vec![GET[0], GET[1], (":path", "/ HTTP/1.1"), GET[3]],
        vec![GET[0], GET[1], (":path", "*"), GET[3]],
        vec![(":method", "G T"), GET[1], GET[2], GET[3]],
        vec![(":method", "CONNECT"), GET[1], GET[2], GET[3]],
        vec![(":method", "CONNECT")],
    ];
    for fields in fields {
        let mut pair = Pair::server();
        pair.headers(1, &fields, true);
        pair.resets(1, Code::PROTOCOL_ERROR);
    }
}

#[test]
fn heads_that_are_unusual_are_taken() {
    let mut pair = Pair::server();
    pair.headers(1, &with(&[("a", " b"), ("c", "d\t"), ("e", "f g")]), true)
        .feed();
    let head = ":method=GET;:scheme=http;:path=/;:authority=a;e=f g;".to_owned();
    assert_eq!(pair.see(), [Seen::Head(1, head, true)]);
    let fields: Vec<Vec<(&str, &str)>> = vec![
        with(&[("te", "trailers"), ("content-length", "0"), ("a", ""), ("b", "\u{e9}")]),
        vec![("host", "a")].into_iter().rev().chain([]).collect(),
        vec![(":method", "OPTIONS"), GET[1], (":path", "*"), GET[3]],
        vec![(":method", "CONNECT"), (":authority", "a:1")],
        vec![
            (":authority", "a"),
            (":path", "/\u{fc}"),
            (":scheme", "foo"),
            (":method", "x-Y"),
        ],
    ];
    for mut fields in fields {
        if fields == [("host", "a")] {
            fields = [&GET[..3], &fields].concat();
        }
        let mut pair = Pair::server();
        pair.headers(1, &fields, true).feed();
        assert!(matches!(pair.see()[..], [Seen::Head(1, _, true)]), "{fields:?}");
    }
    let mut pair = Pair::silent(
        Role::Server,
        Settings {
            enable_connect_protocol: true,
            ..settings()
        },
    );
    pair.script.extend_from_slice(PREFACE);
    frame::settings(&[], &mut pair.script);
    frame::encode(kind::SETTINGS, flag::ACK, 0, &[], &mut pair.script);
    let extended = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        GET[1],
        GET[2],
        GET[3],
    ];
    pair.headers(1, &extended, false).feed();
    assert!(matches!(pair.see()[..], [.., Seen::Head(1, _, false)]));
}

#[test]
fn trailers_must_end_and_have_no_pseudo_headers() {
    for (fields, ends) in [
        (&[("a", "b")][..], false),
        (&[(":path", "/")], true),
        (&[("te", "x")], true),
    ] {
        let mut pair = Pair::server();
        pair.post(1).headers(1, fields, ends);
        pair.resets(1, Code::PROTOCOL_ERROR);
    }
}

#[test]
fn bodies_are_as_long_as_they_say() {
    let long = [POST, &[("content-length", "3")]].concat();
    for (parts, right) in [
        (&["ab", "c"][..], true),
        (&["ab"], false),
        (&["ab", "cd"], false),
        (&[], false),
    ] {
        let mut pair = Pair::server();
        pair.headers(1, &long, false);
        for part in parts {
            pair.frame(kind::DATA, 0, 1, part.as_bytes());
        }
        pair.frame(kind::DATA, flag::END_STREAM, 1, b"");
        if right {
            assert_eq!(pair.feed().see().last(), Some(&Seen::End(1, None)));
        } else {
            pair.feed();
            assert_eq!(pair.see().last(), Some(&Seen::Reset(1, Code::PROTOCOL_ERROR, false)));
        }
        let mut pair = Pair::server();
        pair.headers(1, &long, false);
        for part in parts {
            pair.frame(kind::DATA, 0, 1, part.as_bytes());
        }
        pair.headers(1, &[("a", "b")], true).feed();
        assert_eq!(matches!(pair.see().last(), Some(Seen::End(1, Some(_)))), right);
    }
}

#[test]
fn states_of_streams_are_kept() {
    // Idle streams.
    for kind in [kind::DATA, kind::RST_STREAM, kind::WINDOW_UPDATE] {
        Pair::server()
            .frame(kind, 0, 1, &[0, 0, 0, 1])
            .fails(Code::PROTOCOL_ERROR);
    }
    Pair::server().get(2).fails(Code::PROTOCOL_ERROR);
    Pair::server().get(5).get(3).fails(Code::PROTOCOL_ERROR);
    // A half-closed stream.
    Pair::server()
        .get(1)
        .frame(kind::DATA, 0, 1, b"a")
        .resets(1, Code::STREAM_CLOSED);
    Pair::server().get(1).get(1).resets(1, Code::STREAM_CLOSED);
    // Streams closed by the peer, by both sides and by us.
    let reset = &Code::CANCEL.0.to_be_bytes();
    Pair::server()
        .post(1)
        .frame(kind::RST_STREAM, 0, 1, reset)
        .frame(kind::DATA, 0, 1, b"a")
        .resets(1, Code::STREAM_CLOSED);
    Pair::server()
        .post(1)
        .frame(kind::RST_STREAM, 0, 1, reset)
        .get(1)
        .fails(Code::STREAM_CLOSED);
    let mut pair = Pair::server();
    pair.get(1).feed();
    pair.session.respond(1, 204, b"", None, true, &mut pair.out).unwrap();
    for kind in [kind::PRIORITY, kind::RST_STREAM, kind::WINDOW_UPDATE] {
        let payload: &[u8] = if kind == kind::PRIORITY {
            &[0, 0, 0, 0, 1]
        } else {
            &[0, 0, 0, 1]
        };
        pair.frame(kind, 0, 1, payload);
    }
    pair.see();
    pair.feed();
    assert_eq!(pair.see(), []);
    pair.get(1).fails(Code::STREAM_CLOSED);
    let mut pair = Pair::server();
    pair.post(1).feed();
    pair.session.reset(1, Code::CANCEL, &mut pair.out).unwrap();
    assert!(pair.session.reset(1, Code::CANCEL, &mut pair.out).is_err());
    pair.see();
    pair.frame(kind::DATA, 0, 1, b"a")
        .headers(1, &[("a", "b")], true)
        .get(3)
        .feed();
    assert!(matches!(pair.see()[..], [Seen::Head(3, ..)]));
}

#[test]
fn connections_that_break_the_protocol_end() {
    Pair::server()
        .frame(kind::PUSH_PROMISE, 4, 1, &[0, 0, 0, 2])
        .fails(Code::PROTOCOL_ERROR);
    Pair::server()
        .frame(kind::CONTINUATION, 4, 1, &[])
        .fails(Code::PROTOCOL_ERROR);
    Pair::server().frame(kind::DATA, 0, 0, b"").fails(Code::PROTOCOL_ERROR);
    Pair::server()
        .frame(kind::SETTINGS, 0, 0, b"12345")
        .fails(Code::FRAME_SIZE_ERROR);
    Pair::server()
        .frame(kind::PING, 0, 0, b"1234567")
        .fails(Code::FRAME_SIZE_ERROR);
    Pair::server()
        .frame(kind::DATA, flag::PADDED, 1, &[9, 0])
        .fails(Code::PROTOCOL_ERROR);
    Pair::server()
        .frame(kind::HEADERS, 4, 1, &[0x80])
        .fails(Code::COMPRESSION_ERROR);
    Pair::server()
        .frame(20, 0, 0, &vec![0; 16_385])
        .fails(Code::FRAME_SIZE_ERROR);
    let mut pair = Pair::server();
    let block = pair.block(GET);
    pair.frame(kind::HEADERS, 0, 1, &block[..3])
        .frame(kind::PING, 0, 0, &[0; 8]);
    pair.fails(Code::PROTOCOL_ERROR);
    let mut pair = Pair::server();
    pair.frame(kind::HEADERS, 0, 1, &block[..3])
        .frame(kind::CONTINUATION, 4, 3, &block[3..]);
    pair.fails(Code::PROTOCOL_ERROR);
    for (number, value, code) in [
        (setting::ENABLE_PUSH, 2, Code::PROTOCOL_ERROR),
        (setting::INITIAL_WINDOW_SIZE, 1 << 31, Code::FLOW_CONTROL_ERROR),
        (setting::MAX_FRAME_SIZE, 16_383, Code::PROTOCOL_ERROR),
        (setting::MAX_FRAME_SIZE, 1 << 24, Code::PROTOCOL_ERROR),
        (setting::ENABLE_CONNECT_PROTOCOL, 2, Code::PROTOCOL_ERROR),
    ] {
        let mut pair = Pair::server();
        frame::settings(&[(number, value)], &mut pair.script);
        pair.fails(code);
    }
    // One acknowledgement is outstanding.
    let mut pair = Pair::server();
    pair.frame(kind::SETTINGS, flag::ACK, 0, &[]).feed();
    assert_eq!(pair.see(), [Seen::SettingsAck]);
    pair.frame(kind::SETTINGS, flag::ACK, 0, &[])
        .fails(Code::PROTOCOL_ERROR);
}

#[test]
fn a_connection_begins_with_the_preface_and_settings() {
    let mut pair = Pair::silent(Role::Server, settings());
    pair.script.extend_from_slice(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX");
    pair.fails(Code::PROTOCOL_ERROR);
    let mut pair = Pair::silent(Role::Server, settings());
    pair.script.extend_from_slice(PREFACE);
    pair.frame(kind::PING, 0, 0, &[0; 8]).fails(Code::PROTOCOL_ERROR);
    Pair::silent(Role::Client, settings())
        .frame(kind::SETTINGS, flag::ACK, 0, &[])
        .fails(Code::PROTOCOL_ERROR);
}

#[test]
fn windows_are_kept_on_the_way_out() {
    let mut pair = Pair::server();
    frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 10)], &mut pair.script);
    pair.get(1).get(3).feed();
    pair.sent();
    let out = &mut pair.out;
    for stream in [1, 3] {
        pair.session.respond(stream, 200, b"", None, false, out).unwrap();
        let wrote = pair.session.write(stream, &[b'x'; 30], true, ALL, out).unwrap();
        assert!(!wrote.all && !wrote.closed);
    }
    let data = |pair: &mut Pair| -> Vec<(u32, u32, bool)> {
        pair.sent()
            .iter()
            .filter(|(head, _)| head.kind == kind::DATA)
            .map(|(head, _)| (head.stream, head.length, head.flags & flag::END_STREAM != 0))
            .collect()
    };
    assert_eq!(data(&mut pair), [(1, 10, false), (3, 10, false)]);
    assert_eq!(pair.session.queued(), 40);
    // Smaller than what was used already, then larger again.
    frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 5)], &mut pair.script);
    frame::window_update(1, 5, &mut pair.script);
    pair.feed();
    assert_eq!(data(&mut pair), []);
    frame::window_update(1, 7, &mut pair.script);
    pair.feed();
    assert_eq!(data(&mut pair), [(1, 7, false)]);
    pair.see();
    frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 60_000)], &mut pair.script);
    pair.feed();
    assert_eq!(data(&mut pair), [(1, 13, true), (3, 20, true)]);
    let [Seen::Settings(_), rest @ ..] = &pair.see()[..] else {
        panic!()
    };
    assert_eq!(
        rest,
        [Seen::Drained(1), Seen::Closed(1), Seen::Drained(3), Seen::Closed(3)]
    );
    // The window of the connection.
    pair.get(5).get(7).feed();
    pair.sent();
    let out = &mut pair.out;
    for stream in [5, 7] {
        pair.session.respond(stream, 200, b"", None, false, out).unwrap();
        pair.session.write(stream, &[b'x'; 50_000], true, ALL, out).unwrap();
    }
    let total: u32 = data(&mut pair).iter().map(|&(_, length, _)| length).sum();
    assert_eq!(total, 65_535 - 60);
    frame::window_update(0, 100_000, &mut pair.script);
    pair.feed();
    let total: u32 = data(&mut pair).iter().map(|&(_, length, _)| length).sum();
    assert_eq!(total, 100_000 - 65_475);
}

#[test]
fn room_is_kept_on_the_way_out() {
    let mut pair = Pair::server();
    frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 1 << 20)], &mut pair.script);
    frame::window_update(0, 1 << 20, &mut pair.script);
    pair.get(1).feed();
    pair.sent();
    pair.session.respond(1, 200, b"", None, false, &mut pair.out).unwrap();
    pair.sent();
    assert!(
        !pair
            .session
            .write(1, &[0; 100_000], false, 0, &mut pair.out)
            .unwrap()
            .all
    );
    assert!(pair.out.is_empty() && pair.session.has_ready());
    pair.session.pump(20_000, &mut pair.out, &mut |_| {});
    assert!((20_000..40_000).contains(&pair.out.len()));
    pair.session.trailers(1, b"a\0b\0", ALL, &mut pair.out).unwrap();
    let frames = pair.sent();
    assert_eq!(frames.last().unwrap().0.kind, kind::HEADERS);
    assert!(!pair.session.has_ready());
}

#[test]
fn windows_that_overflow_are_errors() {
    let update = |stream, pair: &mut Pair| {
        for _ in 0..2 {
            frame::window_update(stream, (1 << 31) - 1, &mut pair.script);
        }
    };
    let mut pair = Pair::server();
    update(0, &mut pair);
    pair.fails(Code::FLOW_CONTROL_ERROR);
    let mut pair = Pair::server();
    pair.get(1);
    update(1, &mut pair);
    pair.feed();
    assert!(pair.see().contains(&Seen::Reset(1, Code::FLOW_CONTROL_ERROR, false)));
    let mut pair = Pair::server();
    pair.get(1);
    frame::window_update(1, (1 << 31) - 1 - 65_535, &mut pair.script);
    frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 65_536)], &mut pair.script);
    pair.fails(Code::FLOW_CONTROL_ERROR);
}

#[test]
fn windows_are_kept_on_the_way_in() {
    // Consumed data are given back, including their padding.
    let mut pair = Pair::server();
    pair.post(1);
    for _ in 0..100 {
        let mut padded = vec![0; 1100];
        padded[0] = 99;
        pair.frame(kind::DATA, flag::PADDED, 1, &padded);
        pair.feed();
    }
    let given = |pair: &mut Pair, stream| -> u32 {
        pair.sent()
            .iter()
            .filter(|(head, _)| head.kind == kind::WINDOW_UPDATE && head.stream == stream)
            .map(|(_, payload)| u32::from_be_bytes(payload[..].try_into().unwrap()))
            .sum()
    };
    let out = pair.out.clone();
    assert!(given(&mut pair, 0) > 110_000 - 40_000);
    pair.out = out;
    assert!(given(&mut pair, 1) > 110_000 - 40_000);
    assert!(
        !pair
            .see()
            .iter()
            .any(|event| matches!(event, Seen::Reset(..) | Seen::Failed(..)))
    );
    // Data that are not consumed are not given back to the stream's window, but to the connection's.
    let mut pair = Pair::server();
    pair.post(1).feed();
    pair.session.pause(1);
    pair.see();
    for _ in 0..65 {
        pair.frame(kind::DATA, 0, 1, &[7; 1000]);
    }
    pair.feed();
    assert_eq!(pair.see(), []);
    let out = pair.out.clone();
    assert_eq!(given(&mut pair, 1), 0);
    pair.out = out;
    assert!(given(&mut pair, 0) >= 32_767);
    assert_eq!(pair.session.resume(1, &mut pair.out), vec![7; 65_000]);
    assert_eq!(given(&mut pair, 1), 65_000);
    pair.session.set_window(1 << 20, &mut pair.out);
    pair.session.pause(1);
    for _ in 0..66 {
        pair.frame(kind::DATA, 0, 1, &[7; 1000]);
    }
    pair.feed();
    assert_eq!(pair.see(), [Seen::Reset(1, Code::FLOW_CONTROL_ERROR, false)]);
    // More data than the connection's window are an error before they have arrived.
    let mut pair = Pair::silent(
        Role::Server,
        Settings {
            max_frame_size: 1 << 20,
            initial_window_size: 1 << 20,
            ..settings()
        },
    );
    pair.script.extend_from_slice(PREFACE);
    frame::settings(&[], &mut pair.script);
    frame::encode(kind::SETTINGS, flag::ACK, 0, &[], &mut pair.script);
    pair.post(1).feed();
    Head {
        length: 65_536,
        kind: kind::DATA,
        flags: 0,
        stream: 1,
    }
    .encode(&mut pair.script);
    pair.fails(Code::FLOW_CONTROL_ERROR);
}

#[test]
fn what_is_held_outlives_both_ends() {
    let mut pair = Pair::server();
    pair.post(1).feed();
    pair.session.pause(1);
    pair.frame(kind::DATA, flag::END_STREAM, 1, b"late").feed();
    assert_eq!(pair.see().last(), Some(&Seen::End(1, None)));
    let wrote = pair.session.respond(1, 200, b"", None, true, &mut pair.out).unwrap();
    assert!(wrote.closed);
    assert_eq!(pair.session.open_streams(), 0);
    assert_eq!(pair.session.resume(1, &mut pair.out), b"late");
    assert_eq!(pair.session.resume(1, &mut pair.out), b"");
}

#[test]
fn bodies_that_nobody_reads_keep_no_stream_open() {
    let mut pair = Pair::server();
    for at in 0..300 {
        let id = 1 + 2 * at;
        pair.post(id).feed();
        pair.session.pause(id);
        pair.frame(kind::DATA, flag::END_STREAM, id, b"unread").feed();
        let wrote = pair.session.respond(id, 200, b"", None, true, &mut pair.out).unwrap();
        assert!(wrote.closed);
        assert_eq!(pair.session.resume(id, &mut pair.out), b"unread");
    }
    assert!(!pair.see().iter().any(|event| matches!(event, Seen::Reset(..))));
    // The held data of a stream are dropped when it is reset.
    pair.post(601).feed();
    pair.session.pause(601);
    pair.frame(kind::DATA, flag::END_STREAM, 601, b"unread").feed();
    pair.session.reset(601, Code::CANCEL, &mut pair.out).unwrap();
    assert_eq!(pair.session.resume(601, &mut pair.out), b"");
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    let mut pair = Pair::server();
    for at in 0..100 {
        pair.post(1 + 2 * at);
    }
    pair.feed();
    assert_eq!(pair.see().len(), 100);
    pair.post(201).feed();
    let frames = pair.sent();
    assert_eq!(frames.last().unwrap().1, Code::REFUSED_STREAM.0.to_be_bytes());
    assert_eq!(pair.see(), []);
}

#[test]
fn a_session_that_ends_finishes_what_it_has() {
    let mut pair = Pair::server();
    pair.post(1).feed();
    pair.session.goaway(Code::NO_ERROR, None, b"", &mut pair.out);
    assert!(!pair.session.is_done());
    pair.see();
    // The peer may not have received the GOAWAY yet.
    pair.post(3).frame(kind::DATA, flag::END_STREAM, 3, b"a");
    pair.frame(kind::DATA, flag::END_STREAM, 1, b"a").feed();
    assert_eq!(pair.see(), [Seen::Data(1, b"a".to_vec()), Seen::End(1, None)]);
    pair.session.respond(1, 200, b"", None, true, &mut pair.out).unwrap();
    assert!(pair.session.is_done());
}

#[test]
fn what_is_said_is_looked_at() {
    let mut pair = Pair::server();
    pair.get(1).feed();
    for text in [
        &b"a\0b\r\nc: d\0"[..],
        b"a\0b\nc\0",
        b"\0b\0",
        b"A\0b\0",
        b":path\0/\0",
        b"a\0\x7f\0",
    ] {
        assert!(pair.session.respond(1, 200, text, None, true, &mut pair.out).is_err());
    }
    pair.session
        .respond(1, 200, b"\x01set-cookie\0a\0", None, false, &mut pair.out)
        .unwrap();
    assert!(pair.session.respond(1, 200, b"", None, false, &mut pair.out).is_err());
    assert!(pair.session.trailers(1, b"a\0b\nc\0", ALL, &mut pair.out).is_err());
    assert!(pair.session.write(9, b"a", false, ALL, &mut pair.out).is_err());
}

#[test]
fn responses_are_pushed_to_clients_that_take_them() {
    let mut pair = Pair::server();
    pair.get(1).feed();
    let request = b":method\0GET\0:scheme\0http\0:authority\0a\0:path\0/style\0";
    assert_eq!(pair.session.push(1, request, &mut pair.out), Ok(2));
    // A push cannot belong to another push.
    assert!(pair.session.push(2, request, &mut pair.out).is_err());
    pair.session.respond(2, 200, b"", None, false, &mut pair.out).unwrap();
    let wrote = pair.session.write(2, b"p {}", true, ALL, &mut pair.out).unwrap();
    assert!(wrote.all && wrote.closed);
    let frames = pair.sent();
    assert_eq!((frames[0].0.kind, frames[0].0.stream), (kind::PUSH_PROMISE, 1));
    assert_eq!(frames[0].1[..4], [0, 0, 0, 2]);
    frame::settings(&[(setting::ENABLE_PUSH, 0)], &mut pair.script);
    pair.feed();
    assert!(pair.session.push(1, request, &mut pair.out).is_err());
    // A client cannot send on a stream that only the server may open.
    Pair::server().frame(kind::DATA, 0, 2, b"a").fails(Code::PROTOCOL_ERROR);
}

// --- attacks

/// Feeds what `attack` sends, again and again, until the connection fails. Returns how often it was fed before that.
fn until_calm(limit: usize, pair: &mut Pair, mut attack: impl FnMut(usize, &mut Pair)) -> usize {
    for count in 0..limit {
        attack(count, pair);
        pair.feed();
        pair.out.clear();
        let seen = pair.see();
        if let Some(Seen::Failed(code, _)) = seen.last() {
            assert_eq!(*code, Code::ENHANCE_YOUR_CALM);
            return count;
        }
        assert!(pair.session.open_streams() <= 100);
    }
    panic!("it goes on and on");
}

#[test]
fn rapid_resets_end_the_connection_but_time_forgives() {
    let rapid = |count: usize, pair: &mut Pair| {
        let stream = 1 + 2 * count as u32;
        pair.get(stream).frame(kind::RST_STREAM, 0, stream, &[0, 0, 0, 8]);
    };
    assert_eq!(until_calm(5000, &mut Pair::server(), rapid), 1000);
    // Thirty resets a second are allowed for as long as the connection lasts.
    let mut pair = Pair::server();
    for count in 0..20_000 {
        pair.now += 33;
        rapid(count, &mut pair);
        pair.feed();
        pair.out.clear();
        assert!(!pair.session.is_over(), "{count}");
    }
}

#[test]
fn resets_of_what_has_expired_or_was_earned_are_no_attack() {
    let mut pair = Pair::server();
    let mut stream = 1;
    for _ in 0..5000 {
        pair.get(stream).feed();
        pair.session.set_expiry(stream, pair.now + 200);
        pair.now += 150;
        pair.frame(kind::RST_STREAM, 0, stream, &[0, 0, 0, 8]).feed();
        // The clock advances too slowly to refill the budget.
        pair.now -= 150;
        stream += 2;
    }
    assert!(!pair.session.is_over());
    for _ in 0..5000 {
        pair.get(stream).feed();
        pair.session.earn_reset();
        pair.frame(kind::RST_STREAM, 0, stream, &[0, 0, 0, 8]).feed();
        stream += 2;
    }
    assert!(!pair.session.is_over());
    // An expiry in the future does not excuse a reset.
    let mut pair = Pair::server();
    let early = |count: usize, pair: &mut Pair| {
        let stream = 1 + 2 * count as u32;
        pair.get(stream).feed();
        pair.session.set_expiry(stream, pair.now + 51);
        pair.frame(kind::RST_STREAM, 0, stream, &[0, 0, 0, 8]);
    };
    assert_eq!(until_calm(5000, &mut pair, early), 1000);
    // A client has opened its streams itself, so resets are not limited.
    let mut pair = Pair::client();
    for _ in 0..5000 {
        let request = b":method\0GET\0:scheme\0http\0:path\0/\0:authority\0a\0";
        let stream = pair.session.request(request, true, &mut pair.out).unwrap();
        pair.frame(kind::RST_STREAM, 0, stream, &[0, 0, 0, 7]).feed();
    }
    assert!(!pair.session.is_over());
}

#[test]
fn what_comes_late_on_many_streams_that_were_reset_is_passed_over() {
    let request = b":method\0GET\0:scheme\0http\0:path\0/\0:authority\0a\0";
    let mut pair = Pair::client();
    for _ in 0..2000 {
        let stream = pair.session.request(request, true, &mut pair.out).unwrap();
        pair.session.reset(stream, Code::CANCEL, &mut pair.out).unwrap();
    }
    pair.sent();
    for stream in (1..4000).step_by(2) {
        pair.headers(stream, &[(":status", "200")], false);
        pair.frame(kind::DATA, flag::END_STREAM, stream, b"late").feed();
    }
    assert!(!pair.session.is_over());
    assert!(pair.sent().iter().all(|(head, _)| head.kind != kind::RST_STREAM));
    let mut pair = Pair::server();
    for stream in (1..4000).step_by(2) {
        pair.headers(stream, POST, false).feed();
        pair.session.reset(stream, Code::CANCEL, &mut pair.out).unwrap();
    }
    pair.sent();
    for stream in (1..4000).step_by(2) {
        pair.frame(kind::DATA, 0, stream, b"late").feed();
    }
    assert!(!pair.session.is_over());
    assert!(pair.sent().iter().all(|(head, _)| head.kind != kind::RST_STREAM));
}

#[test]
fn pings_are_answered_as_often_as_they_may_come() {
    let limited = |strikes| {
        let mut pair = Pair::server();
        let pings = PingLimits {
            interval: 100,
            idle_interval: 1000,
            strikes,
        };
        pair.session.limit_pings(pings);
        pair
    };
    let ping = |pair: &mut Pair, after: u64| {
        pair.now += after;
        pair.frame(kind::PING, 0, 0, &[0; 8]).feed();
        pair.seen.clear();
        pair.session.is_over()
    };
    let mut pair = limited(2);
    assert_eq!(
        [0, 999, 999, 999].map(|after| ping(&mut pair, after)),
        [false, false, false, true]
    );
    let frames = pair.sent();
    let (head, goaway) = frames.last().expect("a goodbye");
    assert_eq!((head.kind, &goaway[8..]), (kind::GOAWAY, &b"too_many_pings"[..]));
    let mut pair = limited(2);
    assert!([1000; 20].iter().all(|&after| !ping(&mut pair, after)));
    pair.get(1).feed();
    assert!(
        [100; 20].iter().all(|&after| !ping(&mut pair, after)),
        "a stream is open"
    );
    assert_eq!([99, 0, 0].map(|after| ping(&mut pair, after)), [false, false, true]);
    // A peer that was sent something may send a PING.
    let mut pair = limited(2);
    pair.get(1).feed();
    pair.session.respond(1, 200, b"", None, false, &mut pair.out).unwrap();
    for _ in 0..20 {
        assert_eq!([0, 0, 0].map(|after| ping(&mut pair, after)), [false; 3]);
        pair.session.write(1, b"x", false, ALL, &mut pair.out).unwrap();
    }
    let mut pair = limited(0);
    assert!([0; 20].iter().all(|&after| !ping(&mut pair, after)), "any number");
}

#[test]
fn resets_that_we_are_made_to_send_end_the_connection() {
    let windows = |count: usize, pair: &mut Pair| {
        let stream = 1 + 2 * count as u32;
        pair.get(stream).frame(kind::WINDOW_UPDATE, 0, stream, &[0, 0, 0, 0]);
    };
    assert_eq!(until_calm(5000, &mut Pair::server(), windows), 1000);
    let malformed = |count: usize, pair: &mut Pair| {
        pair.headers(1 + 2 * count as u32, &[("", "zero-length name")], true);
    };
    assert_eq!(until_calm(5000, &mut Pair::server(), malformed), 1000);
    let closed = |_: usize, pair: &mut Pair| {
        pair.frame(kind::DATA, 0, 1, b"x");
    };
    let mut pair = Pair::server();
    pair.get(1).feed();
    pair.session.respond(1, 200, b"", None, true, &mut pair.out).unwrap();
    assert!(until_calm(20_000, &mut pair, closed) <= 11_000);
}

#[test]
fn floods_of_continuation_end_the_connection() {
    let begun = || {
        let mut pair = Pair::server();
        let block = pair.block(GET);
        pair.frame(kind::HEADERS, 0, 1, &block).feed();
        pair
    };
    let empty = |_: usize, pair: &mut Pair| {
        pair.frame(kind::CONTINUATION, 0, 1, b"");
    };
    assert_eq!(until_calm(20, &mut begun(), empty), 8);
    let full = |_: usize, pair: &mut Pair| {
        pair.frame(kind::CONTINUATION, 0, 1, &[0x82; 16_384]);
    };
    assert!(until_calm(20, &mut begun(), full) < 4);
    // Also beyond the limit of a list's size: the block is decoded for the tables, but not kept.
    let mut pair = Pair::server();
    let big = "x".repeat(4000);
    let mut fields = GET.to_vec();
    fields.extend([("a", &big[..]), ("b", &big), ("c", &big), ("d", &big), ("e", &big)]);
    pair.headers(1, &fields, true).resets(1, Code::ENHANCE_YOUR_CALM);
}

#[test]
fn bombs_of_hpack_are_read_and_not_kept() {
    let mut pair = Pair::server();
    let mut block = pair.block(GET);
    // A field that fills nearly the whole table, and then its index as often as possible.
    block.extend_from_slice(&pair.block(&[("a", &"x".repeat(4000))]));
    block.resize(16_000, 0x80 | 62);
    pair.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, &block);
    pair.resets(1, Code::ENHANCE_YOUR_CALM);
    // Table sizes and integers beyond the limits.
    for block in [
        &[0x3f, 0xe2, 0x1f][..],
        &[0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ] {
        let ends = flag::END_HEADERS | flag::END_STREAM;
        Pair::server()
            .frame(kind::HEADERS, ends, 1, block)
            .fails(Code::COMPRESSION_ERROR);
    }
}

#[test]
fn floods_of_frames_that_say_nothing_end_the_connection() {
    type Attack = fn(usize, &mut Pair);
    let attacks: [(&str, Attack); 8] = [
        ("settings", |_, pair| {
            frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 1)], &mut pair.script)
        }),
        ("ping", |_, pair| pair.put(kind::PING, 0, 0, &[0; 8])),
        ("pong", |_, pair| pair.put(kind::PING, flag::ACK, 0, &[0; 8])),
        ("priority", |_, pair| pair.put(kind::PRIORITY, 0, 3, &[0, 0, 0, 1, 1])),
        ("empty data", |_, pair| pair.put(kind::DATA, 0, 1, b"")),
        ("padding", |_, pair| pair.put(kind::DATA, flag::PADDED, 1, &[1, 0])),
        ("unknown", |_, pair| pair.put(99, 0, 0, b"")),
        ("goaway", |_, pair| pair.put(kind::GOAWAY, 0, 0, &[0; 8])),
    ];
    for (name, attack) in attacks {
        let mut pair = Pair::server();
        pair.post(1).feed();
        let count = until_calm(20_000, &mut pair, attack);
        assert!((900..=10_100).contains(&count), "{name}: {count}");
        // A hundred frames a second are not an attack.
        let mut pair = Pair::server();
        pair.post(1).feed();
        for count in 0..20_000 {
            pair.now += 10;
            attack(count, &mut pair);
            pair.feed();
            pair.out.clear();
            assert!(!pair.session.is_over(), "{name}: {count}");
        }
    }
    let many = vec![(0x99, 1); 33];
    let mut pair = Pair::server();
    frame::settings(&many, &mut pair.script);
    pair.fails(Code::ENHANCE_YOUR_CALM);
}

#[test]
fn tiny_data_that_nobody_reads_take_no_more_than_their_bytes() {
    let mut pair = Pair::server();
    pair.post(1).feed();
    pair.session.pause(1);
    pair.see();
    for _ in 0..60_000 {
        pair.frame(kind::DATA, 0, 1, b"x");
    }
    pair.feed();
    assert_eq!(pair.see(), []);
    assert_eq!(pair.session.resume(1, &mut pair.out).len(), 60_000);
}

#[test]
fn the_connections_window_is_given_once() {
    let mut pair = Pair::server();
    pair.post(1).feed();
    pair.sent();
    let given = |pair: &mut Pair| -> u32 {
        let windows = pair
            .sent()
            .into_iter()
            .filter(|(head, _)| head.kind == kind::WINDOW_UPDATE && head.stream == 0);
        windows
            .map(|(_, by)| u32::from_be_bytes(by[..].try_into().unwrap()))
            .sum()
    };
    for _ in 0..200 {
        for window in [1 << 24, 1000, 1 << 16] {
            pair.session.set_window(window, &mut pair.out);
        }
    }
    assert_eq!(given(&mut pair), (1 << 24) - 65_535);
    // No window update is sent until the peer may send less than the smaller window.
    for _ in 0..1000 {
        pair.frame(kind::DATA, 0, 1, &[0; 16_000]).feed();
        pair.see();
    }
    assert_eq!(given(&mut pair), 0);
    for _ in 0..100 {
        pair.frame(kind::DATA, 0, 1, &[0; 16_000]).feed();
        assert!(!pair.see().iter().any(|event| matches!(event, Seen::Failed(..))));
    }
    assert!(given(&mut pair) > 700_000);
}

#[test]
fn windows_may_be_given_back_at_once() {
    let mut pair = Pair::server();
    pair.get(1).feed();
    pair.session.respond(1, 200, b"", None, false, &mut pair.out).unwrap();
    pair.see();
    for _ in 0..30_000 {
        let wrote = pair.session.write(1, b"event", false, ALL, &mut pair.out).unwrap();
        assert!(wrote.all);
        frame::window_update(1, 5, &mut pair.script);
        frame::window_update(0, 5, &mut pair.script);
        pair.feed();
        pair.out.clear();
    }
    assert_eq!(pair.see(), []);
    assert!(!pair.session.is_over());
}

#[test]
fn dribbling_windows_end_the_connection() {
    let mut pair = Pair::server();
    frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 0)], &mut pair.script);
    pair.get(1).feed();
    pair.session.respond(1, 200, b"", None, false, &mut pair.out).unwrap();
    pair.session
        .write(1, &vec![0; 1 << 20], true, ALL, &mut pair.out)
        .unwrap();
    let count = until_calm(20_000, &mut pair, |_, pair| {
        frame::window_update(1, 1, &mut pair.script)
    });
    assert!(count > 5000);
}

// --- the same, however the input is cut

/// The events and the output of a script that is read in parts of the given lengths, with room for `room` events at a
/// time.
fn cut(script: &[u8], mut length: impl FnMut() -> usize, room: usize) -> (Vec<Seen>, Vec<u8>) {
    let mut pair = Pair::silent(Role::Server, settings());
    let mut rest = script;
    while !rest.is_empty() {
        let (part, behind) = rest.split_at(length().clamp(1, rest.len()));
        let mut part = part;
        loop {
            let Pair { session, out, seen, .. } = &mut pair;
            let count = std::cell::Cell::new(0);
            let taken = session.feed(part, 0, out, &|| count.get() < room, &mut |event| {
                count.set(count.get() + 1);
                seen.push(Seen::of(event));
            });
            part = &part[taken..];
            if part.is_empty() {
                break;
            }
            assert!(count.get() >= room);
        }
        rest = behind;
    }
    // The data of one frame can be reported in several parts.
    let mut seen: Vec<Seen> = Vec::new();
    for event in pair.see() {
        match (seen.last_mut(), event) {
            (Some(Seen::Data(before, all)), Seen::Data(stream, data)) if *before == stream => all.extend(data),
            (_, event) => seen.push(event),
        }
    }
    (seen, pair.out)
}

fn long_script() -> Vec<u8> {
    let mut pair = Pair::silent(Role::Client, Settings::default());
    pair.script.extend_from_slice(PREFACE);
    frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 100)], &mut pair.script);
    frame::encode(kind::SETTINGS, flag::ACK, 0, &[], &mut pair.script);
    pair.get(1).post(3);
    let block = pair.block(&with(&[("cookie", "a=b"), ("x", "y")]));
    pair.frame(kind::HEADERS, 0, 5, &block[..4]);
    pair.frame(kind::CONTINUATION, 0, 5, &block[4..6]);
    pair.frame(kind::CONTINUATION, flag::END_HEADERS, 5, &block[6..]);
    pair.frame(kind::DATA, flag::PADDED, 3, b"\x01hello\0");
    pair.frame(kind::PING, 0, 0, b"12345678").frame(77, 1, 3, b"unknown");
    pair.frame(kind::PRIORITY, 0, 9, &[0, 0, 0, 1, 1]);
    pair.headers(7, &[("", "malformed")], true);
    pair.frame(kind::RST_STREAM, 0, 5, &[0, 0, 0, 8]);
    pair.headers(3, &[("x-trailer", "1")], true);
    pair.frame(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 1, 0]);
    pair.frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0, b'b', b'y', b'e']);
    pair.frame(kind::DATA, 0, 9, b"the end");
    pair.script
}

#[test]
fn it_does_not_matter_where_a_script_is_cut() {
    let script = long_script();
    let whole = cut(&script, || usize::MAX, usize::MAX);
    assert!(matches!(whole.0.last(), Some(Seen::Failed(..))));
    assert_eq!(cut(&script, || 1, usize::MAX), whole);
    assert_eq!(cut(&script, || usize::MAX, 1), whole);
    for at in 1..script.len() {
        let mut lengths = [at].into_iter();
        assert_eq!(cut(&script, || lengths.next().unwrap_or(usize::MAX), 3), whole, "{at}");
    }
}

proptest! {
    #[test]
    fn nor_where_what_is_no_script(noise: Vec<u8>, place: prop::sample::Index, parts in prop::collection::vec(1usize..40, 1..20)) {
        let mut script = long_script();
        let at = 24 + place.index(script.len() - 24);
        let end = script.len().min(at + noise.len());
        script.splice(at..end, noise);
        let whole = cut(&script, || usize::MAX, usize::MAX);
        let mut lengths = parts.iter().cycle();
        prop_assert_eq!(cut(&script, || *lengths.next().unwrap(), 2), whole);
    }
}
