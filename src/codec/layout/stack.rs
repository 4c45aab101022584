//! Checks that there is enough stack for recursion.
//!
//! The free stack depends on the caller: a worker thread may have little, and recursive JavaScript may call when
//! little is left.

use super::ir::{Limits, Struct};

/// The stack in bytes for one level and everything it calls without recursion. The actual need is many times smaller.
const LEVEL: usize = if cfg!(debug_assertions) { 256 << 10 } else { 64 << 10 };

/// The most stack in bytes that compiling and describing need. Their depth is bounded.
const ROOM: usize = 4 << 20;

/// Runs `work`, whose recursion must be bounded, with enough stack: on the current one, or on a new one if that is
/// too small. `work` must not call JavaScript, because V8 knows only the bounds of its own stack.
pub fn with_room<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(ROOM, ROOM, work)
}

/// Enters a struct, in code that cannot run on another stack. Fails with a message if the stack is nearly used up, or
/// if structs that contain themselves exceed the limit, which `depth` counts.
pub(super) fn descend(structure: &Struct, limits: &Limits, depth: &mut u32) -> Result<(), String> {
    if !has_room() {
        return Err("the stack is too small for this call".into());
    }
    if structure.recursive {
        *depth += 1;
        if *depth > limits.depth {
            return Err(format!("structs are nested deeper than {}", limits.depth));
        }
    }
    Ok(())
}

/// Whether there is enough stack for one more level.
fn has_room() -> bool {
    stacker::remaining_stack().is_none_or(|left| left > LEVEL)
}
