'use strict'

const net = require('node:net')

/**
 * A TCP port that is free, and that no other test gets by chance before it is used: it is below those that systems give
 * to whoever asks for any (from 32768 on Linux, from 49152 elsewhere).
 */
function freePort() {
  return new Promise((resolve, reject) => {
    const attempt = () => {
      const port = 20_000 + Math.floor(Math.random() * 12_000)
      net
        .createServer()
        .on('error', (error) => (error.code === 'EADDRINUSE' ? attempt() : reject(error)))
        .listen(port, function () {
          this.close(() => resolve(port))
        })
    }
    attempt()
  })
}

module.exports = { freePort }
