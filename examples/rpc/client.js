'use strict'

// The client for examples/rpc/server.js.

const fs = require('node:fs')
const path = require('node:path')
const { protobuf, rpc } = require('ironwire')

const { CourseRequest, Course } = protobuf(fs.readFileSync(path.join(__dirname, 'courses.proto')))
const client = rpc.connect(`127.0.0.1:${process.env.PORT ?? 3001}`)

// With a callback: the error comes first.
client.call('courses.get', CourseRequest.encode({ id: 1000 }), (error, reply) => {
  if (error) console.error(error.message)
  else console.log('callback:', Course.decode(reply).title)
})

// Without a callback: a promise. All of these calls are in flight at once, on one connection.
async function main() {
  const ids = [1000, 2000, 3000]
  const replies = await Promise.all(ids.map((id) => client.call('courses.get', CourseRequest.encode({ id }))))
  console.log('promises:', replies.map((reply) => Course.decode(reply).title).join(', '))

  // An error of the service arrives with its message and code.
  await client.call('courses.get', CourseRequest.encode({ id: 4000 })).catch((error) => {
    console.log(`refused: ${error.code}: ${error.message}`)
  })

  // Every call has a timeout.
  await client.call('courses.get', CourseRequest.encode({ id: 1000 }), { timeout: 1 }).catch((error) => {
    console.log(`too late: ${error.code}`)
  })
}

main()
  .catch((error) => {
    console.error(error.message)
    process.exitCode = 1
  })
  .finally(() => client.close())
