//! One HTTP connection, a server's or a client's, whatever the peer sends. What is understood depends neither on where the bytes are cut,
//! nor on how much a table holds, nor on whether whoever handles requests has the next ones wait and reads them again; and it holds to its
//! limits.
#![no_main]

use ironwire::http1::{Batch, Conn, EVENT_WORDS, Expected, Limits, METHODS, ParseError, Stop, event, flag, row};
use libfuzzer_sys::fuzz_target;
use std::ops::ControlFlow;

const LIMITS: Limits = Limits { max_header_size: 512 };

/// What the input decides besides what the peer sends.
#[derive(Clone, Copy)]
struct Choices {
    server: bool,
    /// Two bits for each of four responses: what it answers. From then on the same again.
    expected: u8,
    /// A bit for each of eight upgrades: whether it is taken.
    upgrades: u8,
}

/// How the bytes are read.
struct Reading {
    rows: usize,
    /// Of a pseudo-random sequence that cuts them and has requests wait; 0 where neither happens.
    random: u32,
}

impl Reading {
    fn next(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }

    fn cut(&mut self, left: usize) -> usize {
        if self.random == 0 || self.next() % 8 == 0 {
            left
        } else {
            left.min(1 + self.next() as usize % 24)
        }
    }

    fn holds(&mut self) -> bool {
        self.random != 0 && self.next() % 4 == 0
    }
}

#[derive(Debug, Default, PartialEq)]
struct Message {
    kind: u32,
    flags: u32,
    first_length: u32,
    status: u32,
    head: Vec<u8>,
    body: Vec<u8>,
    trailers: Vec<u8>,
    complete: bool,
}

#[derive(Debug, Default, PartialEq)]
struct Seen {
    messages: Vec<Message>,
    error: Option<u32>,
    /// Where in all that the peer has sent another protocol begins.
    taken_over: Option<usize>,
    idle: bool,
    reading: bool,
    cut_short: bool,
}

struct Driver {
    conn: Conn,
    choices: Choices,
    seen: Seen,
    upgrades: u32,
    responses: u32,
}

impl Driver {
    fn new(choices: Choices) -> Driver {
        let conn = if choices.server {
            Conn::new(LIMITS)
        } else {
            Conn::client(LIMITS)
        };
        Driver {
            conn,
            choices,
            seen: Seen::default(),
            upgrades: 0,
            responses: 0,
        }
    }

    /// A client sends a request, if the connection can carry another one.
    fn expect(&mut self) {
        if self.choices.server {
            return;
        }
        let kind = self.choices.expected >> (self.responses % 4 * 2) & 3;
        let expected = [
            Expected::Ordinary,
            Expected::NoBody,
            Expected::Tunnel,
            Expected::Ordinary,
        ][usize::from(kind)];
        let idle = self.conn.is_idle();
        if self.conn.expect(expected, LIMITS) {
            assert!(idle);
            self.responses += 1;
        }
    }

