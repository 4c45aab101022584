'use strict'

// The client for examples/net/half-duplex/server.js: it asks the next question when the previous one is answered.

const { net, Buffer } = require('ironwire')

const socket = net.connect({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3001) })
const questions = [1, 2, 3, 99]

function ask() {
  if (questions.length === 0) return socket.end()
  const question = Buffer.alloc(2)
  question.writeInt16BE(questions[0])
  socket.write(question)
}

let held = ''
socket.setEncoding('utf8')
socket.on('connect', ask)
socket.on('data', (text) => {
  held += text
  if (!held.endsWith('\n')) return
  console.log(`${questions.shift()} is ${held.trim()}`)
  held = ''
  ask()
})
socket.on('error', (error) => {
  console.error(`${error.message}\nIs the server running?`)
  process.exitCode = 1
})
