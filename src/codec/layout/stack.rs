//! Room on the stack for what recurses.
//!
//! How much of it there is depends on the caller: a worker thread may have little, and JavaScript that recurses calls from near its end.

use super::ir::{Limits, Struct};

/// What a level takes, with whatever it calls that does not recurse: many times what it does.
const LEVEL: usize = if cfg!(debug_assertions) { 256 << 10 } else { 64 << 10 };

/// What compiling and describing take at most: their depth is bounded.
const ROOM: usize = 4 << 20;

/// Runs `work` with room for anything that is bounded: on the stack that is there or, where that is too small, on one made for the
/// call. `work` must not call JavaScript, which knows the bounds of its own stack only.
pub fn with_room<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(ROOM, ROOM, work)
}

/// Goes one struct deeper, for what cannot run on another stack, or says what is in the way: the end of the stack, or the limit on structs that
/// contain themselves, which `depth` counts.
pub(super) fn descend(structure: &Struct, limits: &Limits, depth: &mut u32) -> Result<(), String> {
    if !has_room() {
        return Err("there is no more room on the stack".into());
    }
    if structure.recursive {
        *depth += 1;
        if *depth > limits.depth {
            return Err(format!("structs are nested deeper than {}", limits.depth));
        }
    }
    Ok(())
}

/// Whether there is room for one level more.
fn has_room() -> bool {
    stacker::remaining_stack().is_none_or(|left| left > LEVEL)
}
