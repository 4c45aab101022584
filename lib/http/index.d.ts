/**
 * `node:http` over the native engine: parsing and writing in Rust, on libuv handles of Node's own loop.
 *
 * Every export of `node:http` is here with the same types. `Server` and `createServer` are ours; what they pass to listeners are
 * kinds of `http.IncomingMessage` and `http.ServerResponse`, with the same properties, methods, events, errors and order. So
 * are the client's `request`, `get`, `Agent` and `ClientRequest`. `docs/http.md` says how it works and where it differs.
 * Source: https://nodejs.org/api/http.html
 */
export * from 'node:http'
