'use strict'

// Settings in the form that programs use, and in the form that Rust takes.

const { Buffer } = require('node:buffer')
const { getPackedSettings } = require('node:http2')
const { invalidArgType } = require('../errors.js')

/** In the order of their numbers in the protocol. A default that is not a number is a boolean. */
const NAMES = [
  'headerTableSize',
  'enablePush',
  'maxConcurrentStreams',
  'initialWindowSize',
  'maxFrameSize',
  'maxHeaderListSize',
  'enableConnectProtocol',
]

/** The settings of a server before it changes any. They are Node's, but with a limit on the streams that a client can open. */
const DEFAULTS = {
  headerTableSize: 4096,
  enablePush: true,
  maxConcurrentStreams: 250,
  initialWindowSize: 65_535,
  maxFrameSize: 16_384,
  maxHeaderListSize: 65_535,
  enableConnectProtocol: false,
}

function checked(settings) {
  if (settings === undefined) return {}
  if (settings === null || typeof settings !== 'object' || Array.isArray(settings)) {
    throw invalidArgType('settings', 'of type object', settings)
  }
  // Node's own checks, with its errors.
  getPackedSettings(settings)
  const { maxHeaderSize, ...rest } = settings
  if (maxHeaderSize !== undefined) rest.maxHeaderListSize = maxHeaderSize
  // A setting that is not given stays as it is.
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
}

function words(settings) {
  return Buffer.from(Uint32Array.from(NAMES, (name) => Number(settings[name])).buffer)
}

/** Reads settings from the numbers that Rust returns, beginning at index `at`. */
function settingsOf(numbers, at) {
  const [headerTableSize, push, maxConcurrentStreams, initialWindowSize, maxFrameSize, maxHeaderListSize, protocol] =
    numbers.slice(at)
  return {
    __proto__: null,
    headerTableSize,
    enablePush: push === 1,
    initialWindowSize,
    maxFrameSize,
    maxConcurrentStreams,
    maxHeaderListSize,
    maxHeaderSize: maxHeaderListSize,
    enableConnectProtocol: protocol === 1,
  }
}

/** The settings of a client. Another limit bounds the streams that a server opens. */
const CLIENT_DEFAULTS = { ...DEFAULTS, maxConcurrentStreams: 2 ** 32 - 1 }

module.exports = { CLIENT_DEFAULTS, DEFAULTS, checked, words, settingsOf }
