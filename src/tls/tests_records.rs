//! A client that does not keep to the rules for records of TLS 1.3, and the alert that it gets.

use super::records::with_records;
use super::tests::{context, pair};
use super::{Contexts, Session};
use rustls::crypto::cipher::{
    AeadKey, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks, OutboundOpaqueMessage, OutboundPlainMessage,
    Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{
    AlertDescription, CipherSuite, ClientConfig, ClientConnection, ConnectionTrafficSecrets, ContentType, Error,
    RootCertStore, SupportedCipherSuite, Tls13CipherSuite, version,
};
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// What is protected: the inner content type and the bytes before it.
type Inner = (u8, Vec<u8>);

/// A suite that lies about what it encrypts.
struct Liar {
    suite: &'static Tls13CipherSuite,
    /// Is sent instead of the client's `Finished`.
    finished: Option<Inner>,
}

impl Liar {
    fn suite(suite: SupportedCipherSuite, finished: Option<Inner>) -> SupportedCipherSuite {
        let SupportedCipherSuite::Tls13(suite) = suite else {
            panic!("not a suite of TLS 1.3");
        };
        with_records(suite, Liar { suite, finished })
    }
}

impl Tls13AeadAlgorithm for Liar {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Lies {
            inner: self.suite.aead_alg.encrypter(key, iv),
            finished: self.finished.clone(),
        })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        self.suite.aead_alg.decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        self.suite.aead_alg.key_len()
    }

    fn extract_keys(&self, key: AeadKey, iv: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.suite.aead_alg.extract_keys(key, iv)
    }
}

/// Application data is sent under the content type that its first byte names.
struct Lies {
    inner: Box<dyn MessageEncrypter>,
    finished: Option<Inner>,
}

impl MessageEncrypter for Lies {
    fn encrypt(&mut self, message: OutboundPlainMessage<'_>, seq: u64) -> Result<OutboundOpaqueMessage, Error> {
        let said = message.payload.to_vec();
        let (kind, bytes) = match message.typ {
            ContentType::ApplicationData => (said[0], said[1..].to_vec()),
            ContentType::Handshake => self.finished.take().unwrap_or((HANDSHAKE, said)),
            other => (other.into(), said),
        };
        let lie = OutboundPlainMessage {
            typ: kind.into(),
            version: message.version,
            payload: OutboundChunks::Single(&bytes),
        };
        self.inner.encrypt(lie, seq)
    }

    fn encrypted_payload_len(&self, length: usize) -> usize {
        self.inner.encrypted_payload_len(length)
    }
}

/// A server of this module, and a client of `rustls` that lies.
struct Talk {
    server: Session,
    client: ClientConnection,
    plain: Vec<u8>,
    reason: Option<String>,
}

impl Talk {
    /// The server has sent its part of the handshake, and the client's answer is in the bytes returned.
    fn begun(suite: SupportedCipherSuite, finished: Option<Inner>) -> (Talk, Vec<u8>) {
        let (server, trusting) = pair();
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(&trusting.authorities[0]).unwrap())
            .unwrap();
        let mut provider = default_provider();
        provider.cipher_suites = vec![Liar::suite(suite, finished)];
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut talk = Talk {
            server: Session::server(Rc::new(Contexts::new(context(&server)))),
            client: ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap(),
            plain: Vec::new(),
            reason: None,
        };
        let hello = talk.said();
        talk.hears(&hello);
        assert_eq!(talk.told(), Ok(()));
        let answer = talk.said();
        (talk, answer)
    }

    /// A connection.
    fn open(suite: SupportedCipherSuite) -> Talk {
        let (mut talk, answer) = Talk::begun(suite, None);
        talk.hears(&answer);
        assert!(talk.server.is_open());
        talk
    }

    /// What the client sends.
    fn said(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut out).unwrap();
        }
        out
    }

    fn say(&mut self, (kind, bytes): &Inner) {
        self.client
            .writer()
            .write_all(&[&[*kind], &bytes[..]].concat())
            .unwrap();
        let out = self.said();
        self.hears(&out);
    }

    fn hears(&mut self, bytes: &[u8]) {
        let news = self.server.receive(bytes, &mut self.plain);
        self.reason = self
            .reason
            .take()
            .or(news.failure.map(|failure| failure.reason.into_owned()));
    }

    /// Passes what the server sends to the client.
    fn told(&mut self) -> Result<(), Error> {
        let mut out = Vec::new();
        self.server.take(&mut out);
        let mut out = &out[..];
        while !out.is_empty() {
            self.client.read_tls(&mut out).unwrap();
            self.client.process_new_packets()?;
        }
        Ok(())
    }

    fn alert(&mut self) -> AlertDescription {
        match self.told() {
            Err(Error::AlertReceived(alert)) => alert,
            other => panic!("no alert: {other:?}, {:?}", self.reason),
        }
    }
}

