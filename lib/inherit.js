'use strict'

// What the classes of several modules share: how they stand beside core's, and methods of one class in another.

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

/** To whoever asks by `instanceof`, core's are of the class, too; but not of those that programs derive from it. */
function admit(Class, CoreClass) {
  Object.defineProperty(Class, Symbol.hasInstance, {
    value(instance) {
      return this === Class
        ? instance instanceof CoreClass
        : Function.prototype[Symbol.hasInstance].call(this, instance)
    },
  })
}

/** Gives `object` properties of ours that nobody sees who prints or copies it. */
function hide(object, properties) {
  for (const key of Reflect.ownKeys(properties)) {
    Object.defineProperty(object, key, { value: properties[key], configurable: true, writable: true })
  }
}

/** Has the method show core's name and number of parameters. */
function named(core, method) {
  Object.defineProperty(method, 'name', { value: core.name, configurable: true })
  Object.defineProperty(method, 'length', { value: core.length, configurable: true })
  return method
}

module.exports = { admit, hide, inherit, named }
