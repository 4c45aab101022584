'use strict'

const process = require('node:process')

/** Calls `tell` with each item of `list`. If a call throws, the remaining items follow in the next tick. */
function each(list, tell, from = 0) {
  let at = from
  try {
    while (at < list.length) tell(list[at++])
  } finally {
    if (at < list.length) process.nextTick(each, list, tell, at)
  }
}

module.exports = { each }
