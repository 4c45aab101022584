//! A registry's journal of any records, cut off or hit anywhere: what was written before that place is there when it is read, and nothing of what
//! comes behind it. Checksums are right where the input says nothing else: hardly any bytes would get past them.
#![no_main]

use ironwire::registry::{
    Records, frame,
    messages::{Change, Instance, Put, Record, Removed},
    replay,
};
use libfuzzer_sys::fuzz_target;
use prost::Message;
use std::collections::BTreeMap;

type Known = BTreeMap<(String, String), Put>;

/// What a registry has to know again.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    known: Known,
    revision: u64,
}

impl State {
    fn read(bytes: &[u8]) -> (State, usize) {
        let mut state = State::default();
        let end = replay(bytes, &mut state.known, &mut state.revision);
        (state, end)
    }

    fn apply(&mut self, change: Option<Change>) {
        let (key, put, revision) = match change {
            Some(Change::Put(put)) => {
                let id = put.instance.clone().unwrap_or_default().id;
                ((put.service.clone(), id), Some(put.clone()), put.revision)
            }
            Some(Change::Removed(Removed { service, id, revision })) => ((service, id), None, revision),
            None => return,
        };
        self.revision = self.revision.max(revision);
        match put {
            Some(put) => self.known.insert(key, put),
            None => self.known.remove(&key),
        };
    }
}

/// Any record, of bytes of which the first says which: of a few names, so that they meet again, or whatever the others are in protobuf.
fn record(choice: u8, bytes: &[u8], revision: u64) -> Option<Record> {
    let [service, id] = [choice & 3, choice >> 2 & 3].map(|name| char::from(b'a' + name).to_string());
    let change = match choice >> 4 & 3 {
        0 | 1 => Change::Put(Put {
            service,
            instance: Some(Instance {
                id,
                address: String::from_utf8_lossy(bytes).into(),
                ..Instance::default()
            }),
            revision,
            ..Put::default()
        }),
        2 => Change::Removed(Removed { service, id, revision }),
        _ => return Record::decode(bytes).ok(),
    };
    Some(Record { change: Some(change) })
}

fuzz_target!(|data: &[u8]| {
    let Some((&[damage, mask, high, low], mut rest)) = data.split_first_chunk() else {
        return;
    };
    // The journal, and what has to be known where each of its records ends.
    let mut journal = Vec::new();
    let mut states = vec![(0, State::default())];
    while let Some((&[choice, length], tail)) = rest.split_first_chunk() {
        let (bytes, tail) = tail.split_at(usize::from(length).min(tail.len()));
        rest = tail;
        if let Some(record) = record(choice, bytes, states.len() as u64) {
            frame(&mut journal, &record);
            let mut state = states[states.len() - 1].1.clone();
            state.apply(record.change);
            states.push((journal.len(), state));
        }
    }
    let (last, all) = &states[states.len() - 1];
    assert_eq!(State::read(&journal), (all.clone(), *last));

    let at = usize::from(u16::from_be_bytes([high, low])) % (journal.len() + 1);
    let mut damaged = journal.clone();
    match damage & 3 {
        0 => damaged.truncate(at),
        // A disk that has made room, and not written there.
        1 => damaged[at..].fill(0),
        // Whatever was there before.
        2 => {
            damaged.truncate(at);
            damaged.extend_from_slice(data);
        }
        _ if at < damaged.len() => damaged[at] ^= mask.max(1),
        _ => {}
    }
    let whole = damaged.iter().zip(&journal).take_while(|(a, b)| a == b).count();
    let (kept, state) = states.iter().rev().find(|(end, _)| *end <= whole).expect("one at 0");
    let (read, end) = State::read(&damaged);
    if end == *kept {
        assert_eq!(read, *state);
    } else {
        // Any bytes may be records, but for those that are a part of one, or are one with some bytes changed.
        assert!(end > *kept && end <= damaged.len() && damage & 3 == 2);
    }
    let payloads = Records::new(&damaged).map(|payload| payload.len() + 8).sum::<usize>();
    assert!((end..=damaged.len()).contains(&payloads));

    // What is behind the end does not count.
    assert_eq!(State::read(&damaged[..end]), (read.clone(), end));

    // A snapshot of it reads as the same.
    let mut written = Vec::new();
    for put in read.known.values() {
        let change = Some(Change::Put(put.clone()));
        frame(&mut written, &Record { change });
    }
    assert_eq!(State::read(&written).0.known, read.known);
    assert_eq!(State::read(&written).1, written.len());
});
