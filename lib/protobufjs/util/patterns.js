'use strict'

const WORDS =
  'do if in for let new try var case else enum eval false null this true void with break catch class const super throw while yield ' +
  'delete export import public return static switch typeof default extends finally package private continue debugger function ' +
  'arguments interface protected implements instanceof'

module.exports = {
  numberRe: /^(?![eE])[0-9]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?$/,
  typeRefRe: /^\.?[a-zA-Z_][a-zA-Z_0-9]*(?:\.[a-zA-Z_][a-zA-Z_0-9]*)*$/,
  reservedRe: new RegExp(`^(?:${WORDS.replaceAll(' ', '|')})$`),
}
