//! The parts of a ClientHello that a server may decide on, its decision, and checks of a ClientHello that `rustls`
//! leaves out.

use super::Context;
use super::context::Stapled;
use rustls::ServerConfig;
use std::rc::Rc;
use std::sync::Arc;

/// What a client asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// The host name (SNI).
    pub server_name: Option<String>,
    /// The protocols of ALPN, in order of preference.
    pub protocols: Vec<Vec<u8>>,
    /// Whether it asks for an OCSP response with the certificate (RFC 6066, 8).
    pub staples: bool,
}

/// How a server answers a [`Hello`].
#[derive(Default)]
pub struct Answer {
    /// The context to use instead of the one found by the host name.
    pub context: Option<Rc<Context>>,
    /// The protocol to select. The empty name, which no protocol has (RFC 7301, 3.1), refuses all that the client
    /// offers.
    pub protocol: Option<Vec<u8>>,
    /// An OCSP response to send.
    pub staple: Option<Vec<u8>>,
}

impl Answer {
    /// The context to answer with, and its configuration changed as this answer says. `None` if the context has no
    /// server side.
    pub(super) fn config(self, found: Rc<Context>) -> Option<(Rc<Context>, Arc<ServerConfig>)> {
        let context = self.context.unwrap_or(found);
        let mut config = context.server.clone()?;
        if self.protocol.is_some() || self.staple.is_some() {
            let mut own = ServerConfig::clone(&config);
            if let Some(protocol) = self.protocol {
                own.alpn_protocols = vec![protocol];
            }
            if let Some(staple) = self.staple {
                own.cert_resolver = Arc::new(Stapled::new(own.cert_resolver, staple));
            }
            config = Arc::new(own);
        }
        Some((context, config))
    }
}

const HANDSHAKE: u8 = 22;
/// The most bytes of a record (RFC 8446, 5.1).
const LONGEST: usize = 1 << 14;
/// TLS 1.0, whose number follows that of SSL 3.0.
const OLDEST: usize = 0x0301;
const STATUS_REQUEST: usize = 5;
const SUPPORTED_GROUPS: usize = 10;
const KEY_SHARE: usize = 51;
const OCSP: u8 = 1;

/// Whether a ClientHello asks for an OCSP response. `rustls` has parsed it but does not tell. `records` are the bytes
/// as they were received.
pub(super) fn asks_for_staple(records: &[u8]) -> bool {
    let message = message(records);
    let request = Reader(&message).extension(STATUS_REQUEST);
    request.is_some_and(|mut request| request.take(1) == Some(&[OCSP]))
}

/// Checks rules for a ClientHello that `rustls` does not check: records are not too long (RFC 8446, 5.1), the version
/// is not one of SSL (D.5), and key shares are only for groups that the client supports (4.2.8).
pub(super) fn keeps_rules(records: &[u8]) -> bool {
    let mut reader = Reader(records);
    // Stops at records of other types: early data can follow the ClientHello.
    while let (Some(&[HANDSHAKE, ..]), Some(length)) = (reader.take(3), reader.number(2)) {
        if length > LONGEST {
            return false;
        }
        reader.take(length);
    }
    let message = message(records);
    // The version follows the message's type (1 byte) and length (3 bytes).
    let version = message.get(4..).and_then(|rest| Reader(rest).number(2));
    version >= Some(OLDEST) && shares_what_is_offered(&message).unwrap_or(true)
}

/// `None` if the ClientHello has no key shares or no groups.
fn shares_what_is_offered(message: &[u8]) -> Option<bool> {
    let mut shares = Reader(message).extension(KEY_SHARE)?.vector(2)?;
    let groups = Reader(message).extension(SUPPORTED_GROUPS)?.vector(2)?;
    while let Some(group) = shares.take(2) {
        if !groups.0.chunks(2).any(|offered| offered == group) {
            return Some(false);
        }
        shares.vector(2)?;
    }
    Some(true)
}

