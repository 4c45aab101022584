//! Connections with TLS: their protocols see plaintext, their peers ciphertext, and nothing is lost or reordered
//! between the two.

use super::*;
use crate::tls::Contexts;
use crate::tls::tests::{context, pair};

/// The peer of a connection: a TLS session that receives the bytes on the wire.
struct Peer {
    session: Session,
    plain: Vec<u8>,
    ended: bool,
    failure: Option<Failure>,
    /// How many bytes of the wire it has seen.
    seen: usize,
}

impl Peer {
    fn client(settings: &crate::tls::Settings) -> Peer {
        Peer {
            session: Session::client(context(settings), "localhost", None).unwrap(),
            plain: Vec::new(),
            ended: false,
            failure: None,
            seen: 0,
        }
    }

    /// Processes new bytes on the wire. Returns the peer's answer.
    fn hear(&mut self, engine: &Engine<Script>, id: u32) -> Vec<u8> {
        let wire = engine.wire(id);
        let taken = wire.taken.borrow();
        let news = self.session.receive(&taken[self.seen..], &mut self.plain);
        if news.secured {
            self.session.trust();
        }
        self.seen = taken.len();
        self.ended |= news.ended;
        self.failure = news.failure.or(self.failure.take());
        self.says()
    }

    fn says(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.session.take(&mut out);
        out
    }

    fn sends(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(self.session.send(plain, &mut out), plain.len());
        out
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.plain).unwrap()
    }
}

fn serving(settings: &crate::tls::Settings) -> Session {
    Session::server(Rc::new(Contexts::new(context(settings))))
}

/// A server's connection and its client, which has sent its ClientHello.
fn greeted() -> (Rc<Engine<Script>>, u32, Peer) {
    let (server, client) = pair();
    let engine = engine();
    let id = engine.open();
    engine.secure(id, serving(&server)).unwrap();
    let mut peer = Peer::client(&client);
    engine.on_read(id, Ok(&peer.says()));
    (engine, id, peer)
}

/// Like [`greeted`], with the handshake complete.
fn secured() -> (Rc<Engine<Script>>, u32, Peer) {
    let (engine, id, mut peer) = greeted();
    engine.on_read(id, Ok(&peer.hear(&engine, id)));
    peer.hear(&engine, id);
    assert_eq!(engine.told(), [format!("Secured({id})")]);
    (engine, id, peer)
}

#[test]
fn what_is_told_is_plain() {
    let (engine, id, mut peer) = secured();
    let bytes = peer.sends(b"hello");
    for byte in bytes.chunks(1) {
        engine.on_read(id, Ok(byte));
    }
    assert_eq!(engine.told(), [format!("Read({id}, Ok({:?}))", b"hello")]);
    assert_eq!(engine.connection(id, |connection| connection.received), Ok(5));
    engine.text(id, "an answer");
    engine.text(id, " in one record");
    engine.turn();
    peer.hear(&engine, id);
    assert_eq!(peer.text(), "an answer in one record");
    assert!(!String::from_utf8_lossy(&engine.wire(id).taken.borrow()).contains("answer"));
    assert_eq!(engine.connection(id, |connection| connection.sent), Ok(23));
}

#[test]
fn what_comes_with_the_end_of_the_handshake_is_for_whoever_hears_of_that() {
    struct Echo;
    impl Protocol<Script> for Echo {
        fn read(&self, engine: &Engine<Script>, id: u32, bytes: &[u8]) {
            engine.text(id, std::str::from_utf8(bytes).unwrap());
        }
    }
    let (engine, id, mut peer) = greeted();
    engine.listen(|engine, event| {
        if let Event::Secured(id) = event {
            let speaks = engine.connection(id, |connection| connection.speak(Rc::new(Echo), ()));
            assert_eq!(speaks, Ok(()));
        }
    });
    let mut bytes = peer.hear(&engine, id);
    bytes.extend(peer.sends(b"request"));
    engine.on_read(id, Ok(&bytes));
    assert_eq!(engine.told(), [format!("Secured({id})")]);
    let tries = engine.wire(id).tries.borrow().len();
    assert_eq!(tries, 2, "tickets leave with the answer");
    peer.hear(&engine, id);
    assert_eq!(peer.text(), "request");
}

