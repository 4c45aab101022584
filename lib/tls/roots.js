'use strict'

// Whom clients trust that do not say: whom Node trusts.

const { Buffer } = require('node:buffer')
const fs = require('node:fs')
const process = require('node:process')
const tls = require('node:tls')

/** How Node was told which roots to take; older ones do not show those then. */
const FLAGS = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`
const OWN_ROOTS = /--use-(openssl|system)-ca/.test(FLAGS) || process.env.NODE_USE_SYSTEM_CA === '1'
const EXTRA = process.env.NODE_EXTRA_CA_CERTS

let roots

/** `{ number, bytes }`, the certificates in PEM; another number whenever they are others. Null where Node does not show them. */
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

/** What NODE_EXTRA_CA_CERTS names, which older Nodes do not tell of. */
function extraRoots() {
  if (!EXTRA) return ''
  try {
    return fs.readFileSync(EXTRA, 'latin1')
  } catch {
    // Node has said so.
    return ''
  }
}

module.exports = { defaultRoots }
