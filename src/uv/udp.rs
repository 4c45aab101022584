//! UDP sockets, which send and receive many datagrams per system call where the system supports it.
//!
//! Node creates, binds, connects and configures the socket. This module works on a duplicate of its descriptor, which
//! it watches with a handle of its own. Only Unix has descriptors that can be duplicated.

use super::handle::{Handle, context};
use super::{Errno, Loop, sys};
use crate::engine::Batch;
use std::cell::Cell;
use std::ffi::c_int;
use std::net::{SocketAddr, UdpSocket};

#[cfg(target_os = "linux")]
#[path = "udp_linux.rs"]
mod calls;
#[cfg(not(target_os = "linux"))]
#[path = "udp_portable.rs"]
mod calls;

pub(super) use calls::Mailbox;

/// Room for the longest possible datagram in bytes: its length field has 16 bits.
const LONGEST: usize = 64 * 1024;

/// The kinds of readiness that are waited for or were found.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Ready {
    /// A datagram has arrived.
    pub readable: bool,
    /// A datagram can be sent.
    pub writable: bool,
}

impl Ready {
    fn events(self) -> c_int {
        let readable = if self.readable { sys::POLL_READABLE } else { 0 };
        let writable = if self.writable { sys::POLL_WRITABLE } else { 0 };
        readable | writable
    }
}

/// A UDP socket.
pub struct Udp {
    // Declared first so that it is dropped first: the descriptor must stay open as long as it is watched.
    poll: Handle,
    socket: UdpSocket,
    uv: Loop,
    is_v6: bool,
    /// The readiness that is waited for.
    watched: Cell<Ready>,
    /// Whether the kernel joins datagrams that arrive together (`UDP_GRO`).
    joins: Cell<bool>,
    /// Whether to try to let the kernel split one message into datagrams (`UDP_SEGMENT`).
    segments: Cell<bool>,
}

impl Udp {
    /// Creates a socket over a duplicate of an open descriptor. The original stays with its owner.
    #[cfg(unix)]
    pub fn open_copy(uv: &Loop, token: u32, fd: i32) -> Result<Udp, Errno> {
        use std::os::fd::AsRawFd;
        let socket = UdpSocket::from(super::stream::copy(fd)?);
        let raw = socket.as_raw_fd();
        let poll = Handle::with(uv, sys::POLL, token, |uv, handle| {
            // SAFETY: both pointers are valid, as `Handle::with` guarantees. The descriptor is open, and nobody else
            // watches this duplicate.
            unsafe { sys::uv_poll_init(uv, handle, raw) }
        })?;
        let is_v6 = socket.local_addr().is_ok_and(|address| address.is_ipv6());
        Ok(Udp {
            poll,
            socket,
            is_v6,
            uv: uv.clone(),
            watched: Cell::default(),
            joins: Cell::new(false),
            segments: Cell::new(calls::SEGMENTS),
        })
    }

    /// Creates a socket over a duplicate of an open descriptor. The original stays with its owner.
    #[cfg(not(unix))]
    pub fn open_copy(_uv: &Loop, _token: u32, _fd: i32) -> Result<Udp, Errno> {
        Err(Errno::ENOTSUP)
    }

    /// Sets whether the socket keeps the loop alive while it is watched.
    pub fn set_ref(&self, referenced: bool) {
        self.poll.set_ref(referenced);
    }

    /// Lets the kernel join datagrams that arrive together, where it can. Another reader of the socket, for example
    /// in another process, would mistake joined datagrams for a single one.
    pub fn join(&self) {
        if !self.joins.get() {
            self.joins.set(calls::join(&self.socket, true));
        }
    }

    /// Ends [`Udp::join`]: each datagram arrives by itself from now on. `receive` must take everything that has
    /// arrived so far, which may be joined. Datagrams that arrive during that call are lost.
    pub fn part(&self, receive: impl FnOnce()) {
        if self.joins.take() {
            let shut = calls::shut(&self.socket, true);
            receive();
            calls::join(&self.socket, false);
            if shut {
                calls::shut(&self.socket, false);
            }
        }
    }

    /// Whether the socket's addresses are IPv6.
    pub fn is_v6(&self) -> bool {
        self.is_v6
    }
}

impl crate::engine::Datagrams for Udp {
    fn receive(&self, each: &mut dyn FnMut(SocketAddr, &[u8])) -> Result<bool, Errno> {
        // The mailbox is taken out of the loop, so that a receiver of a datagram may end the loop's work.
        let mut mailbox = self.uv.0.mailbox.take().unwrap_or_default();
        let received = mailbox.receive(&self.socket, each);
        self.uv.0.mailbox.replace(Some(mailbox));
        received
    }

    fn send(&self, batch: &Batch<'_>) -> Result<usize, Errno> {
        calls::send(&self.socket, batch, &self.segments)
    }

    fn watch(&self, readable: bool, writable: bool, again: bool) -> Result<(), Errno> {
        let wanted = Ready { readable, writable };
        if self.watched.replace(wanted) == wanted && !again {
            return Ok(());
        }
        let raw = self.poll.raw();
        Errno::check(if wanted == Ready::default() {
            // SAFETY: the handle is open until `self` drops.
            unsafe { sys::uv_poll_stop(raw) }
        } else {
            // SAFETY: the handle is open until `self` drops.
            unsafe { sys::uv_poll_start(raw, wanted.events(), on_poll) }
        })
    }
}

/// Converts an error of the system.
fn failure(error: &std::io::Error) -> Errno {
    Errno(-error.raw_os_error().unwrap_or(Errno::EIO.0.abs()))
}

unsafe extern "C" fn on_poll(raw: *mut sys::Handle, status: c_int, found: c_int) {
    // SAFETY: libuv passes the open handle.
    let context = unsafe { context(raw) };
    let ready = Errno::check(status).map(|()| Ready {
        readable: found & sys::POLL_READABLE != 0,
        writable: found & sys::POLL_WRITABLE != 0,
    });
    context.emit(|events| events.ready(context.token, ready));
}
