//! The state machine of the registry: takes requests, yields answers and commits.

use super::journal::frame;
use super::messages::{
    Change, DeregisterReply, DeregisterRequest, Instance, KeepAliveReply, KeepAliveRequest, ListReply, ListRequest,
    ListedService, Put, Record, RegisterReply, RegisterRequest, Removed, Status, WatchReply, WatchRequest,
};
use super::state::{Limits, State};
use super::store::Loaded;
use prost::Message;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The most that time advances between two readings of the clock, in milliseconds. While the process was stopped,
/// suspended or starved, it could not receive renewals, so that time must not count against any lease.
const MAX_STEP: u64 = 1000;

/// How often the clock is read while there are leases, in milliseconds. It is less than [`MAX_STEP`], so that a
/// longer gap really means that the process stood still.
const LOOK: u64 = 500;

/// The methods of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `Register`
    Register,
    /// `Deregister`
    Deregister,
    /// `KeepAlive`
    KeepAlive,
    /// `Watch`
    Watch,
    /// `List`
    List,
}

impl Method {
    /// All methods, with their names in the schema.
    pub const ALL: [(&str, Method); 5] = [
        ("Register", Method::Register),
        ("Deregister", Method::Deregister),
        ("KeepAlive", Method::KeepAlive),
        ("Watch", Method::Watch),
        ("List", Method::List),
    ];
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request, or a value in it, is invalid.
    Invalid(String),
    /// A limit is reached.
    Full(String),
    /// The disk failed to store the change. Nothing has changed.
    Storage(String),
}

impl Refusal {
    /// The error's code and message for the client.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Refusal::Invalid(text) => ("IRONWIRE_REGISTRY_INVALID", text),
            Refusal::Full(text) => ("IRONWIRE_REGISTRY_FULL", text),
            Refusal::Storage(text) => ("IRONWIRE_REGISTRY_STORAGE", text),
        }
    }
}

type Ticket = u32;

/// The bytes of a reply, or the error.
pub type Answer = Result<Vec<u8>, Refusal>;

/// Changes to be written to the disk.
pub struct Commit {
    /// The changes, as consecutive records.
    pub records: Vec<u8>,
    /// If set, the complete state: start a new generation with it.
    pub snapshot: Option<Snapshot>,
}

/// The complete state.
pub struct Snapshot {
    /// The epoch of the state.
    pub epoch: String,
    /// The last revision.
    pub revision: u64,
    /// Every registration.
    pub puts: Vec<Arc<Put>>,
}

/// A change that is not on the disk yet, with what is needed to undo it.
struct Pending {
    ticket: Ticket,
    reply: Vec<u8>,
    service: String,
    id: String,
    before: Option<Arc<Put>>,
}

struct Watch {
    service: Arc<str>,
    until: u64,
    revision: u64,
}

/// The progress of writing to the disk.
struct Disk {
    /// Whether a commit is in progress.
    busy: bool,
    /// Whether the next commit must be a snapshot, because the journal is long or may be damaged.
    anew: bool,
    /// The number of records in the journal.
    written: usize,
    /// The records for the next commit, and their number.
    records: Vec<u8>,
    count: usize,
}

/// The registry. See the module's documentation.
pub struct Server {
    limits: Limits,
    epoch: String,
    state: State,
    /// The last reading of the clock, and the registry's own time derived from it.
    seen: u64,
    time: u64,
    /// `None` for a registry that is only in memory.
    disk: Option<Disk>,
    /// The changes in the current commit, and those for the next one.
    committing: Vec<Pending>,
    pending: Vec<Pending>,
    watches: HashMap<Ticket, Watch>,
    watched: HashMap<Arc<str>, HashSet<Ticket>>,
    timeouts: BTreeSet<(u64, Ticket)>,
    answers: Vec<(Ticket, Answer)>,
}

fn sound(what: &str, text: &str, most: usize) -> Result<(), Refusal> {
    if text.is_empty() || text.len() > most {
        let length = text.len();
        return Err(Refusal::Invalid(format!(
            "{what} must have 1 to {most} bytes, not {length}"
        )));
    }
    Ok(())
}

fn read<M: Message + Default>(body: &[u8]) -> Result<M, Refusal> {
    M::decode(body).map_err(|error| Refusal::Invalid(format!("the request cannot be read: {error}")))
}

