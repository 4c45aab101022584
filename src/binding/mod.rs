//! The Node-API surface: the only Rust that names napi.

use napi_derive::napi;

/// The version of the native core, equal to `package.json`'s.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
