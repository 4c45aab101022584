//! TCP sockets and pipes (Unix sockets, Windows named pipes): listening, connecting, reading, writing.

use super::addr::SockAddr;
use super::handle::{Handle, context, finish, on_close, request};
use super::{Address, Errno, Loop, READ_BUFFER, sys};
use bytes::Bytes;
use std::ffi::{c_int, c_uint};

/// The most parts that one [`Stream::try_write`] writes.
const PARTS: usize = 16;

/// A TCP socket or a pipe.
pub struct Stream {
    handle: Handle,
    tcp: bool,
    /// Whether the stream came from `accept` and so was connected from the start.
    accepted: bool,
}

/// Options for binding a TCP port.
#[derive(Clone, Copy, Default, Debug)]
pub struct ListenOptions {
    /// `IPV6_V6ONLY`: an IPv6 socket does not accept IPv4 connections.
    pub ipv6_only: bool,
    /// `SO_REUSEPORT`: several processes can listen on the port, and the kernel distributes connections among them.
    pub reuse_port: bool,
}

/// Duplicates an open descriptor.
#[cfg(unix)]
pub(super) fn copy(fd: i32) -> Result<std::os::fd::OwnedFd, Errno> {
    if fd < 0 {
        return Err(Errno::EBADF);
    }
    // SAFETY: the descriptor is not -1. If it is not open, duplicating it fails.
    let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
    borrowed
        .try_clone_to_owned()
        .map_err(|error| Errno(-error.raw_os_error().unwrap_or(libc::EINVAL)))
}

/// Maps a result of the kernel: the number of bytes taken, or `None` if it takes none now.
#[cfg(target_os = "linux")]
fn taken(result: rustix::io::Result<usize>) -> Result<Option<usize>, Errno> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
        Err(error) => Err(Errno(-error.raw_os_error())),
    }
}

impl Stream {
    /// Creates an unconnected TCP stream.
    pub fn tcp(uv: &Loop, token: u32) -> Result<Stream, Errno> {
        Ok(Stream {
            handle: Handle::new(uv, sys::TCP, token, sys::uv_tcp_init)?,
            tcp: true,
            accepted: false,
        })
    }

    /// Creates an unconnected pipe.
    pub fn pipe(uv: &Loop, token: u32) -> Result<Stream, Errno> {
        Ok(Stream {
            handle: Handle::new(uv, sys::NAMED_PIPE, token, pipe_init)?,
            tcp: false,
            accepted: false,
        })
    }

