//! TCP sockets and pipes (Unix sockets, Windows named pipes): listening, connecting, reading, writing.

use super::addr::SockAddr;
use super::handle::{Handle, context, finish, on_close, request};
use super::{Address, Errno, Loop, READ_BUFFER, sys};
use bytes::Bytes;
use std::ffi::{c_int, c_uint};

/// The most parts of one [`Stream::try_write`].
const PARTS: usize = 16;

/// A TCP socket or a pipe.
pub struct Stream {
    handle: Handle,
    tcp: bool,
    /// It was connected from its beginning.
    accepted: bool,
}

/// How a TCP port is taken.
#[derive(Clone, Copy, Default, Debug)]
pub struct ListenOptions {
    /// `IPV6_V6ONLY`: an IPv6 socket does not take IPv4 connections.
    pub ipv6_only: bool,
    /// `SO_REUSEPORT`: several processes listen on the port and the kernel spreads connections over them.
    pub reuse_port: bool,
}

/// A copy of an open descriptor.
#[cfg(unix)]
pub(super) fn copy(fd: i32) -> Result<std::os::fd::OwnedFd, Errno> {
    if fd < 0 {
        return Err(Errno::EBADF);
    }
    // SAFETY: not -1; whether it is open the copy below finds out.
    let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
    borrowed
        .try_clone_to_owned()
        .map_err(|error| Errno(-error.raw_os_error().unwrap_or(libc::EINVAL)))
}

/// What the kernel has taken; nothing when it takes nothing now.
#[cfg(target_os = "linux")]
fn taken(result: rustix::io::Result<usize>) -> Result<Option<usize>, Errno> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
        Err(error) => Err(Errno(-error.raw_os_error())),
    }
}

impl Stream {
    /// An unconnected TCP stream.
    pub fn tcp(uv: &Loop, token: u32) -> Result<Stream, Errno> {
        Ok(Stream {
            handle: Handle::new(uv, sys::TCP, token, sys::uv_tcp_init)?,
            tcp: true,
            accepted: false,
        })
    }

    /// An unconnected pipe.
    pub fn pipe(uv: &Loop, token: u32) -> Result<Stream, Errno> {
        Ok(Stream {
            handle: Handle::new(uv, sys::NAMED_PIPE, token, pipe_init)?,
            tcp: false,
            accepted: false,
        })
    }

