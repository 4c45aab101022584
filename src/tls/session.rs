//! One side of one connection.

use super::context::suite_name;
use super::trust::Peer;
use super::{Context, Failure};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{Accepted, Acceptor, ServerConnection};
use rustls::{ClientConnection, Connection, Error, HandshakeKind, PeerIncompatible, ProtocolVersion};
use std::io::{BufRead, Write};
use std::rc::Rc;

/// Ciphertext that may wait while it is decided who answers the client: what one can send before an answer.
const MOST_HELD: usize = 64 * 1024;

/// Plaintext that is encrypted together: a record's worth.
const RECORD: usize = 16 * 1024;

/// First bytes that tell what came instead of TLS.
const FIRST: usize = 8;

/// What a server without a certificate says to whoever asks, as OpenSSL's does: the alert `handshake_failure`.
const NO_CERTIFICATE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// What received bytes have led to.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct News {
    /// A client has said what it wants. [`Session::accept`] says who answers.
    pub hello: bool,
    /// The handshake is done.
    pub secured: bool,
    /// The peer will send nothing more (`close_notify`).
    pub ended: bool,
    /// The session is over.
    pub failure: Option<Failure>,
    /// Secrets, as lines of a key log.
    pub keys: String,
}

/// See the module's documentation.
pub struct Session {
    state: State,
    context: Option<Rc<Context>>,
    secured: bool,
    ended: bool,
    closed: bool,
    failed: bool,
    first: [u8; FIRST],
    received: usize,
}

enum State {
    /// A server that has not heard all of what the client wants.
    Accepting(Box<Acceptor>),
    /// It has; ciphertext behind that waits.
    Asking(Box<Accepted>, Vec<u8>),
    Open(Box<Connection>),
    /// It has failed, with this alert to be sent.
    Over(Vec<u8>),
}

impl Session {
    /// A server's side.
    pub fn server() -> Session {
        Session::new(State::Accepting(Box::default()), None)
    }

