//! Safe wrappers of all raw Node-API calls of the crate. This file has the environment, its values, and the memory
//! and functions of JavaScript; [`functions`] has the native functions that JavaScript calls.
//!
//! An empty call through `#[napi]` costs 57 ns, one with two integers 145; a raw call costs 24. Calls that happen
//! once per event or per message therefore use this module; rare ones use the macros. All values belong to the
//! environment's own thread. A [`Value`] is valid only until the call into Rust, or the [`Env::scope`], in which it
//! was created ends.

mod functions;
mod memory;
mod text;

use crate::uv::{Memory, READ_BUFFER};
use napi::bindgen_prelude::{FromNapiValue, ToNapiValue};
use napi::sys;
use std::cell::Cell;
use std::ffi::{CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

pub use functions::{Args, Functions, Misuse, Outcome};

/// A JavaScript value, valid for the current call.
#[derive(Clone, Copy)]
pub struct Value(sys::napi_value);

impl FromNapiValue for Value {
    unsafe fn from_napi_value(_env: sys::napi_env, value: sys::napi_value) -> napi::Result<Value> {
        Ok(Value(value))
    }
}

impl ToNapiValue for Value {
    unsafe fn to_napi_value(_env: sys::napi_env, value: Value) -> napi::Result<sys::napi_value> {
        Ok(value.0)
    }
}

/// A Node environment: that of the main thread or of a worker.
#[derive(Clone, Copy)]
pub struct Env(sys::napi_env);

impl From<&napi::Env> for Env {
    fn from(env: &napi::Env) -> Env {
        Env(env.raw())
    }
}

impl Env {
    /// The environment's `uv_loop_t`.
    pub fn uv_loop(self) -> *mut c_void {
        let mut raw = ptr::null_mut();
        // SAFETY: the environment belongs to the calling thread.
        unsafe { sys::napi_get_uv_event_loop(self.0, &raw mut raw) };
        raw.cast()
    }

    /// The loop as a safe type, see [`crate::uv::Loop::new`].
    pub fn uv(self, events: std::rc::Weak<dyn crate::uv::Events>) -> Option<crate::uv::Loop> {
        // SAFETY: the loop belongs to this environment and outlives its handles, because the teardown hook waits
        // until they are closed.
        unsafe { crate::uv::Loop::new(self.uv_loop(), events) }
    }

    /// Runs `body` in a handle scope, which frees the values created in it afterwards.
    pub fn scope<T>(self, body: impl FnOnce() -> T) -> T {
        let mut scope = ptr::null_mut();
        // SAFETY: the environment belongs to the calling thread.
        let opened = unsafe { sys::napi_open_handle_scope(self.0, &raw mut scope) } == sys::Status::napi_ok;
        let result = body();
        if opened {
            // SAFETY: the scope was opened above, and is closed once and in order.
            unsafe { sys::napi_close_handle_scope(self.0, scope) };
        }
        result
    }

    /// Creates a number.
    pub fn int(self, value: i32) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: `result` has room for one value.
        unsafe { sys::napi_create_int32(self.0, value, &raw mut result) };
        Value(result)
    }

    /// Creates a number.
    pub fn number(self, value: f64) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: `result` has room for one value.
        unsafe { sys::napi_create_double(self.0, value, &raw mut result) };
        Value(result)
    }

    /// Creates `true` or `false`.
    pub fn boolean(self, value: bool) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: `result` has room for one value.
        unsafe { sys::napi_get_boolean(self.0, value, &raw mut result) };
        Value(result)
    }

    /// `undefined`.
    pub fn undefined(self) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: `result` has room for one value.
        unsafe { sys::napi_get_undefined(self.0, &raw mut result) };
        Value(result)
    }

    /// Creates a string with one character per byte. Returns `undefined` if it would be longer than V8 allows.
    pub fn latin1(self, bytes: &[u8]) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: pointer and length come from the same slice.
        let status = unsafe {
            sys::napi_create_string_latin1(self.0, bytes.as_ptr().cast(), bytes.len() as isize, &raw mut result)
        };
        if status == sys::Status::napi_ok {
            Value(result)
        } else {
            self.undefined()
        }
    }

    /// Creates a string from UTF-8. Returns `undefined` if it would be longer than V8 allows.
    pub fn utf8(self, text: &str) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: pointer and length come from the same slice.
        let status =
            unsafe { sys::napi_create_string_utf8(self.0, text.as_ptr().cast(), text.len() as isize, &raw mut result) };
        if status == sys::Status::napi_ok {
            Value(result)
        } else {
            self.undefined()
        }
    }

    /// Creates a Node `Buffer` with a copy of the bytes. Returns `undefined` if there is no memory for it.
    pub fn buffer_copy(self, bytes: &[u8]) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: pointer and length come from the same slice.
        let status = unsafe {
            sys::napi_create_buffer_copy(
                self.0,
                bytes.len(),
                bytes.as_ptr().cast(),
                ptr::null_mut(),
                &raw mut result,
            )
        };
        if status == sys::Status::napi_ok {
            Value(result)
        } else {
            self.undefined()
        }
    }

    /// Creates an empty object.
    pub fn object(self) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: `result` has room for one value.
        unsafe { sys::napi_create_object(self.0, &raw mut result) };
        Value(result)
    }

    /// Whether an `ArrayBuffer` still has its memory, that is, has not been detached.
    pub fn is_attached(self, buffer: Value) -> bool {
        let mut detached = true;
        // SAFETY: the value belongs to this call, and `detached` has room for the answer.
        unsafe { sys::napi_is_detached_arraybuffer(self.0, buffer.0, &raw mut detached) };
        !detached
    }

    /// Sets a named property.
    pub fn set(self, object: Value, name: &str, value: Value) {
        let Ok(name) = CString::new(name) else { return };
        // SAFETY: `name` is a C string, and both values belong to this call.
        unsafe { sys::napi_set_named_property(self.0, object.0, name.as_ptr(), value.0) };
    }

    /// Reads a named property.
    pub fn get(self, object: Value, name: &str) -> Value {
        let Ok(name) = CString::new(name) else {
            return self.undefined();
        };
        let mut result = ptr::null_mut();
        // SAFETY: `name` is a C string, and the object belongs to this call.
        let status = unsafe { sys::napi_get_named_property(self.0, object.0, name.as_ptr(), &raw mut result) };
        if status == sys::Status::napi_ok {
            Value(result)
        } else {
            self.undefined()
        }
    }

    /// Runs `hook` when the environment ends. The environment waits until the [`Teardown`] passed to the hook is
    /// dropped.
    pub fn on_teardown(self, hook: impl FnOnce(Teardown) + 'static) {
        let hook: Box<Box<dyn FnOnce(Teardown)>> = Box::new(Box::new(hook));
        let data = Box::into_raw(hook).cast();
        // SAFETY: the box is recovered by `run_teardown`, which Node calls once.
        let status = unsafe { sys::napi_add_async_cleanup_hook(self.0, Some(run_teardown), data, ptr::null_mut()) };
        debug_assert_eq!(status, sys::Status::napi_ok);
    }

    /// Reports an error to `uncaughtException`. Without a listener, the process ends.
    pub fn uncaught(self, error: Value) {
        // SAFETY: the value belongs to this call.
        unsafe { sys::napi_fatal_exception(self.0, error.0) };
    }

    /// Reports a pending exception as uncaught. Returns whether there was one.
    fn report_exception(self) -> bool {
        let mut error = ptr::null_mut();
        let mut pending = false;
        // SAFETY: `pending` has room for the answer.
        unsafe { sys::napi_is_exception_pending(self.0, &raw mut pending) };
        if !pending {
            return false;
        }
        // SAFETY: `error` has room for one value.
        unsafe { sys::napi_get_and_clear_last_exception(self.0, &raw mut error) };
        self.uncaught(Value(error));
        true
    }

    /// Runs `body`. A panic becomes an uncaught exception in Node instead of unwinding through libuv.
    pub fn guard(self, body: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(body)) {
            self.report(&format!("ironwire: internal error: {}", panic_text(&*panic)));
        }
    }

    /// Reports a defect as an uncaught exception, when there is no caller that could receive an error.
    pub fn report(self, message: &str) {
        self.scope(|| {
            self.throw(message, "IRONWIRE_INTERNAL");
            self.report_exception();
        });
    }

    fn throw(self, message: &str, code: &str) {
        let message = CString::new(message.replace('\0', " ")).unwrap_or_default();
        let code = CString::new(code).unwrap_or_default();
        // SAFETY: both are C strings.
        unsafe { sys::napi_throw_error(self.0, code.as_ptr(), message.as_ptr()) };
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `undefined` or `null`.
    Nothing,
    /// A boolean.
    Boolean,
    /// A number.
    Number,
    /// A BigInt.
    BigInt,
    /// A string.
    String,
    /// An object that is not a function.
    Object,
    /// Anything else.
    Other,
}

