//! Link flags of a Node addon: its Node-API and libuv symbols come from the process that loads it.

fn main() {
    #[cfg(feature = "binding")]
    napi_build::setup();
}
