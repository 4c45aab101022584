'use strict'

// Every case of the benchmark as operations: `{name, title, note, operations: Map(contender → (i) => result)}`. Built
// in the process that times them, and again in the one that measures their memory.

const { payloads, schema } = require('./payloads.js')
const { names, load } = require('./contenders.js')
const { checkBinary, checkJson } = require('./agree.js')

const MESSAGES = 100

async function loadContenders(wants, notes) {
  const loaded = new Map()
  for (const name of names.filter(wants)) {
    try {
      loaded.set(name, await load(name))
    } catch (error) {
      // A peer that does not run on this Node is left out. Ours must run.
      if (name.startsWith('ironwire')) throw error
      notes.push(`${name} is left out: ${error.message}`)
    }
  }
  return loaded
}

const forEach = (types, make) => new Map([...types].map(([name, type]) => [name, make(type)]))

/** Operations rotate through the values, whose number is a power of two. */
function binaryCases(key, contenders) {
  const { title, source, message, values } = payloads[key]()
  const both = [...contenders].filter(([, contender]) => !contender.jsonOnly)
  const types = new Map(both.map(([name, contender]) => [name, contender.compile(source)(message)]))
  const bytes = checkBinary(types, values)
  const mask = values.length - 1
  const note = `${bytes[0].length.toLocaleString('en-US')} bytes`
  return [
    {
      name: `${key} encode`,
      title: `encode ${title}`,
      note,
      operations: forEach(types, (type) => {
        const prepared = values.map(type.prepare)
        return (i) => type.encode(prepared[i & mask])
      }),
    },
    {
      name: `${key} decode`,
      title: `decode ${title}`,
      note,
      operations: forEach(types, (type) => (i) => type.decode(bytes[i & mask])),
    },
  ]
}

function jsonCases(contenders) {
  const { title, source, message, values } = payloads.json()
  const all = [...contenders].map(([name, contender]) => [name, contender.compile(source)(message)])
  const types = new Map(all.filter(([, type]) => type.fromJson))
  if (types.size === 0) return []
  const [, reference] = all.find(([, type]) => type.encode)
  const bytes = values.map((value) => Buffer.from(reference.encode(reference.prepare(value))))
  const texts = values.map((value) => JSON.stringify({ ...value, data: value.data.toString('base64') }))
  checkJson(types, texts, bytes)
  const mask = values.length - 1
  const note = `${texts[0].length.toLocaleString('en-US')} characters, ${bytes[0].length.toLocaleString('en-US')} bytes`
  return [
    {
      name: 'json to binary',
      title: `${title} text to binary`,
      note,
      operations: forEach(types, (type) => (i) => type.fromJson(texts[i & mask])),
    },
    {
      name: 'binary to json',
      title: `binary to ${title} text`,
      note,
      operations: forEach(types, (type) => (i) => type.toJson(bytes[i & mask])),
    },
  ]
}

function compileCases(contenders) {
  const source = schema(MESSAGES)
  const parsers = new Map([...contenders].filter(([, it]) => it.parsesSource !== false && !it.jsonOnly))
  const useAll = (type) => {
    for (let i = 0; i < MESSAGES; i++) {
      const { encode, decode } = type(`Message${i}`)
      decode(encode({ kind: 1 }))
    }
  }
  for (const contender of parsers.values()) useAll(contender.compile(source))
  const note = `${source.length.toLocaleString('en-US')} characters of source`
  return [
    {
      name: 'compile',
      title: `compile a schema of ${MESSAGES} messages`,
      note,
      operations: forEach(parsers, (contender) => () => contender.compile(source)),
    },
    {
      // Some packages defer work until a message is first used; this case includes all of it.
      name: 'compile and use',
      title: `compile a schema of ${MESSAGES} messages, then encode and decode one of each`,
      note,
      operations: forEach(parsers, (contender) => () => useAll(contender.compile(source))),
    },
  ]
}

/** `wantsCase` is checked by name first, so that the setup of excluded cases is skipped. */
async function buildCases(wants, wantsCase, notes) {
  const contenders = await loadContenders(wants, notes)
  const groups = [
    ...['person', 'record', 'list', 'tile'].map((key) => [
      [`${key} encode`, `${key} decode`],
      () => binaryCases(key, contenders),
    ]),
    [['json to binary', 'binary to json'], () => jsonCases(contenders)],
    [['compile', 'compile and use'], () => compileCases(contenders)],
  ]
  return groups
    .filter(([found]) => found.some(wantsCase))
    .flatMap(([, make]) => make())
    .filter(({ name }) => wantsCase(name))
}

module.exports = { buildCases }
