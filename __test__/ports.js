'use strict'

const dgram = require('node:dgram')
const net = require('node:net')

/**
 * Test files run two at a time, and between the moment when a port is found free and the one when it is used, the other
 * must not find it, too. So each process begins somewhere else.
 */
let tried = process.pid * 37

/**
 * A port that `listen(port, then)` can have, and that no other test gets by chance before it is used: it is below those
 * that systems give to whoever asks for any (from 32768 on Linux, from 49152 elsewhere).
 */
function free(listen) {
  return new Promise((resolve, reject) => {
    const attempt = () => {
      const port = 20_000 + (tried++ % 12_000)
      const one = listen(port, () => one.close(() => resolve(port)))
      one.on('error', (error) => (error.code === 'EADDRINUSE' ? attempt() : reject(error)))
    }
    attempt()
  })
}

/** A TCP port that is free. */
const freePort = () => free((port, then) => net.createServer().listen(port, then))

/** A UDP port of 127.0.0.1 that is free. */
const freeUdpPort = () => free((port, then) => dgram.createSocket('udp4').bind(port, '127.0.0.1', then))

module.exports = { freePort, freeUdpPort }
