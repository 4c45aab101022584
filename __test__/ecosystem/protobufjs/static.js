'use strict'

// A static module as `pbjs -t static-module` wrote it, in use: `node static.js MODULE`.

const { library } = require(process.argv[2])

const { Book, Library, Genre } = library
const book = Book.create({
  title: 'Emma',
  genre: Genre.GENRE_POETRY,
  authorNames: ['Austen'],
  shelf: { row: 1, column: -1 },
})
const bytes = Book.encode(book).finish()
const delimited = Book.encodeDelimited({ ...book, cover: Buffer.from('c'), copies: { 5: { row: 9 } } }).finish()
const decoded = Book.decode(bytes)
const service = new Library((method, _request, callback) =>
  callback(null, Book.encode({ isbn: 5, title: method.name }).finish()),
)

service.getBook({ isbn: 12 }).then((answer) => {
  const shown = [
    bytes.toString('hex'),
    delimited.toString('hex'),
    decoded,
    decoded.owner,
    Book.toObject(Book.decodeDelimited(delimited), { defaults: true, longs: String, oneofs: true }),
    Book.verify({ title: 1 }),
    Book.fromObject({ genre: 'GENRE_NOVEL', isbn: '77', added: { seconds: 5 } }),
    answer,
    Book.getTypeUrl(),
  ]
  console.log(JSON.stringify(shown))
})
