'use strict'

// Why callbacks take the error first, and why try/catch around an asynchronous call does not help.
//
//   node examples/error-first.js

const { rpc } = require('ironwire')

// Nothing listens there, and this client does not wait for it to come.
const client = rpc.connect('127.0.0.1:1', { reconnect: false })
client.on('error', () => {})

// The call fails later, on a call stack of its own. By then this try block is long over, so the error cannot be thrown
// into it: it comes as the first argument instead, where it cannot be overlooked.
try {
  client.call('anything', undefined, (error, reply) => {
    if (error) return console.log(`2. the callback got the error: ${error.code}`)
    console.log('unreachable', reply)
  })
  console.log('1. the call returned; its callback has not run yet')
} catch (error) {
  console.log('never here', error)
}

// Without a callback there is a promise, and with `await` try/catch does work: the function waits inside the block.
async function main() {
  try {
    await client.call('anything', undefined)
  } catch (error) {
    console.log(`3. await threw the error: ${error.code}`)
  }
  // A throw inside a callback has no try block around it either: it ends the process, unless somebody listens here.
  process.on('uncaughtException', (error) => console.log(`4. nobody caught: ${error.message}`))
  client.call('anything', undefined, () => {
    throw new Error('a bug in the callback')
  })
}

main()