impl Server {
    /// Creates an empty registry in memory. `epoch` distinguishes it from every other.
    pub fn new(limits: Limits, epoch: String, now: u64) -> Server {
        Server {
            limits,
            epoch,
            state: State::new(0),
            seen: now,
            time: now,
            disk: None,
            committing: Vec::new(),
            pending: Vec::new(),
            watches: HashMap::new(),
            watched: HashMap::new(),
            timeouts: BTreeSet::new(),
            answers: Vec::new(),
        }
    }

    /// Creates a registry from the state that a store has loaded. Its commits must go to that store. Every instance
    /// gets a full lease, so that its owner has time to renew it.
    pub fn restore(limits: Limits, loaded: Loaded, now: u64) -> Server {
        let mut server = Server::new(limits, loaded.epoch, now);
        server.state = State::new(loaded.revision);
        for put in loaded.puts {
            let expires = now + u64::from(put.lease_ms);
            server.state.put(put, expires);
        }
        server.disk = Some(Disk {
            busy: false,
            // The loaded state is written as a snapshot before any change is added to it.
            anew: true,
            written: 0,
            records: Vec::new(),
            count: 0,
        });
        server
    }

    /// Handles a request. `ticket` must differ from those of all unanswered requests.
    pub fn request(&mut self, ticket: Ticket, method: Method, body: &[u8], now: u64) {
        self.advance(now);
        let done = match method {
            Method::Register => self.register(ticket, body),
            Method::Deregister => self.deregister(ticket, body),
            Method::KeepAlive => self.keep_alive(body).map(Some),
            Method::Watch => self.watch(ticket, body),
            Method::List => self.list(body).map(Some),
        };
        match done {
            Ok(None) => {}
            Ok(Some(reply)) => self.answers.push((ticket, Ok(reply))),
            Err(refusal) => self.answers.push((ticket, Err(refusal))),
        }
    }

    /// The client no longer waits for this answer. A change that is being written continues.
    pub fn cancel(&mut self, ticket: Ticket) {
        self.unwatch(ticket);
    }

    /// Reads the clock: ends leases and watches that are due.
    pub fn tick(&mut self, now: u64) {
        self.advance(now);
    }

    /// After how many milliseconds [`Server::tick`] has something to do; `None` if never.
    pub fn next_tick(&self) -> Option<u64> {
        let watch = self.timeouts.first().map(|(until, _)| until.saturating_sub(self.time));
        let lease = self
            .state
            .next_expiry()
            .map(|end| end.saturating_sub(self.time).min(LOOK));
        watch.into_iter().chain(lease).min()
    }

    /// Takes the answers that have become ready.
    pub fn take_answers(&mut self) -> Vec<(u32, Answer)> {
        std::mem::take(&mut self.answers)
    }

    /// Takes the next commit, if there is one. [`Server::committed`] must report its result.
    pub fn take_commit(&mut self) -> Option<Commit> {
        let disk = self.disk.as_mut()?;
        if disk.busy || disk.count == 0 {
            return None;
        }
        disk.busy = true;
        self.committing = std::mem::take(&mut self.pending);
        let records = std::mem::take(&mut disk.records);
        disk.written += std::mem::take(&mut disk.count);
        let snapshot = (disk.anew || disk.written > self.limits.records_per_snapshot).then(|| Snapshot {
            epoch: self.epoch.clone(),
            revision: self.state.revision,
            puts: self.state.puts(),
        });
        if snapshot.is_some() {
            disk.written = 0;
        }
        Some(Commit { records, snapshot })
    }

    /// Reports the result of a commit. After a failure, all its changes are undone, and the next commit is a
    /// snapshot: it is unknown how much of the failed write the disk has kept.
    pub fn committed(&mut self, result: Result<(), String>) {
        let Some(disk) = &mut self.disk else { return };
        disk.busy = false;
        disk.anew = result.is_err();
        let Err(reason) = result else {
            let done = std::mem::take(&mut self.committing);
            self.answers
                .extend(done.into_iter().map(|pending| (pending.ticket, Ok(pending.reply))));
            return;
        };
        disk.records.clear();
        disk.count = 0;
        let mut failed = std::mem::take(&mut self.committing);
        failed.append(&mut self.pending);
        for pending in failed.iter().rev() {
            self.take_back(pending);
        }
        for pending in failed {
            self.answers
                .push((pending.ticket, Err(Refusal::Storage(reason.clone()))));
        }
    }

