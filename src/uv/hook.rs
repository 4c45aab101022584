//! Hooks that run in each turn of the loop: before it waits for I/O, after it has handled events, or to keep it from
//! waiting.

use super::handle::{Handle, context};
use super::{Errno, Loop, sys};

/// A hook of the loop. While started, it keeps the loop alive, so that pending work is finished.
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
    /// Creates a stopped hook that is reported before each wait as [`super::Events::prepare`].
    pub fn prepare(uv: &Loop, token: u32) -> Result<Hook, Errno> {
        Ok(Hook {
            handle: Handle::new(uv, sys::PREPARE, token, sys::uv_prepare_init)?,
            kind: Kind::Prepare,
        })
    }

    /// Creates a stopped hook that is reported after each wait, when its events are handled, as
    /// [`super::Events::check`].
    pub fn check(uv: &Loop, token: u32) -> Result<Hook, Errno> {
        Ok(Hook {
            handle: Handle::new(uv, sys::CHECK, token, sys::uv_check_init)?,
            kind: Kind::Check,
        })
    }

    /// Creates a stopped hook that reports nothing. While it is started, the loop polls instead of waiting.
    pub fn idle(uv: &Loop, token: u32) -> Result<Hook, Errno> {
        Ok(Hook {
            handle: Handle::new(uv, sys::IDLE, token, sys::uv_idle_init)?,
            kind: Kind::Idle,
        })
    }

    /// Starts the hook: it is reported in each turn from now on.
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

    /// Stops the hook.
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
