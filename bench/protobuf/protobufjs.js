'use strict'

// Compares `ironwire/protobufjs` with protobufjs on protobufjs's own benchmark messages: `node
// bench/protobuf/protobufjs.js CHECKOUT`. A checkout of https://github.com/protobufjs/protobuf.js is needed because the
// messages are in no package. It times the same as protobufjs's bench/ does (including `finish(true)`), interleaved, in
// CPU time.

const fs = require('node:fs')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { interleave } = require('../lib/stats.js')
const { timer } = require('../lib/timer.js')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '0.3' } },
})
const cases = path.join(positionals[0] ?? '', 'bench', 'cases')
if (!fs.existsSync(path.join(cases, 'common', 'bench.json'))) {
  throw new Error(
    'give the path of a checkout of protobufjs/protobuf.js: there is no bench/cases/common/bench.json in it',
  )
}
const file = (name) => path.join(cases, name)

// A schema, one of its messages, and a payload as bytes or as an object.
const messages = [
  ['common/bench.proto', 'Test', 'common/bench.json'],
  ['vector-tile/vector_tile.proto', 'vector_tile.Tile', 'vector-tile/vector_tile.bin'],
  ['buf-perf/perf.proto', 'perf.v1.PerfMessage', 'buf-perf/perf-payload.bin'],
]
const contenders = { ironwire: require('../../lib/protobufjs'), protobufjs: require('protobufjs') }

async function main() {
  for (const [schema, name, payload] of messages) {
    const prepared = Object.entries(contenders).map(([contender, protobuf]) => {
      const type = protobuf.loadSync(file(schema)).resolveAll().lookupType(name)
      const given = fs.readFileSync(file(payload))
      const message = payload.endsWith('.json') ? JSON.parse(given) : type.decode(given)
      return { contender, type, message, bytes: Buffer.from(type.encode(message).finish()) }
    })
    if (!prepared[0].bytes.equals(prepared[1].bytes)) throw new Error(`no agreement on ${payload}`)
    const operations = {
      encode:
        ({ type, message }) =>
        () =>
          type.encode(message).finish(true),
      decode:
        ({ type, bytes }) =>
        () =>
          type.decode(bytes),
    }
    for (const [what, make] of Object.entries(operations)) {
      const timed = prepared.map((one) => ({
        name: one.contender,
        sample: timer(make(one), `${name} ${what} ${one.contender}`),
      }))
      for (const { sample } of timed) sample(Number(values.seconds))
      const results = await interleave({
        contenders: timed,
        rounds: Number(values.rounds),
        sample: ({ sample }) => sample(Number(values.seconds)),
      })
      const [ours, theirs] = results.map(({ metrics }) => metrics.time.median)
      const times = `${Math.round(ours)} ns, protobufjs ${Math.round(theirs)} ns`
      console.log(`${schema} ${what}: ${times}: ${(theirs / ours).toFixed(2)} times`)
    }
  }
}

main()
