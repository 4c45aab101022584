//! The messages of `lib/rpc/registry.proto` as Rust types. A test checks that both agree field by field.

use prost::{Enumeration, Message, Oneof};
use std::collections::BTreeMap;

/// The schema that these messages implement.
pub const SCHEMA: &str = include_str!("../../lib/rpc/registry.proto");

/// One instance of a service.
#[derive(Clone, PartialEq, Message)]
pub struct Instance {
    /// Unique within the service.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The address to connect to. The registry does not interpret it.
    #[prost(string, tag = "2")]
    pub address: String,
    /// Its relative share of the calls; 1 if absent.
    #[prost(uint32, optional, tag = "3")]
    pub weight: Option<u32>,
    /// The zone in which it runs.
    #[prost(string, tag = "4")]
    pub zone: String,
    /// Arbitrary metadata of its owner.
    #[prost(btree_map = "string, string", tag = "5")]
    pub metadata: BTreeMap<String, String>,
}

/// Registers an instance.
#[derive(Clone, PartialEq, Message)]
pub struct RegisterRequest {
    /// The name of the service.
    #[prost(string, tag = "1")]
    pub service: String,
    /// The instance to register.
    #[prost(message, optional, tag = "2")]
    pub instance: Option<Instance>,
    /// The requested lease in milliseconds.
    #[prost(uint32, tag = "3")]
    pub lease_ms: u32,
    /// A secret that identifies the registering client.
    #[prost(string, tag = "4")]
    pub owner: String,
}

/// The instance is registered, and stored on disk if the registry has one.
#[derive(Clone, PartialEq, Message)]
pub struct RegisterReply {
    /// The granted lease in milliseconds.
    #[prost(uint32, tag = "1")]
    pub lease_ms: u32,
    /// The registry's epoch.
    #[prost(string, tag = "2")]
    pub epoch: String,
    /// The revision of this change.
    #[prost(uint64, tag = "3")]
    pub revision: u64,
}

/// Removes an instance.
#[derive(Clone, PartialEq, Message)]
pub struct DeregisterRequest {
    /// The name of the service.
    #[prost(string, tag = "1")]
    pub service: String,
    /// The id of the instance.
    #[prost(string, tag = "2")]
    pub id: String,
    /// The owner's secret, as in the registration.
    #[prost(string, tag = "3")]
    pub owner: String,
}

/// The instance is no longer registered.
#[derive(Clone, PartialEq, Message)]
pub struct DeregisterReply {
    /// Whether this owner had such an instance.
    #[prost(bool, tag = "1")]
    pub removed: bool,
}

/// Identifies one registration.
#[derive(Clone, PartialEq, Message)]
pub struct Lease {
    /// The name of the service.
    #[prost(string, tag = "1")]
    pub service: String,
    /// The id of the instance.
    #[prost(string, tag = "2")]
    pub id: String,
    /// The owner's secret.
    #[prost(string, tag = "3")]
    pub owner: String,
}

/// Renews leases.
#[derive(Clone, PartialEq, Message)]
pub struct KeepAliveRequest {
    /// The registrations to renew.
    #[prost(message, repeated, tag = "1")]
    pub leases: Vec<Lease>,
}

/// The result of renewing a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum Status {
    /// The lease was renewed for its full duration.
    Kept = 0,
    /// There is no such registration.
    Unknown = 1,
    /// Another owner has registered this id.
    Replaced = 2,
}

/// The results of renewing leases.
#[derive(Clone, PartialEq, Message)]
pub struct KeepAliveReply {
    /// One [`Status`] for each lease, in the order of the request.
    #[prost(enumeration = "Status", repeated, tag = "1")]
    pub statuses: Vec<i32>,
}

/// Requests a service's instances as soon as they differ from a known state.
#[derive(Clone, PartialEq, Message)]
pub struct WatchRequest {
    /// The name of the service.
    #[prost(string, tag = "1")]
    pub service: String,
    /// The known epoch.
    #[prost(string, tag = "2")]
    pub epoch: String,
    /// The known revision.
    #[prost(uint64, tag = "3")]
    pub revision: u64,
    /// How long to wait for a change, in milliseconds.
    #[prost(uint32, tag = "4")]
    pub wait_ms: u32,
}

/// The instances of a service.
#[derive(Clone, PartialEq, Message)]
pub struct WatchReply {
    /// The registry's epoch.
    #[prost(string, tag = "1")]
    pub epoch: String,
    /// The revision of the service's last change; 0 if it has no instances.
    #[prost(uint64, tag = "2")]
    pub revision: u64,
    /// All its instances, ordered by id.
    #[prost(message, repeated, tag = "3")]
    pub instances: Vec<Instance>,
    /// Whether the state is the one known to the request.
    #[prost(bool, tag = "4")]
    pub unchanged: bool,
}

/// Requests the list of services.
#[derive(Clone, PartialEq, Message)]
pub struct ListRequest {}

/// The list of services.
#[derive(Clone, PartialEq, Message)]
pub struct ListReply {
    /// The services, ordered by name.
    #[prost(message, repeated, tag = "1")]
    pub services: Vec<ListedService>,
}

/// `ListReply.Service`.
#[derive(Clone, PartialEq, Message)]
pub struct ListedService {
    /// The name of the service.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The number of its instances.
    #[prost(uint32, tag = "2")]
    pub instances: u32,
}

/// The first record of a file.
#[derive(Clone, PartialEq, Message)]
pub struct FileHead {
    /// The epoch of the stored state.
    #[prost(string, tag = "1")]
    pub epoch: String,
    /// A number that a snapshot and its journal have in common.
    #[prost(uint64, tag = "2")]
    pub generation: u64,
    /// The last revision in a snapshot.
    #[prost(uint64, tag = "3")]
    pub revision: u64,
    /// The number of records that follow in a snapshot.
    #[prost(uint64, tag = "4")]
    pub records: u64,
}

/// One change in a journal or snapshot.
#[derive(Clone, PartialEq, Message)]
pub struct Record {
    /// The change.
    #[prost(oneof = "Change", tags = "1, 2")]
    pub change: Option<Change>,
}

/// The kinds of changes.
#[derive(Clone, PartialEq, Oneof)]
pub enum Change {
    /// An instance was registered or changed.
    #[prost(message, tag = "1")]
    Put(Put),
    /// An instance was removed.
    #[prost(message, tag = "2")]
    Removed(Removed),
}

/// A stored registration.
#[derive(Clone, PartialEq, Message)]
pub struct Put {
    /// The name of the service.
    #[prost(string, tag = "1")]
    pub service: String,
    /// The instance.
    #[prost(message, optional, tag = "2")]
    pub instance: Option<Instance>,
    /// The granted lease in milliseconds.
    #[prost(uint32, tag = "3")]
    pub lease_ms: u32,
    /// The owner's secret.
    #[prost(string, tag = "4")]
    pub owner: String,
    /// The revision of the change.
    #[prost(uint64, tag = "5")]
    pub revision: u64,
}

/// A removed registration.
#[derive(Clone, PartialEq, Message)]
pub struct Removed {
    /// The name of the service.
    #[prost(string, tag = "1")]
    pub service: String,
    /// The id of the instance.
    #[prost(string, tag = "2")]
    pub id: String,
    /// The revision of the change.
    #[prost(uint64, tag = "3")]
    pub revision: u64,
}
