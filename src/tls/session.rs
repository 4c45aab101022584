//! A [`Session`]: one side of one TLS connection.

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

/// The most bytes that are kept before a client is answered, so that another TLS implementation can answer it instead.
/// No ClientHello is longer, however it is split into records.
const MOST_KEPT: usize = 128 * 1024;

/// The most plaintext of one record, in bytes.
const RECORD: usize = 16 * 1024;

/// What the bytes passed to [`Session::receive`] or the answer given with [`Session::answer`] have led to.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct News {
    /// This server cannot answer the client: its ClientHello is malformed or asks for something that is not supported.
    /// Nothing was sent to it, so another TLS implementation can answer the bytes that [`Session::received`] returns.
    pub unanswered: bool,
    /// The ClientHello is complete ([`Session::hello`]), and the session waits for [`Session::answer`].
    pub asks: bool,
    /// The handshake is complete. Set once.
    pub secured: bool,
    /// The peer will send nothing more (`close_notify`). Set once.
    pub ended: bool,
    /// Why the session has failed. It takes no more bytes after that.
    pub failure: Option<Failure>,
    /// Secrets in the format of `SSLKEYLOGFILE`, if [`Settings::logs`](super::Settings::logs) is set.
    pub keys: String,
    /// The names of sessions received from the server, with which a client can resume later.
    pub sessions: Vec<Name>,
}

/// One side of one TLS connection, without I/O.
pub struct Session {
    state: State,
    /// `Some` for a client only.
    sessions: Option<Arc<Sessions>>,
    secured: bool,
    trusted: bool,
    ended: bool,
    closed: bool,
    failed: bool,
    /// The most plaintext of one record, in bytes.
    fragment: usize,
    /// The certificate chain shown to the peer.
    identity: Option<Arc<CertifiedKey>>,
}

enum State {
    /// A server that has not received the whole ClientHello, or cannot answer it.
    Greeting(Box<Greeting>),
    /// A server that has, and waits for [`Session::answer`].
    Asked(Box<Asked>),
    /// A server that cannot answer after all, or a session that only has an alert left to send.
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
    /// The context found by the host name that the client asks for.
    context: Rc<Context>,
    received: Vec<u8>,
    /// The offset in `received` of the bytes after those that the acceptor has read.
    behind: usize,
}

struct Refused {
    received: Vec<u8>,
    alert: Vec<u8>,
}

impl Session {
    /// The side of a server. `contexts` chooses the context that answers the client.
    pub fn server(contexts: Rc<Contexts>) -> Session {
        Session::greeting(contexts, false)
    }

    /// The side of a server that stops after the ClientHello, until [`Session::answer`] says how to answer it.
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

    /// The side of a client. `name` is the host name or IP address of the server, or empty to ask for no name.
    /// `session` is the name of an earlier session (see [`News::sessions`]), which is resumed if this process and the
    /// server still know it. No application data is sent until [`Session::trust`] is called.
    ///
    /// # Errors
    /// `name` is neither a host name nor an address, or `rustls` cannot connect with the context's settings.
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

    /// Whether [`Session::client`] accepts `name`.
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

    /// Takes ciphertext from the peer and appends the plaintext to `plain`. Afterwards [`Session::take`] has what is to
    /// be sent in return, also after a failure (an alert).
    pub fn receive(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> News {
        let mut news = News::default();
        if self.failed {
            return news;
        }
        let result = match &mut self.state {
            State::Greeting(greeting) => match greeting.hear(bytes) {
                Heard::Some => Ok(Peers::Open),
                Heard::All(mut connection, context, behind) => {
                    // The acceptor may have read records after the ClientHello, too.
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

    /// The ClientHello that waits for an [answer](Session::answer); `None` in any other state.
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

    /// Answers the ClientHello, and processes what the client has sent after it as [`Session::receive`] does. Does
    /// nothing unless an answer is expected.
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
                // Writing to a `Vec` cannot fail.
                let _ = said.write_all(&mut alert);
                news.failure = Some(Failure::new(&error));
            }
            _ => news.unanswered = true,
        }
        self.failed = true;
        self.state = State::Refused(Refused { received, alert });
        news
    }

    /// Fills in `news` after bytes were processed.
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
            // Once a version was agreed on, an alert of the server does not mean that it needs another implementation.
            failure.foreign &= !(matches!(error, Error::AlertReceived(_)) && self.version().is_some());
            if self.sessions.is_some() && !self.secured && error == InvalidMessage::InvalidContentType.into() {
                // OpenSSL checks the version before the type of a record, so it reports this for a peer that does not
                // speak TLS at all.
                failure.reason = "wrong version number".into();
            }
            news.failure = Some(failure);
            if error == Error::NoCertificatesPresented {
                self.refuse_as_of_old();
            }
        }
    }

    /// Replaces rustls's alert for a missing client certificate in TLS 1.2. `certificate_required` is new in TLS 1.3;
    /// OpenSSL sends `handshake_failure` before that. At this point of a TLS 1.2 handshake alerts are not encrypted
    /// yet, so the byte can be replaced.
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

    /// The bytes of a client that was not answered; empty once it was.
    pub fn received(self) -> Vec<u8> {
        match self.state {
            State::Greeting(greeting) => greeting.received,
            State::Asked(asked) => asked.received,
            State::Refused(refused) => refused.received,
            State::Open(..) => Vec::new(),
        }
    }

    /// Whether plaintext can be sent: the handshake is complete, and a client trusts the server.
    pub fn is_open(&self) -> bool {
        self.secured && self.trusted
    }

    /// Tells a client that the server is who it should be, so that application data may be sent. A server needs no such
    /// call.
    pub fn trust(&mut self) {
        self.trusted = true;
    }

