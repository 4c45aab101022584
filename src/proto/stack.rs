//! Makes sure that there is enough stack for functions that recurse once per level of nesting.
//!
//! The free stack depends on the caller: a worker thread may have little, and recursive JavaScript may call when
//! little is left.

/// The most bytes of stack that a level takes in any recursive function here: twice what tests measured.
const LEVEL: usize = if cfg!(debug_assertions) { 16 << 10 } else { 4 << 10 };

/// The bytes of stack for everything that does not recurse.
const BASE: usize = 128 << 10;

/// Runs `work` with stack for `levels` levels: on the current stack, or on a new one if that is too small. `work`
/// must not call JavaScript, because V8 knows only the bounds of its own stack.
pub(super) fn with_room<T>(levels: usize, work: impl FnOnce() -> T) -> T {
    let need = BASE + levels * LEVEL;
    stacker::maybe_grow(need, need, work)
}

#[cfg(test)]
mod tests {
    use crate::proto::{CompileOptions, compile_source, descriptor, emit};

    /// Messages have such a test in `codec/tests.rs`.
    #[test]
    fn the_deepest_schemas_fit_a_small_stack() {
        let run = || {
            let mut options = CompileOptions::lenient();
            options.limits.nesting = 256;
            options.limits.full_name = 4096;
            let nested = "message M { optional group G = 1 { ".repeat(128) + &"} }".repeat(128);
            let schema = compile_source("t.proto", &nested, &options, &mut |_| Ok(None)).unwrap();
            assert!(schema.messages.len() == 256 && !emit::outline(&schema).is_empty());
            descriptor::decode(&descriptor::encode(&schema, true), &options).unwrap();
            let value = format!("option (x) = {}{};", "{ a: [ ".repeat(127), "] }".repeat(127));
            compile_source("t.proto", &value, &options, &mut |_| Ok(None)).unwrap();
        };
        let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(run);
        thread.unwrap().join().unwrap();
    }
}
