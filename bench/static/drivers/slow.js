'use strict'

// Opens connections, requests a file on each, and stops reading when it begins: `node slow.js`.

const net = require('node:net')
const { expose } = require('../../lib/child.js')

/** How many connections are opened at a time: fewer than fit into a server's backlog. */
const AT_A_TIME = 200

const sockets = []

function openOne(port, target) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port }, () => {
      socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('a reader was cut off')))
    socket.once('data', () => {
      socket.pause()
      resolve(sockets.push(socket))
    })
  })
}

async function open(port, target, count) {
  let left = count
  async function several() {
    while (left-- > 0) await openOne(port, target)
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, several))
}

expose({ open })
