//! Every raw Node-API call of the crate, wrapped into safe types: here the environment, its values, the memory and the functions of
//! JavaScript; in [`functions`] what JavaScript calls.
//!
//! `#[napi]` costs 57 ns for an empty call and 145 with two integers; a raw call costs 24. Calls that happen once per event or
//! per message therefore come through here; cold ones use the macros. All values belong to the environment's own thread, and a
//! [`Value`] is good only until the call into Rust, or the [`Env::scope`], that made it ends.

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

/// A JavaScript value, good for the current call.
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

/// A Node environment: the main thread's, or a worker's.
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
        // SAFETY: the environment is the calling thread's.
        unsafe { sys::napi_get_uv_event_loop(self.0, &raw mut raw) };
        raw.cast()
    }

    /// The loop as a safe type, see [`crate::uv::Loop::new`].
    pub fn uv(self, events: std::rc::Weak<dyn crate::uv::Events>) -> Option<crate::uv::Loop> {
        // SAFETY: the loop is this environment's, which outlives its handles: the teardown hook waits until they are closed.
        unsafe { crate::uv::Loop::new(self.uv_loop(), events) }
    }

    /// Runs `body` with room for the values it makes, and frees them after.
    pub fn scope<T>(self, body: impl FnOnce() -> T) -> T {
        let mut scope = ptr::null_mut();
        // SAFETY: the environment is the calling thread's.
        let opened = unsafe { sys::napi_open_handle_scope(self.0, &raw mut scope) } == sys::Status::napi_ok;
        let result = body();
        if opened {
            // SAFETY: opened above, closed once, in order.
            unsafe { sys::napi_close_handle_scope(self.0, scope) };
        }
        result
    }

    /// A number.
    pub fn int(self, value: i32) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: `result` has room for one value.
        unsafe { sys::napi_create_int32(self.0, value, &raw mut result) };
        Value(result)
    }

    /// A number.
    pub fn number(self, value: f64) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: `result` has room for one value.
        unsafe { sys::napi_create_double(self.0, value, &raw mut result) };
        Value(result)
    }

    /// `true` or `false`.
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

    /// A string, one character a byte. `undefined` when it is longer than a string can be.
    pub fn latin1(self, bytes: &[u8]) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: pointer and length are one slice's.
        let status = unsafe {
            sys::napi_create_string_latin1(self.0, bytes.as_ptr().cast(), bytes.len() as isize, &raw mut result)
        };
        if status == sys::Status::napi_ok {
            Value(result)
        } else {
            self.undefined()
        }
    }

    /// A string, from UTF-8. `undefined` when it is longer than a string can be.
    pub fn utf8(self, text: &str) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: pointer and length are one slice's.
        let status =
            unsafe { sys::napi_create_string_utf8(self.0, text.as_ptr().cast(), text.len() as isize, &raw mut result) };
        if status == sys::Status::napi_ok {
            Value(result)
        } else {
            self.undefined()
        }
    }

    /// A Node `Buffer` with a copy of the bytes; `undefined` when there is no memory for it.
    pub fn buffer_copy(self, bytes: &[u8]) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: pointer and length are one slice's.
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

    /// An empty object.
    pub fn object(self) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: `result` has room for one value.
        unsafe { sys::napi_create_object(self.0, &raw mut result) };
        Value(result)
    }

    /// Whether an `ArrayBuffer` has its memory.
    pub fn is_attached(self, buffer: Value) -> bool {
        let mut detached = true;
        // SAFETY: the value is this call's, `detached` has room for the answer.
        unsafe { sys::napi_is_detached_arraybuffer(self.0, buffer.0, &raw mut detached) };
        !detached
    }

    /// Sets a named property.
    pub fn set(self, object: Value, name: &str, value: Value) {
        let Ok(name) = CString::new(name) else { return };
        // SAFETY: `name` is a C string, both values are this call's.
        unsafe { sys::napi_set_named_property(self.0, object.0, name.as_ptr(), value.0) };
    }

    /// Reads a named property.
    pub fn get(self, object: Value, name: &str) -> Value {
        let Ok(name) = CString::new(name) else {
            return self.undefined();
        };
        let mut result = ptr::null_mut();
        // SAFETY: `name` is a C string, the object is this call's.
        let status = unsafe { sys::napi_get_named_property(self.0, object.0, name.as_ptr(), &raw mut result) };
        if status == sys::Status::napi_ok {
            Value(result)
        } else {
            self.undefined()
        }
    }

    /// Runs `hook` when the environment ends; it stays up until the [`Teardown`] given to the hook is done.
    pub fn on_teardown(self, hook: impl FnOnce(Teardown) + 'static) {
        let hook: Box<Box<dyn FnOnce(Teardown)>> = Box::new(Box::new(hook));
        let data = Box::into_raw(hook).cast();
        // SAFETY: the box is taken back by `run_teardown`, which Node calls once.
        let status = unsafe { sys::napi_add_async_cleanup_hook(self.0, Some(run_teardown), data, ptr::null_mut()) };
        debug_assert_eq!(status, sys::Status::napi_ok);
    }

    /// Reports an error to `uncaughtException`, and ends the process where nobody listens for that.
    pub fn uncaught(self, error: Value) {
        // SAFETY: the value is this call's.
        unsafe { sys::napi_fatal_exception(self.0, error.0) };
    }

    /// Reports a pending exception as uncaught; returns whether there was one.
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

    /// Runs `body`; a panic becomes an uncaught exception of Node's instead of unwinding through libuv.
    pub fn guard(self, body: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(body)) {
            self.report(&format!("ironwire: internal error: {}", panic_text(&*panic)));
        }
    }

    /// Reports a defect that no caller is there to hear of as an uncaught exception.
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

