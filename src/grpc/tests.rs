use super::*;
use crate::http2::{Code, Event as Received, Limits as SessionLimits, Role, Settings};
use proptest::prelude::*;

/// Passes an input to a splitter in parts of `part` bytes. Returns what it reports, and how many bytes belong to no
/// message.
fn split(input: &[u8], part: usize, limit: u32) -> (Vec<String>, u32) {
    let mut splitter = Splitter::default();
    let (mut heard, mut passed) = (Vec::new(), 0);
    let mut used_in_all = 0;
    for part in input.chunks(part.max(1)) {
        passed += splitter.push(part, limit, &mut |piece| match piece {
            Piece::Message { compressed, data, used } => {
                used_in_all += used;
                heard.push(format!("{compressed} {data:?}"));
            }
            Piece::TooLarge { length } => heard.push(format!("too large {length}")),
        });
    }
    assert_eq!(
        used_in_all + passed,
        input.len() as u32,
        "each byte is accounted for once"
    );
    (heard, passed)
}

#[test]
fn messages_are_the_same_wherever_they_are_cut() {
    let mut input = Vec::new();
    frame(b"", &mut input);
    frame(b"abc", &mut input);
    input.extend_from_slice(&[1, 0, 0, 0, 2, 7, 8]);
    frame(&[9; 300], &mut input);
    input.extend_from_slice(&[0, 0, 0]);
    let (whole, _) = split(&input, input.len(), 300);
    assert_eq!(whole[..3], ["false []", "false [97, 98, 99]", "true [7, 8]"]);
    assert_eq!(whole.len(), 4);
    for part in 1..input.len() {
        assert_eq!(split(&input, part, 300).0, whole);
    }
    for at in 0..input.len() {
        let mut splitter = Splitter::default();
        let mut count = 0;
        for part in [&input[..at], &input[at..]] {
            splitter.push(part, 300, &mut |_| count += 1);
        }
        assert_eq!(count, 4);
        assert!(splitter.is_within());
    }
}

#[test]
fn a_message_above_the_limit_is_refused_before_it_comes_and_ends_the_stream() {
    let input = [0, 0, 0, 1, 45, 1, 2, 3];
    assert_eq!(split(&input, 8, 300), (vec!["too large 301".to_string()], 8));
    assert_eq!(split(&input, 1, 300), (vec!["too large 301".to_string()], 8));
    assert_eq!(split(&input, 8, 301).0, Vec::<String>::new());
}

#[test]
fn a_message_that_is_only_announced_takes_little_memory() {
    let mut splitter = Splitter::default();
    splitter.push(&[0, 0x7f, 0xff, 0xff, 0xff, 1], u32::MAX, &mut |_| {
        panic!("it is not whole")
    });
    assert_eq!(splitter.held(), 1);
    assert!(splitter.allocated() <= 64 * 1024);
}

#[test]
fn timeouts_are_read_and_written_as_the_protocol_has_them() {
    for (value, milliseconds) in [
        ("1n", 1),
        ("1000000n", 1),
        ("1000001n", 2),
        ("1u", 1),
        ("1500u", 2),
        ("0m", 0),
        ("99999999m", 99_999_999),
        ("3S", 3000),
        ("2M", 120_000),
        ("99999999H", 99_999_999 * 3_600_000),
    ] {
        assert_eq!(parse_timeout(value.as_bytes()), Some(milliseconds), "{value}");
    }
    for wrong in ["", "m", "1", "123456789m", "-1m", "1.5S", " 1m", "1ms", "1h", "1s"] {
        assert_eq!(parse_timeout(wrong.as_bytes()), None, "{wrong}");
    }
    for (milliseconds, value) in [
        (0, "0m"),
        (99_999_999, "99999999m"),
        (100_000_000, "100000S"),
        (100_000_001, "100001S"),
        (u64::MAX, "99999999H"),
    ] {
        let mut out = Vec::new();
        put_timeout(milliseconds, &mut out);
        assert_eq!(out, value.as_bytes());
    }
}

#[test]
fn what_is_said_of_a_status_passes_through_a_field() {
    let mut value = Vec::new();
    encode("50 % off: \u{e9}\n".as_bytes(), &mut value);
    assert_eq!(value, b"50%20%25%20off:%20%C3%A9%0A");
    assert_eq!(decode(&value), "50 % off: \u{e9}\n");
    assert_eq!(decode(b"a b%2"), "a b%2");
    assert_eq!(decode(b"100%"), "100%");
    assert_eq!(decode(b"%zz%41"), "%zzA");
    assert_eq!(decode(b"%ff"), "\u{fffd}");
}

const HEAD: &[u8] =
    b":method\0POST\0:scheme\0http\0:path\0/a.B/C\0:authority\0x\0content-type\0application/grpc\0te\0trailers\0";

/// Both ends of a connection in memory.
struct Pair {
    client: Link,
    server: Link,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// How many bytes are passed on at a time.
    part: usize,
}

