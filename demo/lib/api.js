'use strict'

// The front's JSON interface. Every error is `{ error: { code, message } }` with a fitting status.

/** The largest number of calls in one burst. */
const MAX_BURST = 10_000
/** The largest number of bursts and of event streams at a time: both use memory of the front while they last. */
const MAX_BURSTS = 4
const MAX_STREAMS = 64
const MAX_BODY_BYTES = 1024
const MAX_DELAY_MS = 2000
const ROUND_EVERY_MS = 1000
const STATE_EVERY_MS = 250

function sendJson(res, status, value) {
  const body = JSON.stringify(value)
  res.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  res.end(body)
}

function sendError(res, status, code, message) {
  if (status === 503) res.setHeader('retry-after', '1')
  sendJson(res, status, { error: { code, message } })
}

/** Reads an integer of the query or body. Throws an error with a `statusCode` if it is out of range. */
function integer(name, value, fallback, min, max) {
  if (value === undefined || value === null || value === '') return fallback
  const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value
  if (Number.isInteger(number) && number >= min && number <= max) return number
  const shown = JSON.stringify(value)?.slice(0, 40)
  throw Object.assign(new Error(`"${name}" must be an integer from ${min} to ${max}, not ${shown}`), {
    statusCode: 400,
    code: 'BAD_VALUE',
  })
}

/** Reads a small JSON body; an empty one counts as `{}`. Calls `callback(error, value)`. */
function readJson(req, callback) {
  const chunks = []
  let size = 0
  let ended = false
  const end = (error, value) => {
    if (ended) return
    ended = true
    callback(error, value)
  }
  const refuse = (statusCode, code, message) => end(Object.assign(new Error(message), { statusCode, code }))
  req.on('data', (chunk) => {
    size += chunk.length
    if (size > MAX_BODY_BYTES) refuse(413, 'BODY_TOO_LARGE', `The body may have at most ${MAX_BODY_BYTES} bytes`)
    else chunks.push(chunk)
  })
  req.on('end', () => {
    let value
    try {
      value = size === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString())
    } catch {
      return refuse(400, 'BAD_JSON', 'The body is not JSON')
    }
    if (value === null || typeof value !== 'object') return refuse(400, 'BAD_JSON', 'The body must be a JSON object')
    end(null, value)
  })
  req.on('error', () => refuse(400, 'BODY_CUT_SHORT', 'The body was cut short'))
}

class Api {
  #courses
  #directory
  #supervisors
  #streams = new Set()
  #bursts = 0

