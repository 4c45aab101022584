//! What only the sessions of clients do: streams that wait for the server's limit, pushes, and extension frames.

use super::*;
use crate::http2::stream::Stream;

const ASK: &[u8] = b":method\0GET\0:scheme\0http\0:path\0/\0:authority\0a\0";
const OK: &[(&str, &str)] = &[(":status", "200")];

impl Pair {
    /// A client that has announced `settings`, with a server that has announced `theirs`.
    fn client_of(settings: Settings, limits: Limits, theirs: &[(u16, u32)]) -> Pair {
        let mut pair = Pair::silent(Role::Client, settings);
        pair.out.clear();
        pair.session = Session::new(Role::Client, settings, limits, 0, &mut pair.out);
        frame::settings(theirs, &mut pair.script);
        pair.put(kind::SETTINGS, flag::ACK, 0, &[]);
        pair.feed().see();
        pair.sent();
        pair
    }

    fn pushing(pushes: u32) -> Pair {
        let limits = Limits {
            pushes,
            ..Limits::default()
        };
        Pair::client_of(Settings::default(), limits, &[])
    }

    fn ask(&mut self) -> u32 {
        self.session.submit(ASK, true, &mut self.out).unwrap()
    }

    fn promise(&mut self, parent: u32, stream: u32) -> &mut Pair {
        let block = self.block(GET);
        let payload = [&stream.to_be_bytes()[..], &block].concat();
        frame::block(kind::PUSH_PROMISE, 0, parent, &payload, 16_384, &mut self.script);
        self
    }

    /// The types and streams of the sent frames.
    fn kinds(&mut self) -> Vec<(u8, u32)> {
        let answers = |head: &Head| head.kind != kind::SETTINGS;
        let frames = self.sent().into_iter().map(|(head, _)| head);
        frames.filter(answers).map(|head| (head.kind, head.stream)).collect()
    }
}

fn one_at_a_time() -> Pair {
    Pair::client_of(
        Settings::default(),
        Limits::default(),
        &[(setting::MAX_CONCURRENT_STREAMS, 1)],
    )
}

#[test]
fn requests_wait_until_the_server_takes_them() {
    let mut pair = one_at_a_time();
    assert_eq!([pair.ask(), pair.ask(), pair.ask()], [1, 3, 5]);
    let id = pair.session.submit(ASK, false, &mut pair.out).unwrap();
    let wrote = pair.session.write(id, b"body", true, ALL, &mut pair.out).unwrap();
    assert!(!wrote.all && !wrote.closed);
    assert_eq!(pair.kinds(), [(kind::HEADERS, 1)]);
    // Nothing is sent for a request that is reset while it waits.
    pair.session.reset(3, Code::CANCEL, &mut pair.out).unwrap();
    assert_eq!(pair.kinds(), []);
    pair.headers(1, OK, true).feed();
    assert_eq!(pair.kinds(), [(kind::HEADERS, 5)]);
    pair.see();
    // Resetting an open stream makes room for the next request that waits.
    pair.session.reset(5, Code::CANCEL, &mut pair.out).unwrap();
    pair.read(&[]);
    assert_eq!(
        pair.kinds(),
        [(kind::RST_STREAM, 5), (kind::HEADERS, 7), (kind::DATA, 7)]
    );
    assert_eq!(pair.see(), [Seen::Drained(7)]);
    pair.headers(7, OK, true).feed();
    assert_eq!(pair.session.open_streams(), 0);
}

#[test]
fn what_comes_on_a_stream_that_waits_is_wrong() {
    for kind in [kind::HEADERS, kind::DATA, kind::RST_STREAM, kind::WINDOW_UPDATE] {
        let mut pair = one_at_a_time();
        pair.ask();
        pair.ask();
        match kind {
            kind::HEADERS => pair.headers(3, OK, true),
            _ => pair.frame(kind, 0, 3, &1u32.to_be_bytes()),
        };
        pair.fails(Code::PROTOCOL_ERROR);
    }
    // A request that was reset while it waited has not been sent, so a response to it is an error, too.
    let mut pair = one_at_a_time();
    assert_eq!([pair.ask(), pair.ask(), pair.ask()], [1, 3, 5]);
    pair.session.reset(3, Code::CANCEL, &mut pair.out).unwrap();
    pair.headers(1, OK, true)
        .headers(3, OK, true)
        .fails(Code::PROTOCOL_ERROR);
}

#[test]
fn nothing_that_waits_is_sent_to_a_server_that_goes() {
    let mut pair = one_at_a_time();
    pair.ask();
    pair.ask();
    let payload = [&(MAX_STREAM).to_be_bytes()[..], &0u32.to_be_bytes()].concat();
    pair.frame(kind::GOAWAY, 0, 0, &payload).feed();
    assert_eq!(
        pair.see(),
        [
            Seen::Goaway(MAX_STREAM, Code::NO_ERROR, vec![]),
            Seen::Reset(3, Code::REFUSED_STREAM, true)
        ]
    );
    assert!(pair.session.submit(ASK, true, &mut pair.out).is_err());
    pair.headers(1, OK, true).feed();
    assert_eq!(pair.kinds(), [(kind::HEADERS, 1)]);
    assert_eq!(pair.session.open_streams(), 0);
}

