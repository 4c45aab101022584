//! The registry: which instances provide a service, and at which addresses.
//!
//! [`Server`] does no I/O. It takes requests (protobuf, see [`messages`]) with a ticket and the current time, and
//! returns answers by ticket. Changes to be stored are handed out as a [`Commit`], and a change is answered only
//! after its commit has ended. [`Store`] writes commits to a [`Disk`] and loads the stored state at the next start.
//! It waits for the disk, so it runs on a thread of a pool.

mod journal;
pub mod messages;
mod server;
mod state;
mod store;
#[cfg(test)]
mod tests;

pub use journal::{MAX_RECORD, Records, frame};
pub use server::{Answer, Commit, Method, Refusal, Server, Snapshot};
pub use state::Limits;
pub use store::{Cut, Disk, Folder, Loaded, Store, replay};
