//! Any requests at any times: each is answered once, at the latest when its time is up, and the counts stay within the limits.
#![no_main]

use ironwire::registry::{Limits, Method, Server};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits {
        services: 3,
        instances_per_service: 3,
        instances: 5,
        watches: 4,
        ..Limits::default()
    };
    let mut server = Server::new(limits, "epoch".into(), 0);
    let (mut now, mut asked, mut answered) = (0, 0, 0);
    let mut rest = data;
    while let Some((&[method, length, pause], tail)) = rest.split_first_chunk::<3>() {
        let (body, tail) = tail.split_at(usize::from(length).min(tail.len()));
        rest = tail;
        now += u64::from(pause) * 10;
        let (_, method) = Method::ALL[usize::from(method) % Method::ALL.len()];
        server.request(asked, method, body, now);
        asked += 1;
        answered += server.take_answers().len();
        let (instances, services, watches) = server.counts();
        assert!(instances <= 5 && services <= 3 && watches <= 4);
    }
    for _ in 0..200 {
        now += 500;
        server.tick(now);
    }
    answered += server.take_answers().len();
    assert_eq!(answered, asked as usize);
});