/// Joins the ClientHello from its records.
fn message(records: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut reader = Reader(records);
    while let (Some(&[HANDSHAKE]), Some(_)) = (reader.take(1), reader.take(2)) {
        match reader.vector(2) {
            Some(Reader(fragment)) => message.extend_from_slice(fragment),
            None => break,
        }
    }
    message
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, width: usize) -> Option<usize> {
        let digits = self.take(width)?.iter();
        Some(digits.fold(0, |number, digit| number << 8 | usize::from(*digit)))
    }

    /// Reads a length of `width` bytes and that many bytes after it.
    fn vector(&mut self, width: usize) -> Option<Reader<'a>> {
        let length = self.number(width)?;
        self.take(length).map(Reader)
    }

    /// The body of an extension of a ClientHello.
    fn extension(mut self, wanted: usize) -> Option<Reader<'a>> {
        // Type and length, version and random; then the session id, the cipher suites and the compression methods.
        self.take(4 + 2 + 32)?;
        self.vector(1)?;
        self.vector(2)?;
        self.vector(1)?;
        let mut extensions = self.vector(2)?;
        while let Some(kind) = extensions.number(2) {
            let body = extensions.vector(2)?;
            if kind == wanted {
                return Some(body);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fragment: &[u8]) -> Vec<u8> {
        let mut record = vec![HANDSHAKE, 3, 1];
        record.extend((fragment.len() as u16).to_be_bytes());
        record.extend(fragment);
        record
    }

    fn greeting(extensions: &[&[u8]]) -> Vec<u8> {
        let extensions = extensions.concat();
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([1, 9, 0, 2, 0x13, 1, 1, 0]);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let mut message = vec![1, 0];
        message.extend((body.len() as u16).to_be_bytes());
        message.extend(body);
        message
    }

    #[test]
    fn rules_are_kept_by_what_keeps_them() {
        let share = |group: u8| [0, 51, 0, 7, 0, 5, 0, group, 0, 1, 9];
        let groups: &[u8] = &[0, 10, 0, 6, 0, 4, 0, 29, 0, 23];
        for (extensions, expected) in [
            (&[groups, &share(29)][..], true),
            (&[&share(23), groups], true),
            (&[&share(24), groups], false),
            (&[&share(24)], true),
            (&[groups], true),
            (&[], true),
        ] {
            assert_eq!(keeps_rules(&record(&greeting(extensions))), expected, "{extensions:?}");
        }
        let mut old = greeting(&[]);
        for (major, minor, expected) in [(3, 3, true), (3, 1, true), (3, 0, false), (2, 0, false), (0, 9, false)] {
            old[4..6].copy_from_slice(&[major, minor]);
            assert_eq!(keeps_rules(&record(&old)), expected);
        }
        let padding = |length: u16| {
            let padding = [&[0, 21][..], &length.to_be_bytes(), &vec![0; length.into()]].concat();
            let greeting = greeting(&[&padding]);
            assert!(greeting.len() > LONGEST || length < 1 << 13);
            greeting
        };
        assert!(keeps_rules(&record(&padding(100))));
        let long = padding(1 << 14);
        assert!(!keeps_rules(&record(&long)));
        assert!(keeps_rules(&[record(&long[..9000]), record(&long[9000..])].concat()));
    }

    #[test]
    fn a_wish_for_staples_is_found_however_it_is_cut() {
        let other: &[u8] = &[0, 35, 0, 0];
        let ocsp: &[u8] = &[0, 5, 0, 5, 1, 0, 0, 0, 0];
        let unknown: &[u8] = &[0, 5, 0, 1, 2];
        for (extensions, expected) in [
            (&[other, ocsp][..], true),
            (&[ocsp, other], true),
            (&[other], false),
            (&[unknown], false),
            (&[], false),
        ] {
            let message = greeting(extensions);
            assert_eq!(asks_for_staple(&record(&message)), expected);
            for cut in 0..message.len() {
                let (first, rest) = message.split_at(cut);
                let cut_up = [record(first), record(rest)].concat();
                assert_eq!(asks_for_staple(&cut_up), expected, "cut at {cut}");
                if expected && extensions[0] == other {
                    assert!(!asks_for_staple(&record(first)), "half of it");
                }
            }
        }
        assert!(!asks_for_staple(&[]));
        assert!(!asks_for_staple(&[22, 3, 1, 255, 255, 1]));
    }
}