fn suites() -> impl Iterator<Item = SupportedCipherSuite> {
    let suites = default_provider().cipher_suites.into_iter();
    suites.filter(|suite| matches!(suite, SupportedCipherSuite::Tls13(_)))
}

fn record(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let [.., high, low] = bytes.len().to_be_bytes();
    [&[kind, 3, 3, high, low], bytes].concat()
}

/// Records that must not be sent at any time.
fn never() -> Vec<(&'static str, Inner)> {
    vec![
        ("no content type", (0, vec![])),
        ("nothing but padding", (0, vec![0; 30])),
        ("an empty alert", (ALERT, vec![])),
        ("an empty alert with padding", (0, vec![ALERT, 0, 0, 0])),
        ("an empty part of a handshake message", (HANDSHAKE, vec![])),
        ("the same with padding", (0, vec![HANDSHAKE, 0])),
    ]
}

#[test]
fn records_of_a_wrong_type_are_unexpected() {
    for suite in suites() {
        for (name, inner) in never() {
            let mut talk = Talk::open(suite);
            talk.say(&(DATA, b"before".to_vec()));
            talk.say(&inner);
            assert_eq!(talk.alert(), AlertDescription::UnexpectedMessage, "{name}, {suite:?}");
            assert_eq!(
                (&talk.plain[..], talk.reason.as_deref()),
                (&b"before"[..], Some("bad record type"))
            );

            let (mut talk, answer) = Talk::begun(suite, Some(inner));
            talk.hears(&answer);
            assert_eq!(talk.alert(), AlertDescription::UnexpectedMessage, "{name}, {suite:?}");
        }
    }
}

#[test]
fn nothing_comes_between_the_parts_of_a_message() {
    let suite = suites().next().unwrap();
    // An update of the keys, cut at each place.
    let update = [24, 0, 0, 1, 0];
    for cut in 1..update.len() {
        let (first, second) = update.split_at(cut);
        for between in [(DATA, b"x".to_vec()), (DATA, vec![]), (ALERT, vec![1, 0])] {
            let mut talk = Talk::open(suite);
            talk.say(&(HANDSHAKE, first.to_vec()));
            talk.say(&between);
            assert_eq!(
                talk.alert(),
                AlertDescription::UnexpectedMessage,
                "{between:?} after {cut} bytes"
            );
            assert!(talk.plain.is_empty());
        }
        let mut talk = Talk::open(suite);
        talk.say(&(HANDSHAKE, first.to_vec()));
        talk.say(&(HANDSHAKE, second.to_vec()));
        assert_eq!((talk.told(), talk.reason), (Ok(()), None), "cut after {cut} bytes");
    }
}

#[test]
fn a_finished_message_of_a_wrong_length_cannot_be_decoded() {
    for suite in suites() {
        let hash = if suite.suite() == CipherSuite::TLS13_AES_256_GCM_SHA384 {
            48
        } else {
            32
        };
        for length in [0_usize, 1, hash - 1, hash, hash + 1, 80, 16_380] {
            let [.., a, b, c] = length.to_be_bytes();
            let finished = [vec![20, a, b, c], vec![7; length]].concat();
            let (mut talk, answer) = Talk::begun(suite, Some((HANDSHAKE, finished)));
            talk.hears(&answer);
            let expected = if length == hash {
                AlertDescription::DecryptError
            } else {
                AlertDescription::DecodeError
            };
            assert_eq!(talk.alert(), expected, "{length} bytes, {suite:?}");
            assert!(!talk.server.is_open());
        }
    }
}

#[test]
fn records_without_protection_are_unexpected() {
    let suite = suites().next().unwrap();
    let finished = [vec![20, 0, 0, 32], vec![7; 32]].concat();
    for bytes in [
        record(HANDSHAKE, &finished),
        record(HANDSHAKE, &[24, 0, 0, 1, 0]),
        record(ALERT, &[2, 40, 0]),
    ] {
        let mut talk = Talk::open(suite);
        talk.hears(&bytes);
        assert_eq!(talk.alert(), AlertDescription::UnexpectedMessage, "{bytes:?}");

        let (mut talk, _) = Talk::begun(suite, None);
        talk.hears(&bytes);
        assert_eq!(talk.alert(), AlertDescription::UnexpectedMessage, "{bytes:?}");
    }
}

#[test]
fn a_record_that_is_too_long_is_told_from_a_damaged_one() {
    let suite = suites().next().unwrap();
    for (length, alert) in [
        (16_384 + 256, AlertDescription::BadRecordMac),
        (16_384 + 257, AlertDescription::RecordOverflow),
        (16_384 + 1024, AlertDescription::RecordOverflow),
    ] {
        let mut talk = Talk::open(suite);
        talk.hears(&record(DATA, &vec![1; length]));
        assert_eq!(talk.alert(), alert, "{length} bytes");
    }
}