/// What a value is.
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
    /// An object that is no function.
    Object,
    /// Anything else.
    Other,
}

/// Values looked at and made one by one, for what is not done often. What may run JavaScript gives `None` where that threw: the
/// exception is pending then, and nothing more may be asked for.
impl Env {
    /// What a value is.
    pub fn type_of(self, value: Value) -> Type {
        let mut found = 0;
        // SAFETY: the value is this call's, `found` has room for the answer.
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

    /// The number that a value is.
    pub fn as_double(self, value: Value) -> Option<f64> {
        let mut result = 0.0;
        // SAFETY: the value is this call's, `result` has room for the answer.
        let status = unsafe { sys::napi_get_value_double(self.0, value.0, &raw mut result) };
        (status == sys::Status::napi_ok).then_some(result)
    }

    /// The boolean that a value is.
    pub fn as_boolean(self, value: Value) -> Option<bool> {
        let mut result = false;
        // SAFETY: the value is this call's, `result` has room for the answer.
        let status = unsafe { sys::napi_get_value_bool(self.0, value.0, &raw mut result) };
        (status == sys::Status::napi_ok).then_some(result)
    }

    /// The BigInt that a value is; one of more than 64 bits comes as the nearest that is out of range of any such.
    pub fn as_bigint(self, value: Value) -> Option<i128> {
        let (mut negative, mut count, mut words) = (0, 2, [0u64; 2]);
        // SAFETY: the value is this call's, `words` has room for `count`.
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

    /// The string that a value is, in UTF-16.
    pub fn as_utf16(self, value: Value) -> Option<Vec<u16>> {
        let mut length = 0;
        // SAFETY: no buffer is given, so only the length is written.
        let status = unsafe { sys::napi_get_value_string_utf16(self.0, value.0, ptr::null_mut(), 0, &raw mut length) };
        if status != sys::Status::napi_ok {
            return None;
        }
        // One more, for the end that is written behind it.
        let mut units = vec![0u16; length + 1];
        // SAFETY: the buffer has room for the string and its end.
        unsafe { sys::napi_get_value_string_utf16(self.0, value.0, units.as_mut_ptr(), units.len(), &raw mut length) };
        units.truncate(length);
        Some(units)
    }

    /// The time that a `Date` is.
    pub fn as_date(self, value: Value) -> Option<f64> {
        let mut result = 0.0;
        // SAFETY: the value is this call's, `result` has room for the answer.
        let status = unsafe { sys::napi_get_date_value(self.0, value.0, &raw mut result) };
        (status == sys::Status::napi_ok).then_some(result)
    }

    /// A copy of the bytes that a `Uint8Array` has; `None` for anything else, and where its buffer is gone.
    pub fn copy_bytes(self, value: Value) -> Option<Vec<u8>> {
        let (mut kind, mut size, mut data, mut buffer) = (0, 0, ptr::null_mut(), ptr::null_mut());
        // SAFETY: the value is this call's; all have room for the answers.
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
        // SAFETY: pointer and length are the array's, which no JavaScript changes meanwhile.
        Some(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) }.to_vec())
    }

