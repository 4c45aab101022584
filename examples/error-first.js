'use strict'

// Why callbacks take the error as the first argument, and why try/catch around an asynchronous call does not help.
//
//   node examples/error-first.js

const { rpc } = require('ironwire')

// Nothing listens on this port, and the client does not wait for a server.
const client = rpc.connect('127.0.0.1:1', { reconnect: false })
client.on('error', () => {})

// The call fails later, on a call stack of its own. By then this try block is over, so the error cannot be thrown into
// it. It is passed as the first argument instead, where it is hard to overlook.
try {
  client.call('anything', undefined, (error, reply) => {
    if (error) return console.log(`2. the callback got the error: ${error.code}`)
    console.log('unreachable', reply)
  })
  console.log('1. the call returned; its callback has not run yet')
} catch (error) {
  console.log('never here', error)
}

// Without a callback there is a promise. With `await`, try/catch does work, because the function waits inside the
// block.
async function main() {
  try {
    await client.call('anything', undefined)
  } catch (error) {
    console.log(`3. await threw the error: ${error.code}`)
  }
  // An error thrown inside a callback has no try block around it either. It ends the process, unless there is a
  // listener like this one.
  process.on('uncaughtException', (error) => console.log(`4. nobody caught: ${error.message}`))
  client.call('anything', undefined, () => {
    throw new Error('a bug in the callback')
  })
}

main()
