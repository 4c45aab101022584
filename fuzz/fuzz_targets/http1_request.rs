//! Any bytes, cut anywhere and shown through a table of any size, must be understood as they are in one piece; what is
//! understood must hold to its limits.
#![no_main]

use ironwire::http1::{Batch, Conn, EVENT_WORDS, Limits, Stop, event, flag, row};
use libfuzzer_sys::fuzz_target;

const MAX_HEADER_SIZE: usize = 512;

#[derive(Debug, Default, PartialEq)]
struct Seen {
    /// Method, flags, version and text of each head; its trailers.
    heads: Vec<(u32, u32, Vec<u8>)>,
    trailers: Vec<Vec<u8>>,
    body: Vec<u8>,
    error: Option<u32>,
}

fn read<'a>(chunks: impl Iterator<Item = &'a [u8]>, rows: usize) -> Seen {
    let mut conn = Conn::new(Limits { max_header_size: MAX_HEADER_SIZE });
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
                    event::REQUEST => {
                        assert!(words[row::FLAGS] & flag::CHUNKED == 0 || words[row::FLAGS] & flag::CONTENT_LENGTH == 0);
                        let head = &text[range(words[row::HEAD], words[row::HEAD_LENGTH])];
                        let nuls = head.iter().filter(|&&byte| byte == 0).count();
                        assert_eq!(nuls, 2 * words[row::FIELDS] as usize);
                        assert!(head.len() - nuls <= MAX_HEADER_SIZE);
                        assert!(!head.iter().any(|byte| matches!(byte, b'\r' | b'\n')));
                        seen.heads.push((words[0], words[row::FLAGS], head.to_vec()));
                    }
                    event::BODY => seen.body.extend_from_slice(&rest[range(words[row::PART], words[row::PART_LENGTH])]),
                    event::END => seen.trailers.push(text[range(words[row::TRAILERS], words[row::TRAILERS_LENGTH])].to_vec()),
                    _ => seen.error = Some(words[row::ERROR_NUMBER]),
                }
            }
            match stop {
                Stop::Failed => return seen,
                Stop::Upgrade => conn.decide_upgrade(),
                Stop::Full | Stop::Drained => {}
            }
            rest = &rest[taken..];
        }
    }
    seen
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else { return };
    let whole = read(std::iter::once(rest), 64);
    let size = usize::from(choice).max(1);
    assert_eq!(read(rest.chunks(size), 2 + usize::from(choice & 3)), whole);
});
