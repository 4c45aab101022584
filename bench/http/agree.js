'use strict'

// Checks that all contenders give the same answers, before they are timed.

const assert = require('node:assert')
const http = require('node:http')
const https = require('node:https')

/** Sends one request on a new connection. Resolves to `{status, headers, rawHeaders, body}`. */
function ask(port, secure, { method = 'GET', path = '/', headers = {}, body }) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }
    const options = { host: '127.0.0.1', port, method, path, headers: { ...headers, ...length }, agent: false }
    const { request: send } = secure ? https : http
    const request = send({ ...options, rejectUnauthorized: false }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status, rawHeaders } = response
        resolve({ status, headers: response.headers, rawHeaders, body: Buffer.concat(chunks).toString() })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

const hasNodesApi = (name) => name !== 'uWebSockets' && name !== 'nginx'

/** Names and values as sent, without the Date header. */
const withoutDate = (rawHeaders) => rawHeaders.filter((_, i) => rawHeaders[i - (i % 2)].toLowerCase() !== 'date')

/**
 * Sends all requests of a load to each contender (`{name, port}`). Each must give the answers of the load; those with
 * Node's API must also send identical headers.
 */
async function agree(contenders, { name: load, secure, exchanges }) {
  for (const [request, wanted] of exchanges) {
    let first
    for (const { name, port } of contenders) {
      const answer = await ask(port, secure, request)
      const named = Object.fromEntries(Object.keys(wanted.headers ?? {}).map((key) => [key, answer.headers[key]]))
      assert.deepStrictEqual(
        { status: answer.status, headers: named, body: answer.body },
        { status: 200, headers: wanted.headers ?? {}, body: wanted.body },
        `${load}: ${name} answered otherwise`,
      )
      if (!hasNodesApi(name)) continue
      first ??= { name, headers: withoutDate(answer.rawHeaders) }
      assert.deepStrictEqual(
        withoutDate(answer.rawHeaders),
        first.headers,
        `${load}: ${name} sends other headers than ${first.name}`,
      )
    }
  }
}

module.exports = { agree }
