//! Slabs: memory that received bytes are copied into for JavaScript to see, and that is never written again after.

use super::raw::{Env, SharedBytes, Value};

/// Received bytes share slabs of this size. A view that is kept pins its slab: whoever keeps many small ones for long copies them.
const SIZE: usize = 64 * 1024;

/// The slab in use, and how much of it is taken.
#[derive(Default)]
pub struct Slab {
    memory: Option<SharedBytes>,
    used: usize,
}

impl Slab {
    /// Makes sure that `room` bytes are free in one slab; `None` when there is no memory for it.
    pub fn reserve(&mut self, env: Env, room: usize) -> Option<()> {
        if self
            .memory
            .as_ref()
            .is_none_or(|memory| memory.len() - self.used < room || !memory.is_attached())
        {
            let next = SharedBytes::new(env, SIZE.max(room))?;
            if let Some(old) = self.memory.replace(next) {
                old.release();
            }
            self.used = 0;
        }
        Some(())
    }

    /// Where the next bytes will lie.
    pub fn offset(&self) -> usize {
        self.used
    }

    /// Copies bytes behind those before; room for them is reserved.
    pub fn push(&mut self, bytes: &[u8]) {
        let Some(memory) = &self.memory else { return };
        memory.copy_in(self.used, bytes);
        self.used += bytes.len();
    }

    /// Lets the next bytes begin where views of wider elements than bytes can.
    pub fn align(&mut self) {
        let end = self.memory.as_ref().map_or(0, SharedBytes::len);
        self.used = self.used.next_multiple_of(8).min(end);
    }

    /// The slab's `ArrayBuffer`.
    pub fn value(&self, env: Env) -> Value {
        self.memory.as_ref().map_or_else(|| env.undefined(), SharedBytes::value)
    }
}
