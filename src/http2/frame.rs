//! Frames (RFC 9113, 4 and 6): parsing and encoding, and the checks of a frame that do not depend on other frames.

use std::fmt;

/// The first bytes of a client's connection, before its first frame (RFC 9113, 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The length of a frame's head, in bytes.
pub const HEAD: usize = 9;

/// The longest payload that a peer accepts until it announces another limit, in bytes.
pub const DEFAULT_MAX_FRAME: u32 = 16_384;
/// The largest limit of a payload that can be announced.
pub const MAX_FRAME: u32 = (1 << 24) - 1;
/// The largest flow control window, in bytes.
pub const MAX_WINDOW: u32 = i32::MAX as u32;
/// The initial flow control window of streams and connections, in bytes.
pub const DEFAULT_WINDOW: u32 = 65_535;

/// An error code of a stream or connection (RFC 9113, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u32);

#[allow(missing_docs, reason = "these are the names of the RFC")]
impl Code {
    pub const NO_ERROR: Code = Code(0);
    pub const PROTOCOL_ERROR: Code = Code(1);
    pub const INTERNAL_ERROR: Code = Code(2);
    pub const FLOW_CONTROL_ERROR: Code = Code(3);
    pub const SETTINGS_TIMEOUT: Code = Code(4);
    pub const STREAM_CLOSED: Code = Code(5);
    pub const FRAME_SIZE_ERROR: Code = Code(6);
    pub const REFUSED_STREAM: Code = Code(7);
    pub const CANCEL: Code = Code(8);
    pub const COMPRESSION_ERROR: Code = Code(9);
    pub const CONNECT_ERROR: Code = Code(10);
    pub const ENHANCE_YOUR_CALM: Code = Code(11);
    pub const INADEQUATE_SECURITY: Code = Code(12);
    pub const HTTP_1_1_REQUIRED: Code = Code(13);
}

/// The types of frames.
#[allow(missing_docs, reason = "these are the names of the RFC")]
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
    /// RFC 7838.
    pub const ALTSVC: u8 = 10;
    /// RFC 8336.
    pub const ORIGIN: u8 = 12;
}

/// The flags of frames. Their meaning depends on the type of the frame.
pub mod flag {
    /// In `DATA` and `HEADERS`: the sender ends its side of the stream.
    pub const END_STREAM: u8 = 0x1;
    /// In `SETTINGS` and `PING`: the frame is an acknowledgement.
    pub const ACK: u8 = 0x1;
    /// In `HEADERS`, `PUSH_PROMISE` and `CONTINUATION`: the field block ends with this frame.
    pub const END_HEADERS: u8 = 0x4;
    /// In `DATA`, `HEADERS` and `PUSH_PROMISE`: the payload is padded.
    pub const PADDED: u8 = 0x8;
    /// In `HEADERS`: the payload starts with a priority.
    pub const PRIORITY: u8 = 0x20;
}

/// The identifiers of settings (RFC 9113, 6.5.2; RFC 8441).
#[allow(missing_docs, reason = "these are the names of the RFC")]
pub mod setting {
    pub const HEADER_TABLE_SIZE: u16 = 1;
    pub const ENABLE_PUSH: u16 = 2;
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    pub const MAX_FRAME_SIZE: u16 = 5;
    pub const MAX_HEADER_LIST_SIZE: u16 = 6;
    pub const ENABLE_CONNECT_PROTOCOL: u16 = 8;
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The length of the payload, in bytes.
    pub length: u32,
    /// One of [`kind`]. Frames of other types are ignored.
    pub kind: u8,
    /// A combination of [`flag`]s.
    pub flags: u8,
    /// The stream, or 0 for the connection.
    pub stream: u32,
}

impl Head {
    /// Parses a head.
    pub fn parse(octets: [u8; HEAD]) -> Head {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = octets;
        Head {
            length: u32::from_be_bytes([0, l0, l1, l2]),
            kind,
            flags,
            // The first bit is reserved.
            stream: u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]),
        }
    }

    /// Appends the head to `out`.
    pub fn encode(self, out: &mut Vec<u8>) {
        let [_, l0, l1, l2] = self.length.to_be_bytes();
        let [s0, s1, s2, s3] = self.stream.to_be_bytes();
        out.extend_from_slice(&[l0, l1, l2, self.kind, self.flags, s0, s1, s2, s3]);
    }

    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A parsed frame, checked as far as that is possible without any other frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "these are the names and fields of the RFC")]
