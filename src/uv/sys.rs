//! libuv as Node exports it: opaque types, and hand-written declarations of the functions that this crate calls.
//!
//! Every Node binary exports libuv's symbols, so libuv is not linked. Only functions are used, never struct fields,
//! and sizes come from `uv_handle_size` and `uv_req_size`. So one binary runs with the libuv of every Node from 20 to
//! 26 (1.46 to 1.52). Source: <https://docs.libuv.org/en/v1.x/api.html>.

use std::ffi::{c_char, c_int, c_uint, c_void};

macro_rules! opaque {
    ($($name:ident)*) => {$(
        #[repr(C)]
        pub struct $name { _opaque: [u8; 0] }
    )*};
}

opaque! { Loop Handle Request SockAddr }

/// `uv_buf_t`. On Windows, where it is a `WSABUF`, the length comes first.
#[repr(C)]
#[cfg(not(windows))]
pub struct Buf {
    pub base: *mut c_char,
    pub len: usize,
}

/// `uv_buf_t`. On Windows, where it is a `WSABUF`, the length comes first.
#[repr(C)]
#[cfg(windows)]
pub struct Buf {
    pub len: u32,
    pub base: *mut c_char,
}

impl Buf {
    /// A buffer of no bytes.
    pub const EMPTY: Buf = Buf {
        base: std::ptr::null_mut(),
        len: 0,
    };

    /// A buffer over bytes that libuv only reads.
    pub fn of(bytes: &[u8]) -> Buf {
        Buf {
            base: bytes.as_ptr().cast::<c_char>().cast_mut(),
            len: bytes.len() as _,
        }
    }
}

/// Room for any socket address, suitably aligned. `sockaddr_storage` has 128 bytes on every system.
#[repr(C, align(16))]
pub struct SockAddrStorage(pub [u8; 128]);

// Values of `uv_handle_type` and `uv_req_type`: positions in libuv's lists, which do not change within 1.x.
pub const ASYNC: c_int = 1;
pub const CHECK: c_int = 2;
pub const IDLE: c_int = 6;
pub const NAMED_PIPE: c_int = 7;
pub const POLL: c_int = 8;
pub const PREPARE: c_int = 9;
pub const TCP: c_int = 12;
pub const REQ_CONNECT: c_int = 2;
pub const REQ_WRITE: c_int = 3;
pub const REQ_SHUTDOWN: c_int = 4;

/// `UV_TCP_IPV6ONLY`.
pub const TCP_IPV6ONLY: c_uint = 1;

#[cfg(unix)]
pub const AF_INET6: c_int = libc::AF_INET6;
#[cfg(windows)]
pub const AF_INET6: c_int = 23;

/// `UV_READABLE`.
pub const POLL_READABLE: c_int = 1;

/// `UV_WRITABLE`.
pub const POLL_WRITABLE: c_int = 2;

/// The size in bytes of a buffer for the name of a network interface, including the final NUL.
pub const INTERFACE_NAME: usize = 256 + 1;

/// `UV_PIPE_NO_TRUNCATE`: a name that is too long is an error instead of being cut.
pub const PIPE_NO_TRUNCATE: c_uint = 1;

#[cfg(not(windows))]
pub type OsSocket = c_int;
#[cfg(windows)]
pub type OsSocket = usize;

pub type CloseCb = unsafe extern "C" fn(*mut Handle);
pub type AllocCb = unsafe extern "C" fn(*mut Handle, usize, *mut Buf);
pub type ReadCb = unsafe extern "C" fn(*mut Handle, isize, *const Buf);
pub type ConnectionCb = unsafe extern "C" fn(*mut Handle, c_int);
pub type RequestCb = unsafe extern "C" fn(*mut Request, c_int);
pub type PollCb = unsafe extern "C" fn(*mut Handle, c_int, c_int);
pub type HandleCb = unsafe extern "C" fn(*mut Handle);

