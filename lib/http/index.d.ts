/**
 * `node:http` over the native engine. Rust parses and writes the messages, on libuv handles of Node's own event loop.
 *
 * Every export of `node:http` is here, with the same types. ironwire replaces `Server`, `createServer`, `request`, `get`,
 * `ClientRequest` and `Agent`. Listeners receive Node's own `http.IncomingMessage` and `http.ServerResponse`, with the same
 * properties, methods, events, errors and order of events.
 *
 * `docs/http.md` describes how it works and where it differs from Node.
 *
 * Source: https://nodejs.org/api/http.html
 */
export * from 'node:http'