    /// The length of an array or of a typed array; `None` for anything else.
    pub fn list_length(self, value: Value) -> Option<usize> {
        let (mut is_array, mut length) = (false, 0u32);
        // SAFETY: the value is this call's, `is_array` has room for the answer.
        unsafe { sys::napi_is_array(self.0, value.0, &raw mut is_array) };
        if is_array {
            // SAFETY: it is an array.
            unsafe { sys::napi_get_array_length(self.0, value.0, &raw mut length) };
            return Some(length as usize);
        }
        let (mut kind, mut size) = (0, 0);
        // SAFETY: the value is this call's; what is not asked for is null.
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

    /// A property, by a key of any kind.
    pub fn property(self, object: Value, key: Value) -> Option<Value> {
        let mut result = ptr::null_mut();
        // SAFETY: both values are this call's.
        let status = unsafe { sys::napi_get_property(self.0, object.0, key.0, &raw mut result) };
        (status == sys::Status::napi_ok).then_some(Value(result))
    }

    /// Whether an object has a property of its own.
    pub fn has_own(self, object: Value, key: Value) -> bool {
        let mut found = false;
        // SAFETY: both values are this call's, `found` has room for the answer.
        unsafe { sys::napi_has_own_property(self.0, object.0, key.0, &raw mut found) };
        found
    }

    /// Looks at the bytes of a `Uint8Array`; `None` for anything else. What runs in `look` must not change them.
    pub fn with_bytes<T>(self, value: Value, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let (mut kind, mut size, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: the value is this call's; all have room for the answers.
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
        // SAFETY: pointer and length are the array's, which nothing changes in `look`.
        Some(look(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) }))
    }

    /// An element.
    pub fn element(self, object: Value, index: usize) -> Option<Value> {
        let mut result = ptr::null_mut();
        // SAFETY: the value is this call's.
        let status = unsafe { sys::napi_get_element(self.0, object.0, index as u32, &raw mut result) };
        (status == sys::Status::napi_ok).then_some(Value(result))
    }

    /// Sets an element of an array made here.
    pub fn set_element(self, array: Value, index: usize, value: Value) {
        // SAFETY: both values are this call's.
        unsafe { sys::napi_set_element(self.0, array.0, index as u32, value.0) };
    }

    /// Defines an ordinary property, whatever it is called.
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
        // SAFETY: all values are this call's, and it is one property.
        unsafe { sys::napi_define_properties(self.0, object.0, 1, &raw const property) };
    }

    /// A string. `undefined` when it is longer than a string can be.
    pub fn string(self, text: &str) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: pointer and length are one slice's.
        let status =
            unsafe { sys::napi_create_string_utf8(self.0, text.as_ptr().cast(), text.len() as isize, &raw mut result) };
        if status == sys::Status::napi_ok {
            Value(result)
        } else {
            self.undefined()
        }
    }

    /// A BigInt of at most 64 bits and a sign.
    pub fn bigint(self, value: i128) -> Value {
        let mut result = ptr::null_mut();
        let word = value.unsigned_abs() as u64;
        // SAFETY: one word is given.
        unsafe { sys::napi_create_bigint_words(self.0, i32::from(value < 0), 1, &raw const word, &raw mut result) };
        Value(result)
    }

    /// A `Date`.
    pub fn date(self, ms: f64) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: `result` has room for one value.
        unsafe { sys::napi_create_date(self.0, ms, &raw mut result) };
        Value(result)
    }

    /// An array.
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
        // SAFETY: all values are this call's; a `Value` has the layout of a napi_value.
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

