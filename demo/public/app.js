'use strict'

// The page: shows the events of the front's event stream.

const $ = (id) => document.getElementById(id)
const number = new Intl.NumberFormat('en')

/** Milliseconds with three significant digits. */
function ms(value) {
  if (value === null || value === undefined) return '–'
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : number.format(Math.round(value))
}

// ---- backends by name ----

const tones = new Map()

/** Gives each backend a colour of its own, as far as there are colours. Its name is shown next to it. */
function paint(element, name) {
  if (!tones.has(name)) tones.set(name, tones.size)
  element.dataset.tone = tones.get(name)
}

// ---- courses ----

const cards = new Map()

function card(id) {
  let element = cards.get(id)
  if (!element) {
    element = $('course').content.firstElementChild.cloneNode(true)
    element.dataset.id = id
    element.querySelector('.id').textContent = id
    cards.set(id, element)
    $('courses-empty').hidden = true
    // The list is sorted by id, whatever order the answers come in.
    const after = [...cards.keys()].filter((other) => other > id).sort((a, b) => a - b)[0]
    $('courses').insertBefore(element, after ? cards.get(after) : null)
    $('course-count').textContent = cards.size
  }
  return element
}

let round = []
/** The number of answers of the round by backend. */
let shares = new Map()
/** The full length of the meter: the slowest answer of the last round. */
let slowest = 1

function showCall({ id, course, by, order, ms: time, error }) {
  const element = card(id)
  const set = (selector, text) => {
    element.querySelector(selector).textContent = text
  }
  element.classList.toggle('lost', Boolean(error))
  set('.order', error ? '' : `#${order}`)
  if (error) {
    set('output', 'no answer')
    set('.by', '')
    element.querySelector('output').title = error
    return
  }
  round.push(time)
  shares.set(by, (shares.get(by) ?? 0) + 1)
  set('.by', by)
  paint(element, by)
  set('h3', course.title)
  set('.about', course.about)
  set('.level', course.level)
  set('.lessons', `${course.lessons} lessons`)
  set('output', `${ms(time)} ms`)
  element.querySelector('output').title = ''
  slowest = Math.max(slowest, time)
  element.querySelector('.meter-fill').style.width = `${Math.max(3, (time / slowest) * 100)}%`
  element.classList.remove('fresh')
  // Reading a layout property makes the browser notice that the class was removed, so that the animation starts again.
  void element.offsetWidth
  element.classList.add('fresh')
}

const medians = []
/** One round per second: the sparkline shows a minute. */
const MOST_ROUNDS = 60

function endRound() {
  $('courses').setAttribute('aria-busy', 'false')
  showShares()
  if (round.length === 0) return
  round.sort((a, b) => a - b)
  const median = round[round.length >> 1]
  slowest = round.at(-1)
  round = []
  medians.push(median)
  if (medians.length > MOST_ROUNDS) medians.shift()
  $('median').textContent = ms(median)
  drawSpark()
  $('path').classList.remove('busy')
  void $('path').offsetWidth
  $('path').classList.add('busy')
}

/** The size of the sparkline, with a margin for the stroke. */
const SPARK = { width: 240, height: 56, margin: 2 }

