//! Servers that decide how to answer after the ClientHello, and what sessions report about themselves.

use super::sessions::Sessions;
use super::tests::{context, pair};
use super::*;
use rustls::{ClientConnection, Connection};
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;

struct Both {
    server: Session,
    client: Session,
    /// What the server reported last.
    news: News,
    heard: Vec<u8>,
    seen: Vec<u8>,
}

fn asking(server: &Rc<Context>, client: &Rc<Context>) -> Both {
    Both {
        server: Session::asking_server(Rc::new(Contexts::new(server.clone()))),
        client: Session::client(client.clone(), "localhost", None).unwrap(),
        news: News::default(),
        heard: Vec::new(),
        seen: Vec::new(),
    }
}

impl Both {
    /// Passes bytes to and fro in pieces of `size`, until neither side has anything left to send. Returns the client's
    /// failure.
    fn talk(&mut self, size: usize) -> Option<Failure> {
        let mut failure = None;
        loop {
            let (mut up, mut down) = (Vec::new(), Vec::new());
            self.client.take(&mut up);
            self.server.take(&mut down);
            if up.is_empty() && down.is_empty() {
                return failure;
            }
            for piece in up.chunks(size) {
                let news = self.server.receive(piece, &mut self.heard);
                if news != News::default() {
                    self.news = news;
                }
            }
            let news = self.client.receive(&down, &mut self.seen);
            failure = failure.or(news.failure);
            if news.secured {
                self.client.trust();
            }
        }
    }

    fn answer(&mut self, answer: Answer) {
        self.news = self.server.answer(answer, &mut self.heard);
    }
}

fn offering(protocols: &[&[u8]]) -> (Rc<Context>, Rc<Context>) {
    let (server, mut client) = pair();
    client.alpn = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    (context(&server), context(&client))
}

#[test]
fn nothing_is_said_before_it_is_known_what() {
    let (server, client) = offering(&[b"a", b"b"]);
    for size in [1, 7, usize::MAX] {
        let mut both = asking(&server, &client);
        assert_eq!(both.talk(size), None);
        assert!(both.news.asks && !both.server.is_open());
        let hello = both.server.hello().unwrap();
        assert_eq!(hello.server_name.as_deref(), Some("localhost"));
        assert_eq!(hello.protocols, [b"a", b"b"]);
        // rustls's clients always ask for an OCSP response.
        assert!(hello.staples);
        both.answer(Answer {
            protocol: Some(b"b".to_vec()),
            ..Answer::default()
        });
        assert_eq!((both.server.hello(), both.talk(size)), (None, None));
        assert!(both.server.is_open() && both.client.is_open());
        assert_eq!(both.client.protocol(), Some(&b"b"[..]));
        // A second answer does nothing.
        both.answer(Answer::default());
        assert_eq!(both.news, News::default());
    }
}

#[test]
fn another_context_answers() {
    let (settings, client) = offering(&[]);
    let (other, _) = pair();
    let mut both = asking(&settings, &client);
    both.talk(usize::MAX);
    both.answer(Answer {
        context: Some(context(&other)),
        staple: Some(b"staple".to_vec()),
        ..Answer::default()
    });
    assert_eq!(both.talk(usize::MAX), None);
    assert!(both.client.judge().is_err(), "by another authority's");
    assert_eq!(both.server.own_certificates(), both.client.peer_certificates());
}

#[test]
fn a_protocol_is_refused_with_an_alert_and_what_has_no_answer_is_left_as_it_came() {
    let (server, client) = offering(&[b"a"]);
    let mut both = asking(&server, &client);
    both.talk(usize::MAX);
    both.answer(Answer {
        protocol: Some(Vec::new()),
        ..Answer::default()
    });
    let reason = |failure: Option<Failure>| failure.map(|failure| failure.reason.into_owned());
    assert_eq!(
        reason(std::mem::take(&mut both.news).failure).as_deref(),
        Some("no application protocol")
    );
    assert_eq!(
        reason(both.talk(usize::MAX)).as_deref(),
        Some("tlsv1 alert no application protocol")
    );
    both.server.receive(b"more", &mut both.heard);
    assert!(both.heard.is_empty());

    let mut both = asking(&server, &client);
    let mut greeting = Vec::new();
    both.client.take(&mut greeting);
    both.server.receive(&greeting, &mut both.heard);
    both.server.receive(b"behind", &mut both.heard);
    // A context without an identity cannot answer.
    both.answer(Answer {
        context: Some(client),
        ..Answer::default()
    });
    assert!(both.news.unanswered);
    assert_eq!(both.server.received(), [&greeting[..], b"behind"].concat());
}

