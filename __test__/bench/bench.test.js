'use strict'

// The benches themselves: that they run, and that their reports have the documented shape. What they measure is asserted nowhere.

const test = require('node:test')
const assert = require('node:assert')
const { execFile } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { promisify } = require('node:util')
const ironwire = require('ironwire')
const { onPath } = require('../../bench/lib/machine.js')
const { median, interleave, versusFastest } = require('../../bench/lib/stats.js')
const { number, align } = require('../../bench/lib/table.js')
const { dependenciesAreCurrent, root } = require('../../scripts/setup.js')

const run = promisify(execFile)
const bench = path.join(root, 'bench', 'run.js')

/** Runs a bench as briefly as it can be and gives its report, checked for what every report has. */
async function report(t, subject, ...options) {
  const place = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-bench-'))
  t.after(() => fs.rmSync(place, { recursive: true }))
  const json = path.join(place, 'results', 'out.json')
  const args = [bench, subject, '--rounds', '2', '--json', json, ...options]
  const { stdout } = await run(process.execPath, args, { cwd: place, timeout: 240_000 })
  const results = JSON.parse(fs.readFileSync(json, 'utf8'))
  assert.strictEqual(results.machine.node, process.version)
  assert.ok(Date.parse(results.date))
  assert.strictEqual(results.rounds, 2)
  assert.strictEqual(results.reports.length, 1)
  const [only] = results.reports
  assert.strictEqual(only.subject, subject)
  assert.ok(stdout.includes(only.title))
  for (const { name, results: measured } of only.cases) {
    for (const { contender, metrics } of measured) {
      assert.ok(stdout.includes(contender))
      const [primary] = Object.keys(only.metrics)
      assert.strictEqual(metrics[primary].samples.length, 2, `${name}, ${contender}`)
      for (const { samples, min, max, median: middle } of Object.values(metrics)) {
        assert.ok(samples.every((value) => Number.isFinite(value) && value >= 0))
        assert.ok(min <= middle && middle <= max)
      }
    }
  }
  return only
}

const contendersOf = (one) => one.results.map((result) => result.contender)

const wrkMissing = !onPath('wrk') && !dependenciesAreCurrent(path.join(root, 'bench'))

test('bench http', {
  skip: wrkMissing && 'neither wrk nor autocannon is installed',
}, async (t) => {
  const { cases } = await report(t, 'http', '--seconds', '1', '--only', 'ironwire,node:http', '--case', '64')
  assert.deepStrictEqual(
    cases.map(({ connections, depth }) => [connections, depth]),
    [
      [64, 1],
      [64, 16],
    ],
  )
  for (const one of cases) {
    assert.deepStrictEqual(contendersOf(one), ['ironwire', 'node:http'])
    assert.strictEqual(one.versus.contender, 'node:http')
  }
})

test('bench rpc', async (t) => {
  const { cases } = await report(t, 'rpc', '--seconds', '0.1')
  assert.deepStrictEqual(
    cases.map((one) => one.inFlight),
    [1, 64, 1024],
  )
  for (const one of cases) assert.deepStrictEqual(contendersOf(one), ['ironwire', 'node:net', 'node:net, corked'])
})

test('bench protobuf', async (t) => {
  const { cases } = await report(t, 'protobuf', '--seconds', '0.1', '--only', 'ironwire')
  const names = cases.map((one) => one.name)
  for (const payload of ['person', 'record', 'list', 'tile']) {
    assert.ok(names.includes(`${payload} encode`) && names.includes(`${payload} decode`))
  }
  assert.ok(names.includes('compile'))
  for (const { results } of cases) assert.ok(results[0].metrics.time.median > 0)
})

test('wrong arguments are told apart from a failed bench', async () => {
  for (const args of [['nothing'], ['http', '--rounds', '0'], ['http', '--seconds', 'x'], ['--wrong']]) {
    await assert.rejects(run(process.execPath, [bench, ...args]), (error) => {
      assert.strictEqual(error.code, 2)
      assert.match(error.stderr, /usage: npm run bench/)
      return true
    })
  }
})

test('payloads are the ones that the table of results names', () => {
  const { payloads } = require('../../bench/protobuf/payloads.js')
  const sizes = {}
  for (const [name, make] of Object.entries(payloads)) {
    const { source, message, values } = make()
    assert.strictEqual(values.length & (values.length - 1), 0, 'a power of two, to rotate through')
    assert.deepStrictEqual(make().values, values, 'the same on every run')
    sizes[name] = ironwire.protobuf(source)[message].encode(values[0]).length
  }
  assert.ok(Math.abs(sizes.tile - 125_000) < 5_000, `the tile has ${sizes.tile} bytes`)
})

test('interleaving samples every contender once a round, each first in turn', async () => {
  const order = []
  const contenders = [{ name: 'a' }, { name: 'b' }, { name: 'c' }]
  const results = await interleave({
    contenders,
    rounds: 3,
    sample({ name }) {
      order.push(name)
      return { time: order.length }
    },
  })
  assert.strictEqual(order.join(''), 'abcbcacab')
  assert.deepStrictEqual(results[0], {
    contender: 'a',
    metrics: { time: { median: 6, min: 1, max: 8, samples: [1, 6, 8] } },
  })
})

test('medians, ratios and the table', () => {
  assert.strictEqual(median([3, 1, 2]), 2)
  assert.strictEqual(median([4, 1, 2, 3]), 2.5)
  const result = (contender, value) => ({ contender, metrics: { time: { median: value } } })
  const all = [result('x', 30), result('ironwire', 10), result('y', 20)]
  assert.deepStrictEqual(versusFastest(all, 'time'), { contender: 'y', factor: 2 })
  assert.strictEqual(versusFastest([result('x', 1)], 'time'), undefined)
  assert.deepStrictEqual([0.19, 7.736, 41.26, 656_432, 0].map(number), ['0.190', '7.74', '41.3', '656,000', '0'])
  assert.strictEqual(
    align([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
    '  a     bb\n  ccc    d',
  )
})