    /// Creates a stream over an open file descriptor of a socket or a pipe. On success, the stream owns the
    /// descriptor.
    pub fn open(uv: &Loop, token: u32, fd: i32) -> Result<Stream, Errno> {
        // SAFETY: only queries the descriptor; an invalid one yields UV_UNKNOWN_HANDLE.
        let kind = unsafe { sys::uv_guess_handle(fd) };
        match kind {
            sys::TCP => {
                let stream = Stream::tcp(uv, token)?;
                // SAFETY: the handle is open and not bound to a socket yet.
                Errno::check(unsafe { sys::uv_tcp_open(stream.handle.raw(), fd as sys::OsSocket) })?;
                Ok(stream)
            }
            sys::NAMED_PIPE => {
                let stream = Stream::pipe(uv, token)?;
                // SAFETY: the handle is open and not bound to a pipe yet.
                Errno::check(unsafe { sys::uv_pipe_open(stream.handle.raw(), fd) })?;
                Ok(stream)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// Like [`Stream::open`], but over a duplicate of the descriptor. The original stays with its owner.
    #[cfg(unix)]
    pub fn open_copy(uv: &Loop, token: u32, fd: i32) -> Result<Stream, Errno> {
        use std::os::fd::{AsRawFd, IntoRawFd};
        let copy = copy(fd)?;
        let stream = Stream::open(uv, token, copy.as_raw_fd())?;
        // The stream owns it now.
        let _ = copy.into_raw_fd();
        Ok(stream)
    }

    /// Like [`Stream::open`], but over a duplicate of the descriptor. The original stays with its owner.
    #[cfg(not(unix))]
    pub fn open_copy(_uv: &Loop, _token: u32, _fd: i32) -> Result<Stream, Errno> {
        Err(Errno::ENOTSUP)
    }

    /// Creates two sockets that are connected with each other. The caller owns both descriptors.
    #[cfg(unix)]
    pub fn pair() -> Result<[i32; 2], Errno> {
        use std::os::fd::IntoRawFd;
        let (one, other) = std::os::unix::net::UnixStream::pair()
            .map_err(|error| Errno(-error.raw_os_error().unwrap_or(libc::EINVAL)))?;
        Ok([one, other].map(IntoRawFd::into_raw_fd))
    }

    /// Creates two sockets that are connected with each other. The caller owns both descriptors.
    #[cfg(not(unix))]
    pub fn pair() -> Result<[i32; 2], Errno> {
        Err(Errno::ENOTSUP)
    }

    /// Duplicates the descriptor for the caller, who owns the duplicate. The connection stays open until both are
    /// closed.
    #[cfg(unix)]
    pub fn copy_fd(&self) -> Result<i32, Errno> {
        use std::os::fd::IntoRawFd;
        Ok(copy(self.fd())?.into_raw_fd())
    }

    /// Duplicates the descriptor for the caller, who owns the duplicate. The connection stays open until both are
    /// closed.
    #[cfg(not(unix))]
    pub fn copy_fd(&self) -> Result<i32, Errno> {
        Err(Errno::ENOTSUP)
    }

    /// Whether this is a TCP socket.
    pub fn is_tcp(&self) -> bool {
        self.tcp
    }

    /// Rejects a stream of the wrong kind. libuv does not check this: it would treat the handle as the kind that the
    /// call expects, and overwrite its memory.
    fn expect(&self, right_kind: bool) -> Result<(), Errno> {
        if right_kind { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// Sets whether the stream keeps the loop alive.
    pub fn set_ref(&self, referenced: bool) {
        self.handle.set_ref(referenced);
    }

    /// Whether the stream keeps the loop alive.
    pub fn has_ref(&self) -> bool {
        self.handle.has_ref()
    }

    /// The stream's descriptor, or -1 if it has none (on Windows, or before connecting).
    pub fn fd(&self) -> i32 {
        #[cfg(unix)]
        {
            let mut fd: c_int = -1;
            // SAFETY: the handle is open; if the call fails, `fd` stays -1.
            unsafe { sys::uv_fileno(self.handle.raw(), &raw mut fd) };
            fd
        }
        #[cfg(not(unix))]
        -1
    }

    /// Binds a TCP stream to a local address. With port 0, the system chooses the port.
    pub fn bind_tcp(&self, ip: &str, port: u16, options: ListenOptions) -> Result<(), Errno> {
        self.expect(self.tcp)?;
        if options.reuse_port {
            return self.bind_reuse_port(ip, port, options);
        }
        let addr = SockAddr::parse(ip, port)?;
        let flags: c_uint = if options.ipv6_only { sys::TCP_IPV6ONLY } else { 0 };
        // SAFETY: the handle is open, the address is filled.
        Errno::check(unsafe { sys::uv_tcp_bind(self.handle.raw(), addr.as_ptr(), flags) })
    }

    /// Node 20's libuv has no `UV_TCP_REUSEPORT`, so the socket is created and bound here and then given to libuv.
    #[cfg(unix)]
    fn bind_reuse_port(&self, ip: &str, port: u16, options: ListenOptions) -> Result<(), Errno> {
        use socket2::{Domain, Protocol, SockAddr, Socket, Type};
        use std::os::fd::IntoRawFd;
        let errno = |error: std::io::Error| Errno(-error.raw_os_error().unwrap_or(libc::EINVAL));
        let ip: std::net::IpAddr = ip.parse().map_err(|_| Errno::EINVAL)?;
        let addr = SockAddr::from(std::net::SocketAddr::new(ip, port));
        let socket = Socket::new(
            Domain::for_address((ip, port).into()),
            Type::STREAM,
            Some(Protocol::TCP),
        )
        .map_err(errno)?;
        socket.set_nonblocking(true).map_err(errno)?;
        socket.set_reuse_address(true).map_err(errno)?;
        socket.set_reuse_port(true).map_err(errno)?;
        if ip.is_ipv6() {
            socket.set_only_v6(options.ipv6_only).map_err(errno)?;
        }
        socket.bind(&addr).map_err(errno)?;
        // SAFETY: the handle is open and not bound to a socket yet; the descriptor's ownership moves into it.
        Errno::check(unsafe { sys::uv_tcp_open(self.handle.raw(), socket.into_raw_fd()) })
    }

    #[cfg(not(unix))]
    fn bind_reuse_port(&self, _ip: &str, _port: u16, _options: ListenOptions) -> Result<(), Errno> {
        Err(Errno::ENOTSUP)
    }

    /// Binds a pipe to a path (on Unix; a leading NUL means an abstract name of Linux) or to a pipe name (on
    /// Windows).
    pub fn bind_pipe(&self, path: &[u8]) -> Result<(), Errno> {
        self.expect(!self.tcp)?;
        let (name, length) = (path.as_ptr().cast(), path.len());
        // SAFETY: the handle is open, `name` has `length` bytes.
        Errno::check(unsafe { sys::uv_pipe_bind2(self.handle.raw(), name, length, sys::PIPE_NO_TRUNCATE) })
    }

    /// Sets which other users may open a bound pipe: bit 0 for reading, bit 1 for writing (`UV_READABLE`,
    /// `UV_WRITABLE`).
    pub fn chmod_pipe(&self, mode: i32) -> Result<(), Errno> {
        if self.tcp {
            return Err(Errno::ENOTSUP);
        }
        // SAFETY: the handle is an open pipe.
        Errno::check(unsafe { sys::uv_pipe_chmod(self.handle.raw(), mode) })
    }

    /// Starts to listen. Each connection is reported as [`super::Events::connection`].
    pub fn listen(&self, backlog: i32) -> Result<(), Errno> {
        // SAFETY: the handle is open.
        Errno::check(unsafe { sys::uv_listen(self.handle.raw(), backlog, on_connection) })
    }

    /// Accepts a reported connection, as a stream of the same kind under `token`.
    pub fn accept(&self, uv: &Loop, token: u32) -> Result<Stream, Errno> {
        let client = if self.tcp {
            Stream::tcp(uv, token)?
        } else {
            Stream::pipe(uv, token)?
        };
        // SAFETY: both handles are open and of the same kind.
        Errno::check(unsafe { sys::uv_accept(self.handle.raw(), client.handle.raw()) })?;
        Ok(Stream {
            accepted: true,
            ..client
        })
    }

    /// Starts to connect. The result is reported as [`super::Events::connected`].
    pub fn connect_tcp(&self, ip: &str, port: u16) -> Result<(), Errno> {
        self.expect(self.tcp)?;
        let addr = SockAddr::parse(ip, port)?;
        request(&self.handle, sys::REQ_CONNECT, Vec::new(), |req| {
            // SAFETY: request and handle are live until the callback, the address is copied at once.
            unsafe { sys::uv_tcp_connect(req, self.handle.raw(), addr.as_ptr(), on_connect) }
        })
    }

    /// Starts to connect to a pipe. The result is reported as [`super::Events::connected`].
    pub fn connect_pipe(&self, path: &[u8]) -> Result<(), Errno> {
        self.expect(!self.tcp)?;
        let (name, length) = (path.as_ptr().cast(), path.len());
        request(&self.handle, sys::REQ_CONNECT, Vec::new(), |req| {
            // SAFETY: request and handle are live until the callback; the name's bytes are copied at once.
            unsafe { sys::uv_pipe_connect2(req, self.handle.raw(), name, length, sys::PIPE_NO_TRUNCATE, on_connect) }
        })
    }

    /// Starts to read. Bytes, the end and errors are reported as [`super::Events::read`].
    pub fn read_start(&self) -> Result<(), Errno> {
        // SAFETY: the handle is open.
        Errno::check(unsafe { sys::uv_read_start(self.handle.raw(), on_alloc, on_read) })
    }

    /// Stops reading. The kernel's buffer then fills up, which slows the peer down.
    pub fn read_stop(&self) {
        // SAFETY: the handle is open. Stopping cannot fail.
        unsafe { sys::uv_read_stop(self.handle.raw()) };
    }

    /// Writes as much of the first [`PARTS`] parts as the kernel takes at once. Returns the number of bytes, 0 if it
    /// takes none now.
    pub fn try_write(&self, parts: &[&[u8]]) -> Result<usize, Errno> {
        let mut bufs = [const { sys::Buf::EMPTY }; PARTS];
        for (buf, bytes) in bufs.iter_mut().zip(parts) {
            *buf = sys::Buf::of(bytes);
        }
        let count = parts.len().min(PARTS) as c_uint;
        // SAFETY: the handle is open, `count` buffers are filled; libuv only reads the bytes, and only during the call.
        let code = unsafe { sys::uv_try_write(self.handle.raw(), bufs.as_ptr(), count) };
        match Errno::check(code) {
            Ok(()) => Ok(code as usize),
            Err(Errno::EAGAIN) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Whether this is a TCP connection from [`Stream::accept`], which is connected from the start. [`Stream::send`]
    /// may be used on it when no write is queued.
    #[cfg(target_os = "linux")]
    pub fn can_send(&self) -> bool {
        self.tcp && self.accepted
    }

    /// Like [`Stream::try_write`], but bypasses libuv: the system calls for sockets cost less than those for all
    /// files. `more` tells the kernel to put the following bytes into the same packet.
    #[cfg(target_os = "linux")]
    pub fn send(&self, parts: &[&[u8]], more: bool) -> Result<usize, Errno> {
        use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};
        use std::io::IoSlice;
        let mut flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        flags.set(SendFlags::MORE, more);
        if let [bytes] = parts {
            return Ok(taken(send(self.borrow_fd()?, bytes, flags))?.unwrap_or(0));
        }
        let mut slices = [IoSlice::new(&[]); PARTS];
        for (slice, bytes) in slices.iter_mut().zip(parts) {
            *slice = IoSlice::new(bytes);
        }
        let slices = &slices[..parts.len().min(PARTS)];
        let sent = sendmsg(self.borrow_fd()?, slices, &mut SendAncillaryBuffer::default(), flags);
        Ok(taken(sent)?.unwrap_or(0))
    }

    /// Sends as much of a file's bytes from `offset` as the kernel takes at once, at most `length`. Waits for the
    /// disk if they are not in memory. Returns the number of bytes (0 at the end of the file), or `None` if the
    /// kernel takes none now. No write may be queued.
    #[cfg(target_os = "linux")]
    pub fn send_file(&self, file: &std::fs::File, mut offset: u64, length: usize) -> Result<Option<usize>, Errno> {
        taken(rustix::fs::sendfile(self.borrow_fd()?, file, Some(&mut offset), length))
    }

    #[cfg(target_os = "linux")]
    fn borrow_fd(&self) -> Result<std::os::fd::BorrowedFd<'_>, Errno> {
        let fd = self.fd();
        if fd < 0 {
            return Err(Errno::EBADF);
        }
        // SAFETY: the descriptor belongs to the open handle, which stays open while `self` is borrowed.
        Ok(unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) })
    }

    /// The number of bytes of queued writes that the kernel has not taken; 0 after one of them failed.
    pub fn queued(&self) -> usize {
        // SAFETY: the handle is open.
        unsafe { sys::uv_stream_get_write_queue_size(self.handle.raw()) }
    }

    /// Queues bytes in this order. The result is reported as [`super::Events::written`].
    pub fn write(&self, parts: Vec<Bytes>) -> Result<(), Errno> {
        let bufs: Vec<sys::Buf> = parts.iter().map(|part| sys::Buf::of(part)).collect();
        request(&self.handle, sys::REQ_WRITE, parts, |req| {
            let count = bufs.len() as c_uint;
            // SAFETY: the request, the handle and the bytes, whose addresses the request keeps stable, live until the
            // callback. libuv copies the buffer descriptors.
            unsafe { sys::uv_write(req, self.handle.raw(), bufs.as_ptr(), count, on_write) }
        })
    }

    /// Ends our side after all queued writes. The result is reported as [`super::Events::shutdown`].
    pub fn shutdown(&self) -> Result<(), Errno> {
        request(&self.handle, sys::REQ_SHUTDOWN, Vec::new(), |req| {
            // SAFETY: the request and the handle live until the callback.
            unsafe { sys::uv_shutdown(req, self.handle.raw(), on_shutdown) }
        })
    }

    /// Closes a TCP connection with RST instead of FIN. A failure closes it in the ordinary way.
    pub fn reset(self) -> Result<(), Errno> {
        if !self.tcp {
            return Err(Errno::ENOTSUP);
        }
        let raw = self.handle.into_raw();
        // SAFETY: the handle is open. If the call succeeds, it closes the handle, and `on_close` frees it.
        let code = unsafe { sys::uv_tcp_close_reset(raw, on_close) };
        if code < 0 {
            // libuv did not close the handle, so it is closed in the ordinary way.
            drop(Handle::from_raw(raw));
        }
        Errno::check(code)
    }

    /// `TCP_NODELAY`.
    pub fn set_nodelay(&self, enable: bool) -> Result<(), Errno> {
        if !self.tcp {
            return Err(Errno::ENOTSUP);
        }
        // SAFETY: the handle is an open TCP handle.
        Errno::check(unsafe { sys::uv_tcp_nodelay(self.handle.raw(), c_int::from(enable)) })
    }

    /// `SO_KEEPALIVE`. The first probe is sent after `delay` seconds without traffic (at least 1).
    pub fn set_keepalive(&self, enable: bool, delay: u32) -> Result<(), Errno> {
        if !self.tcp {
            return Err(Errno::ENOTSUP);
        }
        // SAFETY: the handle is an open TCP handle.
        Errno::check(unsafe { sys::uv_tcp_keepalive(self.handle.raw(), c_int::from(enable), delay.max(1)) })
    }

    /// The interval between two keep-alive probes in seconds (`TCP_KEEPINTVL`), and how many may go unanswered
    /// (`TCP_KEEPCNT`).
    pub fn set_keepalive_probes(&self, interval: Option<u32>, count: Option<u32>) -> Result<(), Errno> {
        let mut probes = socket2::TcpKeepalive::new();
        if let Some(interval) = interval {
            probes = probes.with_interval(std::time::Duration::from_secs(interval.max(1).into()));
        }
        if let Some(count) = count {
            probes = probes.with_retries(count.max(1));
        }
        self.option(|socket| socket.set_tcp_keepalive(&probes))
    }

    /// `IP_TOS` or `IPV6_TCLASS`: the byte that requests a class of treatment from the network.
    pub fn set_type_of_service(&self, tos: u32) -> Result<(), Errno> {
        #[cfg(target_os = "linux")]
        if self.local_address()?.is_v6() {
            return self.option(|socket| socket.set_tclass_v6(tos));
        }
        self.option(|socket| socket.set_tos_v4(tos))
    }

    /// The byte set by [`Stream::set_type_of_service`].
    pub fn type_of_service(&self) -> Result<u32, Errno> {
        #[cfg(target_os = "linux")]
        if self.local_address()?.is_v6() {
            return self.option(|socket| socket.tclass_v6());
        }
        self.option(|socket| socket.tos_v4())
    }

    /// Reads or sets a socket option for which not every version of libuv has a function.
    #[cfg(unix)]
    fn option<T>(&self, set: impl FnOnce(socket2::SockRef) -> std::io::Result<T>) -> Result<T, Errno> {
        self.expect(self.tcp)?;
        let fd = self.fd();
        if fd < 0 {
            return Err(Errno::EBADF);
        }
        // SAFETY: the descriptor belongs to the open handle, which outlives this call.
        let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
        set(socket2::SockRef::from(&fd)).map_err(|error| Errno(-error.raw_os_error().unwrap_or(libc::EINVAL)))
    }

    #[cfg(not(unix))]
    fn option<T>(&self, _set: impl FnOnce(socket2::SockRef) -> std::io::Result<T>) -> Result<T, Errno> {
        Err(Errno::ENOTSUP)
    }

    /// The local address of a TCP stream.
    pub fn local_address(&self) -> Result<Address, Errno> {
        self.address(sys::uv_tcp_getsockname)
    }

    /// The peer's address of a TCP stream.
    pub fn peer_address(&self) -> Result<Address, Errno> {
        self.address(sys::uv_tcp_getpeername)
    }

    fn address(
        &self,
        query: unsafe extern "C" fn(*const sys::Handle, *mut sys::SockAddr, *mut c_int) -> c_int,
    ) -> Result<Address, Errno> {
        if !self.tcp {
            return Err(Errno::ENOTSUP);
        }
        SockAddr::query(|addr, length| {
            // SAFETY: the handle is an open TCP handle, `addr` has `length` bytes of room.
            unsafe { query(self.handle.raw(), addr, length) }
        })
    }
}

unsafe extern "C" fn pipe_init(uv: *mut sys::Loop, handle: *mut sys::Handle) -> c_int {
    // SAFETY: guaranteed by the caller. The 0 means that no descriptors are passed over the pipe.
    unsafe { sys::uv_pipe_init(uv, handle, 0) }
}

unsafe extern "C" fn on_connection(raw: *mut sys::Handle, status: c_int) {
    // SAFETY: libuv passes the open listening handle.
    let context = unsafe { context(raw) };
    context.emit(|events| events.connection(context.token, Errno::check(status)));
}

/// Provides the buffer for a read. One buffer serves every read of the loop, because libuv asks for it right before
/// it reads and reports the read right after.
unsafe extern "C" fn on_alloc(raw: *mut sys::Handle, _suggested: usize, buf: *mut sys::Buf) {
    // SAFETY: libuv passes an open handle.
    let context = unsafe { context(raw) };
    let mut scratch = context.shared.scratch.borrow_mut();
    if scratch.is_none() {
        *scratch = context.shared.events.upgrade().and_then(|events| events.memory());
    }
    let filled = match &*scratch {
        Some(memory) => sys::Buf {
            base: memory.address().as_ptr().cast(),
            len: READ_BUFFER as _,
        },
        // The read fails with UV_ENOBUFS.
        None => sys::Buf::EMPTY,
    };
    // SAFETY: `buf` is libuv's to fill. The memory stays in place until a read callback takes it out of `scratch`;
    // that callback keeps it alive while it uses it.
    unsafe { buf.write(filled) };
}

unsafe extern "C" fn on_read(raw: *mut sys::Handle, count: isize, _buf: *const sys::Buf) {
    if count == 0 {
        return; // EAGAIN: libuv gives the buffer back.
    }
    // SAFETY: libuv passes the open handle.
    let context = unsafe { context(raw) };
    // The handle may be closed during the event; its context is freed in a later turn. The shared part is kept to put
    // the buffer back.
    let shared = context.shared.clone();
    let Ok(length) = usize::try_from(count) else {
        return context.emit(|events| events.read(context.token, Err(Errno(count as i32))));
    };
    let Some(scratch) = shared.scratch.borrow_mut().take() else {
        return;
    };
    // SAFETY: libuv has just written this many bytes to the memory, which `scratch` keeps alive and which nobody
    // writes to during the call below.
    let bytes = unsafe { std::slice::from_raw_parts(scratch.address().as_ptr(), length.min(READ_BUFFER)) };
    context.emit(|events| events.read(context.token, Ok(bytes)));
    if !scratch.is_taken() {
        shared.scratch.replace(Some(scratch));
    }
}

unsafe extern "C" fn on_connect(req: *mut sys::Request, status: c_int) {
    // SAFETY: libuv passes the request of `connect_…`, once.
    let request = unsafe { finish(req) };
    request.emit(|events| events.connected(request.token, Errno::check(status)));
}

unsafe extern "C" fn on_write(req: *mut sys::Request, status: c_int) {
    // SAFETY: libuv passes the request of `write`, once.
    let request = unsafe { finish(req) };
    request.emit(|events| events.written(request.token, Errno::check(status)));
}

unsafe extern "C" fn on_shutdown(req: *mut sys::Request, status: c_int) {
    // SAFETY: libuv passes the request of `shutdown`, once.
    let request = unsafe { finish(req) };
    request.emit(|events| events.shutdown(request.token, Errno::check(status)));
}
