'use strict'

// A site of the native core, asked without a server.

const { native } = require('../../lib/engine.js')
const { plan: word } = require('../../lib/constants.js')
const { readOptions } = require('../../lib/files/options.js')

const planning = new Map()
const reading = new Map()
const settle = (waiting) => (ticket, value) => {
  waiting.get(ticket)(value)
  waiting.delete(ticket)
}

const words = new Uint32Array(native.filesTable({ onFilesPlan: settle(planning), onFilesRead: settle(reading) }))

const SETTINGS = readOptions({ fallthrough: false })

/** A site, and `plan(target, fields)`: what it says. */
function site(root, settings = {}) {
  const number = native.filesOpen(root, { ...SETTINGS, ...settings })
  async function plan(target, fields = '') {
    let id = native.filesPlan(number, 'GET', target, '', fields)
    if (id < 0) id = await new Promise((resolve) => planning.set(-id, resolve))
    if (id === 0) return null
    const lines = native.filesHead(id).split('\r\n').slice(0, -1)
    return {
      status: words[word.STATUS],
      length: words[word.LENGTH] + words[word.LENGTH_HIGH] * 2 ** 32,
      headers: Object.fromEntries(lines.map((line) => line.split(': '))),
      read: (offset, length) =>
        new Promise((resolve) => {
          reading.set(native.filesRead(id, offset, length), resolve)
        }),
      release: () => native.filesRelease(id),
    }
  }
  return { plan, usage: () => native.filesUsage(number) }
}

module.exports = { site, FOLDER: 'ironwire-plans-' }
