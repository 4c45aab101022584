//! The native functions behind `lib/tls`: they make contexts, secure connections, and return what JavaScript asks about
//! a connection's TLS.

use super::engine::Engine;
use super::raw::{Args, Functions, Misuse, Outcome, Value};
use crate::engine::Connection;
use crate::errno::Errno;
use crate::slots::Slots;
use crate::tls::{Answer, Context, Contexts, Invalid, SECRET, Session, Settings, Tickets, Version};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use rustls::pki_types::CertificateDer;
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

/// The settings of a TLS context, checked by `lib/tls/context.js`. Certificates and keys are PEM.
#[napi(object)]
pub struct TlsSettings {
    /// Certificate chains, and their private keys in the same order.
    pub certificates: Vec<Buffer>,
    pub keys: Vec<Buffer>,
    /// Trusted certificates.
    pub authorities: Vec<Buffer>,
    /// Protocols for ALPN, in order of preference.
    pub alpn: Vec<Buffer>,
    /// The oldest and the newest version allowed: 12 for TLS 1.2, 13 for TLS 1.3.
    pub oldest: u32,
    pub newest: u32,
    /// IANA's names of the cipher suites, in order of preference; empty for all.
    pub suites: Vec<String>,
    /// A server picks the suite by its own order of preference instead of the client's.
    pub own_order: bool,
    /// A server asks clients for a certificate.
    pub asks: bool,
    /// A server that asks also refuses clients without a certificate.
    pub demands: bool,
    /// The secrets of connections are reported, for 'keylog'.
    pub logs: bool,
    /// The secret of the session tickets. Default: a random one.
    pub ticket_keys: Option<Buffer>,
    /// In seconds.
    pub session_timeout: u32,
    /// Only sessions with the same purpose can be resumed.
    pub purpose: Buffer,
    /// The context whose session tickets are used. The ticket settings above are ignored then.
    pub tickets_of: Option<u32>,
}

/// The contexts that JavaScript holds, and the [`Contexts`] of its servers.
#[derive(Default)]
struct Secure {
    contexts: RefCell<Slots<Rc<Context>>>,
    servers: RefCell<Slots<Rc<Contexts>>>,
}

const NO_CONTEXT: Misuse = Misuse::new(0, "TLS context");
const NO_SERVER: Misuse = Misuse::new(0, "TLS server");