const LIMITS: Limits = Limits {
    message: 1000,
    held: 3000,
};

impl Pair {
    fn new(part: usize) -> Pair {
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        let settings = Settings::default();
        let make = |role, out: &mut Vec<u8>| Link::new(role, settings, SessionLimits::default(), LIMITS, 0, out);
        Pair {
            client: make(Role::Client, &mut to_server),
            server: make(Role::Server, &mut to_client),
            to_server,
            to_client,
            part,
        }
    }

    /// Passes bytes to and fro until there are none left. Returns the events of the server and of the client.
    fn run(&mut self) -> (Vec<String>, Vec<String>) {
        let (mut served, mut called) = (Vec::new(), Vec::new());
        while !self.to_server.is_empty() || !self.to_client.is_empty() {
            let input = std::mem::take(&mut self.to_server);
            feed(&mut self.server, &input, self.part, &mut self.to_client, &mut served);
            let input = std::mem::take(&mut self.to_client);
            feed(&mut self.client, &input, self.part, &mut self.to_server, &mut called);
        }
        (served, called)
    }
}

fn feed(link: &mut Link, input: &[u8], part: usize, out: &mut Vec<u8>, heard: &mut Vec<String>) {
    for part in input.chunks(part) {
        let taken = link.feed(part, 0, out, &|| true, &mut |event| {
            if !matches!(
                event,
                Event::Other(Received::Settings(_) | Received::SettingsAck | Received::Drained(_))
            ) {
                heard.push(text(&event));
            }
        });
        assert_eq!(taken, part.len());
        link.pump(usize::MAX, out, &mut |event| {
            if matches!(event, Event::Other(Received::Closed(_))) {
                heard.push(text(&event));
            }
        });
    }
}

fn text(event: &Event<'_>) -> String {
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\0', " ");
    match event {
        Event::Call {
            stream,
            path,
            timeout,
            metadata,
        } => format!("call {stream} {} {timeout:?} {}", words(path), words(metadata)),
        Event::Metadata {
            stream,
            status,
            metadata,
        } => format!("metadata {stream} {status} {}", words(metadata)),
        Event::Message { stream, data, .. } => format!("message {stream} {}", data.len()),
        Event::Status {
            stream,
            code,
            http,
            message,
            metadata,
            open,
        } => {
            let open = if *open { "open" } else { "" };
            format!(
                "status {stream} {code} {http} {} {}{open}",
                words(message),
                words(metadata)
            )
        }
        other => format!("{other:?}"),
    }
}

const OK: Status<'_> = Status {
    code: 0,
    message: b"OK",
    metadata: b"t\x001\0",
};

#[test]
fn a_call_there_and_back_wherever_it_is_cut() {
    for part in [1, 2, 3, 5, 9, 10, 64, usize::MAX] {
        let mut pair = Pair::new(part);
        let stream = pair.client.call(HEAD, Some(1500), b"a\0b\0", &mut pair.to_server);
        let stream = stream.expect("a call");
        let wrote = pair
            .client
            .message(stream, &[1; 500], true, usize::MAX, &mut pair.to_server);
        assert!(wrote.expect("a message").all);
        let (served, _) = pair.run();
        assert_eq!(
            served,
            [
                "call 1 /a.B/C After(1500) :authority x a b ",
                "message 1 500",
                "End { stream: 1, torn: false }"
            ]
        );
        let out = &mut pair.to_client;
        pair.server.respond(1, b"c\0d\0", out).expect("a response");
        pair.server
            .message(1, &[2; 700], false, usize::MAX, out)
            .expect("a message");
        pair.server.finish(1, &OK, true, usize::MAX, out).expect("an end");
        let (_, called) = pair.run();
        assert_eq!(
            called,
            [
                "metadata 1 200 content-type application/grpc+proto grpc-accept-encoding identity,deflate,gzip c d ",
                "message 1 700",
                "status 1 0 200 OK t 1 ",
                "Other(Closed(1))"
            ]
        );
        assert_eq!((pair.client.kept(), pair.server.kept()), ((0, 0), (0, 0)));
    }
}

#[test]
fn a_call_that_is_none_is_refused_by_http() {
    let mut pair = Pair::new(usize::MAX);
    let head = HEAD.to_vec();
    let at = head.windows(16).position(|part| part == b"application/grpc");
    let mut head = head;
    head[at.expect("a type")] = b'b';
    pair.client.call(&head, None, b"", &mut pair.to_server).expect("a call");
    pair.client
        .frames(1, b"", true, usize::MAX, &mut pair.to_server)
        .expect("its end");
    let (served, called) = pair.run();
    assert_eq!(served, Vec::<String>::new());
    assert_eq!(called, ["status 1 4294967295 415  ", "Other(Closed(1))"]);
    assert_eq!((pair.client.kept(), pair.server.kept()), ((0, 0), (0, 0)));
}

