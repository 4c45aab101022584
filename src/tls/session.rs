//! One side of one connection.

use super::context::suite_name;
use super::hello::{asks_for_staple, keeps_rules};
use super::sessions::{Name, Sessions};
use super::tickets::{ALL, ONE};
use super::trust::Peer;
use super::{Answer, Context, Contexts, Failure, Hello};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{Accepted, Acceptor};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ClientConnection, Connection, Error, HandshakeKind, InvalidMessage, ProtocolVersion};
use std::io::{BufRead, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;

/// What comes before the answer is kept, to be given to somebody else. A greeting is never longer, however it is cut into records.
const MOST_KEPT: usize = 128 * 1024;

/// Plaintext that is encrypted together: a record's worth.
const RECORD: usize = 16 * 1024;

/// What received bytes have led to.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct News {
    /// What the client wants, or has sent instead of a greeting, has no answer here. Nothing was sent to it: by [`Session::received`], somebody else
    /// can answer.
    pub unanswered: bool,
    /// The client has said what it wants ([`Session::hello`]), and waits for [`Session::answer`].
    pub asks: bool,
    /// The handshake is done.
    pub secured: bool,
    /// The peer will send nothing more (`close_notify`).
    pub ended: bool,
    /// The session is over.
    pub failure: Option<Failure>,
    /// Secrets, as lines of a key log.
    pub keys: String,
    /// The names of sessions that the server has given.
    pub sessions: Vec<Name>,
}

/// See the module's documentation.
pub struct Session {
    state: State,
    /// A client's.
    sessions: Option<Arc<Sessions>>,
    secured: bool,
    trusted: bool,
    ended: bool,
    closed: bool,
    failed: bool,
    /// What a record carries at most.
    fragment: usize,
    /// What was shown to the client.
    identity: Option<Arc<CertifiedKey>>,
}

enum State {
    /// A server that has not heard all of what the client wants, or has no answer to that.
    Greeting(Box<Greeting>),
    /// One that has, and has not made up its mind.
    Asked(Box<Asked>),
    /// One that has no answer after all, or said no.
    Refused(Refused),
    Open(Box<Connection>, Rc<Context>),
}

struct Greeting {
    acceptor: Acceptor,
    contexts: Rc<Contexts>,
    asks: bool,
    received: Vec<u8>,
}

struct Asked {
    accepted: Accepted,
    /// Of the name that the client asks for.
    context: Rc<Context>,
    received: Vec<u8>,
    /// Where in that begins what is not read.
    behind: usize,
}

struct Refused {
    received: Vec<u8>,
    alert: Vec<u8>,
}

impl Session {
    /// A server's side. Who answers a client is said by `contexts`.
    pub fn server(contexts: Rc<Contexts>) -> Session {
        Session::greeting(contexts, false)
    }

    /// A server's side that is told how to [answer](Session::answer) when the client has said what it wants.
    pub fn asking_server(contexts: Rc<Contexts>) -> Session {
        Session::greeting(contexts, true)
    }

    fn greeting(contexts: Rc<Contexts>, asks: bool) -> Session {
        Session::new(State::Greeting(Box::new(Greeting {
            acceptor: Acceptor::default(),
            contexts,
            asks,
            received: Vec::new(),
        })))
    }

    /// A client's side; `name` is what it asks the server for, empty for nothing. It goes on with `session`, the name of one of its
    /// [sessions](News::sessions), if the server and this process still know that. Nothing is sent before the server is [trusted](Session::trust).
    ///
    /// # Errors
    /// For what is neither a name nor an address.
    pub fn client(context: Rc<Context>, name: &str, session: Option<&[u8]>) -> Result<Session, Failure> {
        let name = server_name(name).ok_or_else(|| Failure::new(&Error::UnsupportedNameType))?;
        let sessions = Arc::new(Sessions::new(session));
        let config = context.client(sessions.clone());
        let connection = ClientConnection::new(config, name).map_err(|error| Failure::new(&error))?;
        let mut connection = Connection::from(connection);
        connection.set_buffer_limit(None);
        let mut session = Session::new(State::Open(Box::new(connection), context.clone()));
        session.identity = context.identity();
        session.sessions = Some(sessions);
        session.trusted = false;
        Ok(session)
    }

    /// Whether a server can be asked for `name`.
    pub fn takes_name(name: &str) -> bool {
        server_name(name).is_some()
    }

    fn new(state: State) -> Session {
        Session {
            state,
            sessions: None,
            secured: false,
            trusted: true,
            ended: false,
            closed: false,
            failed: false,
            fragment: RECORD,
            identity: None,
        }
    }

