//! Every raw Node-API call of the crate, wrapped into safe types.
//!
//! `#[napi]` costs 57 ns for an empty call and 145 with two integers; a raw call costs 24. Calls that happen once per event or
//! per message therefore come through here; cold ones use the macros. All values belong to the environment's own thread, and a
//! [`Value`] is good only until the call into Rust, or the [`Env::scope`], that made it ends.

use crate::uv::{Memory, READ_BUFFER};
use napi::bindgen_prelude::{FromNapiValue, ToNapiValue};
use napi::sys;
use std::cell::Cell;
use std::ffi::{CString, c_void};
#[cfg(target_os = "linux")]
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::rc::Rc;

/// Room that is tried before a string's length is asked for, which costs a call of its own.
const SHORT_STRING: usize = 256;

/// No native function takes more arguments.
const MAX_ARGS: usize = 10;

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

/// What a native function says of a call it cannot take: the JavaScript side of the package has a defect, not its user.
#[derive(Debug)]
pub struct Misuse {
    argument: usize,
    expected: &'static str,
}

/// The result of a native function.
pub type Outcome<T> = Result<T, Misuse>;

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
}

impl<const N: usize> Callbacks<N> {
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

/// The arguments of one native call.
pub struct Args {
    env: Env,
    values: [sys::napi_value; MAX_ARGS],
}

macro_rules! number_argument {
    ($(#[$doc:meta])* $name:ident, $type:ty, $read:ident) => {
        $(#[$doc])*
        pub fn $name(&self, index: usize) -> Outcome<$type> {
            let mut result = <$type>::default();
            // SAFETY: the argument is this call's (Node fills missing ones with undefined).
            let status = unsafe { sys::$read(self.env.0, self.values[index], &raw mut result) };
            if status == sys::Status::napi_ok { Ok(result) } else { Err(Misuse { argument: index, expected: "number" }) }
        }
    };
}

macro_rules! string_argument {
    ($(#[$doc:meta])* $name:ident, $read:ident, $widest:literal) => {
        $(#[$doc])*
        pub fn $name(&self, index: usize, out: &mut Vec<u8>) -> Outcome<usize> {
            out.reserve(SHORT_STRING);
            loop {
                let room = out.capacity() - out.len();
                let mut written = 0;
                let target = out.spare_capacity_mut().as_mut_ptr().cast();
                // SAFETY: the argument is this call's, and `room` bytes are reserved.
                let status = unsafe { sys::$read(self.env.0, self.values[index], target, room, &raw mut written) };
                if status != sys::Status::napi_ok {
                    return Err(Misuse { argument: index, expected: "string" });
                }
                // With room left for one more character behind it, the string was not cut off.
                if written + $widest < room {
                    // SAFETY: Node wrote `written` bytes, fewer than `room`, behind the old length.
                    unsafe { out.set_len(out.len() + written) };
                    return Ok(written);
                }
                out.reserve((self.string_length(index)? + 1) * $widest + 1);
            }
        }
    };
}

impl Args {
    /// The environment of the call.
    pub fn env(&self) -> Env {
        self.env
    }

    /// The argument as it is.
    pub fn value(&self, index: usize) -> Value {
        Value(self.values[index])
    }

    number_argument! {
        /// A 32-bit integer.
        int, i32, napi_get_value_int32
    }
    number_argument! {
        /// An unsigned 32-bit integer.
        uint, u32, napi_get_value_uint32
    }
    number_argument! {
        /// Any number.
        double, f64, napi_get_value_double
    }
    /// An object with the fields of a `#[napi(object)]`, for calls that are made once.
    pub fn object<T: FromNapiValue>(&self, index: usize) -> Outcome<T> {
        // SAFETY: environment and argument are this call's.
        let object = unsafe { T::from_napi_value(self.env.0, self.values[index]) };
        object.map_err(|_| Misuse {
            argument: index,
            expected: "object of the fields that Rust reads",
        })
    }

    /// `true` or `false`.
    pub fn boolean(&self, index: usize) -> Outcome<bool> {
        let mut result = false;
        // SAFETY: the argument is this call's.
        let status = unsafe { sys::napi_get_value_bool(self.env.0, self.values[index], &raw mut result) };
        if status == sys::Status::napi_ok {
            Ok(result)
        } else {
            Err(Misuse {
                argument: index,
                expected: "boolean",
            })
        }
    }

    /// A file descriptor of the program's, which it keeps open during the call. A number that is none of an open file is found out by the system.
    #[cfg(target_os = "linux")]
    pub fn fd(&self, index: usize) -> Outcome<BorrowedFd<'_>> {
        let fd = self.number_of_fd(index)?;
        // SAFETY: not -1, and no JavaScript runs during the call that could close it.
        Ok(unsafe { BorrowedFd::borrow_raw(fd) })
    }

    /// A file descriptor that the program gives away.
    #[cfg(target_os = "linux")]
    pub fn owned_fd(&self, index: usize) -> Outcome<OwnedFd> {
        let fd = self.number_of_fd(index)?;
        // SAFETY: not -1, and the program's, which does not use it any more.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    #[cfg(target_os = "linux")]
    fn number_of_fd(&self, index: usize) -> Outcome<i32> {
        let fd = self.int(index)?;
        let misuse = Misuse {
            argument: index,
            expected: "file descriptor",
        };
        if fd < 0 { Err(misuse) } else { Ok(fd) }
    }

    /// A string's length in UTF-16 units, known without reading it.
    fn string_length(&self, index: usize) -> Outcome<usize> {
        let mut units = 0;
        // SAFETY: no buffer is given, so only the length is written.
        let status = unsafe {
            sys::napi_get_value_string_utf16(self.env.0, self.values[index], ptr::null_mut(), 0, &raw mut units)
        };
        if status == sys::Status::napi_ok {
            Ok(units)
        } else {
            Err(Misuse {
                argument: index,
                expected: "string",
            })
        }
    }

    string_argument! {
        /// Appends a string as UTF-8 (a lone surrogate becomes U+FFFD); returns the bytes it took.
        append_utf8, napi_get_value_string_utf8, 3
    }
    string_argument! {
        /// Appends a string's low bytes, as Node's `latin1` does; returns the bytes it took.
        append_latin1, napi_get_value_string_latin1, 1
    }

    /// A string as UTF-8.
    pub fn string(&self, index: usize) -> Outcome<String> {
        let mut bytes = Vec::new();
        self.append_utf8(index, &mut bytes)?;
        String::from_utf8(bytes).map_err(|_| Misuse {
            argument: index,
            expected: "string",
        })
    }

    /// Looks at `length` bytes from `offset` of a `Buffer` or `Uint8Array`. No JavaScript can run meanwhile.
    pub fn bytes<T>(&self, index: usize, offset: usize, length: usize, look: impl FnOnce(&[u8]) -> T) -> Outcome<T> {
        let (mut kind, mut size, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: the argument is this call's; all have room for the answers. (`napi_get_buffer_info` would abort on another type.)
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.env.0,
                self.values[index],
                &raw mut kind,
                &raw mut size,
                &raw mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        let fits = offset <= size && length <= size - offset;
        if status != sys::Status::napi_ok || kind != sys::TypedarrayType::uint8_array || !fits {
            return Err(Misuse {
                argument: index,
                expected: "Buffer that holds the named range",
            });
        }
        if length == 0 {
            return Ok(look(&[])); // An empty or detached buffer has no address.
        }
        // SAFETY: the range is inside the buffer.
        let start = unsafe { data.cast::<u8>().add(offset) };
        // SAFETY: the argument keeps the memory for the call, and only JavaScript could change it, which does not run in `look`.
        Ok(look(unsafe { std::slice::from_raw_parts(start, length) }))
    }
}

/// What a native function can return.
pub trait IntoValue {
    /// The JavaScript value; `None` is `undefined`.
    fn into_value(self, env: Env) -> Option<Value>;
}

impl IntoValue for () {
    fn into_value(self, _env: Env) -> Option<Value> {
        None
    }
}

impl IntoValue for i32 {
    fn into_value(self, env: Env) -> Option<Value> {
        Some(env.int(self))
    }
}

impl IntoValue for f64 {
    fn into_value(self, env: Env) -> Option<Value> {
        Some(env.number(self))
    }
}

impl IntoValue for bool {
    fn into_value(self, env: Env) -> Option<Value> {
        Some(env.boolean(self))
    }
}

impl IntoValue for Value {
    fn into_value(self, _env: Env) -> Option<Value> {
        Some(self)
    }
}

impl IntoValue for String {
    fn into_value(self, env: Env) -> Option<Value> {
        Some(env.latin1(self.as_bytes()))
    }
}

impl<T: IntoValue, E: IntoValue> IntoValue for Result<T, E> {
    fn into_value(self, env: Env) -> Option<Value> {
        match self {
            Ok(value) => value.into_value(env),
            Err(error) => error.into_value(env),
        }
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn into_value(self, env: Env) -> Option<Value> {
        self.and_then(|value| value.into_value(env))
    }
}

/// A native function's state and code, alive as long as the environment.
struct Bound<S, F> {
    state: Rc<S>,
    code: F,
}

/// Collects native functions into one object for JavaScript.
pub struct Functions<S> {
    env: Env,
    object: Value,
    state: Rc<S>,
    /// Frees what the functions point to, once the environment has stopped running JavaScript.
    release: Vec<Box<dyn FnOnce()>>,
}

impl<S: 'static> Functions<S> {
    /// An empty set of functions that all get `state`.
    pub fn new(env: Env, state: Rc<S>) -> Functions<S> {
        Functions {
            env,
            object: env.object(),
            state,
            release: Vec::new(),
        }
    }

    /// Adds a function.
    pub fn add<R, F>(&mut self, name: &str, code: F)
    where
        R: IntoValue + 'static,
        F: Fn(&S, &Args) -> Outcome<R> + 'static,
    {
        let data = Box::into_raw(Box::new(Bound {
            state: self.state.clone(),
            code,
        }));
        let mut function = ptr::null_mut();
        // SAFETY: the name is a slice; `data` lives until `finish`'s result runs, after the last JavaScript of the environment.
        unsafe {
            sys::napi_create_function(
                self.env.0,
                name.as_ptr().cast(),
                name.len() as isize,
                Some(trampoline::<S, F, R>),
                data.cast(),
                &raw mut function,
            )
        };
        self.env.set(self.object, name, Value(function));
        self.release.push(Box::new(move || {
            // SAFETY: made by `Box::into_raw` above, freed once.
            drop(unsafe { Box::from_raw(data) });
        }));
    }

    /// Adds a function that gets `shared` besides: what a part of the package keeps for the environment.
    pub fn add_with<T, R, F>(&mut self, shared: &Rc<T>, name: &str, code: F)
    where
        T: 'static,
        R: IntoValue + 'static,
        F: Fn(&Rc<T>, &S, &Args) -> Outcome<R> + 'static,
    {
        let shared = shared.clone();
        self.add(name, move |state, args| code(&shared, state, args));
    }

    /// What every function gets.
    pub fn state(&self) -> &Rc<S> {
        &self.state
    }

    /// The object, and what frees it all when the environment has ended.
    pub fn finish(self) -> (Value, impl FnOnce()) {
        let release = self.release;
        (self.object, move || release.into_iter().for_each(|free| free()))
    }
}

unsafe extern "C" fn trampoline<S, F, R>(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value
where
    R: IntoValue,
    F: Fn(&S, &Args) -> Outcome<R>,
{
    let mut args = Args {
        env: Env(env),
        values: [ptr::null_mut(); MAX_ARGS],
    };
    let (mut count, mut data) = (MAX_ARGS, ptr::null_mut());
    // SAFETY: `values` has room for `count`; Node fills the rest with undefined.
    unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &raw mut count,
            args.values.as_mut_ptr(),
            ptr::null_mut(),
            &raw mut data,
        )
    };
    // SAFETY: the `Bound` given to `napi_create_function`, alive while JavaScript can call.
    let bound = unsafe { &*data.cast::<Bound<S, F>>() };
    match catch_unwind(AssertUnwindSafe(|| (bound.code)(&bound.state, &args))) {
        Ok(Ok(result)) => result.into_value(args.env).map_or(ptr::null_mut(), |value| value.0),
        Ok(Err(Misuse { argument, expected })) => {
            args.env.throw(
                &format!("ironwire: native argument {argument} must be a {expected}"),
                "IRONWIRE_INTERNAL",
            );
            ptr::null_mut()
        }
        Err(panic) => {
            args.env.throw(
                &format!("ironwire: internal error: {}", panic_text(&*panic)),
                "IRONWIRE_INTERNAL",
            );
            ptr::null_mut()
        }
    }
}
