//! The RPC wire format: frames on a byte stream, as `docs/rpc-protocol.md` lays them down byte by byte.
//!
//! Pure and sans-I/O: [`Splitter`] takes slices of a stream, cut anywhere, and gives whole [`Frame`]s; [`Frame::encode`] is its
//! inverse. What a frame means (calls, deadlines, reconnection) is decided above, in `lib/rpc`. On the hot path JavaScript writes
//! its frames itself; the encoder here is the reference that its output is tested against.

mod frame;
mod splitter;

pub use frame::{
    AMOUNT_SIZE, BLOCK_SIZE, CODE_SIZE, ERROR_PREFIX, Frame, HEADER_SIZE, Kind, LENGTH_SIZE, MAGIC, MAX_METHOD_NAME,
    MESSAGE_COST, NONCE_SIZE, PREFACE_SIZE, PROOF_SIZE, Preface, ProtocolError, Role, VERSION, WINDOW_UNIT, flag,
    header, preface, preface_flag, reason,
};
pub use splitter::{Event, PREFACE_RECORD, RECORD_WORDS, Splitter, record};
