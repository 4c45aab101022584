'use strict'

// The errors of HTTP/2, with Node's texts.

const { makeError, outOfRange } = require('../errors.js')

/** The names of the error codes, by number (RFC 9113, 7). Node puts nghttp2's prefix before them. */
const NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
]

function codeName(code) {
  return code in NAMES ? `NGHTTP2_${NAMES[code]}` : String(code)
}

const error = (Base, code, text) =>
  function make(...args) {
    return makeError(Base, code, typeof text === 'function' ? text(...args) : text, make)
  }

const FLOODED = { errno: -904, message: 'Flooding was detected in this HTTP/2 session, and it must be closed' }
/** The reasons that Rust reports and for which nghttp2 has an error of its own. */
const FAILURES = {
  'the connection does not start with the HTTP/2 preface': {
    errno: -903,
    message: 'Received bad client magic byte string',
  },
  'too many frames carry no data': FLOODED,
  'too many WINDOW_UPDATE frames have a tiny increment': FLOODED,
}

/** nghttp2's general error. `reason` says what the peer did. */
function protocolError(reason) {
  return Object.assign(makeError(Error, 'ERR_HTTP2_ERROR', 'Protocol error'), { errno: -505, reason })
}

module.exports = {
  codeName,
  headersSent: error(Error, 'ERR_HTTP2_HEADERS_SENT', 'Response has already been initiated.'),
  headersAfterRespond: error(
    Error,
    'ERR_HTTP2_HEADERS_AFTER_RESPOND',
    'Cannot specify additional headers after response initiated',
  ),
  invalidStream: error(Error, 'ERR_HTTP2_INVALID_STREAM', 'The stream has been destroyed'),
  goawaySession: error(Error, 'ERR_HTTP2_GOAWAY_SESSION', 'New streams cannot be created after receiving a GOAWAY'),
  outOfStreams: error(
    Error,
    'ERR_HTTP2_OUT_OF_STREAMS',
    'No stream ID is available because maximum stream ID has been reached',
  ),
  streamCancel: (cause) => {
    const because = typeof cause?.message === 'string' ? ` (caused by: ${cause.message})` : ''
    const made = makeError(Error, 'ERR_HTTP2_STREAM_CANCEL', `The pending stream has been canceled${because}`)
    return cause ? Object.assign(made, { cause }) : made
  },
  connectAuthority: error(Error, 'ERR_HTTP2_CONNECT_AUTHORITY', ':authority header is required for CONNECT requests'),
  connectScheme: error(Error, 'ERR_HTTP2_CONNECT_SCHEME', 'The :scheme header is forbidden for CONNECT requests'),
  connectPath: error(Error, 'ERR_HTTP2_CONNECT_PATH', 'The :path header is forbidden for CONNECT requests'),
  unsupportedProtocol: error(
    Error,
    'ERR_HTTP2_UNSUPPORTED_PROTOCOL',
    (protocol) => `protocol "${protocol}" is unsupported.`,
  ),
  streamId: (id) => outOfRange('id', `> 0 and <= ${2 ** 32 - 1}`, id),
  socketBound: error(Error, 'ERR_HTTP2_SOCKET_BOUND', 'The socket is already bound to an Http2Session'),
  socketClosed: error(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed'),
  tooManyOrigins: error(
    Error,
    'ERR_HTTP2_TOO_MANY_ORIGINS',
    (most) => `The server sent more ORIGIN frames than the allowed number of ${most}`,
  ),
  settingsCancel: error(Error, 'ERR_HTTP2_SETTINGS_CANCEL', 'HTTP2 session settings canceled'),
  invalidSession: error(Error, 'ERR_HTTP2_INVALID_SESSION', 'The session has been destroyed'),
  invalidStatus: error(RangeError, 'ERR_HTTP2_STATUS_INVALID', (code) => `Invalid status code: ${code}`),
  infoStatus: error(RangeError, 'ERR_HTTP2_INFO_STATUS_NOT_ALLOWED', 'Informational status codes cannot be used'),
  invalidInfoStatus: error(
    RangeError,
    'ERR_HTTP2_INVALID_INFO_STATUS',
    (code) => `Invalid informational status code: ${code}`,
  ),
  status101: error(Error, 'ERR_HTTP2_STATUS_101', 'HTTP status code 101 (Switching Protocols) is forbidden in HTTP/2'),
  invalidHeaderValue: error(
    TypeError,
    'ERR_HTTP2_INVALID_HEADER_VALUE',
    (value, name) => `Invalid value "${value}" for header "${name}"`,
  ),
  invalidToken: error(
    TypeError,
    'ERR_INVALID_HTTP_TOKEN',
    (what, value) => `${what} must be a valid HTTP token ["${value}"]`,
  ),
  pseudoNotAllowed: error(TypeError, 'ERR_HTTP2_PSEUDOHEADER_NOT_ALLOWED', 'Cannot set HTTP/2 pseudo-headers'),
  invalidPseudo: error(
    TypeError,
    'ERR_HTTP2_INVALID_PSEUDOHEADER',
    (name) => `"${name}" is an invalid pseudoheader or is used incorrectly`,
  ),
  singleValue: error(
    TypeError,
    'ERR_HTTP2_HEADER_SINGLE_VALUE',
    (name) => `Header field "${name}" must only have a single value`,
  ),
  connectionHeader: error(
    TypeError,
    'ERR_HTTP2_INVALID_CONNECTION_HEADERS',
    (name) => `HTTP/1 Connection specific headers are forbidden: "${name}"`,
  ),
  trailersNotReady: error(
    Error,
    'ERR_HTTP2_TRAILERS_NOT_READY',
    'Trailing headers cannot be sent until after the wantTrailers event is emitted',
  ),
  trailersSent: error(Error, 'ERR_HTTP2_TRAILERS_ALREADY_SENT', 'Trailing headers have already been sent'),
  pushDisabled: error(Error, 'ERR_HTTP2_PUSH_DISABLED', 'HTTP/2 client has disabled push streams'),
  noSocketManipulation: error(
    Error,
    'ERR_HTTP2_NO_SOCKET_MANIPULATION',
    'HTTP/2 sockets should not be directly manipulated (e.g. read and written)',
  ),
  socketUnbound: error(Error, 'ERR_HTTP2_SOCKET_UNBOUND', 'The socket has been disconnected from the Http2Session'),
  payloadForbidden: error(
    Error,
    'ERR_HTTP2_PAYLOAD_FORBIDDEN',
    (status) => `Responses with ${status} status must not have a payload`,
  ),
  streamError: error(Error, 'ERR_HTTP2_STREAM_ERROR', (code) => `Stream closed with error code ${codeName(code)}`),
  sessionError: error(Error, 'ERR_HTTP2_SESSION_ERROR', (code) => `Session closed with error code ${code}`),
  protocolError,
  /** The error for a reason that Rust reports. */
  failure(reason) {
    if (reason === 'too many frames were malformed') {
      return makeError(Error, 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES', 'Too many invalid HTTP/2 frames')
    }
    return Object.assign(protocolError(reason), FAILURES[reason])
  },
  pingCancel: error(Error, 'ERR_HTTP2_PING_CANCEL', 'HTTP2 ping cancelled'),
  pingLength: error(RangeError, 'ERR_HTTP2_PING_LENGTH', 'HTTP2 ping payload must be 8 bytes'),
  maxPendingSettings: error(
    Error,
    'ERR_HTTP2_MAX_PENDING_SETTINGS_ACK',
    'Maximum number of pending settings acknowledgements',
  ),
  sendFile: error(Error, 'ERR_HTTP2_SEND_FILE', 'Directories cannot be sent'),
  sendFileNoSeek: error(
    Error,
    'ERR_HTTP2_SEND_FILE_NOSEEK',
    'Offset or length can only be specified for regular files',
  ),
  nestedPush: error(Error, 'ERR_HTTP2_NESTED_PUSH', 'A push stream cannot initiate another push stream.'),
  invalidAlt: error(TypeError, 'ERR_INVALID_CHAR', 'Invalid character in alt'),
  originLength: error(TypeError, 'ERR_HTTP2_ORIGIN_LENGTH', 'HTTP/2 ORIGIN frames are limited to 16382 bytes'),
  invalidOrigin: error(TypeError, 'ERR_HTTP2_INVALID_ORIGIN', 'HTTP/2 ORIGIN frames require a valid origin'),
  altsvcLength: error(TypeError, 'ERR_HTTP2_ALTSVC_LENGTH', 'HTTP/2 ALTSVC frames are limited to 16382 bytes'),
  altsvcOrigin: error(TypeError, 'ERR_HTTP2_ALTSVC_INVALID_ORIGIN', 'HTTP/2 ALTSVC frames require a valid origin'),
  unknownEncoding: error(TypeError, 'ERR_UNKNOWN_ENCODING', (encoding) => `Unknown encoding: ${String(encoding)}`),
  writeAfterEnd: error(Error, 'ERR_STREAM_WRITE_AFTER_END', 'write after end'),
  nullValues: error(TypeError, 'ERR_STREAM_NULL_VALUES', 'May not write null values to stream'),
}
