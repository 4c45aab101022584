//! ironwire: Node's wire stack in Rust.
//!
//! The pure modules take bytes and give events and bytes: no I/O, no Node; only `files` and `registry` ask the file system. `uv` wraps the libuv
//! handles of Node's own event loop and `binding` is the only part that names Node-API: these two, and the `background` pool, exist
//! only with the `binding` feature. Between them, and knowing neither, is the `engine`.

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

// Unit tests of the pure modules must link without a Node process around them, whose symbols these two use.
#[cfg(all(feature = "binding", not(test)))]
mod binding;
#[cfg(all(feature = "binding", not(test)))]
#[allow(unsafe_code, reason = "libuv is C")]
mod uv;