    /// Reads what lies at `start` in all that the peer sends.
    fn read(&mut self, input: &[u8], start: usize, reading: &mut Reading) -> ControlFlow<()> {
        let mut table = vec![0xaaaa_aaaa; reading.rows * EVENT_WORDS];
        let mut at = 0;
        while at < input.len() {
            let end = at + reading.cut(input.len() - at);
            while at < end {
                let mut text = Vec::new();
                let mut batch = Batch {
                    table: &mut table,
                    count: 0,
                    text: &mut text,
                };
                let (taken, stop) = self.conn.feed(&input[at..end], &mut batch);
                let count = batch.count;
                assert!(taken <= end - at && count <= reading.rows);
                assert!(taken > 0 || count > 0, "no progress");
                assert!(stop != Stop::Drained || taken == end - at);
                assert!(!self.conn.has_begun() || self.conn.is_reading());
                assert!(!self.conn.is_idle() || !self.conn.is_reading());
                let rows: Vec<&[u32]> = table.chunks_exact(EVENT_WORDS).take(count).collect();
                let fed = &input[at..at + taken];
                let mut held = None;
                for (number, words) in rows.iter().enumerate() {
                    if number > 0 && words[0] & row::KIND == event::REQUEST && reading.holds() {
                        held = Some(words[row::BEGAN] as usize);
                        break;
                    }
                    self.event(words, fed, &text);
                }
                if let Some(began) = held {
                    // From there on it is read again, later.
                    self.conn.rewind();
                    at += began;
                    continue;
                }
                at += taken;
                match stop {
                    Stop::Drained | Stop::Full => {}
                    Stop::Failed => {
                        assert!(self.seen.error.is_some());
                        return ControlFlow::Break(());
                    }
                    Stop::Upgrade => {
                        let decision = self.upgrades % 8;
                        self.upgrades += 1;
                        if !self.choices.server || self.choices.upgrades >> decision & 1 == 0 {
                            self.seen.taken_over = Some(start + at);
                            return ControlFlow::Break(());
                        }
                        // What is read with it behind its end is dropped, so from there on it matters what that is.
                        self.conn.decide_upgrade();
                        if self.seen.messages.last().is_some_and(|message| message.complete) {
                            return ControlFlow::Break(());
                        }
                    }
                }
                let last = self.seen.messages.last();
                if last.is_some_and(|message| message.complete && message.flags & flag::UPGRADE != 0) {
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn event(&mut self, words: &[u32], fed: &[u8], text: &[u8]) {
        let range = |at: usize, length: usize| words[at] as usize..(words[at] + words[length]) as usize;
        assert_eq!(self.seen.error, None, "nothing comes behind an error");
        let open = self.seen.messages.last_mut().filter(|message| !message.complete);
        match words[0] & row::KIND {
            kind @ (event::REQUEST | event::RESPONSE) => {
                assert_eq!(kind == event::REQUEST, self.choices.server);
                assert!(open.is_none(), "a head inside a message");
                let flags = words[row::FLAGS];
                assert!(flags & flag::CHUNKED == 0 || flags & flag::CONTENT_LENGTH == 0);
                let head = &text[range(row::HEAD, row::HEAD_LENGTH)];
                assert!(!head.iter().any(|byte| matches!(byte, b'\r' | b'\n')));
                assert!(words[row::FIRST_LENGTH] as usize <= head.len());
                let nuls = head.iter().filter(|&&byte| byte == 0).count();
                assert!(head.len() - nuls <= LIMITS.max_header_size);
                if kind == event::REQUEST {
                    assert_eq!(nuls, 2 * words[row::FIELDS] as usize);
                    assert!((words[0] >> row::METHOD & 0xff) < METHODS.len() as u32);
                    assert!(words[row::BEGAN] as usize <= fed.len());
                } else {
                    assert!(words[row::STATUS] < 1000);
                }
                self.seen.messages.push(Message {
                    kind: words[0],
                    flags,
                    first_length: words[row::FIRST_LENGTH],
                    status: words[row::STATUS],
                    head: head.to_vec(),
                    complete: flags & flag::HAS_BODY == 0,
                    ..Message::default()
                });
            }
            event::BODY => {
                let part = &fed[range(row::PART, row::PART_LENGTH)];
                assert!(!part.is_empty());
                open.expect("a body behind a head").body.extend_from_slice(part);
            }
            event::END => {
                let message = open.expect("an end behind a head");
                let trailers = &text[range(row::TRAILERS, row::TRAILERS_LENGTH)];
                assert!(trailers.is_empty() || message.flags & flag::CHUNKED != 0);
                message.trailers = trailers.to_vec();
                message.complete = true;
            }
            event::ERROR => {
                let number = words[row::ERROR_NUMBER];
                assert!((number as usize) < ParseError::TABLE.len());
                assert!(words[row::ERROR_OFFSET] as usize <= fed.len());
                self.seen.error = Some(number);
            }
            kind => panic!("there is no event {kind}"),
        }
    }
}

/// Reads what the peer sends; of a client's it is in parts, each of which answers a request where none is being answered.
fn read(parts: &[&[u8]], choices: Choices, mut reading: Reading) -> Seen {
    let mut driver = Driver::new(choices);
    let mut start = 0;
    for part in parts {
        driver.expect();
        if driver.read(part, start, &mut reading).is_break() {
            return driver.seen;
        }
        start += part.len();
    }
    driver.seen.idle = driver.conn.is_idle();
    driver.seen.reading = driver.conn.is_reading();
    driver.seen.cut_short = driver.conn.finish().is_err();
    driver.seen
}

fuzz_target!(|data: &[u8]| {
    let &[role, expected, upgrades, rows, seed, ref rest @ ..] = data else {
        return;
    };
    let choices = Choices {
        server: role & 1 == 0,
        expected,
        upgrades,
    };
    let parts: Vec<&[u8]> = rest.split(|&byte| byte == 0xff).collect();
    let whole = read(&parts, choices, Reading { rows: 256, random: 0 });
    let reading = Reading {
        rows: 2 + usize::from(rows & 7),
        random: 0x9e37_79b9 ^ u32::from(seed),
    };
    let cut = read(&parts, choices, reading);
    // What a response does not need is noticed in a later read as what nobody asked for, and in the same read for what it is.
    if cut.error == Some(ParseError::Unsolicited as u32) && !choices.server {
        let count = cut.messages.len();
        assert_eq!(cut.messages[..], whole.messages[..count]);
    } else {
        assert_eq!(cut, whole);
    }
});
