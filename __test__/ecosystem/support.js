'use strict'

// Each test does the same over Node's server and over ours; where it gives something, both have to give the same.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const core = require('node:http')
const path = require('node:path')
const { test } = require('node:test')
const { promisify } = require('node:util')
const { http } = require('../..')
const { listen } = require('../http/exchanges.js')

const modules = { 'node:http': core, ironwire: http }

/** `use(http, t)` with each module; undefined is nothing to compare. */
function same(name, use, options = {}) {
  test(name, options, async (t) => {
    const results = []
    for (const [module, given] of Object.entries(modules)) {
      await t.test(module, options, async (t) => results.push(await use(given, t)))
    }
    if (results.length === 2) assert.deepEqual(results[1], results[0])
  })
}

/** Listens until the test ends; gives the URL. */
async function serve(t, server) {
  const port = await listen(server)
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${port}`
}

/** What a response says, as far as two of them can be the same. */
async function answer(response) {
  const { date, ...headers } = Object.fromEntries(response.headers)
  if (headers['set-cookie']) headers['set-cookie'] = response.headers.getSetCookie()
  assert.ok(date !== undefined)
  return { status: response.status, headers, body: await response.text() }
}

/**
 * Runs a script, in a process of its own, with either module as `http`: for what patches a process for good. `before` runs before the module
 * is loaded. What the script gives is compared.
 */
function separately(name, { before = '', script }, check, options = {}) {
  test(name, options, async () => {
    const results = []
    for (const load of ["require('node:http')", `require(${JSON.stringify(path.resolve(__dirname, '../..'))}).http`]) {
      const source = `${before}
        const http = ${load}
        const core = require('node:http')
        const { linger: sleep } = require(${JSON.stringify(path.join(__dirname, '../linger.js'))})
        const listen = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))
        const ask = (port, path, options = {}) => new Promise((resolve, reject) => {
          core.request({ host: '127.0.0.1', port, path, ...options }, async (res) => {
            let body = ''
            for await (const chunk of res) body += chunk
            resolve({ status: res.statusCode, body })
          }).on('error', reject).end(options.body)
        })
        const give = (value) => process.stdout.write('\\n=' + JSON.stringify(value) + '\\n', () => process.exit())
        ;(async () => { ${script} })().catch((error) => { console.error(error); process.exit(1) })`
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', source], {
        cwd: __dirname,
        timeout: 60_000,
        env: { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: '' },
      })
      results.push(JSON.parse(/^=(.*)$/m.exec(stdout)[1]))
    }
    assert.deepEqual(results[1], results[0])
    check(results[1])
  })
}

module.exports = { modules, same, serve, answer, separately }
