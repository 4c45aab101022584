//! Any bytes, cut anywhere, must give what they give in one piece; and what was understood must encode back to the same bytes. What version 1
//! understands, version 2 understands alike, so that a peer may raise its version without a frame of its own changing.
#![no_main]

use ironwire::rpc::{Event, ProtocolError, Role, Splitter};
use libfuzzer_sys::fuzz_target;

const LIMIT: u32 = 1 << 16;

type Seen = (Vec<([u32; 6], Vec<u8>)>, Result<(), ProtocolError>);

fn splitter(role: Role, guarded: bool) -> Splitter {
    let splitter = Splitter::new(role, LIMIT);
    if guarded { splitter.guarded() } else { splitter }
}

fn split<'a>(role: Role, guarded: bool, chunks: impl Iterator<Item = &'a [u8]>) -> Seen {
    let mut splitter = splitter(role, guarded);
    let mut seen = Vec::new();
    for chunk in chunks {
        let result = splitter.push(chunk, |event| {
            seen.push((event.record(0), event.body().to_vec()));
            true
        });
        if let Err(error) = result {
            return (seen, Err(error));
        }
    }
    (seen, Ok(()))
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    let guarded = choice & 2 != 0;
    let whole = split(role, guarded, std::iter::once(rest));
    let size = usize::from(choice >> 2).max(1);
    assert_eq!(split(role, guarded, rest.chunks(size)), whole);

    if let [b'I', b'W', b'R', b'P', 1, after @ ..] = rest {
        let newer: Vec<u8> = [&b"IWRP\x02"[..], after].concat();
        let (mut seen, _) = whole.clone();
        let (mut again, _) = split(role, guarded, std::iter::once(&newer[..]));
        again.truncate(seen.len());
        // But for the prefaces, which are first.
        assert_eq!(again.split_off(1.min(again.len())), seen.split_off(1.min(seen.len())));
    }

    let mut encoded = Vec::new();
    let _ = splitter(role, guarded).push(rest, |event| {
        match event {
            Event::Preface(preface) => preface.encode(&mut encoded),
            Event::Frame(frame) => frame.encode(&mut encoded),
        }
        true
    });
    assert_eq!(encoded[..], rest[..encoded.len()]);
});