/// Inspection and creation of single values, for operations that are rare. A method that may run JavaScript returns
/// `None` if that threw. The exception is then pending, and no further method may be called.
impl Env {
    /// The type of a value.
    pub fn type_of(self, value: Value) -> Type {
        let mut found = 0;
        // SAFETY: the value belongs to this call, and `found` has room for the answer.
        unsafe { sys::napi_typeof(self.0, value.0, &raw mut found) };
        match found {
            sys::ValueType::napi_undefined | sys::ValueType::napi_null => Type::Nothing,
            sys::ValueType::napi_boolean => Type::Boolean,
            sys::ValueType::napi_number => Type::Number,
            sys::ValueType::napi_bigint => Type::BigInt,
            sys::ValueType::napi_string => Type::String,
            sys::ValueType::napi_object => Type::Object,
            _ => Type::Other,
        }
    }

    /// The value as a number; `None` if it is not one.
    pub fn as_double(self, value: Value) -> Option<f64> {
        let mut result = 0.0;
        // SAFETY: the value belongs to this call, and `result` has room for the answer.
        let status = unsafe { sys::napi_get_value_double(self.0, value.0, &raw mut result) };
        (status == sys::Status::napi_ok).then_some(result)
    }

    /// The value as a boolean; `None` if it is not one.
    pub fn as_boolean(self, value: Value) -> Option<bool> {
        let mut result = false;
        // SAFETY: the value belongs to this call, and `result` has room for the answer.
        let status = unsafe { sys::napi_get_value_bool(self.0, value.0, &raw mut result) };
        (status == sys::Status::napi_ok).then_some(result)
    }

