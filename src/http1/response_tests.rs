//! Tests of the client's end: results must not depend on how input is split, and single inputs must give the results
//! of llhttp.

use proptest::prelude::*;

use super::{Batch, Conn, EVENT_WORDS, Expected, Limits, ParseError, Stop, event, flag, row};

#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Response {
    status: u32,
    text: String,
    reason: usize,
    flags: u32,
    body: String,
    trailers: String,
    complete: bool,
}

/// The responses, the error, and how many bytes of the last part belong to another protocol.
type Read = (Vec<Response>, Option<ParseError>, usize);

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| byte as char).collect()
}

/// Reads `parts` in turn. Each of `expected` is announced when the response before it is complete.
fn read(parts: &[&[u8]], rows: usize, expected: &[Expected]) -> Read {
    let mut conn = Conn::client(Limits::default());
    let mut waiting = expected.iter();
    let mut responses: Vec<Response> = Vec::new();
    let mut table = vec![0; rows * EVENT_WORDS];
    let mut text = Vec::new();
    for part in parts {
        if conn.is_idle()
            && let Some(&next) = waiting.as_slice().first()
            && conn.expect(next, Limits::default())
        {
            waiting.next();
        }
        let mut rest = *part;
        loop {
            text.clear();
            let mut batch = Batch {
                table: &mut table,
                count: 0,
                text: &mut text,
            };
            let (taken, stop) = conn.feed(rest, &mut batch);
            let (fed, count) = (rest, batch.count);
            rest = &rest[taken..];
            for words in table.chunks(EVENT_WORDS).take(count) {
                let slice = |at: u32, len: u32| latin1(&text[at as usize..(at + len) as usize]);
                match words[0] & row::KIND {
                    event::RESPONSE => responses.push(Response {
                        status: words[row::STATUS],
                        text: slice(words[row::HEAD], words[row::HEAD_LENGTH]),
                        reason: words[row::FIRST_LENGTH] as usize,
                        flags: words[row::FLAGS],
                        complete: words[row::FLAGS] & flag::HAS_BODY == 0,
                        ..Response::default()
                    }),
                    event::BODY => {
                        let at = words[row::PART] as usize;
                        let bytes = &fed[at..at + words[row::PART_LENGTH] as usize];
                        responses.last_mut().unwrap().body += &latin1(bytes);
                    }
                    event::END => {
                        let last = responses.last_mut().unwrap();
                        last.trailers = slice(words[row::TRAILERS], words[row::TRAILERS_LENGTH]);
                        last.complete = true;
                    }
                    _ => return (responses, Some(ParseError::ALL[words[row::ERROR_NUMBER] as usize]), 0),
                }
            }
            match stop {
                Stop::Upgrade => return (responses, None, rest.len()),
                Stop::Drained => break,
                Stop::Full => {}
                Stop::Failed => unreachable!("a failure shows as an event"),
            }
        }
    }
    if conn.finish().is_ok()
        && let Some(last) = responses.last_mut()
    {
        last.complete = true;
    }
    (responses, None, 0)
}

/// Asserts that the result is the same for the whole input, every cut in two, and single bytes.
fn same_however_split(input: &[u8], expected: Expected) -> Read {
    let whole = read(&[input], 16, &[expected]);
    for cut in 0..=input.len() {
        let (responses, error, left) = read(&[&input[..cut], &input[cut..]], 2, &[expected]);
        assert_eq!((responses, error), (whole.0.clone(), whole.1), "cut at {cut}");
        assert!(left <= whole.2);
    }
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    let (responses, error, _) = read(&bytes, 2, &[expected]);
    assert_eq!((responses, error), (whole.0.clone(), whole.1), "byte by byte");
    whole
}

fn ordinary(input: &[u8]) -> Response {
    let (responses, error, _) = same_however_split(input, Expected::Ordinary);
    assert_eq!((responses.len(), error), (1, None), "{}", latin1(input));
    responses.into_iter().next().unwrap()
}

