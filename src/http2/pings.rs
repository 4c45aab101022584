//! How often a peer may ask whether we are there, where that is limited: see gRPC's `keepalive.md`. Whoever has just been sent something may ask.

/// What is often enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingLimits {
    /// Milliseconds between two `PING` frames.
    pub interval: u64,
    /// The same while there are no streams.
    pub idle_interval: u64,
    /// How many may come too soon; 0 is any number.
    pub strikes: u32,
}

#[derive(Debug, Default)]
pub(super) struct Pings {
    limits: Option<PingLimits>,
    /// When the last came, since something was sent.
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

    /// Headers or data were sent.
    pub fn forget(&mut self) {
        self.last = None;
        self.strikes = 0;
    }

    /// There is one; returns whether it is within what is allowed.
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