/// Adds the functions of this module.
pub fn register(functions: &mut Functions<Engine>) {
    let secure = Rc::new(Secure::default());
    functions.add_with(&secure, "tlsContext", context);
    functions.add_with(&secure, "tlsContextDrop", |secure, _, args| {
        secure.contexts.borrow_mut().remove(args.uint(0)?);
        Ok(())
    });
    functions.add_with(&secure, "tlsTicketKeys", |secure, _, args| {
        let secret = secure.context(args, 0)?.tickets().secret();
        Ok(secret.map(|secret| args.env().buffer_copy(&secret)))
    });
    functions.add_with(&secure, "tlsSetTicketKeys", |secure, _, args| {
        let context = secure.context(args, 0)?;
        let secret = args.bytes(1, 0, SECRET, |bytes| bytes.try_into().unwrap_or([0; SECRET]))?;
        context.tickets().set_secret(secret);
        Ok(())
    });
    functions.add_with(&secure, "tlsServer", |secure, _, args| {
        let contexts = Rc::new(Contexts::new(secure.context(args, 0)?));
        let made = secure
            .servers
            .borrow_mut()
            .insert_with(|_| Ok::<_, Infallible>(contexts));
        Ok(made.map(|Ok(id)| f64::from(id)))
    });
    functions.add_with(&secure, "tlsServerDrop", |secure, _, args| {
        secure.servers.borrow_mut().remove(args.uint(0)?);
        Ok(())
    });
    functions.add_with(&secure, "tlsServerName", |secure, _, args| {
        secure.server(args, 0)?.add(&args.string(1)?, secure.context(args, 2)?);
        Ok(())
    });
    // (id, server, asks): the connection speaks TLS from now on, as a server. If `asks` is set, `onHello` is called
    // once the ClientHello is complete.
    functions.add_with(&secure, "tlsAccept", |secure, engine, args| {
        let (contexts, asks) = (secure.server(args, 1)?, args.boolean(2)?);
        let session = if asks {
            Session::asking_server(contexts)
        } else {
            Session::server(contexts)
        };
        Ok(Errno::code(engine.secure(args.uint(0)?, session)))
    });
    // (id, context, name, session | undefined): the same as a client.
    functions.add_with(&secure, "tlsConnect", |secure, engine, args| {
        let (id, context, name) = (args.uint(0)?, secure.context(args, 1)?, args.string(2)?);
        let session = args.env().copy_bytes(args.value(3));
        let made = Session::client(context, &name, session.as_deref()).map_err(|_| Errno::EINVAL);
        Ok(Errno::code(made.and_then(|session| engine.secure(id, session))))
    });
    // (id): returns what was written but not sent, because the server is not trusted. It will not be sent any more.
    functions.add("tlsTakeBack", |engine, args| {
        let taken = engine.connection(args.uint(0)?, Connection::take_back).ok();
        Ok(taken.map(|bytes| args.env().buffer_copy(&bytes)))
    });
    // (id, bytes): passes on plaintext that Node's own TLS has received for this connection.
    functions.add("tlsInject", |engine, args| {
        let (id, bytes) = (args.uint(0)?, args.env().copy_bytes(args.value(1)));
        engine.inject(id, &bytes.unwrap_or_default());
        Ok(())
    });
    // (name): whether `tlsConnect` accepts this name.
    functions.add("tlsTakesName", |_, args| Ok(Session::takes_name(&args.string(0)?)));
    // (id): the server is who it should be, so what was written for it can be sent.
    functions.add("tlsTrust", |engine, args| Ok(Errno::code(engine.trust(args.uint(0)?))));
    functions.add_with(&secure, "tlsAnswer", answer);
    // (id, bytes): sets the most plaintext of one record.
    functions.add("tlsFragment", |engine, args| {
        let bytes = args.uint(1)? as usize;
        let set = engine.connection(args.uint(0)?, |connection| connection.set_fragment(bytes));
        Ok(Errno::code(set))
    });
    // (id): removes TLS from a connection whose client was not answered. Returns the bytes that the client has sent.
    functions.add("tlsLeave", |engine, args| {
        let received = engine.unsecure(args.uint(0)?).ok();
        Ok(received.map(|bytes| args.env().buffer_copy(&bytes)))
    });
    functions.add("tlsInfo", info);
    functions.add("tlsHello", hello);
    functions.add("tlsPeer", |engine, args| {
        chain(engine, args, |session| session.peer_certificates().to_vec())
    });
    functions.add("tlsChain", |engine, args| chain(engine, args, Session::peer_chain));
    functions.add("tlsOwn", |engine, args| {
        chain(engine, args, |session| session.own_certificates().to_vec())
    });
    functions.add("tlsExport", export);
}

impl Secure {
    fn context(&self, args: &Args, index: usize) -> Outcome<Rc<Context>> {
        let mut contexts = self.contexts.borrow_mut();
        contexts.get_mut(args.uint(index)?).cloned().ok_or(NO_CONTEXT)
    }

    fn server(&self, args: &Args, index: usize) -> Outcome<Rc<Contexts>> {
        let mut servers = self.servers.borrow_mut();
        servers.get_mut(args.uint(index)?).cloned().ok_or(NO_SERVER)
    }
}

fn version(number: u32) -> Version {
    if number == 13 { Version::Tls13 } else { Version::Tls12 }
}

fn owned(buffers: Vec<Buffer>) -> Vec<Vec<u8>> {
    buffers.into_iter().map(|buffer| buffer.to_vec()).collect()
}

