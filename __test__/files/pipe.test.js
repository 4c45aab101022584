'use strict'

// Files that are piped into responses, each case on Node's server and on ours (pipe-cases.js).

const { fork } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { after, test } = require('node:test')
const { names } = require('./pipe-cases.js')

const program = fork(path.join(__dirname, 'pipe-cases.js'))
after(() => program.disconnect())

for (const name of names) {
  test(name, { timeout: 120_000 }, async () => {
    program.send(name)
    const [{ error }] = await once(program, 'message')
    if (error !== undefined) throw new Error(error)
  })
}