/// The end of an environment, held up until this is dropped.
pub struct Teardown(sys::napi_async_cleanup_hook_handle);

impl Drop for Teardown {
    fn drop(&mut self) {
        // SAFETY: the handle that Node gave to the hook, returned once.
        unsafe { sys::napi_remove_async_cleanup_hook(self.0) };
    }
}

unsafe extern "C" fn run_teardown(handle: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    // SAFETY: the box made in `on_teardown`; Node calls the hook once.
    let hook = unsafe { Box::from_raw(data.cast::<Box<dyn FnOnce(Teardown)>>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| hook(Teardown(handle))));
}

/// A value kept beyond the current call. It is not freed with the environment by us: Node does that.
pub struct Ref {
    env: Env,
    raw: sys::napi_ref,
}

impl Ref {
    /// Keeps an object or function.
    pub fn new(env: Env, value: Value) -> Ref {
        let mut raw = ptr::null_mut();
        // SAFETY: the value is this call's.
        unsafe { sys::napi_create_reference(env.0, value.0, 1, &raw mut raw) };
        Ref { env, raw }
    }

    /// The value, for the current call.
    pub fn get(&self) -> Value {
        let mut result = ptr::null_mut();
        // SAFETY: the reference is live until `release`.
        unsafe { sys::napi_get_reference_value(self.env.0, self.raw, &raw mut result) };
        Value(result)
    }

    /// Lets the value go while the environment lives on.
    pub fn release(self) {
        // SAFETY: the reference is live and given up here.
        unsafe { sys::napi_delete_reference(self.env.0, self.raw) };
    }
}

/// Memory that JavaScript sees as an `ArrayBuffer` and Rust fills.
///
/// User code that gets at the buffer under a view can detach it, and it may be freed then. Memory whose views leave `lib/` is
/// therefore asked whether it [`is_attached`](SharedBytes::is_attached) in each event before it is written to; JavaScript does
/// not run between the question and the writes.
pub struct SharedBytes {
    reference: Ref,
    data: *mut u8,
    length: usize,
}

impl SharedBytes {
    /// A zeroed `ArrayBuffer`; `None` when there is no memory for it.
    pub fn new(env: Env, length: usize) -> Option<SharedBytes> {
        env.scope(|| {
            let (mut data, mut value) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: both have room for the answers.
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

    /// Whether the memory is still there.
    pub fn is_attached(&self) -> bool {
        let env = self.reference.env;
        env.scope(|| env.is_attached(self.value()))
    }

    /// Copies bytes to `offset`; what does not fit is an error of the caller's and panics.
    pub fn copy_in(&self, offset: usize, bytes: &[u8]) {
        assert!(
            offset <= self.length && bytes.len() <= self.length - offset,
            "slab overrun"
        );
        // SAFETY: `offset` is within the memory.
        let target = unsafe { self.data.add(offset) };
        // SAFETY: the reference keeps the memory, the range is checked above, and JavaScript does not run meanwhile.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
    }

    /// Writes the 32-bit word at `index` (machine order, as `Uint32Array` reads it).
    pub fn set_word(&self, index: usize, value: u32) {
        self.copy_in(index * 4, &value.to_ne_bytes());
    }

    /// Writes consecutive 32-bit words from `index` on.
    pub fn copy_words(&self, index: usize, words: &[u32]) {
        // SAFETY: every `u32` is four initialised bytes.
        let bytes = unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), size_of_val(words)) };
        self.copy_in(index * 4, bytes);
    }