pub enum Frame<'a> {
    Data {
        stream: u32,
        data: &'a [u8],
        /// The length of the padding including its length byte. It counts for flow control, too.
        padding: u32,
        ends: bool,
    },
    /// The first part of a field block, or the whole one.
    Headers {
        stream: u32,
        block: &'a [u8],
        whole: bool,
        ends: bool,
        /// The stream that this one depends on, if the frame has a priority. Priorities are otherwise ignored (RFC
        /// 9113, 5.3.2).
        parent: Option<u32>,
    },
    Priority {
        stream: u32,
        parent: u32,
    },
    Reset {
        stream: u32,
        code: Code,
    },
    Settings(Settings<'a>),
    SettingsAck,
    PushPromise {
        stream: u32,
        promised: u32,
        block: &'a [u8],
        whole: bool,
    },
    Ping([u8; 8]),
    Pong([u8; 8]),
    Goaway {
        last: u32,
        code: Code,
        debug: &'a [u8],
    },
    WindowUpdate {
        stream: u32,
        by: u32,
    },
    Continuation {
        stream: u32,
        block: &'a [u8],
        whole: bool,
    },
    /// `ALTSVC` or `ORIGIN`. The payload is not parsed.
    Extension {
        kind: u8,
        stream: u32,
        payload: &'a [u8],
    },
    /// A frame of an unknown type, to be ignored.
    Unknown,
}

/// The complete payload of a received `SETTINGS` frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings<'a>(&'a [u8]);

impl Settings<'_> {
    /// The identifier and value of each setting, in the order of the frame.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u32)> {
        self.0.chunks_exact(6).map(|octets| {
            let number = u16::from_be_bytes([octets[0], octets[1]]);
            (number, u32::from_be_bytes([octets[2], octets[3], octets[4], octets[5]]))
        })
    }
}

/// An error caused by a received frame, with its code and a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The connection fails.
    Connection(Code, &'static str),
    /// The stream with this number is reset.
    Stream(u32, Code, &'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Connection(Code(code), why) => write!(f, "{why} (error {code})"),
            Error::Stream(stream, Code(code), why) => write!(f, "{why} (stream {stream}, error {code})"),
        }
    }
}

impl std::error::Error for Error {}

fn wrong_size(why: &'static str) -> Error {
    Error::Connection(Code::FRAME_SIZE_ERROR, why)
}

fn malformed(why: &'static str) -> Error {
    Error::Connection(Code::PROTOCOL_ERROR, why)
}

