//! Sends and receives many datagrams per call, with `recvmmsg` and `sendmmsg`. One message can also hold many
//! datagrams: the kernel splits an outgoing one as late as possible (`UDP_SEGMENT`) and joins incoming datagrams of
//! one peer (`UDP_GRO`), so they pass through the kernel together. On the wire, each is a datagram of its own.

use super::LONGEST;
use crate::engine::{Batch, Run};
use crate::errno::Errno;
use socket2::{SockAddr, SockFilter, SockRef};
use std::cell::Cell;
use std::ffi::c_int;
use std::mem::zeroed;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

/// Whether a socket starts with [`Run`]s of several datagrams. It stops using them when the kernel refuses one.
pub const SEGMENTS: bool = true;

/// The most messages of one `recvmmsg`, which share the cost of the call. If fewer arrive, nothing is left, so no
/// further call is needed to find that out.
const SLOTS: usize = 64;

/// The distance in bytes between two slots. It is not a power of two: the starts of the slots, which are all that
/// most datagrams use, would then compete for the same lines of the processor's cache.
const STRIDE: usize = LONGEST + 3 * 64;

/// The most messages of one `sendmmsg`.
const MESSAGES: usize = 32;

/// Room for the one control message in use, which holds a number. Aligned as control messages must be.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
struct Control([u8; 32]);

impl Control {
    /// Builds a control header for a payload of `length` bytes. Returns it and the offset of the payload.
    fn of(level: c_int, kind: c_int, length: usize) -> (Control, usize) {
        // SAFETY: zero is valid for each of its fields, which are numbers.
        let mut head: libc::cmsghdr = unsafe { zeroed() };
        // SAFETY: computes a size from its argument only.
        let size = unsafe { libc::CMSG_LEN(length as _) } as usize;
        head.cmsg_level = level;
        head.cmsg_type = kind;
        head.cmsg_len = size as _;
        let mut control = Control([0; 32]);
        // SAFETY: the memory is large enough for a header and aligned for one.
        unsafe { control.0.as_mut_ptr().cast::<libc::cmsghdr>().write(head) };
        (control, size - length)
    }

    /// The control message that tells the kernel the length of each datagram to split.
    fn segments(length: usize) -> Control {
        let (mut control, at) = Control::of(libc::SOL_UDP, libc::UDP_SEGMENT, 2);
        control.0[at..at + 2].copy_from_slice(&(length as u16).to_ne_bytes());
        control
    }

    /// The length of each datagram that the kernel has joined; `None` if there is only one.
    fn joined(&self, written: usize) -> Option<usize> {
        let (expected, at) = Control::of(libc::SOL_UDP, libc::UDP_GRO, 4);
        if written < at + 4 || self.0[..at] != expected.0[..at] {
            return None;
        }
        let length = i32::from_ne_bytes(self.0[at..at + 4].try_into().ok()?);
        usize::try_from(length).ok().filter(|&length| length > 0)
    }
}

/// The buffers into which the datagrams of all sockets are received. Pages that were never written take up no
/// physical memory.
pub struct Mailbox {
    memory: Vec<u8>,
    names: Vec<libc::sockaddr_storage>,
}

impl Default for Mailbox {
    fn default() -> Mailbox {
        // SAFETY: the struct consists of numbers, for which zero is valid.
        let name = unsafe { zeroed() };
        Mailbox {
            memory: vec![0; SLOTS * STRIDE],
            names: vec![name; SLOTS],
        }
    }
}

