'use strict'

// A backend process. It has the courses and answers remote calls about them. There can be any number of backends.
//
//   node demo/backend.js registry://127.0.0.1:PORT NAME
//
// A backend registers under its name, so that the front finds it. The front starts two with `child_process.fork`. When the channel to it
// closes, the front has ended, for whatever reason, and the backend ends too.

const { rpc } = require('ironwire')
const messages = require('./lib/messages')
const courses = new Map(require('./courses.json').map((course) => [course.id, course]))

/** The longest delay that a request may ask for. */
const MAX_DELAY_MS = 2000
/** The registry removes a backend that gives no sign of life for this long. The process gives four in that time. */
const LEASE_MS = 2000

const [target, name] = process.argv.slice(2)
if (!target || !name)
  fail('How to start one:  node demo/backend.js registry://127.0.0.1:PORT NAME   (the page tells the port)')

function fail(message) {
  console.error(message)
  process.exit(1)
}

function list(_request, callback) {
  callback(null, messages.ListReply.encode({ ids: [...courses.keys()], answered_by: name }))
}

function get(request, callback) {
  const { id, max_delay: maxDelay } = messages.CourseRequest.decode(request)
  const course = courses.get(id)
  if (!course) {
    callback(Object.assign(new Error(`There is no course ${id}`), { code: 'NO_SUCH_COURSE' }))
    return
  }
  const reply = messages.CourseReply.encode({ course, answered_by: name })
  if (maxDelay === 0) callback(null, reply)
  else setTimeout(callback, Math.random() * Math.min(maxDelay, MAX_DELAY_MS), null, reply)
}

const registry = rpc.connectRegistry(target)
const server = rpc.createServer()
server.method('courses.list', list)
server.method('courses.get', get)
server.on('error', (error) => fail(`backend ${name}: ${error.message}`))
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  const metadata = { pid: String(process.pid) }
  const registration = registry.register('courses', { id: name, port, lease: LEASE_MS, metadata })
  registration.on('error', (error) => fail(`backend ${name}: ${error.message}`))
})

function stop() {
  // Leaving the registry keeps new calls away, while the server answers the calls in progress.
  registry.close(() => {})
  server.close(() => process.exit(0))
  // Calls in progress have this long. If one is cut off, its caller asks another backend.
  setTimeout(() => process.exit(0), 500).unref()
}

process.on('disconnect', stop)
process.on('SIGTERM', stop)
// Ctrl-C reaches every process of a terminal. The front decides when its backends end.
process.on('SIGINT', () => process.channel || stop())
