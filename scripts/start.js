'use strict'

// `npm start`: makes a fresh checkout usable, then runs the demo in this process.

require('./setup.js').setup()
require('../demo/front.js').main()

// npm starts this process through a shell, and a signal sent to npm ends only the shell. When the shell is gone, end
// this process too.
if (process.env.npm_lifecycle_event) {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }, 250)
  timer.unref()
}
