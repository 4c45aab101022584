'use strict'

const process = require('node:process')

/** Calls `tell` with each of `list`. What one of them throws keeps nothing from those behind it: they hear in a tick of their own. */
function each(list, tell, from = 0) {
  let at = from
  try {
    while (at < list.length) tell(list[at++])
  } finally {
    if (at < list.length) process.nextTick(each, list, tell, at)
  }
}

module.exports = { each }
