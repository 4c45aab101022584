//! Sessions that clients go on with.
//!
//! `rustls` does not give a session away as bytes, as OpenSSL does. So what JavaScript has of one, keeps and brings back is a name, drawn at random,
//! and the session stays here: for all environments of the process, the last [`REMEMBERED`] of them.

use ring::rand::{SecureRandom, SystemRandom};
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Names that are known at a time.
const REMEMBERED: usize = 1024;

/// Sessions that one connection takes, which servers give as many of as they like. OpenSSL's give two.
const TAKEN: usize = 4;

/// How names begin: none of OpenSSL's sessions does so.
pub const PREFIX: &[u8; 8] = b"ironwire";

/// What JavaScript has of a session.
pub type Name = [u8; 32];

static KNOWN: Mutex<Known> = Mutex::new(Known {
    sessions: BTreeMap::new(),
    names: VecDeque::new(),
});

struct Known {
    sessions: BTreeMap<Name, Arc<Mutex<Given>>>,
    /// The oldest first.
    names: VecDeque<Name>,
}

/// What one connection was given, and those that went on with it. One of TLS 1.3 is good for one connection (RFC 8446, C.4), so each name stands for all
/// of them: of two clients that bring the same one, both can go on.
#[derive(Default)]
struct Given {
    tls12: Option<Tls12ClientSessionValue>,
    tls13: Vec<Tls13ClientSessionValue>,
    count: usize,
}

/// The sessions of one connection.
pub(super) struct Sessions {
    /// Those it can go on with.
    known: Option<Arc<Mutex<Given>>>,
    given: Arc<Mutex<Given>>,
    /// It goes on with one of those that are known.
    resumed: AtomicBool,
    /// Those that nobody was told of.
    fresh: Mutex<Vec<Name>>,
}

/// What it guards is whole whenever it is not held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sessions {
    /// Of a connection that goes on with the session of a name, if that is known.
    pub(super) fn new(name: Option<&[u8]>) -> Sessions {
        let name = name.and_then(|name| Name::try_from(name).ok());
        Sessions {
            known: name.and_then(|name| lock(&KNOWN).sessions.get(&name).cloned()),
            given: Arc::default(),
            resumed: AtomicBool::new(false),
            fresh: Mutex::default(),
        }
    }

    /// The connection goes on with the session that was brought: what it is given from now on has the same name, which stays good so.
    pub(super) fn go_on(&self) {
        self.resumed.store(true, Ordering::Relaxed);
    }

    /// The names of sessions that have come since the last time.
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

/// Secrets go nowhere else.
impl Debug for Sessions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

/// They are one connection's, so its server's name says nothing new.
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
