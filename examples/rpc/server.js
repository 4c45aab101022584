'use strict'

// A service on ironwire's rpc, with protobuf bodies.
//
//   node examples/rpc/server.js                and in another terminal   node examples/rpc/client.js

const fs = require('node:fs')
const path = require('node:path')
const { protobuf, rpc } = require('ironwire')

const { CourseRequest, Course } = protobuf(fs.readFileSync(path.join(__dirname, 'courses.proto')))
const titles = new Map([
  [1000, 'java'],
  [2000, 'javascript'],
  [3000, 'python'],
])

const server = rpc.createServer()

server.method('courses.get', (request, callback) => {
  const { id } = CourseRequest.decode(request)
  const title = titles.get(id)
  // The error comes first here, too. The client gets its message and code.
  if (!title) return callback(Object.assign(new Error(`There is no course ${id}`), { code: 'NO_SUCH_COURSE' }))
  // Answers may come late and in any order: rpc matches each answer to its call.
  setTimeout(() => callback(null, Course.encode({ id, title })), 20 + Math.random() * 80)
})

server.listen(process.env.PORT ?? 3001, '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`)
})
