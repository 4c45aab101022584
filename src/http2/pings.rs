//! Limits on how often a peer may send `PING`, as in gRPC's `keepalive.md`. A peer that has just been sent headers or
//! data may always send one.

/// How often a peer may send `PING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingLimits {
    /// The shortest interval between two `PING` frames, in milliseconds.
    pub interval: u64,
    /// The same while no stream is open, in milliseconds.
    pub idle_interval: u64,
    /// How many `PING` frames may come too soon before the connection fails; 0 for any number.
    pub strikes: u32,
}

#[derive(Debug, Default)]
pub(super) struct Pings {
    limits: Option<PingLimits>,
    /// When the last `PING` came, in milliseconds. `None` if headers or data were sent since.
    last: Option<u64>,
    strikes: u32,
}

impl Pings {
    pub fn new(limits: PingLimits) -> Pings {
        Pings {
            limits: Some(limits),
            ..Pings::default()
        }
    }

    /// Resets the count, because headers or data were sent.
    pub fn forget(&mut self) {
        self.last = None;
        self.strikes = 0;
    }

    /// Counts a received `PING`. Returns whether it is within the limits.
    pub fn allows(&mut self, now: u64, idle: bool) -> bool {
        let Some(limits) = self.limits else { return true };
        let interval = if idle { limits.idle_interval } else { limits.interval };
        let too_soon = self.last.is_some_and(|last| now < last.saturating_add(interval));
        self.last = Some(now);
        if too_soon {
            self.strikes += 1;
        }
        !too_soon || limits.strikes == 0 || self.strikes <= limits.strikes
    }
}
