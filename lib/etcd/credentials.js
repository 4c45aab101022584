'use strict'

const { ChannelCredentials } = require('../grpc/credentials.js')

/** How an endpoint is to be talked to: `credentials` and `options` of a channel. */
function credentialsOf({ secure }, tls) {
  if (!secure && tls === null) return { credentials: ChannelCredentials.createInsecure(), options: {} }
  const { ca = null, cert = null, key = null, servername, ...rest } = tls ?? {}
  return {
    credentials: ChannelCredentials.createSsl(ca, key, cert, rest),
    options: servername === undefined ? {} : { 'grpc.ssl_target_name_override': servername },
  }
}

module.exports = { credentialsOf }
