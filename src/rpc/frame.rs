//! One frame: its kinds, its header, and what makes it malformed.

use std::fmt;

/// The first four bytes that either peer sends.
pub const MAGIC: [u8; 4] = *b"IWRP";
/// The highest protocol version spoken here. A connection uses the lower of its two peers' versions.
pub const VERSION: u8 = 1;
/// Bytes of the preface: magic, version, three reserved bytes, two `u32` limits.
pub const PREFACE_SIZE: usize = 16;
/// Where the fields of the preface stand after the magic.
pub mod preface {
    /// The version, one byte, and three reserved ones.
    pub const VERSION: usize = 4;
    /// The largest frame, a `u32`.
    pub const MAX_FRAME: usize = 8;
    /// The most unanswered requests, a `u32`.
    pub const MAX_CALLS: usize = 12;
}
/// Bytes of the length prefix, which it does not count itself.
pub const LENGTH_SIZE: usize = 4;
/// Bytes of the header that every frame has after its length: kind, flags, sequence number.
pub const HEADER_SIZE: usize = 6;
/// Where the fields of that header stand in a frame, whose length prefix comes first.
pub mod header {
    /// The kind, one byte, and the flags, another.
    pub const KIND: usize = 4;
    /// The sequence number, a `u32`.
    pub const SEQUENCE: usize = 6;
}
/// Bytes of the code that a payload begins with, where its kind has one.
pub const CODE_SIZE: usize = 2;
/// Bytes of the milliseconds left that follow, with [`FLAG_DEADLINE`].
pub const DEADLINE_SIZE: usize = 4;
/// Set on a request that carries the milliseconds its caller still waits.
pub const FLAG_DEADLINE: u8 = 1;
/// Longest method name in bytes: names are identifiers, and a server keeps every declared one per connection.
pub const MAX_METHOD_NAME: usize = 255;
/// Why a peer ends the connection, as it says in a `Goaway`: listed in `docs/rpc-protocol.md`.
pub mod reason {
    /// It closes.
    pub const SHUTDOWN: u16 = 0;
    /// The other one broke the protocol.
    pub const PROTOCOL: u16 = 1;
    /// A frame is above the announced limit.
    pub const FRAME_TOO_LARGE: u16 = 2;
    /// The other one speaks something else.
    pub const NOT_RPC: u16 = 3;
    /// The other one does not read.
    pub const SLOW_READER: u16 = 4;
    /// Nothing is heard of the other one.
    pub const SILENT: u16 = 5;
}

/// Bytes that an error's payload has at least: status and length of the code.
pub const ERROR_PREFIX: usize = 4;

/// Which end of the connection reads the frames. Each kind travels in one direction only, or in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads methods, requests and cancellations.
    Server,
    /// Reads replies and errors.
    Client,
}

/// What a frame is. The discriminant is the byte on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Client to server: from here on this number stands for this name.
    Method = 1,
    /// Client to server: a call.
    Request = 2,
    /// Server to client: the result of a call.
    Reply = 3,
    /// Server to client: the failure of a call.
    Error = 4,
    /// Client to server: the caller no longer waits. The server still answers, once.
    Cancel = 5,
    /// Either way: answer with a `Pong` of the same sequence number.
    Ping = 6,
    /// Either way: the answer to a `Ping`.
    Pong = 7,
    /// Either way: send no new requests; the connection ends once those in flight are answered.
    Goaway = 8,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        Some(match byte {
            1 => Kind::Method,
            2 => Kind::Request,
            3 => Kind::Reply,
            4 => Kind::Error,
            5 => Kind::Cancel,
            6 => Kind::Ping,
            7 => Kind::Pong,
            8 => Kind::Goaway,
            _ => return None,
        })
    }

    fn may_reach(self, role: Role) -> bool {
        match self {
            Kind::Method | Kind::Request | Kind::Cancel => role == Role::Server,
            Kind::Reply | Kind::Error => role == Role::Client,
            Kind::Ping | Kind::Pong | Kind::Goaway => true,
        }
    }
}

