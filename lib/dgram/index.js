'use strict'

// `dgram`: Node's module with sockets over the native engine.

const dgram = require('node:dgram')
const { Socket } = require('./socket.js')

function createSocket(type, listener) {
  return new Socket(type, listener)
}

// Not the values: what is deprecated says so only to those who use it.
Object.defineProperties(exports, Object.getOwnPropertyDescriptors(dgram))

Object.assign(exports, { Socket, createSocket })
