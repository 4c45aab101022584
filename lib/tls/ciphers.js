'use strict'

// The cipher suites that rustls has, in the order of Node's own list. Each has IANA's name and OpenSSL's, which Node's
// options and `getCipher()` use.

const suites = [
  ['TLS_AES_256_GCM_SHA384', 'TLS_AES_256_GCM_SHA384'],
  ['TLS_CHACHA20_POLY1305_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'],
  ['TLS_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
]
const standard = new Map(suites.map(([iana, openssl]) => [openssl, iana]))
const openssl = new Map(suites)

/** Whether a suite belongs to TLS 1.3. OpenSSL offers all of these unless a list names some of them. */
const isNewest = (iana) => !iana.includes('_WITH_')
const newest = suites.map(([iana]) => iana).filter(isNewest)

/**
 * The IANA names of the suites in an OpenSSL list. Returns `undefined` if the list says more than which suites in which
 * order, or names a suite that rustls does not have, because a peer could depend on it. Suites with finite-field keys
 * (`DHE-`) are skipped: Node does not offer them either without `dhparam`.
 */
function parseCiphers(list) {
  const found = []
  for (const name of list.split(/[:, ]/)) {
    if (name === '' || name.startsWith('!') || name.startsWith('DHE-')) continue
    const iana = standard.get(name)
    if (iana === undefined) return undefined
    found.push(iana)
  }
  if (found.length === 0) return undefined
  return found.some(isNewest) ? found : [...newest, ...found]
}

/** What `getCipher()` returns for a suite. */
function describe(iana) {
  return { name: openssl.get(iana) ?? iana, standardName: iana, version: isNewest(iana) ? 'TLSv1.3' : 'TLSv1.2' }
}

module.exports = { all: suites.map(([iana]) => iana), parseCiphers, describe }
