'use strict'

// Mutual TLS: the server accepts only clients with a certificate of its authority, and the client only servers with
// one. All data is encrypted, and handlers know who calls. Run it: bash examples/rpc/certificates.sh certificates &&
// node examples/rpc/mutual-tls.js certificates

const fs = require('node:fs')
const path = require('node:path')
const { rpc } = require('../..')

const folder = process.argv[2] ?? 'certificates'
const pem = (name) => fs.readFileSync(path.join(folder, `${name}.pem`))
const ca = pem('ca-cert')

const server = rpc.createServer({
  tls: { cert: pem('server-cert'), key: pem('server-key'), ca, requestCert: true },
})
server.method('hello', (_request, callback, call) => {
  const [name] = /CN=.*$/m.exec(call.peer.tls.certificate.subject)
  callback(null, Buffer.from(`hello, ${name}`))
})

server.listen(Number(process.env.PORT ?? 0), () => {
  const url = `tls://localhost:${server.address().port}`

  const client = rpc.connect(url, { tls: { ca, cert: pem('client-cert'), key: pem('client-key') } })
  client.call('hello', null, (error, reply) => {
    console.log(error ?? String(reply)) // hello, CN=client

    // A client without a certificate is refused …
    const nobody = rpc.connect(url, { tls: { ca } })
    nobody.on('error', (refused) => {
      console.log(refused.message.replace(/.*: /, '')) // This server accepts only clients with a certificate of its authorities, and this client has none

      // … and a client that does not trust the authority refuses the server.
      const stranger = rpc.connect(url, { tls: {} })
      stranger.call('hello', null, (failed) => {
        console.log(failed.code, failed.cause.code) // IRONWIRE_RPC_TLS SELF_SIGNED_CERT_IN_CHAIN, or whatever else is wrong with it
        stranger.destroy()
        client.close(() => server.close(() => {}))
      })
    })
  })
})
