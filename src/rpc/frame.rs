//! One frame: its kinds, its header, and its validation.

use std::fmt;

/// The first four bytes that each peer sends.
pub const MAGIC: [u8; 4] = *b"IWRP";
/// The highest protocol version that this implementation speaks. A connection uses the lower version of its two
/// peers.
pub const VERSION: u8 = 2;
/// The size of the preface in bytes: magic, version, flags, window, and two `u32` limits.
pub const PREFACE_SIZE: usize = 16;
/// The offsets of the preface's fields, of which the magic is the first.
pub mod preface {
    /// The version, one byte.
    pub const VERSION: usize = 4;
    /// The flags, one byte: bits of [`preface_flag`](super::preface_flag). Version 1 sends 0.
    pub const FLAGS: usize = 5;
    /// The initial credit of each stream: a `u16` in units of [`WINDOW_UNIT`](super::WINDOW_UNIT) bytes. Version 1
    /// sends 0.
    pub const WINDOW: usize = 6;
    /// The largest frame that the sender accepts: a `u32` in bytes.
    pub const MAX_FRAME: usize = 8;
    /// The most unanswered requests that the sender accepts: a `u32`.
    pub const MAX_CALLS: usize = 12;
}
/// The flags of the preface. A receiver ignores flags that it does not know.
pub mod preface_flag {
    /// The sender proves that it knows the secret and requires the same from its peer, before any other frame.
    pub const SECRET: u8 = 1;
}
/// The size in bytes of the random nonce that each peer creates for a handshake.
pub const NONCE_SIZE: usize = 32;
/// The size in bytes of the proof of a secret, an HMAC-SHA-256.
pub const PROOF_SIZE: usize = 32;
const _: () = assert!(
    NONCE_SIZE == PROOF_SIZE,
    "a client tells the server's two by their order alone"
);
/// The unit of the preface's window, in bytes.
pub const WINDOW_UNIT: u32 = 1024;
/// How many bytes of a stream's credit a message costs besides its body. This is about the memory that a receiver
/// needs per message, so that the number of empty messages is bounded too.
pub const MESSAGE_COST: u32 = 64;
/// The size of the length prefix in bytes. The prefix does not count itself.
pub const LENGTH_SIZE: usize = 4;
/// The size in bytes of the header after the length prefix: kind, flags, sequence number.
pub const HEADER_SIZE: usize = 6;
/// The offsets of the header's fields in a frame, including the length prefix.
pub mod header {
    /// The kind, one byte, followed by the flags, one byte.
    pub const KIND: usize = 4;
    /// The sequence number, a `u32`.
    pub const SEQUENCE: usize = 6;
}
/// The size in bytes of the code at the start of a payload, if its kind has one.
pub const CODE_SIZE: usize = 2;
/// The size in bytes of the amount after the code: the milliseconds left with [`flag::DEADLINE`], or the bytes of a
/// credit.
pub const AMOUNT_SIZE: usize = 4;
/// The size in bytes of the length prefix of a metadata block and of an error's details.
pub const BLOCK_SIZE: usize = 2;
/// The flags of frames. Fields announced by flags follow the code, in the order of the bits.
pub mod flag {
    /// The request states how many milliseconds its caller will still wait.
    pub const DEADLINE: u8 = 1;
    /// The request, reply or error carries metadata.
    pub const METADATA: u8 = 2;
    /// The caller streams messages up to an `End`. The request's body is empty.
    pub const STREAMS: u8 = 4;
    /// The caller accepts a stream of messages before the reply.
    pub const TAKES_STREAM: u8 = 8;
    /// The request gets no answer, and its sequence number has no meaning.
    pub const ONE_WAY: u8 = 16;
    /// The error carries details, which are bytes without meaning to the protocol.
    pub const DETAILS: u8 = 4;
}
/// The maximum length of a method name in bytes. A server stores every declared name for each connection, so they are
/// limited.
pub const MAX_METHOD_NAME: usize = 255;
/// Why a peer ends the connection, as sent in a `Goaway`. See `docs/rpc-protocol.md`.
pub mod reason {
    /// The sender is shutting down.
    pub const SHUTDOWN: u16 = 0;
    /// The receiver violated the protocol.
    pub const PROTOCOL: u16 = 1;
    /// A frame exceeds the announced limit.
    pub const FRAME_TOO_LARGE: u16 = 2;
    /// The receiver speaks another protocol.
    pub const NOT_RPC: u16 = 3;
    /// The receiver does not read.
    pub const SLOW_READER: u16 = 4;
    /// Nothing was heard from the receiver.
    pub const SILENT: u16 = 5;
    /// The receiver starts and cancels calls faster than allowed.
    pub const TOO_FAST: u16 = 6;
    /// The receiver has not proven that it knows the secret.
    pub const UNAUTHENTICATED: u16 = 7;
}

