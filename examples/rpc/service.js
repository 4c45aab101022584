'use strict'

// A service declared by its schema, with server and client in one process.
//
//   node examples/rpc/service.js

const { protobuf, rpc } = require('ironwire')

const messages = protobuf(`
  message Query { required string text = 1; }
  message Answer { repeated string titles = 1; }

  service Library {
    // Titles that contain the text.
    rpc Search (Query) returns (Answer);
  }
`)
const { Search } = protobuf.service(messages, 'Library').methods

const titles = ['Moby Dick', 'Middlemarch', 'Emma']

const server = rpc.createServer()
server.method(Search.path, async (request) => {
  const { text } = Search.requestType.decode(request)
  return Search.responseType.encode({ titles: titles.filter((title) => title.includes(text)) })
})

server.listen(0, '127.0.0.1', async () => {
  const client = rpc.connect({ host: '127.0.0.1', port: server.address().port })
  console.log(Search.path) // /Library/Search
  const reply = await client.call(Search.path, Search.requestType.encode({ text: 'd' }))
  console.log(Search.responseType.decode(reply)) // { titles: [ 'Middlemarch' ] }
  await client.close()
  server.close()
})
