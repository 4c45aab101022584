//! Why a message is rejected: Node's `HPE_*` code and llhttp's reason, word for word, because programs match on both.

macro_rules! parse_errors {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $reason:literal;)*) => {
        /// A parse error. Its number (`as u32`) is passed to JavaScript and is its index in [`ParseError::TABLE`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum ParseError { $(#[doc = $reason] $name,)* }

        impl ParseError {
            /// The code and reason of every error, in the order of their numbers.
            pub const TABLE: &[(&str, &str)] = &[$(($code, $reason),)*];
            /// Every error, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

parse_errors! {
    Method = "HPE_INVALID_METHOD", "Invalid method encountered";
    MethodSpace = "HPE_INVALID_METHOD", "Expected space after method";
    UrlStart = "HPE_INVALID_URL", "Unexpected start char in url";
    UrlChars = "HPE_INVALID_URL", "Invalid characters in url";
    UrlSchema = "HPE_INVALID_URL", "Unexpected char in url schema";
    UrlServer = "HPE_INVALID_URL", "Unexpected char in url server";
    UrlDoubleAt = "HPE_INVALID_URL", "Double @ in url";
    UrlPath = "HPE_INVALID_URL", "Invalid char in url path";
    UrlQuery = "HPE_INVALID_URL", "Invalid char in url query";
    UrlFragment = "HPE_INVALID_URL", "Invalid char in url fragment start";
    UrlCrlf = "HPE_INVALID_URL", "Expected CRLF";
    Protocol = "HPE_INVALID_CONSTANT", "Expected HTTP/, RTSP/ or ICE/";
    MethodForHttp = "HPE_INVALID_CONSTANT", "Invalid method for HTTP/x.x request";
    MethodForRtsp = "HPE_INVALID_CONSTANT", "Invalid method for RTSP/x.x request";
    MethodForIce = "HPE_INVALID_CONSTANT", "Expected SOURCE method for ICE/x.x request";
    StatusSpace = "HPE_INVALID_VERSION", "Expected space after version";
    StatusCode = "HPE_INVALID_STATUS", "Invalid status code";
    StatusEnd = "HPE_INVALID_STATUS", "Invalid response status";
    ReasonCr = "HPE_CR_EXPECTED", "Missing expected CR after response line";
    ReasonLf = "HPE_STRICT", "Expected LF after CR";
    Unsolicited = "IRONWIRE_UNSOLICITED_DATA", "Data that no request asked for";
    VersionMajor = "HPE_INVALID_VERSION", "Invalid major version";
    VersionDot = "HPE_INVALID_VERSION", "Expected dot";
    VersionMinor = "HPE_INVALID_VERSION", "Invalid minor version";
    Version = "HPE_INVALID_VERSION", "Invalid HTTP version";
    VersionCrlf = "HPE_INVALID_VERSION", "Expected CRLF after version";
    VersionLf = "HPE_STRICT", "Expected CRLF after version";
    SpaceAfterStartLine = "HPE_UNEXPECTED_SPACE", "Unexpected space after start line";
    HeaderToken = "HPE_INVALID_HEADER_TOKEN", "Invalid header token";
    HeaderFieldChar = "HPE_INVALID_HEADER_TOKEN", "Invalid header field char";
    HeaderValueChar = "HPE_INVALID_HEADER_TOKEN", "Invalid header value char";
    ObsFold = "HPE_INVALID_HEADER_TOKEN", "Unexpected whitespace after header value";
    HeaderValueCr = "HPE_CR_EXPECTED", "Missing expected CR after header value";
    HeaderValueLf = "HPE_LF_EXPECTED", "Missing expected LF after header value";
    EmptyValueLf = "HPE_STRICT", "Expected LF after CR";
    HeadersLf = "HPE_STRICT", "Expected LF after headers";
    HeaderOverflow = "HPE_HEADER_OVERFLOW", "Header overflow";
    EmptyContentLength = "HPE_INVALID_CONTENT_LENGTH", "Empty Content-Length";
    ContentLengthChar = "HPE_INVALID_CONTENT_LENGTH", "Invalid character in Content-Length";
    ContentLengthOverflow = "HPE_INVALID_CONTENT_LENGTH", "Content-Length overflow";
    ContentLengthWithTransferEncoding = "HPE_INVALID_CONTENT_LENGTH", "Content-Length can't be present with Transfer-Encoding";
    DuplicateContentLength = "HPE_UNEXPECTED_CONTENT_LENGTH", "Duplicate Content-Length";
    TransferEncodingWithContentLength = "HPE_INVALID_TRANSFER_ENCODING", "Transfer-Encoding can't be present with Content-Length";
    EmptyTransferEncoding = "HPE_INVALID_TRANSFER_ENCODING", "Empty Transfer-Encoding";
    TransferEncodingValue = "HPE_INVALID_TRANSFER_ENCODING", "Invalid `Transfer-Encoding` header value";
    TransferEncoding = "HPE_INVALID_TRANSFER_ENCODING", "Request has invalid `Transfer-Encoding`";
    ChunkSizeChar = "HPE_INVALID_CHUNK_SIZE", "Invalid character in chunk size";
    ChunkSizeOverflow = "HPE_INVALID_CHUNK_SIZE", "Chunk size overflow";
    ChunkSizeCr = "HPE_CR_EXPECTED", "Missing expected CR after chunk size";
    ChunkSizeLf = "HPE_STRICT", "Expected LF after chunk size";
    ChunkExtension = "HPE_STRICT", "Invalid character in chunk extensions";
    ChunkExtensionName = "HPE_STRICT", "Invalid character in chunk extensions name";
    ChunkExtensionNameCr = "HPE_CR_EXPECTED", "Missing expected CR after chunk extension name";
    ChunkExtensionValue = "HPE_STRICT", "Invalid character in chunk extensions value";
    ChunkExtensionValueCr = "HPE_CR_EXPECTED", "Missing expected CR after chunk extension value";
    ChunkExtensionQuoted = "HPE_STRICT", "Invalid character in chunk extensions quoted value";
    ChunkExtensionQuotedPair = "HPE_STRICT", "Invalid quoted-pair in chunk extensions quoted value";
    ChunkExtensionQuotedEnd = "HPE_STRICT", "Invalid character in chunk extensions quote value";
    ChunkExtensionsOverflow = "HPE_CHUNK_EXTENSIONS_OVERFLOW", "Chunk extensions overflow";
    ChunkDataCr = "HPE_CR_EXPECTED", "Missing expected CR after chunk data";
    ChunkDataLf = "HPE_STRICT", "Expected LF after chunk data";
    Closed = "HPE_CLOSED_CONNECTION", "Data after `Connection: close`";
    EndOfInput = "HPE_INVALID_EOF_STATE", "Invalid EOF state";
}

impl ParseError {
    /// The error's `code` in Node.
    pub fn code(self) -> &'static str {
        Self::TABLE[self as usize].0
    }

    /// The error's `reason` in Node.
    pub fn reason(self) -> &'static str {
        Self::TABLE[self as usize].1
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parse Error: {} ({})", self.reason(), self.code())
    }
}

impl std::error::Error for ParseError {}
