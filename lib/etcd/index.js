'use strict'

// The public face of `etcd`: a client of etcd, built on `grpc`.

const { Client } = require('./client.js')
const { EtcdError } = require('./errors.js')

/**
 * Creates a client of the cluster with these endpoints ('host:2379', 'https://host:2379', 'etcd://host,host2', or a
 * list of them).
 */
function connect(endpoints, options) {
  return new Client(endpoints, options)
}

module.exports = { connect, Client, EtcdError }
