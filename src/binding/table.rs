//! Tables of events that JavaScript is shown in one call.
//!
//! A table is an `ArrayBuffer` that both sides see as words. Its first word is the cursor: how many events JavaScript has taken, which it
//! moves before it handles one. When a handler throws, the rest is shown again, so that no event is lost or seen twice.

use super::raw::{Callbacks, Env, SharedBytes, Value};
use std::cell::Cell;
use std::rc::Rc;

/// The word that JavaScript moves.
pub const CURSOR: usize = 0;

/// A table, and the function that is shown it.
#[derive(Clone)]
pub struct Table(Rc<Inner>);

struct Inner {
    env: Env,
    memory: SharedBytes,
    listener: Callbacks<1>,
}

/// Somebody has detached a table: nothing can be shown any more.
pub struct Detached;

impl Table {
    /// A table of so many words; `listener` is an object with the function `name`. `None` when there is no memory for it.
    pub fn new(env: Env, words: usize, listener: Value, name: &str) -> Option<Table> {
        let memory = SharedBytes::new(env, words * 4)?;
        let listener = Callbacks::new(env, listener, [name]);
        Some(Table(Rc::new(Inner { env, memory, listener })))
    }

    /// The `ArrayBuffer`.
    pub fn value(&self) -> Value {
        self.0.memory.value()
    }

    /// The words, as long as they are there.
    pub fn words(&self) -> Option<&SharedBytes> {
        Some(&self.0.memory).filter(|memory| memory.is_attached())
    }

    /// Has JavaScript handle the events that `fill` puts into the table, again and again while handlers throw; `arguments` makes each
    /// call's.
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
                // After a throw it is called even when no event is left: it has its own end of a batch to come to.
                if returned || cursor == taken {
                    return Ok(());
                }
                taken = cursor;
            }
        })
    }

    /// Nothing is shown any more: the environment ends.
    pub fn silence(&self) {
        self.0.listener.silence();
    }
}

/// Notes that something is being shown, as long as it lives: JavaScript may run the loop meanwhile, and what that brings is not shown in between.
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
