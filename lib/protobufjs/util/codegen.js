'use strict'

const { console } = require('node:console')
const { reservedRe } = require('./patterns.js')

/** Makes a valid function name. */
function functionName(name) {
  const clean = name ? String(name).replace(/[^\w$]/g, '') : ''
  if (reservedRe.test(clean)) return `${clean}_`
  return /^\d/.test(clean) ? `_${clean}` : clean
}

const forms = {
  '%d': number,
  '%f': number,
  '%i': (value) => String(Math.floor(value)),
  '%j': (value) => JSON.stringify(value),
  '%s': String,
}

function number(value) {
  return Object.is(Number(value), -0) ? '-0' : String(Number(value))
}

/**
 * Builds a function line by line: `codegen(params, name)('a line with %j', value)('another')(scope)`. The last call
 * evaluates it with the entries of `scope` as variables.
 */
function codegen(params, name) {
  if (typeof params === 'string') return codegen([], params)
  const lines = []
  const text = (as) => `function ${functionName(as || name)}(${(params ?? []).join(',')}){\n  ${lines.join('\n  ')}\n}`

  function add(line, ...values) {
    if (typeof line !== 'string') return evaluate(line)
    let used = 0
    const filled = line.replace(/%[%dfijs]/g, (form) => (form === '%%' ? '%' : forms[form](values[used++])))
    if (used !== values.length) throw Error('parameter count mismatch')
    lines.push(filled)
    return add
  }

  function evaluate(scope) {
    if (codegen.verbose) console.log(`codegen: ${text()}`)
    return Function(...Object.keys(scope ?? {}), `return ${text()}`)(...Object.values(scope ?? {}))
  }

  Object.defineProperty(add, 'toString', { value: text, writable: true, enumerable: true, configurable: true })
  return add
}

codegen.verbose = false

module.exports = codegen
