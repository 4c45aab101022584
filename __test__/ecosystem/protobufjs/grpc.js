'use strict'

// A server and a client of @grpc/grpc-js, on what proto-loader loads.

const path = require('node:path')
const grpc = require('@grpc/grpc-js')
const loader = require('@grpc/proto-loader')

const options = { longs: String, enums: String, oneofs: true }
const { library } = grpc.loadPackageDefinition(loader.loadSync(path.join(__dirname, 'library.proto'), options))
const books = ['Emma', 'Persuasion'].map((title, i) => ({
  isbn: String(i + 1),
  title,
  genre: 'GENRE_NOVEL',
  reader: 'me',
}))

const server = new grpc.Server()
server.addService(library.Library.service, {
  GetBook: ({ request }, callback) => callback(null, { ...books[0], isbn: request.isbn }),
  ListBooks: (call) => {
    for (const book of books) call.write(book)
    call.end()
  },
  AddBooks: (call, callback) => {
    let count = 0
    call.on('data', () => count++)
    call.on('end', () => callback(null, { count, byAuthor: { Austen: count } }))
  },
})
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error
  const client = new library.Library(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
  const seen = []
  client.GetBook({ isbn: '9007199254740993' }, (error, book) => {
    seen.push(error, book)
    const call = client.ListBooks({ authorName: 'Austen' })
    call.on('data', (one) => seen.push(one))
    call.on('end', () => {
      const adding = client.AddBooks((error, summary) => {
        console.log(JSON.stringify([...seen, error, summary]))
        client.close()
        server.forceShutdown()
      })
      for (const book of books) adding.write(book)
      adding.end()
    })
  })
})
