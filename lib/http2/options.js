'use strict'

// Options of servers and clients.

/** Whether the engine supports the `options` of a server or client. If not, Node's implementation is used. */
function isUsual(options) {
  if (options?.paddingStrategy || options?.selectPadding !== undefined) return false
  if (options?.settings?.customSettings || options?.remoteCustomSettings) return false
  const { strictFieldWhitespaceValidation: blanks, strictSingleValueFields: single } = options ?? {}
  // For a value that is not a boolean, Node throws its own error.
  return (blanks === undefined || blanks === true) && (single === undefined || single === true)
}

/** An option that is a number, as Node reads it: anything else counts as not given. */
function limit(given, least, otherwise) {
  if (typeof given !== 'number' || Number.isNaN(given)) return otherwise
  return Math.min(Math.max(Math.trunc(given), least), 2 ** 32 - 1)
}

module.exports = { isUsual, limit }
