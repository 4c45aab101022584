'use strict'

// The text for Prometheus, and the histograms behind it.

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const test = require('node:test')
const { rpc } = require('../../index.js')
const { Histogram, BUCKETS, bucketOf, boundOf } = require('../../lib/rpc/histogram.js')
const { pair, until } = require('./tools.js')

const VALUE = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]Inf|NaN)$/

/** The labels of a sample, parsed strictly by the format. */
function labelsOf(text) {
  const labels = {}
  let rest = text
  while (rest !== '') {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=.)|$)/s.exec(rest)
    assert.ok(match, `labels ${text}`)
    assert.ok(!Object.hasOwn(labels, match[1]), `a label twice in ${text}`)
    labels[match[1]] = match[2].replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character))
    rest = rest.slice(match[0].length)
  }
  return labels
}

/**
 * Parses text format 0.0.4 into families, `{ type, samples: [{ name, labels, value }] }` by name. Throws if the text is
 * malformed.
 */
function parse(text) {
  if (text === '') return {}
  assert.ok(text.endsWith('\n'))
  const families = {}
  const seen = new Set()
  let current
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line)
    if (comment !== null) {
      const [, kind, name, said] = comment
      if (kind === 'HELP') {
        assert.ok(!Object.hasOwn(families, name), `${name} is in one piece`)
        current = { name, samples: [], type: undefined }
        families[name] = current
      } else {
        assert.equal(name, current.name)
        assert.equal(current.type, undefined)
        assert.match(said, /^(?:counter|gauge|histogram)$/)
        current.type = said
      }
      continue
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.+)\})? (\S+)$/s.exec(line)
    assert.ok(sample !== null && current?.type !== undefined, `a sample: ${line}`)
    const [, name, labels = '', value] = sample
    assert.match(value, VALUE)
    const endings = current.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
    assert.ok(
      endings.some((ending) => name === current.name + ending),
      `${name} within ${current.name}`,
    )
    assert.ok(!seen.has(`${name} ${labels}`), `${line} is there once`)
    seen.add(`${name} ${labels}`)
    current.samples.push({ name, labels: labelsOf(labels), value: Number(value) })
  }
  for (const family of Object.values(families)) checkFamily(family)
  return families
}

function checkFamily({ name, type, samples }) {
  assert.ok(samples.length > 0, name)
  assert.equal(type === 'counter', name.endsWith('_total'), name)
  if (type !== 'histogram') {
    for (const { value } of samples) assert.ok(Number.isInteger(value) && value >= 0, name)
    return
  }
  for (const of of byMethod(samples).values()) {
    const buckets = of.filter((sample) => sample.name === `${name}_bucket`)
    const [sum] = of.filter((sample) => sample.name === `${name}_sum`)
    const [count] = of.filter((sample) => sample.name === `${name}_count`)
    assert.equal(of.length, buckets.length + 2)
    const bounds = buckets.map(({ labels }) => (labels.le === '+Inf' ? Infinity : Number(labels.le)))
    for (let i = 1; i < buckets.length; i++) {
      assert.ok(bounds[i] > bounds[i - 1])
      assert.ok(buckets[i].value >= buckets[i - 1].value)
    }
    assert.equal(bounds.at(-1), Infinity)
    assert.equal(buckets.at(-1).value, count.value)
    assert.ok(sum.value >= 0)
  }
}

function byMethod(samples) {
  const groups = new Map()
  for (const sample of samples) {
    const { method } = sample.labels
    groups.set(method, [...(groups.get(method) ?? []), sample])
  }
  return groups
}

/** The value of a sample; 0 when there is none. */
const readingOf = (families, name, labels = {}) =>
  families[name]?.samples.find((sample) => isSame(sample.labels, labels))?.value ?? 0

const isSame = (a, b) => JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort())

test('the metrics are well-formed and cover all clients and servers', async (t) => {
  const first = await pair(t)
  const second = await pair(t)
  const before = parse(rpc.metrics())
  const odd = 'odd "{}\\ ,\n\r= é 😀 \u2028'
  for (const { server, client } of [first, second]) {
    server.method('m echo', (request, callback) => callback(null, request))
    server.method(odd, () => {
      throw new rpc.StatusError(rpc.status.NOT_FOUND)
    })
    server.method('m count', { serverStreaming: true }, () => [Buffer.from('a'), Buffer.from('b')])
    server.on('handlerError', () => {})
    for (let i = 0; i < 5; i++) await client.call('m echo')
    await assert.rejects(client.call(odd))
    await assert.rejects(client.call(`m unknown ${odd}`))
    for await (const _message of client.stream('m count'));
  }
  await until(() => first.server.stats.pending + second.server.stats.pending === 0)
  const after = parse(rpc.metrics())
  for (const kind of ['client', 'server']) {
    const grew = (name, labels) => {
      const full = `ironwire_rpc_${kind}_${name}`
      return readingOf(after, full, labels) - readingOf(before, full, labels)
    }
    const unknown = kind === 'client' ? `m unknown ${odd}` : '_OTHER'
    assert.equal(grew('calls_total', { method: 'm echo', status: 'OK' }), 10)
    assert.equal(grew('calls_total', { method: odd, status: 'NOT_FOUND' }), 2)
    assert.equal(grew('calls_total', { method: unknown, status: 'UNIMPLEMENTED' }), 2)
    assert.equal(grew('calls_started_total', { method: odd }), 2)
    assert.equal(grew('calls_in_flight', { method: odd }), 0)
    const [told, heard] = kind === 'client' ? ['received', 'sent'] : ['sent', 'received']
    assert.equal(grew(`messages_${told}_total`, { method: 'm count' }), 4)
    assert.equal(grew(`messages_${heard}_total`, { method: 'm count' }), 0)
    assert.ok(grew('received_bytes_total') > 0)
    const { samples } = after[`ironwire_rpc_${kind}_call_duration_seconds`]
    const count = (ending) => samples.find(({ name, labels }) => name.endsWith(ending) && labels.method === 'm echo')
    assert.equal(count('_count').value, 10)
    assert.ok(count('_sum').value > 0 && count('_sum').value < 60)
  }
  assert.equal(readingOf(after, 'ironwire_rpc_server_refusals_total', { reason: 'unknownMethod' }) >= 2, true)
})

