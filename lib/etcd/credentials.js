'use strict'

const { ChannelCredentials } = require('../grpc/credentials.js')

/** TLS is loaded where there is some: a Node that was built without OpenSSL has none. */
const ofRpc = () => require('../rpc/tls.js')

/** The option `tls`, as rpc's; null where there is none. */
const readTls = (options) => ('tls' in options ? ofRpc().clientTls(options.tls) : null)

/** How members are to be talked to: a function of a place, which gives `credentials` and `options` of a channel. */
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
