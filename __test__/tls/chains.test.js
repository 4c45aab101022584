'use strict'

// What certificates are worth: for each chain of the fixtures, to either side, ours says what Node's says. fixtures/chains/make.sh tells what they are.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const core = require('node:tls')
const { tls } = require('../..')
const { ca: stranger, file } = require('../https/support.js')
const { client, server } = require('./verdicts.js')

const folder = file('chains')
const read = (name) => fs.readFileSync(path.join(folder, `${name}.pem`), 'latin1')
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n/g
const names = fs.readdirSync(folder).filter((name) => name.endsWith('.pem') && name !== 'key.pem')
const chains = names.map((name) => path.basename(name, '.pem')).map((name) => [name, read(name).match(CERTIFICATE)])

describe('certificate chains', { concurrency: 4 }, () => {
  for (const [name, certificates] of chains) {
    const cert = certificates.slice(0, -1).join('') || certificates[0]
    it(`get the same verdict as in node:tls: ${name}`, async () => {
      const ca = certificates.at(-1)
      assert.deepEqual(await server(tls, cert, ca), await server(core, cert, ca), "a server's")
      assert.deepEqual(await client(tls, cert, ca), await client(core, cert, ca), "a client's")
    })
  }
  for (const name of ['good', 'between-may-not-sign-and-end-expired', 'end-signs-certificates', 'alone-and-expired']) {
    const [end, between, root] = read(name).match(CERTIFICATE)
    const whole = [end, between, root].join('')
    it(`are not trusted if another authority is: ${name}`, async () => {
      for (const [cert, ca] of [
        [whole, stranger],
        [end, stranger],
        [end, root ?? stranger],
        [whole, between ?? stranger],
        [end, between ?? end],
      ]) {
        assert.deepEqual(await server(tls, cert, ca), await server(core, cert, ca), "a server's")
        assert.deepEqual(await client(tls, cert, ca), await client(core, cert, ca), "a client's")
      }
    })
  }
})
