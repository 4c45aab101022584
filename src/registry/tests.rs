//! Tests of the registry with a scripted clock and disk.

use super::journal::Records;
use super::messages::*;
use super::*;
use crate::proto::codec::Codec;
use crate::proto::json::{ParseOptions, PrintOptions};
use crate::proto::{CompileOptions, compile_source};
use proptest::prelude::*;
use prost::Message;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

fn instance(id: &str, port: u16) -> Instance {
    Instance {
        id: id.into(),
        address: format!("127.0.0.1:{port}"),
        ..Instance::default()
    }
}

fn register(service: &str, id: &str, port: u16) -> Vec<u8> {
    let request = RegisterRequest {
        service: service.into(),
        instance: Some(instance(id, port)),
        lease_ms: 5000,
        owner: "me".into(),
    };
    request.encode_to_vec()
}

fn deregister(service: &str, id: &str, owner: &str) -> Vec<u8> {
    let (service, id, owner) = (service.into(), id.into(), owner.into());
    DeregisterRequest { service, id, owner }.encode_to_vec()
}

fn keep_alive(id: &str, owner: &str) -> Vec<u8> {
    let lease = Lease {
        service: "echo".into(),
        id: id.into(),
        owner: owner.into(),
    };
    KeepAliveRequest { leases: vec![lease] }.encode_to_vec()
}

fn watch(service: &str, epoch: &str, revision: u64, wait_ms: u32) -> Vec<u8> {
    let (service, epoch) = (service.into(), epoch.into());
    let request = WatchRequest {
        service,
        epoch,
        revision,
        wait_ms,
    };
    request.encode_to_vec()
}

fn answered(server: &mut Server) -> BTreeMap<u32, Answer> {
    let answers = server.take_answers();
    let count = answers.len();
    let answers: BTreeMap<u32, Answer> = answers.into_iter().collect();
    assert_eq!(answers.len(), count, "each ticket is answered once");
    answers
}

fn ask(server: &mut Server, method: Method, body: &[u8], now: u64) -> Answer {
    server.request(u32::MAX, method, body, now);
    answered(server).remove(&u32::MAX).expect("an answer at once")
}

fn ids(server: &mut Server, now: u64) -> Vec<String> {
    let reply = ask(server, Method::Watch, &watch("echo", "", 0, 0), now).unwrap();
    let reply = WatchReply::decode(&*reply).unwrap();
    reply.instances.into_iter().map(|instance| instance.id).collect()
}

fn status(server: &mut Server, id: &str, owner: &str, now: u64) -> Status {
    let reply = ask(server, Method::KeepAlive, &keep_alive(id, owner), now).unwrap();
    let reply = KeepAliveReply::decode(&*reply).unwrap();
    reply.statuses().next().unwrap()
}

fn memory() -> Server {
    Server::new(Limits::default(), "first".into(), 0)
}

/// Lets time pass as for a running process, in small steps.
fn pass(server: &mut Server, from: u64, to: u64) {
    for now in (from..=to).step_by(250) {
        server.tick(now);
    }
    server.tick(to);
}

// ---- the schema