    /// The value as a BigInt; `None` if it is not one. One of more than 64 bits is replaced by a value outside the
    /// range of all 64-bit integers.
    pub fn as_bigint(self, value: Value) -> Option<i128> {
        let (mut negative, mut count, mut words) = (0, 2, [0u64; 2]);
        // SAFETY: the value belongs to this call, and `words` has room for `count` words.
        let status = unsafe {
            sys::napi_get_value_bigint_words(self.0, value.0, &raw mut negative, &raw mut count, words.as_mut_ptr())
        };
        if status != sys::Status::napi_ok {
            return None;
        }
        let magnitude = match count {
            0 => 0,
            1 => i128::from(words[0]),
            _ => 1 << 65,
        };
        Some(if negative != 0 { -magnitude } else { magnitude })
    }

    /// The value as a string in UTF-16; `None` if it is not one.
    pub fn as_utf16(self, value: Value) -> Option<Vec<u16>> {
        let mut length = 0;
        // SAFETY: no buffer is given, so only the length is written.
        let status = unsafe { sys::napi_get_value_string_utf16(self.0, value.0, ptr::null_mut(), 0, &raw mut length) };
        if status != sys::Status::napi_ok {
            return None;
        }
        // One unit more, for the terminator that Node-API writes.
        let mut units = vec![0u16; length + 1];
        // SAFETY: the buffer has room for the string and its terminator.
        unsafe { sys::napi_get_value_string_utf16(self.0, value.0, units.as_mut_ptr(), units.len(), &raw mut length) };
        units.truncate(length);
        Some(units)
    }

