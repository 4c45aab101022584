//! Any bytes as the answer to one request, cut anywhere and shown through a table of any size, must be understood as they are in one
//! piece, but for what follows the answer: in a later read that is noticed as what nobody asked for.
#![no_main]

use ironwire::http1::{Batch, Conn, EVENT_WORDS, Expected, Limits, ParseError, Stop, event, flag, row};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { max_header_size: 512 };

#[derive(Debug, Default, PartialEq)]
struct Seen {
    /// Version, flags, status and text of each head.
    heads: Vec<(u32, u32, u32, Vec<u8>)>,
    trailers: Vec<Vec<u8>>,
    body: Vec<u8>,
    error: Option<u32>,
    cut_short: bool,
}

fn read<'a>(chunks: impl Iterator<Item = &'a [u8]>, rows: usize, expected: Expected) -> Seen {
    let mut conn = Conn::client(LIMITS);
    assert!(conn.expect(expected, LIMITS));
    let mut seen = Seen::default();
    let mut table = vec![0; rows * EVENT_WORDS];
    for chunk in chunks {
        let mut rest = chunk;
        while !rest.is_empty() {
            let mut text = Vec::new();
            let mut batch = Batch { table: &mut table, count: 0, text: &mut text };
            let (taken, stop) = conn.feed(rest, &mut batch);
            let count = batch.count;
            for words in table.chunks_exact(EVENT_WORDS).take(count) {
                let range = |at: u32, len: u32| at as usize..(at + len) as usize;
                match words[0] & row::KIND {
                    event::RESPONSE => {
                        assert!(words[row::STATUS] < 1000 && words[row::FIRST_LENGTH] <= words[row::HEAD_LENGTH]);
                        assert!(words[row::FLAGS] & flag::CHUNKED == 0 || words[row::FLAGS] & flag::CONTENT_LENGTH == 0);
                        assert!(words[row::FLAGS] & flag::HAS_BODY == 0 || expected == Expected::Ordinary);
                        let head = &text[range(words[row::HEAD], words[row::HEAD_LENGTH])];
                        assert!(!head.iter().any(|byte| matches!(byte, b'\r' | b'\n')));
                        seen.heads.push((words[0], words[row::FLAGS], words[row::STATUS], head.to_vec()));
                    }
                    event::BODY => seen.body.extend_from_slice(&rest[range(words[row::PART], words[row::PART_LENGTH])]),
                    event::END => seen.trailers.push(text[range(words[row::TRAILERS], words[row::TRAILERS_LENGTH])].to_vec()),
                    _ => seen.error = Some(words[row::ERROR_NUMBER]),
                }
            }
            match stop {
                Stop::Failed | Stop::Upgrade => return seen,
                Stop::Full | Stop::Drained => {}
            }
            rest = &rest[taken..];
        }
    }
    seen.cut_short = conn.finish().is_err();
    seen
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else { return };
    let expected = [Expected::Ordinary, Expected::NoBody, Expected::Tunnel, Expected::Ordinary][usize::from(choice >> 6)];
    let whole = read(std::iter::once(rest), 64, expected);
    let cut = read(rest.chunks(usize::from(choice & 63).max(1)), 2 + usize::from(choice & 3), expected);
    if cut.error == Some(ParseError::Unsolicited as u32) {
        assert_eq!(cut.heads[..], whole.heads[..cut.heads.len()]);
        assert!(whole.body.starts_with(&cut.body));
    } else {
        assert_eq!(cut, whole);
    }
});
