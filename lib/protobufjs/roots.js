'use strict'

/** The roots of static code and of decorators, by name. */
module.exports = Object.create(null)
