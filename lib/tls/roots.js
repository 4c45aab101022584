'use strict'

// The root certificates that clients trust by default: those that Node trusts.

const { Buffer } = require('node:buffer')
const fs = require('node:fs')
const process = require('node:process')
const tls = require('node:tls')

/** Whether Node was told which roots to use. Older versions of Node do not list them then. */
const FLAGS = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`
const OWN_ROOTS = /--use-(openssl|system)-ca/.test(FLAGS) || process.env.NODE_USE_SYSTEM_CA === '1'
const EXTRA = process.env.NODE_EXTRA_CA_CERTS

let roots

/**
 * The certificates as PEM in `bytes`, and a `number` that changes whenever they change. Null if Node does not list
 * them.
 */
function defaultRoots() {
  const list = tls.getCACertificates?.('default') ?? (OWN_ROOTS ? null : tls.rootCertificates)
  if (list === null) return null
  if (roots?.list !== list) {
    const number = (roots?.number ?? 0) + 1
    const extra = tls.getCACertificates === undefined ? extraRoots() : ''
    roots = { list, number, bytes: [Buffer.from([...list, extra].join('\n'))] }
  }
  return roots
}

/** The certificates in the file that NODE_EXTRA_CA_CERTS names, which older versions of Node do not list. */
function extraRoots() {
  if (!EXTRA) return ''
  try {
    return fs.readFileSync(EXTRA, 'latin1')
  } catch {
    // Node has already reported it.
    return ''
  }
}

module.exports = { defaultRoots }
