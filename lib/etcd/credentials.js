'use strict'

const { ChannelCredentials } = require('../grpc/credentials.js')

/** The TLS code is loaded only when needed: a Node built without OpenSSL has no TLS. */
const ofRpc = () => require('../rpc/tls.js')

/** The option `tls`, as in rpc; null when it is not given. */
const readTls = (options) => ('tls' in options ? ofRpc().clientTls(options.tls) : null)

/** Returns a function that gives the `credentials` and `options` of a channel to a place. */
function credentialsOf(tls) {
  const open = { credentials: ChannelCredentials.createInsecure(), options: {} }
  let secure
  return (place) => {
    if (!place.secure && tls === null) return open
    secure ??= over(tls ?? ofRpc().defaultTls())
    return secure
  }
}

function over({
  options: { servername, checkServerIdentity: _, rejectUnauthorized: __, ...given },
  checkServerIdentity,
  rejects,
}) {
  const { createSecureContext } = require('../tls/index.js')
  const verify = { checkServerIdentity, rejectUnauthorized: rejects }
  return {
    credentials: ChannelCredentials.createFromSecureContext(createSecureContext(given), verify),
    options: servername === undefined ? {} : { 'grpc.ssl_target_name_override': servername },
  }
}

module.exports = { credentialsOf, readTls }
