//! Hooks that run before the loop waits for I/O, and after it has handled what came.

use super::handle::{Handle, context};
use super::{Errno, Loop, sys};

/// A hook of the loop. A started one keeps the loop alive, so that nothing is left undone.
pub struct Hook {
    handle: Handle,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Prepare,
    Check,
    Idle,
}

impl Hook {
    /// A stopped hook that runs before each wait: [`super::Events::prepare`].
    pub fn prepare(uv: &Loop, token: u32) -> Result<Hook, Errno> {
        Ok(Hook {
            handle: Handle::new(uv, sys::PREPARE, token, sys::uv_prepare_init)?,
            kind: Kind::Prepare,
        })
    }

    /// A stopped hook that runs after the events of each wait: [`super::Events::check`].
    pub fn check(uv: &Loop, token: u32) -> Result<Hook, Errno> {
        Ok(Hook {
            handle: Handle::new(uv, sys::CHECK, token, sys::uv_check_init)?,
            kind: Kind::Check,
        })
    }

    /// A stopped hook that reports nothing: while it is started, the loop does not wait, but goes round.
    pub fn idle(uv: &Loop, token: u32) -> Result<Hook, Errno> {
        Ok(Hook {
            handle: Handle::new(uv, sys::IDLE, token, sys::uv_idle_init)?,
            kind: Kind::Idle,
        })
    }

    /// Reports each time from now on.
    pub fn start(&self) {
        let raw = self.handle.raw();
        match self.kind {
            // SAFETY: the handle is open until `self` drops. Starting with a callback cannot fail.
            Kind::Prepare => unsafe { sys::uv_prepare_start(raw, on_prepare) },
            // SAFETY: the handle is open until `self` drops. Starting with a callback cannot fail.
            Kind::Check => unsafe { sys::uv_check_start(raw, on_check) },
            // SAFETY: the handle is open until `self` drops. Starting with a callback cannot fail.
            Kind::Idle => unsafe { sys::uv_idle_start(raw, on_idle) },
        };
    }

    /// No more reports.
    pub fn stop(&self) {
        let raw = self.handle.raw();
        match self.kind {
            // SAFETY: the handle is open until `self` drops. Stopping cannot fail.
            Kind::Prepare => unsafe { sys::uv_prepare_stop(raw) },
            // SAFETY: the handle is open until `self` drops. Stopping cannot fail.
            Kind::Check => unsafe { sys::uv_check_stop(raw) },
            // SAFETY: the handle is open until `self` drops. Stopping cannot fail.
            Kind::Idle => unsafe { sys::uv_idle_stop(raw) },
        };
    }
}

unsafe extern "C" fn on_prepare(raw: *mut sys::Handle) {
    // SAFETY: libuv passes the open handle that the hook was started on.
    let context = unsafe { context(raw) };
    context.emit(|events| events.prepare());
}

unsafe extern "C" fn on_check(raw: *mut sys::Handle) {
    // SAFETY: libuv passes the open handle that the hook was started on.
    let context = unsafe { context(raw) };
    context.emit(|events| events.check());
}

unsafe extern "C" fn on_idle(_raw: *mut sys::Handle) {}
