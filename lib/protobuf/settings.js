'use strict'

// Checks the options of `protobuf()` and `protobuf.load()`, fills in defaults, and returns the settings of the native
// side.

const { messageLimits, schemaLimits: usualLimits } = require('../constants.js')
const { invalidArgType, invalidArgValue } = require('../errors.js')
const { refuseUnknown } = require('../options.js')
const { forms } = require('./read.js')

/** Defaults of both. */
const COMMON = {
  int64: 'auto',
  depth: messageLimits.depth,
  maxSize: messageLimits.size,
  // In Rust each value takes 16 bytes in an index; as objects they fill V8's heap.
  maxValues: messageLimits.values,
}

/** The defaults of `protobuf()`: npm `protocol-buffers`' choices. */
const COMPATIBLE = { ...COMMON, strict: false, defaults: true, unknownFields: false, nan: false }

/** The defaults of `protobuf.load()`: protobuf's semantics. */
const MEANT = {
  ...COMMON,
  strict: true,
  unknownFields: true,
  camelCase: false,
  enums: 'number',
  oneofs: false,
  timestamps: 'message',
  durations: 'message',
}

const CHOICES = {
  int64: forms,
  enums: ['number', 'string'],
  timestamps: ['message', 'date'],
  durations: ['message', 'milliseconds'],
}

const LIMITS = ['maxSize', 'maxValues']

// The highest allowed values of limits. `docs/protobuf-language.md` gives the reasons.
const MAX = 2147483647
// Both are recursive, and a worker's stack is smaller than the main thread's.
const MOST = { nesting: 256, importDepth: 512 }

/** Checks the limits on schemas. */
function schemaLimits(given) {
  if (given !== undefined && (typeof given !== 'object' || given === null)) {
    throw invalidArgType('options.limits', 'of type object', given)
  }
  refuseUnknown(given ?? {}, Object.keys(usualLimits), 'options.limits')
  const limits = {}
  for (const [name, usual] of Object.entries(usualLimits)) {
    const value = given?.[name] ?? usual
    const most = MOST[name] ?? MAX
    if (!(Number.isInteger(value) && value >= 1 && value <= most)) {
      throw invalidArgValue(`options.limits.${name}`, value, `must be an integer from 1 to ${most}`)
    }
    limits[name] = value
  }
  return limits
}

/** Checks the given options, with `defaults` for the others. */
function checked(options, defaults) {
  const all = { ...defaults }
  for (const [name, usual] of Object.entries(defaults)) {
    const value = options[name]
    if (value === undefined) continue
    if (typeof value !== typeof usual) throw invalidArgType(`options.${name}`, `of type ${typeof usual}`, value)
    if (CHOICES[name]?.includes(value) === false) {
      throw invalidArgValue(`options.${name}`, value, `must be one of ${CHOICES[name].join(', ')}`)
    }
    all[name] = value
  }
  // Each level is a nested call, in JavaScript and in Rust, and a worker's stack is smaller than the main thread's.
  if (!(Number.isInteger(all.depth) && all.depth >= 1 && all.depth <= messageLimits.maxDepth)) {
    throw invalidArgValue('options.depth', all.depth, `must be an integer from 1 to ${messageLimits.maxDepth}`)
  }
  for (const name of LIMITS) {
    if (!(Number.isInteger(all[name]) && all[name] >= 1 && all[name] <= MAX)) {
      throw invalidArgValue(`options.${name}`, all[name], `must be an integer from 1 to ${MAX}`)
    }
  }
  const { strict, ...rest } = all
  return { lenient: !strict, ...rest, limits: schemaLimits(options.limits) }
}

/** The settings of `protobuf()`. */
function compatible(options) {
  return checked(options, COMPATIBLE)
}

/** The settings of `protobuf.load()`. `face` holds those that only it has. */
function meant(options) {
  const { camelCase, enums, oneofs, timestamps, durations, ...rest } = checked(options, MEANT)
  const face = {
    camelCase,
    enumNames: enums === 'string',
    oneofCases: oneofs,
    dates: timestamps === 'date',
    durations: durations === 'milliseconds',
  }
  return { ...rest, defaults: false, nan: true, face }
}

/** The options of `protobuf.load()` that lead to these settings, without the defaults. */
function given({ lenient, face, limits, ...rest }) {
  const all = {
    ...rest,
    strict: !lenient,
    camelCase: face.camelCase,
    enums: face.enumNames ? 'string' : 'number',
    oneofs: face.oneofCases,
    timestamps: face.dates ? 'date' : 'message',
    durations: face.durations ? 'milliseconds' : 'message',
  }
  const own = Object.entries(MEANT).filter(([name, usual]) => all[name] !== usual)
  const raised = Object.entries(limits).filter(([name, value]) => value !== usualLimits[name])
  const options = Object.fromEntries(own.map(([name]) => [name, all[name]]))
  return raised.length === 0 ? options : { ...options, limits: Object.fromEntries(raised) }
}

module.exports = {
  given,
  compatible,
  meant,
  compatibleNames: [...Object.keys(COMPATIBLE), 'limits'],
  meantNames: [...Object.keys(MEANT), 'limits'],
}