    /// Takes what the peer has sent, and appends what that says to `plain`. What is to be sent because of it, [`Session::take`] gives, after a
    /// failure, too.
    pub fn receive(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> News {
        let mut news = News::default();
        if self.failed {
            return news;
        }
        let result = match &mut self.state {
            State::Greeting(greeting) => match greeting.hear(bytes) {
                Heard::Some => Ok(Peers::Open),
                Heard::All(mut connection, context, behind) => {
                    // More than the greeting can have been read with it.
                    self.identity = context.identity();
                    let result = connection
                        .process_new_packets()
                        .and_then(|_| read(&mut connection, behind, plain));
                    self.state = State::Open(connection, context);
                    result
                }
                Heard::Wish(accepted, behind) => {
                    let hello = accepted.client_hello();
                    let context = greeting.contexts.find(hello.server_name());
                    let received = std::mem::take(&mut greeting.received);
                    let behind = received.len() - behind.len();
                    self.state = State::Asked(Box::new(Asked {
                        accepted: *accepted,
                        context,
                        received,
                        behind,
                    }));
                    news.asks = true;
                    return news;
                }
                Heard::Nonsense => {
                    self.failed = true;
                    news.unanswered = true;
                    return news;
                }
            },
            State::Asked(asked) => {
                asked.received.extend_from_slice(bytes);
                if asked.received.len() > MOST_KEPT {
                    Err(Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge))
                } else {
                    Ok(Peers::Open)
                }
            }
            State::Refused(_) => return news,
            State::Open(connection, context) => {
                let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
                context.tickets().allow(if resumed { ONE } else { ALL });
                read(connection, bytes, plain)
            }
        };
        self.conclude(result, &mut news);
        news
    }

    /// What the client wants that is to be [answered](Session::answer).
    pub fn hello(&self) -> Option<Hello> {
        let State::Asked(asked) = &self.state else {
            return None;
        };
        let hello = asked.accepted.client_hello();
        Some(Hello {
            server_name: hello.server_name().map(str::to_owned),
            protocols: hello
                .alpn()
                .map_or_else(Vec::new, |names| names.map(<[u8]>::to_vec).collect()),
            staples: asks_for_staple(&asked.received),
        })
    }

    /// Answers what the client wants, and takes what it has sent behind that as [`Session::receive`] does.
    pub fn answer(&mut self, answer: Answer, plain: &mut Vec<u8>) -> News {
        let mut news = News::default();
        if self.failed || !matches!(self.state, State::Asked(_)) {
            return news;
        }
        let nothing = State::Refused(Refused {
            received: Vec::new(),
            alert: Vec::new(),
        });
        let State::Asked(asked) = std::mem::replace(&mut self.state, nothing) else {
            return news;
        };
        let Asked {
            accepted,
            context,
            received,
            behind,
        } = *asked;
        let mut alert = Vec::new();
        let opened = answer.config(context).map(|(context, config)| {
            context.begin();
            accepted.into_connection(config).map(|connection| (connection, context))
        });
        match opened {
            Some(Ok((connection, context))) => {
                let mut connection = opened_as(connection.into());
                self.identity = context.identity();
                let result = connection
                    .process_new_packets()
                    .and_then(|_| read(&mut connection, &received[behind..], plain));
                self.state = State::Open(connection, context);
                self.conclude(result, &mut news);
                return news;
            }
            Some(Err((error @ Error::NoApplicationProtocol, mut said))) => {
                // To write to memory cannot fail.
                let _ = said.write_all(&mut alert);
                news.failure = Some(Failure::new(&error));
            }
            _ => news.unanswered = true,
        }
        self.failed = true;
        self.state = State::Refused(Refused { received, alert });
        news
    }

    /// What has changed by the bytes that were read.
    fn conclude(&mut self, result: Result<Peers, Error>, news: &mut News) {
        if let State::Open(connection, context) = &self.state {
            if let Some(keys) = &context.keys {
                news.keys = keys.take();
            }
            news.secured = !self.secured && !connection.is_handshaking();
            self.secured |= news.secured;
        }
        if let Some(sessions) = &self.sessions {
            if news.secured && self.is_resumed() {
                sessions.go_on();
            }
            news.sessions = sessions.take();
        }
        news.ended = !self.ended && result == Ok(Peers::Ended);
        self.ended |= news.ended;
        if let Err(error) = result {
            self.failed = true;
            let mut failure = Failure::new(&error);
            // Of what it has agreed to before, the server is not in want of something else.
            failure.foreign &= !(matches!(error, Error::AlertReceived(_)) && self.version().is_some());
            if self.sessions.is_some() && !self.secured && error == InvalidMessage::InvalidContentType.into() {
                // OpenSSL looks at the version first, of what is no TLS at all.
                failure.reason = "wrong version number".into();
            }
            news.failure = Some(failure);
            if error == Error::NoCertificatesPresented {
                self.refuse_as_of_old();
            }
        }
    }