  constructor(courses, directory, supervisors) {
    this.#courses = courses
    this.#directory = directory
    this.#supervisors = supervisors
    directory.on('change', () => {
      for (const stream of this.#streams) stream.send('state', this.#state())
    })
  }

  /** Answers a request under /api/. */
  handle(req, res, url) {
    const route = this.#route(url.pathname)
    if (!route) return sendError(res, 404, 'NOT_FOUND', `There is nothing at ${url.pathname}`)
    const method = req.method === 'HEAD' ? 'GET' : req.method
    if (method !== route.method) {
      res.setHeader('allow', route.method === 'GET' ? 'GET, HEAD' : route.method)
      return sendError(res, 405, 'METHOD_NOT_ALLOWED', `${req.method} is not possible here, only ${route.method}`)
    }
    // Protection against requests from other sites: a form or an image there can send a POST, but cannot set a custom
    // header without a preflight request.
    if (method === 'POST' && req.headers['x-requested-with'] !== 'ironwire-demo') {
      return sendError(res, 403, 'NOT_FROM_THE_PAGE', 'Send the header "X-Requested-With: ironwire-demo"')
    }
    try {
      route.run(req, res, url)
    } catch (error) {
      this.#fail(res, error)
    }
  }

  /** Ends every call and every stream, so that the server can close. */
  close() {
    this.#courses.close()
    for (const stream of this.#streams) stream.res.end()
  }

  #route(pathname) {
    if (pathname === '/api/state') return { method: 'GET', run: (_req, res) => sendJson(res, 200, this.#state()) }
    if (pathname === '/api/courses') return { method: 'GET', run: (_req, res, url) => this.#all(res, url) }
    if (pathname === '/api/stream') return { method: 'GET', run: (req, res, url) => this.#stream(req, res, url) }
    if (pathname === '/api/burst') return { method: 'POST', run: (req, res) => this.#burst(req, res) }
    const id = /^\/api\/courses\/([^/]+)$/.exec(pathname)?.[1]
    if (id !== undefined) return { method: 'GET', run: (_req, res) => this.#one(res, id) }
    const name = /^\/api\/backends\/([^/]+)\/kill$/.exec(pathname)?.[1]
    if (name !== undefined) return { method: 'POST', run: (_req, res) => this.#kill(res, name) }
    return null
  }

  #fail(res, error) {
    if (error.statusCode) return sendError(res, error.statusCode, error.code, error.message)
    if (error.code === 'NO_SUCH_COURSE') return sendError(res, 404, error.code, error.message)
    // The remaining errors mean that the call failed: there was no answer in time, or the front is shutting down.
    sendError(res, 503, error.code ?? 'CALL_FAILED', error.message)
  }

  #one(res, text) {
    const id = integer('id', text, undefined, 1, 0xffffffff)
    this.#courses.get(id, 0, (error, { course, by, ms }) => {
      if (error) this.#fail(res, error)
      else sendJson(res, 200, { course, by, roundTripMs: ms })
    })
  }

  #all(res, url) {
    const delay = integer('delay', url.searchParams.get('delay'), 0, 0, MAX_DELAY_MS)
    const courses = []
    let failure = null
    this.#courses.each(
      delay,
      (error, { course, by, ms, order }) => {
        if (error) failure = error
        else courses.push({ ...course, by, roundTripMs: ms, order })
      },
      (error) => {
        if (error ?? failure) this.#fail(res, error ?? failure)
        else sendJson(res, 200, { courses: courses.sort((a, b) => a.id - b.id) })
      },
    )
  }

  #burst(req, res) {
    readJson(req, (error, body) => {
      if (error) return this.#fail(res, error)
      let count, delay
      try {
        count = integer('count', body.count, 1000, 1, MAX_BURST)
        delay = integer('delay', body.delay, 0, 0, MAX_DELAY_MS)
      } catch (error) {
        return this.#fail(res, error)
      }
      if (this.#bursts >= MAX_BURSTS) {
        return sendError(res, 429, 'TOO_MANY_BURSTS', `At most ${MAX_BURSTS} bursts run at one time`)
      }
      this.#bursts += 1
      this.#courses.burst(count, delay, (error, result) => {
        this.#bursts -= 1
        if (error) this.#fail(res, error)
        else sendJson(res, 200, result)
      })
    })
  }

  #kill(res, name) {
    const supervisor = this.#supervisors.get(name)
    if (!supervisor) return sendError(res, 404, 'NO_SUCH_BACKEND', `The front keeps no backend of the name ${name}`)
    const { pid } = supervisor
    if (supervisor.kill()) sendJson(res, 202, { killed: pid })
    else sendError(res, 503, 'BACKEND_AWAY', `The backend ${name} has no process at the moment`)
  }

  /**
   * Server-sent events: `state` four times a second, and once a second a round of calls for all courses, one `call`
   * event each.
   */
  #stream(req, res, url) {
    const delay = integer('delay', url.searchParams.get('delay'), 0, 0, MAX_DELAY_MS)
    if (this.#streams.size >= MAX_STREAMS) {
      return sendError(res, 503, 'TOO_MANY_STREAMS', `At most ${MAX_STREAMS} pages are served at one time`)
    }
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' })
    if (req.method === 'HEAD') return res.end()
    let running = false
    const round = () => {
      // Skip a round while the previous one is still running, because answers are delayed or no backend is up.
      if (running) return
      running = true
      this.#round(stream, delay, () => {
        running = false
      })
    }
    const stream = { res, send: (event, data) => send(res, event, data) }
    this.#streams.add(stream)
    stream.send('state', this.#state())
    const stateTimer = setInterval(() => stream.send('state', this.#state()), STATE_EVERY_MS)
    const roundTimer = setInterval(round, ROUND_EVERY_MS)
    round()
    res.on('close', () => {
      clearInterval(stateTimer)
      clearInterval(roundTimer)
      this.#streams.delete(stream)
    })
  }

  #round(stream, delay, callback) {
    const started = performance.now()
    this.#courses.each(
      delay,
      (error, answer) => stream.send('call', error ? { ...answer, error: error.message } : answer),
      (error) => {
        if (!error) stream.send('round', { ms: performance.now() - started })
        callback()
      },
    )
  }

  #state() {
    return { front: { pid: process.pid }, registry: this.#directory.state(), calls: this.#courses.counters() }
  }
}

function send(res, event, data) {
  // A page that does not read gets no more events until it does. Events describe the current state, so old ones are
  // worthless.
  if (res.destroyed || res.writableEnded || res.writableNeedDrain) return
  res.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}

module.exports = { Api, sendError }
