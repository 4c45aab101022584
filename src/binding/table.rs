//! Tables of events that JavaScript handles in one call.
//!
//! A table is an `ArrayBuffer` that both sides access as words. The first word is a cursor: the number of events that
//! JavaScript has taken. JavaScript advances it before it handles an event. If a handler throws, the remaining events
//! are shown again, so no event is lost or handled twice.

use super::raw::{Callbacks, Env, SharedBytes, Value};
use std::cell::Cell;
use std::rc::Rc;

/// The word with the cursor, which JavaScript advances.
pub const CURSOR: usize = 0;

/// A table, and the function that handles its events.
#[derive(Clone)]
pub struct Table(Rc<Inner>);

struct Inner {
    env: Env,
    memory: SharedBytes,
    listener: Callbacks<1>,
}

/// The error for a table that was detached by user code: no event can be delivered any more.
pub struct Detached;

impl Table {
    /// Creates a table of `words` words. `listener` is an object with the function `name`. `None` if there is no
    /// memory for it.
    pub fn new(env: Env, words: usize, listener: Value, name: &str) -> Option<Table> {
        let memory = SharedBytes::new(env, words * 4)?;
        let listener = Callbacks::new(env, listener, [name]);
        Some(Table(Rc::new(Inner { env, memory, listener })))
    }

    /// The `ArrayBuffer`.
    pub fn value(&self) -> Value {
        self.0.memory.value()
    }

    /// The memory of the words; `None` if it was detached.
    pub fn words(&self) -> Option<&SharedBytes> {
        Some(&self.0.memory).filter(|memory| memory.is_attached())
    }

    /// Lets `fill` write events into the table and JavaScript handle them, with repeated calls while handlers throw.
    /// `arguments` creates the arguments of each call.
    pub fn show<const A: usize>(
        &self,
        fill: impl FnOnce(&SharedBytes),
        arguments: impl Fn(Env) -> [Value; A],
    ) -> Result<(), Detached> {
        let Inner { env, memory, listener } = &*self.0;
        env.scope(|| {
            let buffer = memory.value();
            if !env.is_attached(buffer) {
                return Err(Detached);
            }
            memory.set_word(CURSOR, 0);
            fill(memory);
            let mut taken = 0;
            loop {
                let returned = listener.call(0, &arguments);
                if !env.is_attached(buffer) {
                    return Err(Detached);
                }
                let cursor = memory.word(CURSOR);
                // After a throw, the function is called again even if no event is left, because it also does work at
                // the end of a batch.
                if returned || cursor == taken {
                    return Ok(());
                }
                taken = cursor;
            }
        })
    }

    /// Stops delivering events, because the environment ends.
    pub fn silence(&self) {
        self.0.listener.silence();
    }
}

/// Sets a flag as long as it lives. JavaScript may run the loop while it handles events, and nothing else may be
/// delivered in between.
pub struct Showing<'a>(&'a Cell<bool>);

impl<'a> Showing<'a> {
    pub fn new(showing: &'a Cell<bool>) -> Self {
        showing.set(true);
        Showing(showing)
    }
}

impl Drop for Showing<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