    /// The time of a `Date`; `None` for another value.
    pub fn as_date(self, value: Value) -> Option<f64> {
        let mut result = 0.0;
        // SAFETY: the value belongs to this call, and `result` has room for the answer.
        let status = unsafe { sys::napi_get_date_value(self.0, value.0, &raw mut result) };
        (status == sys::Status::napi_ok).then_some(result)
    }

    /// Copies the bytes of a `Uint8Array`. `None` for another value, or if its buffer is detached.
    pub fn copy_bytes(self, value: Value) -> Option<Vec<u8>> {
        let (mut kind, mut size, mut data, mut buffer) = (0, 0, ptr::null_mut(), ptr::null_mut());
        // SAFETY: the value belongs to this call, and all variables have room for the answers.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.0,
                value.0,
                &raw mut kind,
                &raw mut size,
                &raw mut data,
                &raw mut buffer,
                ptr::null_mut(),
            )
        };
        if status != sys::Status::napi_ok || kind != sys::TypedarrayType::uint8_array {
            return None;
        }
        if size == 0 || data.is_null() {
            return self.is_attached(Value(buffer)).then(Vec::new);
        }
        // SAFETY: pointer and length are those of the array, which no JavaScript can change during the copy.
        Some(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) }.to_vec())
    }

    /// The length of an array or a typed array; `None` for another value.
    pub fn list_length(self, value: Value) -> Option<usize> {
        let (mut is_array, mut length) = (false, 0u32);
        // SAFETY: the value belongs to this call, and `is_array` has room for the answer.
        unsafe { sys::napi_is_array(self.0, value.0, &raw mut is_array) };
        if is_array {
            // SAFETY: the value is an array of this call.
            unsafe { sys::napi_get_array_length(self.0, value.0, &raw mut length) };
            return Some(length as usize);
        }
        let (mut kind, mut size) = (0, 0);
        // SAFETY: the value belongs to this call; answers that are not needed are requested with null.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.0,
                value.0,
                &raw mut kind,
                &raw mut size,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        (status == sys::Status::napi_ok).then_some(size)
    }

    /// Reads a property with a key of any type.
    pub fn property(self, object: Value, key: Value) -> Option<Value> {
        let mut result = ptr::null_mut();
        // SAFETY: both values belong to this call.
        let status = unsafe { sys::napi_get_property(self.0, object.0, key.0, &raw mut result) };
        (status == sys::Status::napi_ok).then_some(Value(result))
    }

    /// Whether an object has an own property.
    pub fn has_own(self, object: Value, key: Value) -> bool {
        let mut found = false;
        // SAFETY: both values belong to this call, and `found` has room for the answer.
        unsafe { sys::napi_has_own_property(self.0, object.0, key.0, &raw mut found) };
        found
    }

    /// Runs `look` on the bytes of a `Uint8Array`; `None` for another value. `look` must not change the bytes, nor
    /// run JavaScript that does.
    pub fn with_bytes<T>(self, value: Value, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let (mut kind, mut size, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: the value belongs to this call, and all variables have room for the answers.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.0,
                value.0,
                &raw mut kind,
                &raw mut size,
                &raw mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        if status != sys::Status::napi_ok || kind != sys::TypedarrayType::uint8_array {
            return None;
        }
        if size == 0 || data.is_null() {
            return Some(look(&[]));
        }
        // SAFETY: pointer and length are those of the array, which nothing changes during `look`.
        Some(look(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) }))
    }

    /// Reads an element.
    pub fn element(self, object: Value, index: usize) -> Option<Value> {
        let mut result = ptr::null_mut();
        // SAFETY: the value belongs to this call.
        let status = unsafe { sys::napi_get_element(self.0, object.0, index as u32, &raw mut result) };
        (status == sys::Status::napi_ok).then_some(Value(result))
    }

    /// Sets an element of an array that was created here.
    pub fn set_element(self, array: Value, index: usize, value: Value) {
        // SAFETY: both values belong to this call.
        unsafe { sys::napi_set_element(self.0, array.0, index as u32, value.0) };
    }

    /// Defines an ordinary own property under any name, even `__proto__`.
    pub fn define(self, object: Value, key: Value, value: Value) {
        let property = sys::napi_property_descriptor {
            utf8name: ptr::null(),
            name: key.0,
            method: None,
            getter: None,
            setter: None,
            value: value.0,
            attributes: sys::PropertyAttributes::writable
                | sys::PropertyAttributes::enumerable
                | sys::PropertyAttributes::configurable,
            data: ptr::null_mut(),
        };
        // SAFETY: all values belong to this call, and exactly one property is passed.
        unsafe { sys::napi_define_properties(self.0, object.0, 1, &raw const property) };
    }

    /// Creates a string. Returns `undefined` if it would be longer than V8 allows.
    pub fn string(self, text: &str) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: pointer and length come from the same slice.
        let status =
            unsafe { sys::napi_create_string_utf8(self.0, text.as_ptr().cast(), text.len() as isize, &raw mut result) };
        if status == sys::Status::napi_ok {
            Value(result)
        } else {
            self.undefined()
        }
    }

    /// Creates a BigInt of at most 64 bits and a sign.
    pub fn bigint(self, value: i128) -> Value {
        let mut result = ptr::null_mut();
        let word = value.unsigned_abs() as u64;
        // SAFETY: one word is passed, as the count says.
        unsafe { sys::napi_create_bigint_words(self.0, i32::from(value < 0), 1, &raw const word, &raw mut result) };
        Value(result)
    }

    /// Creates a `Date`.
    pub fn date(self, ms: f64) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: `result` has room for one value.
        unsafe { sys::napi_create_date(self.0, ms, &raw mut result) };
        Value(result)
    }

    /// Creates an array.
    pub fn array(self, items: &[Value]) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: `result` has room for one value.
        unsafe { sys::napi_create_array_with_length(self.0, items.len(), &raw mut result) };
        for (index, item) in items.iter().enumerate() {
            self.set_element(Value(result), index, *item);
        }
        Value(result)
    }

    /// Calls a function with `undefined` as its receiver.
    pub fn call(self, function: Value, arguments: &[Value]) -> Option<Value> {
        let (mut result, receiver) = (ptr::null_mut(), self.undefined());
        // SAFETY: all values belong to this call, and a `Value` has the layout of a `napi_value`.
        let status = unsafe {
            sys::napi_call_function(
                self.0,
                receiver.0,
                function.0,
                arguments.len(),
                arguments.as_ptr().cast(),
                &raw mut result,
            )
        };
        (status == sys::Status::napi_ok).then_some(Value(result))
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic")
}