    /// A stream over an open file descriptor: a socket or a pipe, whichever it is. The descriptor is ours from then on.
    pub fn open(uv: &Loop, token: u32, fd: i32) -> Result<Stream, Errno> {
        // SAFETY: a pure query; a bad descriptor gives UV_UNKNOWN_HANDLE.
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

    /// Like [`Stream::open`], over a copy of the descriptor: the original stays its owner's.
    #[cfg(unix)]
    pub fn open_copy(uv: &Loop, token: u32, fd: i32) -> Result<Stream, Errno> {
        use std::os::fd::{AsRawFd, IntoRawFd};
        let copy = copy(fd)?;
        let stream = Stream::open(uv, token, copy.as_raw_fd())?;
        // The stream owns it now.
        let _ = copy.into_raw_fd();
        Ok(stream)
    }

    /// Like [`Stream::open`], over a copy of the descriptor: the original stays its owner's.
    #[cfg(not(unix))]
    pub fn open_copy(_uv: &Loop, _token: u32, _fd: i32) -> Result<Stream, Errno> {
        Err(Errno::ENOTSUP)
    }

    /// Descriptors of two sockets that are connected with each other. They are the caller's.
    #[cfg(unix)]
    pub fn pair() -> Result<[i32; 2], Errno> {
        use std::os::fd::IntoRawFd;
        let (one, other) = std::os::unix::net::UnixStream::pair()
            .map_err(|error| Errno(-error.raw_os_error().unwrap_or(libc::EINVAL)))?;
        Ok([one, other].map(IntoRawFd::into_raw_fd))
    }

    /// Descriptors of two sockets that are connected with each other. They are the caller's.
    #[cfg(not(unix))]
    pub fn pair() -> Result<[i32; 2], Errno> {
        Err(Errno::ENOTSUP)
    }

    /// A copy of the descriptor, which is the caller's: the connection lives until both are closed.
    #[cfg(unix)]
    pub fn copy_fd(&self) -> Result<i32, Errno> {
        use std::os::fd::IntoRawFd;
        Ok(copy(self.fd())?.into_raw_fd())
    }

    /// A copy of the descriptor, which is the caller's: the connection lives until both are closed.
    #[cfg(not(unix))]
    pub fn copy_fd(&self) -> Result<i32, Errno> {
        Err(Errno::ENOTSUP)
    }

    /// Whether this is a TCP socket.
    pub fn is_tcp(&self) -> bool {
        self.tcp
    }

    /// libuv would take any handle for what the call's name says, and write over its memory.
    fn expect(&self, right_kind: bool) -> Result<(), Errno> {
        if right_kind { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// Keeps the loop alive, or no longer.
    pub fn set_ref(&self, referenced: bool) {
        self.handle.set_ref(referenced);
    }

    /// Whether the stream keeps the loop alive.
    pub fn has_ref(&self) -> bool {
        self.handle.has_ref()
    }

    /// The descriptor under the stream; -1 where there is none (Windows, not connected yet).
    pub fn fd(&self) -> i32 {
        #[cfg(unix)]
        {
            let mut fd: c_int = -1;
            // SAFETY: the handle is open; on an error `fd` stays -1.
            unsafe { sys::uv_fileno(self.handle.raw(), &raw mut fd) };
            fd
        }
        #[cfg(not(unix))]
        -1
    }

    /// Binds a TCP stream to a local address (port 0: any).
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

    /// Node 20's libuv knows no `UV_TCP_REUSEPORT`: the socket is made and bound here, and handed over.
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

    /// Binds a pipe to a path (Unix; a leading NUL: Linux's abstract names) or pipe name (Windows).
    pub fn bind_pipe(&self, path: &[u8]) -> Result<(), Errno> {
        self.expect(!self.tcp)?;
        let (name, length) = (path.as_ptr().cast(), path.len());
        // SAFETY: the handle is open, `name` has `length` bytes.
        Errno::check(unsafe { sys::uv_pipe_bind2(self.handle.raw(), name, length, sys::PIPE_NO_TRUNCATE) })
    }

    /// Opens a bound pipe to other users: bit 0 readable, bit 1 writable (`UV_READABLE`, `UV_WRITABLE`).
    pub fn chmod_pipe(&self, mode: i32) -> Result<(), Errno> {
        if self.tcp {
            return Err(Errno::ENOTSUP);
        }
        // SAFETY: the handle is an open pipe.
        Errno::check(unsafe { sys::uv_pipe_chmod(self.handle.raw(), mode) })
    }

    /// Starts to listen; each connection is an [`super::Events::connection`].
    pub fn listen(&self, backlog: i32) -> Result<(), Errno> {
        // SAFETY: the handle is open.
        Errno::check(unsafe { sys::uv_listen(self.handle.raw(), backlog, on_connection) })
    }

    /// Takes a connection that was reported, as a stream of the same kind under `token`.
    pub fn accept(&self, uv: &Loop, token: u32) -> Result<Stream, Errno> {
        let client = if self.tcp {
            Stream::tcp(uv, token)?
        } else {
            Stream::pipe(uv, token)?
        };
        // SAFETY: both handles are open and of one kind.
        Errno::check(unsafe { sys::uv_accept(self.handle.raw(), client.handle.raw()) })?;
        Ok(Stream {
            accepted: true,
            ..client
        })
    }

    /// Starts to connect; the end is an [`super::Events::connected`].
    pub fn connect_tcp(&self, ip: &str, port: u16) -> Result<(), Errno> {
        self.expect(self.tcp)?;
        let addr = SockAddr::parse(ip, port)?;
        request(&self.handle, sys::REQ_CONNECT, Vec::new(), |req| {
            // SAFETY: request and handle are live until the callback, the address is copied at once.
            unsafe { sys::uv_tcp_connect(req, self.handle.raw(), addr.as_ptr(), on_connect) }
        })
    }

    /// Starts to connect to a pipe; the end is an [`super::Events::connected`].
    pub fn connect_pipe(&self, path: &[u8]) -> Result<(), Errno> {
        self.expect(!self.tcp)?;
        let (name, length) = (path.as_ptr().cast(), path.len());
        request(&self.handle, sys::REQ_CONNECT, Vec::new(), |req| {
            // SAFETY: request and handle are live until the callback; the name's bytes are copied at once.
            unsafe { sys::uv_pipe_connect2(req, self.handle.raw(), name, length, sys::PIPE_NO_TRUNCATE, on_connect) }
        })
    }

    /// Starts to read: bytes, end and errors come as [`super::Events::read`].
    pub fn read_start(&self) -> Result<(), Errno> {
        // SAFETY: the handle is open.
        Errno::check(unsafe { sys::uv_read_start(self.handle.raw(), on_alloc, on_read) })
    }

    /// Stops to read; the kernel's buffer fills and the peer feels it.
    pub fn read_stop(&self) {
        // SAFETY: the handle is open. Stopping cannot fail.
        unsafe { sys::uv_read_stop(self.handle.raw()) };
    }

    /// Writes what the kernel takes at once, of at most [`PARTS`] parts; returns how many bytes that is, 0 when it takes none now.
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

    /// Whether this is the server's end of a TCP connection, and so has been connected from its beginning: [`Stream::send`] may be used when no
    /// write is queued.
    #[cfg(target_os = "linux")]
    pub fn can_send(&self) -> bool {
        self.tcp && self.accepted
    }

    /// Like [`Stream::try_write`], past libuv: a socket's own calls cost less than those for all files. With `more`, what comes next goes
    /// into the same packet.
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

    /// Sends what the kernel takes at once of a file's bytes from `offset` on; waits for the disk when they are not in memory. Returns how
    /// many that is (0: the file ends there), nothing when none are taken now. No write may be queued.
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
        // SAFETY: the descriptor is the open handle's, which stays open as long as `self` is borrowed.
        Ok(unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) })
    }

