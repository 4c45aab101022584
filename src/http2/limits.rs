//! Limits on what a peer may ask of a session, and how often.
//!
//! Nothing is counted over the whole life of a connection, because an honest peer that stays connected for months would
//! reach any such limit. Frames that are cheap to send but costly or useless to process are paid from a [`Budget`]
//! instead, which refills with time.

/// The limits of a session. Those with two numbers are budgets: the size, and the refill per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most fields in one list.
    pub fields: u32,
    /// The most bytes of one compressed field block.
    pub block: usize,
    /// The most `CONTINUATION` frames of one field block.
    pub continuations: u32,
    /// The most settings in one `SETTINGS` frame.
    pub settings: usize,
    /// Streams that the peer resets.
    pub resets: (u32, u32),
    /// Malformed frames for which we have to reset a stream.
    pub malformed: (u32, u32),
    /// Frames without use, like empty `DATA`, `PRIORITY` or `PING`.
    pub chatter: (u32, u32),
    /// On a client: the most pushes that are open at the same time. With 0, pushes are disabled by the first
    /// `SETTINGS`.
    pub pushes: u32,
    /// On a client: the most streams that are opened before the server's `SETTINGS` have been received.
    pub requests: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // The default of Node's `maxHeaderListPairs`.
            fields: 128,
            // Four times the default of Node's `maxHeaderSize`.
            block: 64 * 1024,
            // nghttp2's limit.
            continuations: 8,
            settings: 32,
            // The defaults of Node's `streamResetBurst` and `streamResetRate`.
            resets: (1000, 33),
            // The default of Node's `maxSessionInvalidFrames`, refilled at the rate of the resets.
            malformed: (1000, 33),
            // A browser that reprioritizes the streams of a page, or a gRPC client that measures the round-trip time,
            // stays far below.
            chatter: (10_000, 1000),
            pushes: 0,
            requests: u32::MAX,
        }
    }
}

/// A token bucket: a number of units that can be spent at once, refilled at a constant rate.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    most: u64,
    per_second: u64,
    /// What was left at the time `at`, in thousandths of a unit.
    left: u64,
    /// In milliseconds.
    at: u64,
}

impl Budget {
    /// A full budget.
    pub fn new((most, per_second): (u32, u32), now: u64) -> Budget {
        let most = u64::from(most) * 1000;
        Budget {
            most,
            per_second: per_second.into(),
            left: most,
            at: now,
        }
    }

    /// Refills `count` units because the peer did something useful.
    pub fn earn(&mut self, count: u32) {
        self.left = (self.left + u64::from(count) * 1000).min(self.most);
    }

    /// Spends `count` units. Returns false, and spends nothing, if fewer are left.
    pub fn spend(&mut self, count: u32, now: u64) -> bool {
        let since = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        self.left = since
            .saturating_mul(self.per_second)
            .saturating_add(self.left)
            .min(self.most);
        match self.left.checked_sub(u64::from(count) * 1000) {
            Some(left) => self.left = left,
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_refills_with_time_up_to_its_size() {
        let mut budget = Budget::new((3, 10), 5);
        assert!(budget.spend(3, 5));
        assert!(!budget.spend(1, 5));
        assert!(!budget.spend(1, 104));
        assert!(budget.spend(1, 105));
        assert!(budget.spend(3, 1_000_000));
        assert!(!budget.spend(1, 1_000_000));
        // A clock that goes backwards refills nothing.
        assert!(!budget.spend(1, 0));
        assert!(Budget::new((u32::MAX, u32::MAX), 0).spend(u32::MAX, u64::MAX));
    }
}
