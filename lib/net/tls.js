'use strict'

// TLS above a socket of ours. Node's `TLSSocket` wants one of Node's native handles below a connected socket, and takes anything else, a
// plain Duplex for example, through an adapter of its own. A socket of ours is a `net.Socket` with a handle that is not Node's: the
// step where the two meet gives it one that is, over the same connection, or the adapter where there is none (a socket that is
// connecting or has output under way, systems whose sockets cannot be copied).

const process = require('node:process')
const { Duplex } = require('node:stream')
const { Connection } = require('./handle.js')

let prepared = false

/** Called before the first socket of ours is made, not earlier: `node:tls` takes some milliseconds to load. `lend` is socket.js's. */
function prepareTls(lend) {
  if (prepared) return
  prepared = true
  // Node can be built without it.
  if (process.versions.openssl === undefined) return
  const { TLSSocket } = require('node:tls')
  const wrapHandle = TLSSocket.prototype._wrapHandle
  let Adapter
  TLSSocket.prototype._wrapHandle = function (socket, handle, ...rest) {
    if (!(handle instanceof Connection)) return wrapHandle.call(this, socket, handle, ...rest)
    if (lend(socket, false)) return wrapHandle.call(this, socket, socket._handle, ...rest)
    // It ends when TLS does, which may have more to say when all has arrived.
    socket.allowHalfOpen = true
    Adapter ??= adapterOf(TLSSocket)
    const adapter = new Adapter(socket)
    // It repeats the socket's errors, which the secure socket hears of from that.
    adapter.on('error', () => {})
    return wrapHandle.call(this, adapter, adapter._handle, ...rest)
  }
}

/** The class of the adapter, which Node does not show otherwise. */
function adapterOf(TLSSocket) {
  const sample = new TLSSocket(new Duplex({ read() {}, write() {} }))
  const adapter = sample._handle._parentWrap
  sample.destroy()
  return adapter.constructor
}

module.exports = { prepareTls }
