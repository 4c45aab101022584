'use strict'

// Service configs: what the owner of a service asks of its clients, as JSON. See gRPC's `service_config.md`, and
// proposals A2 and A6.

const os = require('node:os')
const { status } = require('./constants.js')

const DURATION = /^\d+(\.\d{1,9})?s$/
const LANGUAGE = 'node'
const RECORD = 'grpc_config='
const MAX_TOKENS = 1000

const isObject = (value) => typeof value === 'object' && value !== null

/** The milliseconds of `1.5s`. */
const milliseconds = (duration) => Number(duration.slice(0, -1)) * 1000

// ---- names

function nameOf(name) {
  const wrong = (what, value) =>
    new Error(`Invalid method config name: invalid ${what}: expected type string, got ${typeof value}`)
  const { service, method } = isObject(name) ? name : {}
  if (service === undefined || service === '') {
    if (method !== undefined) throw new Error('Invalid method config name: method set with empty or unset service')
    return ''
  }
  if (typeof service !== 'string') throw wrong('service', service)
  if (method === undefined || method === '') return `/${service}/`
  if (typeof method !== 'string') throw wrong('method', method)
  return `/${service}/${method}`
}

// ---- retries and hedging

function attemptsOf(policy, kind) {
  const { maxAttempts } = policy
  if (!Number.isInteger(maxAttempts) || maxAttempts < 2) {
    throw new Error(`Invalid method config ${kind} policy: maxAttempts must be an integer at least 2`)
  }
  return maxAttempts
}

/** The numbers of statuses, from a list of numbers and names. */
function codesOf(values, kind, field) {
  const where = `Invalid method config ${kind} policy: ${field} value`
  return new Set(
    values.map((value) => {
      if (typeof value === 'number') {
        if (typeof status[value] !== 'string') throw new Error(`${where} not in status code range`)
        return value
      }
      if (typeof value !== 'string') throw new Error(`${where} must be a string or number`)
      const code = status[value.toUpperCase()]
      if (typeof code !== 'number') throw new Error(`${where} not a status code name`)
      return code
    }),
  )
}

function retryPolicyOf(policy) {
  const wrong = (what) => new Error(`Invalid method config retry policy: ${what}`)
  const attempts = attemptsOf(policy, 'retry')
  const duration = (name) => {
    const value = policy[name]
    if (typeof value === 'string' && DURATION.test(value)) return milliseconds(value)
    throw wrong(`${name} must be a string consisting of a positive integer or decimal followed by s`)
  }
  const [initialBackoff, maxBackoff] = [duration('initialBackoff'), duration('maxBackoff')]
  const { backoffMultiplier, retryableStatusCodes } = policy
  if (typeof backoffMultiplier !== 'number' || !(backoffMultiplier > 0)) {
    throw wrong('backoffMultiplier must be a number greater than 0')
  }
  if (!Array.isArray(retryableStatusCodes)) throw wrong('retryableStatusCodes is required')
  if (retryableStatusCodes.length === 0) throw wrong('retryableStatusCodes must be non-empty')
  const codes = codesOf(retryableStatusCodes, 'retry', 'retryableStatusCodes')
  return { attempts, initialBackoff, maxBackoff, backoffMultiplier, codes }
}

function hedgingPolicyOf(policy) {
  const attempts = attemptsOf(policy, 'hedging')
  const { hedgingDelay = '0s', nonFatalStatusCodes = [] } = policy
  if (typeof hedgingDelay !== 'string' || !DURATION.test(hedgingDelay)) {
    const what = 'hedgingDelay must be a string consisting of a positive integer followed by s'
    throw new Error(`Invalid method config hedging policy: ${what}`)
  }
  const codes = codesOf(Array.isArray(nonFatalStatusCodes) ? nonFatalStatusCodes : [], 'hedging', 'nonFatalStatusCodes')
  return { attempts, delay: milliseconds(hedgingDelay), codes }
}

function throttlingOf(throttling) {
  const { maxTokens, tokenRatio } = isObject(throttling) ? throttling : {}
  if (typeof maxTokens !== 'number' || !(maxTokens > 0 && maxTokens <= MAX_TOKENS)) {
    throw new Error('Invalid retryThrottling: maxTokens must be a number in (0, 1000]')
  }
  if (typeof tokenRatio !== 'number' || !(tokenRatio > 0)) {
    throw new Error('Invalid retryThrottling: tokenRatio must be a number greater than 0')
  }
  return { maxTokens: Number(maxTokens.toFixed(3)), tokenRatio: Number(tokenRatio.toFixed(3)) }
}

// ---- methods

/** The milliseconds of `1.5s` or of `{ seconds, nanos }`. `wrong(where)` makes the error for anything else. */
function durationOf(duration, wrong) {
  if (isObject(duration)) {
    const { seconds, nanos } = duration
    for (const part of ['seconds', 'nanos']) if (typeof duration[part] !== 'number') throw wrong(`.${part}`)
    return seconds * 1000 + nanos / 1e6
  }
  if (typeof duration !== 'string' || !DURATION.test(duration)) throw wrong('')
  return milliseconds(duration)
}

const timeoutOf = (timeout) =>
  Math.floor(durationOf(timeout, (where) => new Error(`Invalid method config: invalid timeout${where}`)))

/** A limit in bytes, by its name in gRPC or in @grpc/grpc-js; Infinity for none. */
function bytesOf(config, ...names) {
  let least = Infinity
  for (const name of names) {
    const value = config[name]
    if (value === undefined) continue
    // JSON has 64-bit numbers as strings.
    const bytes = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
    if (typeof bytes !== 'number') throw new Error(`Invalid method config: invalid ${name}`)
    least = Math.min(least, bytes)
  }
  return least
}