// Windows resolves imports at link time, so there they are bound to node.exe.
#[cfg_attr(windows, link(name = "node.exe", kind = "raw-dylib", modifiers = "+verbatim"))]
unsafe extern "C" {
    pub fn uv_handle_size(kind: c_int) -> usize;
    pub fn uv_req_size(kind: c_int) -> usize;
    pub fn uv_handle_get_data(handle: *const Handle) -> *mut c_void;
    pub fn uv_handle_set_data(handle: *mut Handle, data: *mut c_void);
    pub fn uv_req_get_data(req: *const Request) -> *mut c_void;
    pub fn uv_req_set_data(req: *mut Request, data: *mut c_void);
    pub fn uv_now(uv_loop: *const Loop) -> u64;
    pub fn uv_update_time(uv_loop: *mut Loop);

    pub fn uv_close(handle: *mut Handle, cb: CloseCb);
    pub fn uv_ref(handle: *mut Handle);
    pub fn uv_unref(handle: *mut Handle);
    pub fn uv_has_ref(handle: *const Handle) -> c_int;
    #[cfg(unix)]
    pub fn uv_fileno(handle: *const Handle, fd: *mut c_int) -> c_int;

    pub fn uv_listen(stream: *mut Handle, backlog: c_int, cb: ConnectionCb) -> c_int;
    pub fn uv_accept(server: *mut Handle, client: *mut Handle) -> c_int;
    pub fn uv_read_start(stream: *mut Handle, alloc: AllocCb, read: ReadCb) -> c_int;
    pub fn uv_read_stop(stream: *mut Handle) -> c_int;
    pub fn uv_stream_get_write_queue_size(handle: *const Handle) -> usize;
    pub fn uv_try_write(stream: *mut Handle, bufs: *const Buf, count: c_uint) -> c_int;
    pub fn uv_write(req: *mut Request, stream: *mut Handle, bufs: *const Buf, count: c_uint, cb: RequestCb) -> c_int;
    pub fn uv_shutdown(req: *mut Request, stream: *mut Handle, cb: RequestCb) -> c_int;

    pub fn uv_tcp_init(uv_loop: *mut Loop, handle: *mut Handle) -> c_int;
    pub fn uv_tcp_open(handle: *mut Handle, socket: OsSocket) -> c_int;
    pub fn uv_tcp_nodelay(handle: *mut Handle, enable: c_int) -> c_int;
    pub fn uv_tcp_keepalive(handle: *mut Handle, enable: c_int, delay: c_uint) -> c_int;
    pub fn uv_tcp_bind(handle: *mut Handle, addr: *const SockAddr, flags: c_uint) -> c_int;
    pub fn uv_tcp_getsockname(handle: *const Handle, name: *mut SockAddr, len: *mut c_int) -> c_int;
    pub fn uv_tcp_getpeername(handle: *const Handle, name: *mut SockAddr, len: *mut c_int) -> c_int;
    pub fn uv_tcp_connect(req: *mut Request, handle: *mut Handle, addr: *const SockAddr, cb: RequestCb) -> c_int;
    pub fn uv_tcp_close_reset(handle: *mut Handle, cb: CloseCb) -> c_int;

    pub fn uv_pipe_init(uv_loop: *mut Loop, handle: *mut Handle, ipc: c_int) -> c_int;
    pub fn uv_pipe_open(handle: *mut Handle, file: c_int) -> c_int;
    pub fn uv_pipe_bind2(handle: *mut Handle, name: *const c_char, len: usize, flags: c_uint) -> c_int;
    pub fn uv_pipe_chmod(handle: *mut Handle, flags: c_int) -> c_int;
    pub fn uv_pipe_connect2(
        req: *mut Request,
        handle: *mut Handle,
        name: *const c_char,
        len: usize,
        flags: c_uint,
        cb: RequestCb,
    ) -> c_int;

    #[cfg(unix)]
    pub fn uv_poll_init(uv_loop: *mut Loop, handle: *mut Handle, fd: c_int) -> c_int;
    pub fn uv_poll_start(handle: *mut Handle, events: c_int, cb: PollCb) -> c_int;
    pub fn uv_poll_stop(handle: *mut Handle) -> c_int;

    pub fn uv_async_init(uv_loop: *mut Loop, handle: *mut Handle, cb: Option<HandleCb>) -> c_int;
    pub fn uv_async_send(handle: *mut Handle) -> c_int;

    pub fn uv_check_init(uv_loop: *mut Loop, handle: *mut Handle) -> c_int;
    pub fn uv_check_start(handle: *mut Handle, cb: HandleCb) -> c_int;
    pub fn uv_check_stop(handle: *mut Handle) -> c_int;

    pub fn uv_idle_init(uv_loop: *mut Loop, handle: *mut Handle) -> c_int;
    pub fn uv_idle_start(handle: *mut Handle, cb: HandleCb) -> c_int;
    pub fn uv_idle_stop(handle: *mut Handle) -> c_int;

    pub fn uv_prepare_init(uv_loop: *mut Loop, handle: *mut Handle) -> c_int;
    pub fn uv_prepare_start(handle: *mut Handle, cb: HandleCb) -> c_int;
    pub fn uv_prepare_stop(handle: *mut Handle) -> c_int;

    pub fn uv_ip4_addr(ip: *const c_char, port: c_int, addr: *mut SockAddr) -> c_int;
    pub fn uv_ip6_addr(ip: *const c_char, port: c_int, addr: *mut SockAddr) -> c_int;
    pub fn uv_ip_name(addr: *const SockAddr, dst: *mut c_char, size: usize) -> c_int;
    pub fn uv_inet_ntop(family: c_int, ip: *const c_void, dst: *mut c_char, size: usize) -> c_int;
    pub fn uv_if_indextoiid(index: c_uint, dst: *mut c_char, size: *mut usize) -> c_int;
    pub fn uv_guess_handle(file: c_int) -> c_int;
}
