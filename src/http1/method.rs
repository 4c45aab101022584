//! The request methods that llhttp knows. The number of a method is its index in [`METHODS`].

/// Every method that may begin a request line. The first 35 may be used with `HTTP/x.y`. The rest belong to RTSP:
/// with `HTTP/` they are rejected with a reason of their own, as in Node.
pub const METHODS: &[&str] = &[
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "CONNECT",
    "TRACE",
    "LINK",
    "UNLINK",
    "COPY",
    "LOCK",
    "MKCOL",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "SEARCH",
    "UNLOCK",
    "BIND",
    "REBIND",
    "UNBIND",
    "ACL",
    "REPORT",
    "MKACTIVITY",
    "CHECKOUT",
    "MERGE",
    "M-SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "MKCALENDAR",
    "PURGE",
    "QUERY",
    "SOURCE",
    "DESCRIBE",
    "ANNOUNCE",
    "SETUP",
    "PLAY",
    "PAUSE",
    "TEARDOWN",
    "GET_PARAMETER",
    "SET_PARAMETER",
    "REDIRECT",
    "RECORD",
    "FLUSH",
];

/// The number of [`METHODS`] that belong to HTTP.
pub const HTTP_METHODS: u8 = 35;
/// The number of `CONNECT`, whose request target is only an authority.
pub const CONNECT: u8 = 7;

/// The number of `SOURCE`, the only method of `ICE/x.y`.
pub const SOURCE: u8 = 34;

/// Whether a method may be used with `RTSP/x.y`.
pub fn is_rtsp(number: u8) -> bool {
    const SHARED: [&str; 3] = ["GET", "POST", "OPTIONS"];
    number >= HTTP_METHODS || SHARED.contains(&METHODS[number as usize])
}

/// The number of the method named `name`. Case matters.
#[inline]
pub fn lookup(name: &[u8]) -> Option<u8> {
    METHODS
        .iter()
        .position(|method| method.as_bytes() == name)
        .map(|index| index as u8)
}

/// How many bytes of `name` match the beginning of some method. At this offset, llhttp reports an unknown method.
pub fn longest_prefix(name: &[u8]) -> usize {
    let common = |method: &&str| method.bytes().zip(name).take_while(|(a, b)| a == *b).count();
    METHODS.iter().map(common).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_places_in_the_table() {
        assert_eq!(lookup(b"GET"), Some(0));
        assert_eq!(lookup(b"CONNECT"), Some(CONNECT));
        assert_eq!(lookup(b"SOURCE"), Some(SOURCE));
        assert_eq!(SOURCE, HTTP_METHODS - 1);
        assert!(is_rtsp(0) && is_rtsp(HTTP_METHODS) && !is_rtsp(CONNECT) && !is_rtsp(SOURCE));
        assert_eq!(lookup(b"DESCRIBE"), Some(HTTP_METHODS));
        assert_eq!(lookup(b"get"), None);
        assert_eq!(lookup(b""), None);
        let prefixes = [&b"M-S"[..], b"GET", b"GETX", b"g", b"FOO"].map(longest_prefix);
        assert_eq!(prefixes, [3, 3, 3, 0, 1]);
    }
}
