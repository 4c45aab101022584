'use strict'

// Constructors that make the same objects as core's, field for field and in the same order, without the calls from each
// class to its base class. Those calls cost about 0.4 µs a request, most of it in one place that all emitters of a
// process share and that V8 therefore cannot optimise.
//
// The fields are read from a sample object of core's, so this works with any version of Node. Where generating code is
// not allowed, or if the sample has a value that cannot be written as code, core's constructor is used.

const EventEmitter = require('node:events')
const { kCapture } = require('../core.js')

/** The text for `new Function`, and the values that the text refers to by number. */
class Text {
  constructor() {
    this.values = []
  }

  /**
   * The statements `this.key = value` for all fields. `given` has the fields that differ between objects, each as an
   * expression or as the descriptor of an accessor. Undefined if a value cannot be written as code.
   */
  fields(sample, given) {
    const lines = []
    for (const key of Reflect.ownKeys(sample)) {
      const name = typeof key === 'string' ? JSON.stringify(key) : this.constant(key)
      const source = Object.hasOwn(given, key) ? given[key] : this.source(key, sample[key])
      if (source === undefined) return undefined
      if (typeof source === 'string') lines.push(`this[${name}] = ${source}`)
      else lines.push(`${this.constant(Object.defineProperty)}(this, ${name}, ${this.constant(source)})`)
    }
    return lines
  }

  /**
   * `EventEmitter.captureRejections` can change at any time, so it is read anew. All other fields have the sample's
   * value.
   */
  source(key, value) {
    if (key === kCapture) return `${this.constant(EventEmitter.prototype)}[${this.constant(kCapture)}]`
    return this.literal(value)
  }

  /** A name for the value, which V8 treats as a constant. */
  constant(value) {
    return `c${this.values.push(value) - 1}`
  }

  literal(value) {
    if (value === null || ['boolean', 'undefined', 'string', 'number'].includes(typeof value)) {
      return Object.is(value, -0) || Number.isNaN(value)
        ? undefined
        : value === undefined
          ? 'undefined'
          : JSON.stringify(value)
    }
    if (typeof value === 'function' || typeof value === 'symbol') return this.constant(value)
    if (Array.isArray(value) && value.length === 0) return '[]'
    return undefined
  }
}

/**
 * Makes a constructor with these `parameters`, whose objects equal `sample`. `given` maps a field to an expression of
 * the parameters or to the descriptor of an accessor. `values` are further names for expressions. An own `_events`
 * becomes a new object with the sample's keys. Returns undefined if the constructor cannot be made.
 */
function constructorLike(sample, parameters, given, values = {}) {
  const text = new Text()
  const names = Object.entries(values).map(([name, value]) => [name, text.constant(value)])
  const all = { ...given }
  if (
    !('_events' in given) &&
    Object.hasOwn(sample, '_events') &&
    sample._events !== null &&
    typeof sample._events === 'object'
  ) {
    const events = emptyEvents(sample._events)
    if (events === undefined) return undefined
    all._events = `new ${text.constant(events)}()`
  }
  const lines = text.fields(sample, all)
  if (lines === undefined) return undefined
  const constants = text.values.map((_, i) => `const c${i} = v[${i}]`)
  const named = names.map(([name, constant]) => `const ${name} = ${constant}`)
  const body = `'use strict'\n${[...constants, ...named].join('\n')}\nreturn function (${parameters.join(', ')}) {\n${lines.join('\n')}\n}`
  const made = generate(body, text.values)
  if (made !== undefined) made.prototype = Object.getPrototypeOf(sample)
  return made
}

/**
 * Makes a constructor of objects for `_events`, with the keys that core defines in advance, and with no prototype that
 * could have names of its own.
 */
function emptyEvents(sample) {
  if (Object.values(sample).some((value) => value !== undefined)) return undefined
  const lines = Object.keys(sample).map((key) => `this[${JSON.stringify(key)}] = undefined`)
  const Events = generate(`return function () {\n${lines.join('\n')}\n}`, [])
  if (Events !== undefined) Events.prototype = Object.create(null)
  return Events
}

function generate(body, values) {
  try {
    return new Function('v', body)(values)
  } catch {
    // Generating code is not allowed: with Node's option this is an EvalError, in a hardened realm (SES) any error.
    return undefined
  }
}

/**
 * Returns a function that tells whether `objects` still have the methods that they have now, by name, own or inherited.
 */
function haveStillTheirMethods(objects) {
  const values = []
  const found = objects.flatMap((object) => {
    const names = new Set()
    // All but `Object.prototype`, which is a different object in a test runner's realm.
    for (let at = object; Object.getPrototypeOf(at) !== null; at = Object.getPrototypeOf(at)) {
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
        if (typeof value === 'function') names.add(name)
      }
    }
    return [...names].map((name) => [object, name, object[name]])
  })
  const constant = (value) => {
    const at = values.indexOf(value)
    return `c${at < 0 ? values.push(value) - 1 : at}`
  }
  const same = found.map(
    ([object, name, method]) => `${constant(object)}[${JSON.stringify(name)}] === ${constant(method)}`,
  )
  const constants = values.map((_, i) => `const c${i} = v[${i}]`).join('\n')
  const made = generate(`${constants}\nreturn function () {\nreturn ${same.join('\n&& ')}\n}`, values)
  return made ?? (() => found.every(([object, name, method]) => object[name] === method))
}

module.exports = { constructorLike, haveStillTheirMethods }
