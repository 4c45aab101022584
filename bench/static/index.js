'use strict'

// Static file servers, from nginx to the tutorial's three lines. The measured server is alone on one core, and the
// driver on another.

const { loadGenerator } = require('../lib/load.js')
const { twoCores } = require('../lib/machine.js')
const { installPeers, peerVersion } = require('../lib/peers.js')
const { cases } = require('./cases.js')
const { missing, version } = require('../lib/nginx.js')
const { measure } = require('./measure.js')
const slow = require('./slow.js')

exports.title = 'static: what a file costs'
exports.metrics = {
  cpu: { title: 'µs CPU/request', better: 'lower' },
  rate: { title: 'requests/s', better: 'higher' },
}

exports.run = async ({ rounds, seconds, wants, wantsCase }, notes) => {
  const cores = twoCores(notes)
  const { generate } = loadGenerator(cores?.load, notes)
  const nginx = missing()
  if (nginx) notes.push(`nginx is left out: ${nginx}`)
  else notes.push(`nginx is ${version()}: one worker, sendfile, open_file_cache`)
  installPeers()
  notes.push(`peers: ${['sirv', 'express', 'serve-static'].map((name) => `${name} ${peerVersion(name)}`).join(', ')}`)

  const done = []
  for (const one of [...cases, slow]) {
    const names = one.contenders.filter((name) => wants(name) && !(nginx && name === 'nginx'))
    if (!wantsCase(one.name) || names.length === 0) continue
    const run = one.run ?? measure
    const results = await run({ one, names, cores, rounds, seconds, generate, notes })
    done.push({ name: one.name, title: one.title, metrics: one.metrics, results })
  }
  return done
}
