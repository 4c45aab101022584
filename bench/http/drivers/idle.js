'use strict'

// Opens connections, gets one answer on each, and keeps them open: `node idle.js`.

const net = require('node:net')
const { expose } = require('../../lib/child.js')

/** How many connections are opened at a time: fewer than fit into a server's backlog. */
const AT_A_TIME = 200

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
/** The end of the tutorial's answer, whether its body has a length or is chunked. */
const ANSWERED = /\r\n\r\n(?:4\r\nhttp\r\n0\r\n\r\n|http)$/

const sockets = []

function openOne(port) {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = net.connect({ host: '127.0.0.1', port }, () => socket.write(REQUEST))
    socket.setEncoding('latin1')
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`an idle connection was closed after ${JSON.stringify(answer)}`)))
    socket.on('data', (text) => {
      answer += text
      if (ANSWERED.test(answer)) resolve(sockets.push(socket))
    })
  })
}

async function open(port, count) {
  let left = count
  async function several() {
    while (left-- > 0) await openOne(port)
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, several))
}

function close() {
  for (const socket of sockets.splice(0)) socket.destroy()
}

expose({ open, close })
