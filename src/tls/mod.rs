//! TLS 1.2 and 1.3 (RFC 5246, RFC 8446) without I/O: the caller passes ciphertext in and gets plaintext back, and the
//! other way round. `rustls` implements the protocol and its cryptography. This module adds what `rustls` leaves to its
//! user, with the behaviour that users of Node's `tls` expect.
//!
//! A [`Context`] is built once from certificates, keys and options; a [`Session`] is one side of one connection. As in
//! Node, a peer's certificate chain that is not trusted does not fail the handshake: [`Session::judge`] gives the
//! verdict afterwards, and the caller decides what to do with it.

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
mod records;
mod session;
mod sessions;
mod stand_in;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod tests_hello;
#[cfg(test)]
mod tests_records;
mod tickets;
mod trust;

pub use context::{Context, Invalid, Settings, Version};
pub use contexts::Contexts;
pub use failure::Failure;
pub use hello::{Answer, Hello};
pub use session::{News, Session};
pub use sessions::Name as SessionName;
pub use tickets::{SECRET, Tickets};
