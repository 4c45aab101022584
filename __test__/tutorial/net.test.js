'use strict'

// The three client and server pairs over TCP. Each side runs on Node's net and on ironwire's, in all four combinations:
// both implementations speak with themselves and with each other.

const assert = require('node:assert')
const path = require('node:path')
const { describe, test } = require('node:test')
const { copyScripts, freePort, listening, start } = require('./support')

const SIDES = ['node', 'ironwire']

async function pair(t, folder, serverSide, clientSide) {
  const port = await freePort()
  const script = (side, name) => path.join(copyScripts(t, side, port), 'net', folder, name)
  const server = start(t, script(serverSide, 'server.js'))
  await listening(port, server)
  return { server, client: start(t, script(clientSide, 'client.js')) }
}

/** The scripts wait a second between messages: all pairs do it at the same time. */
function everyPair(folder, check) {
  describe(`net/${folder}`, { concurrency: true }, () => {
    for (const serverSide of SIDES) {
      for (const clientSide of SIDES) {
        test(`server on ${serverSide}, client on ${clientSide}`, async (t) => {
          const { server, client } = await pair(t, folder, serverSide, clientSide)
          await check(server, client)
          assert.strictEqual(server.stderr + client.stderr, '')
        })
      }
    }
  })
}

// One way: the client sends once a second, the server prints. What a busy machine has read at once is one line: nothing frames it.
everyPair('01', async (server) => {
  for (const line of await server.lines(2)) assert.match(line, /^(fltenwall)+$/)
})

// Half duplex: the client sends an id, the server answers with its name, once a second from then on.
everyPair('02', async (_server, client) => {
  const names = { 1: 'java', 2: 'javascript', 3: 'python' }
  const [first, ...others] = await client.lines(3)
  const [id, name] = first.split(' ')
  // The client sends its first id twice, and what it sends or gets at one moment may arrive as one chunk: nothing frames it.
  assert.match(name, new RegExp(`^(${names[id]}){1,2}$`))
  for (const line of others) assert.match(line, /^[123] (java|javascript|python)+$/)
})

// Full duplex: each message carries a sequence number, and the answer brings it back.
everyPair('03', async (_server, client) => {
  const names = { 1000: 'java', 2000: 'javascript', 3000: 'python' }
  const lines = await client.lines(4)
  const [, id] = lines[0].split(' ')
  assert.deepStrictEqual(lines, [`0 ${id}`, `0 ${names[id]}`, `1 ${id}`, `1 ${names[id]}`])
})
