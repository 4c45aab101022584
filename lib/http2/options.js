'use strict'

// Options of servers and clients.

/** Whether ours can do what `options` of a server or a client ask for; else core's does. */
function isUsual(options) {
  if (options?.paddingStrategy || options?.selectPadding !== undefined) return false
  if (options?.settings?.customSettings || options?.remoteCustomSettings) return false
  const { strictFieldWhitespaceValidation: blanks, strictSingleValueFields: single } = options ?? {}
  // Core says what is wrong with one that is neither.
  return (blanks === undefined || blanks === true) && (single === undefined || single === true)
}

/** An option that is a number, as core takes it: what is none says nothing. */
function limit(given, least, otherwise) {
  if (typeof given !== 'number' || Number.isNaN(given)) return otherwise
  return Math.min(Math.max(Math.trunc(given), least), 2 ** 32 - 1)
}

module.exports = { isUsual, limit }