function methodConfigOf(config) {
  if (!Array.isArray(config?.name)) throw new Error('Invalid method config: invalid name array')
  const { waitForReady, timeout, retryPolicy, hedgingPolicy } = config
  const names = config.name.map(nameOf)
  if (waitForReady !== undefined && typeof waitForReady !== 'boolean') {
    throw new Error('Invalid method config: invalid waitForReady')
  }
  if (retryPolicy !== undefined && hedgingPolicy !== undefined) {
    throw new Error('Invalid method config: retryPolicy and hedgingPolicy cannot both be specified')
  }
  return {
    names,
    waitsForReady: waitForReady,
    timeout: timeout === undefined ? Infinity : timeoutOf(timeout),
    maxSend: bytesOf(config, 'maxRequestMessageBytes', 'maxRequestBytes'),
    maxReceive: bytesOf(config, 'maxResponseMessageBytes', 'maxResponseBytes'),
    retry: retryPolicy === undefined ? null : retryPolicyOf(retryPolicy ?? {}),
    hedging: hedgingPolicy === undefined ? null : hedgingPolicyOf(hedgingPolicy ?? {}),
  }
}

/** Method configs by `/service/method`, by `/service/`, and under '' for all methods. */
function methodsOf(configs) {
  const methods = new Map()
  for (const config of configs.map(methodConfigOf)) {
    for (const name of config.names) {
      if (methods.has(name)) throw new Error(`Invalid service config: duplicate name ${name.slice(1)}`)
      methods.set(name, config)
    }
  }
  return methods
}

function balancingOf(config) {
  if (!isObject(config)) throw new Error(`Invalid loadBalancingConfig: unexpected type ${typeof config}`)
  const names = Object.keys(config)
  if (names.length > 1) throw new Error(`Invalid loadBalancingConfig: unexpected multiple keys ${names}`)
  if (names.length === 0) throw new Error('Invalid loadBalancingConfig: load balancing policy name required')
  return config
}

/**
 * Parses a service config into `{ balancing, methods, throttling }`.
 *
 * @throws If it is invalid, with the message of @grpc/grpc-js.
 */
function parseServiceConfig(config) {
  const { loadBalancingPolicy, loadBalancingConfig = [], methodConfig = [], retryThrottling } = config
  if (loadBalancingPolicy !== undefined && typeof loadBalancingPolicy !== 'string') {
    throw new Error('Invalid service config: invalid loadBalancingPolicy')
  }
  if (!Array.isArray(loadBalancingConfig)) throw new Error('Invalid service config: invalid loadBalancingConfig')
  // The older field names a policy without a config.
  const named = loadBalancingPolicy === undefined ? [] : [{ [loadBalancingPolicy.toLowerCase()]: {} }]
  return {
    balancing: (loadBalancingConfig.length > 0 ? loadBalancingConfig : named).map(balancingOf),
    methods: methodsOf(Array.isArray(methodConfig) ? methodConfig : []),
    throttling: retryThrottling === undefined ? null : throttlingOf(retryThrottling),
  }
}

/** The config for the path of a method: its own, its service's, or the one for all; null if there is none. */
function configOf({ methods }, path) {
  return methods.get(path) ?? methods.get(path.slice(0, path.lastIndexOf('/') + 1)) ?? methods.get('') ?? null
}

// ---- service configs in DNS

function listOf(choice, name) {
  const list = choice[name]
  if (list === undefined) return null
  if (Array.isArray(list) && list.every((one) => typeof one === 'string')) return list
  throw new Error(`Invalid service config choice: invalid ${name}`)
}

const FIELDS = ['clientLanguage', 'percentage', 'clientHostname', 'serviceConfig']

/** Whether a choice is meant for this client. */
function isChosen(choice, percentage) {
  if (choice.serviceConfig === undefined) throw new Error('Invalid service config choice: missing service config')
  parseServiceConfig(choice.serviceConfig)
  const languages = listOf(choice, 'clientLanguage')
  const hosts = listOf(choice, 'clientHostname')
  const share = choice.percentage
  if (share !== undefined && !(typeof share === 'number' && share >= 0 && share <= 100)) {
    throw new Error('Invalid service config choice: invalid percentage')
  }
  const unknown = Object.keys(choice).find((field) => !FIELDS.includes(field))
  if (unknown !== undefined) throw new Error(`Invalid service config choice: unexpected field ${unknown}`)
  return (
    (share === undefined || percentage <= share) &&
    (hosts === null || hosts.includes(os.hostname())) &&
    (languages === null || languages.includes(LANGUAGE))
  )
}

/**
 * The service config in the TXT records of a name, as a JSON value; null if there is none. Choices apply to a share of
 * all clients: `percentage` is this client's random number from 0 to 100.
 *
 * @throws If the record is invalid, or none of its choices is for this client.
 */
function serviceConfigOf(records, percentage) {
  const record = records.map((parts) => parts.join('')).find((text) => text.startsWith(RECORD))
  if (record === undefined) return null
  const choices = JSON.parse(record.slice(RECORD.length))
  if (!Array.isArray(choices)) throw new Error('Invalid service config list')
  for (const choice of choices) {
    if (isChosen(choice, percentage)) return choice.serviceConfig
  }
  throw new Error('No matching service config found')
}

module.exports = { parseServiceConfig, balancingOf, configOf, durationOf, isObject, serviceConfigOf }
