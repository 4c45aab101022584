//! Registries between [`crate::registry`] and `lib/rpc/registry`. JavaScript passes requests in and takes answers
//! out. Background threads access the disk; `onRegistryReady(number)` reports that they have opened a folder or ended
//! a commit.

use super::engine::Engine;
use super::raw::{Args, Callbacks, Functions, Outcome, Value};
use crate::background::Lost;
use crate::errno::Errno;
use crate::files::errno;
use crate::registry::{Answer, Cut, Folder, Limits, Loaded, Method, Server, Store, messages::SCHEMA};
use crate::slots::Slots;
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::rc::Rc;

/// The JavaScript function that is called: `(number)`.
const CALLBACKS: [&str; 1] = ["onRegistryReady"];

/// The registries of an environment.
#[derive(Default)]
struct Registries {
    held: RefCell<Slots<Rc<Registry>>>,
    callbacks: RefCell<Option<Callbacks<{ CALLBACKS.len() }>>>,
}

/// One registry.
#[derive(Default)]
struct Registry {
    /// `None` while its folder is being opened.
    server: RefCell<Option<Server>>,
    /// `None` for a registry in memory, and while a thread uses the store.
    store: RefCell<Option<Store<Folder>>>,
    answers: RefCell<VecDeque<(u32, Answer)>>,
    /// The damage that was found when the folder was opened.
    cuts: RefCell<Vec<Cut>>,
    /// Why the folder could not be opened or the last commit failed, with libuv's error number.
    error: RefCell<Option<(i32, String)>>,
    /// Whether a thread uses the store.
    busy: Cell<bool>,
    closed: Cell<bool>,
}

/// The options of a registry, checked by `lib/rpc/registry`.
#[napi(object)]
pub struct RegistryOptions {
    /// The folder for the state. Without it the state is kept in memory only.
    pub folder: Option<String>,
    /// The epoch of a registry that starts without stored state.
    pub epoch: String,
    /// The time in milliseconds, by the same clock that all later calls use.
    pub now: f64,
    pub services: u32,
    pub instances_per_service: u32,
    pub instances: u32,
    pub service_bytes: u32,
    pub name_bytes: u32,
    pub metadata_bytes: u32,
    pub min_lease_ms: u32,
    pub max_lease_ms: u32,
    pub watches: u32,
    pub wait_ms: u32,
    pub records_per_snapshot: u32,
}

impl RegistryOptions {
    fn limits(&self) -> Limits {
        Limits {
            services: self.services as usize,
            instances_per_service: self.instances_per_service as usize,
            instances: self.instances as usize,
            service_bytes: self.service_bytes as usize,
            name_bytes: self.name_bytes as usize,
            metadata_bytes: self.metadata_bytes as usize,
            lease_ms: (self.min_lease_ms, self.max_lease_ms),
            watches: self.watches as usize,
            wait_ms: self.wait_ms,
            records_per_snapshot: self.records_per_snapshot as usize,
        }
    }
}

/// Adds this module's functions.
pub(super) fn register(functions: &mut Functions<Engine>) {
    let registries = Rc::new(Registries::default());
    functions.add("registrySchema", |_, args| Ok(args.env().string(SCHEMA)));
    functions.add("registryMethods", |_, _| {
        Ok(Method::ALL.map(|(name, _)| name).join(","))
    });
    functions.add_with(&registries, "registryOpen", open);
    functions.add_with(&registries, "registryRequest", request);
    functions.add_with(&registries, "registryCancel", |registries, _, args| {
        let ticket = args.uint(1)?;
        registries.with(args.uint(0)?, |server| server.cancel(ticket));
        Ok(())
    });
    functions.add_with(&registries, "registryTick", |registries, engine, args| {
        let (number, now) = (args.uint(0)?, args.double(1)? as u64);
        let next = registries.with(number, |server| {
            server.tick(now);
            server.next_tick()
        });
        registries.commit(engine, number);
        Ok(next.flatten().map_or(-1.0, |next| next as f64))
    });
    functions.add_with(&registries, "registryAnswer", answer);
    functions.add_with(&registries, "registryStatus", status);
    functions.add_with(&registries, "registryClose", |registries, _, args| {
        let Some(registry) = registries.held.borrow_mut().remove(args.uint(0)?.wrapping_sub(1)) else {
            return Ok(false);
        };
        registry.closed.set(true);
        registry.store.take();
        Ok(registry.busy.get())
    });
}

