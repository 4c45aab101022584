//! The messages of `lib/rpc/registry.proto`, field by field; a test holds the two together.

use prost::{Enumeration, Message, Oneof};
use std::collections::BTreeMap;

/// The schema that these messages follow.
pub const SCHEMA: &str = include_str!("../../lib/rpc/registry.proto");

/// One place where a service is reached.
#[derive(Clone, PartialEq, Message)]
pub struct Instance {
    /// Unique within the service.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Where to connect to; opaque here.
    #[prost(string, tag = "2")]
    pub address: String,
    /// Share of the calls; 1 when absent.
    #[prost(uint32, optional, tag = "3")]
    pub weight: Option<u32>,
    /// Where it stands.
    #[prost(string, tag = "4")]
    pub zone: String,
    /// Whatever its owner wants to be known.
    #[prost(btree_map = "string, string", tag = "5")]
    pub metadata: BTreeMap<String, String>,
}

/// Asks to be known.
#[derive(Clone, PartialEq, Message)]
pub struct RegisterRequest {
    /// What it serves.
    #[prost(string, tag = "1")]
    pub service: String,
    /// Who serves it.
    #[prost(message, optional, tag = "2")]
    pub instance: Option<Instance>,
    /// For how long, in milliseconds.
    #[prost(uint32, tag = "3")]
    pub lease_ms: u32,
    /// A secret of the one who registers.
    #[prost(string, tag = "4")]
    pub owner: String,
}

/// It is known, and on disk if there is one.
#[derive(Clone, PartialEq, Message)]
pub struct RegisterReply {
    /// The lease as granted.
    #[prost(uint32, tag = "1")]
    pub lease_ms: u32,
    /// The registry's epoch.
    #[prost(string, tag = "2")]
    pub epoch: String,
    /// The change's revision.
    #[prost(uint64, tag = "3")]
    pub revision: u64,
}

/// Asks to be known no longer.
#[derive(Clone, PartialEq, Message)]
pub struct DeregisterRequest {
    /// What it served.
    #[prost(string, tag = "1")]
    pub service: String,
    /// Which instance.
    #[prost(string, tag = "2")]
    pub id: String,
    /// As it was registered.
    #[prost(string, tag = "3")]
    pub owner: String,
}

/// It is known no longer.
#[derive(Clone, PartialEq, Message)]
pub struct DeregisterReply {
    /// Whether there was such an instance of that owner.
    #[prost(bool, tag = "1")]
    pub removed: bool,
}

/// Names one registration.
#[derive(Clone, PartialEq, Message)]
pub struct Lease {
    /// Its service.
    #[prost(string, tag = "1")]
    pub service: String,
    /// Its id.
    #[prost(string, tag = "2")]
    pub id: String,
    /// Its owner.
    #[prost(string, tag = "3")]
    pub owner: String,
}

/// Extends leases.
#[derive(Clone, PartialEq, Message)]
pub struct KeepAliveRequest {
    /// Which.
    #[prost(message, repeated, tag = "1")]
    pub leases: Vec<Lease>,
}

/// What has become of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum Status {
    /// It is as long again.
    Kept = 0,
    /// There is none.
    Unknown = 1,
    /// Another owner has the id.
    Replaced = 2,
}

/// What has become of each lease.
#[derive(Clone, PartialEq, Message)]
pub struct KeepAliveReply {
    /// In the request's order.
    #[prost(enumeration = "Status", repeated, tag = "1")]
    pub statuses: Vec<i32>,
}

/// Asks for a service's instances, once they are others than known.
#[derive(Clone, PartialEq, Message)]
pub struct WatchRequest {
    /// Which service.
    #[prost(string, tag = "1")]
    pub service: String,
    /// The epoch known.
    #[prost(string, tag = "2")]
    pub epoch: String,
    /// The revision known.
    #[prost(uint64, tag = "3")]
    pub revision: u64,
    /// How long to wait for another, in milliseconds.
    #[prost(uint32, tag = "4")]
    pub wait_ms: u32,
}

/// A service's instances.
#[derive(Clone, PartialEq, Message)]
pub struct WatchReply {
    /// The registry's epoch.
    #[prost(string, tag = "1")]
    pub epoch: String,
    /// Of the service's last change; 0 when it has no instances.
    #[prost(uint64, tag = "2")]
    pub revision: u64,
    /// All of them, by id.
    #[prost(message, repeated, tag = "3")]
    pub instances: Vec<Instance>,
    /// They are those that the request knew.
    #[prost(bool, tag = "4")]
    pub unchanged: bool,
}

/// Asks for every service.
#[derive(Clone, PartialEq, Message)]
pub struct ListRequest {}

/// Every service.
#[derive(Clone, PartialEq, Message)]
pub struct ListReply {
    /// By name.
    #[prost(message, repeated, tag = "1")]
    pub services: Vec<ListedService>,
}

/// `ListReply.Service`.
#[derive(Clone, PartialEq, Message)]
pub struct ListedService {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// How many serve it.
    #[prost(uint32, tag = "2")]
    pub instances: u32,
}

/// What a file begins with.
#[derive(Clone, PartialEq, Message)]
pub struct FileHead {
    /// Of what is remembered.
    #[prost(string, tag = "1")]
    pub epoch: String,
    /// Which snapshot and journal belong together.
    #[prost(uint64, tag = "2")]
    pub generation: u64,
    /// A snapshot's last revision.
    #[prost(uint64, tag = "3")]
    pub revision: u64,
    /// How many records follow in a snapshot.
    #[prost(uint64, tag = "4")]
    pub records: u64,
}

/// A change.
#[derive(Clone, PartialEq, Message)]
pub struct Record {
    /// Which.
    #[prost(oneof = "Change", tags = "1, 2")]
    pub change: Option<Change>,
}

/// The kinds of changes.
#[derive(Clone, PartialEq, Oneof)]
pub enum Change {
    /// An instance is known from now on, or is another.
    #[prost(message, tag = "1")]
    Put(Put),
    /// It is known no longer.
    #[prost(message, tag = "2")]
    Removed(Removed),
}

/// An instance as it is known.
#[derive(Clone, PartialEq, Message)]
pub struct Put {
    /// What it serves.
    #[prost(string, tag = "1")]
    pub service: String,
    /// Who serves it.
    #[prost(message, optional, tag = "2")]
    pub instance: Option<Instance>,
    /// The lease as granted.
    #[prost(uint32, tag = "3")]
    pub lease_ms: u32,
    /// Whose it is.
    #[prost(string, tag = "4")]
    pub owner: String,
    /// The change's revision.
    #[prost(uint64, tag = "5")]
    pub revision: u64,
}

/// An instance that is known no longer.
#[derive(Clone, PartialEq, Message)]
pub struct Removed {
    /// What it served.
    #[prost(string, tag = "1")]
    pub service: String,
    /// Which it was.
    #[prost(string, tag = "2")]
    pub id: String,
    /// The change's revision.
    #[prost(uint64, tag = "3")]
    pub revision: u64,
}
