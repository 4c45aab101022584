/**
 * `node:https` over the native engine: TLS 1.2 and 1.3 by rustls, below the same HTTP as `http`'s.
 *
 * Every export of `node:https` is here with the same types. `Server`, `createServer`, `request`, `get`, `Agent` and `globalAgent` are ours;
 * sockets are kinds of `tls.TLSSocket`. What rustls cannot do is done by Node's TLS. `docs/https.md` says what that is, and where the two differ.
 * Source: https://nodejs.org/api/https.html
 */
export * from 'node:https'
