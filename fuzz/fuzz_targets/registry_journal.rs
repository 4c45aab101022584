//! Any bytes as a registry's journal, and as its snapshot: read up to somewhere, never beyond, never twice differently; what was read writes and
//! reads as the same.
#![no_main]

use ironwire::registry::{
    Records, frame,
    messages::{Change, Put, Record},
    replay,
};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

type Known = BTreeMap<(String, String), Put>;

fuzz_target!(|data: &[u8]| {
    let (mut known, mut revision) = (Known::new(), 0);
    let end = replay(data, &mut known, &mut revision);
    assert!(end <= data.len());
    assert!(Records::new(data).map(|payload| payload.len() + 8).sum::<usize>() >= end);

    // What is behind the end does not count.
    let (mut again, mut other) = (Known::new(), 0);
    assert_eq!(replay(&data[..end], &mut again, &mut other), end);
    assert_eq!((&again, other), (&known, revision));

    let mut written = Vec::new();
    for put in known.values() {
        let change = Some(Change::Put(put.clone()));
        frame(&mut written, &Record { change });
    }
    let mut back = Known::new();
    assert_eq!(replay(&written, &mut back, &mut other), written.len());
    assert_eq!(back, known);
});
