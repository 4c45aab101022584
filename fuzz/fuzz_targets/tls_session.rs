//! A client and a server of TLS whose bytes are changed, lost, doubled and cut on their way. Whatever becomes of it, what one side understands is the
//! beginning of what the other has said; a side that has failed says and hears nothing more; what has no answer is left as it came.
#![no_main]

use ironwire::tls::{Answer, Context, Contexts, Session, Settings, Tickets, Version};
use libfuzzer_sys::fuzz_target;
use std::rc::Rc;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../__test__/https/fixtures/", $name)).to_vec()
    };
}

/// Rounds of talk: a handshake takes four of them at most.
const ROUNDS: usize = 12;

const SPOKEN: &[u8] = &[b'x'; 40_000];

struct Made {
    servers: Vec<Rc<Context>>,
    client: Rc<Context>,
    old: Rc<Context>,
}

fn context(settings: &Settings) -> Rc<Context> {
    let tickets = Tickets::new(Some([7; 48]), 300, Vec::new()).unwrap();
    Rc::new(Context::new(settings, tickets).unwrap())
}

thread_local! {
    static MADE: Made = {
        let server = Settings {
            identities: vec![
                (fixture!("server-cert.pem"), fixture!("server-key.pem")),
                (fixture!("rsa-cert.pem"), fixture!("rsa-key.pem")),
            ],
            authorities: vec![fixture!("ca-cert.pem")],
            alpn: vec![b"a".to_vec(), b"b".to_vec()],
            ..Settings::default()
        };
        let newest = Settings { versions: (Version::Tls13, Version::Tls13), ..server.clone() };
        let asks = Settings { asks: true, ..server.clone() };
        let client = Settings {
            identities: vec![(fixture!("client-cert.pem"), fixture!("client-key.pem"))],
            authorities: vec![fixture!("ca-cert.pem")],
            alpn: vec![b"b".to_vec()],
            ..Settings::default()
        };
        let old = Settings { versions: (Version::Tls12, Version::Tls12), ..client.clone() };
        Made {
            servers: [server, newest, asks].iter().map(context).collect(),
            client: context(&client),
            old: context(&old),
        }
    };
}

/// One side, and what is known of it.
struct Side {
    session: Session,
    plain: Vec<u8>,
    over: bool,
    /// What it was given before it failed to answer.
    given: Vec<u8>,
    unanswered: bool,
}

impl Side {
    fn new(session: Session) -> Side {
        Side {
            session,
            plain: Vec::new(),
            over: false,
            given: Vec::new(),
            unanswered: false,
        }
    }

    fn hear(&mut self, bytes: &[u8], answer: impl FnOnce() -> Answer) {
        if !self.unanswered {
            self.given.extend_from_slice(bytes);
        }
        let before = self.plain.len();
        let mut news = self.session.receive(bytes, &mut self.plain);
        if self.over {
            assert!(news.failure.is_none() && self.plain.len() == before, "it was over");
        }
        if news.asks {
            assert!(self.session.hello().is_some());
            news = self.session.answer(answer(), &mut self.plain);
        }
        if news.secured {
            self.session.trust();
            assert!(self.session.version().is_some() && self.session.suite().is_some());
            let _ = self.session.judge();
        }
        self.unanswered |= news.unanswered;
        self.over |= news.failure.is_some() || news.unanswered;
        assert!(
            self.plain.len() <= SPOKEN.len() && SPOKEN.starts_with(&self.plain),
            "nobody has said that"
        );
    }

    fn says(&mut self, speaks: bool) -> Vec<u8> {
        let mut out = Vec::new();
        self.session.take(&mut out);
        if speaks && self.session.is_open() {
            let sent = self.session.send(SPOKEN, &mut out);
            assert!(sent <= SPOKEN.len());
        }
        out
    }
}

/// What happens to bytes on their way: each edit is a place and what is done there.
fn change(bytes: &mut Vec<u8>, edits: &mut &[u8]) {
    while let Some((&[kind, high, low, value], rest)) = edits.split_first_chunk() {
        *edits = rest;
        let at = usize::from(u16::from_be_bytes([high, low]));
        match kind % 8 {
            // The next bytes' turn.
            0 | 1 => return,
            2 if at < bytes.len() => bytes[at] ^= value,
            3 if at < bytes.len() => bytes.truncate(at),
            4 if at <= bytes.len() => bytes.insert(at, value),
            5 if at < bytes.len() => bytes.extend_from_within(at..),
            6 if at < bytes.len() => drop(bytes.drain(at..bytes.len().min(at + usize::from(value)))),
            _ => {}
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&[choices, cut], mut edits)) = data.split_first_chunk() else {
        return;
    };
    MADE.with(|made| {
        let context = &made.servers[usize::from(choices & 3) % made.servers.len()];
        let contexts = Rc::new(Contexts::new(context.clone()));
        let asks = choices & 4 != 0;
        let session = if asks {
            Session::asking_server(contexts)
        } else {
            Session::server(contexts)
        };
        let mut server = Side::new(session);
        let answer = || Answer {
            context: (choices & 8 != 0).then(|| made.servers[0].clone()),
            protocol: (choices & 16 != 0).then(|| if choices & 32 != 0 { b"b".to_vec() } else { Vec::new() }),
            staple: (choices & 64 != 0).then(|| vec![9; 300]),
        };
        let size = if cut == 0 { usize::MAX } else { usize::from(cut) };
        if choices & 128 != 0 {
            // Whatever a stranger sends.
            for piece in edits.chunks(size) {
                server.hear(piece, answer);
                server.says(false);
            }
        } else {
            let client = if cut & 1 == 0 { &made.client } else { &made.old };
            let mut client = Side::new(Session::client(client.clone(), "localhost", None).unwrap());
            for round in 0..ROUNDS {
                let speaks = round == ROUNDS / 2;
                let (mut up, mut down) = (client.says(speaks), server.says(speaks));
                change(&mut up, &mut edits);
                change(&mut down, &mut edits);
                up.chunks(size).for_each(|piece| server.hear(piece, answer));
                down.chunks(size).for_each(|piece| client.hear(piece, Answer::default));
            }
            if edits.is_empty() && data.len() == 2 {
                assert!(server.over || server.plain == SPOKEN, "nobody has changed anything");
            }
        }
        if server.unanswered {
            let received = server.session.received();
            assert!(server.given.starts_with(&received) || received.is_empty());
        }
    });
});