    /// Bytes of queued writes that the kernel has not taken; 0 after one of them failed.
    pub fn queued(&self) -> usize {
        // SAFETY: the handle is open.
        unsafe { sys::uv_stream_get_write_queue_size(self.handle.raw()) }
    }

    /// Queues bytes, in this order; the end is an [`super::Events::written`].
    pub fn write(&self, parts: Vec<Bytes>) -> Result<(), Errno> {
        let bufs: Vec<sys::Buf> = parts.iter().map(|part| sys::Buf::of(part)).collect();
        request(&self.handle, sys::REQ_WRITE, parts, |req| {
            let count = bufs.len() as c_uint;
            // SAFETY: request, handle and the bytes, which the request keeps where they are, live until the callback; libuv copies the
            // buffers' addresses.
            unsafe { sys::uv_write(req, self.handle.raw(), bufs.as_ptr(), count, on_write) }
        })
    }

    /// Ends our side after all queued writes; the end is an [`super::Events::shutdown`].
    pub fn shutdown(&self) -> Result<(), Errno> {
        request(&self.handle, sys::REQ_SHUTDOWN, Vec::new(), |req| {
            // SAFETY: request and handle are live until the callback.
            unsafe { sys::uv_shutdown(req, self.handle.raw(), on_shutdown) }
        })
    }

