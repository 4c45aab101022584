//! Waking the loop from other threads.

use super::handle::{Handle, context};
use super::{Errno, Loop, sys};
use std::ffi::c_int;
use std::sync::{Arc, Mutex, PoisonError};

/// What the loop is woken by: [`super::Events::woken`]. It keeps the loop alive only while it is told to.
pub struct Wake {
    handle: Handle,
    waker: Waker,
}

/// The part of a [`Wake`] for other threads. Once that is closed, it does nothing.
#[derive(Clone)]
pub struct Waker(Arc<Mutex<Option<Target>>>);

/// An open handle.
struct Target(*mut sys::Handle);

// SAFETY: the pointer is used for `uv_async_send` alone, which may be called on any thread, and only while the handle is open: `Wake`
// takes it away, under the lock, before it closes the handle.
unsafe impl Send for Target {}

impl Wake {
    /// One that does not keep the loop alive.
    pub fn new(uv: &Loop, token: u32) -> Result<Wake, Errno> {
        let handle = Handle::new(uv, sys::ASYNC, token, async_init)?;
        handle.set_ref(false);
        let waker = Waker(Arc::new(Mutex::new(Some(Target(handle.raw())))));
        Ok(Wake { handle, waker })
    }

    /// For other threads.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Keeps the loop alive, or no longer.
    pub fn set_ref(&self, referenced: bool) {
        self.handle.set_ref(referenced);
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        // Before the handle closes, which it does after this.
        self.waker.target().take();
    }
}

impl Waker {
    /// Has [`super::Events::woken`] called soon; calls that come before it are one.
    pub fn wake(&self) {
        if let Some(target) = &*self.target() {
            // SAFETY: the handle is open as long as the target is there, and the lock is held.
            unsafe { sys::uv_async_send(target.0) };
        }
    }

    fn target(&self) -> std::sync::MutexGuard<'_, Option<Target>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

unsafe extern "C" fn async_init(uv: *mut sys::Loop, handle: *mut sys::Handle) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { sys::uv_async_init(uv, handle, Some(on_wake)) }
}

unsafe extern "C" fn on_wake(raw: *mut sys::Handle) {
    // SAFETY: libuv passes the open handle.
    let context = unsafe { context(raw) };
    context.emit(|events| events.woken());
}