/// The minimum payload of an error in bytes: the status and the length of the code.
pub const ERROR_PREFIX: usize = 4;

/// Which end of the connection reads the frames. Some kinds travel in one direction only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The server's end: reads methods, requests and cancellations.
    Server,
    /// The client's end: reads replies and errors.
    Client,
}

/// The kind of a frame. The discriminant is its byte on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Client to server: assigns a number to a method name from here on.
    Method = 1,
    /// Client to server: a call.
    Request = 2,
    /// Server to client: the result of a call.
    Reply = 3,
    /// Server to client: the failure of a call.
    Error = 4,
    /// Client to server: the caller no longer waits. The server still answers, once.
    Cancel = 5,
    /// Either way: a request for a `Pong` with the same sequence number.
    Ping = 6,
    /// Either way: the answer to a `Ping`.
    Pong = 7,
    /// Either way: the receiver must send no new requests. The connection ends when those in flight are answered.
    Goaway = 8,
    /// Either way: a message of a call's stream. This and the following kinds exist from version 2 on.
    Message = 9,
    /// Client to server: the caller's stream of messages is complete.
    End = 10,
    /// Either way: permission to send this many more bytes as messages of a call.
    Credit = 11,
    /// Either way, between peers with a secret, before any other frame: first the server's nonce, then the client's
    /// nonce and proof, then the server's proof.
    Auth = 12,
}

impl Kind {
    fn from_byte(byte: u8, version: u8) -> Option<Kind> {
        Some(match byte {
            1 => Kind::Method,
            2 => Kind::Request,
            3 => Kind::Reply,
            4 => Kind::Error,
            5 => Kind::Cancel,
            6 => Kind::Ping,
            7 => Kind::Pong,
            8 => Kind::Goaway,
            9 if version >= 2 => Kind::Message,
            10 if version >= 2 => Kind::End,
            11 if version >= 2 => Kind::Credit,
            12 if version >= 2 => Kind::Auth,
            _ => return None,
        })
    }

    fn may_reach(self, role: Role) -> bool {
        match self {
            Kind::Method | Kind::Request | Kind::Cancel | Kind::End => role == Role::Server,
            Kind::Reply | Kind::Error => role == Role::Client,
            Kind::Ping | Kind::Pong | Kind::Goaway | Kind::Message | Kind::Credit | Kind::Auth => true,
        }
    }

    /// Whether a frame of this kind may have these flags in this version.
    fn allows(self, flags: u8, version: u8) -> bool {
        let known = match self {
            Kind::Request if version == 1 => flag::DEADLINE,
            Kind::Request => flag::DEADLINE | flag::METADATA | flag::STREAMS | flag::TAKES_STREAM | flag::ONE_WAY,
            Kind::Reply if version >= 2 => flag::METADATA,
            Kind::Error if version >= 2 => flag::METADATA | flag::DETAILS,
            _ => 0,
        };
        let streams = flag::STREAMS | flag::TAKES_STREAM;
        let contradicts = self == Kind::Request && flags & flag::ONE_WAY != 0 && flags & streams != 0;
        flags & !known == 0 && !contradicts
    }
}

/// What a peer announces before its first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preface {
    /// The highest version that the peer speaks.
    pub version: u8,
    /// Bits of [`preface_flag`], and possibly unknown bits of a later version.
    pub flags: u8,
    /// The largest value of a length prefix that the peer accepts, in bytes.
    pub max_frame: u32,
    /// The most unanswered requests that the peer accepts on this connection; 0 from a client.
    pub max_calls: u32,
    /// The initial credit of each stream towards the peer, in units of [`WINDOW_UNIT`] bytes.
    pub window: u16,
}