#[test]
fn a_status_says_whether_our_side_is_open() {
    let refusal = Status {
        code: 8,
        message: b"",
        metadata: b"",
    };
    // The first one fits into the window, the second one does not.
    for (length, open) in [(60_000, ""), (70_000, "open")] {
        let mut pair = Pair::new(usize::MAX);
        pair.run();
        let out = &mut pair.to_server;
        pair.client.call(HEAD, None, b"", out).expect("a call");
        pair.client
            .message(1, &vec![0; length], true, usize::MAX, out)
            .expect("a message");
        // Window updates of the server are not passed on.
        let (input, mut heard) = (std::mem::take(out), Vec::new());
        feed(&mut pair.server, &input, usize::MAX, &mut Vec::new(), &mut heard);
        let out = &mut pair.to_client;
        pair.server.finish(1, &refusal, false, usize::MAX, out).expect("an end");
        let input = std::mem::take(out);
        let mut heard = Vec::new();
        feed(&mut pair.client, &input, usize::MAX, &mut pair.to_server, &mut heard);
        assert_eq!(
            heard[0],
            format!("status 1 8 200  content-type application/grpc+proto {open}")
        );
    }
}

#[test]
fn messages_that_have_begun_take_no_more_than_a_connection_may() {
    let mut pair = Pair::new(usize::MAX);
    for _ in 0..4 {
        let out = &mut pair.to_server;
        let stream = pair.client.call(HEAD, None, b"", out).expect("a call");
        let mut message = Vec::new();
        frame(&[0; 1000], &mut message);
        pair.client
            .frames(stream, &message[..905], false, usize::MAX, out)
            .expect("a part");
    }
    let (served, _) = pair.run();
    assert_eq!(
        served.last().map(String::as_str),
        Some("TooLarge { stream: 7, length: 0 }")
    );
    assert_eq!(pair.server.kept(), (2700, 4));
    pair.client
        .reset(1, Code::CANCEL, &mut pair.to_server)
        .expect("it was open");
    pair.run();
    assert_eq!(pair.server.kept(), (1800, 3));
}

#[test]
fn a_caller_sends_no_more_than_was_taken() {
    let mut pair = Pair::new(usize::MAX);
    pair.run();
    let stream = pair.client.call(HEAD, None, b"", &mut pair.to_server).expect("a call");
    let mut messages = Vec::new();
    for _ in 0..200 {
        frame(&[0; 995], &mut messages);
    }
    pair.client
        .frames(stream, &messages, false, usize::MAX, &mut pair.to_server)
        .expect("messages");
    let (served, _) = pair.run();
    let count = |heard: &[String]| heard.iter().filter(|event| event.starts_with("message")).count();
    // 65 messages and a part of the next fit into the window of 65,535 bytes.
    assert_eq!(count(&served), 65);
    pair.server.take(stream, 65_000, &mut pair.to_client);
    let (served, _) = pair.run();
    // The parts of incomplete messages are given back to the window with each frame.
    assert!((65..70).contains(&count(&served)));
}

#[test]
fn calls_that_run_out_of_time_together_are_no_attack() {
    let mut pair = Pair::new(usize::MAX);
    let out = &mut pair.to_server;
    let calls: Vec<u32> = (0..3000)
        .map(|_| pair.client.call(HEAD, Some(10), b"", out).expect("a call"))
        .collect();
    pair.run();
    for stream in calls {
        pair.client
            .reset(stream, Code::CANCEL, &mut pair.to_server)
            .expect("it was open");
    }
    let (served, _) = pair.run();
    assert_eq!(served.iter().filter(|event| event.contains("Reset")).count(), 3000);
    assert!(!pair.server.http2().is_over());
}

proptest! {
    #[test]
    fn any_bytes_are_split_the_same_wherever_they_are_cut(
        input in proptest::collection::vec(prop_oneof![3 => Just(0u8), 1 => 0u8..8, 1 => any::<u8>()], 0..200),
        part in 1usize..40,
        limit in 0u32..100,
    ) {
        prop_assert_eq!(split(&input, part, limit).0, split(&input, input.len(), limit).0);
    }

    #[test]
    fn any_text_comes_back(text in ".{0,60}") {
        let mut value = Vec::new();
        encode(text.as_bytes(), &mut value);
        prop_assert!(value.iter().all(|octet| (0x21..=0x7e).contains(octet)));
        prop_assert_eq!(decode(&value), text);
    }

    #[test]
    fn any_timeout_comes_back_no_shorter(milliseconds in 0u64..1_000_000_000_000) {
        let mut value = Vec::new();
        put_timeout(milliseconds, &mut value);
        let back = parse_timeout(&value).expect("a value");
        prop_assert!(back >= milliseconds && back - milliseconds < 3_600_000);
    }

    #[test]
    fn a_server_survives_whatever_it_is_sent(input in proptest::collection::vec(any::<u8>(), 0..300), part in 1usize..50) {
        let mut pair = Pair::new(part);
        let mut heard = Vec::new();
        pair.run();
        feed(&mut pair.server, &input, part, &mut pair.to_client, &mut heard);
    }
}
