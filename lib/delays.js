'use strict'

module.exports = {
  /** The longest delay of Node's timers, in milliseconds. */
  MAX_DELAY: 2 ** 31 - 1,
}