/// `(settings)`: makes a context and returns its id, or what is wrong with the settings.
fn context(secure: &Rc<Secure>, _: &Engine, args: &Args) -> Outcome<Result<Option<f64>, String>> {
    let given = args.object::<TlsSettings>(0)?;
    let ticket_keys = given.ticket_keys.as_deref().and_then(|keys| keys.try_into().ok());
    let settings = Settings {
        identities: owned(given.certificates).into_iter().zip(owned(given.keys)).collect(),
        authorities: owned(given.authorities),
        alpn: owned(given.alpn),
        versions: (version(given.oldest), version(given.newest)),
        suites: given.suites,
        own_order: given.own_order,
        asks: given.asks,
        demands: given.demands,
        logs: given.logs,
    };
    let tickets = match given.tickets_of {
        Some(id) => secure
            .contexts
            .borrow_mut()
            .get_mut(id)
            .map(|other| other.tickets().clone()),
        None => Tickets::new(ticket_keys, given.session_timeout, given.purpose.to_vec()).map(Arc::new),
    };
    let Some(tickets) = tickets else {
        return Ok(Err("the system cannot provide random bytes".into()));
    };
    Ok(match Context::new(&settings, tickets) {
        Ok(context) => {
            let context = Rc::new(context);
            let made = secure
                .contexts
                .borrow_mut()
                .insert_with(|_| Ok::<_, Infallible>(context));
            Ok(made.map(|Ok(id)| f64::from(id)))
        }
        Err(Invalid::Pem(what)) => Err(format!("{what} is not PEM")),
        Err(Invalid::Unsupported(what)) => Err(what),
        Err(Invalid::Mismatch) => Err("key values mismatch".into()),
        Err(Invalid::NoSuite) => Err("no cipher match".into()),
    })
}

/// Calls `code` with the session of a connection. `None` for a connection without TLS.
fn ask<T>(engine: &Engine, args: &Args, code: impl FnOnce(&Session) -> T) -> Outcome<Option<T>> {
    let asked = engine.connection(args.uint(0)?, |connection| {
        connection.filter().map(|filter| code(filter.session()))
    });
    Ok(asked.ok().flatten())
}

/// `(id)`: an array of the version, the cipher suite, the protocol of ALPN, the host name that the client has asked
/// for, whether the session was resumed, the code of what is wrong with the peer's certificates, and the group of the
/// key exchange. Whatever does not apply is `undefined`.
fn info(engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let env = args.env();
    ask(engine, args, |session| {
        let text = |text: Option<&str>| text.map_or_else(|| env.undefined(), |text| env.string(text));
        env.array(&[
            text(session.version()),
            text(session.suite().as_deref()),
            session
                .protocol()
                .map_or_else(|| env.undefined(), |protocol| env.latin1(protocol)),
            text(session.server_name()),
            env.boolean(session.is_resumed()),
            text(session.judge().err()),
            text(session.key_exchange().as_deref()),
        ])
    })
}

/// `(id)`: an array of what a ClientHello asks for: the host name (or `undefined`), the protocols offered, and whether
/// an OCSP response is wanted.
fn hello(engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let env = args.env();
    let asked = ask(engine, args, Session::hello)?;
    Ok(asked.flatten().map(|hello| {
        let name = hello.server_name.as_deref();
        let protocols: Vec<Value> = hello.protocols.iter().map(|protocol| env.latin1(protocol)).collect();
        env.array(&[
            name.map_or_else(|| env.undefined(), |name| env.string(name)),
            env.array(&protocols),
            env.boolean(hello.staples),
        ])
    }))
}

/// `(id, context, protocol | undefined, staple | undefined)`: answers a ClientHello. `context` is the context to use,
/// or -1 for the one found by the host name. `protocol` is one that the client offers, as bytes, or empty to refuse
/// them all. `staple` is an OCSP response.
fn answer(secure: &Rc<Secure>, engine: &Engine, args: &Args) -> Outcome<()> {
    let env = args.env();
    let context = if args.int(1)? < 0 {
        None
    } else {
        Some(secure.context(args, 1)?)
    };
    let (protocol, staple) = (env.copy_bytes(args.value(2)), env.copy_bytes(args.value(3)));
    let answer = Answer {
        context,
        protocol,
        staple,
    };
    engine.answer(args.uint(0)?, answer);
    Ok(())
}

/// `(id)`: an array of certificates in DER, the side's own first.
fn chain(engine: &Engine, args: &Args, of: fn(&Session) -> Vec<CertificateDer<'static>>) -> Outcome<Option<Value>> {
    let env = args.env();
    ask(engine, args, |session| {
        let chain = of(session);
        let chain: Vec<Value> = chain.iter().map(|certificate| env.buffer_copy(certificate)).collect();
        env.array(&chain)
    })
}

/// `(id, length, label, context | undefined)`: keying material that both sides derive.
fn export(engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let (length, label) = (args.uint(1)? as usize, args.string(2)?);
    let context = args.env().copy_bytes(args.value(3));
    let exported = ask(engine, args, |session| {
        session.export(length, label.as_bytes(), context.as_deref()).ok()
    })?;
    Ok(exported.flatten().map(|bytes| args.env().buffer_copy(&bytes)))
}
