/**
 * `node:tls` over the native engine: TLS 1.2 and 1.3 by rustls.
 *
 * Every export of `node:tls` is here with the same types. `Server`, `createServer` and `connect` are ours, and their sockets are kinds of
 * `tls.TLSSocket`. What rustls cannot do is done by Node's TLS, over sockets of ours. `docs/tls.md` says what that is, and where the two differ.
 * Source: https://nodejs.org/api/tls.html
 */
export * from 'node:tls'
