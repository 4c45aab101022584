//! The Node-API surface: the only Rust module that names napi.

mod batches;
mod codec;
mod codec_arrays;
mod codec_bulk;
mod codec_framer;
mod constants;
mod dgram;
mod engine;
mod files;
mod grpc;
mod http;
mod http2;
mod http_client;
mod http_conn;
mod http_file;
mod http_out;
mod http_site;
mod net;
mod net_reads;
mod proto;
mod proto_codec;
mod proto_schema;
#[allow(unsafe_code, reason = "Node-API is C")]
mod raw;
mod registry;
mod rpc;
mod slab;
mod table;
mod tls;
mod transport;

use napi_derive::napi;

/// The version of the native core. It equals the version in `package.json`.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Starts the engine of an environment. `callbacks` holds the functions that the engine calls; the result holds the functions that
/// `lib/` calls. `lib/engine.js` calls this once.
#[napi(
    ts_args_type = "callbacks: object",
    ts_return_type = "Record<string, (...args: any[]) => any>"
)]
pub fn start_engine(env: &napi::Env, callbacks: raw::Value) -> napi::Result<raw::Value> {
    engine::start(raw::Env::from(env), callbacks, |functions| {
        net::register(functions);
        net_reads::register(functions);
        tls::register(functions);
        dgram::register(functions);
        rpc::register(functions);
        registry::register(functions);
        let files = files::register(functions);
        http::register(functions, &files);
        http_conn::register(functions);
        let sources = http_file::register(functions);
        http_out::register(functions, &sources);
        http_client::register(functions);
        http2::register(functions);
        grpc::register(functions);
    })
    .ok_or_else(|| napi::Error::from_reason("ironwire: this environment has no event loop"))
}
