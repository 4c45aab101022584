//! Splits a byte stream into frames, wherever the reads cut the stream.

use super::frame::{Frame, HEADER_SIZE, Kind, LENGTH_SIZE, MAGIC, PREFACE_SIZE, Preface, ProtocolError, Role, VERSION};
use crate::codec::framing::{Assembler, Extent, Units};

/// The largest length prefix accepted before a proof, in bytes: enough for a proof, or for a goaway with an
/// explanation.
const UNPROVEN_LIMIT: u32 = 1024;

/// The first byte of a TLS record (RFC 8446 §5.1): an alert, or a part of the handshake.
const TLS_RECORDS: [u8; 2] = [21, 22];

/// A unit of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The peer's preface. It comes exactly once, as the first unit.
    Preface(Preface),
    /// A frame.
    Frame(Frame<'a>),
}

/// The kind in the record of a preface. No frame has it.
pub const PREFACE_RECORD: u32 = 0;

/// The number of words in a unit's record, which is a row of the table that JavaScript reads.
pub const RECORD_WORDS: usize = 6;

/// The positions of the words in a record.
pub mod record {
    /// The bits of the first word that hold the kind.
    pub const KIND: u32 = 0xff;
    /// The lowest bit of the flags in the first word, also for a preface.
    pub const FLAGS: u32 = 8;
    /// The sequence number. For a preface, the number of calls it allows.
    pub const SEQUENCE: usize = 1;
    /// The code. For a preface, the version.
    pub const CODE: usize = 2;
    /// The amount. For a preface, the largest frame it accepts.
    pub const AMOUNT: usize = 3;
    /// The offset of the body in the slab.
    pub const BODY: usize = 4;
    /// The length of the body. For a preface, its window.
    pub const LENGTH: usize = 5;
}

impl<'a> Event<'a> {
    /// The unit's body, which the caller copies to memory that JavaScript can read.
    pub fn body(&self) -> &'a [u8] {
        match self {
            Event::Preface(_) => &[],
            Event::Frame(frame) => frame.body,
        }
    }

    /// The unit as a row for JavaScript, with the words of [`record`]. `offset` is the position of its body in the
    /// slab. The kind of a preface is [`PREFACE_RECORD`].
    pub fn record(&self, offset: u32) -> [u32; RECORD_WORDS] {
        let mut words = [0; RECORD_WORDS];
        words[record::BODY] = offset;
        match *self {
            Event::Preface(Preface {
                version,
                flags,
                max_frame,
                max_calls,
                window,
            }) => {
                words[0] = PREFACE_RECORD | u32::from(flags) << record::FLAGS;
                words[record::SEQUENCE] = max_calls;
                words[record::CODE] = u32::from(version);
                words[record::AMOUNT] = max_frame;
                words[record::LENGTH] = u32::from(window);
            }
            Event::Frame(Frame {
                kind,
                flags,
                sequence,
                code,
                amount,
                body,
            }) => {
                words[0] = kind as u32 | u32::from(flags) << record::FLAGS;
                words[record::SEQUENCE] = sequence;
                words[record::CODE] = u32::from(code);
                words[record::AMOUNT] = amount;
                // A body is shorter than its frame, whose length is a `u32`, so it fits.
                words[record::LENGTH] = body.len() as u32;
            }
        }
        words
    }
}

/// The reading half of one connection.
///
/// A length is checked as soon as its four bytes have arrived, before the [`Assembler`] stores any bytes of the
/// frame.
#[derive(Debug)]
pub struct Splitter {
    assembler: Assembler<Stream>,
}

impl Splitter {
    /// Creates a splitter for the end `role` of a connection. `max_frame` is the largest length prefix it accepts, in
    /// bytes.
    pub fn new(role: Role, max_frame: u32) -> Splitter {
        Splitter {
            assembler: Assembler::new(Stream {
                role,
                max_frame,
                version: 0,
                proofs: 0,
            }),
        }
    }