const MAX_STREAM: u32 = (1 << 31) - 1;

#[test]
fn a_limit_is_assumed_until_the_server_says_one() {
    let limits = Limits {
        requests: 2,
        ..Limits::default()
    };
    let mut out = Vec::new();
    let mut pair = Pair::silent(Role::Client, Settings::default());
    pair.session = Session::new(Role::Client, Settings::default(), limits, 0, &mut out);
    for _ in 0..4 {
        pair.ask();
    }
    assert_eq!(pair.kinds(), [(kind::HEADERS, 1), (kind::HEADERS, 3)]);
    // The server announces no limit, so there is none.
    frame::settings(&[], &mut pair.script);
    pair.feed();
    assert_eq!(pair.kinds(), [(kind::HEADERS, 5), (kind::HEADERS, 7)]);
}

#[test]
fn numbers_of_streams_can_be_left_out() {
    let mut pair = Pair::client();
    pair.session.set_next(7);
    // A number that is not one of ours, and one that is in the past.
    pair.session.set_next(10);
    pair.session.set_next(3);
    assert_eq!(pair.session.state()[2], 7);
    assert_eq!([pair.ask(), pair.ask()], [7, 9]);
    pair.session.set_next(MAX_STREAM);
    assert_eq!(pair.ask(), MAX_STREAM);
    assert!(pair.session.submit(ASK, true, &mut pair.out).is_err());
}

#[test]
fn pushes_are_taken_where_they_are_wanted() {
    let mut pair = Pair::pushing(2);
    assert_eq!(pair.ask(), 1);
    pair.promise(1, 2).headers(2, OK, false);
    pair.frame(kind::DATA, flag::END_STREAM, 2, b"pushed").feed();
    let asked = ":method=GET;:scheme=http;:path=/;:authority=a;".to_owned();
    assert_eq!(
        pair.see(),
        [
            Seen::Push(2, 1, asked),
            Seen::Head(2, ":status=200;".to_owned(), false),
            Seen::Data(2, b"pushed".to_vec()),
            Seen::End(2, None),
            Seen::Closed(2),
        ]
    );
    // Two pushes may be open at a time.
    pair.promise(1, 4).promise(1, 6).promise(1, 8).feed();
    assert_eq!(pair.kinds(), [(kind::HEADERS, 1), (kind::RST_STREAM, 8)]);
    pair.see();
    // Field blocks of refused pushes are decoded for the tables, and their frames ignored.
    pair.headers(8, OK, true).headers(4, OK, true).promise(1, 10).feed();
    let seen = pair.see();
    assert!(
        matches!(
            seen[..],
            [
                Seen::Head(4, ..),
                Seen::End(4, None),
                Seen::Closed(4),
                Seen::Push(10, 1, _)
            ]
        ),
        "{seen:?}"
    );
    assert_eq!(pair.kinds(), []);
}

#[test]
fn pushes_do_not_count_as_requests() {
    let limits = Limits {
        pushes: 9,
        ..Limits::default()
    };
    let mut pair = Pair::client_of(Settings::default(), limits, &[(setting::MAX_CONCURRENT_STREAMS, 2)]);
    pair.ask();
    pair.promise(1, 2).promise(1, 4).feed();
    pair.ask();
    assert_eq!(pair.kinds(), [(kind::HEADERS, 1), (kind::HEADERS, 3)]);
}

#[test]
fn pushes_that_nobody_wants_end_the_connection() {
    // The announced settings disable pushes.
    let mut pair = Pair::pushing(0);
    pair.ask();
    pair.promise(1, 2).fails(Code::PROTOCOL_ERROR);
    // Until the server has acknowledged the settings, it may still push: the pushes are reset.
    let mut pair = Pair::pushing(9);
    pair.ask();
    let refusing = Settings {
        enable_push: false,
        ..Settings::default()
    };
    pair.session.settings(refusing, &mut pair.out);
    pair.sent();
    pair.promise(1, 2).feed();
    assert_eq!(pair.kinds(), [(kind::RST_STREAM, 2)]);
    pair.frame(kind::SETTINGS, flag::ACK, 0, &[]);
    pair.promise(1, 4).fails(Code::PROTOCOL_ERROR);
}

