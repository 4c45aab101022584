'use strict'

// Who asks: a token that etcd gives for a name and a password, and takes from then on. It ends by itself, and with the member that has given it.

const { Metadata } = require('../grpc/metadata.js')
const { Request } = require('./request.js')
const { methods } = require('./schema.js')

/** Without this a member that has lost its cluster lets everybody wait. */
const LEADER = ['hasleader', 'true']

/** Nobody needs to say who he is. */
const NOT_ENABLED = 'etcdserver: authentication is not enabled'

class Auth {
  constructor(pool, { username, password }) {
    this.pool = pool
    this.username = username
    this.password = password
    /** Null until etcd has given one; text without end for who needs none. */
    this.token = username === undefined ? '' : null
    this.isAsking = false
    /** Who waits for it. */
    this.waiting = new Set()
    this.write()
  }

  /** What requests bring along: `metadata`, `local` for those that a member answers by itself, `anonymous` for the one that asks for a token. */
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
        // Who has time left asks again.
        if (isRefused && error.code !== 'IRONWIRE_ETCD_TIMEOUT') waiter.fail(error)
        else waiter.go()
      }
    }).go()
  }

  /** Whether etcd may give another token in the place of one that it does not take any more. */
  renew(token) {
    if (this.username === undefined) return false
    if (this.token === token) this.token = null
    return true
  }
}

module.exports = { Auth }
