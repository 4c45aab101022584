//! HTTP/2 as sans-I/O state machines: bytes in, events and bytes out (RFC 9113, RFC 7541).
//!
//! A [`Session`] is one connection in either role. It is fed what was received, says what that means, and writes what has to be answered;
//! whoever owns it says what is to be sent. It does no I/O and has no clock: the time comes with each call.

mod fields;
pub mod frame;
pub mod hpack;
mod limits;
#[cfg(test)]
mod oracle;
mod pings;
mod send;
mod session;
mod settings;
mod stream;
#[cfg(test)]
mod tests;

pub use fields::{Fields, Kind, pairs};
pub use frame::Code;
pub use limits::Limits;
pub use pings::PingLimits;
pub use send::{Gone, Wrote};
pub use session::{Event, Role, Session};
pub use settings::Settings;
