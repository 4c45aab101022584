//! Slabs: memory that received bytes are copied into for JavaScript to see, and that is never written again after.

use super::raw::{Env, SharedBytes, Value};

/// Small pieces of received bytes share slabs of this size, that of Node's own pool of small Buffers: a view that is kept pins its
/// slab, so this is the most that a kept byte can cost.
pub const SIZE: usize = 8 * 1024;

/// From this size on bytes get memory of their own, as in Node's pool: half a slab at most is lost to what does not fit.
pub const OWN: usize = SIZE / 2;

/// The slab in use, and how much of it is taken.
#[derive(Default)]
pub struct Slab {
    memory: Option<SharedBytes>,
    used: usize,
}

impl Slab {
    /// Makes sure that `room` bytes, at most [`SIZE`], are free; `None` when there is no memory for a new slab.
    pub fn reserve(&mut self, env: Env, room: usize) -> Option<()> {
        if self.fits(room) && self.memory.as_ref().is_some_and(SharedBytes::is_attached) {
            return Some(());
        }
        self.renew(env)
    }

    /// Whether `room` bytes are free, of a slab that is known to be attached.
    pub fn fits(&self, room: usize) -> bool {
        self.memory.is_some() && SIZE - self.used >= room
    }

    /// Begins a new slab; `None` when there is no memory for it.
    pub fn renew(&mut self, env: Env) -> Option<()> {
        let next = SharedBytes::new(env, SIZE)?;
        if let Some(old) = self.memory.replace(next) {
            old.release();
        }
        self.used = 0;
        Some(())
    }

    /// Where the next bytes will lie.
    pub fn offset(&self) -> usize {
        self.used
    }

    /// Copies bytes behind those before; room for them is there.
    pub fn push(&mut self, bytes: &[u8]) {
        let Some(memory) = &self.memory else { return };
        memory.copy_in(self.used, bytes);
        self.used += bytes.len();
    }

    /// Lets the next bytes begin where views of wider elements than bytes can.
    pub fn align(&mut self) {
        self.used = self.used.next_multiple_of(8).min(SIZE);
    }

    /// The slab's `ArrayBuffer`.
    pub fn value(&self, env: Env) -> Value {
        self.memory.as_ref().map_or_else(|| env.undefined(), SharedBytes::value)
    }
}
