'use strict'

// Peers that are slow, silent or gone, and files that change under them, on a server that answers without JavaScript.

const assert = require('node:assert')
const { execFile } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { setTimeout } = require('node:timers/promises')
const { promisify } = require('node:util')
const { connect, content, makeFolder, serve, write, FILES, LARGE, SETTINGS } = require('./native-support')

const run = promisify(execFile)

/** Waits until `check` resolves to true. */
async function until(check) {
  while (!(await check())) await setTimeout(10)
}

/** A connection that has asked for a file and reads nothing of it but its beginning. */
async function slowReader(t, port, target = '/large.bin') {
  const connection = await connect(t, port)
  connection.send('GET', target)
  await until(() => connection.received() > 0)
  connection.socket.pause()
  return connection
}

describe('slow readers', () => {
  test('cost sockets, not memory', async (t) => {
    const { port, call } = await serve(t)
    // What the first costs is not theirs.
    await (await connect(t, port)).get('/large.bin')
    const before = await call('memory')
    const readers = await Promise.all(Array.from({ length: 200 }, () => slowReader(t, port)))
    const grown = (await call('memory')) - before
    // All that they wait for is 2 GB; in memory are a block of it each, and what V8 and the allocator make of 200 connections.
    assert.ok(grown < 24 << 20, `${grown} bytes for 200 readers`)
    const [first] = readers
    first.socket.resume()
    assert.ok((await first.response()).body.equals(LARGE))
    assert.deepStrictEqual(await call('calls'), [])
  })

  test('that pipeline a thousand requests wait in their own sockets', async (t) => {
    const { port, call } = await serve(t)
    const connection = await connect(t, port)
    const before = await call('memory')
    connection.socket.pause()
    connection.socket.write('GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000))
    await setTimeout(200)
    assert.ok((await call('memory')) - before < 24 << 20)
    connection.socket.resume()
    for (let i = 0; i < 5; i++) assert.ok((await connection.response()).body.equals(LARGE))
  })

  test('are not idle: keepAliveTimeout starts after everything was sent', async (t) => {
    const { port, call } = await serve(t, { keepAliveTimeout: 100, keepAliveTimeoutBuffer: 0 })
    const slow = await slowReader(t, port)
    const idle = await connect(t, port)
    await idle.get('/a.txt')
    // Since Node 24.6 there is no second that Node adds.
    await idle.rest()
    await setTimeout(200)
    await call('closeIdle')
    slow.socket.resume()
    assert.ok((await slow.response()).body.equals(LARGE))
    await slow.rest()
  })

  test('that disconnect leave nothing behind', async (t) => {
    const { port, call } = await serve(t)
    const { slots, handles } = await call('usage')
    const readers = await Promise.all(Array.from({ length: 20 }, () => slowReader(t, port)))
    readers.forEach(({ socket }, i) => {
      if (i % 2) socket.destroy()
      else socket.resetAndDestroy()
    })
    await until(async () => {
      const now = await call('usage')
      return now.slots === slots && now.handles <= handles + 1
    })
    assert.strictEqual(await call('connections'), 0)
  })
})

describe('the end of a server', () => {
  test('finishes responses, and closes idle connections', async (t) => {
    const { port, call } = await serve(t)
    const slow = await slowReader(t, port)
    const idle = await connect(t, port)
    await idle.get('/a.txt')
    await call('close')
    await idle.rest()
    slow.socket.resume()
    assert.ok((await slow.response()).body.equals(LARGE))
    await slow.rest()
    await until(async () => (await call('seen')).includes('server closed'))
  })

  test('in a worker while files are read', async (t) => {
    const root = makeFolder(t)
    const script = `
      const { Worker, isMainThread, parentPort } = require('node:worker_threads')
      const net = require('node:net')
      const { once } = require('node:events')
      if (isMainThread) {
        ;(async () => {
          for (let i = 0; i < 5; i++) {
            const worker = new Worker(__filename)
            const [port] = await once(worker, 'message')
            const sockets = Array.from({ length: 20 }, (_, n) => {
              const socket = net.connect(port, '127.0.0.1')
              socket.on('error', () => {})
              socket.write('GET /large.bin?' + n + ' HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
              return socket
            })
            await Promise.race(sockets.map((socket) => once(socket, 'data')))
            if (i % 2) await new Promise(setImmediate)
            await worker.terminate()
            for (const socket of sockets) socket.destroy()
          }
          console.log('ended')
        })()
      } else {
        const { http } = require('ironwire')
        const { native } = require(${JSON.stringify(path.join(__dirname, '../../lib/engine.js'))})
        const { kSite } = require(${JSON.stringify(path.join(__dirname, '../../lib/http/symbols.js'))})
        const settings = ${JSON.stringify(SETTINGS)}
        function handler(_req, res) { res.end() }
        handler[kSite] = { number: native.filesOpen(${JSON.stringify(root)}, settings), settings }
        const server = http.createServer(handler).listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
      }`
    const file = path.join(__dirname, `.worker-${process.pid}.js`)
    fs.writeFileSync(file, script)
    t.after(() => fs.rmSync(file))
    const { stdout } = await run(process.execPath, [file], { timeout: 60_000 })
    assert.strictEqual(stdout, 'ended\n')
  })
})

describe('a file that changes', () => {
  test('is sent in its current version at once', async (t) => {
    const { root, port } = await serve(t)
    const connection = await connect(t, port)
    for (let i = 0; i < 100; i++) {
      const text = `content ${i % 7} ${'x'.repeat(i)}`
      if (i % 3 === 0) fs.writeFileSync(path.join(root, 'a.txt'), text)
      else {
        fs.writeFileSync(path.join(root, 'new'), text)
        fs.renameSync(path.join(root, 'new'), path.join(root, 'a.txt'))
      }
      assert.strictEqual((await connection.get('/a.txt')).text, text)
    }
    fs.rmSync(path.join(root, 'a.txt'))
    assert.strictEqual((await connection.get('/a.txt')).text, 'JavaScript /a.txt')
    write(path.join(root, 'a.txt'), 'again')
    assert.strictEqual((await connection.get('/a.txt')).text, 'again')
  })

  test('is sent completely when it was removed or replaced', async (t) => {
    const { root, port } = await serve(t)
    const file = path.join(root, 'large.bin')
    const gone = await slowReader(t, port)
    fs.rmSync(file)
    write(file, content(10 << 20, 1))
    const replaced = await slowReader(t, port)
    fs.renameSync(path.join(root, 'middle.bin'), file)
    for (const [connection, body] of [
      [gone, LARGE],
      [replaced, content(10 << 20, 1)],
    ]) {
      connection.socket.resume()
      assert.ok((await connection.response()).body.equals(body))
    }
    assert.ok((await (await connect(t, port)).get('/large.bin')).body.equals(FILES['middle.bin']))
  })

  test('and becomes shorter while it is sent ends its connection', async (t) => {
    const { root, port, call } = await serve(t)
    const file = path.join(root, 'large.bin')
    // More than all socket buffers hold: what they have taken before is sent, and was the file's then.
    fs.truncateSync(file, 1 << 30)
    const readers = await Promise.all(Array.from({ length: 5 }, () => slowReader(t, port)))
    const other = await connect(t, port)
    readers[0].send('GET', '/a.txt')
    fs.truncateSync(file, 6 << 20)
    for (const reader of readers) {
      reader.socket.resume()
      const all = await reader.rest()
      const body = all.subarray(all.indexOf('\r\n\r\n') + 4)
      assert.ok(body.length < 1 << 30, `${body.length} bytes`)
      const [begin, end] = [body.subarray(0, LARGE.length), body.subarray(LARGE.length)]
      assert.ok(begin.equals(LARGE.subarray(0, begin.length)) && end.equals(Buffer.alloc(end.length)))
    }
    assert.strictEqual((await other.get('/a.txt')).text, 'alpha')
    await until(async () => (await call('connections')) === 1)
  })

  test('all the time is never mixed up with another version', async (t) => {
    // A busy machine reads an answer for longer than a connection may be idle once all of it has left.
    const { root, port } = await serve(t, { keepAliveTimeout: 600_000 })
    const file = path.join(root, 'changing.bin')
    let seed = 0
    write(file, content(1 << 20))
    let changes = true
    const changer = (async () => {
      while (changes) {
        write(`${file}.new`, content(1 << 20, ++seed))
        fs.renameSync(`${file}.new`, file)
        await setTimeout(3)
      }
    })()
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const connection = await connect(t, port)
        for (let i = 0; i < 30; i++) {
          const { body } = await connection.get('/changing.bin')
          assert.ok(body.equals(content(1 << 20, body.readUInt32LE(0))))
        }
      }),
    )
    changes = false
    await changer
  })
})

test('out of descriptors: other requests are answered, and waiting ones get a response', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${i}.bin`, content(50_000, i)]))
  const root = makeFolder(t, { ...files, 'a.txt': 'alpha' })
  const limited = path.join(root, 'node')
  fs.writeFileSync(limited, `#!/bin/sh\nulimit -n 60\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 })
  const { port, call } = await serve(t, { root, execPath: limited })
  const connections = []
  for (let i = 0; i < 10; i++) connections.push(await connect(t, port))
  assert.strictEqual((await connections[0].get('/a.txt')).text, 'alpha')
  for (let i = 0; i < 100; i++) {
    const { head, body, text } = await connections[i % 10].get(`/${i}.bin`)
    if (/^X-From: JavaScript/m.test(head)) assert.strictEqual(text, `JavaScript /${i}.bin`)
    else assert.ok(body.equals(files[`${i}.bin`]))
    assert.strictEqual((await connections[(i + 1) % 10].get('/a.txt')).text, 'alpha')
  }
  assert.ok((await call('calls')).length < 100)
})
