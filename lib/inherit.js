'use strict'

// Helpers for classes that stand beside Node's: `instanceof`, and forwarding methods from one class to another.

/**
 * Gives a class the methods of another one. Each is looked up when it is called, so that a later replacement takes
 * effect.
 */
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

/** Makes Node's own instances count as `instanceof` the class, but not of classes that programs derive from it. */
function admit(Class, CoreClass) {
  Object.defineProperty(Class, Symbol.hasInstance, {
    value(instance) {
      return this === Class
        ? instance instanceof CoreClass
        : Function.prototype[Symbol.hasInstance].call(this, instance)
    },
  })
}

/** Defines non-enumerable properties, which do not show when `object` is printed or copied. */
function hide(object, properties) {
  for (const key of Reflect.ownKeys(properties)) {
    Object.defineProperty(object, key, { value: properties[key], configurable: true, writable: true })
  }
}

/** Gives the method the name and the number of parameters of Node's. */
function named(core, method) {
  Object.defineProperty(method, 'name', { value: core.name, configurable: true })
  Object.defineProperty(method, 'length', { value: core.length, configurable: true })
  return method
}

module.exports = { admit, hide, inherit, named }
