//! Long strings whose characters stay in memory of ours.
//!
//! V8 gives a string of more than 128 KiB pages of its own, which cost several times as much as to write the characters: they are mapped and
//! zeroed for each, and given back when it is collected. A string that only refers to memory of the process costs none of it. Node makes such
//! strings itself from 1 MB on.

use super::{Env, Value};
use napi::sys;
use std::ffi::c_void;
use std::ptr;
use std::sync::OnceLock;

/// From so many characters on a string has pages of its own in V8.
const LONG: usize = 131_000;

/// `node_api_create_external_string_latin1`, of Node-API 10: Node has it since 20.4.
type Create = unsafe extern "C" fn(
    env: sys::napi_env,
    text: *mut u8,
    length: usize,
    finalize: sys::napi_finalize,
    hint: *mut c_void,
    result: *mut sys::napi_value,
    copied: *mut bool,
) -> sys::napi_status;

/// What this Node has of it.
#[cfg(unix)]
fn create() -> Option<Create> {
    static FOUND: OnceLock<Option<Create>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: the name is a C string; the symbol is looked for in what the process has loaded.
        let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"node_api_create_external_string_latin1".as_ptr()) };
        // SAFETY: the symbol of this name is a function of this type, or there is none and it is null, as is `None`.
        unsafe { std::mem::transmute::<*mut c_void, Option<Create>>(symbol) }
    })
}

#[cfg(not(unix))]
fn create() -> Option<Create> {
    None
}

impl Env {
    /// A string, one character a byte, which keeps the bytes if it is long. `undefined` when it is longer than a string can be.
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
        // SAFETY: the bytes live, and nobody changes them, until `release` is called with their owner.
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
            // SAFETY: the owner is the one made above: where there is no string, Node does not call this.
            unsafe { release(self.0, ptr::null_mut(), owner) };
            return self.undefined();
        }
        Value(result)
    }

    /// Tells V8 of memory that an object has, or had, so that it collects soon enough.
    pub fn account(self, change: i64) {
        if change == 0 {
            return;
        }
        let mut total = 0;
        // SAFETY: `total` has room for the answer.
        unsafe { sys::napi_adjust_external_memory(self.0, change, &raw mut total) };
    }
}

/// Called when a string is collected, or its environment has ended: then that is null. Also at once where V8 has made a copy.
unsafe extern "C" fn release(env: sys::napi_env, _data: *mut c_void, owner: *mut c_void) {
    // SAFETY: the owner made in `external`, given back once.
    let text = unsafe { Box::from_raw(owner.cast::<Vec<u8>>()) };
    if !env.is_null() {
        Env(env).account(-(text.len() as i64));
    }
}
