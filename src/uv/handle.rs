//! The owner of one libuv handle: allocation, the way from a callback back to [`Events`], closing.

use super::{Errno, Events, Loop, Shared, sys};
use bytes::Bytes;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ffi::c_int;
use std::ptr::NonNull;
use std::rc::Rc;

/// libuv's structs want no more than a pointer's alignment; 16 is what `malloc` gives them in C.
const ALIGN: usize = 16;

/// What hangs on `handle->data`, freed with the handle.
pub(super) struct Context {
    pub(super) shared: Rc<Shared>,
    pub(super) token: u32,
    layout: Layout,
}

impl Context {
    /// Hands an event on, if somebody is still there to hear it.
    pub(super) fn emit(&self, event: impl FnOnce(&dyn Events)) {
        if let Some(events) = self.shared.events.upgrade() {
            event(&*events);
        }
    }
}

/// An initialised handle. Dropping it closes it.
pub(super) struct Handle(NonNull<sys::Handle>);

/// Zeroed memory of a size that libuv names.
fn allocate(size: usize) -> (NonNull<u8>, Layout) {
    // The size is libuv's own, a few hundred bytes: it cannot overflow a layout.
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
            // SAFETY: both pointers are good, see `with`.
            unsafe { init(uv, handle) }
        })
    }

    /// The same for a call of libuv's that takes more: `init` gets the loop, which lives, and memory of the size that a handle of `kind` has.
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
            // SAFETY: allocated above with this layout; libuv did not take it.
            unsafe { dealloc(memory.as_ptr(), layout) };
            return Err(error);
        }
        let context = Box::new(Context {
            shared: uv.0.clone(),
            token,
            layout,
        });
        // SAFETY: the handle is initialised; the box is taken back in `on_close`, the only place that frees it.
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

    /// Gives the handle up to a call of libuv's that closes it with [`on_close`].
    pub(super) fn into_raw(self) -> *mut sys::Handle {
        let raw = self.raw();
        std::mem::forget(self);
        raw
    }

    /// Takes back what [`Handle::into_raw`] gave, when that call failed.
    pub(super) fn from_raw(raw: *mut sys::Handle) -> Option<Handle> {
        NonNull::new(raw).map(Handle)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`, and closed once, because only the owner does it and only here.
        unsafe { sys::uv_close(self.raw(), on_close) }
    }
}

/// The context of a handle that libuv passes to a callback.
///
/// # Safety
/// `raw` is a handle made by [`Handle::new`] whose close callback has not run; the reference is not kept past the callback.
pub(super) unsafe fn context<'a>(raw: *const sys::Handle) -> &'a Context {
    // SAFETY: the caller's promise.
    let data = unsafe { sys::uv_handle_get_data(raw) };
    // SAFETY: set in `Handle::new` to a box that lives until `on_close`.
    unsafe { &*data.cast::<Context>() }
}

pub(super) unsafe extern "C" fn on_close(raw: *mut sys::Handle) {
    // SAFETY: the handle's data is valid until we free it below.
    let data = unsafe { sys::uv_handle_get_data(raw) };
    // SAFETY: the box made in `Handle::new`; libuv calls this once.
    let context = unsafe { Box::from_raw(data.cast::<Context>()) };
    // SAFETY: allocated in `Handle::new` with this layout; libuv is done with it.
    unsafe { dealloc(raw.cast(), context.layout) };
    let shared = &context.shared;
    shared.open.set(shared.open.get() - 1);
    context.emit(|events| events.closed(context.token));
    if shared.draining.get() && shared.open.get() == 0 {
        context.emit(|events| events.drained());
    }
}

/// A request in flight: libuv's memory, and what must live until its callback.
pub(super) struct RequestData {
    layout: Layout,
    pub(super) shared: Rc<Shared>,
    pub(super) token: u32,
    /// Bytes that libuv is still reading from: their addresses stay when this moves.
    _payload: Vec<Bytes>,
}

impl RequestData {
    /// Hands an event on, if somebody is still there to hear it.
    pub(super) fn emit(&self, event: impl FnOnce(&dyn Events)) {
        if let Some(events) = self.shared.events.upgrade() {
            event(&*events);
        }
    }
}

/// Starts a request: `start` gets libuv's memory for it, and returns libuv's code; the payload lives as long as the request.
pub(super) fn request(
    handle: &Handle,
    kind: c_int,
    payload: Vec<Bytes>,
    start: impl FnOnce(*mut sys::Request) -> c_int,
) -> Result<(), Errno> {
    // SAFETY: a pure function of the kind.
    let size = unsafe { sys::uv_req_size(kind) };
    let (memory, layout) = allocate(size);
    // SAFETY: the handle is open, it is borrowed from its owner.
    let owner = unsafe { context(handle.raw()) };
    let data = Box::new(RequestData {
        layout,
        shared: owner.shared.clone(),
        token: owner.token,
        _payload: payload,
    });
    let raw = memory.cast::<sys::Request>().as_ptr();
    // SAFETY: the memory is a request's; the box is taken back by `finish`.
    unsafe { sys::uv_req_set_data(raw, Box::into_raw(data).cast()) };
    let code = start(raw);
    if code < 0 {
        // SAFETY: libuv did not take the request, so its callback will not run.
        drop(unsafe { finish(raw) });
    }
    Errno::check(code)
}

/// Frees a request and gives back what it carried.
///
/// # Safety
/// `raw` was made by [`request`], and this is called once for it, when libuv is done with it.
pub(super) unsafe fn finish(raw: *mut sys::Request) -> Box<RequestData> {
    // SAFETY: the caller's promise.
    let data = unsafe { sys::uv_req_get_data(raw) };
    // SAFETY: set in `request` to a box that is taken back only here.
    let data = unsafe { Box::from_raw(data.cast::<RequestData>()) };
    // SAFETY: allocated in `request` with this layout.
    unsafe { dealloc(raw.cast(), data.layout) };
    data
}
