'use strict'

// Constructors that make what core's make, field for field and in the same order, without the calls from one base class to the next: those
// cost some 0.4 µs a request, most of it in one place that all emitters of a process share and that V8 therefore cannot optimise.
//
// What the fields are is read off a sample of core's own, whatever the version of Node. Where no code may be generated, or a sample
// holds something that cannot be written down, core's constructor serves.

const EventEmitter = require('node:events')
const { kCapture } = require('../core.js')

/** What `new Function` gets: the values that the text refers to by number. */
class Text {
  constructor() {
    this.values = []
  }

  /** `this.key = value` for every field; `given` says what the fields are that are not the same each time: an expression or an accessor. */
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

  /** `EventEmitter.captureRejections` can change at any time; all others stay what they are in the sample. */
  source(key, value) {
    if (key === kCapture) return `${this.constant(EventEmitter.prototype)}[${this.constant(kCapture)}]`
    return this.literal(value)
  }

  /** A name for a value that V8 takes for a constant. */
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
 * A constructor with `parameters` of objects that equal `sample`, with `given` (key to expression of the parameters, or to an accessor's
 * descriptor) filled in. An own `_events` becomes an object of the sample's keys. Undefined when it cannot be made.
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

/** Objects for `_events`, with the keys that core puts there beforehand, and no prototype that could have names of its own. */
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
    // Not allowed here: Node's switch throws an EvalError, a hardened realm (SES) whatever it likes.
    return undefined
  }
}

/** A function that says whether `objects` have the methods that they have now; by name, own or inherited. */
function haveStillTheirMethods(objects) {
  const values = []
  const found = objects.flatMap((object) => {
    const names = new Set()
    // All but `Object.prototype`, which is another one in a realm of a test runner's.
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