/// The limits that a peer announces before its first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preface {
    /// The highest version that the peer speaks.
    pub version: u8,
    /// The largest value of a length prefix that the peer accepts, in bytes.
    pub max_frame: u32,
    /// The most unanswered requests that the peer accepts on this connection; 0 from a client.
    pub max_calls: u32,
}

impl Preface {
    /// Appends the preface's 16 bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[self.version, 0, 0, 0]);
        out.extend_from_slice(&self.max_frame.to_be_bytes());
        out.extend_from_slice(&self.max_calls.to_be_bytes());
    }

    /// Reads the preface from its 16 bytes, whose magic the splitter has seen already. Reserved bytes are not looked at, so that
    /// a later version can give them a meaning.
    pub(super) fn parse(bytes: &[u8; PREFACE_SIZE]) -> Result<Preface, ProtocolError> {
        let version = bytes[preface::VERSION];
        if version == 0 {
            return Err(ProtocolError::Version(version));
        }
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Ok(Preface {
            version,
            max_frame: word(preface::MAX_FRAME),
            max_calls: word(preface::MAX_CALLS),
        })
    }
}

/// One frame, its body borrowed from the bytes that it arrived in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the frame is.
    pub kind: Kind,
    /// Which call it belongs to; opaque for pings; 0 where it has no meaning.
    pub sequence: u32,
    /// The method's number in `Method` and `Request`, the status in `Error`, the reason in `Goaway`, otherwise 0.
    pub code: u16,
    /// Milliseconds that the caller of a `Request` still waits, when it said so.
    pub deadline: Option<u32>,
    /// The request's or reply's body; the method's name; after an error's status the length of its code (`u16`), the code and
    /// the message; the message of a `Goaway`.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Appends the frame, length prefix included, to `out`. The caller keeps to the receiver's limit.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; LENGTH_SIZE]);
        let flags = if self.deadline.is_some() { FLAG_DEADLINE } else { 0 };
        out.extend_from_slice(&[self.kind as u8, flags]);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        if has_code(self.kind) {
            out.extend_from_slice(&self.code.to_be_bytes());
        }
        if let Some(remaining) = self.deadline {
            out.extend_from_slice(&remaining.to_be_bytes());
        }
        out.extend_from_slice(self.body);
        let length = u32::try_from(out.len() - start - LENGTH_SIZE).expect("a frame under 4 GiB");
        out[start..start + LENGTH_SIZE].copy_from_slice(&length.to_be_bytes());
    }

    /// Reads what follows a length prefix: at least [`HEADER_SIZE`] bytes, which the splitter has made sure of.
    pub(super) fn parse(payload: &'a [u8], role: Role) -> Result<Frame<'a>, ProtocolError> {
        let Some((&[kind_byte, flags, s0, s1, s2, s3], mut rest)) = payload.split_first_chunk::<HEADER_SIZE>() else {
            return Err(ProtocolError::TooShort {
                kind: 0,
                length: payload.len(),
            });
        };
        let kind = Kind::from_byte(kind_byte).ok_or(ProtocolError::UnknownKind(kind_byte))?;
        if !kind.may_reach(role) {
            return Err(ProtocolError::WrongDirection(kind));
        }
        let allowed = if kind == Kind::Request { FLAG_DEADLINE } else { 0 };
        if flags & !allowed != 0 {
            return Err(ProtocolError::UnknownFlags { kind, flags });
        }
        let short = ProtocolError::TooShort {
            kind: kind_byte,
            length: payload.len(),
        };
        let mut code = 0;
        if has_code(kind) {
            let (bytes, after) = rest.split_first_chunk::<CODE_SIZE>().ok_or(short)?;
            (code, rest) = (u16::from_be_bytes(*bytes), after);
        }
        let mut deadline = None;
        if flags & FLAG_DEADLINE != 0 {
            let (bytes, after) = rest.split_first_chunk::<DEADLINE_SIZE>().ok_or(short)?;
            (deadline, rest) = (Some(u32::from_be_bytes(*bytes)), after);
        }
        check_body(kind, rest, payload.len())?;
        let sequence = u32::from_be_bytes([s0, s1, s2, s3]);
        Ok(Frame {
            kind,
            sequence,
            code,
            deadline,
            body: rest,
        })
    }
}