    /// Encrypts plaintext and appends it to `out`, after anything else that is waiting to be sent. Takes at most
    /// [`Session::SHARE`] bytes.
    ///
    /// Returns how many bytes of `plain` were taken: 0 while the session is not [open](Session::is_open), and after
    /// [`Session::close`] or a failure.
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

    /// Sets the most plaintext of one record, between 1 byte and 16 KiB.
    pub fn set_fragment(&mut self, bytes: usize) {
        self.fragment = bytes.clamp(1, RECORD);
    }

    /// The most bytes that one call of [`Session::send`] encrypts. It bounds what is encrypted ahead for a peer that
    /// reads slowly.
    pub const SHARE: usize = 4 * RECORD;

    /// Appends what the session itself has to send: handshake messages and alerts.
    pub fn take(&mut self, out: &mut Vec<u8>) {
        match &mut self.state {
            State::Open(connection, _) => take(connection, out),
            State::Refused(refused) => out.append(&mut refused.alert),
            State::Greeting(_) | State::Asked(_) => {}
        }
    }

    /// Announces that nothing more will be sent (`close_notify`). Later calls do nothing.
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

    /// The negotiated version, as Node names it.
    pub fn version(&self) -> Option<&'static str> {
        match self.connection()?.protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
            _ => None,
        }
    }

    /// The negotiated cipher suite, as IANA names it.
    pub fn suite(&self) -> Option<String> {
        self.connection()?.negotiated_cipher_suite().as_ref().map(suite_name)
    }

    /// The group of the key exchange, as `rustls` names it. `None` for a resumed session of TLS 1.2, which exchanges no
    /// keys.
    pub fn key_exchange(&self) -> Option<String> {
        let group = self.connection()?.negotiated_key_exchange_group()?;
        Some(format!("{:?}", group.name()))
    }

    /// The protocol negotiated by ALPN.
    pub fn protocol(&self) -> Option<&[u8]> {
        self.connection()?.alpn_protocol()
    }

    /// The host name that the client has asked for. `None` on the client's side.
    pub fn server_name(&self) -> Option<&str> {
        match self.connection()? {
            Connection::Server(connection) => connection.server_name(),
            Connection::Client(_) => None,
        }
    }

    /// Whether the handshake has resumed an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.connection()
            .is_some_and(|connection| connection.handshake_kind() == Some(HandshakeKind::Resumed))
    }

    /// The certificates that the peer has shown, its own first.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.connection()
            .and_then(|connection| connection.peer_certificates())
            .unwrap_or_default()
    }

    /// The chain from the peer's certificate to a trusted root, as far as it can be built. It can include trusted
    /// certificates that the peer has not sent.
    pub fn peer_chain(&self) -> Vec<CertificateDer<'static>> {
        match &self.state {
            State::Open(_, context) => context.trust.complete(self.peer_certificates(), UnixTime::now()),
            _ => Vec::new(),
        }
    }

    /// The certificates that this side shows to the peer, its own first.
    pub fn own_certificates(&self) -> &[CertificateDer<'static>] {
        self.identity.as_deref().map_or(&[], |identity| &identity.cert)
    }

    /// The verdict on the peer's certificates. `Ok` for a server that did not ask for one.
    ///
    /// # Errors
    /// OpenSSL's code for what is wrong with them, or `CERT_REJECTED` where this module cannot tell which code OpenSSL
    /// would give.
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

    /// Derives `length` bytes of keying material that only the two peers know (RFC 5705).
    ///
    /// # Errors
    /// The message of `rustls`, or that the handshake is not complete.
    pub fn export(&self, length: usize, label: &[u8], context: Option<&[u8]>) -> Result<Vec<u8>, String> {
        let connection = self.connection().ok_or("the handshake is not complete")?;
        connection
            .export_keying_material(vec![0; length], label, context)
            .map_err(|error| error.to_string())
    }
}

fn server_name(name: &str) -> Option<ServerName<'static>> {
    if name.is_empty() {
        // An address is never sent as the server's name (RFC 6066, 3), and this one belongs to nobody.
        return Some(ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    }
    ServerName::try_from(name.to_owned()).ok()
}

/// The result of reading more of a ClientHello.
enum Heard<'a> {
    /// It is not complete yet.
    Some,
    /// It was answered by this context. The slice holds the bytes after those that the acceptor has read.
    All(Box<Connection>, Rc<Context>, &'a [u8]),
    /// It is complete and the caller is to answer it. The slice holds the bytes after those that the acceptor has read.
    Wish(Box<Accepted>, &'a [u8]),
    /// It is malformed, or there is no answer to it.
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

/// Removes rustls's limit on its buffers: the caller of [`Session::send`] bounds what is encrypted.
fn opened_as(connection: Connection) -> Box<Connection> {
    let mut connection = Box::new(connection);
    connection.set_buffer_limit(None);
    connection
}

/// Whether the peer can still send.
#[derive(PartialEq, Eq)]
enum Peers {
    Open,
    Ended,
}

/// Decrypts all of `bytes` and appends the plaintext to `plain`.
fn read(connection: &mut Connection, mut bytes: &[u8], plain: &mut Vec<u8>) -> Result<Peers, Error> {
    let mut peers = Peers::Open;
    while !bytes.is_empty() {
        match connection.read_tls(&mut bytes) {
            // Bytes after the peer's `close_notify` are ignored.
            Ok(0) => return Ok(Peers::Ended),
            Ok(_) => {}
            Err(_) => return Err(Error::PeerSentOversizedRecord),
        }
        let result = connection.process_new_packets();
        // Plaintext that was received before an error is still delivered.
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
    // Writing to a `Vec` cannot fail.
    while connection.wants_write() && connection.write_tls(out).is_ok() {}
}
