'use strict'

// One contender's echo server: `node server.js NAME`.

const { expose } = require('../lib/child.js')
const dgram = require('./modules.js')[process.argv[2]]

expose({
  listen: () =>
    new Promise((resolve, reject) => {
      const socket = dgram.createSocket('udp4', (message, from) => socket.send(message, from.port, from.address))
      socket.on('error', reject)
      socket.bind(0, '127.0.0.1', () => resolve(socket.address().port))
    }),
})
