//! Both sides of a connection in memory. However the bytes are cut into pieces, what one side has sent the other
//! receives, or it reports why not.

use super::*;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::server::ProducesTickets;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A certificate authority that signs the certificates of the tests.
struct Authority {
    pem: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem().into_bytes();
        let issuer = Issuer::new(params, key);
        Authority { pem, issuer }
    }

    fn sign(&self, params: CertificateParams) -> (Vec<u8>, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem().into_bytes(), key.serialize_pem().into_bytes())
    }
}

pub(crate) fn context(settings: &Settings) -> Rc<Context> {
    Rc::new(Context::new(settings, Tickets::new(None, 300, Vec::new()).unwrap()).unwrap())
}

/// The settings of a server, and of a client that trusts it.
pub(crate) fn pair() -> (Settings, Settings) {
    let authority = Authority::new("authority");
    let server = Settings {
        identities: vec![authority.sign(params("localhost"))],
        ..Settings::default()
    };
    let client = Settings {
        authorities: vec![authority.pem],
        ..Settings::default()
    };
    (server, client)
}

/// One side of a connection and what it has reported.
struct Side {
    session: Session,
    plain: Vec<u8>,
    secured: usize,
    ended: usize,
    failure: Option<Failure>,
    unanswered: bool,
    keys: String,
    sessions: Vec<SessionName>,
}

impl Side {
    fn new(session: Session) -> Side {
        Side {
            session,
            plain: Vec::new(),
            secured: 0,
            ended: 0,
            failure: None,
            unanswered: false,
            keys: String::new(),
            sessions: Vec::new(),
        }
    }

    fn server(context: &Rc<Context>) -> Side {
        Side::new(Session::server(Rc::new(Contexts::new(context.clone()))))
    }

    fn client(context: &Rc<Context>) -> Side {
        Side::new(Session::client(context.clone(), "localhost", None).unwrap())
    }

    fn hear(&mut self, bytes: &[u8]) {
        let news = self.session.receive(bytes, &mut self.plain);
        self.secured += usize::from(news.secured);
        self.ended += usize::from(news.ended);
        self.keys += &news.keys;
        self.sessions.extend(news.sessions);
        if news.secured {
            self.session.trust();
        }
        if let Some(failure) = news.failure {
            assert!(self.failure.replace(failure).is_none(), "failed twice");
        }
        assert!(!news.unanswered || !self.unanswered, "unanswered twice");
        self.unanswered |= news.unanswered;
    }

    fn says(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.session.take(&mut out);
        out
    }

    fn sends(&mut self, mut plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while !plain.is_empty() {
            let sent = self.session.send(plain, &mut out);
            assert!(sent > 0, "nothing is taken");
            plain = &plain[sent..];
        }
        out
    }

    fn reason(&self) -> &str {
        self.failure.as_ref().map_or("none", |failure| &failure.reason)
    }
}

fn sides(server: &Rc<Context>, client: &Rc<Context>) -> (Side, Side) {
    (Side::server(server), Side::client(client))
}

/// Passes bytes to and fro in pieces of `size`, until neither side has anything left to send.
fn talk(a: &mut Side, b: &mut Side, size: usize) {
    loop {
        let (from_a, from_b) = (a.says(), b.says());
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        from_a.chunks(size).for_each(|piece| b.hear(piece));
        from_b.chunks(size).for_each(|piece| a.hear(piece));
    }
}

fn connected(server: &Rc<Context>, client: &Rc<Context>) -> (Side, Side) {
    let (mut server, mut client) = sides(server, client);
    talk(&mut server, &mut client, usize::MAX);
    assert_eq!(
        (server.secured, client.secured),
        (1, 1),
        "{:?} {:?}",
        server.failure,
        client.failure
    );
    (server, client)
}

fn in_version(version: Version) -> (Settings, Settings) {
    let (mut server, client) = pair();
    server.versions = (version, version);
    (server, client)
}

