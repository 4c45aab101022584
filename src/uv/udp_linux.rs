//! `recvmmsg` and `sendmmsg`, and datagrams that the kernel cuts out of one message (`UDP_SEGMENT`): what goes to one peer passes through the
//! kernel once, and leaves as if each datagram had been sent by itself.

use super::LONGEST;
use crate::engine::{Batch, Run};
use crate::errno::Errno;
use socket2::SockAddr;
use std::cell::Cell;
use std::ffi::c_int;
use std::mem::zeroed;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

/// Sockets are tried with [`Run`]s of several datagrams until one refuses.
pub const SEGMENTS: bool = true;

/// The most datagrams of one `recvmmsg`: what shares its cost among them.
const SLOTS: usize = 32;

/// Where slots begin, from each other. Not a power of two: their beginnings, which is all that most datagrams need, would compete for the same
/// lines of the processor's cache.
const STRIDE: usize = LONGEST + 3 * 64;

/// The most messages of one `sendmmsg`.
const MESSAGES: usize = 32;

/// Room for the one control message that there is, a 16-bit number, aligned as those must be.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
struct Control([u8; 32]);

/// Where datagrams of all sockets land. Memory that none has reached is not there yet.
pub struct Mailbox {
    memory: Vec<u8>,
    names: Vec<libc::sockaddr_storage>,
}

impl Default for Mailbox {
    fn default() -> Mailbox {
        // SAFETY: it is made of numbers, for which zero is a value.
        let name = unsafe { zeroed() };
        Mailbox {
            memory: vec![0; SLOTS * STRIDE],
            names: vec![name; SLOTS],
        }
    }
}

/// What the kernel has filled in.
fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let name = ptr::from_ref(name);
    // SAFETY: any of these begins with its family.
    match c_int::from(unsafe { (*name).ss_family }) {
        libc::AF_INET => {
            // SAFETY: it is one by its family, and there is room for any.
            let v4 = unsafe { name.cast::<libc::sockaddr_in>().read() };
            let ip = u32::from_be(v4.sin_addr.s_addr).into();
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: it is one by its family, and there is room for any.
            let v6 = unsafe { name.cast::<libc::sockaddr_in6>().read() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

fn last_error() -> Errno {
    super::failure(&std::io::Error::last_os_error())
}

impl Mailbox {
    /// See [`crate::engine::Datagrams::receive`].
    pub fn receive(&mut self, socket: &UdpSocket, each: &mut dyn FnMut(SocketAddr, &[u8])) -> Result<bool, Errno> {
        // SAFETY: all of it are pointers and numbers, for which zero is a value.
        let mut slots: [libc::iovec; SLOTS] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut messages: [libc::mmsghdr; SLOTS] = unsafe { zeroed() };
        let parts = self.memory.chunks_exact_mut(STRIDE).zip(&mut self.names);
        for ((message, slot), (memory, name)) in messages.iter_mut().zip(&mut slots).zip(parts) {
            slot.iov_base = memory.as_mut_ptr().cast();
            slot.iov_len = LONGEST;
            message.msg_hdr.msg_name = ptr::from_mut(name).cast();
            message.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as _;
            message.msg_hdr.msg_iov = slot;
            message.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: the headers are `SLOTS`, and name memory of `self`'s that nobody else looks at.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                SLOTS as _,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else {
            return match last_error() {
                Errno::EAGAIN | Errno::EINTR => Ok(false),
                error => Err(error),
            };
        };
        let landed = self.memory.chunks_exact(STRIDE).zip(&self.names);
        for (message, (memory, name)) in messages.iter().zip(landed).take(count) {
            if let Some(from) = address(name) {
                each(from, &memory[..(message.msg_len as usize).min(LONGEST)]);
            }
        }
        Ok(count == SLOTS)
    }
}

/// See [`crate::engine::Datagrams::send`].
pub fn send(socket: &UdpSocket, batch: &Batch<'_>, segments: &Cell<bool>) -> Result<usize, Errno> {
    match send_runs(socket, batch, segments.get()) {
        // What the kernel says of a device, or of a route, that it cannot cut datagrams for.
        Err((
            Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE | Errno::ENOTSUP | Errno::ENOPROTOOPT,
            true,
        )) => {
            let sent = send_runs(socket, batch, false).map_err(|(error, _)| error)?;
            segments.set(sent == 0);
            Ok(sent)
        }
        result => result.map_err(|(error, _)| error),
    }
}

/// An error comes with whether it is one of several datagrams at once.
fn send_runs(socket: &UdpSocket, batch: &Batch<'_>, segments: bool) -> Result<usize, (Errno, bool)> {
    // SAFETY: all of it are pointers and numbers, for which zero is a value.
    let mut parts: [libc::iovec; MESSAGES] = unsafe { zeroed() };
    // SAFETY: as above.
    let mut messages: [libc::mmsghdr; MESSAGES] = unsafe { zeroed() };
    let mut controls = [Control([0; 32]); MESSAGES];
    let mut names: [Option<SockAddr>; MESSAGES] = [const { None }; MESSAGES];
    let mut datagrams = [0; MESSAGES];
    let mut count = 0;
    for run in batch.runs(segments).take(MESSAGES) {
        let Run { to, bytes, length, .. } = run;
        datagrams[count] = run.count;
        parts[count].iov_base = bytes.as_ptr().cast_mut().cast();
        parts[count].iov_len = bytes.len();
        let header = &mut messages[count].msg_hdr;
        header.msg_iov = &raw mut parts[count];
        header.msg_iovlen = 1;
        if let Some(to) = to {
            let name = names[count].insert(SockAddr::from(to));
            header.msg_name = name.as_ptr().cast_mut().cast();
            header.msg_namelen = name.len();
        }
        if run.count > 1 {
            header.msg_control = (&raw mut controls[count]).cast();
            header.msg_controllen = segment_size(&mut controls[count], length) as _;
        }
        count += 1;
    }
    // SAFETY: there are `count` headers, and what they name lives until the call ends; the kernel only reads it.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            count as _,
            (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
        )
    };
    match usize::try_from(sent) {
        Ok(sent) => Ok(datagrams[..sent].iter().sum()),
        Err(_) => match last_error() {
            // The device's queue is full: that passes, as libuv has it.
            Errno::EAGAIN | Errno::EINTR | Errno::ENOBUFS => Ok(0),
            error => Err((error, datagrams[0] > 1)),
        },
    }
}

/// Writes the control message that says how long each datagram is; returns its size.
fn segment_size(control: &mut Control, length: usize) -> usize {
    // SAFETY: these are functions of the size alone.
    let (size, header) = unsafe { (libc::CMSG_SPACE(2), libc::CMSG_LEN(2)) };
    // SAFETY: zero is a value of each of its numbers.
    let mut head: libc::cmsghdr = unsafe { zeroed() };
    head.cmsg_level = libc::SOL_UDP;
    head.cmsg_type = libc::UDP_SEGMENT;
    head.cmsg_len = header as _;
    let target = control.0.as_mut_ptr();
    // SAFETY: the control has room for more than a header, and is aligned for one.
    unsafe { target.cast::<libc::cmsghdr>().write(head) };
    let at = header as usize - 2;
    control.0[at..at + 2].copy_from_slice(&(length as u16).to_ne_bytes());
    size as usize
}
