/**
 * `node:https` over the native engine: ironwire's `http` over TLS 1.2 and 1.3 by rustls.
 *
 * Every export of `node:https` is here, with the same types. ironwire replaces `Server`, `createServer`, `request`, `get`, `Agent`
 * and `globalAgent`. Sockets are instances of `tls.TLSSocket`. If your options ask for something that rustls does not support,
 * Node's own TLS is used instead.
 *
 * `docs/https.md` lists these cases, and where the two implementations differ.
 *
 * Source: https://nodejs.org/api/https.html
 */
export * from 'node:https'
