'use strict'

// HTTP: servers from a bare handler to whole frameworks, clients, and what both are built on. The measured process is
// alone on one core, and the driver on another. The measure is CPU time per request, user and kernel. Unlike the rate,
// it does not depend on other load of the machine, and it is what a server costs.

const { loadGenerator } = require('../lib/load.js')
const { twoCores } = require('../lib/machine.js')
const { installPeers, peerVersion } = require('../lib/peers.js')
const nginx = require('../lib/nginx.js')
const loads = require('./loads.js')
const { servedCase } = require('./measures/served.js')
const uws = require('./programs/uws.js')

exports.title = 'http: what a request costs'
exports.metrics = {
  cpu: { title: 'µs CPU/request', better: 'lower' },
  rate: { title: 'requests/s', better: 'higher' },
  p99: { title: 'p99 µs', better: 'lower' },
}

/**
 * A case is `{name, title, contenders, packages, metrics, about, run}`. `packages` are the npm packages that it uses,
 * `metrics` replace those above, `about` is added to the results, and `run` resolves to one result per contender.
 */
const cases = [
  ...loads.map(servedCase),
  ...require('./measures/handshakes.js'),
  ...require('./measures/client.js'),
  require('./measures/echo.js'),
  require('./measures/idle.js'),
]

/** The npm packages of contenders. */
const packageOf = { uWebSockets: 'uwebsockets', undici: 'undici' }

exports.run = async ({ rounds, seconds, wants, wantsCase }, notes) => {
  const cores = twoCores(notes)
  const { generate, needsPeers } = loadGenerator(cores?.load, notes)
  const among = (some, wants) =>
    some
      .map((one) => ({ ...one, contenders: one.contenders.filter(wants) }))
      .filter(({ contenders }) => contenders.length > 0)
  let chosen = among(
    cases.filter(({ name }) => wantsCase(name)),
    wants,
  )

  const packages = chosen.flatMap((one) => [
    ...(one.packages ?? []),
    ...one.contenders.flatMap((name) => packageOf[name] ?? []),
  ])
  if (needsPeers || packages.length > 0) installPeers()
  if (packages.length > 0) {
    notes.push(`peers: ${[...new Set(packages)].map((name) => `${name} ${peerVersion(name)}`).join(', ')}`)
  }
  if (packages.includes('uwebsockets')) {
    const reason = uws.unsupported()
    if (reason) {
      notes.push(`uWebSockets is left out, as it does not load here: ${reason}`)
      chosen = among(chosen, (name) => name !== 'uWebSockets')
    } else notes.push("uWebSockets is npm's uwebsockets, a repackaged uWebSockets.js: see bench/README.md")
  }

  if (chosen.some(({ contenders }) => contenders.includes('nginx'))) {
    const reason = nginx.missing()
    notes.push(reason ? `nginx is left out: ${reason}` : `nginx is ${nginx.version()}: one worker`)
    if (reason) chosen = among(chosen, (name) => name !== 'nginx')
  }

  const done = []
  for (const { name, title, contenders, metrics, about, run } of chosen) {
    const results = await run({ names: contenders, cores, rounds, seconds, generate, notes })
    done.push({ name, title, ...about, metrics, results })
  }
  return done
}