#[test]
fn the_messages_are_those_of_the_schema() {
    let schema = compile_source("registry.proto", SCHEMA, &CompileOptions::default(), &mut |_| Ok(None)).unwrap();
    let codec = Codec::new(Arc::new(schema));
    let mut seen = Vec::new();
    macro_rules! agree {
        ($name:literal, $value:expr) => {{
            let value = $value;
            let name = concat!("ironwire.registry.v1.", $name);
            let id = codec.schema().message_by_name(name).expect(name);
            let json = codec
                .to_json(id, &value.encode_to_vec(), &PrintOptions::default())
                .unwrap();
            let text = String::from_utf8(json.clone()).unwrap();
            for field in codec.schema().fields_of(id) {
                assert!(
                    text.contains(&format!("\"{}\":", field.json_name)),
                    "{name}: {} in {text}",
                    field.name
                );
            }
            let back = codec.from_json(id, &json, &ParseOptions::default()).unwrap();
            // A field of another type with the same text (an int32 for a uint32) would be encoded differently.
            assert_eq!(back, value.encode_to_vec(), "{name}");
            seen.push(name);
            value
        }};
    }
    let big = u64::MAX - 1;
    let instance = agree!(
        "Instance",
        Instance {
            id: "a".into(),
            address: "b:1".into(),
            weight: Some(u32::MAX),
            zone: "z".into(),
            metadata: BTreeMap::from([("k".into(), "v".into())]),
        }
    );
    agree!(
        "RegisterRequest",
        RegisterRequest {
            service: "s".into(),
            instance: Some(instance.clone()),
            lease_ms: u32::MAX,
            owner: "o".into(),
        }
    );
    agree!(
        "RegisterReply",
        RegisterReply {
            lease_ms: u32::MAX,
            epoch: "e".into(),
            revision: big,
        }
    );
    agree!(
        "DeregisterRequest",
        DeregisterRequest {
            service: "s".into(),
            id: "i".into(),
            owner: "o".into(),
        }
    );
    agree!("DeregisterReply", DeregisterReply { removed: true });
    let lease = agree!(
        "Lease",
        Lease {
            service: "s".into(),
            id: "i".into(),
            owner: "o".into(),
        }
    );
    agree!("KeepAliveRequest", KeepAliveRequest { leases: vec![lease] });
    agree!(
        "KeepAliveReply",
        KeepAliveReply {
            statuses: vec![0, 1, 2]
        }
    );
    agree!(
        "WatchRequest",
        WatchRequest {
            service: "s".into(),
            epoch: "e".into(),
            revision: big,
            wait_ms: u32::MAX,
        }
    );
    agree!(
        "WatchReply",
        WatchReply {
            epoch: "e".into(),
            revision: big,
            instances: vec![instance.clone()],
            unchanged: true,
        }
    );
    agree!("ListRequest", ListRequest {});
    let listed = agree!(
        "ListReply.Service",
        ListedService {
            name: "n".into(),
            instances: u32::MAX,
        }
    );
    agree!("ListReply", ListReply { services: vec![listed] });
    agree!(
        "FileHead",
        FileHead {
            epoch: "e".into(),
            generation: big,
            revision: big,
            records: big,
        }
    );
    let put = agree!(
        "Put",
        Put {
            service: "s".into(),
            instance: Some(instance),
            lease_ms: u32::MAX,
            owner: "o".into(),
            revision: big,
        }
    );
    let removed = agree!(
        "Removed",
        Removed {
            service: "s".into(),
            id: "i".into(),
            revision: big,
        }
    );
    // The members of the oneof are checked one at a time: each message has fields that the other lacks.
    for (change, field) in [(Change::Put(put), "put"), (Change::Removed(removed), "removed")] {
        let id = codec.schema().message_by_name("ironwire.registry.v1.Record").unwrap();
        let bytes = Record { change: Some(change) }.encode_to_vec();
        let json = codec.to_json(id, &bytes, &PrintOptions::default()).unwrap();
        assert!(json.starts_with(format!("{{\"{field}\":").as_bytes()));
        assert_eq!(codec.from_json(id, &json, &ParseOptions::default()).unwrap(), bytes);
    }
    let declared = SCHEMA.lines().filter(|line| line.trim_start().starts_with("message "));
    // `Record` has a oneof, and is checked outside the list.
    assert_eq!(
        declared.count(),
        seen.len() + 1,
        "every message is held against the schema"
    );
}

// ---- in memory, by a script

#[test]
fn an_instance_is_known_for_its_lease() {
    let mut server = memory();
    let reply = ask(&mut server, Method::Register, &register("echo", "a", 1), 0).unwrap();
    assert_eq!(RegisterReply::decode(&*reply).unwrap().lease_ms, 5000);
    assert_eq!(ids(&mut server, 0), ["a"]);
    pass(&mut server, 0, 4900);
    assert_eq!(status(&mut server, "a", "me", 4900), Status::Kept);
    pass(&mut server, 4900, 9800);
    assert_eq!(ids(&mut server, 9800), ["a"], "its lease is as long again");
    pass(&mut server, 9800, 9900);
    assert!(ids(&mut server, 9900).is_empty());
    assert_eq!(status(&mut server, "a", "me", 9900), Status::Unknown);
    assert_eq!(server.counts(), (0, 0, 0));
}

