'use strict'

// `dgram`: Node's module, with sockets over the native engine.

const dgram = require('node:dgram')
const { Socket } = require('./socket.js')
const { intercepted } = require('../replaced.js')

const otherCreate = intercepted(dgram, 'createSocket', () => createSocket)

function createSocket(type, listener) {
  const other = otherCreate()
  if (other !== undefined) return other(type, listener)
  return new Socket(type, listener)
}

// Copies descriptors, not values: reading a deprecated property would print its warning.
Object.defineProperties(exports, Object.getOwnPropertyDescriptors(dgram))

Object.assign(exports, { Socket, createSocket })
