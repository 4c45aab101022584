//! The log of TLS secrets, in the format of `SSLKEYLOGFILE`, with which a program like Wireshark can decrypt the
//! traffic.

use rustls::KeyLog;
use std::fmt::{self, Debug, Formatter, Write};
use std::sync::Mutex;

/// The lines logged since the last [`Keys::take`]. A context has one log for all of its sessions. They are processed
/// one after the other, and each takes its lines after it has processed the bytes it was given, so sessions do not get
/// each other's lines.
#[derive(Default)]
pub(super) struct Keys(Mutex<String>);

impl Keys {
    /// Removes and returns the lines logged since the last call, each with its line break.
    pub(super) fn take(&self) -> String {
        self.0
            .lock()
            .map(|mut lines| std::mem::take(&mut *lines))
            .unwrap_or_default()
    }
}

/// Prints no secrets.
impl Debug for Keys {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl KeyLog for Keys {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        // rustls logs it for every resumption, but it only protects early data, which is not accepted here.
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