#[test]
fn a_new_owner_takes_over_and_the_old_one_hears_of_it() {
    let mut server = memory();
    ask(&mut server, Method::Register, &register("echo", "a", 1), 0).unwrap();
    let mut other = RegisterRequest::decode(&*register("echo", "a", 2)).unwrap();
    other.owner = "other".into();
    ask(&mut server, Method::Register, &other.encode_to_vec(), 1).unwrap();
    assert_eq!(status(&mut server, "a", "me", 2), Status::Replaced);
    let reply = ask(&mut server, Method::Deregister, &deregister("echo", "a", "me"), 2).unwrap();
    assert!(
        !DeregisterReply::decode(&*reply).unwrap().removed,
        "it is not theirs any more"
    );
    assert_eq!(status(&mut server, "a", "other", 2), Status::Kept);
    let reply = ask(&mut server, Method::Deregister, &deregister("echo", "a", "other"), 3).unwrap();
    assert!(DeregisterReply::decode(&*reply).unwrap().removed);
    assert!(ids(&mut server, 3).is_empty());
}

#[test]
fn a_watch_is_answered_by_the_next_change_or_when_its_time_is_up() {
    let mut server = memory();
    server.request(1, Method::Watch, &watch("echo", "first", 0, 10_000), 0);
    server.request(2, Method::Watch, &watch("other", "first", 0, 10_000), 0);
    server.request(3, Method::Watch, &watch("echo", "first", 0, 1000), 0);
    server.request(4, Method::Watch, &watch("echo", "first", 0, 10_000), 0);
    server.cancel(4);
    assert!(answered(&mut server).is_empty());
    assert_eq!(server.next_tick(), Some(1000));
    pass(&mut server, 0, 1000);
    let third = answered(&mut server).remove(&3).unwrap().unwrap();
    let third = WatchReply::decode(&*third).unwrap();
    assert!(third.unchanged && third.instances.is_empty());
    server.request(5, Method::Register, &register("echo", "a", 1), 1100);
    let answers = answered(&mut server);
    assert_eq!(answers.keys().collect::<Vec<_>>(), [&1, &5]);
    let told = WatchReply::decode(&**answers[&1].as_ref().unwrap()).unwrap();
    assert_eq!((told.instances.len(), told.unchanged), (1, false));
    // With the current state known, the watch waits; with another epoch it does not.
    server.request(6, Method::Watch, &watch("echo", "first", told.revision, 10_000), 1200);
    server.request(7, Method::Watch, &watch("echo", "second", told.revision, 10_000), 1200);
    assert_eq!(answered(&mut server).keys().collect::<Vec<_>>(), [&7]);
    // A repeated registration changes nothing.
    server.request(8, Method::Register, &register("echo", "a", 1), 1300);
    assert_eq!(answered(&mut server).keys().collect::<Vec<_>>(), [&8]);
    // The end of a lease is a change.
    pass(&mut server, 1300, 6300);
    let last = WatchReply::decode(&*answered(&mut server).remove(&6).unwrap().unwrap()).unwrap();
    assert_eq!((last.revision, last.instances.len(), last.unchanged), (0, 0, false));
}

#[test]
fn a_process_that_stood_still_takes_nobodys_lease() {
    let mut server = memory();
    ask(&mut server, Method::Register, &register("echo", "a", 1), 0).unwrap();
    server.tick(1_000_000);
    assert_eq!(ids(&mut server, 1_000_000), ["a"]);
    // A clock that goes backwards does no harm.
    server.tick(5);
    assert_eq!(ids(&mut server, 5), ["a"]);
    pass(&mut server, 5, 4100);
    assert!(
        ids(&mut server, 4100).is_empty(),
        "but time that was lived through counts"
    );
}

