'use strict'

// `npm start`: makes a fresh checkout usable, then runs the demo in this process.

require('./setup.js').setup()
require('../demo/front.js').main()

// A shell stands between npm and this process, and a signal sent to npm ends that shell only. When it is gone, so is whoever
// started the demo.
if (process.env.npm_lifecycle_event) {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }, 250)
  timer.unref()
}
