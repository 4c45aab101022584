//! The owner of one libuv handle: allocation, dispatch of callbacks to [`Events`], and closing.

use super::{Errno, Events, Loop, Shared, sys};
use bytes::Bytes;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ffi::c_int;
use std::ptr::NonNull;
use std::rc::Rc;

/// libuv's structs need only the alignment of a pointer; 16 is what `malloc` guarantees in C.
const ALIGN: usize = 16;

/// The data behind `handle->data`. It is freed with the handle.
pub(super) struct Context {
    pub(super) shared: Rc<Shared>,
    pub(super) token: u32,
    layout: Layout,
}

impl Context {
    /// Passes an event on if its receiver still exists.
    pub(super) fn emit(&self, event: impl FnOnce(&dyn Events)) {
        if let Some(events) = self.shared.events.upgrade() {
            event(&*events);
        }
    }
}

/// An initialised handle. Dropping it closes the handle.
pub(super) struct Handle(NonNull<sys::Handle>);

/// Allocates zeroed memory of a size that libuv has returned.
fn allocate(size: usize) -> (NonNull<u8>, Layout) {
    // The size comes from libuv and is a few hundred bytes, so it cannot overflow a layout.
    let layout = Layout::from_size_align(size.max(ALIGN), ALIGN).unwrap_or(Layout::new::<[u128; 64]>());
    // SAFETY: the layout's size is not zero.
    let memory = unsafe { alloc_zeroed(layout) };
    match NonNull::new(memory) {
        Some(memory) => (memory, layout),
        None => handle_alloc_error(layout),
    }
}

impl Handle {
    /// Allocates a handle of `kind` and runs libuv's `init` on it.
    pub(super) fn new(
        uv: &Loop,
        kind: c_int,
        token: u32,
        init: unsafe extern "C" fn(*mut sys::Loop, *mut sys::Handle) -> c_int,
    ) -> Result<Handle, Errno> {
        Handle::with(uv, kind, token, |uv, handle| {
            // SAFETY: both pointers are valid, see `with`.
            unsafe { init(uv, handle) }
        })
    }

    /// Like [`Handle::new`], for an init function of libuv that takes more arguments. `init` receives the loop, which
    /// is alive, and zeroed memory of the size of a handle of `kind`.
    pub(super) fn with(
        uv: &Loop,
        kind: c_int,
        token: u32,
        init: impl FnOnce(*mut sys::Loop, *mut sys::Handle) -> c_int,
    ) -> Result<Handle, Errno> {
        // SAFETY: a pure function of the kind.
        let size = unsafe { sys::uv_handle_size(kind) };
        let (memory, layout) = allocate(size);
        let raw = memory.cast::<sys::Handle>();
        let code = init(uv.0.raw.as_ptr(), raw.as_ptr());
        if let Err(error) = Errno::check(code) {
            // SAFETY: allocated above with this layout; libuv did not take it, because the initialisation failed.
            unsafe { dealloc(memory.as_ptr(), layout) };
            return Err(error);
        }
        let context = Box::new(Context {
            shared: uv.0.clone(),
            token,
            layout,
        });
        // SAFETY: the handle is initialised. The box is recovered in `on_close`, the only place that frees it.
        unsafe { sys::uv_handle_set_data(raw.as_ptr(), Box::into_raw(context).cast()) };
        uv.0.open.set(uv.0.open.get() + 1);
        Ok(Handle(raw))
    }

    pub(super) fn raw(&self) -> *mut sys::Handle {
        self.0.as_ptr()
    }

    pub(super) fn set_ref(&self, referenced: bool) {
        if referenced {
            // SAFETY: the handle is open until `self` drops.
            unsafe { sys::uv_ref(self.raw()) }
        } else {
            // SAFETY: the handle is open until `self` drops.
            unsafe { sys::uv_unref(self.raw()) }
        }
    }

    pub(super) fn has_ref(&self) -> bool {
        // SAFETY: the handle is open until `self` drops.
        unsafe { sys::uv_has_ref(self.raw()) != 0 }
    }

    /// Gives up ownership, for a libuv call that closes the handle with [`on_close`].
    pub(super) fn into_raw(self) -> *mut sys::Handle {
        let raw = self.raw();
        std::mem::forget(self);
        raw
    }

