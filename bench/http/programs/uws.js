'use strict'

// The bare programs for uWebSockets.js, which has its own API.

const { spawnSync } = require('node:child_process')
const { files } = require('../../lib/identity.js')
const { peerFile, requirePeer } = require('../../lib/peers.js')

const { LARGE } = require('./bare.js')

/** uWebSockets.js requires an abort handler for every asynchronous answer. */
const nothing = () => {}

const handlers = {
  hello(res) {
    res.end('http')
  },

  get(res, req) {
    const body = JSON.stringify({
      route: req.getUrl(),
      query: req.getQuery(),
      accept: req.getHeader('accept'),
      agent: req.getHeader('user-agent'),
      language: req.getHeader('accept-language'),
      cookie: req.getHeader('cookie'),
    })
    res.writeHeader('Content-Type', 'application/json; charset=utf-8')
    res.writeHeader('Cache-Control', 'private, max-age=60')
    res.writeHeader('Vary', 'Accept-Language, Cookie')
    res.end(body)
  },

  post(res) {
    const chunks = []
    res.onAborted(nothing)
    res.onData((chunk, last) => {
      // The bytes are valid only until this function returns.
      chunks.push(Buffer.from(new Uint8Array(chunk)))
      if (last) res.cork(() => res.end(Buffer.concat(chunks)))
    })
  },

  'secure hello': (res) => res.end('http'),

  'secure 1 MiB': (res) => res.end(LARGE),

  writes(res) {
    for (let i = 0; i < 8; i++) res.write(`line ${i} of eight\n`)
    res.end()
  },

  upload(res) {
    let bytes = 0
    res.onAborted(nothing)
    res.onData((chunk, last) => {
      bytes += chunk.byteLength
      if (last) res.cork(() => res.end(`${bytes} bytes`))
    })
  },
}

/** Why the package does not run on this machine and Node; undefined if it does. It ships binaries for few versions. */
function unsupported() {
  const { platform, arch, versions } = process
  const binary = peerFile('uwebsockets', `uws_${platform}_${arch}_${versions.modules}.node`)
  // In another process, so that the process that starts the servers has no event loop of uWebSockets.
  const probe = "try { require(process.argv[1]) } catch (error) { console.log(error.message.split('\\n')[0]) }"
  return spawnSync(process.execPath, ['-e', probe, binary], { encoding: 'utf8' }).stdout.trim() || undefined
}

/** Resolves to the port. */
function listen(program) {
  const uws = requirePeer('uwebsockets')
  return new Promise((resolve, reject) => {
    const app = program.startsWith('secure')
      ? uws.SSLApp({ key_file_name: files.key, cert_file_name: files.cert })
      : uws.App()
    app.any('/*', handlers[program]).listen('127.0.0.1', 0, (token) => {
      if (token) resolve(uws.us_socket_local_port(token))
      else reject(new Error('uWebSockets could not listen'))
    })
  })
}

module.exports = { listen, unsupported }
