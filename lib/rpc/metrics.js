'use strict'

// The counters of all clients and servers of the process as Prometheus text, format 0.0.4.

const { totalOf } = require('./counts')
const { Histogram, bucketOf } = require('./histogram')
const { statusName } = require('./status')

/**
 * The bucket bounds that are exposed, in milliseconds: from 64 µs to 67 s, each twice the previous one. Each is also a
 * bound of the histogram's own buckets.
 */
const BOUNDS = Array.from({ length: 21 }, (_, i) => 2 ** (6 + i) / 1000)

/** Counters without labels: our name, the name in Prometheus, and the help text. */
const CLIENT_COUNTERS = [
  ['oneWay', 'one_way_calls', 'One-way calls, which have no answer.'],
  ['queued', 'calls_queued', 'Calls that waited before they were sent.'],
  ['retries', 'retries', 'Calls that were repeated because their connection was lost.'],
  ['hedges', 'hedges', 'Calls that were sent a second time because the first took too long.'],
  ['timeouts', 'timeouts', 'Calls that ran out of time.'],
  ['lateAnswers', 'late_answers', 'Answers to calls that had already ended.'],
  ['unknownAnswers', 'unknown_answers', 'Answers to calls that were never made.'],
  ['resends', 'resends', 'Datagrams that were sent again because no answer arrived.'],
  ['ignored', 'ignored_datagrams', 'Datagrams that were ignored because they were not valid.'],
  ['ejections', 'ejections', 'Addresses that were ejected because they did not answer.'],
  ['connections', 'connections_opened', 'Connections that were opened.'],
  ['connectionsClosed', 'connections_closed', 'Connections that have ended.'],
  ['connectionsLost', 'connections_lost', 'Connections that ended abnormally.'],
  ['connectionsFailed', 'connections_failed', 'Attempts to connect that failed.'],
  ['bytesIn', 'received_bytes', 'Bytes that were received.'],
  ['bytesOut', 'sent_bytes', 'Bytes that were handed to the operating system.'],
]

const SERVER_COUNTERS = [
  ['timeouts', 'timeouts', 'Calls whose deadline passed before the handler answered.'],
  ['lateAnswers', 'late_answers', 'Answers that came after their call had already ended.'],
  ['extraAnswers', 'extra_answers', 'Second and further answers to one call.'],
  ['handlerErrors', 'handler_errors', 'Handlers that threw, rejected, or gave no answer.'],
  ['connections', 'connections_opened', 'Connections that were accepted.'],
  ['connectionsClosed', 'connections_closed', 'Connections that have ended.'],
  ['connectionsLost', 'connections_lost', 'Connections that ended abnormally.'],
  ['connectionsRefused', 'connections_refused', 'Connections that were refused because of the limit.'],
  ['aged', 'connections_aged', 'Connections that were ended because they had reached their maximum age.'],
  ['cancelFloods', 'cancel_floods', 'Connections that were dropped because their calls were cancelled too fast.'],
  ['duplicates', 'duplicates', 'Datagrams of calls that had already been received.'],
  ['ignored', 'ignored_datagrams', 'Datagrams that were ignored because they were not valid.'],
  ['timeoutFloods', 'timeout_floods', 'How often calls of a connection waited because too many ran out of time.'],
  [
    'unauthenticated',
    'unauthenticated',
    'Connections of clients that did not show the secret, or the certificate, that the server asks for.',
  ],
  ['tlsFailures', 'tls_failures', 'Connections that ended because TLS with the client failed.'],
  ['bytesIn', 'received_bytes', 'Bytes that were received.'],
  ['bytesOut', 'sent_bytes', 'Bytes that were handed to the operating system.'],
]

/** Builds the text. */
class Exposition {
  constructor(prefix) {
    this.prefix = prefix
    this.text = ''
  }

  /**
   * Adds a family of samples, each `[labels, value]` or `[labels, value, suffix of the name]`. Adds nothing when there
   * are no samples.
   */
  family(name, type, help, samples) {
    if (samples.length === 0) return
    const full = `${this.prefix}${name}`
    this.text += `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n`
    for (const [labels, value, ending = ''] of samples)
      this.text += `${full}${ending}${textOfLabels(labels)} ${value}\n`
  }

  counter(name, help, samples) {
    this.family(`${name}_total`, 'counter', help, samples)
  }
}

function textOfLabels(labels) {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const ESCAPES = { '\\': '\\\\', '"': '\\"', '\n': '\\n' }
const escaped = (text) => text.replace(/[\\"\n]/g, (character) => ESCAPES[character])

/** The samples of one method's histogram: the number of calls up to each bound, in seconds. */
function durations(method, { counts, count, sum }) {
  const samples = []
  let below = 0
  let at = 0
  for (const bound of BOUNDS) {
    for (const last = bucketOf(bound); at <= last; at++) below += counts[at]
    samples.push([{ method, le: String(bound / 1000) }, below, '_bucket'])
  }
  samples.push([{ method, le: '+Inf' }, count, '_bucket'])
  samples.push([{ method }, sum / 1000, '_sum'], [{ method }, count, '_count'])
  return samples
}

function statusesOf(method, { statuses }) {
  const counted = [...statuses.entries()].filter(([, count]) => count > 0)
  return counted.map(([status, count]) => [{ method, status: statusName(status) }, count])
}

const labelled = (map, label) => [...map].map(([name, count]) => [{ [label]: name }, count])

function expose(kind, counters) {
  const { numbers, methods, limits, refusals } = totalOf(kind)
  // The process has never had a client, or server.
  if (numbers.connections === undefined) return ''
  const out = new Exposition(`ironwire_rpc_${kind}_`)
  const each = (samplesOf) => [...methods].flatMap(([method, series]) => samplesOf(method, series))
  const number = (name) => each((method, series) => [[{ method }, series[name]]])
  out.counter('calls_started', 'Calls that have begun.', number('started'))
  out.counter('calls', 'Calls that have ended.', each(statusesOf))
  out.family('calls_in_flight', 'gauge', 'Calls that have begun and not ended.', number('pending'))
  const help = 'How long the calls that have ended took.'
  const times = each((method, series) => durations(method, series.times ?? new Histogram()))
  out.family('call_duration_seconds', 'histogram', help, times)
  const messages = (name) => number(name).filter(([, count]) => count > 0)
  out.counter('messages_received', 'Messages of streams that were received.', messages('messagesIn'))
  out.counter('messages_sent', 'Messages of streams that were sent.', messages('messagesOut'))
  out.counter('limits_reached', 'Times that a limit was reached.', labelled(limits, 'limit'))
  out.counter('refusals', 'Calls that were refused before they reached a handler.', labelled(refusals, 'reason'))
  const open = numbers.connections - numbers.connectionsClosed
  out.family('connections', 'gauge', 'Connections that are open.', [[{}, open]])
  for (const [name, theirs, meaning] of counters) {
    if (numbers[name] !== undefined) out.counter(theirs, meaning, [[{}, numbers[name]]])
  }
  return out.text
}

/** The metrics of this process. */
function metrics() {
  return expose('client', CLIENT_COUNTERS) + expose('server', SERVER_COUNTERS)
}

module.exports = { metrics }
