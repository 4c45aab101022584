'use strict'

// `dgram`: Node's module, with sockets over the native engine.

const dgram = require('node:dgram')
const { Socket } = require('./socket.js')

function createSocket(type, listener) {
  return new Socket(type, listener)
}

// Copies descriptors, not values: reading a deprecated property would print its warning.
Object.defineProperties(exports, Object.getOwnPropertyDescriptors(dgram))

Object.assign(exports, { Socket, createSocket })