#[test]
fn everything_has_a_bound() {
    let limits = Limits {
        services: 2,
        instances_per_service: 2,
        instances: 3,
        name_bytes: 8,
        metadata_bytes: 10,
        watches: 1,
        ..Limits::default()
    };
    let mut server = Server::new(limits, "first".into(), 0);
    let ok = |server: &mut Server, service, id| ask(server, Method::Register, &register_short(service, id), 0);
    fn register_short(service: &str, id: &str) -> Vec<u8> {
        let mut request = RegisterRequest::decode(&*register(service, id, 1)).unwrap();
        request.instance.as_mut().unwrap().address = "h:1".into();
        request.encode_to_vec()
    }
    ok(&mut server, "a", "1").unwrap();
    ok(&mut server, "a", "2").unwrap();
    assert!(matches!(ok(&mut server, "a", "3"), Err(Refusal::Full(text)) if text.contains("\"a\" has 2")));
    ok(&mut server, "a", "2").unwrap();
    ok(&mut server, "b", "1").unwrap();
    assert!(matches!(ok(&mut server, "b", "2"), Err(Refusal::Full(text)) if text.contains("3 instances")));
    assert!(matches!(ok(&mut server, "c", "1"), Err(Refusal::Full(text)) if text.contains("2 services")));
    for (service, id) in [("", "1"), ("a", ""), ("123456789", "1"), ("a", "123456789")] {
        assert!(
            matches!(ok(&mut server, service, id), Err(Refusal::Invalid(_))),
            "{service} {id}"
        );
    }
    let mut wordy = RegisterRequest::decode(&*register_short("a", "1")).unwrap();
    let words = &mut wordy.instance.as_mut().unwrap().metadata;
    words.extend((0..6).map(|i| (i.to_string(), String::new())));
    assert!(matches!(
        ask(&mut server, Method::Register, &wordy.encode_to_vec(), 0),
        Err(Refusal::Invalid(text)) if text.contains("not 12")
    ));
    server.request(1, Method::Watch, &watch("x", "first", 0, 1000), 0);
    server.request(2, Method::Watch, &watch("x", "first", 0, 1000), 0);
    assert!(matches!(answered(&mut server)[&2], Err(Refusal::Full(_))));
    assert!(matches!(
        ask(&mut server, Method::Watch, b"\xff", 0),
        Err(Refusal::Invalid(_))
    ));
}

#[test]
fn one_service_fits_into_a_frame() {
    let limits = Limits {
        service_bytes: 100,
        ..Limits::default()
    };
    let mut server = Server::new(limits, "first".into(), 0);
    let registered = |server: &mut Server, id: &str| ask(server, Method::Register, &register("echo", id, 1), 0).is_ok();
    let room = (0..10).filter(|id| registered(&mut server, &id.to_string())).count();
    // Each is a tag, a length of at most three bytes, an id of 3 bytes and an address of 13.
    assert_eq!(room, 5);
    assert!(registered(&mut server, "0"), "what is there may be said again");
    ask(&mut server, Method::Deregister, &deregister("echo", "0", "me"), 0).unwrap();
    assert!(registered(&mut server, "9"), "and leaves its room");
}

// ---- on a disk

/// A disk that loses data, fails and stops as scripted. Contents are durable when `write` or `append` returns; names
/// are durable after `sync`.
#[derive(Clone, Default)]
struct MadeUp(Arc<Mutex<Platter>>);

#[derive(Default)]
struct Platter {
    files: Vec<Vec<u8>>,
    names: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    operations: usize,
    /// The operations that fail after doing a part of their work.
    fails: Vec<usize>,
    /// All operations from this one on fail: the power is gone.
    stops: Option<usize>,
}

impl MadeUp {
    /// Starts an operation. Returns how much of it is done before it fails, in 256ths; `None` if it succeeds.
    fn operate(&self) -> (std::sync::MutexGuard<'_, Platter>, Option<usize>) {
        let mut platter = self.0.lock().unwrap();
        let at = platter.operations;
        platter.operations += 1;
        let stopped = platter.stops.is_some_and(|stop| at >= stop);
        let part = if platter.stops.is_some_and(|stop| at > stop) {
            0
        } else {
            at * 97 % 257
        };
        let fails = stopped || platter.fails.contains(&at);
        (platter, fails.then_some(part))
    }

