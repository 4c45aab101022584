//! The numbers that Rust and JavaScript share. Each is defined in the Rust module that it belongs to;
//! `lib/constants.js` reads them from here.

use super::{
    codec_arrays, codec_framer, dgram, files, grpc, http, http_client, http_conn, http_file, http_out, http2,
    net_reads, proto_codec, table,
};
use crate::errno::Errno;
use crate::http1::{EVENT_WORDS, event, flag, row};
use crate::proto::codec::{self, tape};
use crate::proto::{self, emit};
use crate::rpc::{self, Kind, reason};
use crate::slots;
use napi_derive::napi;
use std::collections::HashMap;

type Group = HashMap<&'static str, i64>;

/// A map of a module's constants by name, or of `name = value` pairs.
macro_rules! group {
    ($($module:ident)::+ { $($name:ident),* $(,)? }) => {{
        use $($module)::+ as module;
        Group::from([$((stringify!($name), module::$name as i64)),*])
    }};
    ({ $($name:ident = $value:expr),* $(,)? }) => {
        Group::from([$((stringify!($name), $value as i64)),*])
    };
}

/// The constants that JavaScript shares with Rust, by group and name.
#[napi(ts_return_type = "Record<string, Record<string, number>>")]
pub fn constants() -> HashMap<&'static str, Group> {
    let schema = proto::Limits::default();
    let message = codec::Limits::default();
    HashMap::from([
        (
            "errno",
            group!({ EOF = Errno::EOF.0, ECANCELED = Errno::ECANCELED.0, EEXIST = Errno::EEXIST.0 }),
        ),
        ("slots", group!(slots { INDEX_MASK })),
        ("table", group!(table { CURSOR })),
        (
            "netRead",
            group!(net_reads::row {
                FIRST,
                WORDS,
                ID,
                OFFSET,
                LENGTH
            }),
        ),
        (
            "datagram",
            group!(dgram::row {
                FIRST,
                WORDS,
                KIND,
                MESSAGE,
                FAILED,
                SENT,
                ID,
                STATUS,
                MEMORY,
                OFFSET,
                ADDRESS,
                PORT
            }),
        ),
        (
            "event",
            group!(event {
                REQUEST,
                BODY,
                END,
                ERROR,
                RESPONSE
            }),
        ),
        (
            "row",
            group!({
                EVENT_WORDS = EVENT_WORDS,
                KIND = row::KIND,
                METHOD = row::METHOD,
                VERSION = row::VERSION,
                HTTP_1_1 = row::HTTP_1_1,
                FLAGS = row::FLAGS,
                HEAD = row::HEAD,
                FIRST_LENGTH = row::FIRST_LENGTH,
                HEAD_LENGTH = row::HEAD_LENGTH,
                STATUS = row::STATUS,
                PART = row::PART,
                PART_LENGTH = row::PART_LENGTH,
                TRAILERS = row::TRAILERS,
                TRAILERS_LENGTH = row::TRAILERS_LENGTH,
                ERROR_NUMBER = row::ERROR_NUMBER,
                ERROR_OFFSET = row::ERROR_OFFSET,
            }),
        ),
        (
            "flag",
            group!({
                KEEP_ALIVE = flag::KEEP_ALIVE,
                HAS_BODY = flag::HAS_BODY,
                UPGRADE = flag::UPGRADE,
                EXPECT = flag::EXPECT,
                HOST = flag::HOST,
                REPEATED = http_conn::REPEATED,
            }),
        ),
        (
            "http",
            group!(http::word {
                NOW,
                SITE,
                SECONDS,
                LOGS,
                EVENTS
            }),
        ),
        (
            "read",
            group!(http::read_row {
                READ,
                ID,
                HELD,
                TAKEN,
                PACKET,
                PACKET_LENGTH,
                LENGTH
            }),
        ),
        (
            "respond",
            group!(http_out::respond_bit {
                CLOSE,
                CHUNKED,
                LENGTH,
                SECONDS,
                MAX_SECONDS
            }),
        ),
        (
            "send",
            group!(http_out::send_bit {
                TEXT,
                LATIN1,
                BYTES,
                CHUNK,
                LAST,
                HEAD,
                UTF8_HEAD,
                FILE
            }),
        ),
        ("source", group!(http_file { PART, COUNT, ENDS })),
        (
            "busy",
            group!(http_conn::busy {
                READING,
                WAITING,
                SENDING
            }),
        ),
        (
            "client",
            group!(http_client::word {
                BODY_AT,
                BODY_LENGTH,
                EVENTS
            }),
        ),
        (
            "answer",
            group!(http_client::answer_row {
                READ,
                ID,
                NEXT,
                PACKET,
                PACKET_LENGTH,
                LENGTH
            }),
        ),
        (
            "http2Event",
            group!(http2::event {
                HEAD,
                INFORMATIONAL,
                DATA,
                END,
                RESET,
                DRAINED,
                CLOSED,
                SETTINGS,
                SETTINGS_ACK,
                PING,
                PONG,
                GOAWAY,
                FAILED,
                PUSH,
                EXTENSION
            }),
        ),
        (
            "http2Row",
            group!(http2::row {
                FIRST,
                WORDS,
                KIND,
                ENDS,
                METHOD,
                ID,
                STREAM,
                PART,
                PART_LENGTH,
                PATH,
                PATH_LENGTH,
                CODE
            }),
        ),
        (
            "http2Send",
            group!(http2::send_bit {
                STATUS,
                END,
                DATE,
                TEXT,
                LATIN1,
                BYTES
            }),
        ),
        ("http2Sent", group!(http2::sent { ALL, CLOSED })),
        ("answers", group!(http_client::answers { HEAD, CONNECT })),
        (
            "plan",
            group!({
                STATUS = files::word::STATUS,
                FLAGS = files::word::FLAGS,
                ERRNO = files::word::ERRNO,
                LENGTH = files::word::LENGTH,
                LENGTH_HIGH = files::word::LENGTH_HIGH,
                FAILED = files::flag::FAILED,
                FILE = files::flag::FILE,
                BODY = files::flag::BODY,
                STREAM = files::flag::STREAM,
            }),
        ),
        (
            "rpc",
            group!({
                VERSION = rpc::VERSION,
                MAGIC = u32::from_be_bytes(rpc::MAGIC),
                PREFACE_SIZE = rpc::PREFACE_SIZE,
                FRAME_HEAD = rpc::LENGTH_SIZE + rpc::HEADER_SIZE,
                LENGTH_SIZE = rpc::LENGTH_SIZE,
                CODE_SIZE = rpc::CODE_SIZE,
                AMOUNT_SIZE = rpc::AMOUNT_SIZE,
                BLOCK_SIZE = rpc::BLOCK_SIZE,
                WINDOW_UNIT = rpc::WINDOW_UNIT,
                MESSAGE_COST = rpc::MESSAGE_COST,
                ERROR_PREFIX = rpc::ERROR_PREFIX,
                MAX_METHOD_NAME = rpc::MAX_METHOD_NAME,
                NONCE_SIZE = rpc::NONCE_SIZE,
                PROOF_SIZE = rpc::PROOF_SIZE,
                RECORD_WORDS = rpc::RECORD_WORDS,
                RECORDS = super::rpc::RECORDS,
            }),
        ),
        (
            "preface",
            group!(rpc::preface {
                VERSION,
                FLAGS,
                WINDOW,
                MAX_FRAME,
                MAX_CALLS
            }),
        ),
        ("prefaceFlag", group!(rpc::preface_flag { SECRET })),
        (
            "grpcEvent",
            group!(grpc::event {
                CALL,
                METADATA,
                MESSAGE,
                TOO_LARGE,
                END,
                STATUS,
                RESET,
                DRAINED,
                CLOSED,
                SETTINGS,
                PONG,
                GOAWAY,
                FAILED,
                PING
            }),
        ),
        (
            "grpcRow",
            group!(grpc::row {
                FIRST,
                WORDS,
                KIND,
                COMPRESSED,
                TORN,
                OPEN,
                ID,
                STREAM,
                PART,
                PART_LENGTH,
                METHOD,
                PATH_LENGTH,
                TIMEOUT,
                USED,
                LENGTH,
                CODE,
                MESSAGE_LENGTH,
                HTTP
            }),
        ),
        ("grpcTimeout", group!(grpc::timeout { NONE, INVALID })),
        (
            "grpcSend",
            group!(grpc::send_bit {
                END,
                MESSAGE,
                FRAMES,
                BEGUN
            }),
        ),
        ("grpcSent", group!(grpc::sent { ALL, CLOSED })),
        ("grpcStatus", group!({ NONE = crate::grpc::NO_STATUS })),
        (
            "rpcFlag",
            group!(rpc::flag {
                DEADLINE,
                METADATA,
                STREAMS,
                TAKES_STREAM,
                ONE_WAY,
                DETAILS
            }),
        ),
        ("header", group!(rpc::header { KIND, SEQUENCE })),
        (
            "record",
            group!(rpc::record {
                KIND,
                FLAGS,
                SEQUENCE,
                CODE,
                AMOUNT,
                BODY,
                LENGTH
            }),
        ),
        (
            "frame",
            group!({
                PREFACE = rpc::PREFACE_RECORD,
                METHOD = Kind::Method,
                REQUEST = Kind::Request,
                REPLY = Kind::Reply,
                ERROR = Kind::Error,
                CANCEL = Kind::Cancel,
                PING = Kind::Ping,
                PONG = Kind::Pong,
                GOAWAY = Kind::Goaway,
                MESSAGE = Kind::Message,
                END = Kind::End,
                CREDIT = Kind::Credit,
                AUTH = Kind::Auth,
                BROKEN = super::rpc::BROKEN,
            }),
        ),
        (
            "reason",
            group!(reason {
                SHUTDOWN,
                PROTOCOL,
                FRAME_TOO_LARGE,
                NOT_RPC,
                SLOW_READER,
                SILENT,
                TOO_FAST,
                UNAUTHENTICATED
            }),
        ),
        (
            "fields",
            group!(emit::table {
                REPEATED,
                MAP,
                REQUIRED,
                PRESENCE,
                INITIAL
            }),
        ),
        (
            "tape",
            group!(tape {
                END,
                RAW,
                CLOSED,
                WRITE_END,
                WRITE_RAW,
                WRITE_FIELDS
            }),
        ),
        (
            "formats",
            group!(proto_codec {
                UNKNOWN,
                PARTIAL,
                DEFAULTS,
                PROTO_NAMES,
                ENUM_NUMBERS,
                SINGLE_LINE
            }),
        ),
        (
            "framer",
            group!(codec_framer::frame_word {
                COUNT,
                NEXT,
                BEGUN,
                HELD,
                TOTAL,
                ERROR,
                ROWS
            }),
        ),
        ("frameError", group!(codec_framer::frame_error { TOO_LARGE, INVALID })),
        (
            "messageLimits",
            group!({
                depth = message.depth,
                maxDepth = codec::MAX_DEPTH,
                size = message.size,
                maxSize = codec::MAX_SIZE,
                values = message.values,
            }),
        ),
        (
            "number",
            group!(codec_arrays::number {
                SIGNED,
                BIG_ENDIAN,
                ZIGZAG,
                DOUBLES,
                HALF
            }),
        ),
        (
            "schemaLimits",
            group!({
                sourceBytes = schema.source_bytes,
                nesting = schema.nesting,
                importDepth = schema.import_depth,
                files = schema.files,
                options = schema.options,
                fullName = schema.full_name,
                symbols = schema.symbols,
            }),
        ),
    ])
}

/// The methods of HTTP requests, by the numbers in the table's rows.
#[napi]
pub fn http_methods() -> Vec<&'static str> {
    crate::http1::METHODS.to_vec()
}

/// The errors of the HTTP parser, by the numbers in the table's rows: Node's code and the reason.
#[napi]
pub fn http_errors() -> Vec<Vec<&'static str>> {
    let errors = crate::http1::ParseError::TABLE.iter();
    errors.map(|&(code, reason)| vec![code, reason]).collect()
}