impl<'a> Frame<'a> {
    /// Parses a frame from its head and its complete payload.
    ///
    /// # Errors
    /// The errors of RFC 9113 for a frame that is malformed whatever came before it.
    pub fn parse(head: Head, payload: &'a [u8]) -> Result<Frame<'a>, Error> {
        let stream = head.stream;
        let is_of_connection = matches!(head.kind, kind::SETTINGS | kind::PING | kind::GOAWAY);
        if is_of_connection && stream != 0 {
            return Err(malformed("a frame that belongs to the connection has a stream number"));
        }
        if stream == 0 && !is_of_connection && head.kind < kind::WINDOW_UPDATE
            || head.kind == kind::CONTINUATION && stream == 0
        {
            return Err(malformed("a frame that belongs to a stream has the stream number 0"));
        }
        Ok(match head.kind {
            kind::DATA => {
                let (data, padding) = unpad(head, payload)?;
                Frame::Data {
                    stream,
                    data,
                    padding,
                    ends: head.has(flag::END_STREAM),
                }
            }
            kind::HEADERS => {
                let (mut block, _) = unpad(head, payload)?;
                let mut parent = None;
                if head.has(flag::PRIORITY) {
                    let (&[p0, p1, p2, p3, _weight], rest) = block
                        .split_first_chunk()
                        .ok_or_else(|| wrong_size("a HEADERS frame is too short for its priority"))?;
                    parent = Some(u32::from_be_bytes([p0 & 0x7f, p1, p2, p3]));
                    block = rest;
                }
                Frame::Headers {
                    stream,
                    block,
                    whole: head.has(flag::END_HEADERS),
                    ends: head.has(flag::END_STREAM),
                    parent,
                }
            }
            kind::PRIORITY => {
                let &[p0, p1, p2, p3, _weight] = payload.try_into().map_err(|_| {
                    Error::Stream(stream, Code::FRAME_SIZE_ERROR, "a PRIORITY frame must have 5 octets")
                })?;
                let parent = u32::from_be_bytes([p0 & 0x7f, p1, p2, p3]);
                Frame::Priority { stream, parent }
            }
            kind::RST_STREAM => Frame::Reset {
                stream,
                code: Code(word(payload).ok_or_else(|| wrong_size("a RST_STREAM frame must have 4 octets"))?),
            },
            kind::SETTINGS if head.has(flag::ACK) && payload.is_empty() => Frame::SettingsAck,
            kind::SETTINGS if head.has(flag::ACK) => {
                return Err(wrong_size("an acknowledgement of SETTINGS must not have a payload"));
            }
            kind::SETTINGS if payload.len().is_multiple_of(6) => Frame::Settings(Settings(payload)),
            kind::SETTINGS => return Err(wrong_size("the length of a SETTINGS frame must be a multiple of 6")),
            kind::PUSH_PROMISE => {
                let (block, _) = unpad(head, payload)?;
                let (&[p0, p1, p2, p3], block) = block
                    .split_first_chunk()
                    .ok_or_else(|| wrong_size("a PUSH_PROMISE frame is too short for the promised stream"))?;
                Frame::PushPromise {
                    stream,
                    promised: u32::from_be_bytes([p0 & 0x7f, p1, p2, p3]),
                    block,
                    whole: head.has(flag::END_HEADERS),
                }
            }
            kind::PING => {
                let octets = payload
                    .try_into()
                    .map_err(|_| wrong_size("a PING frame must have 8 octets"))?;
                if head.has(flag::ACK) {
                    Frame::Pong(octets)
                } else {
                    Frame::Ping(octets)
                }
            }
            kind::GOAWAY => {
                let (&[l0, l1, l2, l3, c0, c1, c2, c3], debug) = payload
                    .split_first_chunk()
                    .ok_or_else(|| wrong_size("a GOAWAY frame must have at least 8 octets"))?;
                Frame::Goaway {
                    last: u32::from_be_bytes([l0 & 0x7f, l1, l2, l3]),
                    code: Code(u32::from_be_bytes([c0, c1, c2, c3])),
                    debug,
                }
            }
            kind::WINDOW_UPDATE => {
                let by =
                    word(payload).ok_or_else(|| wrong_size("a WINDOW_UPDATE frame must have 4 octets"))? & MAX_WINDOW;
                match (by, stream) {
                    (0, 0) => {
                        return Err(malformed(
                            "a WINDOW_UPDATE frame for the connection has an increment of 0",
                        ));
                    }
                    (0, _) => {
                        return Err(Error::Stream(
                            stream,
                            Code::PROTOCOL_ERROR,
                            "a WINDOW_UPDATE frame has an increment of 0",
                        ));
                    }
                    _ => Frame::WindowUpdate { stream, by },
                }
            }
            kind::CONTINUATION => Frame::Continuation {
                stream,
                block: payload,
                whole: head.has(flag::END_HEADERS),
            },
            kind::ALTSVC | kind::ORIGIN => Frame::Extension {
                kind: head.kind,
                stream,
                payload,
            },
            _ => Frame::Unknown,
        })
    }
}

fn word(payload: &[u8]) -> Option<u32> {
    payload.try_into().ok().map(u32::from_be_bytes)
}

/// The payload without its padding, and the length of the padding including its length byte.
fn unpad(head: Head, payload: &[u8]) -> Result<(&[u8], u32), Error> {
    if !head.has(flag::PADDED) {
        return Ok((payload, 0));
    }
    let (&padding, rest) = payload
        .split_first()
        .ok_or_else(|| wrong_size("a padded frame is too short for the length of its padding"))?;
    let length = rest
        .len()
        .checked_sub(padding.into())
        .ok_or_else(|| malformed("the padding of a frame is longer than its payload"))?;
    Ok((&rest[..length], u32::from(padding) + 1))
}

/// Appends a frame with this payload.
pub fn encode(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    Head {
        length: payload.len() as u32,
        kind,
        flags,
        stream,
    }
    .encode(out);
    out.extend_from_slice(payload);
}

/// Appends a `SETTINGS` frame of pairs of an identifier and a value.
pub fn settings(settings: &[(u16, u32)], out: &mut Vec<u8>) {
    Head {
        length: 6 * settings.len() as u32,
        kind: kind::SETTINGS,
        flags: 0,
        stream: 0,
    }
    .encode(out);
    for (number, value) in settings {
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Appends `RST_STREAM`.
pub fn reset(stream: u32, code: Code, out: &mut Vec<u8>) {
    encode(kind::RST_STREAM, 0, stream, &code.0.to_be_bytes(), out);
}

/// Appends `WINDOW_UPDATE`.
pub fn window_update(stream: u32, by: u32, out: &mut Vec<u8>) {
    encode(kind::WINDOW_UPDATE, 0, stream, &by.to_be_bytes(), out);
}

/// Appends `GOAWAY`.
pub fn goaway(last: u32, code: Code, debug: &[u8], out: &mut Vec<u8>) {
    let payload = [&last.to_be_bytes()[..], &code.0.to_be_bytes(), debug].concat();
    encode(kind::GOAWAY, 0, 0, &payload, out);
}

/// Appends a field block: a frame of `kind` (`HEADERS` or `PUSH_PROMISE`), and as many `CONTINUATION` frames as it
/// needs if no payload may be longer than `max_frame`.
pub fn block(kind: u8, flags: u8, stream: u32, block: &[u8], max_frame: u32, out: &mut Vec<u8>) {
    let mut parts = block.chunks(max_frame as usize);
    let mut part = parts.next().unwrap_or_default();
    let (mut kind, mut flags) = (kind, flags);
    loop {
        let next = parts.next();
        let ends = if next.is_none() { flag::END_HEADERS } else { 0 };
        encode(kind, flags | ends, stream, part, out);
        let Some(behind) = next else { return };
        (part, kind, flags) = (behind, kind::CONTINUATION, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<Frame<'_>, Error> {
        let mut out = Vec::new();
        encode(kind, flags, stream, payload, &mut out);
        let head = Head::parse(*out.first_chunk().unwrap());
        assert_eq!(head.length as usize, payload.len());
        Frame::parse(head, payload)
    }

    #[test]
    fn padding_counts_and_is_taken_off() {
        let padded = flag::PADDED | flag::END_STREAM;
        assert_eq!(
            parse(kind::DATA, padded, 1, &[2, b'h', b'i', 0, 0]),
            Ok(Frame::Data {
                stream: 1,
                data: b"hi",
                padding: 3,
                ends: true
            })
        );
        let too_much = parse(kind::DATA, padded, 1, &[3, b'h', b'i']);
        assert!(matches!(too_much, Err(Error::Connection(Code::PROTOCOL_ERROR, _))));
        let all = parse(kind::DATA, padded, 1, &[2, 0, 0]);
        assert!(matches!(
            all,
            Ok(Frame::Data {
                data: b"",
                padding: 3,
                ..
            })
        ));
        let none = parse(kind::HEADERS, flag::PADDED, 1, &[]);
        assert!(matches!(none, Err(Error::Connection(Code::FRAME_SIZE_ERROR, _))));
    }

    #[test]
    fn what_a_frame_must_be_by_itself() {
        use Code as C;
        for (kind, flags, stream, payload, code) in [
            (kind::DATA, 0, 0, &[0; 4][..], C::PROTOCOL_ERROR),
            (kind::HEADERS, 0, 0, &[0; 4], C::PROTOCOL_ERROR),
            (kind::PRIORITY, 0, 0, &[0; 5], C::PROTOCOL_ERROR),
            (kind::RST_STREAM, 0, 0, &[0; 4], C::PROTOCOL_ERROR),
            (kind::RST_STREAM, 0, 1, &[0; 5], C::FRAME_SIZE_ERROR),
            (kind::SETTINGS, 0, 1, &[], C::PROTOCOL_ERROR),
            (kind::SETTINGS, 0, 0, &[0; 5], C::FRAME_SIZE_ERROR),
            (kind::SETTINGS, flag::ACK, 0, &[0; 6], C::FRAME_SIZE_ERROR),
            (kind::PUSH_PROMISE, 0, 0, &[0; 4], C::PROTOCOL_ERROR),
            (kind::PUSH_PROMISE, 0, 1, &[0; 3], C::FRAME_SIZE_ERROR),
            (kind::PING, 0, 1, &[0; 8], C::PROTOCOL_ERROR),
            (kind::PING, 0, 0, &[0; 7], C::FRAME_SIZE_ERROR),
            (kind::GOAWAY, 0, 1, &[0; 8], C::PROTOCOL_ERROR),
            (kind::GOAWAY, 0, 0, &[0; 7], C::FRAME_SIZE_ERROR),
            (kind::WINDOW_UPDATE, 0, 0, &[0; 4], C::PROTOCOL_ERROR),
            (kind::WINDOW_UPDATE, 0, 0, &[0; 5], C::FRAME_SIZE_ERROR),
            (kind::CONTINUATION, 0, 0, &[0; 4], C::PROTOCOL_ERROR),
            (kind::HEADERS, flag::PRIORITY, 1, &[0; 4], C::FRAME_SIZE_ERROR),
        ] {
            let found = parse(kind, flags, stream, payload);
            assert!(
                matches!(found, Err(Error::Connection(c, _)) if c == code),
                "{kind} {found:?}"
            );
        }
        for (kind, payload, code) in [
            (kind::PRIORITY, &[0; 4][..], C::FRAME_SIZE_ERROR),
            (kind::WINDOW_UPDATE, &[0; 4], C::PROTOCOL_ERROR),
        ] {
            let found = parse(kind, 0, 3, payload);
            assert!(
                matches!(found, Err(Error::Stream(3, c, _)) if c == code),
                "{kind} {found:?}"
            );
        }
        // Frames of unknown types are valid for any stream.
        assert_eq!(parse(11, 0xff, 0, &[1]), Ok(Frame::Unknown));
        assert_eq!(parse(200, 0, 5, &[]), Ok(Frame::Unknown));
    }

    #[test]
    fn settings_are_pairs() {
        let mut out = Vec::new();
        settings(&[(setting::MAX_FRAME_SIZE, 20_000), (0xabc, u32::MAX)], &mut out);
        let Ok(Frame::Settings(found)) = Frame::parse(Head::parse(*out.first_chunk().unwrap()), &out[HEAD..]) else {
            panic!("no settings");
        };
        assert_eq!(found.iter().collect::<Vec<_>>(), [(5, 20_000), (0xabc, u32::MAX)]);
    }

    proptest! {
        #[test]
        fn blocks_are_cut_where_they_must_be(fields in prop::collection::vec(any::<u8>(), 0..100), max in 1u32..40, ends: bool) {
            let mut out = Vec::new();
            block(kind::HEADERS, if ends { flag::END_STREAM } else { 0 }, 7, &fields, max, &mut out);
            let (mut rest, mut found, mut last) = (&out[..], Vec::new(), false);
            while let Some((octets, behind)) = rest.split_first_chunk() {
                prop_assert!(!last);
                let head = Head::parse(*octets);
                prop_assert!(head.length <= max);
                let (payload, behind) = behind.split_at(head.length as usize);
                let (part, whole) = match Frame::parse(head, payload).unwrap() {
                    Frame::Headers { stream: 7, block, whole, ends: found_ends, parent: None } if found.is_empty() => {
                        prop_assert_eq!(found_ends, ends);
                        (block, whole)
                    }
                    Frame::Continuation { stream: 7, block, whole } => (block, whole),
                    other => return Err(TestCaseError::fail(format!("{other:?}"))),
                };
                found.extend_from_slice(part);
                last = whole;
                rest = behind;
            }
            prop_assert!(last);
            prop_assert_eq!(found, fields);
        }

        #[test]
        fn any_octets_are_a_frame_or_an_error(octets: [u8; HEAD], payload: Vec<u8>) {
            let head = Head { length: payload.len() as u32, ..Head::parse(octets) };
            let _ = Frame::parse(head, &payload);
        }
    }
}
