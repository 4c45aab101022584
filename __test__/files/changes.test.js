'use strict'

// Files that change, shrink, grow and vanish while they are served. What is answered is what is there; a promise that cannot be kept ends the connection.

const assert = require('node:assert')
const fs = require('node:fs')
const http = require('node:http')
const net = require('node:net')
const path = require('node:path')
const { test } = require('node:test')
const ironwire = require('ironwire')
const { listen, makeTree, mount, parseResponse, request } = require('./support')

const posix = { skip: process.platform === 'win32' }

/** GETs over one keep-alive connection. */
function getter(t, port) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  return (path, headers = {}) =>
    new Promise((resolve, reject) => {
      const req = http.get({ port, host: '127.0.0.1', path, headers, agent }, (res) => {
        const chunks = []
        res.on('data', (chunk) => chunks.push(chunk))
        res.on('error', reject)
        res.on('end', () =>
          resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks).toString() }),
        )
      })
      req.on('error', reject)
    })
}

function listener(root, options) {
  const serve = ironwire.serveStatic(root, options)
  return (req, res) => {
    serve(req, res, (error) => {
      res.statusCode = error ? error.status : 404
      res.end()
    })
  }
}

/** All ways that an answer takes; each gives a port. */
const SERVERS = {
  'a static server': mount,
  'a handler': (t, root) => listen(t, ironwire.http.createServer(listener(root))),
  'a handler on node:http': (t, root) => listen(t, http.createServer(listener(root))),
}

