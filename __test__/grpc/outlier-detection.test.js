'use strict'

// Servers that fail more often than others, compared with @grpc/grpc-js.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { grpc, peer, missing, service, serve, bind } = require('./support.js')

const { connectivityState, status } = grpc
const modules = [['ours', grpc], ...(missing ? [] : [['@grpc/grpc-js', peer]])]
const seconds = (time) => ({ seconds: Math.floor(time), nanos: Math.round((time % 1) * 1e9) })

/** Four servers that answer and one that fails, and functions that make calls to them. */
async function start(t, module, config) {
  const good = await serve(t, grpc, { one: (_call, callback) => callback(null, 'good'), many() {} })
  const ports = [good.port]
  while (ports.length < 4) ports.push(await bind(grpc, good.server))
  let fails = true
  const bad = await serve(t, grpc, {
    one: (_call, callback) => (fails ? callback({ code: status.INTERNAL, details: 'bad' }) : callback(null, 'mended')),
    many() {},
  })
  const target = `ipv4:///${[...ports, bad.port].map((port) => `127.0.0.1:${port}`).join()}`
  const balancing = {
    interval: seconds(0.1),
    base_ejection_time: seconds(0.3),
    child_policy: [{ round_robin: {} }],
    ...config,
  }
  const Client = module.makeClientConstructor(service, 'Texts')
  const client = new Client(target, module.credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ outlier_detection: balancing }] }),
  })
  t.after(() => client.close())
  const one = () => new Promise((resolve) => client.one('x', (error, value) => resolve(error ? error.details : value)))
  /** The distinct answers to `count` calls. */
  const ask = async (count = 10) => {
    const answers = new Set()
    for (let i = 0; i < count; i++) answers.add(await one())
    return [...answers].sort().join()
  }
  await until(async () => (await ask()) === 'bad,good')
  return { ask, client, mend: () => (fails = false) }
}

async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 1))
}

const few = { minimum_hosts: 3, request_volume: 5 }

for (const [name, module] of modules) {
  for (const [how, config] of Object.entries({
    'calls that go well': { success_rate_ejection: { stdev_factor: 500, ...few } },
    'calls that fail': { failure_percentage_ejection: { threshold: 50, ...few } },
  })) {
    test(`${name}, by the share of ${how}: a server that fails gets none, and some again later`, async (t) => {
      const { ask, client, mend } = await start(t, module, config)
      await until(async () => (await ask(50)) === 'good')
      assert.equal(client.getChannel().getConnectivityState(false), connectivityState.READY)
      mend()
      await until(async () => (await ask(50)) === 'good,mended')
    })
  }

  test(`${name}: no more ejections than allowed, and none with too few servers`, async (t) => {
    const turns = 5
    for (const config of [
      { failure_percentage_ejection: { threshold: 50, ...few }, max_ejection_percent: 0 },
      { failure_percentage_ejection: { threshold: 50, ...few, minimum_hosts: 6 } },
      { failure_percentage_ejection: { threshold: 50, ...few, enforcement_percentage: 0 } },
      {},
    ]) {
      const { ask } = await start(t, module, { ...config, interval: seconds(0.01) })
      for (let turn = 0; turn < turns; turn++) {
        assert.equal(await ask(30), 'bad,good')
        await new Promise((resolve) => setTimeout(resolve, 15))
      }
    }
  })
}

test('durations as strings, and field names in camel case', async (t) => {
  const { ask } = await start(t, grpc, {
    interval: '0.05s',
    baseEjectionTime: '300s',
    base_ejection_time: undefined,
    failurePercentageEjection: { threshold: 50, minimumHosts: 3, requestVolume: 5 },
    child_policy: undefined,
    childPolicy: [{ unheard_of: {} }, { round_robin: {} }],
  })
  await until(async () => (await ask(50)) === 'good')
})

test('invalid configs are skipped', async (t) => {
  const { server, port } = await serve(t, grpc, { one: (_call, callback) => callback(null, 'good'), many() {} })
  const other = await bind(grpc, server)
  const policyOf = (config) => {
    const Client = grpc.makeClientConstructor(service, 'Texts')
    const client = new Client(`ipv4:127.0.0.1:${port},127.0.0.1:${other}`, grpc.credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ outlier_detection: config }] }),
    })
    t.after(() => client.close())
    return new Promise((resolve, reject) =>
      client.one('x', (error) =>
        error ? reject(error) : resolve(client.getChannel().balancer.policies.current.Policy.name),
      ),
    )
  }
  const child_policy = [{ round_robin: {} }]
  assert.equal(await policyOf({ child_policy }), 'OutlierDetection')
  for (const wrong of [
    {},
    { child_policy: [] },
    { child_policy: [{ pick_first: {} }] },
    { child_policy: [{ unheard_of: {} }] },
    { child_policy, interval: 5 },
    { child_policy, interval: 'soon' },
    { child_policy, interval: { seconds: -1, nanos: 0 } },
    { child_policy, base_ejection_time: { seconds: 1 } },
    { child_policy, max_ejection_percent: 101 },
    { child_policy, max_ejection_percent: '1' },
    { child_policy, success_rate_ejection: 7 },
    { child_policy, success_rate_ejection: { minimum_hosts: 'all' } },
    { child_policy, failure_percentage_ejection: { threshold: -1 } },
  ]) {
    assert.equal(await policyOf(wrong), 'PickFirst', JSON.stringify(wrong))
  }
})