    /// Simulates a restart: for each name that was not durable, either the old or the new file is present.
    fn restart(&self, choice: u64) {
        let mut platter = self.0.lock().unwrap();
        let names: Vec<String> = platter.names.keys().chain(platter.durable.keys()).cloned().collect();
        let mut found = BTreeMap::new();
        for (i, name) in names.into_iter().enumerate() {
            let from = if choice >> (i % 64) & 1 == 0 {
                &platter.names
            } else {
                &platter.durable
            };
            if let Some(&file) = from.get(&name) {
                found.entry(name).or_insert(file);
            }
        }
        platter.names.clone_from(&found);
        platter.durable = found;
        platter.stops = None;
        platter.fails.clear();
    }
}

impl Platter {
    fn put(&mut self, name: &str, bytes: &[u8], part: Option<usize>, anew: bool) -> io::Result<()> {
        let taken = part.map_or(bytes.len(), |part| bytes.len() * part / 257);
        let known = self.names.get(name).copied().filter(|_| !anew);
        let file = known.unwrap_or_else(|| {
            self.files.push(Vec::new());
            self.names.insert(name.into(), self.files.len() - 1);
            self.files.len() - 1
        });
        self.files[file].extend_from_slice(&bytes[..taken]);
        part.map_or(Ok(()), |_| Err(io::Error::other("no space left on this disk")))
    }
}

impl Disk for MadeUp {
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let platter = self.0.lock().unwrap();
        Ok(platter.names.get(name).map(|&file| platter.files[file].clone()))
    }
    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (mut platter, part) = self.operate();
        platter.put(name, bytes, part, true)
    }
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (mut platter, part) = self.operate();
        platter.put(name, bytes, part, false)
    }
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let (mut platter, part) = self.operate();
        // A failed rename may have happened.
        if part.is_none_or(|part| part > 128) {
            let file = platter.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            platter.names.insert(to.into(), file);
        }
        part.map_or(Ok(()), |_| Err(io::Error::other("it was not renamed")))
    }
    fn remove(&mut self, name: &str) -> io::Result<()> {
        let (mut platter, part) = self.operate();
        if part.is_none() {
            platter.names.remove(name);
        }
        Ok(())
    }
    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().names.keys().cloned().collect())
    }
    fn sync(&mut self) -> io::Result<()> {
        let (mut platter, part) = self.operate();
        if part.is_some() {
            return Err(io::Error::other("it was not synced"));
        }
        platter.durable = platter.names.clone();
        Ok(())
    }
}

struct Machine {
    disk: MadeUp,
    store: Store<MadeUp>,
    server: Server,
    cuts: Vec<Cut>,
}

impl Machine {
    fn start(disk: &MadeUp, limits: Limits, epoch: &str) -> Machine {
        let (store, loaded) = Store::open(disk.clone(), epoch.into()).unwrap();
        let cuts = loaded.cuts.clone();
        Machine {
            disk: disk.clone(),
            store,
            server: Server::restore(limits, loaded, 0),
            cuts,
        }
    }

    fn commit(&mut self) {
        while let Some(commit) = self.server.take_commit() {
            let result = self.store.commit(&commit);
            self.server.committed(result.map_err(|error| error.to_string()));
        }
    }

    fn ask(&mut self, method: Method, body: &[u8]) -> Answer {
        self.server.request(u32::MAX, method, body, 0);
        self.commit();
        answered(&mut self.server)
            .remove(&u32::MAX)
            .expect("an answer after the commit")
    }

    fn ids(&mut self) -> Vec<String> {
        ids(&mut self.server, 0)
    }

    fn file(&self, name: &str) -> Vec<u8> {
        self.disk.clone().read(name).unwrap().unwrap()
    }
}