for (const [name, make] of Object.entries(SERVERS)) {
  test(`${name}: no stale answer in 1,000 changes`, async (t) => {
    const root = makeTree(t, { 'a.txt': 'start', 'other.txt': 'other' })
    const file = path.join(root, 'a.txt')
    const get = getter(t, await make(t, root))
    let etag
    for (let i = 0; i < 1000; i++) {
      // The same length each time, within one tick of most clocks, by each way in which programs write.
      const text = `version ${String(i).padStart(5, '0')}`
      if (i % 3 === 0) fs.writeFileSync(file, text)
      else if (i % 3 === 1) {
        fs.writeFileSync(`${file}.new`, text)
        fs.renameSync(`${file}.new`, file)
      } else {
        fs.rmSync(file)
        if (i % 2) assert.strictEqual((await get('/a.txt')).status, 404)
        fs.writeFileSync(file, text)
      }
      const { status, body } = await get('/a.txt')
      assert.deepStrictEqual([status, body], [200, text])
      if (i % 10 === 0) {
        const conditional = await get('/a.txt', etag ? { 'If-None-Match': etag } : {})
        // A weak tag has the time in milliseconds: two versions of one length within one have the same.
        if (conditional.status === 200) assert.strictEqual(conditional.body, text)
        etag = conditional.headers.etag
      }
    }
  })

  test(`${name}: removed files are not found, new ones are`, async (t) => {
    const root = makeTree(t, { 'a.txt': 'a', 'sub/b.txt': 'b' })
    const get = getter(t, await make(t, root))
    for (let i = 0; i < 20; i++) {
      assert.strictEqual((await get('/new.txt')).status, 404)
      fs.writeFileSync(path.join(root, 'new.txt'), `${i}`)
      assert.strictEqual((await get('/new.txt')).body, `${i}`)
      fs.rmSync(path.join(root, 'new.txt'))
      assert.strictEqual((await get('/sub/b.txt')).body, 'b')
      fs.renameSync(path.join(root, 'sub'), path.join(root, 'gone'))
      assert.strictEqual((await get('/sub/b.txt')).status, 404)
      assert.strictEqual((await get('/gone/b.txt')).body, 'b')
      fs.renameSync(path.join(root, 'gone'), path.join(root, 'sub'))
      // A file where a folder was, and the other way round.
      fs.mkdirSync(path.join(root, 'new.txt'))
      assert.strictEqual((await get('/new.txt')).status, 301)
      fs.rmdirSync(path.join(root, 'new.txt'))
    }
  })

  test(`${name}: the root folder is replaced`, posix, async (t) => {
    const root = makeTree(t, { 'one/a.txt': '1', 'two/a.txt': '2' })
    const current = path.join(root, 'current')
    const point = (name) => {
      fs.symlinkSync(name, `${current}.new`)
      fs.renameSync(`${current}.new`, current)
    }
    point('one')
    const get = getter(t, await make(t, current))
    for (let i = 0; i < 20; i++) {
      assert.strictEqual((await get('/a.txt')).body, '1')
      point('two')
      assert.strictEqual((await get('/a.txt')).body, '2')
      point('one')
    }
    // Removed, and built anew.
    fs.rmSync(current)
    assert.strictEqual((await get('/a.txt')).status, 404)
    fs.mkdirSync(current)
    fs.writeFileSync(path.join(current, 'a.txt'), 'built')
    assert.strictEqual((await get('/a.txt')).body, 'built')
    fs.rmSync(current, { recursive: true })
    fs.mkdirSync(current)
    assert.strictEqual((await get('/a.txt')).status, 404)
    fs.writeFileSync(path.join(current, 'a.txt'), 'again')
    assert.strictEqual((await get('/a.txt')).body, 'again')
  })

  test(`${name}: a large file that changes while it is sent`, posix, async (t) => {
    const SIZE = 64 * 2 ** 20
    const root = makeTree(t, { 'a.txt': 'a' })
    const file = path.join(root, 'large.bin')
    const port = await make(t, root)
    /** Starts to read the file, has `change` happen, reads on: all bytes that came. */
    async function during(change) {
      fs.writeFileSync(file, Buffer.alloc(SIZE, 'A'))
      const socket = net.connect(port, '127.0.0.1')
      const chunks = []
      let length = 0
      socket.write('GET /large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      await new Promise((resolve) => {
        socket.on('data', (chunk) => {
          chunks.push(chunk)
          length += chunk.length
          if (length > 2 ** 20) resolve()
        })
      })
      socket.pause()
      change()
      socket.resume()
      await new Promise((resolve) => socket.on('error', () => {}).on('close', resolve))
      return parseResponse(Buffer.concat(chunks))
    }
    const promised = ({ headers }) => assert.strictEqual(headers['content-length'], String(SIZE))

    const shrunk = await during(() => fs.truncateSync(file, 3 * 2 ** 20))
    promised(shrunk)
    assert.ok(shrunk.body.length < SIZE, 'the connection ended before the promised end')
    assert.ok(shrunk.body.every((byte) => byte === 65 || byte === 0))

    const grown = await during(() => fs.appendFileSync(file, 'B'.repeat(1000)))
    promised(grown)
    assert.ok(grown.body.equals(Buffer.alloc(SIZE, 'A')))

    const removed = await during(() => fs.rmSync(file))
    promised(removed)
    assert.ok(removed.body.equals(Buffer.alloc(SIZE, 'A')))

    const replaced = await during(() => {
      fs.writeFileSync(`${file}.new`, Buffer.alloc(SIZE, 'C'))
      fs.renameSync(`${file}.new`, file)
    })
    promised(replaced)
    assert.ok(replaced.body.equals(Buffer.alloc(SIZE, 'A')))
    // The server is well.
    assert.strictEqual((await request(port, '/a.txt')).body.toString(), 'a')
  })
}

test('files that change under load: every response is one complete version', async (t) => {
  const root = makeTree(t, { 'a.txt': 'x' })
  const file = path.join(root, 'a.txt')
  const port = await mount(t, root)
  let over = false
  const version = (i) => `${i % 10}`.repeat(100 + ((i * 7919) % 90_000))
  fs.writeFileSync(file, version(0))
  const readers = Array.from({ length: 8 }, async () => {
    const get = getter(t, port)
    let count = 0
    while (!over) {
      const { status, body } = await get('/a.txt')
      assert.strictEqual(status, 200)
      assert.ok(body.length >= 100 && /^(\d)\1*$/.test(body), 'one version')
      count++
    }
    return count
  })
  for (let i = 0; i < 400; i++) {
    fs.writeFileSync(`${file}.new`, version(i))
    fs.renameSync(`${file}.new`, file)
    await new Promise((resolve) => setImmediate(resolve))
  }
  over = true
  const counts = await Promise.all(readers)
  assert.ok(counts.every((count) => count > 0))
})