/// `(options, listener)`: returns the number of the registry, or a negative errno. With a folder, `onRegistryReady`
/// reports when it is open or has failed to open.
fn open(registries: &Rc<Registries>, engine: &Engine, args: &Args) -> Outcome<i32> {
    let options: RegistryOptions = args.object(0)?;
    if registries.callbacks.borrow().is_none() {
        let callbacks = Callbacks::new(args.env(), args.value(1), CALLBACKS);
        registries.callbacks.replace(Some(callbacks));
    }
    let (limits, now) = (options.limits(), options.now as u64);
    let registry = Rc::new(Registry::default());
    let held = registries
        .held
        .borrow_mut()
        .insert_with(|_| Ok::<_, ()>(registry.clone()));
    let Some(Ok(id)) = held else {
        return Ok(Errno::EMFILE.0);
    };
    let number = id + 1;
    let Some(folder) = options.folder else {
        registry.server.replace(Some(Server::new(limits, options.epoch, now)));
        return Ok(number as i32);
    };
    let registries = registries.clone();
    let epoch = options.epoch;
    registry.busy.set(true);
    let begun = engine.in_background(
        move || Store::open(Folder::open(Path::new(&folder))?, epoch),
        move |_, opened: Result<io::Result<(Store<Folder>, Loaded)>, Lost>| {
            match opened.unwrap_or_else(|Lost| Err(io::ErrorKind::OutOfMemory.into())) {
                Ok((store, mut loaded)) => {
                    registry.cuts.replace(std::mem::take(&mut loaded.cuts));
                    // `now` is from the call of `open`; the first request advances the clock from there.
                    registry.server.replace(Some(Server::restore(limits, loaded, now)));
                    registry.give_back(store);
                }
                Err(error) => registry.failed(&error),
            }
            registry.busy.set(false);
            registries.tell(number);
        },
    );
    Ok(begun.map_or_else(|error| error.0, |()| number as i32))
}

/// `(number, ticket, method, body, length, now)`
fn request(registries: &Rc<Registries>, engine: &Engine, args: &Args) -> Outcome<()> {
    let (number, ticket, method) = (args.uint(0)?, args.uint(1)?, args.uint(2)? as usize);
    let (length, now) = (args.uint(4)? as usize, args.double(5)? as u64);
    let Some(&(_, method)) = Method::ALL.get(method) else {
        return Ok(());
    };
    args.bytes(3, 0, length, |body| {
        registries.with(number, |server| server.request(ticket, method, body, now));
    })?;
    registries.commit(engine, number);
    Ok(())
}

/// `(number)`: returns the next answer, `[ticket, reply]` or `[ticket, code, message]`, or nothing if there is none.
fn answer(registries: &Rc<Registries>, _engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let Some(registry) = registries.get(args.uint(0)?) else {
        return Ok(None);
    };
    let mut answers = registry.answers.borrow_mut();
    if let (true, Some(server)) = (answers.is_empty(), &mut *registry.server.borrow_mut()) {
        answers.extend(server.take_answers());
    }
    let env = args.env();
    Ok(answers.pop_front().map(|(ticket, answer)| {
        let ticket = env.number(f64::from(ticket));
        match answer {
            Ok(reply) => env.array(&[ticket, env.buffer_copy(&reply)]),
            Err(refusal) => {
                let (code, text) = refusal.parts();
                env.array(&[ticket, env.string(code), env.string(text)])
            }
        }
    }))
}