    /// Recovers a handle from [`Handle::into_raw`] when that libuv call failed.
    pub(super) fn from_raw(raw: *mut sys::Handle) -> Option<Handle> {
        NonNull::new(raw).map(Handle)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle was initialised in `with`. It is closed once, because only the owner closes it, and only
        // here.
        unsafe { sys::uv_close(self.raw(), on_close) }
    }
}

/// Returns the context of a handle that libuv passes to a callback.
///
/// # Safety
/// `raw` is a handle made by [`Handle::new`] or [`Handle::with`] whose close callback has not run, and the reference
/// is not kept after the callback.
pub(super) unsafe fn context<'a>(raw: *const sys::Handle) -> &'a Context {
    // SAFETY: guaranteed by the caller.
    let data = unsafe { sys::uv_handle_get_data(raw) };
    // SAFETY: set in `Handle::with` to a box that lives until `on_close`.
    unsafe { &*data.cast::<Context>() }
}

pub(super) unsafe extern "C" fn on_close(raw: *mut sys::Handle) {
    // SAFETY: the handle's data is valid until it is freed below.
    let data = unsafe { sys::uv_handle_get_data(raw) };
    // SAFETY: this is the box made in `Handle::with`; libuv calls this function once per handle.
    let context = unsafe { Box::from_raw(data.cast::<Context>()) };
    // SAFETY: allocated in `Handle::with` with this layout; libuv no longer uses it.
    unsafe { dealloc(raw.cast(), context.layout) };
    let shared = &context.shared;
    shared.open.set(shared.open.get() - 1);
    context.emit(|events| events.closed(context.token));
    if shared.draining.get() && shared.open.get() == 0 {
        context.emit(|events| events.drained());
    }
}

/// A request in flight: its libuv memory, and everything that must live until its callback.
pub(super) struct RequestData {
    layout: Layout,
    pub(super) shared: Rc<Shared>,
    pub(super) token: u32,
    /// The bytes that libuv still reads. Their addresses do not change when this value moves.
    _payload: Vec<Bytes>,
}

impl RequestData {
    /// Passes an event on if its receiver still exists.
    pub(super) fn emit(&self, event: impl FnOnce(&dyn Events)) {
        if let Some(events) = self.shared.events.upgrade() {
            event(&*events);
        }
    }
}

/// Starts a request. `start` receives the libuv memory for it and returns libuv's result code. `payload` is kept
/// alive as long as the request.
pub(super) fn request(
    handle: &Handle,
    kind: c_int,
    payload: Vec<Bytes>,
    start: impl FnOnce(*mut sys::Request) -> c_int,
) -> Result<(), Errno> {
    // SAFETY: a pure function of the kind.
    let size = unsafe { sys::uv_req_size(kind) };
    let (memory, layout) = allocate(size);
    // SAFETY: the handle is open, because it is borrowed from its owner.
    let owner = unsafe { context(handle.raw()) };
    let data = Box::new(RequestData {
        layout,
        shared: owner.shared.clone(),
        token: owner.token,
        _payload: payload,
    });
    let raw = memory.cast::<sys::Request>().as_ptr();
    // SAFETY: the memory has the size of a request. The box is recovered by `finish`.
    unsafe { sys::uv_req_set_data(raw, Box::into_raw(data).cast()) };
    let code = start(raw);
    if code < 0 {
        // SAFETY: libuv did not take the request, so its callback will not run and `finish` is called once.
        drop(unsafe { finish(raw) });
    }
    Errno::check(code)
}

/// Frees the memory of a request and returns its data.
///
/// # Safety
/// `raw` was made by [`request`]. This is called once for it, when libuv no longer uses it.
pub(super) unsafe fn finish(raw: *mut sys::Request) -> Box<RequestData> {
    // SAFETY: guaranteed by the caller.
    let data = unsafe { sys::uv_req_get_data(raw) };
    // SAFETY: set in `request` to a box that is recovered only here.
    let data = unsafe { Box::from_raw(data.cast::<RequestData>()) };
    // SAFETY: allocated in `request` with this layout.
    unsafe { dealloc(raw.cast(), data.layout) };
    data
}
