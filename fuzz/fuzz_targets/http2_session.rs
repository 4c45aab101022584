//! One HTTP/2 connection, a server's or a client's, whatever the peer sends. What is understood depends neither on where the bytes are cut nor
//! on how much room there is for events, and nothing of what is refused is kept.
#![no_main]

use ironwire::http2::{Event, Limits, Role, Session, Settings};
use libfuzzer_sys::fuzz_target;
use std::cell::Cell;

const MAX_STREAMS: u32 = 8;
const REQUEST: &[u8] = b":method\0POST\0:scheme\0http\0:path\0/\0:authority\0a\0";

/// Reads all of it, in parts as `random` says, 0 for one; returns what was heard and what was sent.
fn read(role: Role, actions: u8, input: &[u8], mut random: u32) -> (Vec<String>, Vec<u8>) {
    let settings = Settings {
        max_concurrent_streams: MAX_STREAMS,
        max_header_list_size: 4096,
        ..Settings::default()
    };
    let mut out = Vec::new();
    let limits = Limits {
        pushes: if actions & 8 == 0 { 0 } else { 2 },
        requests: 2,
        ..Limits::default()
    };
    let mut session = Session::new(role, settings, limits, 0, &mut out);
    let mut preface = Vec::new();
    if role == Role::Client {
        for _ in 0..4 {
            let _ = session.submit(REQUEST, actions & 1 == 0, &mut out);
        }
    } else {
        preface.extend_from_slice(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    }
    preface.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
    preface.extend_from_slice(input);
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        random as usize
    };
    let mut heard: Vec<String> = Vec::new();
    let mut body: Option<(u32, Vec<u8>)> = None;
    let mut rest = &preface[..];
    while !rest.is_empty() {
        let (length, room) = match next() {
            0 => (rest.len(), usize::MAX),
            number => (rest.len().min(1 + number % 40), 1 + number % 3),
        };
        let (mut part, behind) = rest.split_at(length);
        while !part.is_empty() {
            let count = Cell::new(0);
            let taken = session.feed(part, 0, &mut out, &|| count.get() < room, &mut |event| {
                count.set(count.get() + 1);
                if let Event::Data { stream, data } = &event {
                    assert!(!data.is_empty());
                    match &mut body {
                        Some((of, all)) if of == stream => all.extend_from_slice(data),
                        _ => {
                            heard.extend(body.take().map(|body| format!("{body:?}")));
                            body = Some((*stream, data.to_vec()));
                        }
                    }
                    return;
                }
                heard.extend(body.take().map(|body| format!("{body:?}")));
                heard.push(match event {
                    Event::Head { stream, fields, ends } => {
                        let text = fields.text();
                        assert!(text.len() <= 4096 && !text.iter().any(|octet| matches!(octet, b'\r' | b'\n')));
                        format!("head {stream} {text:?} {ends}")
                    }
                    Event::End { stream, trailers } => {
                        format!("end {stream} {:?}", trailers.map(|fields| fields.text()))
                    }
                    Event::Push { stream, parent, fields } => format!("push {stream} {parent} {:?}", fields.text()),
                    event => format!("{event:?}"),
                });
            });
            assert!(taken > 0 || count.get() >= room);
            part = &part[taken..];
        }
        assert!(role == Role::Client || session.open_streams() <= MAX_STREAMS as usize);
        rest = behind;
    }
    heard.extend(body.map(|body| format!("{body:?}")));
    // What is open can be answered, and nothing is left when it has been.
    let last = if role == Role::Server {
        session.last_remote().min(999)
    } else {
        0
    };
    for stream in (1..=last).step_by(2) {
        let _ = session.respond(stream, 200, b"a\0b\0", Some(b"now"), actions & 2 == 0, &mut out);
        let _ = session.write(stream, &[0; 3000], actions & 4 == 0, 2000, &mut out);
        let _ = session.trailers(stream, b"c\0d\0", 2000, &mut out);
        let _ = session.resume(stream, &mut out);
    }
    session.pump(usize::MAX, &mut out, &mut |_| {});
    session.forget();
    assert_eq!((session.open_streams(), session.queued()), (0, 0));
    (heard, out)
}

fuzz_target!(|data: &[u8]| {
    let &[role, seed, ref input @ ..] = data else { return };
    let (role, actions) = (if role & 1 == 0 { Role::Server } else { Role::Client }, role >> 1);
    let whole = read(role, actions, input, 0);
    assert_eq!(read(role, actions, input, 0x9e37_79b9 ^ u32::from(seed)), whole);
});
