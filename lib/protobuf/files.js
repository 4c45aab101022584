'use strict'

// Reads the files of schemas. A schema may come from an untrusted source, so its imports may only read regular files
// within the import folders, whatever `..`, links and devices they name, and no more bytes than the limit for sources.

const { Buffer } = require('node:buffer')
const fs = require('node:fs')
const path = require('node:path')
const { schemaLimits } = require('../constants.js')

const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = fs.constants

/** The largest total size of a schema's sources, in bytes. */
const MOST = schemaLimits.sourceBytes

/** The error for a file that must not be read. It replaces the system's error code. */
const refused = (message) => Object.assign(new Error(message), { code: 'IRONWIRE_PROTOBUF_SCHEMA' })

/**
 * Reads an open file, which may be a pipe or a device, up to `most` bytes. `hint` names the option that raises the
 * limit.
 */
function readAll(name, fd, most, hint) {
  const chunks = []
  for (let left = most + 1; ; ) {
    const chunk = Buffer.allocUnsafe(Math.min(left, 65536))
    const n = fs.readSync(fd, chunk, 0, chunk.length, null)
    if (n === 0) return Buffer.concat(chunks)
    chunks.push(chunk.subarray(0, n))
    left -= n
    if (left === 0) throw refused(`${name} has more than ${most} bytes: see ${hint}`)
  }
}

const holds = (folder, file) =>
  file === folder || file.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep)

/** The path with all links resolved; null if it does not exist. */
function realPath(file) {
  try {
    return fs.realpathSync(file)
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  }
}

/** Returns a function that finds an import: its real path in the first folder that has it, or null. */
function finder(folders) {
  const places = [...new Set(folders.map((folder) => path.resolve(folder)))]
  const realPlaces = places.map(realPath).filter((place) => place !== null)
  const outside = (name, file) => {
    const message = `import "${name}" leads to ${file}, which is in none of the folders for imports: ${places.join(', ')}`
    return refused(message)
  }
  return (name) => {
    if (path.posix.isAbsolute(name) || path.win32.isAbsolute(name)) {
      throw refused(`import "${name}" is an absolute path: imports are relative to a folder for imports`)
    }
    for (const place of places) {
      const asked = path.resolve(place, name)
      if (!places.some((folder) => holds(folder, asked))) throw outside(name, asked)
      const file = realPath(asked)
      if (file === null) continue
      if (!realPlaces.some((folder) => holds(folder, file))) throw outside(name, file)
      return file
    }
    return null
  }
}

/** Reads an imported file. */
function readRegular(name, file, most = MOST, hint = 'options.limits.sourceBytes') {
  const check = (stats) => {
    if (!stats.isFile()) throw refused(`import "${name}": ${file} is not a regular file`)
  }
  // Checked before opening, because opening a device may already have effects, and again after, because the file may
  // have been replaced. Opened so that it does not wait for the other end of a pipe.
  check(fs.statSync(file))
  const fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
  try {
    check(fs.fstatSync(fd))
    return readAll(file, fd, most, hint)
  } finally {
    fs.closeSync(fd)
  }
}

module.exports = { MOST, finder, holds, readAll, readRegular, realPath }
