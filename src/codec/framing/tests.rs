use super::*;
use proptest::prelude::*;

const LIMIT: u64 = 1 << 20;

fn length(prefix: Prefix) -> Length {
    Length {
        prefix,
        counts: Counts::Message,
        before: 0,
        after: 0,
        trailer: 0,
    }
}

/// Builds a frame in the simplest way.
fn frame(framing: &Framing, message: &[u8]) -> Vec<u8> {
    match framing {
        Framing::Size(_) => message.to_vec(),
        Framing::Delimiter(delimiter) => [message, delimiter].concat(),
        Framing::Length(length) => {
            let varint = |mut value: u64| {
                let mut out = Vec::new();
                while value >= 0x80 {
                    out.push(value as u8 | 0x80);
                    value >>= 7;
                }
                out.push(value as u8);
                out
            };
            let write = |value: u64| match length.prefix {
                Prefix::Big(width) => value.to_be_bytes()[8 - usize::from(width)..].to_vec(),
                Prefix::Little(width) => value.to_le_bytes()[..width.into()].to_vec(),
                Prefix::Varint => varint(value),
            };
            let rest = u64::from(length.after + length.trailer);
            let body = message.len() as u64;
            let value = match length.counts {
                Counts::Message => write(body),
                Counts::Rest => write(body + rest),
                Counts::Frame => {
                    let all = body + rest + u64::from(length.before);
                    // The length counts its own bytes, so the smallest width that fits is searched.
                    let mut widths = (1..10).map(|width| (width, write(all + width as u64)));
                    widths.find(|(width, value)| value.len() == *width).unwrap().1
                }
            };
            let fill = |count: u32| vec![0xee; count as usize];
            [
                &fill(length.before)[..],
                &value,
                &fill(length.after),
                message,
                &fill(length.trailer),
            ]
            .concat()
        }
    }
}

/// Splits `chunks` into messages; one push takes at most `rows` whole ones.
fn split(splitter: &mut Splitter, chunks: &[&[u8]], rows: usize) -> Result<Vec<Vec<u8>>, Error> {
    let mut found = Vec::new();
    for &chunk in chunks {
        let mut rest = chunk;
        loop {
            let (mut count, mut first, mut refused) = (0, true, false);
            let taken = splitter.push(rest, |message| {
                match message {
                    Found::Joined(message) => {
                        assert!(first);
                        found.push(message.to_vec());
                    }
                    Found::Whole(_) if count == rows => refused = true,
                    Found::Whole(message) => {
                        count += 1;
                        found.push(rest[message].to_vec());
                    }
                }
                first = false;
                !refused
            })?;
            rest = &rest[taken..];
            if !refused {
                assert!(rest.is_empty());
                break;
            }
        }
        let held = splitter.held();
        assert!(chunk.ends_with(held) || held.ends_with(chunk));
        assert!(splitter.announced().is_none_or(|all| all > held.len() as u64));
    }
    Ok(found)
}

fn framings() -> impl Strategy<Value = Framing> {
    let prefix = prop_oneof![
        (1u8..=8).prop_map(Prefix::Big),
        (1u8..=8).prop_map(Prefix::Little),
        Just(Prefix::Varint)
    ];
    let counts = prop_oneof![Just(Counts::Message), Just(Counts::Rest), Just(Counts::Frame)];
    prop_oneof![
        (prefix, counts, 0u32..4, 0u32..4, 0u32..4).prop_map(|(prefix, counts, before, after, trailer)| {
            Framing::Length(Length {
                prefix,
                counts,
                before,
                after,
                trailer,
            })
        }),
        prop::sample::select(vec!["\n", "\r\n", "--", "aab", "aaa"])
            .prop_map(|text| Framing::Delimiter(text.as_bytes().into())),
        (1u32..9).prop_map(Framing::Size),
    ]
}

