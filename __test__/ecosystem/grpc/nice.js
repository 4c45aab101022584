'use strict'

// nice-grpc: its servers and clients stand on @grpc/grpc-js.

const { ChannelCredentials, ServerCredentials } = require('@grpc/grpc-js')
const { createChannel, createClientFactory, createServer, Metadata, ServerError, Status } = require('nice-grpc')
const { ca, identity } = require('../../https/support.js')
const service = require('./service.js')

const handlers = {
  async one({ text }, context) {
    context.header.set('head', '1')
    context.trailer.set('trailer', '2')
    if (text === 'fail') throw new ServerError(Status.NOT_FOUND, 'no such thing')
    if (text === 'wait') await new Promise((resolve) => context.signal.addEventListener('abort', resolve))
    return { text: `${text} ${context.metadata.get('key')} ${context.peer.split(':')[0]}` }
  },
  async *many({ text }) {
    for (const letter of text) yield { text: letter }
  },
  async gather(request) {
    let all = ''
    for await (const { text } of request) all += text
    return { text: all }
  },
  async *chat(request) {
    for await (const { text } of request) yield { text: text.toUpperCase() }
  },
}

async function* words(...texts) {
  for (const text of texts) yield { text }
}

const all = async (stream) => {
  const texts = []
  for await (const { text } of stream) texts.push(text)
  return texts
}

async function main() {
  const passed = []
  const passing = async function* (call, context) {
    passed.push(call.method.path)
    return yield* call.next(call.request, context)
  }
  const server = createServer().use(passing)
  server.add(service, handlers)
  const pair = { private_key: identity.key, cert_chain: identity.cert }
  const port = await server.listen('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]))
  const channel = createChannel(`localhost:${port}`, ChannelCredentials.createSsl(ca))
  const client = createClientFactory().use(passing).create(service, channel)
  const seen = []
  const options = {
    metadata: Metadata({ key: 'value' }),
    onHeader: (header) => seen.push(header.get('head')),
    onTrailer: (trailer) => seen.push(trailer.get('trailer')),
  }
  seen.push(await client.one({ text: 'x' }, options))
  seen.push(await client.one({ text: 'fail' }).catch(({ code, details }) => [code, details]))
  const signal = AbortSignal.timeout(50)
  seen.push(await client.one({ text: 'wait' }, { signal }).catch(({ name }) => name))
  seen.push(await all(client.many({ text: 'abc' })))
  seen.push(await client.gather(words('a', 'b')))
  seen.push(await all(client.chat(words('a', 'b'))))
  for await (const { text } of client.many({ text: 'abc' })) if (text === 'b') break
  channel.close()
  await server.shutdown()
  console.log(JSON.stringify([seen, [...new Set(passed)].sort()]))
}

main()
