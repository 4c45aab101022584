//! Runs work that may wait for a disk on threads beside the loop, with tokio's blocking pool, and returns its results
//! to the loop.
//!
//! The pool is started by the first task of the process, is shared by all environments of the process, and ends with
//! the last of them: when a worker ends, the library may be unloaded, and no thread may run in it then. Nothing that
//! happens once per message uses the pool.
//!
//! A [`Tasks`] belongs to one environment. The work of a task runs on some thread. Its end runs on the loop's thread
//! in [`Tasks::deliver`], which must be called after the wake function passed to [`Tasks::new`]. An end runs exactly
//! once, unless the environment ends first.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// The most threads. They mostly wait for disks, and more of them would only make a slow disk slower.
const THREADS: usize = 16;

/// How long an idle thread waits for work before it ends.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The pool. It lives as long as an environment that has used it.
static POOL: Mutex<Weak<Runtime>> = Mutex::new(Weak::new());

fn pool() -> Option<Arc<Runtime>> {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = pool.upgrade() {
        return Some(running);
    }
    // The runtime's own scheduler never runs: only its blocking pool is used.
    let built = Builder::new_current_thread()
        .max_blocking_threads(THREADS)
        .thread_keep_alive(KEEP_ALIVE)
        .thread_name("ironwire")
        .build();
    let built = Arc::new(built.ok()?);
    *pool = Arc::downgrade(&built);
    Some(built)
}

/// The result of a task without one: no thread was available for it, or its work panicked.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct Lost;

type Outcome = Result<Box<dyn Any + Send>, Lost>;
type End<C> = Box<dyn FnOnce(&C, Outcome)>;

/// The data shared by the threads and the loop.
struct Shared {
    done: Mutex<Vec<(u64, Outcome)>>,
    cancelled: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Shared {
    fn done(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Outcome)>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Delivers the result of one task when it is dropped, even if the work never ran or did not finish.
struct Answer {
    shared: Arc<Shared>,
    ticket: u64,
    outcome: Outcome,
}

impl Answer {
    fn give(mut self, value: impl Any + Send) {
        self.outcome = Ok(Box::new(value));
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let outcome = std::mem::replace(&mut self.outcome, Err(Lost));
        let mut done = self.shared.done();
        done.push((self.ticket, outcome));
        // Tasks that end before the loop has looked are delivered together.
        let first = done.len() == 1;
        drop(done);
        if first {
            (self.shared.wake)();
        }
    }
}

/// The background tasks of one environment, whose ends receive a `C`. It belongs to the loop's thread.
pub struct Tasks<C: ?Sized> {
    shared: Arc<Shared>,
    pool: RefCell<Option<Arc<Runtime>>>,
    ends: RefCell<HashMap<u64, End<C>>>,
    /// The number of tasks whose end has not been delivered yet.
    pending: Cell<usize>,
    tickets: Cell<u64>,
}

impl<C: ?Sized> Tasks<C> {
    /// Creates an empty set of tasks. `wake` is called on any thread, and must cause a call of [`Tasks::deliver`] on
    /// the loop's thread.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Tasks<C> {
        let shared = Shared {
            done: Mutex::default(),
            cancelled: AtomicBool::new(false),
            wake: Box::new(wake),
        };
        Tasks {
            shared: Arc::new(shared),
            pool: RefCell::default(),
            ends: RefCell::default(),
            pending: Cell::new(0),
            tickets: Cell::new(0),
        }
    }

    /// Runs `work` on a thread of the pool, and later `end` on this thread with its result; never from within this
    /// call.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        end: impl FnOnce(&C, Result<T, Lost>) + 'static,
    ) {
        if self.shared.cancelled.load(Ordering::Relaxed) {
            return;
        }
        let ticket = self.tickets.get();
        self.tickets.set(ticket + 1);
        self.pending.set(self.pending.get() + 1);
        let end: End<C> = Box::new(move |context, outcome| {
            let result = outcome.and_then(|value| value.downcast().map(|value| *value).map_err(|_| Lost));
            end(context, result);
        });
        self.ends.borrow_mut().insert(ticket, end);
        let answer = Answer {
            shared: self.shared.clone(),
            ticket,
            outcome: Err(Lost),
        };
        let pool = &mut *self.pool.borrow_mut();
        *pool = pool.take().or_else(self::pool);
        let Some(pool) = pool else { return };
        let task = move || {
            if answer.shared.cancelled.load(Ordering::Relaxed) {
                return;
            }
            // The panic has been printed already. The end receives no result.
            if let Ok(value) = catch_unwind(AssertUnwindSafe(work)) {
                answer.give(value);
            }
        };
        // This panics if the system has no thread for the first task. The task is then dropped, which delivers its
        // result.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(pool.spawn_blocking(task))));
    }

