'use strict'

// Finding servers through etcd, and other uses of etcd: watching a value that changes, and electing a leader.
//
//   etcd &                                          (Debian: apt-get install etcd-server)
//   node examples/etcd/main.js
//   ETCD=etcd://a:2379,b:2379 node examples/etcd/main.js

const { once } = require('node:events')
const { etcd, rpc } = require('ironwire')

const url = process.env.ETCD ?? 'etcd://127.0.0.1:2379'

async function main() {
  const client = etcd.connect(url)
  await client.delete({ prefix: 'example/' })

  // A watcher is told about changes.
  const watcher = client.watch({ prefix: 'example/settings/' }, { initial: true })
  await once(watcher, 'reset')
  const changed = once(watcher, 'put')
  await client.put('example/settings/colour', 'blue')
  const [{ key, value }] = await changed
  console.log(`${key} is ${value}`)
  watcher.close()

  // Leader election: the first one to create the key leads as long as its lease lasts.
  const lease = await client.lease(5)
  const lead = (who) =>
    client.txn({
      compare: [{ key: 'example/leader', createRevision: 0 }],
      success: [{ put: 'example/leader', value: who, lease: lease.id }],
    })
  const won = await Promise.all(['anna', 'bert', 'carl'].map(lead))
  console.log(`${won.filter(({ succeeded }) => succeeded).length} of 3 leads`)
  await lease.revoke()
  console.log((await client.get('example/leader')) === null ? 'and none any more' : 'still')

  // A server registers under a name, and a client finds it by that name.
  const server = rpc.createServer()
  server.method('title', () => Buffer.from('java'))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const registry = rpc.connectRegistry(url)
  const { port } = server.address()
  await once(registry.register('example/courses', { host: '127.0.0.1', port }), 'registered')
  const caller = rpc.connect(`${url}/example/courses`)
  console.log(`the course is ${await caller.call('title')}`)

  await caller.close()
  await registry.close()
  await client.delete({ prefix: 'example/' })
  client.close()
  server.close()
}

main()