#[test]
fn what_a_session_says_by_itself_leaves_with_an_answer_of_the_same_turn() {
    for answers in [true, false] {
        let (engine, id, mut peer) = greeted();
        let protocol = Rc::new(Shouts::default());
        engine.add_protocol(protocol.clone());
        engine.listen(move |engine, event| {
            if let Event::Secured(id) = event {
                let protocol = protocol.clone();
                let speaks = engine.connection(id, |connection| connection.speak(protocol, Heard(String::new())));
                assert_eq!(speaks, Ok(()));
            }
        });
        let tries = || engine.wire(id).tries.borrow().len();
        let mut bytes = peer.hear(&engine, id);
        if answers {
            bytes.extend(peer.sends(b"request"));
        }
        engine.on_read(id, Ok(&bytes));
        assert_eq!(tries(), 1, "what is shown later is answered later");
        if answers {
            engine.on_turn();
            engine.end(id).unwrap();
            assert!(!engine.wire(id).more.get(), "it does not wait for the transport's end");
        } else {
            engine.on_wait();
        }
        assert_eq!(tries(), 2, "tickets, answer and farewell");
        engine.turn();
        assert_eq!(tries(), 2);
        peer.hear(&engine, id);
        assert_eq!(peer.text(), if answers { "REQUEST" } else { "" });
        assert_eq!((peer.ended, engine.wire(id).ended.get()), (answers, answers));
        assert_eq!(peer.failure, None);
    }
}

#[test]
fn what_is_written_before_the_handshake_waits_for_it() {
    let (server, client) = pair();
    let engine = engine();
    let id = engine.open();
    engine.secure(id, serving(&server)).unwrap();
    assert_eq!(engine.text(id, "early"), 1, "it is not on its way");
    engine.turn();
    assert_eq!(engine.text(id, ", "), 1);
    engine.end(id).unwrap();
    engine.turn();
    assert!(engine.wire(id).taken.borrow().is_empty() && !engine.wire(id).ended.get());

    let mut peer = Peer::client(&client);
    engine.on_read(id, Ok(&peer.says()));
    engine.on_read(id, Ok(&peer.hear(&engine, id)));
    engine.turn();
    peer.hear(&engine, id);
    assert_eq!(peer.text(), "early, ");
    assert!(peer.ended && engine.wire(id).ended.get());
    let told = engine.told();
    assert_eq!(
        told,
        [
            format!("Secured({id})"),
            format!("Drain({id})"),
            format!("Shutdown({id}, Ok(()))")
        ]
    );
}

#[test]
fn a_slow_peer_holds_plaintext_back() {
    let (engine, id, mut peer) = secured();
    let wire = engine.wire(id);
    wire.room.set(100_000);
    let text: String = ('a'..='z').cycle().take(1_000_000).collect();
    assert_eq!(engine.write_large(id, text.as_bytes()), 1);
    let ciphertext = |engine: &Engine<Script>| {
        engine
            .wire(id)
            .queued
            .borrow()
            .iter()
            .flatten()
            .map(Bytes::len)
            .sum::<usize>()
    };
    assert!(
        ciphertext(&engine) < 2 * 64 * 1024,
        "{} bytes are encrypted that nobody takes",
        ciphertext(&engine)
    );
    let queued = engine.connection(id, |connection| connection.queued()).unwrap();
    assert!((890_000..1_010_000).contains(&queued), "{queued}");
    engine.text(id, "and more");
    wire.room.set(usize::MAX);
    engine.drain(id);
    peer.hear(&engine, id);
    assert!(peer.text() == text + "and more");
    assert_eq!(engine.told(), [format!("Drain({id})")]);
}