/// Delays the end of an environment until it is dropped.
pub struct Teardown(sys::napi_async_cleanup_hook_handle);

impl Drop for Teardown {
    fn drop(&mut self) {
        // SAFETY: this is the handle that Node passed to the hook, and it is returned once.
        unsafe { sys::napi_remove_async_cleanup_hook(self.0) };
    }
}

unsafe extern "C" fn run_teardown(handle: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    // SAFETY: this is the box made in `on_teardown`; Node calls the hook once.
    let hook = unsafe { Box::from_raw(data.cast::<Box<dyn FnOnce(Teardown)>>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| hook(Teardown(handle))));
}

/// A reference that keeps a value beyond the current call. When the environment ends, Node frees it.
pub struct Ref {
    env: Env,
    raw: sys::napi_ref,
}

impl Ref {
    /// Keeps an object or a function.
    pub fn new(env: Env, value: Value) -> Ref {
        let mut raw = ptr::null_mut();
        // SAFETY: the value belongs to this call.
        unsafe { sys::napi_create_reference(env.0, value.0, 1, &raw mut raw) };
        Ref { env, raw }
    }

    /// The value, valid for the current call.
    pub fn get(&self) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: the reference is valid until `release`.
        unsafe { sys::napi_get_reference_value(self.env.0, self.raw, &raw mut result) };
        Value(result)
    }

    /// Frees the reference while the environment is still in use.
    pub fn release(self) {
        // SAFETY: the reference is valid, and is given up here.
        unsafe { sys::napi_delete_reference(self.env.0, self.raw) };
    }
}

