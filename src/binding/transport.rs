//! The engine's transport on libuv streams, including how files are sent.

use crate::engine::{FileRange, Sent, Sink, Transport};
use crate::uv::{Errno, Stream};
use bytes::Bytes;

/// How many bytes of a file are read and queued when the kernel takes no more. The end of that write says that there
/// is room again. It is small because each of ten thousand slow readers would hold one such block.
#[cfg(target_os = "linux")]
const BLOCK: usize = 2 * 1024;

impl Sink for Stream {
    fn try_write(&self, parts: &[&[u8]], more: bool) -> Result<usize, Errno> {
        #[cfg(target_os = "linux")]
        if self.can_send() {
            return self.send(parts, more);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = more;
        Stream::try_write(self, parts)
    }

    #[cfg(target_os = "linux")]
    fn send_file(&self, range: &mut FileRange, share: u64) -> Result<Sent, Errno> {
        use crate::engine::Presence;
        let mut share = share;
        while range.left() > 0 && share > 0 {
            let length = range.left().min(share);
            if range.presence(length)? == Presence::Cold {
                return Ok(Sent::Cold);
            }
            let sent = match Stream::send_file(self, range.file(), range.at(), length as usize) {
                Ok(sent) => sent,
                // Files of some file systems cannot be sent to a socket directly.
                Err(Errno::EINVAL) => return Ok(Sent::Unable),
                Err(error) => return Err(error),
            };
            match sent {
                // The file was longer before: it has been truncated.
                Some(0) => return Err(Errno::EIO),
                Some(count) => {
                    range.advance(count as u64);
                    share -= count as u64;
                }
                None => break,
            }
        }
        if range.left() == 0 {
            return Ok(Sent::Whole);
        }
        let Some(block) = range.next_now(BLOCK)? else {
            return Ok(Sent::Cold);
        };
        let length = block.len();
        Stream::write(self, vec![block])?;
        range.advance(length as u64);
        Ok(Sent::Queued(length))
    }

    #[cfg(not(target_os = "linux"))]
    fn send_file(&self, range: &mut FileRange, _share: u64) -> Result<Sent, Errno> {
        Ok(if range.left() == 0 { Sent::Whole } else { Sent::Unable })
    }

    fn write(&self, parts: Vec<Bytes>) -> Result<(), Errno> {
        Stream::write(self, parts)
    }

    fn queued(&self) -> usize {
        Stream::queued(self)
    }

    fn shutdown(&self) -> Result<(), Errno> {
        Stream::shutdown(self)
    }
}

impl Transport for Stream {
    fn reset(self) -> Result<(), Errno> {
        Stream::reset(self)
    }
}