#[test]
fn who_does_not_wait_for_the_answer_is_bounded() {
    let (server, client) = offering(&[]);
    let mut both = asking(&server, &client);
    both.talk(usize::MAX);
    let mut failure = None;
    for _ in 0..64 {
        failure = failure.or(both.server.receive(&[0; 4096], &mut both.heard).failure);
    }
    assert_eq!(failure.unwrap().reason, "excessive message size");
    both.answer(Answer::default());
    assert_eq!(both.news, News::default());
}

#[test]
fn records_are_no_longer_than_was_said() {
    let (server, client) = offering(&[]);
    let mut both = asking(&server, &client);
    both.talk(usize::MAX);
    both.answer(Answer::default());
    both.talk(usize::MAX);
    for (size, expected) in [(1000, 10), (0, 10_000), (usize::MAX, 1)] {
        both.server.set_fragment(size);
        let mut out = Vec::new();
        assert_eq!(both.server.send(&[7; 10_000], &mut out), 10_000);
        let (mut records, mut rest) = (0, &out[..]);
        while let Some((head, behind)) = rest.split_first_chunk::<5>() {
            records += 1;
            rest = &behind[usize::from(u16::from_be_bytes([head[3], head[4]]))..];
        }
        assert_eq!(records, expected, "pieces of {size}");
        both.seen.clear();
        both.client.receive(&out, &mut both.seen);
        assert_eq!(both.seen, [7; 10_000]);
    }
}

/// What one side has to send.
fn said(connection: &mut Connection) -> Vec<u8> {
    let mut out = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut out).unwrap();
    }
    out
}

fn heard(connection: &mut Connection, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        connection.read_tls(&mut bytes).unwrap();
        connection.process_new_packets().unwrap();
    }
}

#[test]
fn early_data_for_somebody_else_is_passed_over() {
    let (settings, client) = pair();
    let ours = context(&settings);
    // The same identity, on a server that accepts early data.
    let mut theirs = (*ours.server.clone().unwrap()).clone();
    theirs.max_early_data_size = 1 << 14;
    theirs.ticketer = Arc::new(NoTickets);
    theirs.session_storage = rustls::server::ServerSessionMemoryCache::new(8);
    let mut config = (*context(&client).client(Arc::new(Sessions::new(None)))).clone();
    config.resumption = rustls::client::Resumption::in_memory_sessions(8);
    config.enable_early_data = true;
    let config = Arc::new(config);
    let connect = || ClientConnection::new(config.clone(), "localhost".try_into().unwrap()).unwrap();

    let mut first: Connection = connect().into();
    let mut server: Connection = rustls::ServerConnection::new(Arc::new(theirs)).unwrap().into();
    for _ in 0..4 {
        let hello = said(&mut first);
        heard(&mut server, &hello);
        let answer = said(&mut server);
        heard(&mut first, &answer);
    }

    let mut again = connect();
    // As much early data as is allowed, in two records, so that its ciphertext is longer than the limit.
    for half in [[7; 1 << 13]; 2] {
        assert_eq!(again.early_data().unwrap().write(&half).unwrap(), half.len());
    }
    let mut again: Connection = again.into();
    let mut side = Session::server(Rc::new(Contexts::new(ours)));
    let mut plain = Vec::new();
    let mut secured = false;
    for _ in 0..4 {
        let news = side.receive(&said(&mut again), &mut plain);
        assert_eq!(news.failure, None);
        secured |= news.secured;
        let mut answer = Vec::new();
        side.take(&mut answer);
        heard(&mut again, &answer);
    }
    assert_eq!((secured, plain.len(), side.is_resumed()), (true, 0, false));
    again.writer().write_all(b"late").unwrap();
    side.receive(&said(&mut again), &mut plain);
    assert_eq!(plain, b"late");
}

/// For a server that keeps its sessions itself and makes no tickets.
#[derive(Debug)]
struct NoTickets;

impl rustls::server::ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}
