'use strict'

// `serveStatic`: a handler `(req, res, next)` that answers with files. Rust decides what the answer is (src/files).
// Here it is applied to the response: headers through `setHeader`, so that code hooked into the response sees them, and
// the body by the fastest way available (body.js).

const { AsyncResource } = require('node:async_hooks')
const { kSite } = require('../http/symbols.js')
const { Site, PASS } = require('./site.js')
const { sendBody } = require('./body.js')
const { readOptions, rootPath } = require('./options.js')
const { targetOf, originalOf } = require('./target.js')
const { statusError, fileError, headersSent } = require('./errors.js')
const { answerError } = require('./pages.js')

/**
 * Response headers that the program may have set. As with `send`, they are kept, and conditional requests are judged by
 * them.
 */
const GIVEN = ['accept-ranges', 'cache-control', 'content-encoding', 'content-type', 'etag', 'last-modified', 'vary']
/** Headers that describe a body, which a 304 does not have. */
const OF_BODY = ['Content-Encoding', 'Content-Language', 'Content-Length', 'Content-Range', 'Content-Type']

function serveStatic(root, options) {
  const site = new Site(rootPath(root), readOptions(options))
  function serveStatic(req, res, next) {
    new Exchange(site, req, res, next).begin()
  }
  serveStatic[kSite] = site
  return serveStatic
}

/**
 * Whether the response was taken over by other code or its client is gone. The socket is checked because a response
 * that is queued behind others gets no event for it.
 */
function isOver(req, res) {
  return res.writableEnded || res.destroyed || res.closed || req.socket?.destroyed
}

/** One request and its answer. */
class Exchange {
  constructor(site, req, res, next) {
    this.site = site
    this.req = req
    this.res = res
    this.next = next
    /** Undefined once it was called. */
    this.setHeaders = site.settings.setHeaders
    /** The async resource for a plan that arrives later. */
    this.resource = undefined
  }

  begin() {
    const { req, res, site } = this
    const original = originalOf(req)
    const fields = fieldsOf(req.headers, site.fields)
    const plan = site.plan(req.method, targetOf(req, original), original, fields, res.statusCode, givenOf(res), this)
    if (plan === undefined) this.resource ??= new AsyncResource('IRONWIRE_FILES')
    else this.answer(plan)
  }

  /** Called with the plan if it needed disk access. */
  planned(plan) {
    this.resource.runInAsyncScope(this.answer, this, plan)
  }

  answer(plan) {
    if (plan === PASS) return this.pass()
    const { req, res } = this
    if (isOver(req, res)) return plan.release()
    if (plan.isFile && res.headersSent) return this.fail(plan, headersSent())
    try {
      if (this.setHeaders !== undefined && plan.isFile && this.callSetHeaders(plan)) return
      putHeaders(res, plan)
    } catch (error) {
      // Thrown by `setHeaders`, or by a response method that the program has replaced.
      return this.fail(plan, error)
    }
    if (plan.failed) this.fail(plan, errorOf(plan))
    else sendBody(this, plan)
  }

  /** Calls the program's `setHeaders`. Returns true if nothing is left to do with this plan. */
  callSetHeaders(plan) {
    const { req, res, setHeaders } = this
    const stat = statOf(plan)
    if (stat !== undefined) {
      this.setHeaders = undefined
      const status = res.statusCode
      const given = givenOf(res)
      setHeaders(res, plan.path(), stat)
      if (!isOver(req, res)) {
        if (res.headersSent) throw headersSent()
        if (res.statusCode === status && givenOf(res) === given) return false
      }
    }
    plan.release()
    // Something that the answer depends on has changed, so make a new plan.
    if (!isOver(req, res)) this.begin()
    return true
  }

  /** There is no file to send: calls the next handler, or answers with 404 if there is none. */
  pass() {
    if (typeof this.next === 'function') this.next()
    else answerError(this.req, this.res, statusError(404), this.site)
  }

  /** The answer failed before it began: passes the error to the next handler. */
  fail(plan, error) {
    plan.release()
    if (typeof this.next === 'function') this.next(error)
    else answerError(this.req, this.res, error, this.site)
  }
}

/** A program may have put anything into the headers of the request or the response. */
const BREAKS = /[\r\n\0]/

function line(name, value) {
  const text = Array.isArray(value) ? value.join(', ') : String(value)
  return BREAKS.test(text) ? '' : `${name}: ${text}\r\n`
}

/** The request headers that the answer depends on, as lines. */
function fieldsOf(headers, names) {
  let lines = ''
  for (const name of names) {
    const value = headers[name]
    if (value !== undefined) lines += line(name, value)
  }
  return lines
}

/** The same for the headers of the response. */
function givenOf(res) {
  let lines = ''
  for (const name of GIVEN) {
    if (res.hasHeader(name)) lines += line(name, res.getHeader(name))
  }
  return lines
}

/** Undefined if the file no longer exists. */
function statOf(plan) {
  try {
    return plan.stat()
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  }
}

function putHeaders(res, plan) {
  if (plan.status === 304) for (const name of OF_BODY) res.removeHeader(name)
  for (const [name, value] of plan.headers()) {
    // Cookies are added to those that were already set.
    const isCookie = name.toLowerCase() === 'set-cookie' && res.hasHeader(name)
    res.setHeader(name, isCookie ? [].concat(res.getHeader(name), value) : value)
  }
  if (!plan.failed) res.statusCode = plan.status
}

function errorOf(plan) {
  const { status, errno } = plan
  if (errno !== 0) return fileError(errno, plan.syscall(), plan.path(), status)
  const headers = plan.errorHeaders()
  return statusError(status, headers.length > 0 ? Object.fromEntries(headers) : undefined)
}

module.exports = { serveStatic }