    /// Requires the peer to prove that it knows a secret. Until its last [`Kind::Auth`] frame, only those frames and
    /// a goaway are accepted, and nothing larger than `UNPROVEN_LIMIT` is stored. This module does not verify the
    /// proof: the caller does, before it handles the frames that follow.
    pub fn guarded(mut self) -> Splitter {
        let stream = self.assembler.units();
        stream.proofs = match stream.role {
            Role::Server => 1,
            Role::Client => 2,
        };
        self
    }

    /// Takes the next bytes of the stream and passes each completed unit to `sink`, in order, until `sink` returns
    /// `false`. Returns the number of bytes consumed. The remaining bytes, and the unit that was refused, must come
    /// with the next push: call it with the rest of the input, even if that is empty. Every call after an error
    /// returns the same error; the units passed before it remain valid.
    pub fn push(&mut self, input: &[u8], mut sink: impl FnMut(Event<'_>) -> bool) -> Result<usize, ProtocolError> {
        self.assembler.push(input, |stream, unit| {
            let event = stream.read(unit.bytes)?;
            let taken = sink(event);
            if taken {
                stream.note(&event);
            }
            Ok(taken)
        })
    }

    /// The number of bytes stored of an incomplete unit. If it is not 0 when the stream ends, the stream was cut
    /// short.
    pub fn buffered(&self) -> usize {
        self.assembler.held().len()
    }
}

/// The structure of a connection's stream: a preface, then frames.
#[derive(Debug)]
struct Stream {
    role: Role,
    max_frame: u32,
    /// The version of the connection, which is the lower of its two ends'; 0 until the preface has been read.
    version: u8,
    /// How many [`Kind::Auth`] frames must come before any others.
    proofs: u8,
}

impl Units for Stream {
    type Error = ProtocolError;

    #[inline]
    fn measure(&self, bytes: &[u8]) -> Result<Option<Extent>, ProtocolError> {
        let first = bytes.first_chunk::<LENGTH_SIZE>();
        if self.version == 0 {
            if bytes.iter().zip(&MAGIC).any(|(byte, magic)| byte != magic) {
                let is_tls = bytes.first().is_some_and(|first| TLS_RECORDS.contains(first));
                return Err(if is_tls {
                    ProtocolError::Tls
                } else {
                    ProtocolError::NotRpc
                });
            }
            // Asked again until the whole magic has arrived.
            return Ok(first.map(|_| Extent {
                head: 0,
                body: PREFACE_SIZE as u64,
                foot: 0,
            }));
        }
        let Some(prefix) = first else { return Ok(None) };
        let length = u32::from_be_bytes(*prefix);
        let limit = self.limit();
        if length > limit {
            return Err(ProtocolError::TooLarge { length, limit });
        }
        if (length as usize) < HEADER_SIZE {
            let length = length as usize;
            return Err(ProtocolError::TooShort { kind: 0, length });
        }
        Ok(Some(Extent {
            head: LENGTH_SIZE as u64,
            body: length.into(),
            foot: 0,
        }))
    }

    fn measure_joined(&self, held: &[u8], more: &[u8]) -> Result<Option<Extent>, ProtocolError> {
        let first: Vec<u8> = held.iter().chain(more).take(LENGTH_SIZE).copied().collect();
        self.measure(&first)
    }
}

impl Stream {
    /// The largest length prefix that is accepted now.
    fn limit(&self) -> u32 {
        if self.proofs == 0 {
            self.max_frame
        } else {
            self.max_frame.min(UNPROVEN_LIMIT)
        }
    }