    /// rustls's alert for a client without a certificate came with TLS 1.3. Before, it was `handshake_failure`, which OpenSSL sends, and it is not encrypted
    /// when certificates are shown.
    fn refuse_as_of_old(&mut self) {
        if let State::Open(connection, _) = &mut self.state
            && connection.protocol_version() == Some(ProtocolVersion::TLSv1_2)
        {
            let mut alert = Vec::new();
            take(connection, &mut alert);
            if let Some(description) = alert.last_mut() {
                *description = AlertDescription::HandshakeFailure.into();
            }
            self.state = State::Refused(Refused {
                received: Vec::new(),
                alert,
            });
        }
    }

    /// What the client has sent that was not answered.
    pub fn received(self) -> Vec<u8> {
        match self.state {
            State::Greeting(greeting) => greeting.received,
            State::Asked(asked) => asked.received,
            State::Refused(refused) => refused.received,
            State::Open(..) => Vec::new(),
        }
    }

    /// Whether plaintext can be sent.
    pub fn is_open(&self) -> bool {
        self.secured && self.trusted
    }

    /// The server is who it should be: what a client has to say may be sent.
    pub fn trust(&mut self) {
        self.trusted = true;
    }

    /// Encrypts plaintext, behind what is to be sent already. `out` is given at most so much at a time: [`Session::SHARE`].
    ///
    /// Returns how many bytes that were: 0 before the handshake is done and the server trusted, and after the end.
    pub fn send(&mut self, plain: &[u8], out: &mut Vec<u8>) -> usize {
        let open = self.is_open() && !self.closed && !self.failed;
        let State::Open(connection, _) = &mut self.state else {
            return 0;
        };
        if !open {
            return 0;
        }
        let count = plain.len().min(Session::SHARE);
        let mut sent = 0;
        for fragment in plain[..count].chunks(self.fragment) {
            sent += connection.writer().write(fragment).unwrap_or(0);
        }
        take(connection, out);
        sent
    }

    /// Has records carry no more than so many bytes, at least one and at most 16 KiB.
    pub fn set_fragment(&mut self, bytes: usize) {
        self.fragment = bytes.clamp(1, RECORD);
    }

    /// Bytes that are encrypted in one call: as long as the peer takes none, no more are.
    pub const SHARE: usize = 4 * RECORD;

    /// Takes what the session itself has to say.
    pub fn take(&mut self, out: &mut Vec<u8>) {
        match &mut self.state {
            State::Open(connection, _) => take(connection, out),
            State::Refused(refused) => out.append(&mut refused.alert),
            State::Greeting(_) | State::Asked(_) => {}
        }
    }

    /// Says that nothing more will be sent (`close_notify`), once.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if let State::Open(connection, _) = &mut self.state
            && !self.closed
        {
            self.closed = true;
            connection.send_close_notify();
            take(connection, out);
        }
    }

    fn connection(&self) -> Option<&Connection> {
        match &self.state {
            State::Open(connection, _) => Some(connection),
            _ => None,
        }
    }

    /// The version of the protocol, as Node names it.
    pub fn version(&self) -> Option<&'static str> {
        match self.connection()?.protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
            _ => None,
        }
    }

    /// The cipher suite, as IANA names it.
    pub fn suite(&self) -> Option<String> {
        self.connection()?.negotiated_cipher_suite().as_ref().map(suite_name)
    }

    /// The group in which keys were exchanged, as `rustls` names it; nothing for a session of TLS 1.2 that goes on.
    pub fn key_exchange(&self) -> Option<String> {
        let group = self.connection()?.negotiated_key_exchange_group()?;
        Some(format!("{:?}", group.name()))
    }

    /// The protocol that was negotiated.
    pub fn protocol(&self) -> Option<&[u8]> {
        self.connection()?.alpn_protocol()
    }

    /// The name that the client has asked for.
    pub fn server_name(&self) -> Option<&str> {
        match self.connection()? {
            Connection::Server(connection) => connection.server_name(),
            Connection::Client(_) => None,
        }
    }

    /// Whether it goes on with an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.connection()
            .is_some_and(|connection| connection.handshake_kind() == Some(HandshakeKind::Resumed))
    }

    /// The peer's certificates, its own first.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.connection()
            .and_then(|connection| connection.peer_certificates())
            .unwrap_or_default()
    }

    /// The peer's certificate, and those that lead from there to what is trusted, with that, shown or not.
    pub fn peer_chain(&self) -> Vec<CertificateDer<'static>> {
        match &self.state {
            State::Open(_, context) => context.trust.complete(self.peer_certificates(), UnixTime::now()),
            _ => Vec::new(),
        }
    }

    /// The certificates that the peer is shown, this side's own first.
    pub fn own_certificates(&self) -> &[CertificateDer<'static>] {
        self.identity.as_deref().map_or(&[], |identity| &identity.cert)
    }

    /// What the peer's certificates are worth: nothing is the result where none were asked for.
    ///
    /// # Errors
    /// OpenSSL's code for what is wrong with them.
    pub fn judge(&self) -> Result<(), &'static str> {
        let State::Open(connection, context) = &self.state else {
            return Ok(());
        };
        let peer = match &**connection {
            Connection::Server(_) if !context.asks => return Ok(()),
            Connection::Server(_) => Peer::Client,
            Connection::Client(_) => Peer::Server,
        };
        context.trust.judge(self.peer_certificates(), peer, UnixTime::now())
    }

    /// Bytes that only both sides can know (RFC 5705), `length` of them.
    ///
    /// # Errors
    /// `rustls`'s words, before the handshake is done.
    pub fn export(&self, length: usize, label: &[u8], context: Option<&[u8]>) -> Result<Vec<u8>, String> {
        let connection = self.connection().ok_or("the handshake is not done")?;
        connection
            .export_keying_material(vec![0; length], label, context)
            .map_err(|error| error.to_string())
    }
}

