'use strict'

// HTTP servers answering a constant body: each alone on a core, the load generator on another.
// The measure is the server's CPU time per request, user and kernel: unlike the rate, it does not depend on what else the
// machine does, and it is what a server costs.

const path = require('node:path')
const { withChildren } = require('../lib/child.js')
const { loadGenerator } = require('../lib/load.js')
const { twoCores } = require('../lib/machine.js')
const { installPeers, peerVersion } = require('../lib/peers.js')
const { interleave } = require('../lib/stats.js')

exports.title = 'http: the server answers { writeHead(200); end("http") }'
exports.metrics = {
  cpu: { title: 'µs CPU/request', better: 'lower' },
  rate: { title: 'requests/s', better: 'higher' },
  p99: { title: 'p99 µs', better: 'lower' },
}

const loads = [
  { name: '64 connections', connections: 64, depth: 1 },
  { name: '64 connections, 16 requests pipelined', connections: 64, depth: 16 },
  { name: '1 connection', connections: 1, depth: 1 },
]

/** All must answer alike before anything is timed. */
async function check(name, url) {
  const response = await fetch(url)
  const body = await response.text()
  if (response.status !== 200 || body !== 'http') throw new Error(`${name} answered ${response.status} ${body}`)
}

exports.run = async ({ rounds, seconds, wants, wantsCase }, notes) => {
  const cores = twoCores(notes)
  const { load, needsPeers } = loadGenerator(cores?.load, notes)
  const names = ['ironwire', 'node:http', 'uWebSockets'].filter(wants)
  if (needsPeers || names.includes('uWebSockets')) installPeers()
  if (names.includes('uWebSockets')) notes.push(`uWebSockets is npm's uwebsockets ${peerVersion('uwebsockets')}`)

  const file = path.join(__dirname, 'server.js')
  return withChildren(
    names.map((name) => [file, [name], cores?.measured]),
    async (children) => {
      const contenders = []
      for (const [i, name] of names.entries()) {
        const url = `http://127.0.0.1:${await children[i].call('listen')}/`
        await check(name, url)
        contenders.push({ name, url, child: children[i] })
      }
      const cases = []
      for (const { name, connections, depth } of loads.filter((one) => wantsCase(one.name))) {
        for (const { url } of contenders) await load({ url, connections, depth, seconds: seconds / 2 })
        const results = await interleave({
          contenders,
          rounds,
          async sample({ name, url, child }) {
            const before = await child.call('cpu')
            const { requests, errors, rate, p99 } = await load({ url, connections, depth, seconds })
            const used = (await child.call('cpu')) - before
            if (errors > 0) throw new Error(`${errors} failed requests against ${name}`)
            return { cpu: used / requests, rate, ...(p99 === undefined ? {} : { p99 }) }
          },
        })
        cases.push({ name, connections, depth, results })
      }
      return cases
    },
  )
}
