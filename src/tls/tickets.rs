//! Session tickets (RFC 5077, RFC 8446 4.6.1): the server's session state, sealed with keys that only the server has,
//! which a client stores and sends back to resume the session.
//!
//! A ticket consists of the name of its key (16 bytes), a nonce (12 bytes) and a part sealed with AES-256-GCM: the time
//! it was made (8 bytes, in seconds) and the session. Keys are derived from a secret of 48 bytes, the one of
//! `tls.Server`'s `getTicketKeys()` and `setTicketKeys()`, which several processes can share. A secret that was not set
//! is replaced after [`ROTATE`] seconds; tickets of the previous one can still be opened.

use ring::rand::SecureRandom;
use ring::{aead, hkdf, rand};
use rustls::server::ProducesTickets;
use std::fmt::{self, Debug, Formatter};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The length of a secret, in bytes.
pub const SECRET: usize = 48;

const NAME: usize = 16;
const STAMP: usize = 8;

/// A full handshake gives as many tickets as rustls makes, which is two.
pub(super) const ALL: usize = usize::MAX;

/// A resumed connection gives one ticket, in place of the one it has used.
pub(super) const ONE: usize = 1;

/// For how many seconds a generated secret makes tickets. Whoever reads the memory of the process gets the current and
/// the previous secret, and so can open the tickets made with those two.
const ROTATE: u64 = 6 * 60 * 60;

/// Longer tickets are not ours. A session that holds a long chain of client certificates takes part of this length.
const LONGEST: usize = 64 * 1024;

/// The tickets of one context.
pub struct Tickets {
    keys: Mutex<Keys>,
    /// For how many seconds a ticket is valid.
    lifetime: u32,
    /// Identifies what sessions of this context have in common. It goes into the keys, so a ticket of a context with
    /// another purpose is refused even if both share a secret.
    purpose: Vec<u8>,
    clock: fn() -> u64,
    /// How many more tickets the client that is being answered may get.
    left: AtomicUsize,
}

struct Keys {
    current: Key,
    previous: Option<Key>,
    /// When the current secret was generated; `None` if it was set, and is therefore not replaced.
    since: Option<u64>,
}

struct Key {
    secret: [u8; SECRET],
    name: [u8; NAME],
    sealing: aead::LessSafeKey,
}

/// The length of HKDF's output: a key and its name.
struct Material;

impl hkdf::KeyType for Material {
    fn len(&self) -> usize {
        32 + NAME
    }
}

impl Key {
    fn new(secret: [u8; SECRET], purpose: &[u8]) -> Option<Key> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ironwire session tickets");
        let mut material = [0; 32 + NAME];
        let extracted = salt.extract(&secret);
        let info = [purpose];
        extracted
            .expand(&info, Material)
            .and_then(|okm| okm.fill(&mut material))
            .ok()?;
        let (key, rest) = material.split_at(32);
        let mut name = [0; NAME];
        name.copy_from_slice(rest);
        let sealing = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, key).ok()?);
        Some(Key { secret, name, sealing })
    }

    fn random(purpose: &[u8]) -> Option<Key> {
        let mut secret = [0; SECRET];
        rand::SystemRandom::new().fill(&mut secret).ok()?;
        Key::new(secret, purpose)
    }

    fn seal(&self, plain: &[u8], now: u64) -> Option<Vec<u8>> {
        // The nonce is random because several processes may use the same key.
        let mut nonce = [0; aead::NONCE_LEN];
        rand::SystemRandom::new().fill(&mut nonce).ok()?;
        let tag_length = self.sealing.algorithm().tag_len();
        let mut ticket = Vec::with_capacity(NAME + nonce.len() + STAMP + plain.len() + tag_length);
        ticket.extend_from_slice(&self.name);
        ticket.extend_from_slice(&nonce);
        let start = ticket.len();
        ticket.extend_from_slice(&now.to_be_bytes());
        ticket.extend_from_slice(plain);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let aad = aead::Aad::from(self.name);
        let tag = self
            .sealing
            .seal_in_place_separate_tag(nonce, aad, &mut ticket[start..])
            .ok()?;
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    /// The time at which the ticket was made, and the session.
    fn open(&self, ticket: &[u8]) -> Option<(u64, Vec<u8>)> {
        let rest = ticket.strip_prefix(&self.name)?;
        let (nonce, sealed) = rest.split_first_chunk::<{ aead::NONCE_LEN }>()?;
        let mut sealed = sealed.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let opened = self
            .sealing
            .open_in_place(nonce, aead::Aad::from(self.name), &mut sealed)
            .ok()?;
        let (stamp, plain) = opened.split_first_chunk::<STAMP>()?;
        Some((u64::from_be_bytes(*stamp), plain.to_vec()))
    }
}

