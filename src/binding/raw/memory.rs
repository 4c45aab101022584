//! Access to the memory of typed arrays that are passed to native functions.

use super::Env;
use super::functions::{Args, Misuse, Outcome};
use napi::sys;
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// The memory of a typed array, as bytes.
struct Span {
    data: *mut u8,
    length: usize,
    /// Whether other threads may write to it at any time (`SharedArrayBuffer`).
    shared: bool,
}

impl Span {
    fn overlaps(&self, other: &Span) -> bool {
        let (a, b) = (self.data as usize, other.data as usize);
        a < b + other.length && b < a + self.length
    }

    /// The bytes of shared memory as atomics.
    fn cells(&self) -> &[AtomicU8] {
        // SAFETY: the argument keeps the memory alive for the call, and atomics may be accessed by several threads.
        unsafe { std::slice::from_raw_parts(self.data.cast(), self.length) }
    }

    fn copy(&self) -> Vec<u8> {
        self.cells().iter().map(|cell| cell.load(Relaxed)).collect()
    }
}

/// The size of an element in bytes, by the type that Node-API reports.
fn element_size(kind: i32) -> Option<usize> {
    use sys::TypedarrayType as Kind;
    match kind {
        Kind::int8_array | Kind::uint8_array | Kind::uint8_clamped_array => Some(1),
        Kind::int16_array | Kind::uint16_array => Some(2),
        Kind::int32_array | Kind::uint32_array | Kind::float32_array => Some(4),
        Kind::float64_array | Kind::bigint64_array | Kind::biguint64_array => Some(8),
        _ => None,
    }
}

impl Args {
    fn span(&self, index: usize) -> Outcome<Span> {
        let (mut kind, mut length, mut data, mut buffer) = (0, 0, ptr::null_mut(), ptr::null_mut());
        let Env(env) = self.env();
        // SAFETY: the argument belongs to this call, and all variables have room for the answers.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                env,
                self.value(index).0,
                &raw mut kind,
                &raw mut length,
                &raw mut data,
                &raw mut buffer,
                ptr::null_mut(),
            )
        };
        let size = element_size(kind).filter(|_| status == sys::Status::napi_ok);
        let Some(size) = size else {
            return Err(Misuse::new(index, "typed array"));
        };
        let mut own = false;
        // SAFETY: the buffer belongs to this call, and `own` has room for the answer, which is false for a
        // SharedArrayBuffer.
        unsafe { sys::napi_is_arraybuffer(env, buffer, &raw mut own) };
        // An empty or detached array has a null address.
        let length = if data.is_null() { 0 } else { length * size };
        Ok(Span {
            data: if length == 0 { ptr::dangling_mut() } else { data.cast() },
            length,
            shared: !own,
        })
    }

    /// Runs `look` on the bytes of a typed array, or on a copy if other threads may write to them.
    pub fn look<T>(&self, index: usize, look: impl FnOnce(&[u8]) -> T) -> Outcome<T> {
        let span = self.span(index)?;
        if span.shared {
            return Ok(look(&span.copy()));
        }
        // SAFETY: the argument keeps the memory alive for the call. Only JavaScript could change it, and none runs
        // during `look`.
        Ok(look(unsafe { std::slice::from_raw_parts(span.data, span.length) }))
    }

    /// Runs `change` on the bytes of a typed array.
    pub fn change<T>(&self, index: usize, change: impl FnOnce(&mut [u8]) -> T) -> Outcome<T> {
        let span = self.span(index)?;
        if span.shared {
            let mut bytes = span.copy();
            let result = change(&mut bytes);
            for (cell, byte) in span.cells().iter().zip(bytes) {
                cell.store(byte, Relaxed);
            }
            return Ok(result);
        }
        // SAFETY: as in `look`; nothing else refers to the memory meanwhile, which `convert` ensures.
        Ok(change(unsafe {
            std::slice::from_raw_parts_mut(span.data, span.length)
        }))
    }

    /// Converts the bytes of one typed array into another. If their memory overlaps, the input is copied first.
    pub fn convert<T>(&self, from: usize, to: usize, convert: impl FnOnce(&[u8], &mut [u8]) -> T) -> Outcome<T> {
        if self.span(from)?.overlaps(&self.span(to)?) {
            let input = self.look(from, <[u8]>::to_vec)?;
            return self.change(to, |output| convert(&input, output));
        }
        self.look(from, |input| self.change(to, |output| convert(input, output)))?
    }
}
