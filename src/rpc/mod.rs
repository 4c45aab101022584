//! The wire format of RPC: frames on a byte stream, as specified in `docs/rpc-protocol.md`.
//!
//! This module does no I/O. [`Splitter`] takes slices of a stream, cut anywhere, and yields whole [`Frame`]s;
//! [`Frame::encode`] is its inverse. The meaning of frames (calls, deadlines, reconnection) is implemented in
//! `lib/rpc`. On the hot path JavaScript writes its frames itself; the encoder here is the reference against which
//! its output is tested.

mod frame;
mod splitter;

pub use frame::{
    AMOUNT_SIZE, BLOCK_SIZE, CODE_SIZE, ERROR_PREFIX, Frame, HEADER_SIZE, Kind, LENGTH_SIZE, MAGIC, MAX_METHOD_NAME,
    MESSAGE_COST, NONCE_SIZE, PREFACE_SIZE, PROOF_SIZE, Preface, ProtocolError, Role, VERSION, WINDOW_UNIT, flag,
    header, preface, preface_flag, reason,
};
pub use splitter::{Event, PREFACE_RECORD, RECORD_WORDS, Splitter, record};
