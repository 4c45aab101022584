'use strict'

// Node's TLS over one of our sockets. A `TLSSocket` needs one of Node's native handles below a connected socket; it
// wraps other streams, such as a plain Duplex, in an adapter. One of our sockets is a `net.Socket` without such a
// handle. So `_wrapHandle` first moves it to one of Node's handles over the same connection. Where that is impossible
// (the socket is connecting or has unsent output, or the system cannot copy sockets) it uses the adapter.

const process = require('node:process')
const { Duplex } = require('node:stream')
const { Connection } = require('./handle.js')

let prepared = false

/**
 * Called before the first socket is created, and not earlier, because `node:tls` takes some milliseconds to load.
 * `lend` is the function of socket.js.
 */
function prepareTls(lend) {
  if (prepared) return
  prepared = true
  // Node can be built without OpenSSL.
  if (process.versions.openssl === undefined) return
  const { TLSSocket } = require('node:tls')
  const wrapHandle = TLSSocket.prototype._wrapHandle
  let Adapter
  TLSSocket.prototype._wrapHandle = function (socket, handle, ...rest) {
    if (!(handle instanceof Connection)) return wrapHandle.call(this, socket, handle, ...rest)
    if (lend(socket, false)) return wrapHandle.call(this, socket, socket._handle, ...rest)
    // TLS ends the socket. It may still have to write when everything has arrived.
    socket.allowHalfOpen = true
    Adapter ??= adapterOf(TLSSocket)
    const adapter = new Adapter(socket)
    // The adapter repeats the socket's errors, and the secure socket listens to the socket itself.
    adapter.on('error', () => {})
    return wrapHandle.call(this, adapter, adapter._handle, ...rest)
  }
}

/** The class of the adapter. Node does not export it. */
function adapterOf(TLSSocket) {
  const sample = new TLSSocket(new Duplex({ read() {}, write() {} }))
  const adapter = sample._handle._parentWrap
  sample.destroy()
  return adapter.constructor
}

module.exports = { prepareTls }
