'use strict'

// Makes certificates byte by byte, as no authority would.

const { Buffer } = require('node:buffer')
const crypto = require('node:crypto')
const { pem } = require('../https/support.js')

function tlv(tag, ...parts) {
  const body = Buffer.concat(parts)
  const { length } = body
  const digits = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...digits]), body])
}
const sequence = (...parts) => tlv(0x30, ...parts)
const bytes = (...values) => Buffer.from(values)
const integer = (...digits) => tlv(2, bytes(...digits))
/** `unused` of the last byte are none. */
const bits = (unused, ...values) => tlv(3, bytes(unused, ...values))
const octets = (value) => tlv(4, value)
const TRUE = tlv(1, bytes(0xff))
const NULL = bytes(5, 0)

function oid(text) {
  const [first, second, ...rest] = text.split('.').map(Number)
  const digits = rest.flatMap((number) => {
    const all = [number & 0x7f]
    for (let left = number >> 7; left > 0; left >>= 7) all.unshift((left & 0x7f) | 0x80)
    return all
  })
  return tlv(6, bytes(first * 40 + second, ...digits))
}

const UTF8 = 12
const attribute = (type, text, tag = UTF8) => tlv(0x31, sequence(oid(type), tlv(tag, Buffer.from(text, 'latin1'))))
const COMMON_NAME = '2.5.4.3'
const name = (text, tag) => sequence(attribute('2.5.4.10', 'Org', tag), attribute(COMMON_NAME, text, tag))
const utc = (text) => tlv(0x17, Buffer.from(text))

const of = (file) => crypto.createPrivateKey(pem(file))
const keys = {
  root: of('stranger-key.pem'),
  other: of('other-key.pem'),
  rsa: of('rsa-key.pem'),
  end: of('chains/key.pem'),
}
const ECDSA = sequence(oid('1.2.840.10045.4.3.2'))
const RSA = sequence(oid('1.2.840.113549.1.1.11'), NULL)

/** DER of one; `extensions` are `[oid, value, critical]`, nothing for none. */
function certificate({ version = 3, subject, issuer, key, signer, extensions, serial = 1, algorithm, from, until }) {
  const by = signer.asymmetricKeyType === 'rsa' ? RSA : ECDSA
  const one = ([type, value, critical]) => sequence(oid(type), ...(critical ? [TRUE] : []), octets(value))
  const signed = sequence(
    ...(version === 1 ? [] : [tlv(0xa0, integer(version - 1))]),
    integer(serial),
    algorithm ?? by,
    issuer,
    sequence(from ?? utc('200101000000Z'), until ?? utc('491231235959Z')),
    subject,
    crypto.createPublicKey(key).export({ type: 'spki', format: 'der' }),
    ...(extensions === undefined ? [] : [tlv(0xa3, sequence(...extensions.map(one)))]),
  )
  return sequence(signed, by, tlv(3, bytes(0), crypto.sign('sha256', signed, signer)))
}

const toPem = (der) =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`

module.exports = {
  ...{ NULL, TRUE, attribute, bits, bytes, certificate, COMMON_NAME, integer, keys, name, octets, oid, sequence },
  ...{ tlv, toPem, utc },
}
