'use strict'

module.exports = {
  /** The longest delay that Node's timers take, in milliseconds. */
  MAX_DELAY: 2 ** 31 - 1,
}
