//! One gRPC connection, a server's or a client's, whatever the peer sends. What is understood does not depend on where the bytes are cut, and each
//! byte of a message's stream is accounted for once.
#![no_main]

use ironwire::grpc::{Event, Limits, Link, Piece, Splitter};
use ironwire::http2::{Limits as SessionLimits, Role, Settings};
use libfuzzer_sys::fuzz_target;

const HEAD: &[u8] =
    b":method\0POST\0:scheme\0http\0:path\0/a/b\0:authority\0a\0content-type\0application/grpc\0te\0trailers\0";
const LIMITS: Limits = Limits {
    message: 1000,
    held: 2000,
};

/// Reads all of it, in parts of so many bytes; returns what was heard and what was sent.
fn read(role: Role, input: &[u8], part: usize) -> (Vec<String>, Vec<u8>) {
    let mut out = Vec::new();
    let mut link = Link::new(role, Settings::default(), SessionLimits::default(), LIMITS, 0, &mut out);
    let mut bytes = Vec::new();
    if role == Role::Client {
        for _ in 0..4 {
            let _ = link.call(HEAD, None, b"", &mut out);
        }
    } else {
        bytes.extend_from_slice(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    }
    bytes.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(input);
    let mut heard = Vec::new();
    let mut hear = |event: Event<'_>| {
        // How much of a message one read has brought is not what it says.
        if let Event::Message {
            stream,
            compressed,
            data,
            ..
        } = event
        {
            assert!(data.len() <= LIMITS.message as usize);
            heard.push(format!("{stream} {compressed} {data:?}"));
        } else {
            heard.push(format!("{event:?}"));
        }
    };
    for part in bytes.chunks(part) {
        let taken = link.feed(part, 0, &mut out, &|| true, &mut hear);
        assert_eq!(taken, part.len());
    }
    (heard, out)
}

fn split(input: &[u8], part: usize) -> Vec<String> {
    let mut splitter = Splitter::default();
    let (mut heard, mut accounted) = (Vec::new(), 0);
    for part in input.chunks(part) {
        let mut used = 0;
        let left = splitter.push(part, LIMITS.message, &mut |piece| match piece {
            Piece::Message {
                compressed,
                data,
                used: bytes,
            } => {
                used += bytes;
                heard.push(format!("{compressed} {data:?}"));
            }
            Piece::TooLarge { length } => heard.push(format!("{length}")),
        });
        accounted += (left + used) as usize;
    }
    assert_eq!(accounted, input.len());
    heard
}

fuzz_target!(|input: (u8, &[u8])| {
    let (part, bytes) = input;
    let part = usize::from(part) + 1;
    assert_eq!(split(bytes, part), split(bytes, usize::MAX));
    for role in [Role::Server, Role::Client] {
        let (heard, _) = read(role, bytes, usize::MAX);
        assert_eq!(read(role, bytes, part).0, heard);
    }
});
