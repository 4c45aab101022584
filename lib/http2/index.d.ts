/**
 * `node:http2` over the native engine: frames, HPACK, streams and windows in Rust, on libuv handles of Node's own loop.
 *
 * Every export of `node:http2` is here with the same types. `createServer`, `createSecureServer` and `connect` are ours, and what they
 * pass to programs are kinds of `Http2ServerRequest` and `Http2ServerResponse`, sessions and streams with the same properties, methods,
 * events and errors. `docs/http2.md` says how it works and where it differs.
 * Source: https://nodejs.org/api/http2.html
 */
export * from 'node:http2'