impl Preface {
    /// Appends the 16 bytes of the preface to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[self.version, self.flags]);
        out.extend_from_slice(&self.window.to_be_bytes());
        out.extend_from_slice(&self.max_frame.to_be_bytes());
        out.extend_from_slice(&self.max_calls.to_be_bytes());
    }

    /// Parses the 16 bytes of a preface. The splitter has checked the magic.
    pub(super) fn parse(bytes: &[u8; PREFACE_SIZE]) -> Result<Preface, ProtocolError> {
        let version = bytes[preface::VERSION];
        if version == 0 {
            return Err(ProtocolError::Version(version));
        }
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Ok(Preface {
            version,
            flags: bytes[preface::FLAGS],
            max_frame: word(preface::MAX_FRAME),
            max_calls: word(preface::MAX_CALLS),
            window: u16::from_be_bytes([bytes[preface::WINDOW], bytes[preface::WINDOW + 1]]),
        })
    }
}

/// One frame. Its body borrows the bytes that it arrived in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The frame's kind.
    pub kind: Kind,
    /// Bits of [`flag`].
    pub flags: u8,
    /// The number of the call it belongs to. For pings, any number of the sender's choice; 0 if it has no meaning.
    pub sequence: u32,
    /// The number of the method in `Method` and `Request`, the status in `Error`, the reason in `Goaway`, otherwise
    /// 0.
    pub code: u16,
    /// The milliseconds that the caller will still wait in a `Request` with [`flag::DEADLINE`], the bytes granted by
    /// a `Credit`, otherwise 0.
    pub amount: u32,
    /// The rest of the frame. In a request, reply or message: its body. In a `Method`: the name. In an `Error`: the
    /// length of its code (`u16`), the code, and the message. In a `Goaway`: the message. In an `Auth`: nonce and
    /// proof. Metadata and details come first, each after its length (`u16`).
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Appends the frame with its length prefix to `out`. The caller must respect the receiver's limit.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; LENGTH_SIZE]);
        out.extend_from_slice(&[self.kind as u8, self.flags]);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        if has_code(self.kind) {
            out.extend_from_slice(&self.code.to_be_bytes());
        }
        if has_amount(self.kind, self.flags) {
            out.extend_from_slice(&self.amount.to_be_bytes());
        }
        out.extend_from_slice(self.body);
        let length = u32::try_from(out.len() - start - LENGTH_SIZE).expect("a frame under 4 GiB");
        out[start..start + LENGTH_SIZE].copy_from_slice(&length.to_be_bytes());
    }

    /// Parses what follows a length prefix: at least [`HEADER_SIZE`] bytes, as the splitter has checked. `version` is
    /// the version of the connection.
    pub(super) fn parse(payload: &'a [u8], role: Role, version: u8) -> Result<Frame<'a>, ProtocolError> {
        let Some((&[kind_byte, flags, s0, s1, s2, s3], mut rest)) = payload.split_first_chunk::<HEADER_SIZE>() else {
            return Err(ProtocolError::TooShort {
                kind: 0,
                length: payload.len(),
            });
        };
        let kind = Kind::from_byte(kind_byte, version).ok_or(ProtocolError::UnknownKind(kind_byte))?;
        if !kind.may_reach(role) {
            return Err(ProtocolError::WrongDirection(kind));
        }
        if !kind.allows(flags, version) {
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
        let mut amount = 0;
        if has_amount(kind, flags) {
            let (bytes, after) = rest.split_first_chunk::<AMOUNT_SIZE>().ok_or(short)?;
            (amount, rest) = (u32::from_be_bytes(*bytes), after);
        }
        if !is_sound(kind, flags, rest, role) {
            return Err(ProtocolError::BadBody {
                kind,
                length: payload.len(),
            });
        }
        let sequence = u32::from_be_bytes([s0, s1, s2, s3]);
        Ok(Frame {
            kind,
            flags,
            sequence,
            code,
            amount,
            body: rest,
        })
    }
}

fn has_code(kind: Kind) -> bool {
    matches!(kind, Kind::Method | Kind::Request | Kind::Error | Kind::Goaway)
}

fn has_amount(kind: Kind, flags: u8) -> bool {
    kind == Kind::Credit || (kind == Kind::Request && flags & flag::DEADLINE != 0)
}

/// Whether the body has the structure that its kind and flags require. `role` is the end that reads it.
fn is_sound(kind: Kind, flags: u8, body: &[u8], role: Role) -> bool {
    let mut rest = body;
    if flags & flag::METADATA != 0 {
        match split_block(rest) {
            Some((block, after)) if is_metadata(block) => rest = after,
            _ => return false,
        }
    }
    match kind {
        Kind::Method => !rest.is_empty() && rest.len() <= MAX_METHOD_NAME,
        Kind::Error => {
            if flags & flag::DETAILS != 0 {
                match split_block(rest) {
                    Some((_, after)) => rest = after,
                    None => return false,
                }
            }
            split_block(rest).is_some()
        }
        Kind::Cancel | Kind::Ping | Kind::Pong | Kind::End | Kind::Credit => rest.is_empty(),
        Kind::Request => rest.is_empty() || flags & flag::STREAMS == 0,
        Kind::Auth if role == Role::Server => rest.len() == NONCE_SIZE + PROOF_SIZE,
        // A nonce or a proof: both have this size.
        Kind::Auth => rest.len() == PROOF_SIZE,
        Kind::Reply | Kind::Goaway | Kind::Message => true,
    }
}

/// Splits a block off, which begins with its length. Returns the block and the rest.
fn split_block(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, rest) = bytes.split_first_chunk::<BLOCK_SIZE>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*size)))
}

