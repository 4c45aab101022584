//! TLS 1.2 and 1.3 (RFC 5246, RFC 8446) without I/O: ciphertext in, plaintext out, and the other way round. The protocol and its cryptography are
//! `rustls`'s; what is here is what it leaves to its user, as users of Node's `tls` know it.
//!
//! A [`Context`] is made once of certificates, keys and options, a [`Session`] for each connection. What the peer's certificate is worth does not
//! decide about the handshake: as in Node, that is [told afterwards](Session::judge), and whoever asked decides.

mod context;
mod contexts;
mod der;
#[cfg(all(not(feature = "aws-lc-rs"), any(target_arch = "x86_64", target_arch = "aarch64")))]
mod exchange;
mod failure;
mod fields;
mod hello;
mod keys;
mod names;
mod path;
mod session;
mod sessions;
mod stand_in;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod tests_hello;
mod tickets;
mod trust;

pub use context::{Context, Invalid, Settings, Version};
pub use contexts::Contexts;
pub use failure::Failure;
pub use hello::{Answer, Hello};
pub use session::{News, Session};
pub use sessions::Name as SessionName;
pub use tickets::{SECRET, Tickets};