fn has_code(kind: Kind) -> bool {
    matches!(kind, Kind::Method | Kind::Request | Kind::Error | Kind::Goaway)
}

fn check_body(kind: Kind, body: &[u8], length: usize) -> Result<(), ProtocolError> {
    let fits = match kind {
        Kind::Method => !body.is_empty() && body.len() <= MAX_METHOD_NAME,
        Kind::Error => match body.split_first_chunk::<2>() {
            Some((size, text)) => usize::from(u16::from_be_bytes(*size)) <= text.len(),
            None => false,
        },
        Kind::Cancel | Kind::Ping | Kind::Pong => body.is_empty(),
        Kind::Request | Kind::Reply | Kind::Goaway => true,
    };
    if fits {
        Ok(())
    } else {
        Err(ProtocolError::BadBody { kind, length })
    }
}

/// Why a stream cannot be read on. The connection is of no further use: after a bad frame nobody knows where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The stream does not begin with [`MAGIC`]: the peer speaks something else.
    NotRpc,
    /// The peer's version is not one that this side can lower itself to.
    Version(u8),
    /// A length prefix above the limit that this side announced.
    TooLarge {
        /// What the prefix said, in bytes.
        length: u32,
        /// The limit, in bytes.
        limit: u32,
    },
    /// A frame shorter than its kind's fixed fields; kind 0 when even the header is not whole.
    TooShort {
        /// The kind's byte.
        kind: u8,
        /// The frame's length, in bytes.
        length: usize,
    },
    /// A kind that this version does not have.
    UnknownKind(u8),
    /// A kind that only the other end may send.
    WrongDirection(Kind),
    /// A flag that this version does not have for this kind.
    UnknownFlags {
        /// The frame's kind.
        kind: Kind,
        /// All of its flags.
        flags: u8,
    },
    /// A body that does not hold what the kind prescribes.
    BadBody {
        /// The frame's kind.
        kind: Kind,
        /// The frame's length, in bytes.
        length: usize,
    },
}

impl ProtocolError {
    /// The [`reason`] to give in a `Goaway`.
    pub fn reason(&self) -> u16 {
        match self {
            ProtocolError::TooLarge { .. } => reason::FRAME_TOO_LARGE,
            ProtocolError::NotRpc | ProtocolError::Version(_) => reason::NOT_RPC,
            _ => reason::PROTOCOL,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ProtocolError::NotRpc => write!(f, "the peer does not speak ironwire's RPC protocol"),
            ProtocolError::Version(version) => write!(f, "the peer speaks version {version}, this side {VERSION}"),
            ProtocolError::TooLarge { length, limit } => {
                write!(f, "a frame of {length} bytes is above the limit of {limit}")
            }
            ProtocolError::TooShort { kind, length } => write!(f, "a frame of kind {kind} has only {length} bytes"),
            ProtocolError::UnknownKind(kind) => write!(f, "there is no frame kind {kind}"),
            ProtocolError::WrongDirection(kind) => write!(f, "a frame of kind {kind:?} from the wrong end"),
            ProtocolError::UnknownFlags { kind, flags } => write!(f, "flags {flags:#04x} on a frame of kind {kind:?}"),
            ProtocolError::BadBody { kind, length } => {
                write!(f, "a malformed frame of kind {kind:?}, {length} bytes long")
            }
        }
    }
}

