//! ironwire: Node's wire stack in Rust.
//!
//! Most modules are pure: they take bytes and produce events and bytes, without I/O and without Node. Only `files`
//! and `registry` access the file system. `uv` wraps the libuv handles of Node's own event loop, and `binding` is the
//! only module that names Node-API. These two and the `background` thread pool exist only with the `binding` feature.
//! The `engine` connects the protocols with the event loop; it depends on neither libuv nor Node-API.

#[cfg(feature = "binding")]
pub mod background;
mod calendar;
pub mod codec;
pub mod engine;
pub mod errno;
pub mod files;
pub mod grpc;
pub mod http1;
pub mod http2;
mod js;
pub mod proto;
pub mod registry;
pub mod rpc;
pub mod slots;
pub mod tls;
pub mod warmth;

// The unit tests of the pure modules must link without a Node process. `binding` and `uv` need symbols that only Node
// exports, so they are left out of test builds.
#[cfg(all(feature = "binding", not(test)))]
mod binding;
#[cfg(all(feature = "binding", not(test)))]
#[allow(unsafe_code, reason = "libuv is C")]
mod uv;
