'use strict'

// Node's own `http`, `net`, `dgram`, `https`, `tls` and `http2`, as they were when this package was first loaded. With
// `ironwire/register`, `require('node:net')` returns our classes, which themselves need Node's.

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
    /** Loaded on demand: a Node built without OpenSSL does not have it. */
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
    /** The modules as programs see them, including changes made by programs. */
    live,
    /** Whether `ironwire/register` has replaced their exports with ours. */
    registered: false,
  }
})
