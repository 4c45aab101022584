'use strict'

/** Whether ours can do what `options` of a server or a client ask for; else core's does. */
function isUsual(options) {
  if (options?.paddingStrategy || options?.selectPadding !== undefined) return false
  if (options?.settings?.customSettings || options?.remoteCustomSettings) return false
  const { strictFieldWhitespaceValidation: blanks, strictSingleValueFields: single } = options ?? {}
  // Core says what is wrong with one that is neither.
  return (blanks === undefined || blanks === true) && (single === undefined || single === true)
}

module.exports = { isUsual }
