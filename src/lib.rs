//! ironwire: Node's wire stack in Rust.
//!
//! The pure modules take bytes and give events and bytes: no I/O, no Node; only `files` asks the file system. `uv` wraps the libuv
//! handles of Node's own event loop and `binding` is the only part that names Node-API; between them, and knowing neither, is the
//! `engine`. These exist only with the `binding` feature.

#[cfg(feature = "binding")]
pub mod background;
#[cfg(feature = "binding")]
pub mod engine;
#[cfg(feature = "binding")]
pub mod errno;
pub mod files;
pub mod http1;
pub mod proto;
pub mod rpc;
pub mod slots;
pub mod warmth;

// Unit tests of the pure modules must link without a Node process around them, whose symbols these two use.
#[cfg(all(feature = "binding", not(test)))]
mod binding;
#[cfg(all(feature = "binding", not(test)))]
mod uv;
