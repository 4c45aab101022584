'use strict'

// Buffer's methods that read and write numbers, as functions on any Uint8Array. They call Node's own methods, which
// also throw the errors: neither JavaScript code nor a native call is faster.

const { Buffer } = require('node:buffer')
const { isUint8Array } = require('node:util/types')
const { invalidArgType } = require('../errors')

const methods = Buffer.prototype

/** Node's methods would misread anything else, also objects that only inherit from a Uint8Array. */
function bytes(buffer) {
  if (isUint8Array(buffer)) return buffer
  throw invalidArgType('buffer', 'an instance of Buffer or Uint8Array', buffer)
}

/** The variable-length methods call other methods of `this`, so they need a real Buffer. */
function asBuffer(buffer) {
  return Buffer.isBuffer(bytes(buffer)) ? buffer : Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length)
}

function readInt8(buffer, offset) {
  return methods.readInt8.call(bytes(buffer), offset)
}

function readUInt8(buffer, offset) {
  return methods.readUInt8.call(bytes(buffer), offset)
}

function readInt16LE(buffer, offset) {
  return methods.readInt16LE.call(bytes(buffer), offset)
}

function readInt16BE(buffer, offset) {
  return methods.readInt16BE.call(bytes(buffer), offset)
}

function readUInt16LE(buffer, offset) {
  return methods.readUInt16LE.call(bytes(buffer), offset)
}

function readUInt16BE(buffer, offset) {
  return methods.readUInt16BE.call(bytes(buffer), offset)
}

function readInt32LE(buffer, offset) {
  return methods.readInt32LE.call(bytes(buffer), offset)
}

function readInt32BE(buffer, offset) {
  return methods.readInt32BE.call(bytes(buffer), offset)
}

function readUInt32LE(buffer, offset) {
  return methods.readUInt32LE.call(bytes(buffer), offset)
}

function readUInt32BE(buffer, offset) {
  return methods.readUInt32BE.call(bytes(buffer), offset)
}

function readBigInt64LE(buffer, offset) {
  return methods.readBigInt64LE.call(bytes(buffer), offset)
}

function readBigInt64BE(buffer, offset) {
  return methods.readBigInt64BE.call(bytes(buffer), offset)
}

function readBigUInt64LE(buffer, offset) {
  return methods.readBigUInt64LE.call(bytes(buffer), offset)
}

function readBigUInt64BE(buffer, offset) {
  return methods.readBigUInt64BE.call(bytes(buffer), offset)
}

function readFloatLE(buffer, offset) {
  return methods.readFloatLE.call(bytes(buffer), offset)
}

function readFloatBE(buffer, offset) {
  return methods.readFloatBE.call(bytes(buffer), offset)
}

function readDoubleLE(buffer, offset) {
  return methods.readDoubleLE.call(bytes(buffer), offset)
}

function readDoubleBE(buffer, offset) {
  return methods.readDoubleBE.call(bytes(buffer), offset)
}

function readIntLE(buffer, offset, byteLength) {
  return methods.readIntLE.call(asBuffer(buffer), offset, byteLength)
}

function readIntBE(buffer, offset, byteLength) {
  return methods.readIntBE.call(asBuffer(buffer), offset, byteLength)
}

function readUIntLE(buffer, offset, byteLength) {
  return methods.readUIntLE.call(asBuffer(buffer), offset, byteLength)
}

function readUIntBE(buffer, offset, byteLength) {
  return methods.readUIntBE.call(asBuffer(buffer), offset, byteLength)
}

function writeInt8(buffer, value, offset) {
  return methods.writeInt8.call(bytes(buffer), value, offset)
}

function writeUInt8(buffer, value, offset) {
  return methods.writeUInt8.call(bytes(buffer), value, offset)
}

function writeInt16LE(buffer, value, offset) {
  return methods.writeInt16LE.call(bytes(buffer), value, offset)
}

function writeInt16BE(buffer, value, offset) {
  return methods.writeInt16BE.call(bytes(buffer), value, offset)
}

function writeUInt16LE(buffer, value, offset) {
  return methods.writeUInt16LE.call(bytes(buffer), value, offset)
}

function writeUInt16BE(buffer, value, offset) {
  return methods.writeUInt16BE.call(bytes(buffer), value, offset)
}

