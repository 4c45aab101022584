//! The addressing server: which instances serve a name, and where they are reached.
//!
//! [`Server`] is sans-I/O: it takes requests (protobuf, by [`messages`]) with a ticket and a time, and gives answers by ticket; what a disk has
//! to know leaves as a [`Commit`], and nothing that a commit carries is answered before it has ended. [`Store`] carries commits out on a
//! [`Disk`], and finds at the next start what they have left: it waits for the disk, so it works on a pool's thread.

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
