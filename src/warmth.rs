//! Remembers which part of an open file was found in memory, and when. It is trusted for a while, because asking the
//! system costs as much as sending a part of the file.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Warmth(Mutex<Option<(Range<u64>, Instant)>>);

/// How long it is trusted. The system keeps recently sent data the longest.
const BELIEVED: Duration = Duration::from_secs(1);

impl Warmth {
    /// Whether a range was in memory a moment ago.
    pub fn covers(&self, range: &Range<u64>) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().is_some_and(|(warm, since)| {
            warm.start <= range.start && range.end <= warm.end && since.elapsed() < BELIEVED
        })
    }

    /// Notes that a range is in memory now. It replaces what was known before.
    pub fn note(&self, range: Range<u64>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((range, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_within_is_believed_and_nothing_else() {
        let warmth = Warmth::default();
        assert!(!warmth.covers(&(0..1)));
        warmth.note(10..20);
        for (range, known) in [
            (10..20, true),
            (12..13, true),
            (9..20, false),
            (10..21, false),
            (30..40, false),
        ] {
            assert_eq!(warmth.covers(&range), known, "{range:?}");
        }
    }
}