    /// Reads the 32-bit word at `index`.
    pub fn word(&self, index: usize) -> u32 {
        assert!(index < self.length / 4, "table overrun");
        // SAFETY: `index` is within the memory, checked above.
        let source = unsafe { self.data.add(index * 4) };
        // SAFETY: within the memory; an ArrayBuffer's start is aligned for words, unaligned reads do not even need that.
        unsafe { source.cast::<u32>().read_unaligned() }
    }

    /// Lets the memory go; JavaScript's own views of it keep it as long as they live.
    pub fn release(self) {
        self.reference.release();
    }
}

/// Memory for reads to land in, which becomes a `Buffer` of JavaScript's when what has landed is worth it.
pub struct Landing {
    /// Released when this drops.
    buffer: Option<SharedBytes>,
    taken: Cell<bool>,
}

impl Landing {
    /// `None` when there is no memory for it.
    pub fn new(env: Env) -> Option<Landing> {
        env.scope(|| {
            let (mut data, mut value) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: both have room for the answers. The memory is not initialised; only what was read is ever looked at here.
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

    /// Gives the memory to JavaScript if `bytes` lie there; returns their offset in it. Who calls looks at nothing more of their read: JavaScript
    /// may write over it, or give it to another thread.
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

// SAFETY: the reference keeps the memory as long as the value lives. JavaScript sees it when it is taken, and nobody here looks at it after
// that (see `take`).
unsafe impl Memory for Landing {
    fn address(&self) -> NonNull<u8> {
        let data = self.buffer.as_ref().map(|buffer| buffer.data);
        data.and_then(NonNull::new).unwrap_or(NonNull::dangling())
    }

    fn is_taken(&self) -> bool {
        self.taken.get()
    }
}

/// The JavaScript functions that Rust calls, looked up by position.
pub struct Callbacks<const N: usize> {
    env: Env,
    functions: [Ref; N],
    dead: Cell<bool>,
}

impl<const N: usize> Callbacks<N> {
    /// Takes the functions called `names` from an object.
    pub fn new(env: Env, object: Value, names: [&str; N]) -> Callbacks<N> {
        let functions = names.map(|name| Ref::new(env, env.get(object, name)));
        Callbacks {
            env,
            functions,
            dead: Cell::new(false),
        }
    }

    /// From now on calls do nothing: the environment is ending.
    pub fn silence(&self) {
        self.dead.set(true);
    }

    /// Calls function `index` inside a callback scope, so that `nextTick` and promises run after it; `arguments` makes its
    /// arguments. An exception goes to `uncaughtException`. Returns whether the function ended without one.
    pub fn call<const A: usize>(&self, index: usize, arguments: impl FnOnce(Env) -> [Value; A]) -> bool {
        if self.dead.get() {
            return true;
        }
        let env = self.env;
        env.scope(|| {
            let arguments = arguments(env);
            // The receiver is the async resource of the call too. A fresh one: what `AsyncLocalStorage.enterWith` ties to it
            // (Node 20 and 22) must not meet the next event, which may be another user's request.
            let (receiver, function) = (env.object(), self.functions[index].get());
            let mut result = ptr::null_mut();
            // SAFETY: all values are live in this scope; `Value` has the layout of a napi_value (`repr` of a one-field struct is
            // checked by the const below).
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

    /// Calls function `index` for what it says, and for nothing else: no ticks and no promise jobs run after it. Returns whether it ended
    /// without an exception, which goes to `uncaughtException`.
    pub fn ask<const A: usize>(&self, index: usize, arguments: impl FnOnce(Env) -> [Value; A]) -> bool {
        if self.dead.get() {
            return false;
        }
        let env = self.env;
        env.scope(|| {
            let arguments = arguments(env);
            let (receiver, function) = (env.undefined(), self.functions[index].get());
            let mut result = ptr::null_mut();
            // SAFETY: all values are live in this scope, and `Value` has the layout of a napi_value.
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