#[test]
fn what_was_answered_is_there_after_a_crash() {
    let disk = MadeUp::default();
    let limits = Limits {
        records_per_snapshot: 5,
        ..Limits::default()
    };
    let mut machine = Machine::start(&disk, limits.clone(), "first");
    for i in 0..23 {
        machine
            .ask(Method::Register, &register("echo", &format!("{i:02}"), i))
            .unwrap();
    }
    machine
        .ask(Method::Deregister, &deregister("echo", "07", "me"))
        .unwrap();
    let names = disk.clone().list().unwrap();
    assert_eq!(names.len(), 2, "one snapshot and one journal: {names:?}");
    disk.restart(u64::MAX);
    let mut again = Machine::start(&disk, limits.clone(), "second");
    assert_eq!(again.ids(), machine.ids());
    assert_eq!(again.server.epoch(), "first");
    assert!(again.cuts.is_empty());
    assert_eq!(
        status(&mut again.server, "03", "me", 0),
        Status::Kept,
        "whose it is, is remembered too"
    );
    pass(&mut again.server, 0, 4900);
    assert_eq!(again.ids().len(), 22, "everyone has a whole lease to be heard of");
}

#[test]
fn nothing_is_answered_before_it_is_on_the_disk_and_many_share_a_commit() {
    let mut machine = Machine::start(&MadeUp::default(), Limits::default(), "first");
    for i in 0..100 {
        machine
            .server
            .request(i, Method::Register, &register("echo", &i.to_string(), 1), 0);
    }
    assert!(answered(&mut machine.server).is_empty());
    let commit = machine.server.take_commit().unwrap();
    machine
        .server
        .request(100, Method::Register, &register("echo", "late", 1), 0);
    assert!(machine.server.take_commit().is_none(), "one at a time");
    machine
        .server
        .committed(machine.store.commit(&commit).map_err(|error| error.to_string()));
    assert_eq!(answered(&mut machine.server).len(), 100);
    let commit = machine.server.take_commit().unwrap();
    assert_eq!(Records::new(&commit.records).count(), 1);
    // A request that changes nothing does not wait for the disk.
    assert_eq!(status(&mut machine.server, "5", "me", 0), Status::Kept);
}

#[test]
fn what_a_full_disk_refuses_has_not_happened() {
    let disk = MadeUp::default();
    let mut machine = Machine::start(&disk, Limits::default(), "first");
    machine.ask(Method::Register, &register("echo", "a", 1)).unwrap();
    machine.ask(Method::Register, &register("echo", "b", 1)).unwrap();
    let before = disk.0.lock().unwrap().operations;
    disk.0.lock().unwrap().fails = (before..before + 3).collect();
    for body in [register("echo", "c", 1), register("echo", "a", 9)] {
        let refused = machine.ask(Method::Register, &body);
        assert!(matches!(refused, Err(Refusal::Storage(text)) if text.contains("no space")));
    }
    let refused = machine.ask(Method::Deregister, &deregister("echo", "b", "me"));
    assert!(matches!(refused, Err(Refusal::Storage(_))));
    assert_eq!(machine.ids(), ["a", "b"]);
    let state = ask(&mut machine.server, Method::Watch, &watch("echo", "", 0, 0), 0).unwrap();
    assert_eq!(WatchReply::decode(&*state).unwrap().instances[0].address, "127.0.0.1:1");
    // There is room again.
    machine.ask(Method::Register, &register("echo", "d", 1)).unwrap();
    disk.restart(0);
    assert_eq!(
        Machine::start(&disk, Limits::default(), "second").ids(),
        ["a", "b", "d"]
    );
}