    /// A client's side; `name` is the server's, or its address.
    ///
    /// # Errors
    /// For what is neither a name nor an address.
    pub fn client(context: Rc<Context>, name: &str) -> Result<Session, Failure> {
        let fails = |error: &Error| Failure::new(error, &[]);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| fails(&Error::UnsupportedNameType))?;
        let connection = ClientConnection::new(context.client.clone(), name).map_err(|error| fails(&error))?;
        let mut connection = Connection::from(connection);
        connection.set_buffer_limit(None);
        Ok(Session::new(State::Open(Box::new(connection)), Some(context)))
    }

    fn new(state: State, context: Option<Rc<Context>>) -> Session {
        Session {
            state,
            context,
            secured: false,
            ended: false,
            closed: false,
            failed: false,
            first: [0; FIRST],
            received: 0,
        }
    }

    /// Takes what the peer has sent, and appends what that says to `plain`. What is to be sent because of it, [`Session::take`] gives, after a
    /// failure, too.
    pub fn receive(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> News {
        let mut news = News::default();
        if self.failed {
            return news;
        }
        self.note(bytes);
        let result = match &mut self.state {
            State::Accepting(_) => self.greet(bytes, &mut news),
            State::Asking(_, held) if held.len() + bytes.len() > MOST_HELD => {
                self.failed = true;
                news.failure = Some(Failure::excess("more than a ClientHello before the answer"));
                return news;
            }
            State::Asking(_, held) => {
                held.extend_from_slice(bytes);
                Ok(Peers::Open)
            }
            State::Open(connection) => read(connection, bytes, plain),
            State::Over(_) => Ok(Peers::Open),
        };
        self.conclude(result, &mut news);
        news
    }

    /// Notes how it began.
    fn note(&mut self, bytes: &[u8]) {
        if let Some(first) = self.first.get_mut(self.received..) {
            let count = first.len().min(bytes.len());
            first[..count].copy_from_slice(&bytes[..count]);
        }
        self.received = self.received.saturating_add(bytes.len());
    }

    /// Listens to what the client wants.
    fn greet(&mut self, mut bytes: &[u8], news: &mut News) -> Result<Peers, Error> {
        let State::Accepting(acceptor) = &mut self.state else {
            return Ok(Peers::Open);
        };
        while !bytes.is_empty() {
            if acceptor.read_tls(&mut bytes).map_or(true, |count| count == 0) {
                return Err(Error::PeerSentOversizedRecord);
            }
            match acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => {
                    self.state = State::Asking(Box::new(accepted), bytes.to_vec());
                    news.hello = true;
                    break;
                }
                Err((error, mut alert)) => {
                    let mut last = Vec::new();
                    let _ = alert.write_all(&mut last);
                    self.state = State::Over(last);
                    return Err(error);
                }
            }
        }
        Ok(Peers::Open)
    }

    /// The name that the client wants to talk to.
    pub fn wanted_name(&self) -> Option<String> {
        match &self.state {
            State::Asking(accepted, _) => accepted.client_hello().server_name().map(str::to_owned),
            _ => None,
        }
    }

    /// The protocols that the client offers.
    pub fn wanted_protocols(&self) -> Vec<Vec<u8>> {
        match &self.state {
            State::Asking(accepted, _) => accepted
                .client_hello()
                .alpn()
                .map(|protocols| protocols.map(<[u8]>::to_vec).collect())
                .unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Answers the client with the certificates of `context`; goes on as [`Session::receive`] does. Nothing happens where nobody has asked.
    pub fn accept(&mut self, context: Rc<Context>, plain: &mut Vec<u8>) -> News {
        let mut news = News::default();
        let (accepted, held) = match std::mem::replace(&mut self.state, State::Over(Vec::new())) {
            State::Asking(accepted, held) if !self.failed => (accepted, held),
            state => {
                self.state = state;
                return news;
            }
        };
        let Some(config) = context.server.clone() else {
            self.state = State::Over(NO_CERTIFICATE.to_vec());
            // What OpenSSL finds missing first: in TLS 1.3, suites go with every certificate.
            let hello = accepted.client_hello();
            let missing = if hello.cipher_suites().iter().any(|suite| u16::from(*suite) >> 8 == 0x13) {
                PeerIncompatible::NoSignatureSchemesInCommon
            } else {
                PeerIncompatible::NoCipherSuitesInCommon
            };
            self.conclude(Err(missing.into()), &mut news);
            return news;
        };
        self.context = Some(context);
        let result = match accepted.into_connection(config) {
            Ok(connection) => self.open(connection, &held, plain),
            Err((error, mut alert)) => {
                let mut last = Vec::new();
                let _ = alert.write_all(&mut last);
                self.state = State::Over(last);
                Err(error)
            }
        };
        self.conclude(result, &mut news);
        news
    }

    fn open(&mut self, connection: ServerConnection, held: &[u8], plain: &mut Vec<u8>) -> Result<Peers, Error> {
        let mut connection = Box::new(Connection::from(connection));
        connection.set_buffer_limit(None);
        // Behind the greeting, more can have come with it.
        let result = connection
            .process_new_packets()
            .and_then(|_| read(&mut connection, held, plain));
        self.state = State::Open(connection);
        result
    }

    /// What has changed by the bytes that were read.
    fn conclude(&mut self, result: Result<Peers, Error>, news: &mut News) {
        if let Some(keys) = self.context.as_ref().and_then(|context| context.keys.as_ref()) {
            news.keys = keys.take();
        }
        if !self.secured
            && let State::Open(connection) = &self.state
        {
            news.secured = !connection.is_handshaking();
            self.secured = news.secured;
        }
        news.ended = !self.ended && result == Ok(Peers::Ended);
        self.ended |= news.ended;
        if let Err(error) = result {
            self.failed = true;
            let first = &self.first[..self.received.min(FIRST)];
            // After more than one record, it is not about the first bytes.
            let fresh = matches!(self.state, State::Over(_) | State::Accepting(_));
            news.failure = Some(Failure::new(&error, if fresh { first } else { &[] }));
        }
    }

    /// Whether plaintext can be sent.
    pub fn is_secured(&self) -> bool {
        self.secured
    }

    /// Encrypts plaintext, behind what is to be sent already. `out` is given at most so much at a time: [`Session::SHARE`].
    ///
    /// Returns how many bytes that were: 0 before the handshake is done, and after the end.
    pub fn send(&mut self, plain: &[u8], out: &mut Vec<u8>) -> usize {
        let State::Open(connection) = &mut self.state else {
            return 0;
        };
        if !self.secured || self.closed || self.failed {
            return 0;
        }
        let count = plain.len().min(Session::SHARE);
        let sent = connection.writer().write(&plain[..count]).unwrap_or(0);
        take(connection, out);
        sent
    }

    /// Bytes that are encrypted in one call: as long as the peer takes none, no more are.
    pub const SHARE: usize = 4 * RECORD;

    /// Takes what the session itself has to say.
    pub fn take(&mut self, out: &mut Vec<u8>) {
        match &mut self.state {
            State::Open(connection) => take(connection, out),
            State::Over(last) => out.append(last),
            State::Accepting(_) | State::Asking(..) => {}
        }
    }

    /// Says that nothing more will be sent (`close_notify`), once.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if let State::Open(connection) = &mut self.state
            && !self.closed
        {
            self.closed = true;
            connection.send_close_notify();
            take(connection, out);
        }
    }

    fn connection(&self) -> Option<&Connection> {
        match &self.state {
            State::Open(connection) => Some(connection),
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

    /// What the peer's certificates are worth: nothing is the result where none were asked for.
    ///
    /// # Errors
    /// OpenSSL's code for what is wrong with them.
    pub fn judge(&self) -> Result<(), &'static str> {
        let (Some(context), Some(connection)) = (&self.context, self.connection()) else {
            return Ok(());
        };
        let peer = match connection {
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
