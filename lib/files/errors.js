'use strict'

// The errors passed to `next` for a request that is not answered with a file. They have the shape of `http-errors`,
// which Express, Connect and their error handlers know: `status`, `statusCode`, `expose`, and `headers` for an
// unsatisfiable range.

const {
  http: { STATUS_CODES },
} = require('../genuine.js')
const { makeError, fileSystemError } = require('../errors.js')

/** For example `NotFoundError` for 404, as in `http-errors`. */
function nameOf(status) {
  const name = (STATUS_CODES[status] ?? 'Error').replace(/[^A-Za-z]/g, '')
  return name.endsWith('Error') ? name : `${name}Error`
}

/**
 * An error that consists of its status. It has no `code`, as in `http-errors`, because frameworks show codes to
 * clients.
 */
function statusError(status, headers) {
  const text = STATUS_CODES[status] ?? String(status)
  const error = new Error(text)
  const name = nameOf(status)
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  Error.captureStackTrace(error, statusError)
  error.expose = status < 500
  error.status = error.statusCode = status
  if (headers !== undefined) error.headers = headers
  return error
}

/** A file system error in the wording of Node's `fs`, with the HTTP status for the client. */
function fileError(errno, syscall, path, status) {
  return Object.assign(fileSystemError(errno, syscall, path), { expose: false, status, statusCode: status })
}

/** The folder to serve cannot be opened. */
function rootError(errno, root) {
  return fileSystemError(errno, 'open', root)
}

/** The response has already begun, so no file can be sent. `send` uses the same text. */
function headersSent() {
  const error = makeError(Error, 'ERR_HTTP_HEADERS_SENT', "Can't set headers after they are sent.", headersSent)
  return Object.assign(error, { expose: false, status: 500, statusCode: 500 })
}

module.exports = { statusError, fileError, rootError, headersSent }