#[test]
fn a_journal_cut_anywhere_gives_what_was_whole() {
    let disk = MadeUp::default();
    let mut machine = Machine::start(&disk, Limits::default(), "first");
    let mut ends = vec![0];
    for id in ["a", "b", "c", "d"] {
        machine.ask(Method::Register, &register("echo", id, 1)).unwrap();
        ends.push(machine.file("journal.1").len());
    }
    let journal = machine.file("journal.1");
    for length in 0..journal.len() {
        let cut = MadeUp::default();
        cut.clone().write("snapshot", &machine.file("snapshot")).unwrap();
        cut.clone().write("journal.1", &journal[..length]).unwrap();
        let mut found = Machine::start(&cut, Limits::default(), "second");
        // The first record is the head, and "a" is in the snapshot.
        let whole = ends.iter().skip(2).filter(|&&end| end <= length).count();
        assert_eq!(found.ids().len(), 1 + whole, "{length}");
        let clean = length == 0 || ends.contains(&length);
        assert_eq!(found.cuts.is_empty(), clean, "{length}");
        assert_eq!(found.server.epoch(), if clean { "first" } else { "second" });
        if !clean {
            assert_eq!(
                found.file("journal.1.damaged"),
                &journal[..length],
                "kept for who wants to look"
            );
        }
        // The registry can continue from there.
        found.ask(Method::Register, &register("echo", "z", 1)).unwrap();
        assert_eq!(Machine::start(&cut, Limits::default(), "third").ids().len(), 2 + whole);
    }
}

#[test]
fn a_bit_that_flips_anywhere_is_noticed_and_never_read_as_something_else() {
    let disk = MadeUp::default();
    let mut machine = Machine::start(&disk, Limits::default(), "first");
    for id in ["a", "b", "c"] {
        machine.ask(Method::Register, &register("echo", id, 1)).unwrap();
    }
    for name in ["snapshot", "journal.1"] {
        let sound = machine.file(name);
        for at in 0..sound.len() * 8 {
            let mut bytes = sound.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            let hit = MadeUp::default();
            for other in ["snapshot", "journal.1"] {
                let bytes = if other == name {
                    bytes.clone()
                } else {
                    machine.file(other)
                };
                hit.clone().write(other, &bytes).unwrap();
            }
            let mut found = Machine::start(&hit, Limits::default(), "second");
            assert_eq!(found.cuts.len(), 1, "{name} {at}");
            assert_eq!(found.server.epoch(), "second");
            assert!(found.ids().iter().all(|id| ["a", "b", "c"].contains(&id.as_str())));
            if name == "snapshot" {
                assert_eq!(found.ids(), ["b", "c"], "the journal is still good");
            }
        }
    }
}

#[test]
fn a_folder_is_one_process_s_at_a_time() {
    let path = std::env::temp_dir().join(format!("ironwire-registry-{}", std::process::id()));
    let folder = Folder::open(&path).unwrap();
    let refused = Folder::open(&path).err().unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    let (mut store, loaded) = Store::open(folder, "first".into()).unwrap();
    let mut server = Server::restore(Limits::default(), loaded, 0);
    for (ticket, id) in ["a", "b"].iter().enumerate() {
        server.request(ticket as u32, Method::Register, &register("echo", id, 1), 0);
        store.commit(&server.take_commit().unwrap()).unwrap();
        server.committed(Ok(()));
    }
    drop(store);
    let (_, loaded) = Store::open(Folder::open(&path).unwrap(), "second".into()).unwrap();
    assert_eq!((loaded.epoch.as_str(), loaded.puts.len()), ("first", 2));
    std::fs::remove_dir_all(&path).unwrap();
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u16),
    Remove(u8),
    /// The operation this many steps ahead fails.
    Fail(usize),
    Crash(usize, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6u8, any::<u16>()).prop_map(|(id, port)| Step::Put(id, port)),
        3 => (0..6u8).prop_map(Step::Remove),
        1 => (0..6usize).prop_map(Step::Fail),
        1 => (0..8usize, any::<u64>()).prop_map(|(after, choice)| Step::Crash(after, choice)),
    ]
}

#[test]
fn what_a_failed_write_may_have_kept_is_not_there_once_somebody_was_told_so() {
    let disk = MadeUp::default();
    let mut machine = Machine::start(&disk, Limits::default(), "first");
    // The first commit writes a snapshot and the journal, syncs, and renames the snapshot. The rename happens but is
    // reported as failed.
    disk.0.lock().unwrap().fails = vec![4];
    disk.clone().sync().unwrap();
    let failed = machine.ask(Method::Register, &register("echo", "a", 1));
    assert!(matches!(failed, Err(Refusal::Storage(_))));
    disk.restart(0);
    assert_eq!(Machine::start(&disk, Limits::default(), "second").ids(), ["a"]);
    let told = machine.ask(Method::Deregister, &deregister("echo", "a", "me")).unwrap();
    assert!(!DeregisterReply::decode(&*told).unwrap().removed);
    disk.restart(0);
    assert!(Machine::start(&disk, Limits::default(), "third").ids().is_empty());
}