fn server_name(name: &str) -> Option<ServerName<'static>> {
    if name.is_empty() {
        // Addresses are not asked for (RFC 6066, 3), and this one is nobody's.
        return Some(ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    }
    ServerName::try_from(name.to_owned()).ok()
}

/// What a client has been heard to say.
enum Heard<'a> {
    /// Not all of what it wants.
    Some,
    /// It is answered so, by the context; this came behind its greeting.
    All(Box<Connection>, Rc<Context>, &'a [u8]),
    /// What it wants is to be answered; this came behind it.
    Wish(Box<Accepted>, &'a [u8]),
    /// What has no answer.
    Nonsense,
}

impl Greeting {
    fn hear<'a>(&mut self, mut bytes: &'a [u8]) -> Heard<'a> {
        self.received.extend_from_slice(bytes);
        if self.received.len() > MOST_KEPT {
            return Heard::Nonsense;
        }
        while !bytes.is_empty() {
            if self.acceptor.read_tls(&mut bytes).map_or(true, |count| count == 0) {
                return Heard::Nonsense;
            }
            match self.acceptor.accept() {
                Ok(None) => {}
                Ok(Some(_)) if !keeps_rules(&self.received[..self.received.len() - bytes.len()]) => {
                    return Heard::Nonsense;
                }
                Ok(Some(accepted)) if self.asks => return Heard::Wish(Box::new(accepted), bytes),
                Ok(Some(accepted)) => {
                    return match self.answer(accepted) {
                        Some((connection, context)) => Heard::All(connection, context, bytes),
                        None => Heard::Nonsense,
                    };
                }
                Err(_) => return Heard::Nonsense,
            }
        }
        Heard::Some
    }

    fn answer(&self, accepted: Accepted) -> Option<(Box<Connection>, Rc<Context>)> {
        let context = self.contexts.find(accepted.client_hello().server_name());
        context.begin();
        let connection = accepted.into_connection(context.server.clone()?).ok()?;
        Some((opened_as(connection.into()), context))
    }
}

/// What is encrypted is bounded by whoever sends.
fn opened_as(connection: Connection) -> Box<Connection> {
    let mut connection = Box::new(connection);
    connection.set_buffer_limit(None);
    connection
}

/// The peer's side.
#[derive(PartialEq, Eq)]
enum Peers {
    Open,
    Ended,
}

/// Reads all of `bytes`.
fn read(connection: &mut Connection, mut bytes: &[u8], plain: &mut Vec<u8>) -> Result<Peers, Error> {
    let mut peers = Peers::Open;
    while !bytes.is_empty() {
        match connection.read_tls(&mut bytes) {
            // Behind the peer's end, nothing counts.
            Ok(0) => return Ok(Peers::Ended),
            Ok(_) => {}
            Err(_) => return Err(Error::PeerSentOversizedRecord),
        }
        let result = connection.process_new_packets();
        // What came before an error was sent by the peer.
        let mut reader = connection.reader();
        while let Ok(chunk) = reader.fill_buf()
            && !chunk.is_empty()
        {
            plain.extend_from_slice(chunk);
            let count = chunk.len();
            reader.consume(count);
        }
        if result?.peer_has_closed() {
            peers = Peers::Ended;
        }
    }
    Ok(peers)
}

fn take(connection: &mut Connection, out: &mut Vec<u8>) {
    // To write to memory cannot fail.
    while connection.wants_write() && connection.write_tls(out).is_ok() {}
}