#[test]
fn files_and_shared_bytes_are_encrypted_in_their_order() {
    let (engine, id, mut peer) = secured();
    let content: Vec<u8> = (0..300_000_u32).map(|at| b'a' + (at % 26) as u8).collect();
    let path = std::env::temp_dir().join(format!("ironwire-secure-{}", std::process::id()));
    std::fs::write(&path, &content).unwrap();
    let file = Arc::new(File::open(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    engine.text(id, "head ");
    engine.append_file(id, FileRange::new(file, 0..content.len() as u64));
    engine.share(id, Bytes::from(vec![b'-'; 5000]));
    engine.text(id, " foot");
    engine.turn();
    engine.drain(id);
    peer.hear(&engine, id);
    let expected = [&b"head "[..], &content, &[b'-'; 5000], b" foot"].concat();
    assert!(peer.plain == expected, "{} of {}", peer.plain.len(), expected.len());
}

#[test]
fn the_peers_end_is_told_once() {
    let (engine, id, mut peer) = secured();
    let mut last = peer.sends(b"last");
    peer.session.close(&mut last);
    engine.on_read(id, Ok(&last));
    engine.on_read(id, Err(Errno::EOF));
    let read = format!("Read({id}, Ok({:?}))", b"last");
    assert_eq!(engine.told(), [read, format!("Read({id}, Err({:?}))", Errno::EOF)]);
    // A failure after that is reported.
    engine.on_read(id, Err(Errno::ECONNRESET));
    assert_eq!(engine.told().len(), 1);
}

#[test]
fn a_transport_that_ends_by_itself_is_told_as_it_is() {
    let (engine, id, mut peer) = secured();
    let cut = peer.sends(b"cut off");
    engine.on_read(id, Ok(&cut[..cut.len() - 1]));
    engine.on_read(id, Err(Errno::EOF));
    assert_eq!(engine.told(), [format!("Read({id}, Err({:?}))", Errno::EOF)]);
}

#[test]
fn an_error_is_told_after_its_alert_has_left() {
    let (engine, id, mut peer) = secured();
    let before = engine.wire(id).taken.borrow().len();
    engine.listen(move |engine, event| {
        if let Event::Insecure(id, failure) = event {
            assert_eq!(failure.reason, "decryption failed or bad record mac");
            assert!(engine.wire(id).taken.borrow().len() > before);
            engine.close(id, false).unwrap();
        }
    });
    let mut bytes = peer.sends(b"changed");
    *bytes.last_mut().unwrap() ^= 1;
    engine.on_read(id, Ok(&bytes));
    peer.hear(&engine, id);
    assert_eq!(peer.failure.unwrap().reason, "sslv3 alert bad record mac");
    assert_eq!(engine.text(id, "late"), Errno::EBADF.0);
    engine.turn();
    assert_eq!(engine.slots_in_use(), 0);
}

#[test]
fn after_an_error_nothing_can_be_written() {
    let (engine, id, mut peer) = secured();
    let mut bytes = peer.sends(b"changed");
    *bytes.last_mut().unwrap() ^= 1;
    engine.on_read(id, Ok(&bytes));
    engine.told();
    engine.text(id, "late");
    engine.turn();
    assert_eq!(engine.told(), [format!("WriteError({id}, {:?})", Errno::ECONNRESET)]);
}

#[test]
fn who_is_not_answered_can_be_taken_over() {
    let (server, _) = pair();
    let engine = engine();
    let id = engine.open();
    engine.secure(id, serving(&server)).unwrap();
    engine.on_read(id, Ok(b"GET / "));
    assert_eq!(engine.told(), [format!("Unanswered({id})")]);
    assert!(engine.wire(id).taken.borrow().is_empty());
    assert_eq!(engine.unsecure(id).as_deref(), Ok(&b"GET / "[..]));
    engine.on_read(id, Ok(b"more"));
    assert_eq!(engine.told(), [format!("Read({id}, Ok({:?}))", b"more")]);
    engine.text(id, "plain");
    engine.turn();
    assert_eq!(&*engine.wire(id).taken.borrow(), b"plain");
    assert_eq!(engine.unsecure(id + 1), Err(Errno::EBADF));
}

#[test]
fn what_was_written_for_a_server_that_is_not_trusted_is_taken_back() {
    let (server, client) = pair();
    let engine = engine();
    let id = engine.open();
    let session = Session::client(context(&client), "localhost", None).unwrap();
    engine.secure(id, session).unwrap();
    engine.text(id, "se");
    engine.turn();
    engine.share(id, Bytes::from(vec![b'c'; 5000]));
    engine.text(id, "ret");
    let mut peer = Peer {
        session: serving(&server),
        plain: Vec::new(),
        ended: false,
        failure: None,
        seen: 0,
    };
    let greeting = peer.hear(&engine, id);
    engine.on_read(id, Ok(&greeting));
    engine.turn();
    peer.hear(&engine, id);
    assert!(engine.told().contains(&format!("Secured({id})")) && peer.plain.is_empty());
    let taken = engine.connection(id, Connection::take_back).unwrap();
    assert_eq!(taken, [&b"se"[..], &[b'c'; 5000], b"ret"].concat());
    engine.trust(id).unwrap();
    engine.turn();
    engine.close(id, false).unwrap();
    peer.hear(&engine, id);
    assert!(peer.plain.is_empty());
}

#[test]
fn what_came_before_there_was_tls_is_deciphered() {
    let (server, client) = pair();
    let engine = engine();
    let id = engine.open();
    let mut peer = Peer::client(&client);
    let greeting = peer.says();
    engine.secure(id, serving(&server)).unwrap();
    engine.feed(id, &greeting);
    engine.on_read(id, Ok(&peer.hear(&engine, id)));
    assert_eq!(engine.told(), [format!("Secured({id})")]);
    let plain = engine.open();
    engine.feed(plain, b"plain");
    assert_eq!(engine.told(), [format!("Read({plain}, Ok({:?}))", b"plain")]);
}

#[test]
fn what_came_another_way_is_told_like_all_else() {
    let engine = engine();
    let id = engine.open();
    engine.inject(id, b"plain");
    assert_eq!(engine.told(), [format!("Read({id}, Ok({:?}))", b"plain")]);
}

#[test]
fn both_roles_can_be_this_engines() {
    let (server, client) = pair();
    let engine = engine();
    let (ours, theirs) = (engine.open(), engine.open());
    engine.secure(ours, serving(&server)).unwrap();
    engine
        .secure(theirs, Session::client(context(&client), "localhost", None).unwrap())
        .unwrap();
    engine.listen(move |engine, event| {
        if event == Event::Secured(theirs) {
            engine.trust(theirs).unwrap();
        }
    });
    assert_eq!(engine.secure(ours, serving(&server)), Err(Errno::EALREADY));
    engine.text(theirs, "question");
    let mut seen = [0, 0];
    for _ in 0..6 {
        for (at, (from, to)) in [(theirs, ours), (ours, theirs)].into_iter().enumerate() {
            let bytes = engine.wire(from).taken.borrow()[seen[at]..].to_vec();
            seen[at] += bytes.len();
            engine.on_read(to, Ok(&bytes));
        }
        engine.turn();
    }
    let told = engine.told();
    let question = format!("Read({ours}, Ok({:?}))", b"question");
    assert!(told.contains(&question), "{told:?}");
    assert!(told.contains(&format!("Secured({ours})")) && told.contains(&format!("Secured({theirs})")));
}

#[test]
fn no_read_is_larger_than_the_largest() {
    let (engine, id, mut peer) = secured();
    let sizes = Rc::new(RefCell::new(Vec::new()));
    let seen = sizes.clone();
    engine.listen(move |_, event| {
        if let Event::Read(_, Ok(bytes)) = event {
            seen.borrow_mut().push(bytes.len());
        }
    });
    let mut bytes = peer.sends(&[7; 1000]);
    bytes.extend(peer.sends(&[7; LARGEST_READ]));
    engine.on_read(id, Ok(&bytes[..1000]));
    engine.on_read(id, Ok(&bytes[1000..]));
    assert_eq!(*sizes.borrow(), [LARGEST_READ, 1000]);
}