/// The states that a key may have after a restart: the last acknowledged one, or any attempted since.
type Allowed = BTreeMap<u8, Vec<Option<String>>>;

fn check(machine: &mut Machine, allowed: &mut Allowed) {
    let reply = ask(&mut machine.server, Method::Watch, &watch("echo", "", 0, 0), 0).unwrap();
    let found: BTreeMap<String, String> = WatchReply::decode(&*reply)
        .unwrap()
        .instances
        .into_iter()
        .map(|instance| (instance.id, instance.address))
        .collect();
    for id in 0..6u8 {
        let now = found.get(&id.to_string()).cloned();
        let may = allowed.entry(id).or_insert_with(|| vec![None]);
        assert!(may.contains(&now), "{id}: {now:?} is none of {may:?}");
    }
}

proptest! {
    #[test]
    fn nothing_acknowledged_is_lost(steps in prop::collection::vec(step(), 1..60), every in 1..8usize) {
        let disk = MadeUp::default();
        let limits = Limits { records_per_snapshot: every, ..Limits::default() };
        let mut machine = Machine::start(&disk, limits.clone(), "first");
        let mut allowed = Allowed::new();
        for step in steps {
            let (id, wanted, answer) = match step {
                Step::Put(id, port) => {
                    let body = register("echo", &id.to_string(), port);
                    (id, Some(instance("", port).address), machine.ask(Method::Register, &body))
                }
                Step::Remove(id) => {
                    let body = deregister("echo", &id.to_string(), "me");
                    (id, None, machine.ask(Method::Deregister, &body))
                }
                Step::Fail(after) => {
                    let mut platter = disk.0.lock().unwrap();
                    let at = platter.operations + after;
                    platter.fails.push(at);
                    continue;
                }
                Step::Crash(after, choice) => {
                    {
                        let mut platter = disk.0.lock().unwrap();
                        platter.stops = Some(platter.operations + after);
                    }
                    // A change is in progress when the power goes.
                    for id in 0..6u8 {
                        let port = u16::from(id) + 7;
                        let answer = machine.ask(Method::Register, &register("echo", &id.to_string(), port));
                        let tried = Some(instance("", port).address);
                        let may = allowed.entry(id).or_insert_with(|| vec![None]);
                        if answer.is_ok() { may.clear(); }
                        may.push(tried);
                    }
                    disk.restart(choice);
                    machine = Machine::start(&disk, limits.clone(), "next");
                    check(&mut machine, &mut allowed);
                    continue;
                }
            };
            let may = allowed.entry(id).or_insert_with(|| vec![None]);
            if answer.is_ok() { may.clear(); }
            may.push(wanted);
            check(&mut machine, &mut allowed);
        }
        disk.restart(0);
        let mut machine = Machine::start(&disk, limits, "last");
        check(&mut machine, &mut allowed);
        prop_assert!(machine.cuts.len() <= 1);
    }

    #[test]
    fn any_bytes_are_a_journal_up_to_somewhere(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (mut known, mut revision) = (BTreeMap::new(), 0);
        let end = replay(&bytes, &mut known, &mut revision);
        prop_assert!(end <= bytes.len());
    }

    #[test]
    fn any_request_is_answered(bodies in prop::collection::vec((0..5usize, prop::collection::vec(any::<u8>(), 0..40)), 0..20)) {
        let mut server = memory();
        for (ticket, (method, body)) in bodies.iter().enumerate() {
            server.request(ticket as u32, Method::ALL[*method].1, body, ticket as u64);
        }
        pass(&mut server, 20, 70_000);
        prop_assert_eq!(answered(&mut server).len(), bodies.len());
    }
}
