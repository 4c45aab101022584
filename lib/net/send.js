'use strict'

// `child.send(message, socket)` when ironwire replaces Node's modules: any connected socket can be sent to another
// process, as with Node. It is moved to one of Node's handles just before.

const { ChildProcess } = require('node:child_process')
const process = require('node:process')
const { Connection, unsendable } = require('./handle.js')
const { lend, sending, Socket } = require('./socket.js')

function wrap(send) {
  return function (message, handle, options, callback) {
    // If other handles are queued before it, this function runs again when its turn comes.
    if (!(handle instanceof Socket) || this._handleQueue) return send.call(this, message, handle, options, callback)
    const { reading } = handle._handle ?? {}
    if (handle._handle instanceof Connection && !lend(handle, false)) throw unsendable()
    sending.now = true
    try {
      return send.call(this, message, handle, options, callback)
    } finally {
      sending.now = false
      // The socket stays open here, too.
      if (reading && handle._handle) handle.read(0)
    }
  }
}

/**
 * Wraps `_send` for this process and for children started from now on. Node creates a separate `_send` for each end of
 * such a channel.
 */
function prepareSend() {
  if (process._send !== undefined) process._send = wrap(process._send)
  Object.defineProperty(ChildProcess.prototype, '_send', {
    configurable: true,
    set(send) {
      Object.defineProperty(this, '_send', { value: wrap(send), writable: true, enumerable: true, configurable: true })
    },
  })
}

module.exports = { prepareSend }