function writeInt32LE(buffer, value, offset) {
  return methods.writeInt32LE.call(bytes(buffer), value, offset)
}

function writeInt32BE(buffer, value, offset) {
  return methods.writeInt32BE.call(bytes(buffer), value, offset)
}

function writeUInt32LE(buffer, value, offset) {
  return methods.writeUInt32LE.call(bytes(buffer), value, offset)
}

function writeUInt32BE(buffer, value, offset) {
  return methods.writeUInt32BE.call(bytes(buffer), value, offset)
}

function writeBigInt64LE(buffer, value, offset) {
  return methods.writeBigInt64LE.call(bytes(buffer), value, offset)
}

function writeBigInt64BE(buffer, value, offset) {
  return methods.writeBigInt64BE.call(bytes(buffer), value, offset)
}

function writeBigUInt64LE(buffer, value, offset) {
  return methods.writeBigUInt64LE.call(bytes(buffer), value, offset)
}

function writeBigUInt64BE(buffer, value, offset) {
  return methods.writeBigUInt64BE.call(bytes(buffer), value, offset)
}

function writeFloatLE(buffer, value, offset) {
  return methods.writeFloatLE.call(bytes(buffer), value, offset)
}

function writeFloatBE(buffer, value, offset) {
  return methods.writeFloatBE.call(bytes(buffer), value, offset)
}

function writeDoubleLE(buffer, value, offset) {
  return methods.writeDoubleLE.call(bytes(buffer), value, offset)
}

function writeDoubleBE(buffer, value, offset) {
  return methods.writeDoubleBE.call(bytes(buffer), value, offset)
}

function writeIntLE(buffer, value, offset, byteLength) {
  return methods.writeIntLE.call(asBuffer(buffer), value, offset, byteLength)
}

function writeIntBE(buffer, value, offset, byteLength) {
  return methods.writeIntBE.call(asBuffer(buffer), value, offset, byteLength)
}

function writeUIntLE(buffer, value, offset, byteLength) {
  return methods.writeUIntLE.call(asBuffer(buffer), value, offset, byteLength)
}

function writeUIntBE(buffer, value, offset, byteLength) {
  return methods.writeUIntBE.call(asBuffer(buffer), value, offset, byteLength)
}

module.exports = {
  readInt8,
  readUInt8,
  readUint8: readUInt8,
  readInt16LE,
  readInt16BE,
  readUInt16LE,
  readUint16LE: readUInt16LE,
  readUInt16BE,
  readUint16BE: readUInt16BE,
  readInt32LE,
  readInt32BE,
  readUInt32LE,
  readUint32LE: readUInt32LE,
  readUInt32BE,
  readUint32BE: readUInt32BE,
  readBigInt64LE,
  readBigInt64BE,
  readBigUInt64LE,
  readBigUint64LE: readBigUInt64LE,
  readBigUInt64BE,
  readBigUint64BE: readBigUInt64BE,
  readFloatLE,
  readFloatBE,
  readDoubleLE,
  readDoubleBE,
  readIntLE,
  readIntBE,
  readUIntLE,
  readUintLE: readUIntLE,
  readUIntBE,
  readUintBE: readUIntBE,
  writeInt8,
  writeUInt8,
  writeUint8: writeUInt8,
  writeInt16LE,
  writeInt16BE,
  writeUInt16LE,
  writeUint16LE: writeUInt16LE,
  writeUInt16BE,
  writeUint16BE: writeUInt16BE,
  writeInt32LE,
  writeInt32BE,
  writeUInt32LE,
  writeUint32LE: writeUInt32LE,
  writeUInt32BE,
  writeUint32BE: writeUInt32BE,
  writeBigInt64LE,
  writeBigInt64BE,
  writeBigUInt64LE,
  writeBigUint64LE: writeBigUInt64LE,
  writeBigUInt64BE,
  writeBigUint64BE: writeBigUInt64BE,
  writeFloatLE,
  writeFloatBE,
  writeDoubleLE,
  writeDoubleBE,
  writeIntLE,
  writeIntBE,
  writeUIntLE,
  writeUintLE: writeUIntLE,
  writeUIntBE,
  writeUintBE: writeUIntBE,
}