function drawSpark() {
  const { width, height, margin } = SPARK
  // One slow round, such as the first, must not flatten all others: values above the limit touch the top.
  const typical = medians.toSorted((a, b) => a - b)[medians.length >> 1]
  const top = Math.min(Math.max(...medians) * 1.15, typical * 3)
  // A single point is drawn as a level line.
  const points = medians.length === 1 ? [medians[0], medians[0]] : medians
  const x = (i) => width - ((points.length - 1 - i) / (MOST_ROUNDS - 1)) * width
  const y = (value) => height - margin - Math.min(value / top, 1) * (height - 2 * margin)
  const line = points.map((value, i) => `${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join('L')
  const [fill, stroke] = $('spark').children
  stroke.setAttribute('d', `M${line}`)
  fill.setAttribute('d', `M${x(0).toFixed(1)} ${height}L${line}L${width} ${height}Z`)
  $('spark-top').textContent = `${ms(top)} ms`
  $('spark').setAttribute(
    'aria-label',
    `Median round trip of the last ${medians.length} rounds, from ${ms(Math.min(...medians))} to ${ms(Math.max(...medians))} ms`,
  )
}

// ---- services and instances ----

const COURSES = 'courses'
const services = new Map()
/** Table rows and boxes of instances, by service and name. */
const rows = new Map()
const boxes = new Map()

/**
 * Keeps one element of `map` per item, by its key. Elements without an item are removed; the others stay in place and
 * keep the focus.
 */
function keep(map, parent, items, keyOf, make) {
  const keys = new Set(items.map(keyOf))
  for (const [key, element] of map) {
    if (element.parentElement !== parent || keys.has(key)) continue
    element.remove()
    map.delete(key)
  }
  for (const item of items) {
    const key = keyOf(item)
    if (!map.has(key)) map.set(key, parent.appendChild(make(item)))
  }
}

const fromTemplate = (id) => $(id).content.firstElementChild.cloneNode(true)

/** Changes the text only if it differs: screen readers announce changes, and a text selection survives. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text
}

function showRegistry({ address, services: list }) {
  write($('command'), `node demo/backend.js ${address} west`)
  keep(
    services,
    $('services'),
    list,
    ({ name }) => name,
    ({ name }) => {
      const element = fromTemplate('service')
      element.querySelector('.name').textContent = name
      return element
    },
  )
  for (const service of list) showService(services.get(service.name), service)
}

function showService(element, { name: service, instances }) {
  write(element.querySelector('small'), `${instances.filter(isUp).length} of ${instances.length} up`)
  const keyOf = ({ id }) => `${service} ${id}`
  keep(rows, element.querySelector('.instances'), instances, keyOf, ({ id }) => {
    const row = fromTemplate('instance')
    row.querySelector('b').textContent = id
    const kill = row.querySelector('.kill')
    kill.setAttribute('aria-label', `Kill ${id}`)
    kill.dataset.name = id
    if (service === COURSES) paint(row, id)
    return row
  })
  for (const instance of instances) showInstance(rows.get(keyOf(instance)), instance)
}

const isUp = ({ status }) => status === 'up'

function showInstance(row, { status, reason, startsInMs, pid, address, answered, inFlight, killable }) {
  row.dataset.status = status
  write(row.querySelector('.state'), status)
  const counts =
    answered === undefined ? [] : [`${number.format(answered)} answered`, `${number.format(inFlight)} in flight`]
  const where = [`pid ${pid}`, address, ...counts]
  const when =
    startsInMs === null || startsInMs === undefined ? '' : `, starts again in ${Math.ceil(startsInMs / 1000)} s`
  write(row.querySelector('.where'), status === 'gone' ? `${reason}${when}` : where.filter(Boolean).join(' · '))
  const kill = row.querySelector('.kill')
  kill.hidden = killable === undefined
  // Not `disabled`, which would remove the focus from the button that was just pressed.
  kill.setAttribute('aria-disabled', String(!killable))
  row.querySelector('.share').hidden = answered === undefined || status !== 'up'
}

/** Shows each backend's share of the round. */
function showShares() {
  const all = round.length
  for (const [key, row] of rows) {
    const count = shares.get(key.slice(COURSES.length + 1)) ?? 0
    row.querySelector('.meter-fill').style.width = `${all === 0 ? 0 : (count / all) * 100}%`
    write(row.querySelector('.portion'), all === 0 ? '' : `${count} of the last ${all}`)
  }
  shares = new Map()
}

function showPath(backends) {
  const make = ({ id }) => {
    const box = document.createElement('li')
    box.className = 'box'
    box.append(document.createElement('b'), document.createElement('small'))
    box.firstChild.textContent = id
    paint(box, id)
    return box
  }
  keep(boxes, $('path-backends'), backends, ({ id }) => id, make)
  for (const { id, status, pid } of backends) {
    const box = boxes.get(id)
    box.dataset.status = status
    write(box.lastChild, status === 'up' ? `pid ${pid}` : status)
  }
}

// ---- the state as a whole ----

/** The last known backends by name; null while the front is away. */
let last = null

function showState({ front, registry, calls }) {
  const backends = registry.services.find(({ name }) => name === COURSES).instances
  const up = backends.filter(isUp).length
  const isStart = backends.every(({ status, ended }) => status === 'starting' && ended === 0)
  $('status').dataset.status = isStart ? 'starting' : up === backends.length ? 'up' : up > 0 ? 'part' : 'down'
  write($('status'), isStart ? 'Backends starting' : `${up || 'None'} of ${backends.length} backends up`)
  $('path').classList.toggle('down', up === 0 && !isStart)
  write($('front-pid'), `pid ${front.pid}`)
  showRegistry(registry)
  showPath(backends)
  const outage = isStart ? '' : outageOf(backends)
  showAlert(outage, up === 0 ? 'bad' : 'warn')
  write($('courses-empty'), up > 0 || !outage ? 'The first answers are on their way.' : outage)
  write($('in-flight'), number.format(calls.inFlight))
  for (const name of ['peak', 'answered', 'retried', 'failed']) write($(name), number.format(calls[name]))
  $('failed').classList.toggle('some', calls.failed > 0)
  tellChanges(backends)
  const wasUp = last !== null && [...last.values()].some(isUp)
  if (up === 0 && wasUp) showWaiting()
  // Failures of an outage are outdated once a backend is up again.
  if (up > 0 && last && !wasUp) {
    for (const problem of document.querySelectorAll('#burst-result .problem')) problem.remove()
  }
  last = new Map(backends.map((backend) => [backend.id, backend]))
  enableFiring()
}

/** A text about the backends that are not up; empty if all are. */
function outageOf(backends) {
  const missing = backends
    .filter((backend) => !isUp(backend))
    .map(({ id, status, reason }) => (status === 'gone' ? `${id} is gone (${reason})` : `${id} is ${status}`))
  if (missing.length === 0) return ''
  const answering = backends.filter(isUp).map(({ id }) => id)
  const rest =
    answering.length > 0
      ? `${listed(answering)} ${answering.length > 1 ? 'answer' : 'answers'} its calls, and none is lost.`
      : 'The calls wait for the first one that is back, for 10 s at most.'
  return `${listed(missing)}. ${rest}`
}

const listed = (words) => new Intl.ListFormat('en').format(words)

/** Logs which backends have come, gone, or come back. */
function tellChanges(backends) {
  for (const { id, status, reason, pid, ended } of backends) {
    const before = last?.get(id)
    if (before?.status === status && before.pid === pid) continue
    if (status === 'gone') log(`${id} is gone: ${reason}`)
    else if (status === 'up') log(`${id} is ${ended > 0 && before ? 'back' : 'up'}, pid ${pid}`)
  }
  for (const id of last?.keys() ?? []) {
    if (!backends.some((backend) => backend.id === id)) log(`${id} has left the registry`)
  }
}

/** No backend is up: every card shows that it waits. */
function showWaiting() {
  for (const element of cards.values()) {
    element.classList.add('lost')
    element.querySelector('output').textContent = 'waiting'
    element.querySelector('.order').textContent = ''
    element.querySelector('.by').textContent = ''
  }
}

function showAlert(text, level) {
  $('alert').dataset.level = level
  write($('alert'), text)
  $('alert').hidden = text === ''
}

function log(text) {
  const item = document.createElement('li')
  const time = document.createElement('time')
  time.textContent = new Date().toLocaleTimeString('en-GB')
  const words = document.createElement('span')
  words.textContent = text
  item.append(time, words)
  $('log').prepend(item)
  while ($('log').children.length > 6) $('log').lastElementChild.remove()
}

// ---- the stream ----

let stream = null

function listen() {
  stream?.close()
  round = []
  shares = new Map()
  stream = new EventSource(`/api/stream?delay=${$('delay').value}`)
  const on = (name, show) => stream.addEventListener(name, (event) => show(JSON.parse(event.data)))
  on('state', showState)
  on('call', showCall)
  on('round', endRound)
  stream.onerror = ({ target }) => {
    last = null
    enableFiring()
    // The browser reconnects by itself, except after an answer that is not an event stream, such as a refusal.
    if (target.readyState === EventSource.CLOSED) setTimeout(() => target === stream && listen(), 2000)
    $('status').textContent = 'Front away'
    $('status').dataset.status = 'down'
    showAlert('The front does not answer. This page connects again as soon as it does.', 'bad')
  }
}

function togglePause() {
  const paused = stream !== null
  if (paused) {
    stream.close()
    stream = null
    $('status').textContent = 'Paused'
    $('status').dataset.status = 'paused'
  } else {
    listen()
  }
  $('pause').textContent = paused ? 'Resume' : 'Pause'
  $('pause').setAttribute('aria-pressed', String(paused))
}

$('pause').addEventListener('click', togglePause)
$('delay').addEventListener('change', () => {
  slowest = 1
  if (stream) listen()
})

// ---- bursts ----

async function post(path, body) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-requested-with': 'ironwire-demo' },
    body: JSON.stringify(body ?? {}),
  })
  const value = await response.json()
  if (!response.ok) throw new Error(value.error.message)
  return value
}

function figure(name, value) {
  const group = document.createElement('div')
  const term = document.createElement('dt')
  const detail = document.createElement('dd')
  term.textContent = name
  detail.textContent = value
  group.append(term, detail)
  return group
}

/** Whether a burst is running. */
let firing = false

/** Bursts are possible while the front is there, one at a time. Without a backend, the calls wait for one. */
function enableFiring() {
  for (const button of $('burst-buttons').children) button.disabled = firing || last === null
}

function showBurst(result) {
  const figures = document.createElement('dl')
  figures.className = 'figures'
  figures.append(
    figure('Answered', number.format(result.answered)),
    figure('In all', `${ms(result.wallMs)} ms`),
    figure('Per second', number.format(result.perSecond)),
    figure('Median', `${ms(result.roundTripMs.p50)} ms`),
    figure('99th percentile', `${ms(result.roundTripMs.p99)} ms`),
    figure('CPU per call', `${result.cpuMicrosPerCall.toFixed(1)} µs`),
    ...result.by.map(({ name, count }) => figure(`By ${name}`, number.format(count))),
    figure('Made again', number.format(result.retried)),
  )
  const { columns, fromMs, toMs } = result.histogram
  const histogram = document.createElement('div')
  histogram.className = 'histogram'
  histogram.setAttribute('role', 'img')
  histogram.setAttribute(
    'aria-label',
    `Round trips from ${ms(fromMs)} to ${ms(toMs)} milliseconds, half of them below ${ms(result.roundTripMs.p50)}`,
  )
  const highest = Math.max(...columns, 1)
  for (const count of columns) {
    const column = document.createElement('div')
    column.className = 'column'
    column.style.height = `${(count / highest) * 100}%`
    column.title = number.format(count)
    histogram.append(column)
  }
  const axis = document.createElement('div')
  axis.className = 'axis'
  for (const value of [fromMs, (fromMs + toMs) / 2, toMs]) {
    const mark = document.createElement('span')
    mark.textContent = `${ms(value)} ms`
    axis.append(mark)
  }
  $('burst-result').replaceChildren(figures, ...(result.answered ? [histogram, axis] : []))
  for (const { name: message, count } of result.failures) addProblem(`${number.format(count)} failed: ${message}`)
}

function addProblem(text) {
  const problem = document.createElement('p')
  problem.className = 'problem'
  problem.textContent = text
  $('burst-result').append(problem)
}

$('burst-buttons').addEventListener('click', async (event) => {
  const count = Number(event.target.dataset.count)
  if (!count) return
  firing = true
  enableFiring()
  try {
    showBurst(await post('/api/burst', { count, delay: Number($('delay').value) }))
  } catch (error) {
    $('burst-result').replaceChildren()
    addProblem(error.message)
  }
  firing = false
  enableFiring()
})

$('services').addEventListener('click', ({ target }) => {
  if (!target.matches('.kill[aria-disabled="false"]')) return
  post(`/api/backends/${target.dataset.name}/kill`).catch((error) => log(error.message))
})

listen()
