// Clients that people use, on top of `https`.

const { once } = require('node:events')
const fs = require('node:fs')
const https = require('node:https')
const path = require('node:path')
const axios = require('axios')
const got = require('got')
const fetch = require('node-fetch')
const { WebSocket, WebSocketServer } = require('ws')

const read = (name) => fs.readFileSync(path.join(__dirname, '../../../https/fixtures', `${name}.pem`))
const ca = read('ca-cert')
const identity = { key: read('server-key'), cert: Buffer.concat([read('server-cert'), read('between-cert')]) }

async function respond(req, res) {
  if (req.url === '/silence') return
  if (req.url === '/redirect') return res.writeHead(302, { Location: '/end' }).end()
  const body = Buffer.concat(await req.toArray())
  res.setHeader('Content-Type', 'application/json')
  res.end(JSON.stringify({ method: req.method, url: req.url, length: body.length }))
}

/** What `use` gives, or what it fails with. */
async function show(name, use) {
  try {
    console.log(name, JSON.stringify(await use()))
  } catch ({ name: error, code, message }) {
    console.log(name, error, code, message)
  }
}

async function main() {
  const server = https.createServer(identity, respond)
  server.on('tlsClientError', () => {})
  await once(server.listen(0), 'listening')
  const base = `https://localhost:${server.address().port}`
  const agent = new https.Agent({ ca, keepAlive: true })
  const body = 'x'.repeat(300_000)

  await show('axios', async () => (await axios.get(`${base}/a`, { httpsAgent: agent })).data)
  await show('axios', async () => (await axios.get(`${base}/redirect`, { httpsAgent: agent })).data)
  await show('axios', async () => (await axios.post(`${base}/b`, body, { httpsAgent: agent })).data)
  await show('axios', () => axios.get(`${base}/c`))
  await show('axios', () => axios.get(`${base}/silence`, { httpsAgent: agent, timeout: 100 }))

  const trusting = { https: { certificateAuthority: ca }, retry: 0 }
  for (const options of [trusting, { ...trusting, agent: { https: agent } }]) {
    await show('got', async () => {
      const { body, timings } = await got(`${base}/d`, options)
      return [body, Object.keys(timings.phases)]
    })
  }
  await show('got', () => got(`${base}/e`, { retry: 0 }))
  await show('got', () => got(`${base}/silence`, { ...trusting, timeout: { response: 100 } }))

  await show('node-fetch', async () => (await fetch(`${base}/f`, { agent, method: 'PUT', body })).json())
  await show('ws', async () => {
    const sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)))
    const client = new WebSocket(base.replace('https', 'wss'), { ca })
    await once(client, 'open')
    client.send('text')
    const [data] = await once(client, 'message')
    client.close()
    await once(client, 'close')
    sockets.close()
    return String(data)
  })

  agent.destroy()
  server.closeAllConnections()
  server.close()
}

main()
