'use strict'

// `serveStatic`: a handler `(req, res, next)` that answers with files. What the answer is, Rust decides (src/files); here it is put onto the
// response: the headers by `setHeader`, so that whoever hooks into the response sees them, the body by the shortest way that there is.

const { AsyncResource } = require('node:async_hooks')
const { kSite } = require('../http/symbols.js')
const { Site, PASS } = require('./site.js')
const { sendBody } = require('./body.js')
const { readOptions, rootPath } = require('./options.js')
const { targetOf, originalOf } = require('./target.js')
const { statusError, fileError, headersSent } = require('./errors.js')
const { answerError } = require('./pages.js')

/** Headers that somebody may have given the response: they stay, and conditions are decided by them, as with `send`. */
const GIVEN = ['accept-ranges', 'cache-control', 'content-encoding', 'content-type', 'etag', 'last-modified', 'vary']
/** What says something about a body, which a 304 does not have. */
const OF_BODY = ['Content-Encoding', 'Content-Language', 'Content-Length', 'Content-Range', 'Content-Type']

function serveStatic(root, options) {
  const site = new Site(rootPath(root), readOptions(options))
  function serveStatic(req, res, next) {
    new Exchange(site, req, res, next).begin()
  }
  serveStatic[kSite] = site
  return serveStatic
}

/** The response is somebody else's by now, or its client is gone: of that, one that waits for its turn does not hear. */
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
    /** Not any more once it has been called. */
    this.setHeaders = site.settings.setHeaders
    /** What a plan that comes later is handled in. */
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

  /** The plan, when it took a look at the disk. */
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
      // Of `setHeaders`, or of a function that somebody has put into the place of one of the response's.
      return this.fail(plan, error)
    }
    if (plan.failed) this.fail(plan, errorOf(plan))
    else sendBody(this, plan)
  }

  /** Has the program add its headers. True where nothing is left to do with this plan. */
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
    // What the answer depends on has changed.
    if (!isOver(req, res)) this.begin()
    return true
  }

  /** There is no answer: on to the next handler. Where that is none, there is nothing at this URL. */
  pass() {
    if (typeof this.next === 'function') this.next()
    else answerError(this.req, this.res, statusError(404), this.site)
  }

  /** The answer failed before it began, which is the next handler's to tell. */
  fail(plan, error) {
    plan.release()
    if (typeof this.next === 'function') this.next(error)
    else answerError(this.req, this.res, error, this.site)
  }
}

/** Some program may have put anything into its request's or response's headers. */
const BREAKS = /[\r\n\0]/

function line(name, value) {
  const text = Array.isArray(value) ? value.join(', ') : String(value)
  return BREAKS.test(text) ? '' : `${name}: ${text}\r\n`
}

/** The lines of a request's headers that an answer depends on. */
function fieldsOf(headers, names) {
  let lines = ''
  for (const name of names) {
    const value = headers[name]
    if (value !== undefined) lines += line(name, value)
  }
  return lines
}

/** Those of a response. */
function givenOf(res) {
  let lines = ''
  for (const name of GIVEN) {
    if (res.hasHeader(name)) lines += line(name, res.getHeader(name))
  }
  return lines
}

/** Undefined for a file that is gone. */
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
    // Cookies add up.
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
