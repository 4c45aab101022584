'use strict'

// HTTP/2 servers, with TLS and without it (prior knowledge), driven by nghttp2's h2load; and clients, which all use the
// same server. As with HTTP/1, the measure is CPU time per request.

const { execFile } = require('node:child_process')
const path = require('node:path')
const { promisify } = require('node:util')
const { withChildren } = require('../lib/child.js')
const { files } = require('../lib/identity.js')
const { onPath, twoCores } = require('../lib/machine.js')
const nginx = require('../lib/nginx.js')
const { interleave } = require('../lib/stats.js')

exports.title = 'http2: what a request costs'
exports.metrics = {
  cpu: { title: 'µs CPU/request', better: 'lower' },
  rate: { title: 'requests/s', better: 'higher' },
}

const nodeStyle = ['ironwire', 'node:http2']
const names = [...nodeStyle, 'nginx']

/** The headers of a browser. */
const browser = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'accept-language': 'en-GB,en;q=0.7,de;q=0.3',
  'accept-encoding': 'gzip, deflate, br, zstd',
  referer: 'https://localhost/articles?page=3',
  cookie: 'session=2f1c9a7e5b3d4806; theme=dark; _ga=GA1.1.1234567890.1700000000',
  'upgrade-insecure-requests': '1',
  'sec-fetch-dest': 'document',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'same-origin',
  priority: 'u=0, i',
}

/** Programs that can be expressed as nginx configuration. */
const nginxOf = {
  hello: { listen: 'http2', server: 'location / { return 200 hello; }' },
  secure: {
    listen: 'ssl http2',
    server: `ssl_certificate ${files.cert}; ssl_certificate_key ${files.key}; location / { return 200 hello; }`,
  },
}

const loads = [
  { name: 'hello, 16 connections, 32 streams each', program: 'hello', connections: 16, streams: 32 },
  { name: 'hello, 64 connections, 1 stream each', program: 'hello', connections: 64, streams: 1 },
  { name: 'hello by the stream API, 16 connections, 32 streams each', program: 'stream', connections: 16, streams: 32 },
  { name: '64 KiB, 16 connections, 4 streams each', program: 'large', connections: 16, streams: 4 },
  { name: 'hello over TLS, 16 connections, 32 streams each', program: 'secure', connections: 16, streams: 32 },
  { name: 'hello over TLS, 64 connections, 1 stream each', program: 'secure', connections: 64, streams: 1 },
  { name: '64 KiB over TLS, 16 connections, 4 streams each', program: 'secure large', connections: 16, streams: 4 },
]

/** The cases of clients, over one connection. */
const asked = [
  { name: 'client, hello, 32 streams', program: 'hello', streams: 32 },
  { name: 'client, hello, 1 stream', program: 'hello', streams: 1 },
  { name: 'client, 64 KiB, 4 streams', program: 'large', streams: 4 },
  { name: 'client, hello over TLS, 32 streams', program: 'secure', streams: 32 },
]

/** Runs h2load for `seconds`. Returns the number of answered requests and the rate per second. */
async function drive(core, port, { program, connections, streams }, seconds) {
  const command = ['h2load', '-D', String(seconds), '-c', String(connections), '-m', String(streams)]
  if (core !== undefined) command.unshift('taskset', '-c', String(core))
  for (const [name, value] of Object.entries(browser)) command.push('-H', `${name}: ${value}`)
  const scheme = program.startsWith('secure') ? 'https' : 'http'
  const { stdout } = await promisify(execFile)(command[0], [...command.slice(1), `${scheme}://127.0.0.1:${port}/`])
  const [, done, succeeded] = /(\d+) done, (\d+) succeeded/.exec(stdout)
  if (done !== succeeded || done === '0') throw new Error(`h2load: ${stdout}`)
  return { requests: Number(done), rate: Number(done) / seconds }
}

/** Runs clients on the measured core, and one server of ours for all of them on the other. */
async function measureClients({ name, program, streams }, { chosen, cores, rounds, seconds }) {
  const file = (which) => path.join(__dirname, `${which}.js`)
  const starts = [[file('server'), ['ironwire'], cores?.load]]
  for (const one of chosen) starts.push([file('client'), [one], cores?.measured])
  const results = await withChildren(starts, async ([server, ...clients]) => {
    const port = await server.call('listen', program)
    const contenders = []
    for (const [i, child] of clients.entries()) {
      await child.call('connect', port, program.startsWith('secure'))
      await child.call('run', streams, seconds)
      contenders.push({ name: chosen[i], child })
    }
    return interleave({ contenders, rounds, sample: ({ child }) => child.call('run', streams, seconds) })
  })
  return { name, results }
}

exports.run = async ({ rounds, seconds, wants, wantsCase }, notes) => {
  const servers = loads.filter(({ name }) => wantsCase(name))
  if (servers.length > 0 && !onPath('h2load')) throw new Error("http2 needs nghttp2's h2load (Debian's nghttp2-client)")
  const cores = twoCores(notes)
  // h2load takes whole seconds only.
  const duration = Math.max(1, Math.round(seconds))
  const missing = nginx.missing()
  notes.push(missing ? `nginx is left out: ${missing}` : `nginx is ${nginx.version()}: one worker`)
  const among = names.filter((name) => wants(name) && !(name === 'nginx' && missing))
  const cases = []
  for (const load of servers) {
    const chosen = among.filter((name) => name !== 'nginx' || load.program in nginxOf)
    const starts = chosen.map((name) =>
      name === 'nginx'
        ? new nginx.Nginx(nginxOf[load.program], cores?.measured)
        : [path.join(__dirname, 'server.js'), [name], cores?.measured],
    )
    const results = await withChildren(starts, async (children) => {
      const contenders = []
      for (const [i, name] of chosen.entries()) {
        const port = await children[i].call('listen', load.program)
        await drive(cores?.load, port, load, 1)
        contenders.push({ name, child: children[i], port })
      }
      return interleave({
        contenders,
        rounds,
        async sample({ child, port }) {
          const before = await child.call('cpu')
          const { requests, rate } = await drive(cores?.load, port, load, duration)
          return { cpu: ((await child.call('cpu')) - before) / requests, rate }
        },
      })
    })
    cases.push({ name: load.name, results })
  }
  const setting = { chosen: nodeStyle.filter(wants), cores, rounds, seconds }
  for (const one of asked.filter(({ name }) => wantsCase(name))) cases.push(await measureClients(one, setting))
  return cases
}
