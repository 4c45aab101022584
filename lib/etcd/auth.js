'use strict'

// Authentication: etcd issues a token for a name and a password, and requests carry it. A token expires, or is lost
// with the member that issued it.

const { Metadata } = require('../grpc/metadata.js')
const { Request } = require('./request.js')
const { methods } = require('./schema.js')

/** Without this header, a member that has lost contact with its cluster lets requests wait. */
const LEADER = ['hasleader', 'true']

/** etcd runs without authentication. */
const NOT_ENABLED = 'etcdserver: authentication is not enabled'

class Auth {
  constructor(pool, { username, password }) {
    this.pool = pool
    this.username = username
    this.password = password
    /** Null until etcd has issued a token; empty when none is needed. */
    this.token = username === undefined ? '' : null
    this.isAsking = false
    /** Requests and streams that wait for the token. */
    this.waiting = new Set()
    this.write()
  }

  /**
   * Makes the metadata of requests: `metadata` for most, `local` for those that a member answers without the cluster,
   * `anonymous` for the request for a token.
   */
  write() {
    this.metadata = new Metadata()
    this.local = new Metadata()
    this.anonymous = new Metadata()
    this.metadata.set(...LEADER)
    this.anonymous.set(...LEADER)
    if (!this.token) return
    this.metadata.set('token', this.token)
    this.local.set('token', this.token)
  }

  isReady(waiter) {
    if (this.token !== null || waiter.isAnonymous) return true
    this.waiting.add(waiter)
    if (!this.isAsking) this.ask()
    return false
  }

  ask() {
    this.isAsking = true
    const { username: name, password } = this
    const message = { name, password }
    const options = { timeout: this.pool.options.timeout, isAnonymous: true }
    new Request(this.pool, methods().get('Auth/Authenticate'), message, options, (error, reply) => {
      this.isAsking = false
      const { waiting } = this
      this.waiting = new Set()
      const isRefused = error !== null && error.details !== NOT_ENABLED
      if (!isRefused) {
        this.token = reply?.token ?? ''
        this.write()
      }
      for (const waiter of waiting) {
        // After a timeout, requests that have time left try again.
        if (isRefused && error.code !== 'IRONWIRE_ETCD_TIMEOUT') waiter.fail(error)
        else waiter.go()
      }
    }).go()
  }

  /** Whether a rejected token may be replaced by a new one. */
  renew(token) {
    if (this.username === undefined) return false
    if (this.token === token) this.token = null
    return true
  }
}

module.exports = { Auth }
