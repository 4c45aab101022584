'use strict'

// The packages that ironwire is compared with. They are in bench/node_modules, and installed when a benchmark first
// needs them.

const path = require('node:path')
const { createRequire } = require('node:module')
const { ensureDependencies } = require('../../scripts/setup.js')

const home = path.join(__dirname, '..')

/** A `require` that finds these packages. */
const requirePeer = createRequire(path.join(home, 'package.json'))

function installPeers() {
  ensureDependencies(home)
}

/** A file of an installed package, even if its `exports` do not include it. */
function peerFile(name, file) {
  return path.join(home, 'node_modules', name, file)
}

function peerVersion(name) {
  return require(peerFile(name, 'package.json')).version
}

module.exports = { installPeers, requirePeer, peerFile, peerVersion }
