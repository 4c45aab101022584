'use strict'

const { URL } = require('node:url')

const SCHEME = /^[a-zA-Z][a-zA-Z0-9+.-]+:\/\//

function urlOf(text, base) {
  try {
    return new URL(text, base).href
  } catch {
    return null
  }
}

function isAbsolute(path) {
  return /^(?:\/|\w+:|\\\\\w+)/.test(path)
}

/** A path or URL without `.`, without `..` that follows a name, and with forward slashes only. */
function normalize(path) {
  const url = SCHEME.test(path) ? urlOf(path) : null
  if (url !== null) return url
  // Keep the two backslashes before the name of a Windows server.
  const server = path.startsWith('\\\\') ? '\\\\' : ''
  const parts = path
    .slice(server.length)
    .replace(/[\\/]+/g, '/')
    .split('/')
  const absolute = isAbsolute(path.slice(server.length).replace(/[\\/]+/g, '/'))
  const prefix = absolute ? `${parts.shift()}/` : ''
  const kept = []
  for (const part of parts) {
    if (part === '.') continue
    if (part !== '..') kept.push(part)
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop()
    else if (!absolute) kept.push(part)
  }
  return server + prefix + kept.join('/')
}

/** Resolves `include` relative to the file `origin`. */
function resolve(origin, include, isNormalized) {
  if (SCHEME.test(origin) && !SCHEME.test(include)) {
    const url = urlOf(include, origin)
    if (url !== null) return url
  }
  const target = isNormalized ? include : normalize(include)
  if (isAbsolute(target)) return target
  const folder = (isNormalized ? origin : normalize(origin)).replace(/(?:\/|^)[^/]+$/, '')
  return folder === '' ? target : normalize(`${folder}/${target}`)
}

module.exports = { isAbsolute, normalize, resolve }
