//! The registered services, their instances, and when each lease ends.

use super::messages::{Instance, Put};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Limits on what clients can make the registry store.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most services.
    pub services: usize,
    /// The most instances of one service.
    pub instances_per_service: usize,
    /// The most instances of all services.
    pub instances: usize,
    /// The most bytes of the instances of one service: they are sent in one message, which must fit into a frame.
    pub service_bytes: usize,
    /// The most bytes of a name, an id, an address, a zone or an owner.
    pub name_bytes: usize,
    /// The most bytes of an instance's metadata, keys and values together.
    pub metadata_bytes: usize,
    /// The shortest and the longest lease in milliseconds.
    pub lease_ms: (u32, u32),
    /// The most watches that wait at the same time.
    pub watches: usize,
    /// The longest time that a watch waits, in milliseconds.
    pub wait_ms: u32,
    /// The number of journal records after which a snapshot replaces the journal.
    pub records_per_snapshot: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            services: 10_000,
            instances_per_service: 10_000,
            instances: 100_000,
            service_bytes: 8 << 20,
            name_bytes: 255,
            metadata_bytes: 4096,
            lease_ms: (1000, 3_600_000),
            watches: 65_536,
            wait_ms: 60_000,
            records_per_snapshot: 10_000,
        }
    }
}

/// One instance.
pub(super) struct Entry {
    pub put: Arc<Put>,
    /// When its lease ends.
    pub expires: u64,
}

impl Entry {
    fn size(&self) -> usize {
        self.put.instance.as_ref().map_or(0, size)
    }
}

/// The bytes that an instance takes in a list of instances.
fn size(instance: &Instance) -> usize {
    // Includes the tag and the longest possible length prefix.
    instance.encoded_len() + 4
}

/// A service. It has at least one instance.
#[derive(Default)]
pub(super) struct Service {
    /// The revision of its last change.
    pub revision: u64,
    /// The bytes of all its instances as messages.
    pub bytes: usize,
    pub instances: BTreeMap<Arc<str>, Entry>,
}

/// All services. Times are in milliseconds of the caller's clock.
pub(super) struct State {
    /// The last revision that was assigned.
    pub revision: u64,
    pub services: HashMap<Arc<str>, Service>,
    /// The number of instances of all services.
    count: usize,
    /// All instances, ordered by the end of their lease.
    expiries: BTreeSet<(u64, Arc<str>, Arc<str>)>,
}

impl State {
    pub fn new(revision: u64) -> State {
        State {
            revision,
            services: HashMap::new(),
            count: 0,
            expiries: BTreeSet::new(),
        }
    }

    pub fn get(&self, service: &str, id: &str) -> Option<&Entry> {
        self.services.get(service)?.instances.get(id)
    }

    /// The revision of a service's last change; 0 if it has no instances.
    pub fn revision_of(&self, service: &str) -> u64 {
        self.services.get(service).map_or(0, |service| service.revision)
    }

    /// Why there is no room for an instance of `service`; `None` if there is.
    pub fn full(&self, service: &str, instance: &Instance, limits: &Limits) -> Option<String> {
        let known = self.services.get(service);
        let before = known.and_then(|service| service.instances.get(instance.id.as_str()));
        let bytes = known.map_or(0, |service| service.bytes) + size(instance);
        if bytes - before.map_or(0, |entry| entry.size()) > limits.service_bytes {
            let most = limits.service_bytes;
            return Some(format!(
                "the instances of \"{service}\" would have more than {most} bytes"
            ));
        }
        if before.is_some() {
            return None;
        }
        if known.is_none() && self.services.len() >= limits.services {
            return Some(format!(
                "the registry has {} services already, which is the limit",
                limits.services
            ));
        }
        if known.is_some_and(|service| service.instances.len() >= limits.instances_per_service) {
            let most = limits.instances_per_service;
            return Some(format!(
                "\"{service}\" has {most} instances already, which is the limit"
            ));
        }
        (self.count >= limits.instances).then(|| {
            format!(
                "the registry has {} instances already, which is the limit",
                limits.instances
            )
        })
    }

    /// Stores a registration. Returns the one that it replaces.
    pub fn put(&mut self, put: Arc<Put>, expires: u64) -> Option<Arc<Put>> {
        let name: Arc<str> = match self.services.get_key_value(put.service.as_str()) {
            Some((name, _)) => name.clone(),
            None => put.service.as_str().into(),
        };
        let id: Arc<str> = put.instance.as_ref().map_or("", |instance| &instance.id).into();
        let service = self.services.entry(name.clone()).or_default();
        service.revision = put.revision;
        self.revision = self.revision.max(put.revision);
        self.expiries.insert((expires, name.clone(), id.clone()));
        let entry = Entry { put, expires };
        service.bytes += entry.size();
        match service.instances.insert(id.clone(), entry) {
            Some(before) => {
                service.bytes -= before.size();
                if before.expires != expires {
                    self.expiries.remove(&(before.expires, name, id));
                }
                Some(before.put)
            }
            None => {
                self.count += 1;
                None
            }
        }
    }

    /// Removes a registration and returns it.
    pub fn remove(&mut self, name: &str, id: &str, revision: u64) -> Option<Arc<Put>> {
        let service = self.services.get_mut(name)?;
        let (key, entry) = service.instances.remove_entry(id)?;
        service.revision = revision;
        service.bytes -= entry.size();
        self.revision = self.revision.max(revision);
        self.count -= 1;
        if service.instances.is_empty() {
            let (name, _) = self.services.remove_entry(name)?;
            self.expiries.remove(&(entry.expires, name, key));
        } else {
            self.expiries.remove(&(entry.expires, Arc::from(name), key));
        }
        Some(entry.put)
    }

    /// Renews a lease for its full duration from `now`.
    pub fn extend(&mut self, name: &str, id: &str, now: u64) {
        let Some(entry) = self
            .services
            .get_mut(name)
            .and_then(|service| service.instances.get_mut(id))
        else {
            return;
        };
        let expires = now + u64::from(entry.put.lease_ms);
        if expires == entry.expires {
            return;
        }
        let old = (entry.expires, Arc::from(name), Arc::from(id));
        entry.expires = expires;
        if let Some((_, name, id)) = self.expiries.take(&old) {
            self.expiries.insert((expires, name, id));
        }
    }

    /// When the next lease ends.
    pub fn next_expiry(&self) -> Option<u64> {
        self.expiries.first().map(|(expires, ..)| *expires)
    }

    /// Returns an instance whose lease has ended by `now`, as service and id.
    pub fn expired(&self, now: u64) -> Option<(Arc<str>, Arc<str>)> {
        let (expires, name, id) = self.expiries.first()?;
        (*expires <= now).then(|| (name.clone(), id.clone()))
    }

    /// The instances of a service, ordered by id.
    pub fn instances(&self, service: &str) -> Vec<Instance> {
        let service = self.services.get(service);
        let instances = service.into_iter().flat_map(|service| service.instances.values());
        instances.filter_map(|entry| entry.put.instance.clone()).collect()
    }

    /// All registrations, for a snapshot.
    pub fn puts(&self) -> Vec<Arc<Put>> {
        let services = self.services.values();
        services
            .flat_map(|service| service.instances.values().map(|entry| entry.put.clone()))
            .collect()
    }

    pub fn count(&self) -> usize {
        self.count
    }
}
