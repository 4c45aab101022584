//! Any bytes, cut anywhere, must give the messages, or the error, that they give in one piece; and what was found must lie within the stream.
#![no_main]

use ironwire::codec::framing::{Counts, Error, Found, Framing, Length, Prefix, Splitter, Stuffing, Unstuffer};
use libfuzzer_sys::fuzz_target;

const LIMIT: u64 = 1 << 12;

type Seen = (Vec<Vec<u8>>, Option<std::mem::Discriminant<Error>>);

fn split<'a>(framing: &Framing, strips: bool, chunks: impl Iterator<Item = &'a [u8]>) -> Seen {
    let mut splitter = Splitter::new(framing.clone(), LIMIT, strips);
    let mut seen = Vec::new();
    for chunk in chunks {
        let pushed = splitter.push(chunk, |found| {
            seen.push(match found {
                Found::Joined(message) => message.to_vec(),
                Found::Whole(range) => chunk[range].to_vec(),
            });
            true
        });
        match pushed {
            Ok(taken) => assert_eq!(taken, chunk.len()),
            Err(error) => return (seen, Some(std::mem::discriminant(&error))),
        }
        let held = splitter.held();
        assert!(chunk.ends_with(held) || held.ends_with(chunk));
    }
    (seen, None)
}

fn unstuff<'a>(stuffing: Stuffing, chunks: impl Iterator<Item = &'a [u8]>) -> Seen {
    let mut unstuffer = Unstuffer::new(stuffing, LIMIT);
    let mut seen = Vec::new();
    for chunk in chunks {
        let (mut out, mut ranges) = (Vec::new(), Vec::new());
        let pushed = unstuffer.push(chunk, &mut out, |range| {
            ranges.push(range);
            true
        });
        seen.extend(ranges.into_iter().map(|range| out[range].to_vec()));
        if let Err(error) = pushed {
            return (seen, Some(std::mem::discriminant(&error)));
        }
    }
    (seen, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((&[kind, size, around, cut], stream)) = data.split_first_chunk() else {
        return;
    };
    let chunks = || stream.chunks(usize::from(cut).max(1));
    if kind & 0x0f >= 14 {
        let stuffing = if kind & 1 == 0 { Stuffing::Cobs } else { Stuffing::Slip };
        let whole = unstuff(stuffing, std::iter::once(stream));
        assert_eq!(unstuff(stuffing, chunks()), whole);
        let mut again = Vec::new();
        whole.0.iter().for_each(|message| stuffing.encode(message, &mut again));
        let (messages, error) = unstuff(stuffing, std::iter::once(&again[..]));
        assert_eq!((messages, error), (whole.0, None));
        return;
    }
    let framing = match kind & 0x0f {
        13 => Framing::Size(u32::from(size).max(1)),
        11 | 12 => {
            let (delimiter, _) = stream.split_at(usize::from(size % 4).min(stream.len()));
            Framing::Delimiter(if delimiter.is_empty() {
                [0].into()
            } else {
                delimiter.into()
            })
        }
        kind => Framing::Length(Length {
            prefix: match kind {
                0 => Prefix::Varint,
                1..=8 if size & 1 == 0 => Prefix::Big(kind),
                1..=8 => Prefix::Little(kind),
                _ => Prefix::Big(1),
            },
            counts: match size >> 1 & 3 {
                0 => Counts::Message,
                1 => Counts::Rest,
                _ => Counts::Frame,
            },
            before: u32::from(around & 3),
            after: u32::from(around >> 2 & 3),
            trailer: u32::from(around >> 4 & 3),
        }),
    };
    let strips = around & 0x80 == 0;
    let whole = split(&framing, strips, std::iter::once(stream));
    assert_eq!(split(&framing, strips, chunks()), whole);
});