#[test]
fn both_sides_understand_each_other_in_pieces_of_any_size() {
    for (version, name) in [(Version::Tls12, "TLSv1.2"), (Version::Tls13, "TLSv1.3")] {
        let (server, client) = in_version(version);
        let (server, client) = (context(&server), context(&client));
        for size in [1, 2, 3, 5, 7, 100, 4096, usize::MAX] {
            let (mut server, mut client) = sides(&server, &client);
            talk(&mut server, &mut client, size);
            assert_eq!((server.secured, client.secured), (1, 1), "pieces of {size}");
            assert_eq!(server.session.server_name(), Some("localhost"));
            assert_eq!(
                (server.session.version(), client.session.version()),
                (Some(name), Some(name))
            );
            assert_eq!(server.session.suite(), client.session.suite());
            assert_eq!(client.session.judge(), Ok(()));
            let text: Vec<u8> = (0..100_000_u32).map(|at| (at * 7 / 3) as u8).collect();
            for piece in client.sends(&text).chunks(size) {
                server.hear(piece);
            }
            for piece in server.sends(&text[..1000]).chunks(size) {
                client.hear(piece);
            }
            assert!(server.plain == text && client.plain == text[..1000]);
            let mut last = Vec::new();
            client.session.close(&mut last);
            client.session.close(&mut last);
            last.chunks(size).for_each(|piece| server.hear(piece));
            assert_eq!((server.ended, server.failure), (1, None));
        }
    }
}

#[test]
fn nothing_is_sent_before_the_handshake_nor_behind_the_end() {
    let (server, client) = pair();
    let (server, client) = (context(&server), context(&client));
    let (mut server, mut client) = sides(&server, &client);
    let mut out = Vec::new();
    assert_eq!(client.session.send(b"early", &mut out), 0);
    assert_eq!(server.session.send(b"early", &mut out), 0);
    assert!(out.is_empty());
    talk(&mut server, &mut client, usize::MAX);
    client.session.close(&mut out);
    assert_eq!(client.session.send(b"late", &mut out), 0);
    // The other direction stays open.
    server.hear(&out);
    let answer = server.sends(b"last");
    client.hear(&answer);
    assert_eq!(client.plain, b"last");
    // Bytes after the end are ignored.
    server.hear(b"anything");
    assert_eq!(
        (server.ended, server.failure.as_ref(), server.plain.len()),
        (1, None, 0)
    );
}

#[test]
fn what_is_cut_off_is_no_end() {
    let (server, client) = pair();
    let (server, client) = (context(&server), context(&client));
    let (mut server, mut client) = connected(&server, &client);
    let whole = client.sends(b"all or nothing");
    server.hear(&whole[..whole.len() - 1]);
    assert!(server.plain.is_empty() && server.ended == 0 && server.failure.is_none());
    server.hear(&whole[whole.len() - 1..]);
    assert_eq!(server.plain, b"all or nothing");
}

#[test]
fn what_was_changed_on_its_way_ends_the_session_and_is_told_to_both() {
    let (server, client) = pair();
    let (server, client) = (context(&server), context(&client));
    let (mut server, mut client) = connected(&server, &client);
    let first = client.sends(b"good ");
    let mut second = client.sends(b"bad");
    *second.last_mut().unwrap() ^= 1;
    server.hear(&[first, second].concat());
    assert_eq!(server.plain, b"good ", "what came before the change is the peer's");
    assert_eq!(server.reason(), "decryption failed or bad record mac");
    let alert = server.says();
    client.hear(&alert);
    assert_eq!(client.reason(), "sslv3 alert bad record mac");
}

