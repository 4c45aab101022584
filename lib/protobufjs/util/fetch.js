'use strict'

const fs = require('node:fs')
const { Buffer } = require('node:buffer')
const asPromise = require('./aspromise.js')

/**
 * Reads a file: `fetch(filename, {binary, xhr}?, callback?)`. If that fails and there is an XMLHttpRequest, that is
 * tried.
 */
function fetch(filename, options, callback) {
  if (typeof options === 'function') return fetch(filename, {}, options)
  const { binary = false, xhr = false } = options ?? {}
  if (!callback) return asPromise(fetch, this, filename, options)
  if (xhr) return fetch.xhr(filename, { binary }, callback)
  return fs.readFile(filename, (error, contents) => {
    if (error && typeof globalThis.XMLHttpRequest !== 'undefined') fetch.xhr(filename, { binary }, callback)
    else if (error) callback(error)
    else callback(null, binary ? contents : contents.toString('utf8'))
  })
}

fetch.xhr = function fetchByXhr(filename, options, callback) {
  const request = new globalThis.XMLHttpRequest()
  request.onreadystatechange = () => {
    if (request.readyState !== 4) return undefined
    // Local files have status 0.
    if (request.status !== 0 && request.status !== 200) return callback(Error(`status ${request.status}`))
    if (!options.binary) return callback(null, request.responseText)
    const bytes = request.response || Buffer.from(request.responseText, 'latin1')
    const { Uint8Array: Bytes = Array } = globalThis
    return callback(null, Bytes === Array ? Array.from(bytes) : new Bytes(bytes))
  }
  if (options.binary) {
    if ('overrideMimeType' in request) request.overrideMimeType('text/plain; charset=x-user-defined')
    request.responseType = 'arraybuffer'
  }
  request.open('GET', filename)
  request.send()
}

module.exports = fetch