/// Memory that JavaScript sees as an `ArrayBuffer` and that Rust fills.
///
/// User code that gets hold of the buffer under a view can detach it, and its memory may then be freed. So for memory
/// whose views leave `lib/`, [`is_attached`](SharedBytes::is_attached) must be called in each event before a write.
/// No JavaScript runs between that check and the writes.
pub struct SharedBytes {
    reference: Ref,
    data: *mut u8,
    length: usize,
}

impl SharedBytes {
    /// Creates a zeroed `ArrayBuffer`; `None` if there is no memory for it.
    pub fn new(env: Env, length: usize) -> Option<SharedBytes> {
        env.scope(|| {
            let (mut data, mut value) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: both variables have room for the answers.
            let status = unsafe { sys::napi_create_arraybuffer(env.0, length, &raw mut data, &raw mut value) };
            (status == sys::Status::napi_ok && !data.is_null()).then(|| SharedBytes {
                reference: Ref::new(env, Value(value)),
                data: data.cast(),
                length,
            })
        })
    }

    /// The `ArrayBuffer`.
    pub fn value(&self) -> Value {
        self.reference.get()
    }

    /// Whether the buffer has not been detached.
    pub fn is_attached(&self) -> bool {
        let env = self.reference.env;
        env.scope(|| env.is_attached(self.value()))
    }

    /// Copies bytes to `offset`. Panics if they do not fit, which is a defect of the caller.
    pub fn copy_in(&self, offset: usize, bytes: &[u8]) {
        assert!(
            offset <= self.length && bytes.len() <= self.length - offset,
            "slab overrun"
        );
        // SAFETY: `offset` is within the memory, as checked above.
        let target = unsafe { self.data.add(offset) };
        // SAFETY: the reference keeps the memory alive, the range is checked above, and no JavaScript runs during the
        // copy.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
    }

    /// Writes the 32-bit word at `index`, in native byte order as `Uint32Array` reads it.
    pub fn set_word(&self, index: usize, value: u32) {
        self.copy_in(index * 4, &value.to_ne_bytes());
    }

    /// Writes consecutive 32-bit words from `index`.
    pub fn copy_words(&self, index: usize, words: &[u32]) {
        // SAFETY: every `u32` consists of four initialised bytes.
        let bytes = unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), size_of_val(words)) };
        self.copy_in(index * 4, bytes);
    }

    /// Reads the 32-bit word at `index`.
    pub fn word(&self, index: usize) -> u32 {
        assert!(index < self.length / 4, "table overrun");
        // SAFETY: `index` is within the memory, as checked above.
        let source = unsafe { self.data.add(index * 4) };
        // SAFETY: the address is within the memory. An ArrayBuffer is aligned for words, and an unaligned read does
        // not even require that.
        unsafe { source.cast::<u32>().read_unaligned() }
    }

    /// Frees the reference. The memory lives on as long as JavaScript has views of it.
    pub fn release(self) {
        self.reference.release();
    }
}

/// A buffer for reads. It can become a `Buffer` of JavaScript without a copy, if enough bytes were read into it.
pub struct Landing {
    /// Freed when this is dropped.
    buffer: Option<SharedBytes>,
    taken: Cell<bool>,
}

impl Landing {
    /// Allocates the buffer; `None` if there is no memory for it.
    pub fn new(env: Env) -> Option<Landing> {
        env.scope(|| {
            let (mut data, mut value) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: both variables have room for the answers. The memory is not initialised, but only bytes that
            // were read into it are ever accessed here.
            let status = unsafe { sys::napi_create_buffer(env.0, READ_BUFFER, &raw mut data, &raw mut value) };
            (status == sys::Status::napi_ok && !data.is_null()).then(|| Landing {
                buffer: Some(SharedBytes {
                    reference: Ref::new(env, Value(value)),
                    data: data.cast(),
                    length: READ_BUFFER,
                }),
                taken: Cell::new(false),
            })
        })
    }