#[test]
fn what_has_no_answer_is_left_as_it_came() {
    let (settings, client) = pair();
    let (server, without) = (context(&settings), context(&client));
    let greeting = |client: Settings| Side::client(&context(&client)).says();
    let old = Settings {
        versions: (Version::Tls12, Version::Tls12),
        ..client.clone()
    };
    let new = context(&Settings {
        versions: (Version::Tls13, Version::Tls13),
        suites: vec!["TLS_AES_128_GCM_SHA256".into()],
        ..settings.clone()
    });
    let other = Settings {
        suites: vec!["TLS_AES_256_GCM_SHA384".into()],
        ..client.clone()
    };
    let mut long = greeting(client.clone());
    // The record has to announce the same length.
    long[3..5].copy_from_slice(&[0xff, 0xff]);
    for (context, bytes) in [
        (&server, b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        (&server, b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        (&server, vec![0; 64]),
        (&server, long),
        (&without, greeting(client)),
        (&new, greeting(old)),
        (&new, greeting(other)),
    ] {
        for size in [1, 8, usize::MAX] {
            let mut side = Side::server(context);
            let mut given = 0;
            for piece in bytes.chunks(size) {
                given += piece.len();
                side.hear(piece);
                if side.unanswered {
                    break;
                }
            }
            assert!(side.unanswered, "{bytes:?} in pieces of {size}");
            side.hear(b"more");
            assert!(side.says().is_empty() && side.plain.is_empty() && side.secured == 0);
            assert_eq!(side.failure, None);
            assert_eq!(side.session.received(), bytes[..given]);
        }
    }
}

#[test]
fn no_byte_of_a_greeting_can_be_changed_without_an_end() {
    let (server, client) = pair();
    let (server, client) = (context(&server), context(&client));
    let greeting = sides(&server, &client).1.says();
    // The version of a record is ignored (RFC 8446, 5.1).
    for at in (0..greeting.len()).filter(|at| !(1..3).contains(at)) {
        for flip in [1, 0x80] {
            let (mut server, mut client) = sides(&server, &client);
            let mut changed = client.says();
            changed[at] ^= flip;
            server.hear(&changed);
            talk(&mut server, &mut client, usize::MAX);
            assert_ne!((server.secured, client.secured), (1, 1), "byte {at} of the greeting");
        }
    }
}

#[test]
fn the_name_that_is_asked_for_says_who_answers() {
    let (settings, client) = pair();
    let other = Authority::new("other");
    let named = context(&Settings {
        identities: vec![other.sign(params("localhost"))],
        ..Settings::default()
    });
    let contexts = Contexts::new(context(&settings));
    contexts.add("LOCAL*", named);
    let contexts = Rc::new(contexts);
    let judged = |name: &str| {
        let mut client = Side::new(Session::client(context(&client), name, None).unwrap());
        let mut server = Side::new(Session::server(contexts.clone()));
        talk(&mut server, &mut client, usize::MAX);
        client.session.judge()
    };
    assert_eq!(judged("localhost"), Err("UNABLE_TO_VERIFY_LEAF_SIGNATURE"));
    assert_eq!(judged("elsewhere"), Ok(()));
    assert_eq!(judged("127.0.0.1"), Ok(()), "addresses are no names");
}

#[test]
fn who_greets_without_end_has_no_answer() {
    let (server, _) = pair();
    let mut server = Side::server(&context(&server));
    // Pieces of a message that announces 65,535 bytes, each in its own record.
    server.hear(&[22, 3, 1, 0, 5, 1, 0, 0xff, 0xff, 3]);
    for _ in 0..65_000 {
        server.hear(&[22, 3, 1, 0, 1, 3]);
        if server.unanswered {
            break;
        }
    }
    assert!(server.unanswered && server.session.received().len() < 129 * 1024);
}

#[test]
fn protocols_are_negotiated_or_refused() {
    let (mut server, mut client) = pair();
    server.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    client.alpn = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
    let served = context(&server);
    let (server_side, client_side) = connected(&served, &context(&client));
    assert_eq!(server_side.session.protocol(), Some(&b"h2"[..]), "the server's order");
    assert_eq!(client_side.session.protocol(), Some(&b"h2"[..]));
    client.alpn = vec![b"other".to_vec()];
    let (mut server_side, mut client_side) = sides(&served, &context(&client));
    talk(&mut server_side, &mut client_side, usize::MAX);
    assert!(server_side.unanswered);
}

#[test]
fn of_the_suites_one_that_both_have_is_taken() {
    let (mut server, mut client) = pair();
    server.suites = vec!["TLS_AES_128_GCM_SHA256".into(), "TLS_CHACHA20_POLY1305_SHA256".into()];
    client.suites = vec!["TLS_CHACHA20_POLY1305_SHA256".into()];
    let (server_side, _) = connected(&context(&server), &context(&client));
    assert_eq!(
        server_side.session.suite().as_deref(),
        Some("TLS_CHACHA20_POLY1305_SHA256")
    );
}

#[test]
fn clients_are_asked_and_taken_whatever_they_show() {
    let (mut server, client) = pair();
    let authority = Authority::new("clients");
    server.asks = true;
    server.authorities = vec![authority.pem.clone()];
    let served = context(&server);
    let of = |identities| {
        context(&Settings {
            identities,
            ..client.clone()
        })
    };
    for version in [Version::Tls12, Version::Tls13] {
        server.versions = (version, version);
        let (side, _) = connected(&served, &of(Vec::new()));
        assert_eq!(side.session.judge(), Err("UNABLE_TO_GET_ISSUER_CERT"), "it shows none");

        let mut good = params("client");
        good.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (side, _) = connected(&served, &of(vec![authority.sign(good)]));
        assert_eq!(
            (side.session.judge(), side.session.peer_certificates().len()),
            (Ok(()), 1)
        );

        let (side, _) = connected(&served, &of(vec![Authority::new("stranger").sign(params("client"))]));
        assert_eq!(side.session.judge(), Err("UNABLE_TO_VERIFY_LEAF_SIGNATURE"));

        let mut wrong = params("client");
        wrong.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let (side, _) = connected(&served, &of(vec![authority.sign(wrong)]));
        assert_eq!(side.session.judge(), Err("INVALID_PURPOSE"));
    }
}

#[test]
fn who_has_to_show_a_certificate_and_has_none_is_told_so() {
    let (mut server, mut client) = pair();
    server.asks = true;
    server.demands = true;
    for (version, told) in [
        (Version::Tls12, "sslv3 alert handshake failure"),
        (Version::Tls13, "tlsv13 alert certificate required"),
    ] {
        server.versions = (version, version);
        client.identities = Vec::new();
        let served = context(&server);
        let (mut side, mut other) = sides(&served, &context(&client));
        talk(&mut side, &mut other, usize::MAX);
        assert_eq!(
            (side.reason(), other.reason()),
            ("peer did not return a certificate", told)
        );
        assert_eq!((side.secured, side.session.is_open()), (0, false));
        // Another implementation would get the same alert.
        assert!(!other.failure.unwrap().foreign, "{version:?}");

        client.identities = vec![Authority::new("stranger").sign(params("client"))];
        let (side, _) = connected(&served, &context(&client));
        assert_eq!(side.session.judge(), Err("UNABLE_TO_VERIFY_LEAF_SIGNATURE"));
    }
}

#[test]
fn a_certificate_alone_is_shown_with_those_who_have_signed_it() {
    let (server, client) = pair();
    let [(end, key)] = &server.identities[..] else { panic!() };
    let root = client.authorities[0].clone();
    let shown = |identity: Vec<u8>, authorities| {
        let server = context(&Settings {
            identities: vec![(identity, key.clone())],
            authorities,
            ..Settings::default()
        });
        let (_, other) = connected(&server, &context(&client));
        other.session.peer_certificates().len()
    };
    let stranger = Authority::new("stranger").pem;
    assert_eq!(shown(end.clone(), Vec::new()), 1);
    assert_eq!(shown(end.clone(), vec![stranger.clone(), root.clone()]), 2);
    assert_eq!(shown(end.clone(), vec![stranger.clone()]), 1);
    // More than the own certificate was given, so nothing is added to it.
    assert_eq!(shown([&end[..], &stranger].concat(), vec![root]), 2);
}

#[test]
fn certificates_are_judged_in_openssls_words() {
    let key = KeyPair::generate().unwrap();
    let self_signed = |params: CertificateParams| {
        let certificate = params.self_signed(&key).unwrap().pem().into_bytes();
        (certificate, key.serialize_pem().into_bytes())
    };
    let authority = Authority::new("authority");
    let judged = |identity: (Vec<u8>, Vec<u8>), authorities: Vec<Vec<u8>>| {
        let server = context(&Settings {
            identities: vec![identity],
            ..Settings::default()
        });
        let client = context(&Settings {
            authorities,
            ..Settings::default()
        });
        connected(&server, &client).1.session.judge()
    };
    let dated = |from, to| {
        let mut params = params("localhost");
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        params
    };
    let mut ca = params("localhost");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let trusted = vec![authority.pem.clone()];

    let own = self_signed(params("localhost"));
    assert_eq!(judged(own.clone(), trusted.clone()), Err("DEPTH_ZERO_SELF_SIGNED_CERT"));
    assert_eq!(judged(own.clone(), vec![own.0]), Ok(()));
    let own = self_signed(ca);
    assert_eq!(judged(own.clone(), trusted.clone()), Err("DEPTH_ZERO_SELF_SIGNED_CERT"));
    assert_eq!(
        judged(own.clone(), vec![own.0]),
        Ok(()),
        "an authority's, trusted as it is"
    );
    let own = self_signed(dated(2001, 2002));
    assert_eq!(judged(own.clone(), vec![own.0]), Err("CERT_HAS_EXPIRED"));

    let stranger = Authority::new("stranger");
    let (leaf, leaf_key) = stranger.sign(params("localhost"));
    let with_root = ([leaf, stranger.pem].concat(), leaf_key);
    assert_eq!(judged(with_root, trusted.clone()), Err("SELF_SIGNED_CERT_IN_CHAIN"));
    assert_eq!(
        judged(authority.sign(dated(2001, 2002)), trusted.clone()),
        Err("CERT_HAS_EXPIRED")
    );
    assert_eq!(
        judged(authority.sign(dated(2400, 2500)), trusted.clone()),
        Err("CERT_NOT_YET_VALID")
    );
    assert_eq!(judged(authority.sign(params("localhost")), trusted), Ok(()));
}

#[test]
fn a_chain_ends_with_who_has_signed_itself() {
    let root = Authority::new("root");
    let mut between = params("between");
    between.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let between_pem = between.signed_by(&key, &root.issuer).unwrap().pem().into_bytes();
    let between = Authority {
        pem: between_pem,
        issuer: Issuer::new(between, key),
    };
    let (leaf, key) = between.sign(params("localhost"));
    let whole = [leaf.clone(), between.pem.clone()].concat();
    let judged = |chain: &Vec<u8>, authorities: &[&Vec<u8>]| {
        let server = context(&Settings {
            identities: vec![(chain.clone(), key.clone())],
            ..Settings::default()
        });
        let client = context(&Settings {
            authorities: authorities.iter().copied().cloned().collect(),
            ..Settings::default()
        });
        connected(&server, &client).1.session.judge()
    };
    assert_eq!(judged(&whole, &[&root.pem]), Ok(()));
    assert_eq!(judged(&leaf, &[&root.pem, &between.pem]), Ok(()));
    assert_eq!(judged(&leaf, &[&root.pem]), Err("UNABLE_TO_VERIFY_LEAF_SIGNATURE"));
    assert_eq!(judged(&whole, &[]), Err("UNABLE_TO_GET_ISSUER_CERT_LOCALLY"));
    assert_eq!(judged(&leaf, &[&between.pem]), Err("UNABLE_TO_GET_ISSUER_CERT"));
    assert_eq!(judged(&whole, &[&between.pem]), Err("UNABLE_TO_GET_ISSUER_CERT"));
    assert_eq!(judged(&leaf, &[&leaf]), Err("UNABLE_TO_VERIFY_LEAF_SIGNATURE"));
}

#[test]
fn of_several_certificates_the_one_that_suits_is_shown() {
    let authority = Authority::new("authority");
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let edwards = params("localhost").signed_by(&key, &authority.issuer).unwrap();
    let server = context(&Settings {
        identities: vec![
            (edwards.pem().into_bytes(), key.serialize_pem().into_bytes()),
            authority.sign(params("localhost")),
        ],
        ..Settings::default()
    });
    let client = context(&Settings {
        authorities: vec![authority.pem],
        ..Settings::default()
    });
    let shown = connected(&server, &client).1.session.peer_certificates()[0].to_vec();
    assert_eq!(shown, edwards.der().to_vec());
}

#[test]
fn sessions_are_resumed_with_tickets_of_this_context_only() {
    for version in [Version::Tls12, Version::Tls13] {
        let (server, client) = in_version(version);
        let (served, client) = (context(&server), context(&client));
        let (side, other) = connected(&served, &client);
        assert!(!side.session.is_resumed());
        let name = *other.sessions.last().unwrap();
        let (side, other) = going_on(&served, &client, &name);
        assert!(side.session.is_resumed() && other.session.is_resumed(), "{version:?}");
        assert_eq!(other.session.judge(), Ok(()));
        assert_eq!(other.session.peer_certificates().len(), 1);
        let (side, _) = going_on(&context(&server), &client, &name);
        assert!(!side.session.is_resumed(), "{version:?}, by another's ticket");
    }
}

/// Both sides of a connection that resumes a session by its name.
fn going_on(server: &Rc<Context>, client: &Rc<Context>, name: &[u8]) -> (Side, Side) {
    let mut client = Side::new(Session::client(client.clone(), "localhost", Some(name)).unwrap());
    let mut server = Side::server(server);
    talk(&mut server, &mut client, usize::MAX);
    assert_eq!((server.secured, client.secured), (1, 1), "{:?}", client.failure);
    (server, client)
}

#[test]
fn who_asks_for_nothing_or_brings_what_nobody_knows_gets_a_new_session() {
    let (server, client) = pair();
    let (served, client) = (context(&server), context(&client));
    for name in [&b""[..], b"ironwire", &[7; 32], &[0; 4096]] {
        let (side, _) = going_on(&served, &client, name);
        assert!(!side.session.is_resumed());
    }
    let mut client = Side::new(Session::client(client, "", None).unwrap());
    let mut server = Side::server(&served);
    talk(&mut server, &mut client, 7);
    assert_eq!((server.session.server_name(), client.secured), (None, 1));
    for name in ["a b", "-", "a..b", "\u{e4}.example"] {
        assert!(Session::client(served.clone(), name, None).is_err(), "{name}");
        assert!(!Session::takes_name(name));
    }
}

#[test]
fn of_two_that_bring_one_session_both_can_go_on() {
    let (server, client) = pair();
    let (served, client) = (context(&server), context(&client));
    let (_, first) = connected(&served, &client);
    assert_eq!(first.sessions.len(), 2);
    assert!(first.sessions.iter().all(|name| name.starts_with(b"ironwire")));
    let resumed: Vec<bool> = (0..3)
        .map(|_| going_on(&served, &client, &first.sessions[0]).1.session.is_resumed())
        .collect();
    assert_eq!(
        resumed,
        [true, true, true],
        "who goes on is given another, of the same name"
    );
    // More connections at the same time than there are tickets.
    let begun: Vec<Side> = (0..6)
        .map(|_| Side::new(Session::client(client.clone(), "localhost", Some(&first.sessions[0])).unwrap()))
        .collect();
    let resumed = begun.into_iter().map(|mut client| {
        let mut server = Side::server(&served);
        talk(&mut server, &mut client, usize::MAX);
        client.session.is_resumed()
    });
    assert_eq!(resumed.filter(|is| *is).count(), 2, "one for each that was used");
}

#[test]
fn who_goes_on_can_do_so_again_and_again() {
    for version in [Version::Tls12, Version::Tls13] {
        let (server, client) = in_version(version);
        let (served, client) = (context(&server), context(&client));
        let name = connected(&served, &client).1.sessions[0];
        for _ in 0..5 {
            let (_, other) = going_on(&served, &client, &name);
            assert!(other.session.is_resumed(), "{version:?}");
            assert!(version == Version::Tls12 || other.sessions.is_empty(), "it has a name");
        }
    }
}

#[test]
fn sessions_without_end_are_not_kept() {
    let (server, client) = pair();
    let (mut server, client) = (server, context(&client));
    server.versions = (Version::Tls13, Version::Tls13);
    let mut config = (*context(&server).server.clone().unwrap()).clone();
    config.send_tls13_tickets = 100;
    let mut served = Context::new(&server, Tickets::new(None, 300, Vec::new()).unwrap()).unwrap();
    config.ticketer = served.server.as_ref().unwrap().ticketer.clone();
    served.server = Some(std::sync::Arc::new(config));
    let (_, client) = connected(&Rc::new(served), &client);
    assert_eq!(client.sessions.len(), 4);
}

#[test]
fn a_client_says_nothing_to_whom_it_does_not_trust() {
    let (server, client) = pair();
    let (served, client) = (context(&server), context(&client));
    let mut server = Side::server(&served);
    let mut client = Session::client(client, "localhost", None).unwrap();
    let (mut out, mut plain) = (Vec::new(), Vec::new());
    client.take(&mut out);
    server.hear(&out);
    assert!(client.receive(&server.says(), &mut plain).secured);
    out.clear();
    client.take(&mut out);
    server.hear(&out);
    out.clear();
    assert!(server.secured == 1 && !client.is_open());
    assert_eq!((client.send(b"secret", &mut out), out.len()), (0, 0));
    client.trust();
    assert_eq!(client.send(b"secret", &mut out), 6);
    server.hear(&out);
    assert_eq!(server.plain, b"secret");
}

#[test]
fn what_rustls_does_not_have_is_told_from_what_is_wrong() {
    let foreign = |answer: &[u8]| {
        let (_, client) = pair();
        let mut client = Side::client(&context(&client));
        client.hear(answer);
        let failure = client.failure.unwrap();
        (failure.foreign, failure.reason.into_owned())
    };
    let alert = |description: u8| [21, 3, 3, 0, 2, 2, description];
    assert_eq!(foreign(&alert(40)), (true, "sslv3 alert handshake failure".into()));
    assert_eq!(foreign(&alert(71)), (true, "tlsv1 alert insufficient security".into()));
    assert_eq!(foreign(&alert(48)), (false, "tlsv1 alert unknown ca".into()));
    assert_eq!(
        foreign(b"HTTP/1.1 400 Bad Request\r\n"),
        (false, "wrong version number".into())
    );
}

static CLOCK: AtomicU64 = AtomicU64::new(1_000_000);

fn clock() -> u64 {
    CLOCK.load(Ordering::Relaxed)
}

#[test]
fn tickets_are_good_for_a_time_and_their_keys_for_another() {
    let tickets =
        |secret, lifetime, purpose: &[u8]| Tickets::with_clock(secret, lifetime, purpose.to_vec(), clock).unwrap();
    // Allows one ticket, as for a client that brings none.
    let seal = |tickets: &Tickets, session: &[u8]| {
        tickets.allow(1);
        tickets.encrypt(session).unwrap()
    };
    let wait = |seconds| CLOCK.fetch_add(seconds, Ordering::Relaxed);

    let ours = tickets(None, 300, b"a");
    let ticket = seal(&ours, b"session");
    assert!(ours.decrypt(&ticket).is_some());
    assert_eq!(ours.encrypt(b"session"), None, "who goes on in the same breath has one");
    assert_eq!(ours.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
    assert_ne!(ticket, seal(&ours, b"session"));
    for at in 0..ticket.len() {
        let mut changed = ticket.clone();
        changed[at] ^= 1;
        assert_eq!(ours.decrypt(&changed), None, "byte {at}");
        assert_eq!(ours.decrypt(&ticket[..at]), None, "cut off at {at}");
    }
    assert_eq!(ours.decrypt(&vec![0; 1 << 20]), None);
    wait(299);
    assert!(ours.decrypt(&ticket).is_some());
    wait(1);
    assert_eq!(ours.decrypt(&ticket), None, "too old");

    // Two processes with one secret. Another purpose makes the keys differ.
    let secret = Some([7; SECRET]);
    let (one, two, other) = (
        tickets(secret, 300, b"a"),
        tickets(secret, 300, b"a"),
        tickets(secret, 300, b"b"),
    );
    let ticket = seal(&one, b"session");
    assert!(two.decrypt(&ticket).is_some() && other.decrypt(&ticket).is_none());
    wait(24 * 60 * 60);
    seal(&one, b"session");
    assert_eq!(one.secret(), secret, "what was set stays");

    // The secret is replaced, and the previous one still opens tickets.
    let ours = tickets(None, 24 * 60 * 60, b"");
    let (secret, ticket) = (ours.secret(), seal(&ours, b"first"));
    wait(6 * 60 * 60);
    seal(&ours, b"second");
    assert_ne!(ours.secret(), secret);
    assert!(ours.decrypt(&ticket).is_some());
    wait(6 * 60 * 60);
    seal(&ours, b"third");
    assert_eq!(ours.decrypt(&ticket), None, "its key is gone");
    let ticket = seal(&ours, b"fourth");
    ours.set_secret([9; SECRET]);
    assert_eq!(ours.secret(), Some([9; SECRET]));
    assert_eq!(ours.decrypt(&ticket), None, "its key was taken away");
    assert!(!format!("{ours:?}").contains('9'), "secrets are not printed");
}

#[test]
fn secrets_are_logged_where_that_is_asked_for() {
    let (mut server, client) = pair();
    server.logs = true;
    let (side, other) = connected(&context(&server), &context(&client));
    let labels: Vec<&str> = side.keys.lines().map(|line| line.split(' ').next().unwrap()).collect();
    for label in [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_TRAFFIC_SECRET_0",
        "EXPORTER_SECRET",
    ] {
        assert!(labels.contains(&label), "{label} in {labels:?}");
    }
    assert!(side.keys.lines().all(|line| line.split(' ').count() == 3));
    assert!(other.keys.is_empty());
    let (served, client) = (context(&server), context(&client));
    let (first, other) = connected(&served, &client);
    let (again, _) = going_on(&served, &client, &other.sessions[0]);
    assert!(again.session.is_resumed());
    assert_eq!(again.keys.lines().count(), first.keys.lines().count());
}

#[test]
fn both_sides_derive_the_same_bytes() {
    let (server, client) = pair();
    let (server, client) = connected(&context(&server), &context(&client));
    let (ours, theirs) = (
        server.session.export(40, b"EXPERIMENTAL-a", Some(b"b")).unwrap(),
        client.session.export(40, b"EXPERIMENTAL-a", Some(b"b")).unwrap(),
    );
    assert!(ours == theirs && ours.len() == 40 && ours != [0; 40]);
    assert_ne!(ours, client.session.export(40, b"EXPERIMENTAL-a", None).unwrap());
    let fresh = Side::server(&context(&pair().0)).session;
    assert!(fresh.export(40, b"EXPERIMENTAL-a", None).is_err());
}

#[test]
fn settings_are_checked() {
    let (good, _) = pair();
    let (chain, key) = good.identities[0].clone();
    let error = |settings: &Settings| {
        let tickets = Tickets::new(None, 300, Vec::new()).unwrap();
        Context::new(settings, tickets).err()
    };
    let of = |chain: &[u8], key: &[u8]| Settings {
        identities: vec![(chain.to_vec(), key.to_vec())],
        ..Settings::default()
    };
    assert_eq!(error(&good), None);
    assert_eq!(error(&of(b"nothing", &key)), Some(Invalid::Pem("cert")));
    assert_eq!(error(&of(&chain, b"nothing")), Some(Invalid::Pem("key")));
    let (_, other) = Authority::new("other").sign(params("localhost"));
    assert_eq!(error(&of(&chain, &other)), Some(Invalid::Mismatch));
    let broken = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert!(matches!(error(&of(&chain, broken)), Some(Invalid::Unsupported(_))));
    let settings = Settings {
        authorities: vec![b"-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----".to_vec()],
        ..good.clone()
    };
    assert_eq!(error(&settings), Some(Invalid::Pem("ca")));
    let settings = Settings {
        suites: vec!["TLS_RSA_WITH_RC4_128_MD5".into()],
        ..good.clone()
    };
    assert_eq!(error(&settings), Some(Invalid::NoSuite));
    let settings = Settings {
        suites: vec!["TLS_AES_128_GCM_SHA256".into()],
        versions: (Version::Tls12, Version::Tls12),
        ..good
    };
    assert_eq!(error(&settings), Some(Invalid::NoSuite), "none of that version");
}
