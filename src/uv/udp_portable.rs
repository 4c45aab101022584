//! Sends and receives one datagram per call, for systems without calls for many.

use super::{LONGEST, failure};
use crate::engine::{Batch, Run};
use crate::errno::Errno;
use std::cell::Cell;
use std::io::{Error, ErrorKind};
use std::net::{SocketAddr, UdpSocket};

/// Each datagram is sent in a message of its own.
pub const SEGMENTS: bool = false;

/// The most datagrams that are received in a row.
const TOGETHER: usize = 32;

/// The buffer into which the datagrams of all sockets are received.
pub struct Mailbox(Vec<u8>);

impl Default for Mailbox {
    fn default() -> Mailbox {
        Mailbox(vec![0; LONGEST])
    }
}

fn is_busy(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) || failure(error) == Errno::ENOBUFS
}

impl Mailbox {
    /// See [`crate::engine::Datagrams::receive`].
    pub fn receive(&mut self, socket: &UdpSocket, each: &mut dyn FnMut(SocketAddr, &[u8])) -> Result<bool, Errno> {
        for _ in 0..TOGETHER {
            match socket.recv_from(&mut self.0) {
                Ok((length, from)) => each(from, &self.0[..length]),
                Err(error) if is_busy(&error) => return Ok(false),
                Err(error) => return Err(failure(&error)),
            }
        }
        Ok(true)
    }
}

/// See [`crate::engine::Datagrams::send`].
pub fn send(socket: &UdpSocket, batch: &Batch<'_>, _segments: &Cell<bool>) -> Result<usize, Errno> {
    let mut sent = 0;
    for Run { to, bytes, .. } in batch.runs(false) {
        let result = match to {
            Some(to) => socket.send_to(bytes, to),
            None => socket.send(bytes),
        };
        match result {
            Ok(_) => sent += 1,
            Err(error) if sent > 0 || is_busy(&error) => break,
            Err(error) => return Err(failure(&error)),
        }
    }
    Ok(sent)
}

/// Does nothing: the system does not join datagrams.
pub fn join(_socket: &UdpSocket, _wanted: bool) -> bool {
    false
}

/// Does nothing: only joined datagrams require it.
pub fn shut(_socket: &UdpSocket, _wanted: bool) -> bool {
    false
}
