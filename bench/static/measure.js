'use strict'

// CPU time of a static file server per request. All contenders must give the same answers before they are timed.

const assert = require('node:assert')
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { withChildren } = require('../lib/child.js')
const { Nginx } = require('../lib/nginx.js')
const { interleave } = require('../lib/stats.js')
const { withFolder } = require('./folder.js')

const CONNECTIONS = 64
const server = path.join(__dirname, 'server.js')

/** nginx configured for fast file serving, with sendfile and its cache of open files. */
const nginx = (root) => ({
  http: 'sendfile on; tcp_nopush on; open_file_cache max=10000 inactive=600s; open_file_cache_valid 60s;',
  server: `root ${root};`,
})

/** Starts the contenders, and calls `body` with `[{name, port, child}]`. */
function withServers(one, names, root, core, body) {
  const start = (name) =>
    name === 'nginx' ? new Nginx(nginx(root), core) : [server, [one.program?.[name] ?? name, root], core]
  return withChildren(names.map(start), async (children) => {
    const contenders = names.map((name, i) => ({ name, child: children[i] }))
    for (const contender of contenders) contender.port = await contender.child.call('listen')
    return body(contenders)
  })
}

function ask(port, { path: target, headers }) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path: target, headers, agent: false }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) })
      })
    })
    request.on('error', reject)
  })
}

/** Requests some of the files from a contender, and checks the bytes. */
async function check({ paths, status = 200, range }, { name, port, headers }, root) {
  for (const target of paths.slice(0, 10)) {
    const answer = await ask(port, { path: target, headers })
    const file = fs.readFileSync(path.join(root, target))
    const wanted = status === 304 ? Buffer.alloc(0) : range ? file.subarray(range[0], range[1] + 1) : file
    assert.strictEqual(answer.status, status, `${name}: ${target}`)
    assert.ok(answer.body.equals(wanted), `${name}: ${target} has other bytes`)
  }
}

function measure({ one, names, cores, rounds, seconds, generate }) {
  return withFolder((root) =>
    withServers(one, names, root, cores?.measured, async (servers) => {
      const drive = ({ port, headers }, seconds) => {
        const { paths } = one
        return generate({
          port,
          request: { path: paths[0], headers, paths },
          connections: CONNECTIONS,
          depth: 1,
          seconds,
        })
      }
      for (const contender of servers) {
        contender.headers = await one.headers?.((request) => ask(contender.port, request))
        await check(one, contender, root)
        await drive(contender, seconds / 2)
      }
      return interleave({
        contenders: servers,
        rounds,
        async sample(contender) {
          const before = await contender.child.call('cpu')
          const { requests, errors, rate } = await drive(contender, seconds)
          const used = (await contender.child.call('cpu')) - before
          if (errors > 0) throw new Error(`${one.name}: ${errors} failed requests against ${contender.name}`)
          return { cpu: used / requests, rate }
        },
      })
    }),
  )
}

module.exports = { measure, withServers }