fn messages(framing: &Framing) -> BoxedStrategy<Vec<Vec<u8>>> {
    match framing {
        Framing::Size(size) => prop::collection::vec(prop::collection::vec(any::<u8>(), *size as usize), 0..12).boxed(),
        Framing::Delimiter(delimiter) => {
            let delimiter = delimiter.clone();
            prop::collection::vec(
                prop::collection::vec(prop::sample::select(b"ab-\r\nx".to_vec()), 0..12),
                0..12,
            )
            .prop_map(move |messages| {
                // A message must not contain the delimiter, nor end with a beginning that the delimiter after it
                // would complete.
                let clean = |message: &Vec<u8>| {
                    let framed = [&message[..], &delimiter].concat();
                    memchr::memmem::find(&framed, &delimiter) == Some(message.len())
                };
                messages.into_iter().filter(clean).collect()
            })
            .boxed()
        }
        Framing::Length(_) => prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12).boxed(),
    }
}

fn cases() -> impl Strategy<Value = (Framing, Vec<Vec<u8>>)> {
    framings().prop_flat_map(|framing| {
        let messages = messages(&framing);
        (Just(framing), messages)
    })
}

proptest! {
    #[test]
    fn messages_are_found_wherever_the_stream_is_cut((framing, messages) in cases(), cuts in prop::collection::vec(0usize..400, 0..6), rows in 1usize..5) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| frame(&framing, message)).collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        let mut splitter = Splitter::new(framing, LIMIT, true);
        prop_assert_eq!(split(&mut splitter, &chunks, rows), Ok(messages));
        prop_assert_eq!(splitter.held(), b"");
    }

    #[test]
    fn messages_are_found_byte_by_byte((framing, messages) in cases()) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| frame(&framing, message)).collect();
        let chunks: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(split(&mut Splitter::new(framing, LIMIT, true), &chunks, 1), Ok(messages));
    }

    #[test]
    fn any_stream_is_messages_or_an_error(framing in framings(), stream: Vec<u8>, size in 1usize..20, limit in 0u64..50) {
        let chunks: Vec<&[u8]> = stream.chunks(size).collect();
        if let Ok(messages) = split(&mut Splitter::new(framing.clone(), limit, true), &chunks, 3) {
            // The result is the same in one piece.
            prop_assert_eq!(split(&mut Splitter::new(framing, limit, true), &[&stream], 1000), Ok(messages.clone()));
            for message in messages {
                prop_assert!(message.len() as u64 <= limit);
            }
        }
    }

    #[test]
    fn stuffed_messages_are_the_same_again(
        slip: bool,
        messages in prop::collection::vec(prop::collection::vec(prop::sample::select(vec![0u8, 1, 0xc0, 0xdb, 0xdc, 0xdd, 0xff]), 0..700), 0..6),
        size in 1usize..900,
        rows in 1usize..4
    ) {
        let stuffing = if slip { Stuffing::Slip } else { Stuffing::Cobs };
        let mut stream = Vec::new();
        for message in &messages {
            let start = stream.len();
            stuffing.encode(message, &mut stream);
            prop_assert!(stream.len() - start <= stuffing.most(message.len()));
        }
        let mut unstuffer = Unstuffer::new(stuffing, LIMIT);
        let mut found = Vec::new();
        for chunk in stream.chunks(size) {
            let mut rest = chunk;
            while !rest.is_empty() {
                let (mut out, mut ranges) = (vec![9], Vec::new());
                let taken = unstuffer
                    .push(rest, &mut out, |range| {
                        ranges.push(range);
                        ranges.len() < rows
                    })
                    .unwrap();
                rest = &rest[taken..];
                found.extend(ranges.into_iter().map(|range| out[range].to_vec()));
            }
        }
        prop_assert_eq!(unstuffer.held(), None);
        // In SLIP, an empty message is not a message.
        let expected: Vec<Vec<u8>> = messages.into_iter().filter(|message| !slip || !message.is_empty()).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn frames_are_found_whole_where_nothing_is_to_be_stripped() {
    let around = Framing::Length(Length {
        before: 1,
        after: 1,
        trailer: 1,
        ..length(Prefix::Big(1))
    });
    let lines = Framing::Delimiter(b"\r\n"[..].into());
    for (framing, stream) in [(around, &b"(\x02,ab)(\x00,)"[..]), (lines, b"ab\r\n\r\n")] {
        for size in 1..=stream.len() {
            let chunks: Vec<&[u8]> = stream.chunks(size).collect();
            let mut splitter = Splitter::new(framing.clone(), LIMIT, false);
            let found = split(&mut splitter, &chunks, 10).unwrap();
            assert_eq!((found.len(), found.concat()), (2, stream.to_vec()));
        }
    }
}

#[test]
fn lengths_are_checked_once_they_are_there() {
    let framing = Framing::Length(length(Prefix::Big(4)));
    let mut splitter = Splitter::new(framing, 100, true);
    // The last byte of the length is missing, so nothing is known.
    assert_eq!(split(&mut splitter, &[&[0, 0, 0]], 10), Ok(vec![]));
    let error = Error::TooLarge {
        length: 101,
        limit: 100,
    };
    assert_eq!(split(&mut splitter, &[&[101]], 10), Err(error));
    assert_eq!(split(&mut splitter, &[&[0, 0, 0, 0]], 10), Err(error), "it stays");
    splitter.reset();
    assert_eq!(
        split(&mut splitter, &[&[0, 0, 0, 0, 0, 0, 0, 1, 7]], 10),
        Ok(vec![vec![], vec![7]])
    );

    let huge = Framing::Length(length(Prefix::Little(8)));
    let found = split(&mut Splitter::new(huge, LIMIT, true), &[&[0xff; 8]], 10);
    assert_eq!(
        found,
        Err(Error::TooLarge {
            length: u64::MAX,
            limit: LIMIT
        })
    );

    let counts = Counts::Frame;
    let inclusive = Framing::Length(Length {
        counts,
        trailer: 2,
        ..length(Prefix::Big(2))
    });
    let found = split(&mut Splitter::new(inclusive, LIMIT, true), &[&[0, 3, 0, 0]], 10);
    assert_eq!(found, Err(Error::TooSmall { length: 3, least: 4 }));

    let varint = Framing::Length(length(Prefix::Varint));
    for bytes in [
        &[0x80; 11][..],
        &[0xff; 10],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
    ] {
        assert_eq!(
            split(&mut Splitter::new(varint.clone(), LIMIT, true), &[bytes], 10),
            Err(Error::Varint)
        );
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(
            split(&mut Splitter::new(varint.clone(), LIMIT, true), &single, 10),
            Err(Error::Varint)
        );
    }
    // A varint may have more bytes than it needs.
    assert_eq!(
        split(&mut Splitter::new(varint, LIMIT, true), &[&[0x81, 0x00, 5]], 10),
        Ok(vec![vec![5]])
    );
}

/// Held bytes are copied no more often than in a vector, take no more memory than their frame, and are freed.
#[test]
fn memory_grows_with_what_has_come() {
    const SIZE: usize = 100_000;
    let delimiter = Framing::Delimiter(b"\r\n"[..].into());
    for framing in [
        Framing::Length(length(Prefix::Varint)),
        delimiter,
        Framing::Size(SIZE as u32),
    ] {
        let stream = frame(&framing, &[7; SIZE]);
        let known = !matches!(framing, Framing::Delimiter(_));
        let mut splitter = Splitter::new(framing, LIMIT, true);
        let (mut grown, mut capacity) = (0, 0);
        for byte in stream[..stream.len() - 1].chunks(1) {
            split(&mut splitter, &[byte], 1).unwrap();
            if splitter.capacity() != capacity {
                capacity = splitter.capacity();
                grown += 1;
            }
        }
        assert!(grown <= 20 && capacity < 2 * SIZE, "{grown} times, to {capacity}");
        assert!(!known || capacity <= stream.len(), "{capacity}");
        let last = split(&mut splitter, &[&stream[stream.len() - 1..]], 1).unwrap();
        assert!(last == [[7; SIZE]]);
        assert!(splitter.capacity() <= 64 * 1024);
    }
}

#[test]
fn a_message_without_an_end_is_bounded() {
    for (delimiter, most) in [("\n", 10), ("\r\n", 11)] {
        let mut splitter = Splitter::new(Framing::Delimiter(delimiter.as_bytes().into()), 10, true);
        let bytes = vec![b'\r'; most];
        assert_eq!(split(&mut splitter, &[&bytes], 10), Ok(vec![]));
        assert!(matches!(
            split(&mut splitter, &[b"x"], 10),
            Err(Error::TooLarge { limit: 10, .. })
        ));
    }
    let mut splitter = Splitter::new(Framing::Size(11), 10, true);
    assert!(matches!(split(&mut splitter, &[b"x"], 10), Err(Error::TooLarge { .. })));
    for stuffing in [Stuffing::Cobs, Stuffing::Slip] {
        let mut stream = Vec::new();
        stuffing.encode(&[7; 11], &mut stream);
        let found = Unstuffer::new(stuffing, 10).push(&stream, &mut Vec::new(), |_| true);
        assert!(matches!(found, Err(Error::TooLarge { limit: 10, .. })), "{stuffing:?}");
    }
}

#[test]
fn what_no_encoder_writes_is_an_error() {
    let all = |stuffing, bytes: &[u8]| {
        let (mut out, mut found) = (Vec::new(), 0);
        let result = Unstuffer::new(stuffing, LIMIT).push(bytes, &mut out, |_| {
            found += 1;
            true
        });
        (result, found)
    };
    assert_eq!(all(Stuffing::Cobs, &[2, 1, 0, 3, 1, 0]), (Err(Error::Cobs), 1));
    assert_eq!(all(Stuffing::Slip, &[1, 0xc0, 0xdb, 0x01]), (Err(Error::Slip(1)), 1));
    assert_eq!(all(Stuffing::Slip, &[0xdb, 0xc0]), (Err(Error::Slip(0xc0)), 0));
    // Zeros and end bytes between messages are not messages.
    assert_eq!(all(Stuffing::Cobs, &[0, 0, 1, 0, 0, 1, 0]), (Ok(7), 2));
    assert_eq!(all(Stuffing::Slip, &[0xc0, 0xc0, 1, 0xc0, 0xc0]), (Ok(5), 1));
}

#[test]
fn examples_of_cobs() {
    // The examples of Wikipedia's article on COBS.
    for (plain, coded) in [
        (&[][..], &[1, 0][..]),
        (&[0], &[1, 1, 0]),
        (&[0, 0], &[1, 1, 1, 0]),
        (&[0, 0x11, 0], &[1, 2, 0x11, 1, 0]),
        (&[0x11, 0x22, 0, 0x33], &[3, 0x11, 0x22, 2, 0x33, 0]),
        (&[0x11, 0, 0, 0], &[2, 0x11, 1, 1, 1, 0]),
    ] {
        let mut out = Vec::new();
        Stuffing::Cobs.encode(plain, &mut out);
        assert_eq!(out, coded);
    }
    let long: Vec<u8> = (1..=254).collect();
    let mut out = Vec::new();
    Stuffing::Cobs.encode(&long, &mut out);
    assert_eq!((out.len(), out[0], out[255]), (256, 0xff, 0));
}

#[test]
fn what_cannot_be_is_refused() {
    let around = Length {
        after: 65_536,
        ..length(Prefix::Big(1))
    };
    for (framing, expected) in [
        (Framing::Length(length(Prefix::Big(0))), Err(Invalid::Width)),
        (Framing::Length(length(Prefix::Little(9))), Err(Invalid::Width)),
        (Framing::Length(around), Err(Invalid::Around)),
        (Framing::Delimiter([].into()), Err(Invalid::Delimiter)),
        (Framing::Delimiter(vec![1; 257].into()), Err(Invalid::Delimiter)),
        (Framing::Size(0), Err(Invalid::Size)),
        (Framing::Length(length(Prefix::Varint)), Ok(())),
    ] {
        assert_eq!(framing.check(), expected);
    }
}