/// Whether a block is valid metadata: entries of a key after its length (`u8`) and a value after its length (`u16`).
/// Keys consist of lower-case letters, digits, `-`, `_` and `.`. Values are text, except that values of keys ending
/// in `-bin` are any bytes.
fn is_metadata(mut block: &[u8]) -> bool {
    while let Some((&size, rest)) = block.split_first() {
        let Some((key, rest)) = rest.split_at_checked(usize::from(size)) else {
            return false;
        };
        let Some((value, rest)) = split_block(rest) else {
            return false;
        };
        let is_key = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
        if key.is_empty() || !key.iter().all(is_key) {
            return false;
        }
        if !key.ends_with(b"-bin") && std::str::from_utf8(value).is_err() {
            return false;
        }
        block = rest;
    }
    true
}

/// Why a stream cannot be read further. The connection cannot be used any more: after a malformed frame, the start of
/// the next one is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The stream does not begin with [`MAGIC`]: the peer speaks another protocol.
    NotRpc,
    /// The stream begins like a TLS record.
    Tls,
    /// A version that this implementation cannot speak.
    Version(u8),
    /// A length prefix exceeds the limit that this end announced.
    TooLarge {
        /// The value of the prefix, in bytes.
        length: u32,
        /// The limit, in bytes.
        limit: u32,
    },
    /// A frame is shorter than the fixed fields of its kind. The kind is 0 if even the header is incomplete.
    TooShort {
        /// The byte of the kind.
        kind: u8,
        /// The frame's length, in bytes.
        length: usize,
    },
    /// A kind that does not exist in this version.
    UnknownKind(u8),
    /// A kind that only the other end may send.
    WrongDirection(Kind),
    /// A flag that this kind does not have in this version.
    UnknownFlags {
        /// The frame's kind.
        kind: Kind,
        /// All flags of the frame.
        flags: u8,
    },
    /// A frame came before the proof that its sender knows the secret.
    Unproven(Kind),
    /// A body without the structure that its kind requires.
    BadBody {
        /// The frame's kind.
        kind: Kind,
        /// The frame's length, in bytes.
        length: usize,
    },
}

