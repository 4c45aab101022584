'use strict'

// `etcd`: a client of etcd, over `grpc`.

const { Client } = require('./client.js')
const { EtcdError } = require('./errors.js')

/** A client of the cluster that has these endpoints ('host:2379', 'https://host:2379', 'etcd://host,host2', or a list of them). */
function connect(endpoints, options) {
  return new Client(endpoints, options)
}

module.exports = { connect, Client, EtcdError }
