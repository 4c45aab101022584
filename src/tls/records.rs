//! Rules for the records of TLS 1.3 that `rustls` leaves out, or for which it sends another alert than RFC 8446 asks
//! for, or none. They are checked where a record is decrypted: a cipher suite of `rustls` says how that is done, and
//! the suites of this module do it with the cryptography of the suites that they stand for.

use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter, Tls13AeadAlgorithm,
    UnsupportedOperationError,
};
use rustls::{
    CipherSuiteCommon, ConnectionTrafficSecrets, ContentType, Error, InvalidMessage, PeerMisbehaved,
    SupportedCipherSuite, Tls13CipherSuite,
};
use std::sync::OnceLock;

/// The most bytes of a protected record (RFC 8446, 5.2).
const MOST: usize = 16 * 1024 + 256;

/// The type of a `Finished` message.
const FINISHED: u8 = 20;

/// The error of a decrypter for which `rustls` sends the alert `unexpected_message`. It has no other one.
const UNEXPECTED: Error = Error::PeerMisbehaved(PeerMisbehaved::IllegalMiddleboxChangeCipherSpec);

/// The suites in `known`, which are the provider's; those of TLS 1.3 check their records.
pub(super) fn checked(known: Vec<SupportedCipherSuite>) -> Vec<SupportedCipherSuite> {
    // rustls wants suites that live as long as the process. These are made once.
    static SUITES: OnceLock<Vec<SupportedCipherSuite>> = OnceLock::new();
    SUITES
        .get_or_init(|| known.into_iter().map(checked_suite).collect())
        .clone()
}

fn checked_suite(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    match suite {
        SupportedCipherSuite::Tls13(suite) => with_records(suite, Checked(suite)),
        other => other,
    }
}

/// This suite with another algorithm for its records.
pub(super) fn with_records(
    suite: &'static Tls13CipherSuite,
    records: impl Tls13AeadAlgorithm + 'static,
) -> SupportedCipherSuite {
    let common = CipherSuiteCommon {
        suite: suite.common.suite,
        hash_provider: suite.common.hash_provider,
        confidentiality_limit: suite.common.confidentiality_limit,
    };
    SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
        common,
        hkdf_provider: suite.hkdf_provider,
        aead_alg: Box::leak(Box::new(records)),
        quic: None,
    })))
}

/// The algorithm of this suite, with checks of what is decrypted.
struct Checked(&'static Tls13CipherSuite);

impl Tls13AeadAlgorithm for Checked {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        self.0.aead_alg.encrypter(key, iv)
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Decrypter {
            inner: self.0.aead_alg.decrypter(key, iv),
            handshake: Handshake::new(self.0.common.hash_provider.output_len()),
        })
    }

    fn key_len(&self) -> usize {
        self.0.aead_alg.key_len()
    }

    fn extract_keys(&self, key: AeadKey, iv: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.aead_alg.extract_keys(key, iv)
    }

    fn fips(&self) -> bool {
        self.0.aead_alg.fips()
    }
}

/// Decrypts the records that a peer protects with one key. No handshake message spans a change of keys.
struct Decrypter {
    inner: Box<dyn MessageDecrypter>,
    handshake: Handshake,
}

impl MessageDecrypter for Decrypter {
    fn decrypt<'a>(&mut self, record: InboundOpaqueMessage<'a>, seq: u64) -> Result<InboundPlainMessage<'a>, Error> {
        // A record without protection.
        if record.typ != ContentType::ApplicationData {
            return Err(UNEXPECTED);
        }
        // To be told from one that was damaged, so before it is decrypted.
        if record.payload.len() > MOST {
            return Err(Error::PeerSentOversizedRecord);
        }
        let plain = match self.inner.decrypt(record, seq) {
            // Nothing but padding (RFC 8446, 5.4).
            Err(Error::PeerMisbehaved(PeerMisbehaved::IllegalTlsInnerPlaintext)) => return Err(UNEXPECTED),
            decrypted => decrypted?,
        };
        if plain.typ != ContentType::ApplicationData && plain.payload.is_empty() {
            return Err(UNEXPECTED);
        }
        if plain.typ == ContentType::Handshake {
            self.handshake.follow(plain.payload)?;
        } else if self.handshake.is_unfinished() {
            // Between the parts of a handshake message (RFC 8446, 5.1).
            return Err(UNEXPECTED);
        }
        Ok(plain)
    }
}

/// How far the records have got in a peer's handshake messages.
struct Handshake {
    /// The length of a `Finished` message, in bytes. `rustls` compares its contents only, and checks the length of all
    /// other messages itself.
    finished: usize,
    /// The type and the length of a message.
    header: [u8; 4],
    /// The bytes of `header` that were received.
    read: usize,
    /// The bytes after the header that were not received yet.
    left: usize,
}

impl Handshake {
    fn new(finished: usize) -> Handshake {
        Handshake {
            finished,
            header: [0; 4],
            read: 0,
            left: 0,
        }
    }

    fn follow(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let count = self.left.min(bytes.len());
                self.left -= count;
                bytes = &bytes[count..];
                continue;
            }
            self.header[self.read] = first;
            self.read += 1;
            bytes = rest;
            if self.read == self.header.len() {
                self.read = 0;
                let [kind, length @ ..] = self.header;
                self.left = length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
                if kind == FINISHED && self.left != self.finished {
                    return Err(InvalidMessage::MissingData("Finished").into());
                }
            }
        }
        Ok(())
    }

    /// Whether the last message is not complete.
    fn is_unfinished(&self) -> bool {
        self.read > 0 || self.left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Handshake};

    fn message(kind: u8, length: usize) -> Vec<u8> {
        let [.., a, b, c] = length.to_be_bytes();
        [vec![kind, a, b, c], vec![20; length]].concat()
    }

    #[test]
    fn messages_are_followed_in_pieces_of_any_size() {
        let messages = [
            message(8, 2),
            message(11, 70_000),
            message(13, 0),
            message(20, 32),
            message(24, 1),
        ];
        let whole = messages.concat();
        let ends: Vec<usize> = messages
            .iter()
            .scan(0, |end, message| {
                *end += message.len();
                Some(*end)
            })
            .collect();
        for size in [1, 2, 3, 4, 5, 6, 7, 100, 16_384, whole.len()] {
            let (mut handshake, mut at) = (Handshake::new(32), 0);
            for piece in whole.chunks(size) {
                assert_eq!(handshake.follow(piece), Ok(()), "pieces of {size}, byte {at}");
                at += piece.len();
                assert_eq!(
                    !handshake.is_unfinished(),
                    ends.contains(&at),
                    "pieces of {size}, byte {at}"
                );
            }
        }
    }

    #[test]
    fn a_finished_message_has_the_length_of_a_hash() {
        for length in [0_usize, 1, 31, 33, 48, 0xff_ffff] {
            let [.., a, b, c] = length.to_be_bytes();
            let bytes = [message(24, 1), vec![20, a, b, c]].concat();
            for size in [1, 3, bytes.len()] {
                let mut handshake = Handshake::new(32);
                let results: Vec<_> = bytes.chunks(size).map(|piece| handshake.follow(piece)).collect();
                let (last, before) = results.split_last().unwrap();
                assert!(
                    matches!(last, Err(Error::InvalidMessage(_))),
                    "{length} bytes in pieces of {size}"
                );
                assert!(before.iter().all(Result::is_ok), "{length} bytes in pieces of {size}");
            }
        }
    }
}
