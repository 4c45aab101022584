'use strict'

// Node's own `http`, `net`, `dgram`, `https`, `tls` and `http2`, as they were when this package came first. Where `ironwire/register` is on, what `require('node:net')`
// gives has our classes, and these stand on Node's.

const { once } = require('./once.js')

const copy = (module) => Object.defineProperties({}, Object.getOwnPropertyDescriptors(module))

module.exports = once('genuine', () => {
  let https
  let tls
  let http2
  const live = { http: require('node:http'), net: require('node:net'), dgram: require('node:dgram') }
  return {
    http: copy(live.http),
    net: copy(live.net),
    dgram: copy(live.dgram),
    /** Loaded when it is asked for: a Node that was built without OpenSSL has none. */
    get https() {
      https ??= copy(require('node:https'))
      return https
    },
    get tls() {
      tls ??= copy(require('node:tls'))
      return tls
    },
    get http2() {
      http2 ??= copy(require('node:http2'))
      return http2
    },
    /** The modules as programs see them, with what they have put into them. */
    live,
    /** Ours stand in them. */
    registered: false,
  }
})
