//! HTTP/2 as state machines without I/O: bytes go in, events and bytes come out (RFC 9113, RFC 7541).
//!
//! A [`Session`] is one connection in either role. Its owner feeds it received bytes; the session reports events and
//! writes the frames that answer them. The owner calls methods for everything else that is to be sent. The session has
//! no clock: the time is an argument of the calls that need it.

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
