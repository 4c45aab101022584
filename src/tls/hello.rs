//! What a client's greeting asks for, and what a server answers that makes up its mind then.

use super::Context;
use super::context::Stapled;
use rustls::ServerConfig;
use std::rc::Rc;
use std::sync::Arc;

/// What a client wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// The name that it asks for.
    pub server_name: Option<String>,
    /// The protocols that it offers, the best first.
    pub protocols: Vec<Vec<u8>>,
    /// It would like to see a word of the authority's on the certificate (OCSP, RFC 6066, 8).
    pub staples: bool,
}

/// How a server answers that.
#[derive(Default)]
pub struct Answer {
    /// By another context than the one of the name that was asked for.
    pub context: Option<Rc<Context>>,
    /// With one of the protocols; an empty name, which none has (RFC 7301, 3.1), refuses them all.
    pub protocol: Option<Vec<u8>>,
    /// With an OCSP response.
    pub staple: Option<Vec<u8>>,
}

impl Answer {
    /// The context, and what it answers with.
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
const STATUS_REQUEST: u16 = 5;
const OCSP: u8 = 1;

/// Whether a greeting, as it came, asks for an OCSP response. `rustls` has read it before, and does not say.
pub(super) fn asks_for_staple(records: &[u8]) -> bool {
    asked_for_staple(&mut Reader(&message(records))).unwrap_or(false)
}

/// The greeting out of its records.
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

fn asked_for_staple(reader: &mut Reader<'_>) -> Option<bool> {
    // Type and length, version, random; the session, suites, compressions.
    reader.take(4 + 2 + 32)?;
    reader.vector(1)?;
    reader.vector(2)?;
    reader.vector(1)?;
    let mut extensions = reader.vector(2)?;
    while let Some(kind) = extensions.number(2) {
        let mut body = extensions.vector(2)?;
        if kind == usize::from(STATUS_REQUEST) {
            return Some(body.take(1)? == [OCSP]);
        }
    }
    Some(false)
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

    /// What lies behind its length, which takes `width` bytes.
    fn vector(&mut self, width: usize) -> Option<Reader<'a>> {
        let length = self.number(width)?;
        self.take(length).map(Reader)
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
