'use strict'

// `child.send(message, socket)` where ironwire stands in for Node's modules: any connected socket can go to another process, as Node's can.
// It gets a handle of Node's own right before.

const { ChildProcess } = require('node:child_process')
const process = require('node:process')
const { Connection, unsendable } = require('./handle.js')
const { lend, sending, Socket } = require('./socket.js')

function wrap(send) {
  return function (message, handle, options, callback) {
    // One that waits for others before it is looked at when its turn comes.
    if (!(handle instanceof Socket) || this._handleQueue) return send.call(this, message, handle, options, callback)
    const { reading } = handle._handle ?? {}
    if (handle._handle instanceof Connection && !lend(handle, false)) throw unsendable()
    sending.now = true
    try {
      return send.call(this, message, handle, options, callback)
    } finally {
      sending.now = false
      // It stays open here, too.
      if (reading && handle._handle) handle.read(0)
    }
  }
}

/** From now on, in this process and to children that it starts. Node gives each end of such a channel a `_send` of its own. */
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