    /// Takes the ends of completed tasks, to be run one by one.
    pub fn deliver(&self) -> Vec<impl FnOnce(&C) + use<C>> {
        let done = std::mem::take(&mut *self.shared.done());
        self.pending.set(self.pending.get() - done.len());
        let mut ends = self.ends.borrow_mut();
        let ends = done
            .into_iter()
            .filter_map(|(ticket, outcome)| Some((ends.remove(&ticket)?, outcome)));
        ends.map(|(end, outcome)| move |context: &C| end(context, outcome))
            .collect()
    }

    /// The number of tasks whose end has not been delivered.
    pub fn pending(&self) -> usize {
        self.pending.get()
    }

    /// Stops running ends and starting work. Work that is running still counts as [`Tasks::pending`] until it is
    /// delivered.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
        self.ends.borrow_mut().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use std::sync::mpsc;

    type Told = RefCell<Vec<Result<u32, Lost>>>;

    fn tasks() -> (Tasks<Told>, mpsc::Receiver<()>) {
        let (sender, woken) = mpsc::channel();
        (Tasks::new(move || sender.send(()).unwrap_or(())), woken)
    }

    fn wait(tasks: &Tasks<Told>, woken: &mpsc::Receiver<()>, told: &Told) {
        while tasks.pending() > 0 {
            woken.recv().unwrap();
            tasks.deliver().into_iter().for_each(|end| end(told));
        }
    }

    #[test]
    fn every_task_ends_once_on_the_loops_thread() {
        let (tasks, woken) = tasks();
        let told = Told::default();
        let here = std::thread::current().id();
        let ends = Rc::new(Cell::new(0));
        for i in 0..1000 {
            let ends = ends.clone();
            let work = move || {
                assert_ne!(std::thread::current().id(), here);
                i
            };
            tasks.run(work, move |told: &Told, result| {
                assert_eq!(std::thread::current().id(), here);
                ends.set(ends.get() + 1);
                told.borrow_mut().push(result);
            });
        }
        assert_eq!(ends.get(), 0, "not from within the call");
        wait(&tasks, &woken, &told);
        let mut told: Vec<u32> = told.into_inner().into_iter().map(Result::unwrap).collect();
        told.sort_unstable();
        assert_eq!(told, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn work_that_panics_is_lost_and_the_pool_goes_on() {
        let (tasks, woken) = tasks();
        let told = Told::default();
        let end = |told: &Told, result| told.borrow_mut().push(result);
        tasks.run(|| -> u32 { panic!("a panic that a test wants") }, end);
        wait(&tasks, &woken, &told);
        tasks.run(|| 7, end);
        wait(&tasks, &woken, &told);
        assert_eq!(told.into_inner(), [Err(Lost), Ok(7)]);
    }

    #[test]
    fn after_the_end_nothing_is_told_and_nothing_begins() {
        let (tasks, woken) = tasks();
        let told = Told::default();
        let (go, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let begun = Arc::new(Mutex::new(0));
        for _ in 0..THREADS + 50 {
            let (gate, begun) = (gate.clone(), begun.clone());
            let work = move || {
                *begun.lock().unwrap() += 1;
                // Until the sender is gone.
                let _ = gate.lock().unwrap().recv();
                1
            };
            tasks.run(work, |told: &Told, result| told.borrow_mut().push(result));
        }
        tasks.cancel();
        tasks.run(|| 2, |told: &Told, result| told.borrow_mut().push(result));
        drop(go);
        wait(&tasks, &woken, &told);
        assert!(*begun.lock().unwrap() <= THREADS);
        assert!(told.into_inner().is_empty());
    }
}
