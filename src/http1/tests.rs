//! Tests of the server's end: results must not depend on how input is split, and single inputs must give the results
//! of RFC 9112 and llhttp.

use proptest::prelude::*;

use super::{Batch, Conn, EVENT_WORDS, Limits, METHODS, ParseError, Stop, encode, event, flag, row};

/// One request as the application sees it.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Request {
    method: String,
    text: String,
    headers: u32,
    flags: u32,
    version: (u32, u32),
    body: Vec<u8>,
    trailers: String,
    complete: bool,
}

/// Reads `parts` in turn through a table of `rows` events, with a new text for each batch.
fn read(parts: &[&[u8]], rows: usize) -> (Vec<Request>, Option<ParseError>) {
    let mut conn = Conn::new(Limits::default());
    let mut requests: Vec<Request> = Vec::new();
    let mut table = vec![0; rows * EVENT_WORDS];
    for part in parts {
        let mut rest = *part;
        loop {
            let mut text = Vec::new();
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
                    event::REQUEST => requests.push(Request {
                        method: METHODS[(words[0] >> row::METHOD & 0xff) as usize].into(),
                        text: slice(words[row::HEAD], words[row::HEAD_LENGTH]),
                        headers: words[row::FIELDS],
                        flags: words[row::FLAGS],
                        version: (words[0] >> row::VERSION >> 8, words[0] >> row::VERSION & 0xff),
                        complete: words[row::FLAGS] & flag::HAS_BODY == 0,
                        ..Request::default()
                    }),
                    event::BODY => {
                        let at = words[row::PART] as usize;
                        let part = &fed[at..at + words[row::PART_LENGTH] as usize];
                        requests.last_mut().unwrap().body.extend(part);
                    }
                    event::END => {
                        let last = requests.last_mut().unwrap();
                        last.trailers = slice(words[row::TRAILERS], words[row::TRAILERS_LENGTH]);
                        last.complete = true;
                    }
                    _ => return (requests, Some(ParseError::ALL[words[row::ERROR_NUMBER] as usize])),
                }
            }
            match stop {
                Stop::Upgrade => conn.decide_upgrade(),
                Stop::Drained => break,
                Stop::Full => {}
                Stop::Failed => unreachable!("a failure shows as an event"),
            }
        }
    }
    (requests, None)
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| byte as char).collect()
}

fn whole(input: &[u8]) -> (Vec<Request>, Option<ParseError>) {
    read(&[input], 16)
}

/// Asserts that the result is the same for the whole input, every cut in two, and single bytes.
fn same_however_split(input: &[u8]) -> (Vec<Request>, Option<ParseError>) {
    let expected = whole(input);
    for cut in 0..=input.len() {
        assert_eq!(read(&[&input[..cut], &input[cut..]], 2), expected, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(read(&bytes, 2), expected, "byte by byte");
    expected
}

#[test]
fn a_request_splits_into_url_names_and_values() {
    let (requests, error) =
        same_however_split(b"\r\nGET /a?b=c#d HTTP/1.1\r\nHost: x\r\nX-Empty:\r\nAccept: \t text/html;q=1 \t\r\n\r\n");
    assert_eq!(error, None);
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].text, "/a?b=c#d\0Host\0x\0X-Empty\0\0Accept\0text/html;q=1");
    assert_eq!(
        (requests[0].headers, requests[0].version, requests[0].method.as_str()),
        (3, (1, 1), "GET")
    );
    assert_eq!(requests[0].flags, flag::KEEP_ALIVE | flag::HOST);
    assert!(requests[0].complete);
}

#[test]
fn pipelined_requests_with_every_kind_of_body() {
    let (requests, error) = same_however_split(
        b"POST /1 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloPOST /2 HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n\
          3\r\nabc\r\nA;x=\"q\\\"\";y\r\n0123456789\r\n0\r\nX-T: v\r\nY: \r\n\r\nDELETE * HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n\
          PUT /4 HTTP/1.1\r\nContent-Length: 0\r\nconnection: foo, CLOSE\r\n\r\n\r\n",
    );
    assert_eq!(error, None);
    let bodies: Vec<_> = requests.iter().map(|r| latin1(&r.body)).collect();
    assert_eq!(bodies, ["hello", "abc0123456789", "", ""]);
    assert_eq!(requests[1].trailers, "X-T\0v\0Y\0");
    assert!(requests.iter().all(|request| request.complete));
    assert_ne!(requests[2].flags & flag::KEEP_ALIVE, 0);
    assert_eq!(requests[3].flags & flag::KEEP_ALIVE, 0);
}