test('counters of destroyed clients and servers stay, and nothing else of them', () => {
  const program = `
    const assert = require('node:assert')
    const { once } = require('node:events')
    const { rpc } = require(${JSON.stringify(require.resolve('../../index.js'))})
    assert.equal(rpc.metrics(), '')
    const value = (name) => Number(new RegExp('^ironwire_rpc_' + name + ' (.*)$', 'm').exec(rpc.metrics())?.[1])
    const turn = () => new Promise((resolve) => setTimeout(resolve, 1))
    let gone = 0
    const registry = new FinalizationRegistry(() => gone++)
    async function round() {
      const server = rpc.createServer()
      server.method('x', () => null)
      server.listen(0)
      await once(server, 'listening')
      const client = rpc.connect('127.0.0.1:' + server.address().port)
      await client.call('x')
      registry.register(client)
      registry.register(server)
      await client.close()
      await server.close()
    }
    async function main() {
      for (let i = 0; i < 5; i++) {
        await round()
        assert.equal(value('client_calls_total{method="x",status="OK"}'), i + 1)
      }
      for (const until = Date.now() + 20_000; gone < 10 && Date.now() < until; await turn()) global.gc()
      assert.equal(gone, 10)
      await turn()
      assert.equal(value('client_calls_total{method="x",status="OK"}'), 5)
      assert.equal(value('server_calls_total{method="x",status="OK"}'), 5)
      assert.equal(value('server_connections_opened_total'), 5)
      assert.equal(value('client_connections'), 0)
      await round()
      assert.equal(value('client_calls_total{method="x",status="OK"}'), 6)
      assert.equal(value('client_call_duration_seconds_count{method="x"}'), 6)
    }
    main()`
  const { status, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', program], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(status, 0, stderr)
})

test('made-up names do not fill the memory', () => {
  const program = `
    const assert = require('node:assert')
    const { once } = require('node:events')
    const { rpc } = require(${JSON.stringify(require.resolve('../../index.js'))})
    async function main() {
      const server = rpc.createServer()
      server.method('first', () => null)
      server.listen(0)
      await once(server, 'listening')
      const client = rpc.connect('127.0.0.1:' + server.address().port)
      await client.call('first')
      const calls = Array.from({ length: 3000 }, (_, i) => client.call('made up ' + i).catch(() => {}))
      await Promise.all(calls)
      await client.call('first')
      const { methods } = client.stats()
      assert.equal(Object.keys(methods).length, 1025)
      assert.equal(methods._OTHER.started, 3000 - 1023)
      assert.equal(methods.first.started, 2)
      assert.deepEqual(Object.keys(server.stats().methods), ['first', '_OTHER'])
      assert.equal(server.stats().methods._OTHER.started, 3000)
      client.destroy()
      server.close(() => {})
    }
    main()`
  const { status, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, 0, stderr)
})

test('each duration is in the one bucket whose bounds contain it', () => {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const bound = boundOf(bucket)
    assert.equal(bucketOf(bound), bucket)
    if (bucket === BUCKETS - 1) break
    assert.equal(bucketOf(bound + 1e-4), bucket + 1)
    assert.ok(boundOf(bucket + 1) <= Math.max(bound + 0.001, bound * 1.125) + 1e-9, 'no coarser than an eighth')
  }
  assert.equal(bucketOf(0), 0)
  assert.equal(bucketOf(1e12), BUCKETS - 1)
})

test('percentiles match those of the sorted durations within an eighth', () => {
  const histogram = new Histogram()
  assert.deepEqual(histogram.summary(), { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 })
  let random = 1
  const times = Array.from({ length: 10_000 }, () => {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0
    return 0.01 * 1e6 ** (random / 2 ** 32)
  })
  const half = new Histogram()
  for (const [i, time] of times.entries()) (i % 2 === 0 ? histogram : half).add(time, 1)
  histogram.merge(half)
  times.sort((a, b) => a - b)
  for (const share of [0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = times[Math.ceil(share * times.length) - 1]
    const found = histogram.quantile(share)
    assert.ok(found >= exact && found <= exact * 1.126 + 0.001, `${share}: ${found} for ${exact}`)
  }
  const { mean, max, count } = histogram.summary()
  assert.deepEqual([max, count], [times.at(-1), times.length])
  assert.ok(Math.abs(mean - times.reduce((a, b) => a + b) / times.length) < 1e-6 * mean)
})
