//! The store of sessions that clients can resume.
//!
//! Unlike OpenSSL, `rustls` does not serialize a session. So JavaScript keeps a random name in its place and passes it
//! back to resume the session. The sessions themselves stay here, in one store for all environments of the process,
//! which holds the last [`REMEMBERED`] of them.

use ring::rand::{SecureRandom, SystemRandom};
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most names that are kept. The oldest is dropped for a new one.
const REMEMBERED: usize = 1024;

/// The most sessions that one connection keeps. A server can send any number; OpenSSL's servers send two.
const TAKEN: usize = 4;

/// The first bytes of every name. No session of OpenSSL begins with them.
pub const PREFIX: &[u8; 8] = b"ironwire";

/// The name that JavaScript holds in place of a session: `ironwire` and 24 random bytes.
pub type Name = [u8; 32];

static KNOWN: Mutex<Known> = Mutex::new(Known {
    sessions: BTreeMap::new(),
    names: VecDeque::new(),
});

struct Known {
    sessions: BTreeMap<Name, Arc<Mutex<Given>>>,
    /// In the order of their creation.
    names: VecDeque<Name>,
}

/// The sessions that the server gave to one connection and to the connections that resumed it. A TLS 1.3 ticket should
/// be used for one connection only (RFC 8446, C.4), so every name stands for all of them: two clients with the same
/// name can both resume.
#[derive(Default)]
struct Given {
    tls12: Option<Tls12ClientSessionValue>,
    tls13: Vec<Tls13ClientSessionValue>,
    count: usize,
}

/// The sessions of one client connection.
pub(super) struct Sessions {
    /// The sessions that this connection may resume.
    known: Option<Arc<Mutex<Given>>>,
    given: Arc<Mutex<Given>>,
    /// The server has accepted one of the `known` sessions.
    resumed: AtomicBool,
    /// Names that [`Sessions::take`] has not returned yet.
    fresh: Mutex<Vec<Name>>,
}

/// Ignores poisoning: the guarded data is consistent whenever the lock is free.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sessions {
    /// The sessions of a new connection, which resumes the session called `name` if the store still has it.
    pub(super) fn new(name: Option<&[u8]>) -> Sessions {
        let name = name.and_then(|name| Name::try_from(name).ok());
        Sessions {
            known: name.and_then(|name| lock(&KNOWN).sessions.get(&name).cloned()),
            given: Arc::default(),
            resumed: AtomicBool::new(false),
            fresh: Mutex::default(),
        }
    }

    /// Notes that the server has resumed the session. TLS 1.3 tickets that it sends from now on are stored under the
    /// old name, so that this name can be used again.
    pub(super) fn go_on(&self) {
        self.resumed.store(true, Ordering::Relaxed);
    }

    /// Removes and returns the names of sessions received since the last call.
    pub(super) fn take(&self) -> Vec<Name> {
        std::mem::take(&mut *lock(&self.fresh))
    }

    fn add(&self, put: impl FnOnce(&mut Given)) {
        let mut name = [0; 32];
        name[..PREFIX.len()].copy_from_slice(PREFIX);
        if SystemRandom::new().fill(&mut name[PREFIX.len()..]).is_err() {
            return;
        }
        let mut given = lock(&self.given);
        if given.count == TAKEN {
            return;
        }
        given.count += 1;
        put(&mut given);
        drop(given);
        lock(&KNOWN).add(name, self.given.clone());
        lock(&self.fresh).push(name);
    }
}

impl Known {
    fn add(&mut self, name: Name, given: Arc<Mutex<Given>>) {
        if self.names.len() == REMEMBERED
            && let Some(oldest) = self.names.pop_front()
        {
            self.sessions.remove(&oldest);
        }
        self.names.push_back(name);
        self.sessions.insert(name, given);
    }
}

/// Prints no secrets.
impl Debug for Sessions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

/// The server's name is ignored: all sessions in here belong to one connection.
impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.add(|given| given.tls12 = Some(value));
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        lock(self.known.as_ref()?).tls12.clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        if let Some(known) = &self.known {
            lock(known).tls12 = None;
        }
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        match &self.known {
            Some(known) if self.resumed.load(Ordering::Relaxed) => {
                let tickets = &mut lock(known).tls13;
                if tickets.len() == TAKEN {
                    tickets.remove(0);
                }
                tickets.push(value);
            }
            _ => self.add(|given| given.tls13.push(value)),
        }
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        lock(self.known.as_ref()?).tls13.pop()
    }
}
