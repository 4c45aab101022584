'use strict'

// What @grpc/proto-loader makes of a file, with every option that changes it, as JSON.

const path = require('node:path')
const loader = require('@grpc/proto-loader')

const FILE = path.join(__dirname, 'library.proto')
const BOOK = {
  isbn: '9007199254740993',
  title: 'Moby Dick',
  genre: 'GENRE_NOVEL',
  authorNames: ['Herman Melville'],
  shelf: { row: 3, column: -2 },
  cover: Buffer.from('cover'),
  added: { seconds: 1700000000, nanos: 5 },
  copies: { 1: { row: 1, column: 1 }, '-5': { row: 2 } },
  price: 12.5,
}
const OPTIONS = [
  {},
  { keepCase: true },
  { longs: String, enums: String, bytes: String, defaults: true, oneofs: true },
  { longs: Number, enums: Number, bytes: Array, arrays: true, objects: true },
  { json: true, defaults: true, oneofs: true, longs: String },
]

const shown = (value) => (Buffer.isBuffer(value) ? value.toString('hex') : value)

function describe(definition) {
  const described = {}
  for (const [name, entry] of Object.entries(definition)) {
    described[name] = entry.format
      ? { ...entry, fileDescriptorProtos: entry.fileDescriptorProtos.map(shown) }
      : Object.fromEntries(
          Object.entries(entry).map(([method, { requestType, responseType, ...rest }]) => [
            method,
            { ...rest, request: requestType.type.name, response: responseType.type.name },
          ]),
        )
  }
  return described
}

function exchange({ 'library.Library': service }) {
  const book = { ...BOOK, author_names: BOOK.authorNames }
  const bytes = service.AddBooks.requestSerialize(book)
  const summary = service.AddBooks.responseSerialize({ count: 7, byAuthor: { a: 1 }, by_author: { a: 1 } })
  return [bytes, service.AddBooks.requestDeserialize(bytes), service.AddBooks.responseDeserialize(summary)]
}

async function main() {
  const results = []
  for (const options of OPTIONS) {
    const definition = await loader.load(FILE, options)
    results.push(describe(definition), exchange(definition))
    results.push(exchange(loader.loadSync('library.proto', { ...options, includeDirs: [__dirname] })))
  }
  const set = loader.loadSync(FILE)['library.Book'].fileDescriptorProtos
  results.push(
    Object.keys(loader.fromJSON({ nested: { A: { fields: { b: { type: 'string', id: 1 } } } } })),
    set.length,
  )
  return results
}

main().then((results) => console.log(JSON.stringify(results, null, 1)))