#[test]
fn promises_that_cannot_be_end_the_connection() {
    let cases: [(u32, u32); 6] = [(1, 3), (1, 0), (3, 2), (0, 2), (2, 4), (1, 2)];
    for (parent, stream) in cases {
        let mut pair = Pair::pushing(9);
        pair.ask();
        if (parent, stream) == (1, 2) {
            pair.promise(1, 4);
        }
        pair.promise(parent, stream).fails(Code::PROTOCOL_ERROR);
    }
    // After the end of the stream that the push belongs to.
    let mut pair = Pair::pushing(9);
    pair.ask();
    pair.headers(1, OK, true).promise(1, 2).fails(Code::PROTOCOL_ERROR);
    // If we have reset that stream, pushes for it may still be on their way.
    let mut pair = Pair::pushing(9);
    pair.ask();
    pair.session.reset(1, Code::CANCEL, &mut pair.out).unwrap();
    pair.sent();
    pair.promise(1, 2).feed();
    assert_eq!((pair.kinds(), pair.see()), (vec![(kind::RST_STREAM, 2)], vec![]));
}

#[test]
fn promises_of_malformed_requests_are_reset() {
    let mut pair = Pair::pushing(9);
    pair.ask();
    let block = pair.block(&[(":method", "GET"), (":path", "/")]);
    let payload = [&2u32.to_be_bytes()[..], &block].concat();
    pair.frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, &payload).feed();
    assert_eq!(pair.kinds(), [(kind::HEADERS, 1), (kind::RST_STREAM, 2)]);
    assert_eq!(pair.see(), []);
}

#[test]
fn floods_of_promises_end_the_connection() {
    let mut pair = Pair::pushing(3);
    pair.ask();
    let count = until_calm(5000, &mut pair, |at, pair| {
        pair.promise(1, 2 * at as u32 + 2);
    });
    assert!((900..1100).contains(&count), "{count}");
    let mut pair = Pair::pushing(3);
    pair.ask();
    let count = until_calm(5000, &mut pair, |at, pair| {
        let stream = 2 * at as u32 + 2;
        pair.promise(1, stream)
            .frame(kind::RST_STREAM, 0, stream, &8u32.to_be_bytes());
    });
    assert!((900..1100).contains(&count), "{count}");
}

#[test]
fn a_server_may_reset_whatever_it_was_asked() {
    let mut pair = Pair::client();
    for _ in 0..5000 {
        let stream = pair.ask();
        pair.frame(kind::RST_STREAM, 0, stream, &7u32.to_be_bytes()).feed();
        pair.out.clear();
        assert_eq!(pair.see(), [Seen::Reset(stream, Code::REFUSED_STREAM, true)]);
    }
}

#[test]
fn clients_hear_of_other_servers_and_servers_of_nobody() {
    let mut pair = Pair::client();
    pair.frame(kind::ALTSVC, 0, 0, b"\0\x01ah3")
        .frame(kind::ORIGIN, 0, 0, b"")
        .feed();
    assert_eq!(
        pair.see(),
        [
            Seen::Extension(kind::ALTSVC, 0, b"\0\x01ah3".to_vec()),
            Seen::Extension(kind::ORIGIN, 0, vec![])
        ]
    );
    let count = until_calm(5000, &mut pair, |_, pair| {
        pair.frame(kind::ORIGIN, 0, 0, b"");
    });
    assert!(count < 1100, "{count}");
    let mut pair = Pair::server();
    pair.frame(kind::ALTSVC, 0, 0, b"\0\x01ah3").feed();
    assert_eq!(pair.see(), []);
}

#[test]
fn it_does_not_matter_where_a_servers_script_is_cut() {
    let script = |pair: &mut Pair| {
        let block = pair.block(&with(&[("x-long", "a value that is cut, too")]));
        let payload = [&2u32.to_be_bytes()[..], &block].concat();
        frame::block(kind::PUSH_PROMISE, 0, 1, &payload, 7, &mut pair.script);
        pair.headers(1, &[(":status", "103")], false).headers(1, OK, false);
        pair.frame(kind::DATA, 0, 1, b"body").headers(2, OK, true);
        pair.frame(kind::ALTSVC, 0, 1, b"\0\0h3")
            .headers(1, &[("x-t", "1")], true);
    };
    let run = |step: usize| {
        let mut pair = Pair::pushing(9);
        pair.ask();
        script(&mut pair);
        let bytes = std::mem::take(&mut pair.script);
        for part in bytes.chunks(step) {
            pair.read(part);
        }
        (pair.see(), pair.sent())
    };
    let whole = run(usize::MAX);
    assert!(
        whole.0.contains(&Seen::Closed(1)) && whole.0.contains(&Seen::Closed(2)),
        "{whole:?}"
    );
    for step in 1..40 {
        assert_eq!(run(step), whole);
    }
}

#[test]
fn a_stream_that_waits_sends_nothing() {
    let mut stream = Stream::new(1, 1);
    (stream.queued, stream.request) = (1, Some(vec![]));
    assert!(!stream.can_send());
    stream.request = None;
    assert!(stream.can_send());
}
