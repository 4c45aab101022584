//! The log of secrets (`SSLKEYLOGFILE`'s format) that lets a program like Wireshark read what was sent.

use rustls::KeyLog;
use std::fmt::{self, Debug, Formatter, Write};
use std::sync::Mutex;

/// Lines that a session has logged while it was given bytes. Sessions of a context are given bytes one after the other, so they are its own.
#[derive(Default)]
pub(super) struct Keys(Mutex<String>);

impl Keys {
    /// The lines since the last time, each with its end.
    pub(super) fn take(&self) -> String {
        self.0
            .lock()
            .map(|mut lines| std::mem::take(&mut *lines))
            .unwrap_or_default()
    }
}

/// Secrets go nowhere else.
impl Debug for Keys {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl KeyLog for Keys {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        // It is made of every session that is gone on with, and used for early data only, which is not taken.
        if label == "CLIENT_EARLY_TRAFFIC_SECRET" {
            return;
        }
        let Ok(mut lines) = self.0.lock() else { return };
        let _ = write!(lines, "{label} ");
        for byte in client_random {
            let _ = write!(lines, "{byte:02x}");
        }
        lines.push(' ');
        for byte in secret {
            let _ = write!(lines, "{byte:02x}");
        }
        lines.push('\n');
    }
}
