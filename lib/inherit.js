'use strict'

// What the classes of several modules share: methods of one class in another, under the names that core's have.

/** What the methods of a class are, those of another are, too: whoever replaces a method there is obeyed here. */
function inherit(Class, From) {
  for (const name of Reflect.ownKeys(From.prototype)) {
    if (name === 'constructor') continue
    const descriptor = Object.getOwnPropertyDescriptor(From.prototype, name)
    const { value } = descriptor
    if (typeof value === 'function') {
      descriptor.value = named(value, function (...args) {
        return From.prototype[name].apply(this, args)
      })
    }
    Object.defineProperty(Class.prototype, name, descriptor)
  }
}

/** Has the method show core's name and number of parameters. */
function named(core, method) {
  Object.defineProperty(method, 'name', { value: core.name, configurable: true })
  Object.defineProperty(method, 'length', { value: core.length, configurable: true })
  return method
}

module.exports = { inherit, named }
