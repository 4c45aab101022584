//! Safe types for the libuv handles of Node's own event loop. This is the only Rust module that names libuv.
//!
//! The memory of a handle is owned by a Rust value ([`Stream`], [`Hook`] and so on). Dropping the value closes the
//! handle; only libuv's close callback frees the memory. Events of a handle are reported to the [`Events`] of its
//! [`Loop`], under the token that the handle was created with. The receiver looks the token up in its own table, so
//! no pointer is passed, and a late event finds no entry instead of freed memory.
//!
//! Everything here belongs to the thread of the loop and is neither `Send` nor `Sync`, except for [`wake::Waker`].

mod addr;
mod handle;
mod hook;
mod stream;
mod sys;
mod udp;
mod wake;

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};

pub use crate::errno::Errno;
pub use addr::{Address, ip_text, parse_ip};
pub use hook::Hook;
pub use stream::{ListenOptions, Stream};
pub use udp::{Ready, Udp};
pub use wake::Wake;

/// The receiver of libuv's reports. Methods are called on the loop's thread, one at a time, and never from within a
/// call into this module.
pub trait Events: 'static {
    /// A listening stream has a connection to [`Stream::accept`].
    fn connection(&self, token: u32, result: Result<(), Errno>);
    /// A [`Stream::connect_tcp`] or [`Stream::connect_pipe`] has ended.
    fn connected(&self, token: u32, result: Result<(), Errno>);
    /// Returns a buffer for reads, which is used until it [is taken](Memory::is_taken); `None` if there is no memory.
    fn memory(&self) -> Option<Rc<dyn Memory>>;
    /// Bytes arrived, which are valid for this call only, or the stream failed. `UV_EOF` (-4095) means that the peer
    /// ended its side.
    fn read(&self, token: u32, result: Result<&[u8], Errno>);
    /// A [`Stream::write`] has ended.
    fn written(&self, token: u32, result: Result<(), Errno>);
    /// A [`Stream::shutdown`] has ended.
    fn shutdown(&self, token: u32, result: Result<(), Errno>);
    /// A [`Udp`] socket is ready as it was watched for. After an error, it is no longer watched.
    fn ready(&self, token: u32, ready: Result<Ready, Errno>);
    /// A handle is closed and its memory has been freed.
    fn closed(&self, token: u32);
    /// The loop is about to wait for I/O. Called only while a [`Hook::prepare`] is started.
    fn prepare(&self);
    /// The loop has handled the I/O that it waited for. Called only while a [`Hook::check`] is started.
    fn check(&self);
    /// A [`wake::Waker`] was used.
    fn woken(&self);
    /// The last handle of a loop has closed after [`Loop::drain`] was called.
    fn drained(&self);
}

/// The most bytes of one read. It is the size that libuv suggests, and about what one `recv` on a busy socket
/// returns.
pub const READ_BUFFER: usize = 64 * 1024;

/// A buffer for reads. All reads of a loop share one buffer until a receiver takes it, to keep the bytes read into it
/// without a copy.
///
/// # Safety
/// The address must be valid for writes of [`READ_BUFFER`] bytes as long as the value lives. No other code may access
/// the memory until it is taken, and the code that has taken it must not write to it before the report of the read
/// returns.
pub unsafe trait Memory {
    /// The address of the first byte.
    fn address(&self) -> NonNull<u8>;
    /// Whether a receiver has taken the memory, so that no further read may use it.
    fn is_taken(&self) -> bool;
}

struct Shared {
    raw: NonNull<sys::Loop>,
    events: Weak<dyn Events>,
    /// The buffer for reads; `None` before the first read and while a read callback uses it.
    scratch: RefCell<Option<Rc<dyn Memory>>>,
    /// The buffers for datagrams; `None` before the first datagram and while they are in use.
    mailbox: RefCell<Option<udp::Mailbox>>,
    open: Cell<usize>,
    draining: Cell<bool>,
}

/// Node's event loop, reduced to what this crate uses.
#[derive(Clone)]
pub struct Loop(Rc<Shared>);

impl Loop {
    /// Wraps the loop of a Node environment. Events of its handles are reported to `events`. Returns `None` for a
    /// null pointer.
    ///
    /// # Safety
    /// `raw` is the `uv_loop_t` of the calling thread's Node environment, and outlives every handle created on it.
    pub unsafe fn new(raw: *mut c_void, events: Weak<dyn Events>) -> Option<Loop> {
        Some(Loop(Rc::new(Shared {
            raw: NonNull::new(raw.cast())?,
            events,
            scratch: RefCell::new(None),
            mailbox: RefCell::new(None),
            open: Cell::new(0),
            draining: Cell::new(false),
        })))
    }

    /// The loop's clock in milliseconds, as it was when the current turn began.
    pub fn now(&self) -> u64 {
        // SAFETY: the loop outlives `self` (contract of `new`).
        unsafe { sys::uv_now(self.0.raw.as_ptr()) }
    }

    /// Updates the loop's clock and returns it in milliseconds. The clock may be stale because JavaScript has run for
    /// a while since the turn began.
    pub fn update_now(&self) -> u64 {
        // SAFETY: the loop outlives `self` (contract of `new`).
        unsafe { sys::uv_update_time(self.0.raw.as_ptr()) };
        self.now()
    }

    /// Frees the buffers for reads. Call it when there will be no more reads.
    pub fn release_memory(&self) {
        self.0.scratch.take();
        self.0.mailbox.take();
    }

    /// The number of handles that are open or closing.
    pub fn open_handles(&self) -> usize {
        self.0.open.get()
    }

    /// Requests a call of [`Events::drained`] when the last handle has closed. Returns whether no handle is open
    /// already.
    pub fn drain(&self) -> bool {
        self.0.draining.set(true);
        self.0.open.get() == 0
    }
}
