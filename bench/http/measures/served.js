'use strict'

// A server under load: CPU time of its process per request.

const path = require('node:path')
const { withChildren } = require('../../lib/child.js')
const { interleave } = require('../../lib/stats.js')
const { agree } = require('../agree.js')
const nginx = require('../programs/nginx.js')

const server = path.join(__dirname, '..', 'server.js')

/** The start arguments of a contender's server for a program. */
const serverOf = (program, name, core) =>
  name === 'nginx' ? nginx.start(program, core) : [server, [program, name], core]

/** Starts a load's program on every contender, checks that they agree, and runs `body` with `[{name, port, child}]`. */
function withServers(load, names, core, body) {
  return withChildren(
    names.map((name) => serverOf(load.program, name, core)),
    async (children) => {
      const contenders = []
      for (const [i, name] of names.entries()) {
        contenders.push({ name, child: children[i], port: await children[i].call('listen') })
      }
      await agree(contenders, load)
      return body(contenders)
    },
  )
}

function servedCase(load) {
  const { name, title, contenders, packages, secure, connections = 64, depth = 1 } = load
  const [[request]] = load.exchanges
  return {
    name,
    title,
    contenders,
    packages,
    about: { connections, depth },
    run: ({ names, cores, rounds, seconds, generate }) =>
      withServers(load, names, cores?.measured, async (servers) => {
        const drive = ({ port }, seconds) => generate({ port, secure, request, connections, depth, seconds })
        for (const one of servers) await drive(one, seconds / 2)
        return interleave({
          contenders: servers,
          rounds,
          async sample(one) {
            const before = await one.child.call('cpu')
            const { requests, errors, rate, p99 } = await drive(one, seconds)
            const used = (await one.child.call('cpu')) - before
            if (errors > 0) throw new Error(`${name}: ${errors} failed requests against ${one.name}`)
            return { cpu: used / requests, rate, ...(p99 === undefined ? {} : { p99 }) }
          },
        })
      }),
  }
}

module.exports = { servedCase, withServers, server, serverOf }
