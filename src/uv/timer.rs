//! Timers, and the hook that runs before the loop waits.

use super::handle::{Handle, context};
use super::{Errno, Loop, sys};

/// A repeating timer that never keeps the process alive.
pub struct Timer(Handle);

impl Timer {
    /// A stopped timer that reports under `token`.
    pub fn new(uv: &Loop, token: u32) -> Result<Timer, Errno> {
        let handle = Handle::new(uv, sys::TIMER, token, sys::uv_timer_init)?;
        handle.set_ref(false);
        Ok(Timer(handle))
    }

    /// First due in `timeout` ms, then every `repeat` ms (0: once). A started timer starts anew.
    pub fn start(&self, timeout: u64, repeat: u64) -> Result<(), Errno> {
        // SAFETY: the timer is open until `self` drops.
        Errno::check(unsafe { sys::uv_timer_start(self.0.raw(), on_timer, timeout, repeat) })
    }

    /// Not due until started again.
    pub fn stop(&self) {
        // SAFETY: the timer is open until `self` drops. Stopping cannot fail.
        unsafe { sys::uv_timer_stop(self.0.raw()) };
    }
}

unsafe extern "C" fn on_timer(raw: *mut sys::Handle) {
    // SAFETY: libuv passes the open handle that the timer was started on.
    let context = unsafe { context(raw) };
    context.emit(|events| events.timer(context.token));
}

/// Runs before the loop waits for I/O, while started; a started one keeps the loop alive, so that nothing is left undone.
pub struct Prepare(Handle);

impl Prepare {
    /// A stopped hook.
    pub fn new(uv: &Loop, token: u32) -> Result<Prepare, Errno> {
        Ok(Prepare(Handle::new(uv, sys::PREPARE, token, sys::uv_prepare_init)?))
    }

    /// Reports before each wait from now on.
    pub fn start(&self) {
        // SAFETY: the handle is open until `self` drops. Starting with a callback cannot fail.
        unsafe { sys::uv_prepare_start(self.0.raw(), on_prepare) };
    }

    /// No more reports.
    pub fn stop(&self) {
        // SAFETY: the handle is open until `self` drops. Stopping cannot fail.
        unsafe { sys::uv_prepare_stop(self.0.raw()) };
    }
}

unsafe extern "C" fn on_prepare(raw: *mut sys::Handle) {
    // SAFETY: libuv passes the open handle that the hook was started on.
    let context = unsafe { context(raw) };
    context.emit(|events| events.prepare());
}