    /// The numbers of instances, services and waiting watches.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.state.count(), self.state.services.len(), self.watches.len())
    }

    /// The epoch of the state.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    // ---- methods

    fn register(&mut self, ticket: Ticket, body: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        let RegisterRequest {
            service,
            instance,
            lease_ms,
            owner,
        } = read(body)?;
        let instance = instance.unwrap_or_default();
        self.check(&service, &instance, &owner)?;
        if let Some(why) = self.state.full(&service, &instance, &self.limits) {
            return Err(Refusal::Full(why));
        }
        let (least, most) = self.limits.lease_ms;
        let lease_ms = lease_ms.clamp(least, most);
        let known = self.state.get(&service, &instance.id).map(|entry| entry.put.clone());
        let same = known.as_ref().is_some_and(|put| {
            put.instance.as_ref() == Some(&instance) && put.owner == owner && put.lease_ms == lease_ms
        });
        // A repeated registration, most likely because the reply was lost. Watches need not be notified, but it must
        // be on the disk before it is answered.
        let revision = match &known {
            Some(put) if same => put.revision,
            _ => self.state.revision + 1,
        };
        let id = instance.id.clone();
        let put = Arc::new(Put {
            service: service.clone(),
            instance: Some(instance),
            lease_ms,
            owner,
            revision,
        });
        let reply = RegisterReply {
            lease_ms,
            epoch: self.epoch.clone(),
            revision,
        };
        if same {
            self.state.extend(&service, &id, self.time);
        } else {
            self.state.put(put.clone(), self.time + u64::from(lease_ms));
            self.tell(&service);
        }
        let change = Change::Put((*put).clone());
        Ok(self.keep(ticket, change, reply.encode_to_vec(), (service, id, known)))
    }

    fn deregister(&mut self, ticket: Ticket, body: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        let DeregisterRequest { service, id, owner } = read(body)?;
        let known = self.state.get(&service, &id);
        let ours = known.is_some_and(|entry| entry.put.owner == owner);
        let reply = DeregisterReply { removed: ours }.encode_to_vec();
        if !ours {
            let most = self.limits.name_bytes;
            let can_be =
                sound("the service's name", &service, most).is_ok() && sound("the instance's id", &id, most).is_ok();
            let is_settled = self.disk.as_ref().is_none_or(|disk| !disk.anew);
            if known.is_some() || is_settled || !can_be {
                return Ok(Some(reply));
            }
            // The instance does not exist, but the disk may have kept a part of an earlier failed write. The removal
            // must be on the disk before it is answered.
            let change = removed(&service, &id, self.state.revision);
            return Ok(self.keep(ticket, change, reply, (service, id, None)));
        }
        let revision = self.state.revision + 1;
        let before = self.state.remove(&service, &id, revision);
        self.tell(&service);
        let change = removed(&service, &id, revision);
        Ok(self.keep(ticket, change, reply, (service, id, before)))
    }

    fn keep_alive(&mut self, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let KeepAliveRequest { leases } = read(body)?;
        let mut statuses = Vec::with_capacity(leases.len());
        for lease in leases {
            let status = match self.state.get(&lease.service, &lease.id) {
                None => Status::Unknown,
                Some(entry) if entry.put.owner != lease.owner => Status::Replaced,
                Some(_) => {
                    self.state.extend(&lease.service, &lease.id, self.time);
                    Status::Kept
                }
            };
            statuses.push(status as i32);
        }
        Ok(KeepAliveReply { statuses }.encode_to_vec())
    }

    fn watch(&mut self, ticket: Ticket, body: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        let request: WatchRequest = read(body)?;
        sound("the service's name", &request.service, self.limits.name_bytes)?;
        let current = self.state.revision_of(&request.service);
        if request.epoch != self.epoch || request.revision != current {
            return Ok(Some(self.present(&request.service)));
        }
        let wait = request.wait_ms.min(self.limits.wait_ms);
        if wait == 0 {
            return Ok(Some(self.unchanged(current)));
        }
        if self.watches.len() >= self.limits.watches {
            let most = self.limits.watches;
            return Err(Refusal::Full(format!(
                "{most} watches are open already, which is the limit"
            )));
        }
        let service: Arc<str> = match self.watched.get_key_value(request.service.as_str()) {
            Some((name, _)) => name.clone(),
            None => request.service.into(),
        };
        let until = self.time + u64::from(wait);
        self.watched.entry(service.clone()).or_default().insert(ticket);
        self.timeouts.insert((until, ticket));
        let revision = current;
        self.watches.insert(
            ticket,
            Watch {
                service,
                until,
                revision,
            },
        );
        Ok(None)
    }

    fn list(&self, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let ListRequest {} = read(body)?;
        let services = self.state.services.iter().map(|(name, service)| ListedService {
            name: name.to_string(),
            instances: u32::try_from(service.instances.len()).unwrap_or(u32::MAX),
        });
        let mut services: Vec<ListedService> = services.collect();
        services.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(ListReply { services }.encode_to_vec())
    }

    // ---- the parts

    fn check(&self, service: &str, instance: &Instance, owner: &str) -> Result<(), Refusal> {
        let most = self.limits.name_bytes;
        sound("the service's name", service, most)?;
        sound("the instance's id", &instance.id, most)?;
        sound("the instance's address", &instance.address, most)?;
        sound("the owner", owner, most)?;
        if instance.zone.len() > most {
            let length = instance.zone.len();
            return Err(Refusal::Invalid(format!(
                "the zone must have {most} bytes at most, not {length}"
            )));
        }
        let bytes: usize = instance
            .metadata
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        // Counts each entry as one byte more, so that many empty keys and values cannot get around the limit.
        let bytes = bytes + instance.metadata.len();
        let most = self.limits.metadata_bytes;
        if bytes > most {
            return Err(Refusal::Invalid(format!(
                "the metadata must have {most} bytes at most, not {bytes}"
            )));
        }
        Ok(())
    }

    /// Advances the registry's time: never backwards, and by at most [`MAX_STEP`].
    fn advance(&mut self, now: u64) {
        self.time += now.saturating_sub(self.seen).min(MAX_STEP);
        self.seen = now;
        while let Some((service, id)) = self.state.expired(self.time) {
            let revision = self.state.revision + 1;
            self.state.remove(&service, &id, revision);
            self.record(removed(&service, &id, revision));
            self.tell(&service);
        }
        while let Some(&(until, ticket)) = self.timeouts.first() {
            if until > self.time {
                break;
            }
            if let Some(watch) = self.unwatch(ticket) {
                let reply = self.unchanged(watch.revision);
                self.answers.push((ticket, Ok(reply)));
            }
        }
    }

    /// Registers a change to be answered when it is on the disk. Without a disk, it is answered at once.
    fn keep(
        &mut self,
        ticket: Ticket,
        change: Change,
        reply: Vec<u8>,
        (service, id, before): (String, String, Option<Arc<Put>>),
    ) -> Option<Vec<u8>> {
        if self.disk.is_none() {
            return Some(reply);
        }
        self.record(change);
        self.pending.push(Pending {
            ticket,
            reply,
            service,
            id,
            before,
        });
        None
    }

    fn record(&mut self, change: Change) {
        if let Some(disk) = &mut self.disk {
            frame(&mut disk.records, &Record { change: Some(change) });
            disk.count += 1;
        }
    }

    /// Undoes a change. That is a change with a revision of its own.
    fn take_back(&mut self, pending: &Pending) {
        let revision = self.state.revision + 1;
        match &pending.before {
            Some(before) => {
                let put = Put {
                    revision,
                    ..(**before).clone()
                };
                let expires = self.time + u64::from(put.lease_ms);
                self.state.put(Arc::new(put), expires);
            }
            None => {
                self.state.remove(&pending.service, &pending.id, revision);
            }
        }
        self.tell(&pending.service);
    }

    /// Notifies the watches of a service that it has changed.
    fn tell(&mut self, service: &str) {
        let Some(tickets) = self.watched.get(service).cloned() else {
            return;
        };
        let reply = self.present(service);
        for ticket in tickets {
            self.unwatch(ticket);
            self.answers.push((ticket, Ok(reply.clone())));
        }
    }

    fn unwatch(&mut self, ticket: Ticket) -> Option<Watch> {
        let watch = self.watches.remove(&ticket)?;
        self.timeouts.remove(&(watch.until, ticket));
        if let Some(tickets) = self.watched.get_mut(&watch.service) {
            tickets.remove(&ticket);
            if tickets.is_empty() {
                self.watched.remove(&watch.service);
            }
        }
        Some(watch)
    }

    fn present(&self, service: &str) -> Vec<u8> {
        let reply = WatchReply {
            epoch: self.epoch.clone(),
            revision: self.state.revision_of(service),
            instances: self.state.instances(service),
            unchanged: false,
        };
        reply.encode_to_vec()
    }

    fn unchanged(&self, revision: u64) -> Vec<u8> {
        let reply = WatchReply {
            epoch: self.epoch.clone(),
            revision,
            instances: Vec::new(),
            unchanged: true,
        };
        reply.encode_to_vec()
    }
}

fn removed(service: &str, id: &str, revision: u64) -> Change {
    Change::Removed(Removed {
        service: service.to_owned(),
        id: id.to_owned(),
        revision,
    })
}
