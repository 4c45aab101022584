'use strict'

// Settings as programs have them, and as Rust takes them.

const { Buffer } = require('node:buffer')
const { getPackedSettings } = require('node:http2')
const { invalidArgType } = require('../errors.js')

/** In the order of their numbers; those that are no numbers are true or false. */
const NAMES = [
  'headerTableSize',
  'enablePush',
  'maxConcurrentStreams',
  'initialWindowSize',
  'maxFrameSize',
  'maxHeaderListSize',
  'enableConnectProtocol',
]

/** What holds of a server before it says anything: Node's, but that a client cannot open as many streams as it likes. */
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
  // Node's own checks, and its errors.
  getPackedSettings(settings)
  const { maxHeaderSize, ...rest } = settings
  if (maxHeaderSize !== undefined) rest.maxHeaderListSize = maxHeaderSize
  // What is not said stays as it is.
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
}

function words(settings) {
  return Buffer.from(Uint32Array.from(NAMES, (name) => Number(settings[name])).buffer)
}

/** Of the numbers that Rust says, from `at` on. */
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

/** Of a client: how many streams a server opens is another limit's to say. */
const CLIENT_DEFAULTS = { ...DEFAULTS, maxConcurrentStreams: 2 ** 32 - 1 }

module.exports = { CLIENT_DEFAULTS, DEFAULTS, checked, words, settingsOf }
