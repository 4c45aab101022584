'use strict'

// The backend process: it owns the courses and answers remote calls about them.
//
// The front starts it with `child_process.fork`, is told the port over the IPC channel, and talks to it over rpc from then on.
// When the channel closes, the front is gone, however it went, and the backend goes too.

const { rpc } = require('ironwire')
const messages = require('./lib/messages')
const courses = new Map(require('./courses.json').map((course) => [course.id, course]))

/** The longest the backend may be asked to wait over one answer. */
const MAX_DELAY_MS = 2000

function list(_request, callback) {
  callback(null, messages.ListReply.encode({ ids: [...courses.keys()] }))
}

function get(request, callback) {
  const { id, max_delay: maxDelay } = messages.CourseRequest.decode(request)
  const course = courses.get(id)
  if (!course) {
    callback(Object.assign(new Error(`There is no course ${id}`), { code: 'NO_SUCH_COURSE' }))
    return
  }
  const reply = messages.Course.encode(course)
  if (maxDelay === 0) callback(null, reply)
  else setTimeout(callback, Math.random() * Math.min(maxDelay, MAX_DELAY_MS), null, reply)
}

const server = rpc.createServer()
server.method('courses.list', list)
server.method('courses.get', get)
server.listen(0, '127.0.0.1', () => process.send?.({ port: server.address().port }))
server.on('error', (error) => {
  console.error(`backend: ${error.message}`)
  process.exit(1)
})

function stop() {
  server.close(() => process.exit(0))
  // Calls still being answered have this long.
  setTimeout(() => process.exit(0), 500).unref()
}

process.on('disconnect', stop)
process.on('SIGTERM', stop)
// Ctrl-C reaches every process of the terminal. The front decides when the backend ends.
process.on('SIGINT', () => {})
