/**
 * `node:net` over the native engine: libuv handles of Node's own loop, output gathered per turn.
 *
 * Every export of `node:net` is here with the same types; `Socket`, `Server`, `createServer`, `connect` and `createConnection` are
 * ours, and are kinds of Node's (`socket instanceof require('node:net').Socket` holds). Errors carry Node's codes and wording.
 * Source: https://nodejs.org/api/net.html
 */
export * from 'node:net'
