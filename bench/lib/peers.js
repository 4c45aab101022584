'use strict'

// The packages that ironwire is compared with. They live in bench/node_modules, installed when a bench first needs them.

const path = require('node:path')
const { createRequire } = require('node:module')
const { ensureDependencies } = require('../../scripts/setup.js')

const home = path.join(__dirname, '..')

/** `require` that finds the peers. */
const requirePeer = createRequire(path.join(home, 'package.json'))

function installPeers() {
  ensureDependencies(home)
}

/** A file of an installed peer, whether or not its `exports` show it. */
function peerFile(name, file) {
  return path.join(home, 'node_modules', name, file)
}

function peerVersion(name) {
  return require(peerFile(name, 'package.json')).version
}

module.exports = { installPeers, requirePeer, peerFile, peerVersion }
