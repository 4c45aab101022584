'use strict'

// The benches themselves: that they run, and that their reports have the documented shape. What they measure is asserted nowhere.

const test = require('node:test')
const assert = require('node:assert')
const { execFile } = require('node:child_process')
const fs = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')
const { promisify } = require('node:util')
const ironwire = require('ironwire')
const { onPath } = require('../../bench/lib/machine.js')
const { agree } = require('../../bench/http/agree.js')
const loads = require('../../bench/http/loads.js')
const { withServers } = require('../../bench/http/measures/served.js')
const nginx = require('../../bench/lib/nginx.js')
const uws = require('../../bench/http/programs/uws.js')
const { loadGenerator } = require('../../bench/lib/load.js')
const { picks } = require('../../bench/lib/picks.js')
const { median, interleave, versusBest } = require('../../bench/lib/stats.js')
const { formatReport, number, align } = require('../../bench/lib/table.js')
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
  for (const { name, metrics: compared, results: measured } of only.cases) {
    for (const { contender, metrics } of measured) {
      assert.ok(stdout.includes(contender))
      const [primary] = Object.keys(compared)
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

const peersMissing = !dependenciesAreCurrent(path.join(root, 'bench')) && "the bench's own packages are not installed"
const wrkMissing = !onPath('wrk') && peersMissing && 'neither wrk nor autocannon is installed'

const nodeStyle = ['ironwire', 'node:http']

test('bench http', { skip: wrkMissing }, async (t) => {
  const briefly = ['--seconds', '1', '--only', nodeStyle.join(), '--case', 'pipelined,post,https client']
  const { cases } = await report(t, 'http', ...briefly)
  assert.deepStrictEqual(
    cases.map(({ name, connections, depth }) => [name, connections, depth]),
    [
      ['pipelined', 64, 16],
      ['post', 64, 1],
      ['https client', undefined, undefined],
    ],
  )
  for (const one of cases) {
    const [ours, peer] = nodeStyle
    const expected = one.name === 'https client' ? [ours, 'node:https'] : [ours, peer]
    assert.deepStrictEqual(contendersOf(one), expected)
    assert.strictEqual(one.versus.contender, expected[1])
  }
})

for (const load of loads) {
  const skip = load.packages && peersMissing
  test(`bench http: ${load.name} gets equal responses`, { skip }, async () => {
    const missing = { uWebSockets: peersMissing || uws.unsupported(), nginx: nginx.missing() }
    const names = load.contenders.filter((name) => !missing[name])
    await withServers(load, names, undefined, async (servers) => {
      assert.deepStrictEqual(
        servers.map(({ name }) => name),
        names,
      )
      const [request, answer] = load.exchanges.at(-1)
      const other = { ...load, exchanges: [[request, { ...answer, body: `${answer.body}?` }]] }
      await assert.rejects(agree(servers, other), /answered otherwise/, 'a wrong answer is noticed')
    })
  })
}

test('bench http: other headers than those of node:http are noticed', async (t) => {
  const ports = []
  for (const headers of [{ 'X-One': 1 }, { 'x-one': 1 }]) {
    const server = http.createServer((_req, res) => res.writeHead(200, headers).end('http'))
    t.after(() => server.close())
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    ports.push(server.address().port)
  }
  const contenders = ports.map((port, i) => ({ name: nodeStyle[i], port }))
  const load = { name: 'headers', exchanges: [[{}, { headers: { 'x-one': '1' }, body: 'http' }]] }
  await agree([contenders[0], contenders[0]], load)
  await assert.rejects(agree(contenders, load), /sends other headers/)
})

test('the load generator sends the request that it is given', { skip: wrkMissing }, async (t) => {
  const seen = new Set()
  const server = http.createServer(async (req, res) => {
    let body = ''
    for await (const chunk of req.setEncoding('latin1')) body += chunk
    seen.add([req.method, req.url, req.headers.cookie, body.length, body.slice(-3)].join(' '))
    res.end()
  })
  t.after(() => server.close())
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const request = { method: 'PUT', path: '/a?b=c', headers: { Cookie: 'd=e; f=g' }, body: `${'x'.repeat(300_000)}end` }
  const { generate } = loadGenerator(undefined, [])
  const { requests, errors } = await generate({
    port: server.address().port,
    request,
    connections: 2,
    depth: 1,
    seconds: 1,
  })
  assert.ok(requests > 0)
  assert.strictEqual(errors, 0)
  assert.deepStrictEqual([...seen], ['PUT /a?b=c d=e; f=g 300003 end'])
})

test('bench http: echo and idle connections', async () => {
  const options = { rounds: 1, seconds: 0.1, notes: [] }
  for (const [{ contenders, metrics, run }, more] of [
    [require('../../bench/http/measures/echo.js'), {}],
    // So few leave no trace in the memory of a process: that they all get there is what can be seen.
    [require('../../bench/http/measures/idle.js'), { connections: 100 }],
  ]) {
    const results = await run({ names: contenders, ...options, ...more })
    assert.deepStrictEqual(contendersOf({ results }), contenders)
    const [primary] = Object.keys(metrics)
    for (const { metrics: values } of results) assert.ok(Number.isFinite(values[primary].median))
  }
})

test('bench static', { skip: wrkMissing || peersMissing }, async (t) => {
  const { cases } = await report(t, 'static', '--seconds', '1', '--only', 'ironwire', '--case', '304,many,range,pipe')
  assert.deepStrictEqual(
    cases.map(({ name }) => name),
    ['304', 'many', 'range', 'pipe'],
  )
})

test('bench static: readers that stop reading', { skip: peersMissing }, async () => {
  const slow = require('../../bench/static/slow.js')
  const options = { rounds: 1, notes: [], readers: 20 }
  const [{ metrics }] = await slow.run({ one: slow, names: ['ironwire'], ...options })
  assert.ok(Number.isFinite(metrics.rss.median))
})

test('bench grpc', { skip: peersMissing }, async (t) => {
  const { cases } = await report(t, 'grpc', '--seconds', '0.1', '--only', 'ironwire,@grpc/grpc-js')
  assert.deepStrictEqual(
    cases.map((one) => one.name),
    ['64 in flight', '1 in flight', 'a stream from the server'],
  )
  for (const one of cases) assert.deepStrictEqual(contendersOf(one), ['ironwire', '@grpc/grpc-js'])
})

const etcdMissing = !onPath('etcd') && 'there is no etcd'

test('bench etcd', { skip: etcdMissing || peersMissing }, async (t) => {
  const { cases } = await report(t, 'etcd', '--seconds', '0.1', '--case', '64 in flight')
  assert.deepStrictEqual(contendersOf(cases[0]), ['ironwire', '@grpc/grpc-js'])
})

test('bench rpc', { skip: peersMissing }, async (t) => {
  const { cases } = await report(t, 'rpc', '--seconds', '0.1', '--case', '1 in flight,for await')
  assert.deepStrictEqual(
    cases.map((one) => one.name),
    [
      '1 in flight',
      'a message of 32 bytes, 1 in flight',
      'a stream of such messages, by for await',
      '1 in flight, over TLS',
    ],
  )
  for (const one of cases) {
    const net = one.name.endsWith('TLS') ? 'node:tls' : 'node:net'
    assert.deepStrictEqual(contendersOf(one), ['ironwire', net, `${net}, corked`, '@grpc/grpc-js'])
  }
})

test('bench addressing', async (t) => {
  const { cases } = await report(t, 'addressing', '--seconds', '0.1', '--case', '64 in flight')
  assert.deepStrictEqual(contendersOf(cases[0]), ['by address', 'by name'])
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

test('bench codec', async (t) => {
  const { cases } = await report(t, 'codec', '--seconds', '0.1', '--only', 'ironwire,hand')
  assert.deepStrictEqual(
    cases.map(({ name }) => name),
    [
      'record encode',
      'record decode',
      'dns decode',
      'pcap decode',
      'mqtt decode',
      'columns',
      'columns into',
      'objects',
      'frames',
      'lines',
    ],
  )
  for (const { results } of cases) assert.ok(results[0].metrics.time.median > 0)
})

test('invalid arguments and a failed bench have different exit statuses', async () => {
  for (const args of [
    ['nothing'],
    ['http', '--rounds', '0'],
    ['http', '--seconds', 'x'],
    ['--wrong'],
    ['--node', '/nowhere/node'],
    ['http', '--case', 'nothing'],
  ]) {
    await assert.rejects(run(process.execPath, [bench, ...args]), (error) => {
      assert.strictEqual(error.code, 2)
      assert.match(error.stderr, /usage: npm run bench/)
      return true
    })
  }
})

test('--node: the bench runs on that Node', { skip: process.platform === 'win32' && 'a shell script' }, async () => {
  // As good as another one: a path by which this process was not started, and which is not handed on.
  const place = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-node-'))
  try {
    const node = path.join(place, 'another-node')
    fs.writeFileSync(node, `#!/bin/sh\necho "ran with $*"\n`, { mode: 0o755 })
    for (const option of [['--node', node], [`--node=${node}`]]) {
      const { stdout } = await run(process.execPath, [bench, 'http', ...option, '--rounds', '1'])
      assert.strictEqual(stdout, `ran with ${bench} http --rounds 1\n`)
    }
  } finally {
    fs.rmSync(place, { recursive: true })
  }
})

test('payloads match the table of results', () => {
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
  assert.deepStrictEqual(versusBest(all, 'time'), { contender: 'y', factor: 2 })
  assert.strictEqual(versusBest([result('x', 1)], 'time'), undefined)
  assert.deepStrictEqual([0.19, 7.736, 41.26, 656_432, 0].map(number), ['0.190', '7.74', '41.3', '656,000', '0'])
  assert.strictEqual(picks(undefined)('koa'), true)
  assert.deepStrictEqual(['koa', 'hono', 'express'].map(picks('koa, on')), [true, true, false])
  assert.strictEqual(
    align([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
    '  a     bb\n  ccc    d',
  )
})

test('all cases at a glance, as Markdown', () => {
  const metrics = { cpu: { title: 'µs' } }
  const summary = (median) => ({ median, min: median, max: median, samples: [median] })
  const result = (contender, key, median) => ({ contender, metrics: { [key]: summary(median) } })
  const text = formatReport({
    title: 'title',
    notes: [],
    metrics,
    cases: [
      { name: 'a', metrics, results: [result('ironwire', 'cpu', 10), result('x', 'cpu', 20)] },
      {
        name: 'b',
        title: 'B',
        metrics: { rss: { title: 'bytes' } },
        results: [result('ironwire', 'rss', 3000), result('y', 'rss', 4000)],
      },
    ],
  })
  assert.deepStrictEqual(text.trim().split('\n').slice(-4), [
    '| µs (ironwire ÷ it) | ironwire | x | y |',
    '| --- | ---: | ---: | ---: |',
    '| a | 10.0 | 20.0 (0.50) |  |',
    '| B (bytes) | 3,000 |  | 4,000 (0.75) |',
  ])
})
