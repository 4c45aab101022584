//! The hook that runs before the loop waits.

use super::handle::{Handle, context};
use super::{Errno, Loop, sys};

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