    /// Closes a TCP connection with RST instead of FIN.
    pub fn reset(self) -> Result<(), Errno> {
        if !self.tcp {
            return Err(Errno::ENOTSUP);
        }
        let raw = self.handle.into_raw();
        // SAFETY: the handle is open; when the call succeeds it closes it and `on_close` frees it.
        let code = unsafe { sys::uv_tcp_close_reset(raw, on_close) };
        if code < 0 {
            // libuv did not close it: the ordinary way does.
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

    /// `SO_KEEPALIVE`, the first probe after `delay` seconds of silence (at least 1).
    pub fn set_keepalive(&self, enable: bool, delay: u32) -> Result<(), Errno> {
        if !self.tcp {
            return Err(Errno::ENOTSUP);
        }
        // SAFETY: the handle is an open TCP handle.
        Errno::check(unsafe { sys::uv_tcp_keepalive(self.handle.raw(), c_int::from(enable), delay.max(1)) })
    }

    /// How many seconds lie between two probes of keep-alive (`TCP_KEEPINTVL`), and how many may go unanswered (`TCP_KEEPCNT`).
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

    /// `IP_TOS`, or `IPV6_TCLASS`: the byte that asks the network for a kind of treatment.
    pub fn set_type_of_service(&self, tos: u32) -> Result<(), Errno> {
        #[cfg(target_os = "linux")]
        if self.local_address()?.is_v6() {
            return self.option(|socket| socket.set_tclass_v6(tos));
        }
        self.option(|socket| socket.set_tos_v4(tos))
    }

    /// The byte that [`Stream::set_type_of_service`] sets.
    pub fn type_of_service(&self) -> Result<u32, Errno> {
        #[cfg(target_os = "linux")]
        if self.local_address()?.is_v6() {
            return self.option(|socket| socket.tclass_v6());
        }
        self.option(|socket| socket.tos_v4())
    }

    /// An option of the socket that libuv has no function for, in all its versions.
    #[cfg(unix)]
    fn option<T>(&self, set: impl FnOnce(socket2::SockRef) -> std::io::Result<T>) -> Result<T, Errno> {
        self.expect(self.tcp)?;
        let fd = self.fd();
        if fd < 0 {
            return Err(Errno::EBADF);
        }
        // SAFETY: the descriptor is the open handle's, which outlives this call.
        let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
        set(socket2::SockRef::from(&fd)).map_err(|error| Errno(-error.raw_os_error().unwrap_or(libc::EINVAL)))
    }

    #[cfg(not(unix))]
    fn option<T>(&self, _set: impl FnOnce(socket2::SockRef) -> std::io::Result<T>) -> Result<T, Errno> {
        Err(Errno::ENOTSUP)
    }

    /// Our end of a TCP stream.
    pub fn local_address(&self) -> Result<Address, Errno> {
        self.address(sys::uv_tcp_getsockname)
    }

    /// The peer's end of a TCP stream.
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
    // SAFETY: the caller's promise; 0: no descriptors are passed over it.
    unsafe { sys::uv_pipe_init(uv, handle, 0) }
}

unsafe extern "C" fn on_connection(raw: *mut sys::Handle, status: c_int) {
    // SAFETY: libuv passes the open listening handle.
    let context = unsafe { context(raw) };
    context.emit(|events| events.connection(context.token, Errno::check(status)));
}

/// One buffer serves every read of the loop: libuv asks for it right before it reads and reports right after.
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
        // The read ends with UV_ENOBUFS.
        None => sys::Buf::EMPTY,
    };
    // SAFETY: `buf` is libuv's to fill. The memory's address stays until a read callback takes it out, and puts it back.
    unsafe { buf.write(filled) };
}

unsafe extern "C" fn on_read(raw: *mut sys::Handle, count: isize, _buf: *const sys::Buf) {
    if count == 0 {
        return; // EAGAIN: libuv gives the buffer back.
    }
    // SAFETY: libuv passes the open handle.
    let context = unsafe { context(raw) };
    // The handle can close, and its context go only later, in a turn of its own; the shared part is kept for the way out.
    let shared = context.shared.clone();
    let Ok(length) = usize::try_from(count) else {
        return context.emit(|events| events.read(context.token, Err(Errno(count as i32))));
    };
    let Some(scratch) = shared.scratch.borrow_mut().take() else {
        return;
    };
    // SAFETY: libuv has just written so many bytes there, which `scratch` keeps, and which nobody writes to in the call below.
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