    /// Gives the memory to JavaScript if `bytes` lie in it, and returns their offset. The caller must not access the
    /// bytes of this read any more: JavaScript may overwrite them or transfer the memory to another thread.
    pub fn take(&self, bytes: &[u8]) -> Option<usize> {
        let offset = (bytes.as_ptr() as usize).checked_sub(self.address().as_ptr() as usize)?;
        let lies = offset < READ_BUFFER && bytes.len() <= READ_BUFFER - offset;
        self.taken.set(self.taken.get() || lies);
        lies.then_some(offset)
    }

    /// The `Buffer`.
    pub fn value(&self, env: Env) -> Value {
        self.buffer.as_ref().map_or_else(|| env.undefined(), SharedBytes::value)
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            buffer.release();
        }
    }
}

// SAFETY: the reference keeps the memory alive as long as the value. JavaScript can access it only after it is taken,
// and then no code here accesses it any more (see `take`).
unsafe impl Memory for Landing {
    fn address(&self) -> NonNull<u8> {
        let data = self.buffer.as_ref().map(|buffer| buffer.data);
        data.and_then(NonNull::new).unwrap_or(NonNull::dangling())
    }

    fn is_taken(&self) -> bool {
        self.taken.get()
    }
}

/// The JavaScript functions that Rust calls, by index.
pub struct Callbacks<const N: usize> {
    env: Env,
    functions: [Ref; N],
    dead: Cell<bool>,
}

impl<const N: usize> Callbacks<N> {
    /// Looks up the functions with these names in an object.
    pub fn new(env: Env, object: Value, names: [&str; N]) -> Callbacks<N> {
        let functions = names.map(|name| Ref::new(env, env.get(object, name)));
        Callbacks {
            env,
            functions,
            dead: Cell::new(false),
        }
    }

    /// Makes all further calls do nothing, because the environment is ending.
    pub fn silence(&self) {
        self.dead.set(true);
    }

    /// Calls function `index` in a callback scope, so that `nextTick` callbacks and promise jobs run after it.
    /// `arguments` creates its arguments. An exception goes to `uncaughtException`. Returns whether the function
    /// ended without an exception.
    pub fn call<const A: usize>(&self, index: usize, arguments: impl FnOnce(Env) -> [Value; A]) -> bool {
        if self.dead.get() {
            return true;
        }
        let env = self.env;
        env.scope(|| {
            let arguments = arguments(env);
            // The receiver also serves as the async resource of the call. It is a new object each time: on Node 20
            // and 22, `AsyncLocalStorage.enterWith` attaches data to it, which must not leak into the next event,
            // possibly another user's request.
            let (receiver, function) = (env.object(), self.functions[index].get());
            let mut result = ptr::null_mut();
            // SAFETY: all values are live in this scope, and `Value` has the layout of a `napi_value` (the const
            // below checks that).
            let status = unsafe {
                sys::napi_make_callback(
                    env.0,
                    ptr::null_mut(),
                    receiver.0,
                    function.0,
                    A,
                    arguments.as_ptr().cast(),
                    &raw mut result,
                )
            };
            if status == sys::Status::napi_ok {
                return true;
            }
            !env.report_exception()
        })
    }

    /// Calls function `index` without a callback scope: no `nextTick` callbacks or promise jobs run after it. For
    /// functions that only answer a question. An exception goes to `uncaughtException`. Returns whether the function
    /// ended without an exception.
    pub fn ask<const A: usize>(&self, index: usize, arguments: impl FnOnce(Env) -> [Value; A]) -> bool {
        if self.dead.get() {
            return false;
        }
        let env = self.env;
        env.scope(|| {
            let arguments = arguments(env);
            let (receiver, function) = (env.undefined(), self.functions[index].get());
            let mut result = ptr::null_mut();
            // SAFETY: all values are live in this scope, and `Value` has the layout of a `napi_value`.
            let status = unsafe {
                sys::napi_call_function(
                    env.0,
                    receiver.0,
                    function.0,
                    A,
                    arguments.as_ptr().cast(),
                    &raw mut result,
                )
            };
            if status != sys::Status::napi_ok {
                env.report_exception();
            }
            status == sys::Status::napi_ok
        })
    }
}

const _: () = assert!(size_of::<Value>() == size_of::<sys::napi_value>());
