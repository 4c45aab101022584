//! What a peer may ask of us, and how often.
//!
//! Nothing is counted over a connection's life: an honest peer that stays for months would reach any such number. What is cheap to ask and
//! costly, or useless, to answer is paid from a [`Budget`], which refills with time.

/// The limits of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fields of a list.
    pub fields: u32,
    /// Bytes of a block of fields as it is sent, and `CONTINUATION` frames that it may come in.
    pub block: usize,
    /// See there.
    pub continuations: u32,
    /// Settings in one frame.
    pub settings: usize,
    /// Streams that the peer resets: at once, and per second.
    pub resets: (u32, u32),
    /// Streams that it makes us reset: at once, and per second.
    pub malformed: (u32, u32),
    /// Frames that carry nothing: at once, and per second.
    pub chatter: (u32, u32),
    /// A client's: pushes that are open at once. With none, pushes are refused from the beginning.
    pub pushes: u32,
    /// A client's: streams that it opens before the server has said how many it takes.
    pub requests: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // Node's `maxHeaderListPairs`.
            fields: 128,
            // As much as a list of fields may take in the default of Node's `maxHeaderSize`, four times over.
            block: 64 * 1024,
            // nghttp2's.
            continuations: 8,
            settings: 32,
            // Node's `streamResetBurst` and `streamResetRate`.
            resets: (1000, 33),
            // Node's `maxSessionInvalidFrames`, as often as the other.
            malformed: (1000, 33),
            // A browser that changes the priorities of a page's streams, or a gRPC client that measures the round trip, stays far below.
            chatter: (10_000, 1000),
            pushes: 0,
            requests: u32::MAX,
        }
    }
}

/// So many at once, and so many more each second.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    most: u64,
    per_second: u64,
    /// What is left, in thousandths, as of `at`.
    left: u64,
    /// In milliseconds.
    at: u64,
}

impl Budget {
    /// A full one.
    pub fn new((most, per_second): (u32, u32), now: u64) -> Budget {
        let most = u64::from(most) * 1000;
        Budget {
            most,
            per_second: per_second.into(),
            left: most,
            at: now,
        }
    }

    /// Something useful was done: so much comes back.
    pub fn earn(&mut self, count: u32) {
        self.left = (self.left + u64::from(count) * 1000).min(self.most);
    }

    /// Spends `count`; returns whether there was as much.
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
        // A clock that goes back gives nothing.
        assert!(!budget.spend(1, 0));
        assert!(Budget::new((u32::MAX, u32::MAX), 0).spend(u32::MAX, u64::MAX));
    }
}
