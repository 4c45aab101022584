//! Room on the stack for what recurses once a level of nesting.
//!
//! How much of it there is depends on the caller: a worker thread may have little, and JavaScript that recurses calls from near its end.

/// What a level takes at most, of whatever recurses here: twice what tests measured.
const LEVEL: usize = if cfg!(debug_assertions) { 16 << 10 } else { 4 << 10 };

/// What does not recurse.
const BASE: usize = 128 << 10;

/// Runs `work` with room for so many levels: on the stack that is there or, where that is too small, on one made for the call. `work`
/// must not call JavaScript, which knows the bounds of its own stack only.
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
