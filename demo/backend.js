'use strict'

// A backend process: it has the courses and answers remote calls about them. There can be any number of backends.
//
//   node demo/backend.js registry://127.0.0.1:PORT NAME
//
// It registers itself under its name, by which clients find it. The front starts two backends with
// `child_process.fork`. When the channel to the front closes, the front is gone, and the backend exits too.

const { rpc } = require('ironwire')
const messages = require('./lib/messages')
const courses = new Map(require('./courses.json').map((course) => [course.id, course]))

/** The longest delay of an answer that a client may ask for. */
const MAX_DELAY_MS = 2000
/**
 * The registry removes a backend that sends no sign of life for this long. Its process sends about four in that time.
 */
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
  // The registry tells clients to stay away, while the server finishes the calls that it has received.
  registry.close(() => {})
  server.close(() => process.exit(0))
  // The longest time for the calls that are still being answered. Clients send calls that are cut off to another
  // backend.
  setTimeout(() => process.exit(0), 500).unref()
}

process.on('disconnect', stop)
process.on('SIGTERM', stop)
// Ctrl-C reaches every process of the terminal. If there is a front, it decides when its backends end.
process.on('SIGINT', () => process.channel || stop())
