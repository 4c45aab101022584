/**
 * `node:dgram` over the native engine. ironwire receives and sends the datagrams of one turn of the event loop together, with
 * few system calls.
 *
 * Every export of `node:dgram` is here, with the same types. ironwire replaces `Socket` and `createSocket`. Its sockets are
 * instances of Node's class: `socket instanceof require('node:dgram').Socket` is true. Errors have Node's codes and messages.
 *
 * `docs/dgram.md` describes how it works and where it differs from Node.
 *
 * Source: https://nodejs.org/api/dgram.html
 */
export * from 'node:dgram'
