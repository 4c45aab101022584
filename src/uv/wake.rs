//! Wakes the loop from other threads.

use super::handle::{Handle, context};
use super::{Errno, Loop, sys};
use std::ffi::c_int;
use std::sync::{Arc, Mutex, PoisonError};

/// A handle that other threads can wake the loop with, reported as [`super::Events::woken`]. It keeps the loop alive
/// only while [`Wake::set_ref`] says so.
pub struct Wake {
    handle: Handle,
    waker: Waker,
}

/// The part of a [`Wake`] for other threads. After the `Wake` is dropped, it does nothing.
#[derive(Clone)]
pub struct Waker(Arc<Mutex<Option<Target>>>);

/// The pointer of an open handle.
struct Target(*mut sys::Handle);

// SAFETY: the pointer is used only for `uv_async_send`, which may be called on any thread, and only while the handle
// is open: `Wake` removes it, under the lock, before it closes the handle.
unsafe impl Send for Target {}

impl Wake {
    /// Creates a handle that does not keep the loop alive.
    pub fn new(uv: &Loop, token: u32) -> Result<Wake, Errno> {
        let handle = Handle::new(uv, sys::ASYNC, token, async_init)?;
        handle.set_ref(false);
        let waker = Waker(Arc::new(Mutex::new(Some(Target(handle.raw())))));
        Ok(Wake { handle, waker })
    }

    /// Returns the part for other threads.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Sets whether the handle keeps the loop alive.
    pub fn set_ref(&self, referenced: bool) {
        self.handle.set_ref(referenced);
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        // The target must be removed before the handle closes. Fields are dropped after this function.
        self.waker.target().take();
    }
}

impl Waker {
    /// Causes a call of [`super::Events::woken`] soon. Several calls before it are merged into one.
    pub fn wake(&self) {
        if let Some(target) = &*self.target() {
            // SAFETY: the handle is open as long as the target is present, and the lock is held.
            unsafe { sys::uv_async_send(target.0) };
        }
    }

    fn target(&self) -> std::sync::MutexGuard<'_, Option<Target>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

unsafe extern "C" fn async_init(uv: *mut sys::Loop, handle: *mut sys::Handle) -> c_int {
    // SAFETY: guaranteed by the caller.
    unsafe { sys::uv_async_init(uv, handle, Some(on_wake)) }
}

unsafe extern "C" fn on_wake(raw: *mut sys::Handle) {
    // SAFETY: libuv passes the open handle.
    let context = unsafe { context(raw) };
    context.emit(|events| events.woken());
}