impl std::error::Error for ProtocolError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of docs/rpc-protocol.md, byte for byte.
    #[test]
    fn documented_bytes() {
        let mut out = Vec::new();
        Preface {
            version: 1,
            max_frame: 16 << 20,
            max_calls: 4096,
        }
        .encode(&mut out);
        assert_eq!(out, b"IWRP\x01\0\0\0\x01\0\0\0\0\0\x10\0");
        out.clear();
        Frame {
            kind: Kind::Method,
            sequence: 0,
            code: 0,
            deadline: None,
            body: b"title",
        }
        .encode(&mut out);
        assert_eq!(out, b"\0\0\0\x0d\x01\0\0\0\0\0\0\0title");
        out.clear();
        Frame {
            kind: Kind::Request,
            sequence: 7,
            code: 0,
            deadline: Some(1000),
            body: b"\x03\xe8",
        }
        .encode(&mut out);
        assert_eq!(out, b"\0\0\0\x0e\x02\x01\0\0\0\x07\0\0\0\0\x03\xe8\x03\xe8");
        out.clear();
        Frame {
            kind: Kind::Reply,
            sequence: 7,
            code: 0,
            deadline: None,
            body: b"java",
        }
        .encode(&mut out);
        assert_eq!(out, b"\0\0\0\x0a\x03\0\0\0\0\x07java");
        out.clear();
        Frame {
            kind: Kind::Error,
            sequence: 7,
            code: 1,
            deadline: None,
            body: b"\0\x06ENOENTno such course",
        }
        .encode(&mut out);
        assert_eq!(out, b"\0\0\0\x1e\x04\0\0\0\0\x07\0\x01\0\x06ENOENTno such course");
    }

    fn parse(payload: &[u8], role: Role) -> Result<Frame<'_>, ProtocolError> {
        Frame::parse(payload, role)
    }

    #[test]
    fn malformed_frames_are_named() {
        use ProtocolError::*;
        let server = Role::Server;
        assert_eq!(parse(b"\x02\0\0", server), Err(TooShort { kind: 0, length: 3 }));
        assert_eq!(
            parse(b"\x02\0\0\0\0\x01\0", server),
            Err(TooShort { kind: 2, length: 7 })
        );
        assert_eq!(
            parse(b"\x02\x01\0\0\0\x01\0\0\0\0\0", server),
            Err(TooShort { kind: 2, length: 11 })
        );
        assert_eq!(parse(b"\x00\0\0\0\0\0", server), Err(UnknownKind(0)));
        assert_eq!(parse(b"\x09\0\0\0\0\0", server), Err(UnknownKind(9)));
        assert_eq!(parse(b"\x03\0\0\0\0\0", server), Err(WrongDirection(Kind::Reply)));
        assert_eq!(
            parse(b"\x02\0\0\0\0\0\0\0", Role::Client),
            Err(WrongDirection(Kind::Request))
        );
        assert_eq!(
            parse(b"\x02\x02\0\0\0\0\0\0", server),
            Err(UnknownFlags {
                kind: Kind::Request,
                flags: 2
            })
        );
        assert_eq!(
            parse(b"\x06\x01\0\0\0\0", server),
            Err(UnknownFlags {
                kind: Kind::Ping,
                flags: 1
            })
        );
        assert_eq!(
            parse(b"\x06\0\0\0\0\0x", server),
            Err(BadBody {
                kind: Kind::Ping,
                length: 7
            })
        );
        assert_eq!(
            parse(b"\x01\0\0\0\0\0\0\0", server),
            Err(BadBody {
                kind: Kind::Method,
                length: 8
            })
        );
        let mut long = b"\x01\0\0\0\0\0\0\0".to_vec();
        long.resize(8 + MAX_METHOD_NAME, b'x');
        assert_eq!(parse(&long, server).map(|frame| frame.body.len()), Ok(MAX_METHOD_NAME));
        long.push(b'x');
        assert_eq!(
            parse(&long, server),
            Err(BadBody {
                kind: Kind::Method,
                length: 9 + MAX_METHOD_NAME
            })
        );
        let client = Role::Client;
        assert_eq!(
            parse(b"\x04\0\0\0\0\0\0\x01", client),
            Err(BadBody {
                kind: Kind::Error,
                length: 8
            })
        );
        assert_eq!(
            parse(b"\x04\0\0\0\0\0\0\x01\0\x01", client),
            Err(BadBody {
                kind: Kind::Error,
                length: 10
            })
        );
        assert_eq!(
            parse(b"\x04\0\0\0\0\0\0\x01\0\x01E", client).map(|frame| frame.code),
            Ok(1)
        );
    }

    #[test]
    fn empty_bodies_are_legal() {
        assert_eq!(
            parse(b"\x02\0\0\0\0\x05\0\x02", Role::Server).map(|frame| (frame.code, frame.body.len())),
            Ok((2, 0))
        );
        assert_eq!(
            parse(b"\x03\0\0\0\0\x05", Role::Client).map(|frame| (frame.sequence, frame.body.len())),
            Ok((5, 0))
        );
    }
}
