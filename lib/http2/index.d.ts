/**
 * `node:http2` over the native engine. Frames, HPACK, streams and flow control run in Rust, on libuv handles of Node's own event
 * loop.
 *
 * Every export of `node:http2` is here, with the same types. ironwire replaces `createServer`, `createSecureServer`, `connect`,
 * `performServerHandshake`, `Http2ServerRequest` and `Http2ServerResponse`. Sessions and streams have Node's properties,
 * methods, events and errors.
 *
 * `docs/http2.md` describes how it works and where it differs from Node.
 *
 * Source: https://nodejs.org/api/http2.html
 */
export * from 'node:http2'