impl Tickets {
    /// Tickets that are valid for `lifetime` seconds, 0 for no tickets at all. `secret` can be shared with other
    /// processes; without it, one is generated. `None` if the system provides no random bytes.
    pub fn new(secret: Option<[u8; SECRET]>, lifetime: u32, purpose: Vec<u8>) -> Option<Tickets> {
        Tickets::with_clock(secret, lifetime, purpose, now)
    }

    pub(super) fn with_clock(
        secret: Option<[u8; SECRET]>,
        lifetime: u32,
        purpose: Vec<u8>,
        clock: fn() -> u64,
    ) -> Option<Tickets> {
        let current = match secret {
            Some(secret) => Key::new(secret, &purpose)?,
            None => Key::random(&purpose)?,
        };
        let keys = Keys {
            current,
            previous: None,
            since: secret.is_none().then(clock),
        };
        Some(Tickets {
            keys: Mutex::new(keys),
            lifetime,
            purpose,
            clock,
            left: AtomicUsize::new(ALL),
        })
    }

    /// Sets how many tickets the client that is answered next can get. Clients of a context are answered one after the
    /// other.
    pub(super) fn allow(&self, count: usize) {
        self.left.store(count, Ordering::Relaxed);
    }

    /// The secret with which tickets are made now.
    pub fn secret(&self) -> Option<[u8; SECRET]> {
        self.keys.lock().ok().map(|keys| keys.current.secret)
    }

    /// Makes tickets with `secret` from now on, without replacing it later. Tickets made before are no longer valid.
    pub fn set_secret(&self, secret: [u8; SECRET]) {
        if let (Some(key), Ok(mut keys)) = (Key::new(secret, &self.purpose), self.keys.lock()) {
            *keys = Keys {
                current: key,
                previous: None,
                since: None,
            };
        }
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

/// Prints no secrets.
impl Debug for Tickets {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.lifetime > 0
    }

    fn lifetime(&self) -> u32 {
        self.lifetime
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let left = self.left.load(Ordering::Relaxed).checked_sub(1)?;
        self.allow(left);
        let now = (self.clock)();
        let mut keys = self.keys.lock().ok()?;
        if keys.since.is_some_and(|since| now.saturating_sub(since) >= ROTATE)
            && let Some(key) = Key::random(&self.purpose)
        {
            keys.previous = Some(std::mem::replace(&mut keys.current, key));
            keys.since = Some(now);
        }
        keys.current.seal(plain, now)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > LONGEST {
            return None;
        }
        let now = (self.clock)();
        let keys = self.keys.lock().ok()?;
        let opened = [Some(&keys.current), keys.previous.as_ref()];
        let (made, plain) = opened.into_iter().flatten().find_map(|key| key.open(ticket))?;
        // A ticket from the future was made by a process whose clock is ahead.
        let fresh = now.saturating_sub(made) < u64::from(self.lifetime);
        // TLS 1.2 answers the client at once and its ticket stays valid, so it gets no new one. TLS 1.3 tickets are for
        // one use (RFC 8446, C.4): the client gets a new one when the handshake ends, after another call of `allow()`.
        self.allow(if fresh { 0 } else { ALL });
        fresh.then_some(plain)
    }
}