/// Converts an address that the kernel has written.
fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let name = ptr::from_ref(name);
    // SAFETY: every socket address begins with its family.
    match c_int::from(unsafe { (*name).ss_family }) {
        libc::AF_INET => {
            // SAFETY: the family says that it is a `sockaddr_in`, and the storage has room for any address.
            let v4 = unsafe { name.cast::<libc::sockaddr_in>().read() };
            let ip = u32::from_be(v4.sin_addr.s_addr).into();
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that it is a `sockaddr_in6`, and the storage has room for any address.
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
        // SAFETY: zero is valid for all fields, which are pointers and numbers.
        let mut slots: [libc::iovec; SLOTS] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut messages: [libc::mmsghdr; SLOTS] = unsafe { zeroed() };
        let mut controls = [Control([0; 32]); SLOTS];
        let parts = self.memory.chunks_exact_mut(STRIDE).zip(&mut self.names);
        for (((message, slot), control), (memory, name)) in
            messages.iter_mut().zip(&mut slots).zip(&mut controls).zip(parts)
        {
            slot.iov_base = memory.as_mut_ptr().cast();
            slot.iov_len = LONGEST;
            message.msg_hdr.msg_name = ptr::from_mut(name).cast();
            message.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as _;
            message.msg_hdr.msg_iov = slot;
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_control = ptr::from_mut(control).cast();
            message.msg_hdr.msg_controllen = size_of::<Control>() as _;
        }
        // SAFETY: there are `SLOTS` headers, which point to memory that `self` owns and that nobody else uses.
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
        for ((message, control), (memory, name)) in messages.iter().zip(&controls).zip(landed).take(count) {
            let Some(from) = address(name) else { continue };
            let bytes = &memory[..(message.msg_len as usize).min(LONGEST)];
            #[allow(clippy::unnecessary_cast, reason = "it has 32 bits with musl")]
            let written = message.msg_hdr.msg_controllen as usize;
            match control.joined(written) {
                Some(length) => bytes.chunks(length).for_each(|bytes| each(from, bytes)),
                None => each(from, bytes),
            }
        }
        Ok(count == SLOTS)
    }
}

/// See [`crate::engine::Datagrams::send`].
pub fn send(socket: &UdpSocket, batch: &Batch<'_>, segments: &Cell<bool>) -> Result<usize, Errno> {
    match send_runs(socket, batch, segments.get()) {
        // Errors with which the kernel says that it cannot split datagrams on this device or route. They are sent one
        // by one from now on.
        Err((Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE | Errno::ENOTSUP | Errno::ENOPROTOOPT, true)) => {
            let sent = send_runs(socket, batch, false).map_err(|(error, _)| error)?;
            segments.set(sent == 0);
            Ok(sent)
        }
        result => result.map_err(|(error, _)| error),
    }
}

/// Sends at most [`MESSAGES`] runs. The flag of an error says whether it concerns a message of several datagrams.
fn send_runs(socket: &UdpSocket, batch: &Batch<'_>, segments: bool) -> Result<usize, (Errno, bool)> {
    // SAFETY: zero is valid for all fields, which are pointers and numbers.
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
            controls[count] = Control::segments(length);
            header.msg_control = (&raw mut controls[count]).cast();
            // SAFETY: computes a size from its argument only.
            header.msg_controllen = unsafe { libc::CMSG_SPACE(2) } as _;
        }
        count += 1;
    }
    // SAFETY: there are `count` headers. Everything they point to lives until the call ends, and the kernel only
    // reads it.
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
            // The device's queue is full (`ENOBUFS`), which passes by itself. libuv treats it in the same way.
            Errno::EAGAIN | Errno::EINTR | Errno::ENOBUFS => Ok(0),
            error => Err((error, datagrams[0] > 1)),
        },
    }
}

/// Turns joining of arriving datagrams on or off. Returns whether the kernel accepted that.
pub fn join(socket: &UdpSocket, wanted: bool) -> bool {
    let value = c_int::from(wanted);
    // SAFETY: the pointer is to an integer of the length given.
    let code = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_UDP,
            libc::UDP_GRO,
            ptr::from_ref(&value).cast(),
            size_of::<c_int>() as _,
        )
    };
    code == 0
}

/// Discards all arriving datagrams, or ends that. Datagrams that arrive meanwhile are lost, which UDP permits. Returns
/// whether it succeeded.
pub fn shut(socket: &UdpSocket, wanted: bool) -> bool {
    let socket = SockRef::from(socket);
    if wanted {
        // The BPF program `return 0`: keeps no byte of any datagram.
        let program = [SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, 0)];
        socket.attach_filter(&program).is_ok()
    } else {
        socket.detach_filter().is_ok()
    }
}
