//! The libuv handles of Node's own event loop as safe types: the only Rust that names libuv.
//!
//! A handle lives in memory of its own, owned by the Rust value ([`Stream`], [`Hook`]). Dropping the value closes
//! the handle; libuv's close callback, and nothing else, frees the memory. What happens on a handle is reported to the
//! [`Events`] of its [`Loop`], under the token that the handle was made with: whoever receives it looks the token up in a table
//! of its own, so no pointer crosses and a late event finds nothing instead of freed memory.
//!
//! Everything here belongs to one thread, the loop's, and is neither `Send` nor `Sync`.

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

/// What libuv reports. Called on the loop's thread, one call at a time, never from within a call into this module.
pub trait Events: 'static {
    /// A listening stream has a connection to [`Stream::accept`].
    fn connection(&self, token: u32, result: Result<(), Errno>);
    /// A [`Stream::connect_tcp`] or [`Stream::connect_pipe`] ended.
    fn connected(&self, token: u32, result: Result<(), Errno>);
    /// Memory for reads to land in, until it is [taken](Memory::is_taken); `None` when there is none.
    fn memory(&self) -> Option<Rc<dyn Memory>>;
    /// Bytes arrived (valid for the call only), or the stream failed; `UV_EOF` (-4095) is the peer's orderly end.
    fn read(&self, token: u32, result: Result<&[u8], Errno>);
    /// A [`Stream::write`] ended.
    fn written(&self, token: u32, result: Result<(), Errno>);
    /// A [`Stream::shutdown`] ended.
    fn shutdown(&self, token: u32, result: Result<(), Errno>);
    /// A [`Udp`] socket can do what it was watched for, or has failed: it is not watched any more then.
    fn ready(&self, token: u32, ready: Result<Ready, Errno>);
    /// A handle is closed and its memory free.
    fn closed(&self, token: u32);
    /// The loop is about to wait for I/O (only while a [`Hook::prepare`] is started).
    fn prepare(&self);
    /// The loop has handled the I/O that it waited for (only while a [`Hook::check`] is started).
    fn check(&self);
    /// A [`wake::Waker`] was used.
    fn woken(&self);
    /// The last open handle of a loop that is [`Loop::drain`]ing is closed.
    fn drained(&self);
}

/// One read takes at most this much: libuv's own suggestion, and what one `recv` of a busy socket brings.
pub const READ_BUFFER: usize = 64 * 1024;

/// Where reads land. All reads of a loop share one, unless somebody takes it to keep what has landed there without copying it.
///
/// # Safety
/// The address is good for writes of [`READ_BUFFER`] bytes as long as the value lives. Nobody else looks at the memory until it is taken,
/// and who has taken it does not write to it before the read is reported.
pub unsafe trait Memory {
    /// The first byte.
    fn address(&self) -> NonNull<u8>;
    /// Whether the memory is somebody else's from now on.
    fn is_taken(&self) -> bool;
}

struct Shared {
    raw: NonNull<sys::Loop>,
    events: Weak<dyn Events>,
    /// Where every read of the loop lands; `None` while a read callback looks at it.
    scratch: RefCell<Option<Rc<dyn Memory>>>,
    /// Where the datagrams of the loop land; `None` before the first, and while they are looked at.
    mailbox: RefCell<Option<udp::Mailbox>>,
    open: Cell<usize>,
    draining: Cell<bool>,
}

/// Node's event loop, as far as this crate uses it.
#[derive(Clone)]
pub struct Loop(Rc<Shared>);

impl Loop {
    /// Wraps the loop of a Node environment; `events` is told what happens on its handles.
    ///
    /// Returns `None` for a null pointer.
    ///
    /// # Safety
    /// `raw` is the `uv_loop_t` of the calling thread's Node environment, and outlives every handle made on it.
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

    /// The loop's clock in milliseconds, as of the current turn.
    pub fn now(&self) -> u64 {
        // SAFETY: the loop outlives `self` (contract of `new`).
        unsafe { sys::uv_now(self.0.raw.as_ptr()) }
    }

    /// The clock as of this moment: JavaScript may have run for long since the turn began.
    pub fn update_now(&self) -> u64 {
        // SAFETY: the loop outlives `self` (contract of `new`).
        unsafe { sys::uv_update_time(self.0.raw.as_ptr()) };
        self.now()
    }

    /// Lets the memory of reads go; there are no more of them.
    pub fn release_memory(&self) {
        self.0.scratch.take();
        self.0.mailbox.take();
    }

    /// Handles that are open or closing.
    pub fn open_handles(&self) -> usize {
        self.0.open.get()
    }

    /// From now on [`Events::drained`] is called when no handle is left; returns whether that is so already.
    pub fn drain(&self) -> bool {
        self.0.draining.set(true);
        self.0.open.get() == 0
    }
}
