//! The settings that each peer announces (RFC 9113, 6.5).

use super::frame::{self, Code, DEFAULT_MAX_FRAME, DEFAULT_WINDOW, Error, MAX_FRAME, MAX_WINDOW, setting};
use super::hpack;

/// The settings of one peer. The default is what applies before any `SETTINGS` frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The largest table of its HPACK decoder, in bytes.
    pub header_table_size: u32,
    /// Whether it accepts pushes.
    pub enable_push: bool,
    /// The most streams that the other peer may have open.
    pub max_concurrent_streams: u32,
    /// The initial flow control window of each stream on which it receives, in bytes.
    pub initial_window_size: u32,
    /// The longest payload of a frame that it accepts, in bytes.
    pub max_frame_size: u32,
    /// The largest list of fields that it accepts, counted by [`hpack::Field::size`].
    pub max_header_list_size: u32,
    /// Whether it supports `CONNECT` with a `:protocol` (RFC 8441).
    pub enable_connect_protocol: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            header_table_size: hpack::TABLE_SIZE,
            enable_push: true,
            max_concurrent_streams: u32::MAX,
            initial_window_size: DEFAULT_WINDOW,
            max_frame_size: DEFAULT_MAX_FRAME,
            max_header_list_size: u32::MAX,
            enable_connect_protocol: false,
        }
    }
}

impl Settings {
    /// Applies a received setting; unknown ones are ignored.
    ///
    /// # Errors
    /// The value is not allowed (RFC 9113, 6.5.2).
    pub fn apply(&mut self, number: u16, value: u32) -> Result<(), Error> {
        let wrong = |why| Err(Error::Connection(Code::PROTOCOL_ERROR, why));
        match number {
            setting::HEADER_TABLE_SIZE => self.header_table_size = value,
            setting::ENABLE_PUSH if value > 1 => return wrong("SETTINGS_ENABLE_PUSH must be 0 or 1"),
            setting::ENABLE_PUSH => self.enable_push = value == 1,
            setting::MAX_CONCURRENT_STREAMS => self.max_concurrent_streams = value,
            setting::INITIAL_WINDOW_SIZE if value > MAX_WINDOW => {
                let why = "SETTINGS_INITIAL_WINDOW_SIZE must not exceed 2^31-1";
                return Err(Error::Connection(Code::FLOW_CONTROL_ERROR, why));
            }
            setting::INITIAL_WINDOW_SIZE => self.initial_window_size = value,
            setting::MAX_FRAME_SIZE if !(DEFAULT_MAX_FRAME..=MAX_FRAME).contains(&value) => {
                return wrong("SETTINGS_MAX_FRAME_SIZE must be 2^14 to 2^24-1");
            }
            setting::MAX_FRAME_SIZE => self.max_frame_size = value,
            setting::MAX_HEADER_LIST_SIZE => self.max_header_list_size = value,
            setting::ENABLE_CONNECT_PROTOCOL if value > 1 || (value == 0 && self.enable_connect_protocol) => {
                return wrong("SETTINGS_ENABLE_CONNECT_PROTOCOL must be 0 or 1, and must not change from 1 to 0");
            }
            setting::ENABLE_CONNECT_PROTOCOL => self.enable_connect_protocol = value == 1,
            _ => {}
        }
        Ok(())
    }

    /// Appends a `SETTINGS` frame with the settings that differ from `before`.
    pub fn encode(&self, before: &Settings, out: &mut Vec<u8>) {
        let all = |settings: &Settings| {
            [
                (setting::HEADER_TABLE_SIZE, settings.header_table_size),
                (setting::ENABLE_PUSH, settings.enable_push.into()),
                (setting::MAX_CONCURRENT_STREAMS, settings.max_concurrent_streams),
                (setting::INITIAL_WINDOW_SIZE, settings.initial_window_size),
                (setting::MAX_FRAME_SIZE, settings.max_frame_size),
                (setting::MAX_HEADER_LIST_SIZE, settings.max_header_list_size),
                (
                    setting::ENABLE_CONNECT_PROTOCOL,
                    settings.enable_connect_protocol.into(),
                ),
            ]
        };
        let known = all(before);
        let said: Vec<_> = all(self).into_iter().filter(|pair| !known.contains(pair)).collect();
        frame::settings(&said, out);
    }
}
