'use strict'

// NestJS's microservices over gRPC.

require('reflect-metadata')
const path = require('node:path')
const { Controller, Module } = require('@nestjs/common')
const { NestFactory } = require('@nestjs/core')
const { ClientProxyFactory, GrpcMethod, GrpcStreamMethod, Transport } = require('@nestjs/microservices')
const { firstValueFrom, from, lastValueFrom, map, Subject, toArray } = require('rxjs')
const { Metadata } = require('@grpc/grpc-js')

class Texts {
  one({ text }, metadata) {
    return { text: `${text} ${metadata.get('key')[0]}` }
  }

  many({ text }) {
    return from([...text].map((letter) => ({ text: letter })))
  }

  chat(messages) {
    return messages.pipe(map(({ text }) => ({ text: text.toUpperCase() })))
  }
}

/** What its decorators do where there is syntax for them. */
function decorate(name, decorator) {
  const descriptor = Object.getOwnPropertyDescriptor(Texts.prototype, name)
  Object.defineProperty(Texts.prototype, name, decorator(Texts.prototype, name, descriptor) ?? descriptor)
}
decorate('one', GrpcMethod('Texts', 'One'))
decorate('many', GrpcMethod('Texts', 'Many'))
decorate('chat', GrpcStreamMethod('Texts', 'Chat'))
Controller()(Texts)

class App {}
Module({ controllers: [Texts] })(App)

/** A port that nobody has. */
async function freePort() {
  const server = require('node:net').createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function main() {
  const url = `127.0.0.1:${await freePort()}`
  const options = { package: 'test', protoPath: path.join(__dirname, 'texts.proto'), url }
  const app = await NestFactory.createMicroservice(App, { transport: Transport.GRPC, options, logger: ['error'] })
  await app.listen()
  const client = ClientProxyFactory.create({ transport: Transport.GRPC, options })
  const texts = client.getService('Texts')
  const metadata = new Metadata()
  metadata.set('key', 'value')
  const seen = [await firstValueFrom(texts.one({ text: 'x' }, metadata))]
  seen.push(await lastValueFrom(texts.many({ text: 'abc' }).pipe(toArray())))
  const sent = new Subject()
  const answers = lastValueFrom(texts.chat(sent).pipe(toArray()))
  for (const text of ['a', 'b']) sent.next({ text })
  sent.complete()
  seen.push(await answers)
  client.close()
  await app.close()
  console.log(JSON.stringify(seen))
}

main()
