'use strict'

// A typed service with streams: the schema declares the methods, and functions call and implement them.
//
//   node examples/rpc/catalog.js               server and client in one process
//   PORT=3001 node examples/rpc/catalog.js     the server alone, for python3 examples/rpc/client.py

const { protobuf, rpc } = require('ironwire')

const { Catalog } = protobuf(`
  syntax = "proto3";
  message Id { uint32 id = 1; }
  message Course { string title = 1; }

  service Catalog {
    rpc Title (Id) returns (Course);
    // Titles as they change.
    rpc Watch (Id) returns (stream Course);
    rpc Count (stream Course) returns (Id);
  }
`)

const titles = new Map([
  [1000, 'java'],
  [2000, 'javascript'],
  [3000, 'python'],
])

const server = rpc.createServer()

server.addService(Catalog, {
  title({ id }, callback) {
    const title = titles.get(id)
    if (title === undefined) return callback(new rpc.StatusError(rpc.status.NOT_FOUND, `there is no course ${id}`))
    callback(null, { title })
  },
  // Yielded messages are sent as fast as the caller takes them. If the caller leaves, the generator is ended.
  async *watch({ id }) {
    for (let edition = 1; edition <= 3; edition++) yield { title: `${titles.get(id)}, edition ${edition}` }
  },
  async count(courses) {
    let id = 0
    for await (const _ of courses) id++
    return { id }
  },
})

server.listen(process.env.PORT ?? 0, '127.0.0.1', async () => {
  const { port } = server.address()
  if (process.env.PORT !== undefined) return console.log(`listening on 127.0.0.1:${port}`)

  const client = rpc.connect(`127.0.0.1:${port}`)
  const catalog = client.service(Catalog)

  catalog.title({ id: 1000 }, (error, course) => console.log(error ?? course)) // { title: 'java' }

  // Several calls at once, with results in the order of the calls.
  const courses = await client.all([1000, 2000, 3000].map((id) => [catalog.title, { id }]))
  console.log(courses.map(({ title }) => title)) // [ 'java', 'javascript', 'python' ]

  for await (const { title } of catalog.watch({ id: 2000 })) console.log(title) // javascript, edition 1 …

  console.log(await catalog.count(courses)) // { id: 3 }

  await catalog.title({ id: 1 }).catch((error) => console.log(error.statusName, error.message)) // NOT_FOUND there is …
  await client.close()
  server.close()
})