/// `(number)`: returns the state of a registry.
fn status(registries: &Rc<Registries>, _engine: &Engine, args: &Args) -> Outcome<Option<Value>> {
    let Some(registry) = registries.get(args.uint(0)?) else {
        return Ok(None);
    };
    let env = args.env();
    let status = env.object();
    if let Some(server) = &*registry.server.borrow() {
        let (instances, services, watches) = server.counts();
        env.set(status, "epoch", env.string(server.epoch()));
        env.set(status, "instances", env.number(instances as f64));
        env.set(status, "services", env.number(services as f64));
        env.set(status, "watches", env.number(watches as f64));
    }
    if let Some((number, text)) = &*registry.error.borrow() {
        env.set(status, "errno", env.int(*number));
        env.set(status, "error", env.string(text));
    }
    let cuts = registry.cuts.take().into_iter().map(|cut| {
        let value = env.object();
        env.set(value, "file", env.string(&cut.file));
        env.set(value, "whole", env.number(cut.at as f64));
        env.set(value, "length", env.number(cut.length as f64));
        value
    });
    env.set(status, "cuts", env.array(&cuts.collect::<Vec<_>>()));
    Ok(Some(status))
}

impl Registries {
    fn get(&self, number: u32) -> Option<Rc<Registry>> {
        self.held.borrow_mut().get_mut(number.wrapping_sub(1)).cloned()
    }

    fn with<T>(&self, number: u32, body: impl FnOnce(&mut Server) -> T) -> Option<T> {
        self.get(number)?.server.borrow_mut().as_mut().map(body)
    }

    fn tell(&self, number: u32) {
        if let Some(callbacks) = &*self.callbacks.borrow() {
            callbacks.call(0, |env| [env.int(number as i32)]);
        }
    }

    /// Starts a thread that writes the next commit, unless one is writing already.
    fn commit(self: &Rc<Self>, engine: &Engine, number: u32) {
        let Some(registry) = self.get(number) else { return };
        let take = || registry.server.borrow_mut().as_mut().and_then(Server::take_commit);
        let Some(mut store) = registry.store.take() else {
            // A registry in memory writes nothing. If a thread was lost with the store, nothing can be written, and
            // every commit fails.
            while let (false, Some(_)) = (registry.busy.get(), take()) {
                registry.committed(Err(lost()));
            }
            return;
        };
        let commit = take();
        let Some(commit) = commit else {
            registry.store.replace(Some(store));
            return;
        };
        let registries = self.clone();
        registry.busy.set(true);
        let ended = registry.clone();
        let begun = engine.in_background(
            move || {
                let result = store.commit(&commit);
                (store, result)
            },
            move |engine, done: Result<(Store<Folder>, io::Result<()>), Lost>| {
                let result = match done {
                    Ok((store, result)) => {
                        ended.give_back(store);
                        result
                    }
                    Err(Lost) => Err(lost()),
                };
                ended.committed(result);
                ended.busy.set(false);
                registries.tell(number);
                registries.commit(engine, number);
            },
        );
        if begun.is_err() {
            registry.busy.set(false);
            registry.committed(Err(lost()));
        }
    }
}

/// The error if no thread was available, or if it panicked and the store is lost with it.
fn lost() -> io::Error {
    io::Error::other("the thread that writes to the disk was lost")
}

impl Registry {
    fn give_back(&self, store: Store<Folder>) {
        if !self.closed.get() {
            self.store.replace(Some(store));
        }
    }

    fn failed(&self, error: &io::Error) {
        self.error.replace(Some((errno(error), error.to_string())));
    }

    fn committed(&self, result: io::Result<()>) {
        match &result {
            Ok(()) => drop(self.error.take()),
            Err(error) => self.failed(error),
        }
        if let Some(server) = &mut *self.server.borrow_mut() {
            server.committed(result.map_err(|error| error.to_string()));
        }
    }
}
