'use strict'

// What `next` gets for a request that is not answered with a file: errors of the shape that `http-errors` makes and that Express, Connect and
// their error handlers know: `status`, `statusCode`, `expose`, and `headers` for a range that there is not.

const {
  http: { STATUS_CODES },
} = require('../genuine.js')
const { makeError, fileSystemError } = require('../errors.js')

/** `NotFoundError` for 404, as `http-errors` has it. */
function nameOf(status) {
  const name = (STATUS_CODES[status] ?? 'Error').replace(/[^A-Za-z]/g, '')
  return name.endsWith('Error') ? name : `${name}Error`
}

/** An error that says no more than its status: `http-errors` gives such ones no code either, and frameworks show codes to clients. */
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

/** An error of the file system's, as Node's `fs` words it, with the status that it means to a client. */
function fileError(errno, syscall, path, status) {
  return Object.assign(fileSystemError(errno, syscall, path), { expose: false, status, statusCode: status })
}

/** The folder to serve cannot be opened. */
function rootError(errno, root) {
  return fileSystemError(errno, 'open', root)
}

/** The response has begun: no file can be sent any more. `send` says the same. */
function headersSent() {
  const error = makeError(Error, 'ERR_HTTP_HEADERS_SENT', "Can't set headers after they are sent.", headersSent)
  return Object.assign(error, { expose: false, status: 500, statusCode: 500 })
}

module.exports = { statusError, fileError, rootError, headersSent }
