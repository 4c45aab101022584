'use strict'

// The page: listens to the front's event stream and draws what it says.

const $ = (id) => document.getElementById(id)
const number = new Intl.NumberFormat('en')

/** Milliseconds with three digits that mean something. */
function ms(value) {
  if (value === null || value === undefined) return '–'
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : number.format(Math.round(value))
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
    // The list reads in the order of the ids, whatever order the answers come in.
    const after = [...cards.keys()].filter((other) => other > id).sort((a, b) => a - b)[0]
    $('courses').insertBefore(element, after ? cards.get(after) : null)
    $('course-count').textContent = cards.size
  }
  return element
}

let round = []
/** The meter's full length: the slowest answer of the last round. */
let slowest = 1

function showCall({ id, course, order, ms: time, error }) {
  const element = card(id)
  const set = (selector, text) => {
    element.querySelector(selector).textContent = text
  }
  element.classList.toggle('lost', Boolean(error))
  set('.order', error ? '' : `#${order}`)
  if (error) {
    set('output', 'no answer')
    element.querySelector('output').title = error
    return
  }
  round.push(time)
  set('h3', course.title)
  set('.about', course.about)
  set('.level', course.level)
  set('.lessons', `${course.lessons} lessons`)
  set('output', `${ms(time)} ms`)
  slowest = Math.max(slowest, time)
  element.querySelector('.meter-fill').style.width = `${Math.max(3, (time / slowest) * 100)}%`
  element.classList.remove('fresh')
  // Reading a layout value makes the browser notice the removal, so that the animation starts again.
  void element.offsetWidth
  element.classList.add('fresh')
}

const medians = []
/** One round a second: the sparkline is a minute wide. */
const MOST_ROUNDS = 60

function endRound() {
  $('courses').setAttribute('aria-busy', 'false')
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

/** The size of the sparkline's drawing, with room for the stroke at its edges. */
const SPARK = { width: 240, height: 56, margin: 2 }

function drawSpark() {
  const { width, height, margin } = SPARK
  // One slow round, such as the very first, must not press all the others flat: it touches the top, as do all above that.
  const typical = medians.toSorted((a, b) => a - b)[medians.length >> 1]
  const top = Math.min(Math.max(...medians) * 1.15, typical * 3)
  // One point alone draws a level line.
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

// ---- state of the two processes ----

let last = null

function showState({ front, backend, calls }) {
  const pill = $('status')
  const text = { up: 'Backend up', down: 'Backend away', starting: 'Backend starting' }[backend.status]
  // Only on change: a screen reader reads out what is written here.
  if (pill.textContent !== text) pill.textContent = text
  pill.dataset.status = backend.status
  $('path').classList.toggle('down', backend.status === 'down')
  $('front-pid').textContent = `pid ${front.pid}`
  $('backend-pid').textContent = backend.pid ? `pid ${backend.pid}` : 'away'
  $('kill').disabled = backend.status !== 'up'
  $('courses-empty').textContent =
    backend.status === 'up'
      ? 'The first answers are on their way.'
      : `No answers, as the backend is away: ${backend.reason}.`
  $('in-flight').textContent = number.format(calls.inFlight)
  $('peak').textContent = number.format(calls.peak)
  $('answered').textContent = number.format(calls.answered)
  $('failed').textContent = number.format(calls.failed)
  $('failed').classList.toggle('some', calls.failed > 0)
  if (last?.status !== backend.status || last?.pid !== backend.pid) changed(backend)
  last = backend
  enableFiring()
}

function changed(backend) {
  if (backend.status === 'down') {
    showAlert(`The backend is away: ${backend.reason}. The front starts it again in ${backend.retryInMs / 1000} s.`)
    log(`Backend ${backend.reason}`)
    for (const element of cards.values()) {
      element.classList.add('lost')
      element.querySelector('output').textContent = 'no answer'
      element.querySelector('.order').textContent = ''
    }
  } else {
    showAlert('')
    // What failed while it was away says nothing of it now.
    for (const problem of document.querySelectorAll('#burst-result .problem')) problem.remove()
    if (backend.status === 'up')
      log(backend.restarts ? `Backend is back, pid ${backend.pid}` : `Backend up, pid ${backend.pid}`)
  }
}

function showAlert(text) {
  $('alert').textContent = text
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
  stream = new EventSource(`/api/stream?delay=${$('delay').value}`)
  const on = (name, show) => stream.addEventListener(name, (event) => show(JSON.parse(event.data)))
  on('state', showState)
  on('call', showCall)
  on('round', endRound)
  stream.onerror = ({ target }) => {
    last = null
    enableFiring()
    // The browser tries again by itself, except after an answer that is no stream, such as a refusal.
    if (target.readyState === EventSource.CLOSED) setTimeout(() => target === stream && listen(), 2000)
    $('status').textContent = 'Front away'
    $('status').dataset.status = 'down'
    showAlert('The front does not answer. This page connects again as soon as it does.')
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

// ---- many at once, and the plug ----

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

/** A burst is under way. */
let firing = false

/** Calls can be fired while there is a backend to answer them, one burst after the other. */
function enableFiring() {
  for (const button of $('burst-buttons').children) button.disabled = firing || last?.status !== 'up'
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
  for (const { message, count } of result.failures) addProblem(`${number.format(count)} failed: ${message}`)
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

$('kill').addEventListener('click', () => post('/api/backend/kill').catch((error) => log(error.message)))

listen()
