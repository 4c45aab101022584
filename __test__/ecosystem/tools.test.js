'use strict'

// Tools that bring a server of their own and can be put behind another: Vite's middleware with hot updates over a WebSocket, and a custom
// server of Next.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { promisify } = require('node:util')
const { WebSocket } = require('ws')
const { modules, same, separately, serve } = require('./support.js')

/** A folder for an application, under this one, where its packages are found. */
function place(name, files) {
  const folder = path.join(__dirname, '.work', name)
  fs.rmSync(folder, { recursive: true, force: true })
  for (const [file, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
    fs.writeFileSync(path.join(folder, file), text)
  }
  return folder
}

same(
  'Vite in middleware mode, with hot updates by way of the server',
  async (http, t) => {
    const name = Object.keys(modules)
      .find((key) => modules[key] === http)
      .replace(':', '-')
    const folder = place(`vite-${name}`, {
      'index.html': '<script type="module" src="/main.js"></script>',
      'main.js': "import { text } from './text.js'; document.title = text; import.meta.hot.accept()",
      'text.js': "export const text = 'first'",
    })
    const { createServer } = await import('vite')
    let vite
    const server = http.createServer((req, res) => vite.middlewares(req, res))
    vite = await createServer({
      root: folder,
      configFile: false,
      logLevel: 'silent',
      cacheDir: path.join(folder, '.cache'),
      server: { middlewareMode: true, hmr: { server }, watch: { usePolling: true, interval: 50 } },
    })
    const url = await serve(t, server)
    t.after(() => vite.close())

    const page = await (await fetch(url, { headers: { Accept: 'text/html' } })).text()
    assert.match(page, /@vite\/client/)
    const text = await fetch(`${url}/text.js`)
    assert.match(await text.text(), /first/)
    const etag = text.headers.get('etag')
    assert.equal((await fetch(`${url}/text.js`, { headers: { 'If-None-Match': etag } })).status, 304)
    assert.match(await (await fetch(`${url}/main.js`)).text(), /import\.meta\.hot/)

    const client = await (await fetch(`${url}/@vite/client`)).text()
    const token = /wsToken = "([^"]+)"/.exec(client)[1]
    const socket = new WebSocket(`${url.replace('http', 'ws')}/?token=${token}`, 'vite-hmr')
    const messages = []
    const updated = new Promise((resolve) => {
      socket.on('message', (data) => {
        const message = JSON.parse(data)
        messages.push(message.type)
        if (message.type === 'update' || message.type === 'full-reload') resolve(message)
      })
    })
    await once(socket, 'message')
    // Until the watcher has begun, it sees no change.
    let update
    for (let change = 0; update === undefined; change++) {
      fs.writeFileSync(path.join(folder, 'text.js'), `export const text = 'second' // ${change}`)
      update = await Promise.race([updated, sleep(1000)])
    }
    socket.close()
    await once(socket, 'close')
    assert.match(await (await fetch(`${url}/text.js?t=1`)).text(), /second/)
    return [messages[0], update.type, update.updates?.map(({ path, type }) => [path, type])]
  },
  { timeout: 60_000 },
)

test('Next: build', { timeout: 120_000 }, async () => {
  const folder = place('next', {
    'package.json': '{"private":true}',
    'next.config.js': `module.exports = { turbopack: { root: ${JSON.stringify(path.resolve(__dirname))} }, compress: true }`,
    'app/layout.js': 'export default ({ children }) => <html lang="en"><body>{children}</body></html>',
    'app/page.js': "export default () => <h1>{'static '.repeat(500)}</h1>",
    'app/now/page.js':
      "export const dynamic = 'force-dynamic'\nexport default async ({ searchParams }) => <p>query {(await searchParams).a}</p>",
    'app/echo/route.js': `export const POST = async (request) => new Response(await request.text(), { headers: { 'X-A': 'b' } })
      export const GET = async () => new Response(new Blob(['stream'.repeat(10_000)]).stream())`,
    'public/file.txt': 'a file',
  })
  const next = path.join(__dirname, 'node_modules', 'next', 'dist', 'bin', 'next')
  await promisify(execFile)(process.execPath, [next, 'build'], {
    cwd: folder,
    env: { ...process.env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1', NODE_TEST_CONTEXT: undefined },
  })
})

separately(
  'Next, from a custom server',
  {
    script: `
      process.env.NODE_ENV = 'production'
      process.env.NEXT_TELEMETRY_DISABLED = '1'
      const next = require('next')
      let handle
      const server = http.createServer((req, res) => handle(req, res))
      const port = await listen(server)
      const app = next({ dev: false, dir: require('node:path').join(process.cwd(), '.work', 'next'), hostname: '127.0.0.1', port, httpServer: server })
      await app.prepare()
      handle = app.getRequestHandler()
      const results = []
      for (const [path, options] of [['/'], ['/now?a=7'], ['/echo'], ['/echo', { method: 'POST', body: 'x'.repeat(100_000) }], ['/file.txt'],
        ['/none'], ['/', { method: 'HEAD' }], ['/', { headers: { RSC: '1' } }]]) {
        const response = await fetch('http://127.0.0.1:' + port + path, options)
        const { date, etag, ...headers } = Object.fromEntries(response.headers)
        results.push([path, response.status, Object.keys(headers).sort(), (await response.text()).length > 5 ? options?.method ?? 'GET' : ''])
      }
      const body = await (await fetch('http://127.0.0.1:' + port + '/now?a=7')).text()
      results.push(body.includes('query'), body.includes('7</p>'))
      give(results)`,
  },
  (results) => {
    assert.deepEqual(
      results.filter(Array.isArray).map(([path, status]) => [path, status]),
      [
        ['/', 200],
        ['/now?a=7', 200],
        ['/echo', 200],
        ['/echo', 200],
        ['/file.txt', 200],
        ['/none', 404],
        ['/', 200],
        ['/', 200],
      ],
    )
    assert.deepEqual(results.slice(-2), [true, true])
  },
  { timeout: 120_000 },
)
