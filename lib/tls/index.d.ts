/**
 * `node:tls` over the native engine: TLS 1.2 and 1.3 by rustls.
 *
 * Every export of `node:tls` is here, with the same types. ironwire replaces `Server`, `createServer`, `connect` and
 * `createSecureContext`. Its sockets are instances of `tls.TLSSocket`. If your options ask for something that rustls does not
 * support, Node's own TLS is used instead, over ironwire's sockets.
 *
 * `docs/tls.md` lists these cases, and where the two implementations differ.
 *
 * Source: https://nodejs.org/api/tls.html
 */
export * from 'node:tls'
