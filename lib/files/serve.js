'use strict'

// `serveStatic`: a handler `(req, res, next)` that answers with files. What the answer is, Rust decides (src/files); here it is put onto the
// response: the headers by `setHeader`, so that whoever hooks into the response sees them, the body by the shortest way that there is.

const { AsyncResource } = require('node:async_hooks')
const { Site, PASS } = require('./site.js')
const { sendBody } = require('./body.js')
const { readOptions, rootPath } = require('./options.js')
const { targetOf, originalOf } = require('./target.js')
const { statusError, fileError, headersSent } = require('./errors.js')
const { answerError } = require('./pages.js')

/** What somebody has set before the file was found stays, as with `send`. */
const KEPT = new Set(['accept-ranges', 'cache-control', 'last-modified', 'etag', 'content-type'])
/** What says something about a body, which a 304 does not have. */
const OF_BODY = ['Content-Encoding', 'Content-Language', 'Content-Length', 'Content-Range', 'Content-Type']

/** On a handler of ours: its site. */
const kSite = Symbol('ironwire.site')

function serveStatic(root, options) {
  const settings = readOptions(options)
  const site = new Site(rootPath(root), settings)
  const { fallthrough } = settings
  function serveStatic(req, res, next) {
    if (req.method === 'GET' || req.method === 'HEAD') new Exchange(site, req, res, next).begin()
    else if (fallthrough) pass(req, res, next)
    else refuse(res)
  }
  serveStatic[kSite] = site
  return serveStatic
}

/** On to the next handler; where there is none, there is nothing at this URL. */
function pass(req, res, next) {
  if (typeof next === 'function') next()
  else answerError(req, res, statusError(404))
}

/** Files can be got, and nothing else. */
function refuse(res) {
  res.statusCode = 405
  res.setHeader('Allow', 'GET, HEAD')
  res.setHeader('Content-Length', '0')
  res.end()
}

/** The response is somebody else's by now, or its client is gone. */
function isOver(res) {
  return res.writableEnded || res.destroyed || res.closed
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
    const { req, site } = this
    const original = originalOf(req)
    const plan = site.plan(req.method, targetOf(req, original), original, this.fields(), this)
    if (plan === undefined) this.resource ??= new AsyncResource('IRONWIRE_FILES')
    else this.answer(plan)
  }

  /** The plan, when it took a look at the disk. */
  planned(plan) {
    this.resource.runInAsyncScope(this.answer, this, plan)
  }

  /** The header lines that the answer depends on: the request's, and validators that somebody has given the response. */
  fields() {
    const { req, res, site } = this
    const { headers } = req
    const status = res.statusCode
    // `send` makes no 304 of what somebody has said to be an error, and what is encoded already is left as it is.
    const isCacheable = (status >= 200 && status < 300) || status === 304
    const isEncoded = res.hasHeader('content-encoding')
    let lines = ''
    for (const name of site.fields) {
      const value = headers[name]
      if (value === undefined) continue
      if (!isCacheable && (name === 'if-none-match' || name === 'if-modified-since')) continue
      if (isEncoded && name === 'accept-encoding') continue
      lines += line(name, value)
    }
    if (res.hasHeader('etag')) lines += line('etag', res.getHeader('etag'))
    if (res.hasHeader('last-modified')) lines += line('last-modified', res.getHeader('last-modified'))
    return lines
  }

  answer(plan) {
    if (plan === PASS) return pass(this.req, this.res, this.next)
    const { res } = this
    if (isOver(res)) return plan.release()
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
    const { res, setHeaders } = this
    this.setHeaders = undefined
    const before = this.fields()
    setHeaders(res, plan.path(), plan.stat())
    if (!isOver(res)) {
      if (res.headersSent) throw headersSent()
      if (this.fields() === before) return false
    }
    plan.release()
    // What conditions are decided by has changed.
    if (!isOver(res)) this.begin()
    return true
  }

  /** Something went wrong before the answer began, which is the next handler's to tell. */
  fail(plan, error) {
    plan.release()
    if (typeof this.next === 'function') this.next(error)
    else answerError(this.req, this.res, error)
  }
}

const BREAKS = /[\r\n\0]/

/** Some program may have put anything into its request's or response's headers. */
function line(name, value) {
  const text = String(value)
  return BREAKS.test(text) ? '' : `${name}: ${text}\r\n`
}

function putHeaders(res, plan) {
  if (plan.status === 304) for (const name of OF_BODY) res.removeHeader(name)
  for (const [name, value] of plan.headers()) putHeader(res, name, value)
  // A file that is sent whole leaves the status as it was set, be it that of an error.
  if (!plan.failed && plan.status !== 200) res.statusCode = plan.status
}

function putHeader(res, name, value) {
  const key = name.toLowerCase()
  if (key === 'vary') vary(res, value)
  else if (!KEPT.has(key) || !res.hasHeader(name)) res.setHeader(name, value)
}

/** Adds to `Vary` what is not in it. */
function vary(res, value) {
  const present = res.getHeader('Vary')
  if (present === undefined) return res.setHeader('Vary', value)
  const names = String(present)
    .toLowerCase()
    .split(/\s*,\s*/)
  if (!names.includes('*') && !names.includes(value.toLowerCase())) res.setHeader('Vary', `${present}, ${value}`)
}

function errorOf(plan) {
  const { status, errno } = plan
  if (errno !== 0) return fileError(errno, 'stat', plan.path(), status)
  const range = status === 416 ? plan.headers().find(([name]) => name === 'Content-Range') : undefined
  return statusError(status, range && { 'Content-Range': range[1] })
}

module.exports = { serveStatic, kSite }
