/**
 * `node:dgram` over the native engine: datagrams of a turn of the loop are received by few calls of the system, and sent by few.
 *
 * Every export of `node:dgram` is here with the same types; `Socket` and `createSocket` are ours, and are kinds of Node's
 * (`socket instanceof require('node:dgram').Socket` holds). Errors carry Node's codes and wording.
 * Source: https://nodejs.org/api/dgram.html
 */
export * from 'node:dgram'
