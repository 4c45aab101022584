'use strict'

// Finds the functions that programs have put into Node's modules: interceptors (nock, msw, mitm), tracers, mocks of
// tests. They serve ironwire's modules as well.

const genuine = require('./genuine.js')

const { toString: sourceOf } = Function.prototype

/**
 * What the source of Node's own functions has in every version. An interceptor may have replaced one of them before this
 * package was loaded, so there is nothing to compare it with.
 */
const SOURCES = {
  ClientRequest: /^function ClientRequest\(input, options, cb\) \{\s+OutgoingMessage\.call\(this\);/,
  connect:
    /^function connect\((?:\.\.\.args\) \{\s+(?:const normalized|args) = normalize|authority, options, listener\))/,
  createSocket: /^function createSocket\(type, listener\) \{\s+return new Socket\(type, listener\);/,
  get: /^function get\((?:url|input), options, cb\) \{\s+const req = request\(/,
  request:
    /^function request\((?:url, options, cb\) \{\s+return new ClientRequest\(|\.\.\.args\) \{\s+let options = \{\};\s+if \(typeof args\[0\])/,
}

// Another name for the same function.
SOURCES.createConnection = SOURCES.connect

function isCore(found, name) {
  try {
    return SOURCES[name].test(sourceOf.call(found))
  } catch {
    // Where sources cannot be read, nobody replaces functions.
    return true
  }
}

/**
 * Node's own function. If there was a replacement when the module was copied (`genuine.js`), it may have been taken back
 * since.
 */
function original(copy, live, name) {
  return isCore(copy[name], name) || !isCore(live[name], name) ? copy[name] : live[name]
}

/**
 * Returns a function that looks for a replacement of `name` in one of Node's modules. It returns that, or `undefined`
 * while there is Node's own function or ours. `ours` is called for the latter.
 */
function replaced(module, name, ours) {
  let seen
  let isForeign = false
  return () => {
    const current = module[name]
    if (current !== seen) {
      seen = current
      isForeign = typeof current === 'function' && current !== ours() && !isCore(current, name)
    }
    return isForeign ? current : undefined
  }
}

/**
 * The same, for the function of ours with the same name. With `ironwire/register`, our functions are in Node's modules
 * themselves, and interceptors replace and call ours.
 */
function intercepted(module, name, ours) {
  const find = replaced(module, name, ours)
  return () => (genuine.registered ? undefined : find())
}

module.exports = { intercepted, original, replaced }