    #[inline]
    fn read<'a>(&self, unit: &'a [u8]) -> Result<Event<'a>, ProtocolError> {
        if self.version == 0 {
            // `measure` has requested exactly this many bytes.
            let bytes = unit.first_chunk::<PREFACE_SIZE>().ok_or(ProtocolError::NotRpc)?;
            return Ok(Event::Preface(Preface::parse(bytes)?));
        }
        if self.proofs == 0 && unit[LENGTH_SIZE] == Kind::Auth as u8 {
            return Err(ProtocolError::UnknownKind(unit[LENGTH_SIZE]));
        }
        let frame = Frame::parse(&unit[LENGTH_SIZE..], self.role, self.version)?;
        if self.proofs > 0 && !matches!(frame.kind, Kind::Auth | Kind::Goaway) {
            return Err(ProtocolError::Unproven(frame.kind));
        }
        Ok(Event::Frame(frame))
    }

    /// Updates the state for the units that follow `event`.
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Preface(preface) => self.version = preface.version.min(VERSION),
            Event::Frame(Frame { kind: Kind::Auth, .. }) => self.proofs -= 1,
            Event::Frame(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::{MAX_METHOD_NAME, NONCE_SIZE, PROOF_SIZE, flag, preface_flag};
    use super::*;
    use proptest::prelude::*;

    /// An [`Event`] that owns its body.
    #[derive(Clone, Debug, PartialEq)]
    enum Owned {
        Preface(Preface),
        Frame {
            kind: Kind,
            flags: u8,
            sequence: u32,
            code: u16,
            amount: u32,
            body: Vec<u8>,
        },
    }

    impl From<Event<'_>> for Owned {
        fn from(event: Event<'_>) -> Owned {
            match event {
                Event::Preface(preface) => Owned::Preface(preface),
                Event::Frame(Frame {
                    kind,
                    flags,
                    sequence,
                    code,
                    amount,
                    body,
                }) => Owned::Frame {
                    kind,
                    flags,
                    sequence,
                    code,
                    amount,
                    body: body.to_vec(),
                },
            }
        }
    }

    impl Owned {
        fn encode(&self, out: &mut Vec<u8>) {
            match self {
                Owned::Preface(preface) => preface.encode(out),
                Owned::Frame {
                    kind,
                    flags,
                    sequence,
                    code,
                    amount,
                    body,
                } => Frame {
                    kind: *kind,
                    flags: *flags,
                    sequence: *sequence,
                    code: *code,
                    amount: *amount,
                    body,
                }
                .encode(out),
            }
        }
    }

    fn feed<'a>(
        role: Role,
        limit: u32,
        chunks: impl Iterator<Item = &'a [u8]>,
    ) -> (Vec<Owned>, Result<(), ProtocolError>) {
        feed_to(Splitter::new(role, limit), limit, chunks)
    }

    fn feed_to<'a>(
        mut splitter: Splitter,
        limit: u32,
        chunks: impl Iterator<Item = &'a [u8]>,
    ) -> (Vec<Owned>, Result<(), ProtocolError>) {
        let mut seen = Vec::new();
        for chunk in chunks {
            let taken = splitter.push(chunk, |event| {
                seen.push(event.into());
                true
            });
            match taken {
                Ok(taken) => assert_eq!(taken, chunk.len()),
                Err(error) => return (seen, Err(error)),
            }
        }
        let left = splitter.buffered();
        assert!(left < limit as usize + LENGTH_SIZE + PREFACE_SIZE);
        (seen, Ok(()))
    }

    fn server_units() -> Vec<Owned> {
        let frame = |kind, flags, sequence, code, amount, body: &[u8]| Owned::Frame {
            kind,
            flags,
            sequence,
            code,
            amount,
            body: body.to_vec(),
        };
        vec![
            Owned::Preface(Preface {
                version: 2,
                flags: 0,
                max_frame: 1 << 20,
                max_calls: 0,
                window: 0,
            }),
            frame(Kind::Method, 0, 0, 0, 0, b"title"),
            frame(Kind::Request, flag::DEADLINE, 0xffff_ffff, 0, 1500, b"\x03\xe8"),
            frame(Kind::Request, 0, 1, 0, 0, b""),
            frame(Kind::Cancel, 0, 1, 0, 0, b""),
            frame(
                Kind::Request,
                flag::METADATA | flag::STREAMS,
                2,
                0,
                0,
                b"\0\x05\x01k\0\x01v",
            ),
            frame(Kind::Message, 0, 2, 0, 0, b"java"),
            frame(Kind::Message, 0, 2, 0, 0, b""),
            frame(Kind::Credit, 0, 2, 0, 4096, b""),
            frame(Kind::End, 0, 2, 0, 0, b""),
            frame(Kind::Ping, 0, 9, 0, 0, b""),
            frame(Kind::Goaway, 0, 0, 0, 0, b"bye"),
        ]
    }

    fn stream(units: &[Owned]) -> Vec<u8> {
        let mut bytes = Vec::new();
        units.iter().for_each(|unit| unit.encode(&mut bytes));
        bytes
    }

    #[test]
    fn split_at_every_byte() {
        let units = server_units();
        let bytes = stream(&units);
        for cut in 0..=bytes.len() {
            let (first, second) = bytes.split_at(cut);
            assert_eq!(
                feed(Role::Server, 64, [first, second].into_iter()),
                (units.clone(), Ok(())),
                "cut at {cut}"
            );
        }
        assert_eq!(feed(Role::Server, 64, bytes.chunks(1)), (units, Ok(())));
    }

    /// The lower of the two versions is used; this end's is 2.
    #[test]
    fn the_preface_says_what_is_understood() {
        for (version, understood) in [(1, false), (2, true), (255, true)] {
            let mut bytes = Vec::new();
            Preface {
                version,
                flags: 0,
                max_frame: 1024,
                max_calls: 1,
                window: 1,
            }
            .encode(&mut bytes);
            bytes.extend_from_slice(b"\0\0\0\x06\x09\0\0\0\0\x01");
            for size in 1..=bytes.len() {
                let (seen, result) = feed(Role::Client, 64, bytes.chunks(size));
                let expected = if understood {
                    Ok(())
                } else {
                    Err(ProtocolError::UnknownKind(9))
                };
                assert_eq!((seen.len(), result), (1 + usize::from(understood), expected));
            }
        }
    }

    /// The units before and including the proof, by the role of the reader. More may follow in the same read.
    fn guarded_stream(role: Role) -> (Vec<Owned>, usize) {
        let auth = |size| Owned::Frame {
            kind: Kind::Auth,
            flags: 0,
            sequence: 0,
            code: 0,
            amount: 0,
            body: vec![7; size],
        };
        let ping = Owned::Frame {
            kind: Kind::Ping,
            flags: 0,
            sequence: 1,
            code: 0,
            amount: 0,
            body: vec![],
        };
        let mut units = vec![Owned::Preface(Preface {
            version: 2,
            flags: preface_flag::SECRET,
            max_frame: 1024,
            max_calls: 1,
            window: 1,
        })];
        match role {
            Role::Server => units.push(auth(NONCE_SIZE + PROOF_SIZE)),
            Role::Client => units.extend([auth(NONCE_SIZE), auth(PROOF_SIZE)]),
        }
        let proven = units.len();
        units.push(ping);
        (units, proven)
    }

    #[test]
    fn frames_follow_the_proof_and_never_come_ahead_of_it() {
        for role in [Role::Server, Role::Client] {
            let guarded = || Splitter::new(role, 1 << 20).guarded();
            let (units, proven) = guarded_stream(role);
            let bytes = stream(&units);
            for size in 1..=bytes.len() {
                let seen = feed_to(guarded(), 1 << 20, bytes.chunks(size));
                assert_eq!(seen, (units.clone(), Ok(())), "in pieces of {size}");
            }
            for early in 1..proven {
                let mut wrong = units[..early].to_vec();
                wrong.push(units[proven].clone());
                let (seen, result) = feed_to(guarded(), 1 << 20, std::iter::once(&stream(&wrong)[..]));
                assert_eq!((seen.len(), result), (early, Err(ProtocolError::Unproven(Kind::Ping))));
            }
            let mut again = units.clone();
            again.push(units[proven - 1].clone());
            let (seen, result) = feed_to(guarded(), 1 << 20, std::iter::once(&stream(&again)[..]));
            assert_eq!((seen.len(), result), (proven + 1, Err(ProtocolError::UnknownKind(12))));
            // A goaway explains why there will be no proof.
            let goaway = b"\0\0\0\x08\x08\0\0\0\0\0\0\x07";
            let (seen, result) = feed_to(guarded(), 1 << 20, [&stream(&units[..1])[..], goaway].into_iter());
            assert_eq!((seen.len(), result), (2, Ok(())));
            // Without a secret, the `Auth` kind does not exist.
            let (seen, result) = feed(role, 1 << 20, std::iter::once(&bytes[..]));
            assert_eq!((seen.len(), result), (1, Err(ProtocolError::UnknownKind(12))));
        }
    }

    #[test]
    fn little_is_held_before_a_proof() {
        for role in [Role::Server, Role::Client] {
            let (units, proven) = guarded_stream(role);
            let mut splitter = Splitter::new(role, u32::MAX).guarded();
            let take = |splitter: &mut Splitter, bytes: &[u8]| splitter.push(bytes, |_| true);
            take(&mut splitter, &stream(&units[..proven - 1])).unwrap();
            let length = UNPROVEN_LIMIT + 1;
            let error = ProtocolError::TooLarge {
                length,
                limit: UNPROVEN_LIMIT,
            };
            assert_eq!(take(&mut splitter, &length.to_be_bytes()), Err(error));
            let mut splitter = Splitter::new(role, u32::MAX).guarded();
            take(&mut splitter, &stream(&units[..proven])).unwrap();
            assert!(take(&mut splitter, &length.to_be_bytes()).is_ok());
            let mut splitter = Splitter::new(role, 70).guarded();
            take(&mut splitter, &stream(&units[..1])).unwrap();
            let error = ProtocolError::TooLarge { length: 71, limit: 70 };
            assert_eq!(take(&mut splitter, &71u32.to_be_bytes()), Err(error));
        }
    }

    #[test]
    fn foreign_protocols_fail_at_the_first_wrong_byte() {
        let (seen, result) = feed(Role::Server, 64, std::iter::once(&b"G"[..]));
        assert_eq!((seen.len(), result), (0, Err(ProtocolError::NotRpc)));
        let (_, result) = feed(Role::Server, 64, b"IWRQ".chunks(1));
        assert_eq!(result, Err(ProtocolError::NotRpc));
        for record in [b"\x16\x03\x01\x02\x00", b"\x15\x03\x03\x00\x02"] {
            let (_, result) = feed(Role::Client, 64, record.chunks(1));
            assert_eq!(result, Err(ProtocolError::Tls));
        }
        let (_, result) = feed(Role::Server, 64, b"IWRP\0\0\0\0\0\0\0\0\0\0\0\0".chunks(3));
        assert_eq!(result, Err(ProtocolError::Version(0)));
    }

    #[test]
    fn oversized_lengths_fail_before_their_bytes_come_and_allocate_nothing() {
        let mut bytes = Vec::new();
        Preface {
            version: 1,
            flags: 0,
            max_frame: 64,
            max_calls: 1,
            window: 0,
        }
        .encode(&mut bytes);
        bytes.extend_from_slice(&65u32.to_be_bytes());
        let mut splitter = Splitter::new(Role::Client, 64);
        let mut count = 0;
        let mut sink = |_: Event<'_>| {
            count += 1;
            true
        };
        let error = ProtocolError::TooLarge { length: 65, limit: 64 };
        assert_eq!(splitter.push(&bytes, &mut sink), Err(error));
        assert_eq!(
            splitter.push(b"more", &mut sink),
            Err(error),
            "a failed splitter stays failed"
        );
        assert_eq!((count, splitter.buffered(), splitter.assembler.capacity()), (1, 0, 0));
        // A length within the limit does not cause an allocation before its bytes arrive.
        let mut splitter = Splitter::new(Role::Client, u32::MAX);
        splitter.push(&bytes[..PREFACE_SIZE], |_| true).unwrap();
        splitter.push(&[0xff; 4], |_| true).unwrap();
        assert!(splitter.assembler.capacity() <= 64);
    }

    #[test]
    fn a_large_frame_gives_its_buffer_back() {
        let body = vec![7; 1 << 20];
        let large = Owned::Frame {
            kind: Kind::Reply,
            flags: 0,
            sequence: 1,
            code: 0,
            amount: 0,
            body,
        };
        let bytes = stream(&[
            Owned::Preface(Preface {
                version: 1,
                flags: 0,
                max_frame: 0,
                max_calls: 1,
                window: 0,
            }),
            large.clone(),
        ]);
        let mut splitter = Splitter::new(Role::Client, 2 << 20);
        let mut seen = Vec::new();
        for chunk in bytes.chunks(64 * 1024) {
            let taken = splitter.push(chunk, |event| {
                seen.push(Owned::from(event));
                true
            });
            assert_eq!(taken, Ok(chunk.len()));
        }
        assert!(seen[1] == large);
        assert!(splitter.assembler.capacity() <= 64 * 1024);
    }

    fn any_unit(role: Role) -> BoxedStrategy<Owned> {
        let body = || prop::collection::vec(any::<u8>(), 0..300);
        let frame = |kind, flags, sequence, code, amount, body| Owned::Frame {
            kind,
            flags,
            sequence,
            code,
            amount,
            body,
        };
        let bare = move |kind| any::<u32>().prop_map(move |sequence| frame(kind, 0, sequence, 0, 0, vec![]));
        let block = || prop::collection::vec(any::<u8>(), 0..40);
        // Optional metadata at the front, with its flag.
        let metadata = move || {
            any::<Option<[u8; 3]>>().prop_map(|value| match value {
                Some(value) => (flag::METADATA, [&b"\0\x0b\x05k-bin\0\x03"[..], &value].concat()),
                None => (0, vec![]),
            })
        };
        let both = prop_oneof![
            bare(Kind::Ping),
            bare(Kind::Pong),
            (any::<u16>(), body()).prop_map(move |(code, text)| frame(Kind::Goaway, 0, 0, code, 0, text)),
            (any::<u32>(), body()).prop_map(move |(sequence, body)| frame(Kind::Message, 0, sequence, 0, 0, body)),
            (any::<u32>(), any::<u32>()).prop_map(move |(sequence, amount)| frame(
                Kind::Credit,
                0,
                sequence,
                0,
                amount,
                vec![]
            )),
        ];
        match role {
            Role::Server => prop_oneof![
                both,
                (any::<u16>(), prop::collection::vec(any::<u8>(), 1..=MAX_METHOD_NAME))
                    .prop_map(move |(code, name)| frame(Kind::Method, 0, 0, code, 0, name)),
                (any::<u32>(), any::<u16>(), any::<Option<u32>>(), metadata(), body()).prop_map(
                    move |(sequence, code, deadline, (mut flags, mut start), body)| {
                        start.extend_from_slice(&body);
                        flags |= deadline.map_or(0, |_| flag::DEADLINE);
                        flags |= [0, flag::TAKES_STREAM, flag::ONE_WAY][sequence as usize % 3];
                        frame(Kind::Request, flags, sequence, code, deadline.unwrap_or(0), start)
                    }
                ),
                bare(Kind::Cancel),
                bare(Kind::End),
            ]
            .boxed(),
            Role::Client => prop_oneof![
                both,
                (any::<u32>(), metadata(), body()).prop_map(move |(sequence, (flags, start), body)| {
                    frame(Kind::Reply, flags, sequence, 0, 0, [start, body].concat())
                }),
                (any::<u32>(), any::<u16>(), metadata(), block(), block(), body()).prop_map(
                    move |(sequence, status, (flags, mut text), details, code, message)| {
                        for block in [&details, &code] {
                            text.extend_from_slice(&(block.len() as u16).to_be_bytes());
                            text.extend_from_slice(block);
                        }
                        text.extend_from_slice(&message);
                        frame(Kind::Error, flags | flag::DETAILS, sequence, status, 0, text)
                    }
                ),
            ]
            .boxed(),
        }
    }

    fn any_stream() -> impl Strategy<Value = (Role, Vec<Owned>)> {
        prop_oneof![Just(Role::Server), Just(Role::Client)].prop_flat_map(|role| {
            let preface = (2..=u8::MAX, any::<u8>(), any::<u32>(), any::<u32>(), any::<u16>()).prop_map(
                |(version, flags, max_frame, max_calls, window)| {
                    Owned::Preface(Preface {
                        version,
                        flags,
                        max_frame,
                        max_calls,
                        window,
                    })
                },
            );
            (Just(role), preface, prop::collection::vec(any_unit(role), 0..20)).prop_map(
                |(role, preface, mut units)| {
                    units.insert(0, preface);
                    (role, units)
                },
            )
        })
    }

    /// Cuts `bytes` into pieces whose sizes repeat `sizes`.
    fn cut<'a>(mut bytes: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
        let mut turn = sizes.iter().cycle();
        std::iter::from_fn(move || {
            if bytes.is_empty() {
                return None;
            }
            let (piece, rest) = bytes.split_at((*turn.next()?).min(bytes.len()));
            bytes = rest;
            Some(piece)
        })
    }

    proptest! {
        /// Encoding and splitting are inverse, wherever the stream is cut.
        #[test]
        fn round_trip((role, units) in any_stream(), sizes in prop::collection::vec(1usize..400, 1..8)) {
            let bytes = stream(&units);
            prop_assert_eq!(feed(role, 4096, cut(&bytes, &sizes)), (units, Ok(())));
        }

        /// A sink that refuses units gets each of them again, and none twice.
        #[test]
        fn refused_units_come_again(
            (role, units) in any_stream(),
            sizes in prop::collection::vec(1usize..400, 1..8),
            patience in prop::collection::vec(0usize..4, 1..8),
        ) {
            let bytes = stream(&units);
            let mut splitter = Splitter::new(role, 4096);
            let mut patience = patience.iter().cycle();
            let mut seen: Vec<Owned> = Vec::new();
            for chunk in cut(&bytes, &sizes) {
                let mut rest = chunk;
                loop {
                    // It accepts one more each time, so that each push makes progress.
                    let (mut left, mut refused) = (1 + patience.next().unwrap(), false);
                    let taken = splitter.push(rest, |event| {
                        refused = left == 0;
                        if !refused {
                            left -= 1;
                            seen.push(event.into());
                        }
                        !refused
                    });
                    rest = &rest[taken.unwrap()..];
                    if !refused {
                        break;
                    }
                }
                prop_assert!(rest.is_empty());
            }
            prop_assert_eq!((seen, splitter.buffered()), (units, 0));
        }

        /// What version 1 understands of a stream, version 2 understands in the same way.
        #[test]
        fn version_2_extends_version_1((role, mut units) in any_stream(), limit in 40u32..400) {
            let mut seen = [1, 2].map(|version| {
                if let Some(Owned::Preface(preface)) = units.first_mut() {
                    preface.version = version;
                }
                let bytes = stream(&units);
                feed(role, limit, std::iter::once(&bytes[..])).0.split_off(1)
            });
            let [first, second] = &mut seen;
            second.truncate(first.len());
            prop_assert_eq!(first, second);
        }

        /// Arbitrary bytes give the same events and the same error when cut as when whole.
        #[test]
        fn cutting_changes_nothing(
            (role, units) in any_stream(),
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            sizes in prop::collection::vec(1usize..50, 1..8),
        ) {
            let mut bytes = stream(&units);
            for (at, value) in flips {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            let whole = feed(role, 1024, std::iter::once(&bytes[..]));
            prop_assert_eq!(feed(role, 1024, cut(&bytes, &sizes)), whole);
            let guarded = || Splitter::new(role, 1024).guarded();
            let whole = feed_to(guarded(), 1024, std::iter::once(&bytes[..]));
            prop_assert_eq!(feed_to(guarded(), 1024, cut(&bytes, &sizes)), whole);
        }
    }
}