#[test]
fn a_response_splits_into_reason_names_and_values() {
    let response = ordinary(b"\r\nHTTP/1.1 404 Not \xe9 Found \r\nA:  b \r\nContent-Length: 2\r\n\r\nok");
    assert_eq!((response.status, response.reason), (404, 12));
    assert_eq!(response.text, "Not \u{e9} Found \0A\0b\0Content-Length\x002");
    assert_eq!(response.body, "ok");
    assert_ne!(response.flags & flag::KEEP_ALIVE, 0);
    assert_eq!(
        ordinary(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n").text,
        "\0Content-Length\x000"
    );
}

#[test]
fn every_way_to_say_where_a_body_ends() {
    let chunked = ordinary(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\nT: v\r\n\r\n");
    assert_eq!((chunked.body.as_str(), chunked.trailers.as_str()), ("ok", "T\0v"));
    assert_ne!(chunked.flags & flag::KEEP_ALIVE, 0);
    for until_end in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n",
    ] {
        let response = ordinary(format!("{until_end}0\r\n\r\nok").as_bytes());
        assert_eq!(response.body, "0\r\n\r\nok", "{until_end}");
        assert_eq!(response.flags & flag::KEEP_ALIVE, 0, "{until_end}");
        assert!(response.complete);
    }
    for bodiless in ["204 No Content", "304 Not Modified"] {
        let response = ordinary(format!("HTTP/1.1 {bodiless}\r\nContent-Length: 9\r\n\r\n").as_bytes());
        assert_eq!(response.flags & (flag::HAS_BODY | flag::KEEP_ALIVE), flag::KEEP_ALIVE);
    }
    let input = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (to_head, error, _) = same_however_split(input, Expected::NoBody);
    assert_eq!((to_head[0].complete, error), (true, None));
}

#[test]
fn interim_responses_announce_the_final_one() {
    let input = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nLink: x\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    let (responses, error, _) = same_however_split(input, Expected::Ordinary);
    let statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
    assert_eq!((statuses, error), (vec![100, 103, 200], None));
}

#[test]
fn another_protocol_begins_after_101_and_connect() {
    let upgrade = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nraw";
    assert_eq!(same_however_split(upgrade, Expected::Ordinary).2, 3);
    let tunnel = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nraw";
    let (responses, _, left) = same_however_split(tunnel, Expected::Tunnel);
    assert_eq!((responses[0].flags & flag::UPGRADE, left), (flag::UPGRADE, 3));
    // A response that only mentions a protocol does not switch to it.
    let mention = ordinary(b"HTTP/1.1 426 x\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!((mention.flags & flag::UPGRADE, mention.body.as_str()), (0, "x"));
}

#[test]
fn what_llhttp_refuses() {
    use ParseError::*;
    for (input, expected) in [
        ("bad", Protocol),
        ("HTTP/1.2 200 OK\r\n", Version),
        ("HTTP/1.1\r\n", StatusSpace),
        ("HTTP/1.1  200", StatusCode),
        ("HTTP/1.1 20 OK", StatusCode),
        ("HTTP/1.1 2000", StatusEnd),
        ("HTTP/1.1 200\n", StatusEnd),
        ("HTTP/1.1 200 OK\n", ReasonCr),
        ("HTTP/1.1 200 OK\rx", ReasonLf),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c", ObsFold),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
            DuplicateContentLength,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            TransferEncodingWithContentLength,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: \r\n\r\n", EmptyTransferEncoding),
    ] {
        let error = same_however_split(input.as_bytes(), Expected::Ordinary).1;
        assert_eq!(error, Some(expected), "{input}");
    }
}

#[test]
fn what_nobody_asked_for_is_nobodys_answer() {
    let one: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    // Directly behind the response, llhttp reads on and reports a protocol error. In a later read, the bytes are
    // reported as unsolicited.
    assert_eq!(
        read(&[&[one, b"hi"].concat()], 16, &[Expected::Ordinary]).1,
        Some(ParseError::Protocol)
    );
    let (responses, error, _) = read(&[one, one], 16, &[Expected::Ordinary]);
    assert_eq!((responses.len(), error), (1, Some(ParseError::Unsolicited)));
    assert_eq!(read(&[b"\r\n"], 16, &[]).1, Some(ParseError::Unsolicited));
    let mut conn = Conn::client(Limits::default());
    assert!(conn.expect(Expected::Ordinary, Limits::default()));
    assert!(!conn.expect(Expected::Ordinary, Limits::default()), "one at a time");
}

proptest! {
    #[test]
    fn noise_is_judged_alike(noise in prop::collection::vec(prop::sample::select(
        b"HTTP/1.1 200 OK\r\n\r\n:a0 5;=chunkedTransfer-Encoding: \t\0\xff".to_vec()), 0..120), good in any::<bool>()) {
        let mut input = if good { b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec() } else { Vec::new() };
        input.extend(noise);
        let cut = input.len() / 2;
        let whole = read(&[&input], 16, &[Expected::Ordinary]);
        let mut halves = read(&[&input[..cut], &input[cut..]], 2, &[Expected::Ordinary]);
        // A response that ends in the first half makes the second half unsolicited.
        if halves.1 == Some(ParseError::Unsolicited) {
            halves.1 = whole.1;
        }
        prop_assert_eq!(&halves.0[..], &whole.0[..halves.0.len()]);
        prop_assert_eq!(halves.1, whole.1);
    }
}
