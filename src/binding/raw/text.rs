//! Long strings whose characters stay in memory of this crate.
//!
//! V8 gives a string of more than 128 KiB memory pages of its own. They are mapped and zeroed for each string and
//! returned when it is collected, which costs several times as much as writing the characters. A string that only
//! refers to external memory avoids that. Node itself creates such strings from 1 MB on.

use super::{Env, Value};
use napi::sys;
use std::ffi::c_void;
use std::ptr;
use std::sync::OnceLock;

/// The number of characters from which V8 gives a string pages of its own.
const LONG: usize = 131_000;

/// `node_api_create_external_string_latin1` of Node-API 10, which Node has since 20.4.
type Create = unsafe extern "C" fn(
    env: sys::napi_env,
    text: *mut u8,
    length: usize,
    finalize: sys::napi_finalize,
    hint: *mut c_void,
    result: *mut sys::napi_value,
    copied: *mut bool,
) -> sys::napi_status;

/// Looks the function up; `None` if this Node does not have it.
#[cfg(unix)]
fn create() -> Option<Create> {
    static FOUND: OnceLock<Option<Create>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: the name is a C string, and the symbol is searched in what the process has loaded.
        let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"node_api_create_external_string_latin1".as_ptr()) };
        // SAFETY: a symbol of this name is a function of this type. If there is none, the pointer is null, which is
        // `None`.
        unsafe { std::mem::transmute::<*mut c_void, Option<Create>>(symbol) }
    })
}

#[cfg(not(unix))]
fn create() -> Option<Create> {
    None
}

impl Env {
    /// Creates a string with one character per byte. A long string keeps the bytes without a copy. Returns
    /// `undefined` if it would be longer than V8 allows.
    pub fn latin1_of(self, text: Vec<u8>) -> Value {
        match create() {
            Some(create) if text.len() >= LONG => self.external(create, text),
            _ => self.latin1(&text),
        }
    }

    fn external(self, create: Create, mut text: Vec<u8>) -> Value {
        let (start, length) = (text.as_mut_ptr(), text.len());
        let owner = Box::into_raw(Box::new(text)).cast();
        let (mut result, mut copied) = (ptr::null_mut(), false);
        self.account(length as i64);
        // SAFETY: the bytes stay alive and unchanged until `release` is called with their owner.
        let status = unsafe {
            create(
                self.0,
                start,
                length,
                Some(release),
                owner,
                &raw mut result,
                &raw mut copied,
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: this is the owner made above. If no string was created, Node does not call `release`.
            unsafe { release(self.0, ptr::null_mut(), owner) };
            return self.undefined();
        }
        Value(result)
    }

    /// Tells V8 how much external memory an object has gained or lost, so that the collector runs soon enough.
    pub fn account(self, change: i64) {
        if change == 0 {
            return;
        }
        let mut total = 0;
        // SAFETY: `total` has room for the answer.
        unsafe { sys::napi_adjust_external_memory(self.0, change, &raw mut total) };
    }
}

/// Called when a string is collected, or at once if V8 has made a copy. `env` is null if the environment has ended.
unsafe extern "C" fn release(env: sys::napi_env, _data: *mut c_void, owner: *mut c_void) {
    // SAFETY: this is the owner made in `external`, which is returned once.
    let text = unsafe { Box::from_raw(owner.cast::<Vec<u8>>()) };
    if !env.is_null() {
        Env(env).account(-(text.len() as i64));
    }
}
