//! Slabs: memory into which received bytes are copied for JavaScript. Bytes that JavaScript has seen are never
//! overwritten.

use super::raw::{Env, SharedBytes, Value};

/// The size of a slab in bytes, which is that of Node's own pool for small Buffers. A view that JavaScript keeps
/// keeps the whole slab alive, so this is the most memory that one kept byte can hold.
pub const SIZE: usize = 8 * 1024;

/// Bytes of at least this length get memory of their own, as in Node's pool. So at most half a slab is wasted on
/// bytes that do not fit.
pub const OWN: usize = SIZE / 2;

/// The current slab, and how much of it is used.
#[derive(Default)]
pub struct Slab {
    memory: Option<SharedBytes>,
    used: usize,
}

impl Slab {
    /// Makes sure that `room` bytes, at most [`SIZE`], are free. `None` if there is no memory for a new slab.
    pub fn reserve(&mut self, env: Env, room: usize) -> Option<()> {
        if self.fits(room) && self.memory.as_ref().is_some_and(SharedBytes::is_attached) {
            return Some(());
        }
        self.renew(env)
    }

    /// Whether `room` bytes are free. The slab must be known to be attached.
    pub fn fits(&self, room: usize) -> bool {
        self.memory.is_some() && SIZE - self.used >= room
    }

    /// Starts a new slab. `None` if there is no memory for it.
    pub fn renew(&mut self, env: Env) -> Option<()> {
        let next = SharedBytes::new(env, SIZE)?;
        if let Some(old) = self.memory.replace(next) {
            old.release();
        }
        self.used = 0;
        Some(())
    }

    /// The offset of the next bytes.
    pub fn offset(&self) -> usize {
        self.used
    }

    /// Appends bytes. There must be room for them.
    pub fn push(&mut self, bytes: &[u8]) {
        let Some(memory) = &self.memory else { return };
        memory.copy_in(self.used, bytes);
        self.used += bytes.len();
    }

    /// Aligns the next bytes, so that views with wider elements can begin there.
    pub fn align(&mut self) {
        self.used = self.used.next_multiple_of(8).min(SIZE);
    }

    /// The slab's `ArrayBuffer`.
    pub fn value(&self, env: Env) -> Value {
        self.memory.as_ref().map_or_else(|| env.undefined(), SharedBytes::value)
    }
}
