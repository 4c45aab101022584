'use strict'

// A lease: keys written with it exist as long as this process lives. They are written again if etcd has lost the lease.

const { Buffer } = require('node:buffer')
const process = require('node:process')
const { setTimeout, clearTimeout, setInterval, clearInterval } = require('node:timers')
const { MAX_DELAY } = require('../delays.js')
const { invalidArgType, outOfRange } = require('../errors.js')
const { answered } = require('./answered.js')
const { Emitter } = require('./emitter.js')
const errors = require('./errors.js')
const operations = require('./operations.js')
const { Request, pauseAfter } = require('./request.js')
const { methods } = require('./schema.js')

/** The number of renewals within the lease's duration, so that two may be lost. */
const BEATS = 3

/** The longest lease that etcd grants, in seconds. */
const LONGEST = 9_000_000_000

const isGranted = ({ id, ttl, error }) => id > 0 && ttl > 0 && !error

const NO_OPTIONS = Object.freeze({})

const GONE = 'IRONWIRE_ETCD_LEASE_NOT_FOUND'

function readTtl(ttl) {
  if (typeof ttl !== 'number') throw invalidArgType('ttl', 'of type number', ttl)
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > LONGEST)
    throw outOfRange('ttl', `an integer >= 1 and <= ${LONGEST}`, ttl)
  return ttl
}

class Lease extends Emitter {
  constructor({ pool, keepAlives }, ttl) {
    super()
    this.pool = pool
    this.keepAlives = keepAlives
    this.wanted = ttl
    /** The duration that etcd has granted, in seconds. */
    this.ttl = ttl
    /** The lease's id; null while it is not granted. */
    this.id = null
    /** Whether the last renewal has not been answered. */
    this.isAsked = false
    /** The keys written with the lease. */
    this.records = new Map()
    this.timer = null
    this.beats = null
    /** Consecutive failures since the last renewal succeeded. */
    this.failures = 0
    this.isClosed = false
    keepAlives.leases.add(this)
    pool.holds(1)
  }

  /** Requests the lease once. Calls back when it is granted, or with the error. */
  beginOnce(callback) {
    this.ask((error) => {
      if (error !== null) this.end()
      callback(error ?? (this.isClosed ? errors.closed('Lease/LeaseGrant', true) : null))
    })
  }

  /** Requests the lease, and repeats that until it is granted. */
  begin() {
    this.ask((error) => {
      if (error === null || this.isClosed) return
      this.beginLater()
      this.emit('retry', error)
    })
    return this
  }

  beginLater() {
    this.timer = setTimeout(() => this.begin(), pauseAfter(this.failures++)).unref()
  }

  /** etcd has renewed the lease. */
  onKept() {
    this.isAsked = false
    this.failures = 0
  }

  ask(callback) {
    this.request('Lease/LeaseGrant', { ttl: this.wanted }, (error, reply) => {
      if (error !== null) return callback(error)
      if (!isGranted(reply)) return callback(errors.senseless('Lease/LeaseGrant'))
      if (this.isClosed) return this.revokeId(reply.id, () => callback(null))
      this.id = reply.id
      this.ttl = reply.ttl
      this.isAsked = false
      this.keepAlives.add(this)
      const pause = Math.min((Number(this.ttl) * 1000) / BEATS, MAX_DELAY)
      this.beats = setInterval(() => this.keepAlives.beat(this), pause).unref()
      for (const record of this.records.values()) this.write(record)
      callback(null)
      this.emit('granted', this.id)
    })
  }

  request(name, message, callback) {
    const options = { timeout: this.pool.options.timeout, idempotent: true }
    new Request(this.pool, methods().get(name), message, options, callback).go()
  }

  /** etcd no longer has the lease. */
  onLost() {
    if (this.isClosed || this.id === null) return
    this.keepAlives.remove(this)
    this.forget()
    this.emit('lost')
    if (this.isClosed) return
    // Only the first request is made at once, so that a lease that disappears immediately is not requested in a loop.
    if (this.failures++ === 0) this.begin()
    else this.beginLater()
  }

  forget() {
    this.id = null
    clearInterval(this.beats)
    clearTimeout(this.timer)
  }

  // --- keys

  /** Writes a key that exists as long as the lease. It is written again with the next lease. */
  put(key, value, callback) {
    return answered(callback, (answer) => {
      const record = { message: operations.putRequest(key, value, NO_OPTIONS), answer, isUnderWay: false, failures: 0 }
      if (this.isClosed) return process.nextTick(answer, errors.leaseEnded())
      const name = textOf(record.message.key)
      this.supersede(name)
      this.records.set(name, record)
      if (this.id !== null) this.write(record)
    })
  }

  /** Deletes a key. It is not written again. */
  delete(key, callback) {
    return answered(callback, (answer) => {
      const message = operations.deleteRequest(key, NO_OPTIONS)
      const name = textOf(message.key)
      this.supersede(name)
      this.records.delete(name)
      this.request('KV/DeleteRange', message, (error, reply) =>
        error === null ? answer(null, operations.deleteReply(reply)) : answer(error),
      )
    })
  }

  /** Drops a write of this key that has not started yet. */
  supersede(name) {
    const record = this.records.get(name)
    if (record === undefined || record.answer === null || record.isUnderWay) return
    process.nextTick(record.answer, errors.leaseEnded())
    record.answer = null
  }

  write(record) {
    const { id } = this
    record.isUnderWay = true
    this.request('KV/Put', { ...record.message, lease: id }, (error, reply) => {
      record.isUnderWay = false
      const name = textOf(record.message.key)
      const isCurrent = () => !this.isClosed && this.records.get(name) === record
      if (error?.code === GONE && isCurrent()) {
        // The key is written with the next lease.
        if (id === this.id) this.onLost()
        else if (this.id !== null) this.write(record)
        return
      }
      const { answer } = record
      record.answer = null
      if (error === null) return answer?.(null, operations.putReply(reply))
      if (answer !== null) {
        // The caller was told that the write failed, so it must not happen later.
        if (isCurrent()) this.records.delete(name)
        return answer(error)
      }
      const again = () => id === this.id && isCurrent() && this.write(record)
      setTimeout(again, pauseAfter(record.failures++)).unref()
      this.emit('retry', error)
    })
  }

  // --- the end

  /** Revokes the lease, which deletes all its keys. */
  revoke(callback) {
    return answered(callback, (answer) => {
      const { id } = this
      this.end()
      if (id === null) process.nextTick(answer, null)
      else this.revokeId(id, answer)
    })
  }

  revokeId(id, answer) {
    this.request('Lease/LeaseRevoke', { id }, (error) => answer(error?.code === GONE ? null : error))
  }

  /** Stops renewing the lease. */
  end() {
    if (this.isClosed) return
    this.isClosed = true
    this.keepAlives.remove(this)
    this.keepAlives.leases.delete(this)
    this.forget()
    for (const name of this.records.keys()) this.supersede(name)
    this.records.clear()
    this.pool.holds(-1)
    this.emitClose()
  }
}

const textOf = (key) => Buffer.from(key).toString('latin1')

module.exports = { Lease, readTtl }
