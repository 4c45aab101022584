//! Native functions: their arguments, their results, and the object that contains them.

use super::{Env, Value, panic_text};
#[cfg(target_os = "linux")]
use crate::errno::Errno;
use napi::bindgen_prelude::FromNapiValue;
use napi::sys;
#[cfg(target_os = "linux")]
use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

/// The space in bytes that is tried first for a string. Asking for its length would cost a call of its own.
const SHORT_STRING: usize = 256;

/// The most arguments of a native function.
const MAX_ARGS: usize = 10;

/// A call with invalid arguments. The arguments come from the package's own JavaScript, so this is a defect of the
/// package and not of its user.
#[derive(Debug)]
pub struct Misuse {
    argument: usize,
    expected: &'static str,
}

impl Misuse {
    /// Argument `argument` is not of the `expected` type.
    pub const fn new(argument: usize, expected: &'static str) -> Misuse {
        Misuse { argument, expected }
    }
}

/// The result of a native function.
pub type Outcome<T> = Result<T, Misuse>;

/// The arguments of a native call.
pub struct Args {
    env: Env,
    values: [sys::napi_value; MAX_ARGS],
}

macro_rules! number_argument {
    ($(#[$doc:meta])* $name:ident, $type:ty, $read:ident) => {
        $(#[$doc])*
        pub fn $name(&self, index: usize) -> Outcome<$type> {
            let mut result = <$type>::default();
            // SAFETY: the argument belongs to this call (Node fills missing ones with undefined).
            let status = unsafe { sys::$read(self.env.0, self.values[index], &raw mut result) };
            if status == sys::Status::napi_ok { Ok(result) } else { Err(Misuse { argument: index, expected: "number" }) }
        }
    };
}

/// `$per_unit`: the most bytes for one UTF-16 unit; `$widest`: the most bytes for one character, which may have two
/// units.
macro_rules! string_argument {
    ($(#[$doc:meta])* $name:ident, $read:ident, $per_unit:literal, $widest:literal) => {
        $(#[$doc])*
        pub fn $name(&self, index: usize, out: &mut Vec<u8>) -> Outcome<usize> {
            out.reserve(SHORT_STRING);
            loop {
                let room = out.capacity() - out.len();
                let mut written = 0;
                let target = out.spare_capacity_mut().as_mut_ptr().cast();
                // SAFETY: the argument belongs to this call, and `room` bytes are reserved.
                let status = unsafe { sys::$read(self.env.0, self.values[index], target, room, &raw mut written) };
                if status != sys::Status::napi_ok {
                    return Err(Misuse { argument: index, expected: "string" });
                }
                // The string is complete if there was still room for the widest character and the terminator.
                if written + $widest < room {
                    // SAFETY: Node wrote `written` bytes, fewer than `room`, after the old length.
                    unsafe { out.set_len(out.len() + written) };
                    return Ok(written);
                }
                out.reserve(self.string_length(index)? * $per_unit + $widest + 1);
            }
        }
    };
}

impl Args {
    /// The environment of the call.
    pub fn env(&self) -> Env {
        self.env
    }

    /// The argument as a value.
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

    /// An object with the fields of a `#[napi(object)]`, for rare calls.
    pub fn object<T: FromNapiValue>(&self, index: usize) -> Outcome<T> {
        // SAFETY: the environment and the argument belong to this call.
        let object = unsafe { T::from_napi_value(self.env.0, self.values[index]) };
        object.map_err(|_| Misuse {
            argument: index,
            expected: "object of the fields that Rust reads",
        })
    }

    /// `true` or `false`.
    pub fn boolean(&self, index: usize) -> Outcome<bool> {
        let mut result = false;
        // SAFETY: the argument belongs to this call.
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

    /// A file descriptor of the program, which stays open during the call. If the number does not belong to an open
    /// file, the system reports an error when it is used.
    #[cfg(target_os = "linux")]
    pub fn fd(&self, index: usize) -> Outcome<BorrowedFd<'_>> {
        let fd = self.number_of_fd(index)?;
        // SAFETY: the number is not -1, and no JavaScript that could close it runs during the call.
        Ok(unsafe { BorrowedFd::borrow_raw(fd) })
    }

    /// Closes a file descriptor that the program has given away. The inner result is an error if it was closed
    /// already.
    #[cfg(target_os = "linux")]
    pub fn close_fd(&self, index: usize) -> Outcome<Result<(), Errno>> {
        let fd = self.number_of_fd(index)?;
        // SAFETY: no one uses the descriptor any more. If it does not belong to an open file, the system reports an
        // error.
        let status = unsafe { libc::close(fd) };
        let error = || Errno(-std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EBADF));
        Ok(if status == 0 { Ok(()) } else { Err(error()) })
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

    /// The length of a string in UTF-16 units, without reading it.
    fn string_length(&self, index: usize) -> Outcome<usize> {
        let mut units = 0;
        // SAFETY: no buffer is passed, so only the length is written.
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
        append_utf8, napi_get_value_string_utf8, 3, 4
    }
    string_argument! {
        /// Appends a string's low bytes, as Node's `latin1` does; returns the bytes it took.
        append_latin1, napi_get_value_string_latin1, 1, 1
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

    /// Runs `look` on `length` bytes from `offset` of a `Buffer` or `Uint8Array`. No JavaScript can run meanwhile.
    pub fn bytes<T>(&self, index: usize, offset: usize, length: usize, look: impl FnOnce(&[u8]) -> T) -> Outcome<T> {
        let (mut kind, mut size, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: the argument belongs to this call, and all variables have room for the answers.
        // (`napi_get_buffer_info` would abort for another type.)
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
        // SAFETY: the range is inside the buffer, as checked above.
        let start = unsafe { data.cast::<u8>().add(offset) };
        // SAFETY: the argument keeps the memory alive for the call. Only JavaScript could change it, and none runs
        // during `look`.
        Ok(look(unsafe { std::slice::from_raw_parts(start, length) }))
    }
}

/// A type that a native function can return.
pub trait IntoValue {
    /// Converts to a JavaScript value; `None` becomes `undefined`.
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

/// The state and code of a native function. It lives as long as the environment.
struct Bound<S, F> {
    state: Rc<S>,
    code: F,
}

/// Collects native functions into one object for JavaScript.
pub struct Functions<S> {
    env: Env,
    object: Value,
    state: Rc<S>,
    /// Frees the data of the functions, after the environment has stopped running JavaScript.
    release: Vec<Box<dyn FnOnce()>>,
}

impl<S: 'static> Functions<S> {
    /// Creates an empty set of functions that all receive `state`.
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
        // SAFETY: pointer and length of the name come from the same slice. `data` lives until the closure from
        // `finish` runs, after the last JavaScript of the environment.
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
            // SAFETY: made by `Box::into_raw` above, and freed once.
            drop(unsafe { Box::from_raw(data) });
        }));
    }

    /// Adds a function that also receives `shared`, the data that a part of the package keeps for the environment.
    pub fn add_with<T, R, F>(&mut self, shared: &Rc<T>, name: &str, code: F)
    where
        T: 'static,
        R: IntoValue + 'static,
        F: Fn(&Rc<T>, &S, &Args) -> Outcome<R> + 'static,
    {
        let shared = shared.clone();
        self.add(name, move |state, args| code(&shared, state, args));
    }

    /// The state that every function receives.
    pub fn state(&self) -> &Rc<S> {
        &self.state
    }

    /// Returns the object, and a closure that frees the functions' data when the environment has ended.
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
    // SAFETY: `values` has room for `count` values; Node fills the rest with undefined.
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
    // SAFETY: this is the `Bound` given to `napi_create_function`, which lives while JavaScript can call the
    // function.
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
