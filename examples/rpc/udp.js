'use strict'

// Small look-ups over UDP: each question and each answer is one datagram. A simulated network between client and server
// loses every third datagram, and lost ones are sent again. No question is executed twice: the server remembers its
// answers. Run it: node examples/rpc/udp.js

const { dgram, rpc } = require('../..')

const titles = new Map([
  [1000, 'java'],
  [1001, 'node'],
  [1002, 'rust'],
])
let lookups = 0

const server = rpc.createServer()
server.method('title', (request, callback) => {
  lookups++
  const title = titles.get(request.readUInt16BE(0))
  if (title === undefined) callback(new rpc.StatusError(rpc.status.NOT_FOUND, 'no such course'))
  else callback(null, Buffer.from(title))
})

server.bindUdp(Number(process.env.PORT ?? 0), () => {
  badNetwork(server.udpAddress().port, (port, leave) => {
    const client = rpc.connect(`udp://127.0.0.1:${port}`, { udp: { resendAfter: 20 } })
    const ids = [1000, 1001, 1002, 1003]
    let answers = 0
    for (const id of ids) {
      client.call('title', Buffer.from([id >> 8, id & 255]), { timeout: 10_000 }, (error, reply) => {
        titles.set(id, error ? error.statusName : String(reply))
        if (++answers < ids.length) return
        console.log([...titles.values()].join(' ')) // java node rust NOT_FOUND
        console.log(`${lookups} questions, ${lookups} look-ups`) // 4 questions, 4 look-ups
        client.close(leave)
        server.close(() => {})
      })
    }
  })
})

/** Forwards datagrams to `port` and back, and drops every third. */
function badNetwork(port, callback) {
  let count = 0
  let client
  const front = dgram.createSocket('udp4')
  const back = dgram.createSocket('udp4')
  const isLost = () => ++count % 3 === 0
  front.on('message', (datagram, from) => {
    client = from
    if (!isLost()) back.send(datagram, port, '127.0.0.1')
  })
  back.on('message', (datagram) => {
    if (!isLost()) front.send(datagram, client.port, client.address)
  })
  front.bind(0, '127.0.0.1', () =>
    callback(front.address().port, () => {
      front.close()
      back.close()
    }),
  )
}