impl ProtocolError {
    /// The [`reason`] to send in a `Goaway`.
    pub fn reason(&self) -> u16 {
        match self {
            ProtocolError::TooLarge { .. } => reason::FRAME_TOO_LARGE,
            ProtocolError::NotRpc | ProtocolError::Tls | ProtocolError::Version(_) => reason::NOT_RPC,
            ProtocolError::Unproven(_) => reason::UNAUTHENTICATED,
            _ => reason::PROTOCOL,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ProtocolError::NotRpc => write!(f, "the peer does not speak ironwire's RPC protocol"),
            ProtocolError::Tls => write!(f, "the peer speaks TLS, and this side has no option 'tls'"),
            ProtocolError::Version(version) => write!(
                f,
                "the peer speaks version {version} of the protocol, this side version {VERSION}"
            ),
            ProtocolError::TooLarge { length, limit } => {
                write!(f, "a frame of {length} bytes is above the limit of {limit}")
            }
            ProtocolError::TooShort { kind, length } => write!(f, "a frame of kind {kind} has only {length} bytes"),
            ProtocolError::UnknownKind(kind) => write!(f, "the frame kind {kind} does not exist"),
            ProtocolError::WrongDirection(kind) => write!(f, "a frame of kind {kind:?} is not allowed from this side"),
            ProtocolError::UnknownFlags { kind, flags } => {
                write!(f, "a frame of kind {kind:?} has the unknown flags {flags:#04x}")
            }
            ProtocolError::Unproven(kind) => {
                write!(
                    f,
                    "a frame of kind {kind:?} arrived before the proof that its sender knows the secret"
                )
            }
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

    fn encoded(frame: Frame<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        frame.encode(&mut out);
        out
    }

    const fn frame(kind: Kind, flags: u8, sequence: u32, code: u16, amount: u32, body: &[u8]) -> Frame<'_> {
        Frame {
            kind,
            flags,
            sequence,
            code,
            amount,
            body,
        }
    }

    /// The examples of docs/rpc-protocol.md, byte for byte.
    #[test]
    fn documented_bytes() {
        let mut out = Vec::new();
        let preface = Preface {
            version: 2,
            flags: 0,
            max_frame: 16 << 20,
            max_calls: 4096,
            window: 1024,
        };
        preface.encode(&mut out);
        assert_eq!(out, b"IWRP\x02\0\x04\0\x01\0\0\0\0\0\x10\0");
        assert_eq!(Preface::parse(out.first_chunk().unwrap()), Ok(preface));
        let documented: &[(Role, Frame<'_>, &[u8])] = &[
            (
                Role::Server,
                frame(Kind::Method, 0, 0, 0, 0, b"title"),
                b"\0\0\0\x0d\x01\0\0\0\0\0\0\0title",
            ),
            (
                Role::Server,
                frame(Kind::Request, flag::DEADLINE, 7, 0, 1000, b"\x03\xe8"),
                b"\0\0\0\x0e\x02\x01\0\0\0\x07\0\0\0\0\x03\xe8\x03\xe8",
            ),
            (
                Role::Client,
                frame(Kind::Reply, 0, 7, 0, 0, b"java"),
                b"\0\0\0\x0a\x03\0\0\0\0\x07java",
            ),
            (
                Role::Client,
                frame(Kind::Error, 0, 7, 0x0501, 0, b"\0\x06ENOENTno such course"),
                b"\0\0\0\x1e\x04\0\0\0\0\x07\x05\x01\0\x06ENOENTno such course",
            ),
            (
                Role::Server,
                frame(
                    Kind::Request,
                    flag::METADATA | flag::TAKES_STREAM,
                    8,
                    1,
                    0,
                    b"\0\x0b\x05trace\0\x03abc\x03\xe8",
                ),
                b"\0\0\0\x17\x02\x0a\0\0\0\x08\0\x01\0\x0b\x05trace\0\x03abc\x03\xe8",
            ),
            (
                Role::Client,
                frame(Kind::Message, 0, 8, 0, 0, b"java"),
                b"\0\0\0\x0a\x09\0\0\0\0\x08java",
            ),
            (
                Role::Server,
                frame(Kind::Credit, 0, 8, 0, 136, b""),
                b"\0\0\0\x0a\x0b\0\0\0\0\x08\0\0\0\x88",
            ),
            (
                Role::Server,
                frame(Kind::End, 0, 9, 0, 0, b""),
                b"\0\0\0\x06\x0a\0\0\0\0\x09",
            ),
        ];
        for &(role, frame, bytes) in documented {
            assert_eq!(encoded(frame), bytes, "{frame:?}");
            assert_eq!(Frame::parse(&bytes[LENGTH_SIZE..], role, VERSION), Ok(frame));
        }
    }

    fn parse(payload: &[u8], role: Role) -> Result<Frame<'_>, ProtocolError> {
        Frame::parse(payload, role, VERSION)
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
        assert_eq!(parse(b"\x0d\0\0\0\0\0", server), Err(UnknownKind(13)));
        assert_eq!(parse(b"\x03\0\0\0\0\0", server), Err(WrongDirection(Kind::Reply)));
        assert_eq!(
            parse(b"\x02\0\0\0\0\0\0\0", Role::Client),
            Err(WrongDirection(Kind::Request))
        );
        assert_eq!(
            parse(b"\x02\x20\0\0\0\0\0\0", server),
            Err(UnknownFlags {
                kind: Kind::Request,
                flags: 32
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

    #[test]
    fn version_1_knows_neither_streams_nor_metadata() {
        for kind in [9, 10, 11, 12] {
            let payload = [kind, 0, 0, 0, 0, 1, 0, 0, 0, 1];
            assert_eq!(
                Frame::parse(&payload, Role::Server, 1),
                Err(ProtocolError::UnknownKind(kind))
            );
        }
        for (role, kind, known) in [
            (Role::Server, Kind::Request, flag::DEADLINE),
            (Role::Client, Kind::Reply, 0),
            (Role::Client, Kind::Error, 0),
        ] {
            for flags in 1..=u8::MAX {
                let mut payload = vec![kind as u8, flags];
                payload.extend_from_slice(&[0; 16]);
                let refused = Err(ProtocolError::UnknownFlags { kind, flags });
                assert_eq!(Frame::parse(&payload, role, 1) == refused, flags & !known != 0);
            }
        }
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        for flags in 0..=u8::MAX {
            let payload = [2, flags, 0, 0, 0, 1, 0, 0, 0, 0, 0, 9, 0, 0];
            let streams = flags & (flag::STREAMS | flag::TAKES_STREAM) != 0;
            let wrong = flags & 0xe0 != 0 || (streams && flags & flag::ONE_WAY != 0);
            let error = ProtocolError::UnknownFlags {
                kind: Kind::Request,
                flags,
            };
            assert_eq!(parse(&payload, Role::Server) == Err(error), wrong, "flags {flags}");
        }
    }

    #[test]
    fn blocks_must_hold_what_they_say() {
        let request = |block: &[u8]| {
            let mut payload = b"\x02\x02\0\0\0\x01\0\0".to_vec();
            payload.extend_from_slice(block);
            parse(&payload, Role::Server).is_ok()
        };
        assert!(request(b"\0\0"));
        assert!(request(b"\0\x05\x01k\0\x01vbody"));
        assert!(request(b"\0\x04\x01k\0\0"), "an empty value");
        assert!(request(b"\0\x09\x05k-bin\0\x01\xff"), "bytes");
        for (block, why) in [
            (&b""[..], "no length"),
            (b"\0", "half a length"),
            (b"\0\x01", "a block that is not there"),
            (b"\0\x06\x01k\0\x01v", "a block cut short"),
            (b"\0\x01\x01", "a key that is not there"),
            (b"\0\x03\0\0\0", "an empty key"),
            (b"\0\x02\x01k", "no value"),
            (b"\0\x05\x01k\0\x02v", "a value cut short"),
            (b"\0\x05\x01K\0\x01v", "an upper-case key"),
            (b"\0\x05\x01 \0\x01v", "a space in a key"),
            (b"\0\x05\x01k\0\x01\xff", "text that is none"),
        ] {
            assert!(!request(block), "{why}");
        }
        let error = |flags, rest: &[u8]| {
            let mut payload = vec![4, flags, 0, 0, 0, 1, 5, 1];
            payload.extend_from_slice(rest);
            parse(&payload, Role::Client).is_ok()
        };
        assert!(error(0, b"\0\x01Em"));
        assert!(error(flag::DETAILS, b"\0\x02\x08\x05\0\x01Em"));
        assert!(error(flag::METADATA | flag::DETAILS, b"\0\0\0\0\0\0"));
        assert!(!error(flag::DETAILS, b"\0\x06\x08\x05\0\x01E"));
        assert!(!error(flag::METADATA | flag::DETAILS, b"\0\0\0\0"));
    }

    #[test]
    fn proofs_have_their_sizes() {
        for (role, size) in [(Role::Client, NONCE_SIZE), (Role::Server, NONCE_SIZE + PROOF_SIZE)] {
            for length in 0..=2 * size {
                let mut payload = b"\x0c\0\0\0\0\0".to_vec();
                payload.resize(payload.len() + length, 7);
                assert_eq!(
                    parse(&payload, role).is_ok(),
                    length == size,
                    "{length} bytes for the {role:?}"
                );
            }
        }
    }

    #[test]
    fn frames_of_streams_have_their_fields_and_no_more() {
        let server = Role::Server;
        assert!(parse(b"\x09\0\0\0\0\x01", server).is_ok(), "an empty message");
        assert!(parse(b"\x0a\0\0\0\0\x01", Role::Client).is_err(), "only callers end");
        assert!(parse(b"\x0a\0\0\0\0\x01x", server).is_err());
        let credit = |rest: &[u8]| parse(&[b"\x0b\0\0\0\0\x01", rest].concat(), server).map(|frame| frame.amount);
        assert_eq!(credit(b"\xff\xff\xff\xff"), Ok(u32::MAX));
        assert!(credit(b"\0\0\x01").is_err() && credit(b"\0\0\0\x01x").is_err());
        assert!(
            parse(b"\x02\x04\0\0\0\x01\0\0x", server).is_err(),
            "a body beside a stream"
        );
        assert!(parse(b"\x02\x0c\0\0\0\x01\0\0", server).is_ok());
    }
}