#[test]
fn what_llhttp_and_rfc_9112_refuse() {
    use ParseError::*;
    let head = |lines: &str| format!("POST / HTTP/1.1\r\n{lines}\r\n\r\n").into_bytes();
    let chunked = |body: &str| format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes();
    let table: Vec<(Vec<u8>, ParseError)> = vec![
        (b"get / HTTP/1.1\r\n\r\n".to_vec(), Method),
        (b"GETX / HTTP/1.1\r\n\r\n".to_vec(), MethodSpace),
        (b"GET\t/ HTTP/1.1\r\n\r\n".to_vec(), MethodSpace),
        (b"DESCRIBE / HTTP/1.1\r\n\r\n".to_vec(), MethodForHttp),
        (b"GET /\xe9 HTTP/1.1\r\n\r\n".to_vec(), UrlPath),
        (b"GET ? HTTP/1.1\r\n\r\n".to_vec(), UrlStart),
        (b"GET a/b HTTP/1.1\r\n\r\n".to_vec(), UrlSchema),
        (b"GET http://a@@c/ HTTP/1.1\r\n\r\n".to_vec(), UrlDoubleAt),
        (b"GET / HTTP/1.2\r\n\r\n".to_vec(), Version),
        (b"GET / HTTQ/1.1\r\n\r\n".to_vec(), Protocol),
        (b"GET / HTTP/1.1\n\n".to_vec(), VersionCrlf),
        (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n".to_vec(), SpaceAfterStartLine),
        (head("Host : a"), HeaderToken),
        (head("Ho\u{1}st: a"), HeaderToken),
        (head(": a"), HeaderToken),
        (head("A: b\nC: d"), HeaderValueCr),
        (head("A: b\rC: d"), HeaderValueLf),
        (head("A: b\0"), HeaderValueChar),
        (head("A: b\r\n c"), ObsFold),
        (head("Content-Length:"), EmptyContentLength),
        (head("Content-Length: 1, 1"), ContentLengthChar),
        (head("Content-Length: +1"), ContentLengthChar),
        (head("Content-Length: 99999999999999999999"), ContentLengthOverflow),
        (head("Content-Length: 1\r\nContent-Length: 1"), DuplicateContentLength),
        (
            head("Content-Length: 1\r\nTransfer-Encoding: chunked"),
            TransferEncodingWithContentLength,
        ),
        (
            head("Transfer-Encoding: chunked\r\nContent-Length: 1"),
            ContentLengthWithTransferEncoding,
        ),
        (head("Transfer-Encoding: chunked, gzip"), TransferEncodingValue),
        (
            head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            TransferEncodingValue,
        ),
        (head("Transfer-Encoding: gzip"), TransferEncoding),
        (head("Transfer-Encoding: xchunked"), TransferEncoding),
        (head("Transfer-Encoding:"), EmptyTransferEncoding),
        (chunked("x"), ChunkSizeChar),
        (chunked("5 \r\nhello\r\n"), ChunkSizeChar),
        (chunked("FFFFFFFFFFFFFFFFF\r\n"), ChunkSizeOverflow),
        (chunked("1\rx"), ChunkSizeLf),
        (chunked("1\r\nab\r\n"), ChunkDataLf),
        (chunked("1; a\r\n"), ChunkExtension),
        (chunked("1;a b\r\n"), ChunkExtensionName),
        (
            chunked("0\r\nContent-Length: 1\r\n\r\n"),
            ContentLengthWithTransferEncoding,
        ),
        (
            b"GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n".to_vec(),
            Closed,
        ),
    ];
    for (input, expected) in table {
        assert_eq!(same_however_split(&input).1, Some(expected), "{}", latin1(&input));
    }
}

#[test]
fn heads_and_extensions_are_bounded() {
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(17_000)).into_bytes();
    assert_eq!(whole(&long).1, Some(ParseError::HeaderOverflow));
    let many = format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(17_000)).into_bytes();
    assert_eq!(whole(&many).1, Some(ParseError::HeaderOverflow));
    let spaces = format!("GET / HTTP/1.1\r\nA:{}", " ".repeat(100_000)).into_bytes();
    assert_eq!(whole(&spaces).1, Some(ParseError::HeaderOverflow));
    let fits = format!(
        "GET /{} HTTP/1.1\r\nA: {}\r\n\r\n",
        "a".repeat(8_000),
        "b".repeat(8_000)
    )
    .into_bytes();
    assert_eq!(whole(&fits).1, None);
    let mut extensions = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..10 {
        extensions.extend(format!("1;{}\r\nx\r\n", "e".repeat(2_000)).into_bytes());
    }
    assert_eq!(whole(&extensions).1, None);
    extensions.extend(format!("1;{}", "e".repeat(17_000)).into_bytes());
    assert_eq!(whole(&extensions).1, Some(ParseError::ChunkExtensionsOverflow));
}

#[test]
fn an_upgrade_waits_for_a_decision() {
    let input = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nGET /next HTTP/1.1\r\n\r\n";
    let mut conn = Conn::new(Limits::default());
    let (mut table, mut text) = ([0; 64], Vec::new());
    let mut batch = Batch {
        table: &mut table,
        count: 0,
        text: &mut text,
    };
    let (taken, stop) = conn.feed(input, &mut batch);
    assert_eq!(stop, Stop::Upgrade);
    assert_eq!(&input[taken..], b"GET /next HTTP/1.1\r\n\r\n");
    assert!(conn.is_reading());
    let mut declined = conn.clone();
    declined.decide_upgrade();
    assert!(!declined.is_reading());
    // Feeding more input has the same effect: the rest of that read is dropped, and the next read is a new request.
    let rest = &input[taken..];
    assert_eq!(conn.feed(rest, &mut batch), (rest.len(), Stop::Drained));
    assert_eq!(batch.count, 1);
    assert_eq!(conn.feed(rest, &mut batch).1, Stop::Drained);
    assert_eq!(batch.count, 2);
    assert_eq!(conn.finish(), Ok(()));
}

#[test]
fn an_early_end_is_an_error_inside_a_message_only() {
    for (input, expected) in [
        (&b""[..], Ok(())),
        (b"\r\n", Ok(())),
        (b"GET", Err(ParseError::EndOfInput)),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
            Err(ParseError::EndOfInput),
        ),
        (b"GET / HTTP/1.1\r\n\r\n", Ok(())),
    ] {
        let mut conn = Conn::new(Limits::default());
        let (mut table, mut text) = ([0; 64], Vec::new());
        conn.feed(
            input,
            &mut Batch {
                table: &mut table,
                count: 0,
                text: &mut text,
            },
        );
        assert_eq!(conn.finish(), expected, "{}", latin1(input));
    }
}

fn chunk(out: &mut Vec<u8>, data: &[u8]) {
    let filled = encode::chunk(out, data.len() as u64, |out| {
        out.extend_from_slice(data);
        Ok::<_, ()>(())
    });
    assert_eq!(filled, Ok(()));
}

#[test]
fn responses_read_as_node_writes_them() {
    use encode::{Connection, DateCache, Framing, ResponseHead};
    let mut date = DateCache::default();
    date.set(784_111_777);
    let mut out = Vec::new();
    let mut head = ResponseHead {
        status: 200,
        headers: b"A: b\r\n",
        connection: Connection::KeepAlive(Some(5)),
        framing: Framing::Length(4),
    };
    encode::head(&mut out, &head, &date);
    assert_eq!(
        latin1(&out),
        "HTTP/1.1 200 OK\r\nA: b\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: keep-alive\r\n\
         Keep-Alive: timeout=5\r\nContent-Length: 4\r\n\r\n"
    );
    out.clear();
    head = ResponseHead {
        status: 404,
        connection: Connection::Close,
        framing: Framing::Chunked,
        ..head
    };
    encode::head(&mut out, &head, &date);
    chunk(&mut out, &[b'x'; 300]);
    chunk(&mut out, b"");
    encode::last_chunk(&mut out);
    let expected = format!(
        "HTTP/1.1 404 Not Found\r\nA: b\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n12c\r\n{}\r\n0\r\n\r\n",
        "x".repeat(300)
    );
    assert_eq!(latin1(&out), expected);
}

#[test]
fn dates_over_the_centuries() {
    let mut date = encode::DateCache::default();
    for (second, text) in [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
        (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        date.set(second);
        assert_eq!(latin1(date.line()), format!("Date: {text}\r\n"));
    }
}

proptest! {
    /// Random requests are read correctly, wherever the input is split.
    #[test]
    fn any_split_reads_the_same(
        parts in prop::collection::vec(("[a-z]{0,8}", prop::collection::vec(("[A-Za-z-]{1,6}", "[ -~]{0,9}"), 0..4),
            prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..4), any::<bool>()), 1..4),
        cuts in prop::collection::vec(0usize..400, 0..6),
    ) {
        let mut input = Vec::new();
        let mut bodies = Vec::new();
        for (path, headers, chunks, chunked) in &parts {
            input.extend(format!("POST /{path} HTTP/1.1\r\n").bytes());
            for (name, value) in headers {
                input.extend(format!("X-{name}: {value}\r\n").bytes());
            }
            let body = chunks.concat();
            if *chunked {
                input.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                chunks.iter().for_each(|chunk| self::chunk(&mut input, chunk));
                encode::last_chunk(&mut input);
            } else {
                input.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                input.extend(&body);
            }
            bodies.push(body);
        }
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
        let (requests, error) = read(&pieces, 3);
        prop_assert_eq!(error, None);
        let read: Vec<_> = requests.into_iter().map(|request| request.body).collect();
        prop_assert_eq!(read, bodies);
    }

    /// Arbitrary bytes never cause a panic, and give the same result as a whole and byte by byte.
    #[test]
    fn noise_is_judged_alike(noise in prop::collection::vec(prop::sample::select(
        b"GET POST/HTTP/1.1\r\n\r\n:a0 5;=\"chunkedTransfer-Encoding: \t\0\xff".to_vec()), 0..120), good in any::<bool>()) {
        let mut input = if good { b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec() } else { Vec::new() };
        input.extend(noise);
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        let (requests, error) = whole(&input);
        let (split, split_error) = read(&bytes, 2);
        prop_assert_eq!(requests, split);
        prop_assert_eq!(error, split_error);
    }
}
