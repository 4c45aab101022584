'use strict'

// npm run bench [SUBJECT...] [-- OPTIONS]: compares ironwire with its alternatives. A subject is a folder here whose
// index.js exports `title`, `metrics` and `run(options, notes)`; see README.md.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { setup } = require('../scripts/setup.js')
const { describeMachine } = require('./lib/machine.js')
const { picks } = require('./lib/picks.js')
const { versusBest } = require('./lib/stats.js')
const { formatReport } = require('./lib/table.js')

const subjects = fs
  .readdirSync(__dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && fs.existsSync(path.join(__dirname, entry.name, 'index.js')))
  .map((entry) => entry.name)
  .filter((name) => name !== 'lib' && name !== 'node_modules')

const usage = `usage: npm run bench [${subjects.join('|')}]... [-- OPTIONS]
  --rounds N       interleaved rounds, of which the medians are shown (default 5)
  --seconds S      length of one sample of one contender (default 2)
  --only A,B       contenders whose names contain one of these
  --case A,B       cases whose names contain one of these
  --node PATH      the Node binary that all of it runs on (default: this one)
  --json FILE      where the results go as JSON (default bench/results/<subject>.json)`

function fail(message) {
  console.error(`bench: ${message}\n${usage}`)
  process.exit(2)
}

function parse() {
  let parsed
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '2' },
        only: { type: 'string' },
        case: { type: 'string' },
        node: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    fail(error.message)
  }
  const { values, positionals } = parsed
  if (values.help) {
    console.log(usage)
    process.exit(0)
  }
  const rounds = Number(values.rounds)
  const seconds = Number(values.seconds)
  if (!Number.isInteger(rounds) || rounds < 1) fail(`--rounds must be a whole number from 1 on, not ${values.rounds}`)
  if (!(seconds > 0)) fail(`--seconds must be a number above 0, not ${values.seconds}`)
  for (const name of positionals) if (!subjects.includes(name)) fail(`there is no bench called ${name}`)
  return {
    chosen: positionals.length ? positionals : subjects,
    json: values.json,
    node: values.node,
    options: {
      rounds,
      seconds,
      wants: picks(values.only),
      oneCase: values.case ?? '',
      wantsCase: picks(values.case),
    },
  }
}

/** Runs everything on another Node binary: children use the same binary as their parent. */
function runOn(node) {
  const args = process.argv.slice(2).filter((arg, i, all) => !/^--node(=|$)/.test(arg) && all[i - 1] !== '--node')
  const { error, status } = spawnSync(node, [__filename, ...args], { stdio: 'inherit' })
  if (error) fail(`--node must be the path of a Node binary, not ${node} (${error.code})`)
  process.exitCode = status ?? 1
}

async function main() {
  const { chosen, json, node, options } = parse()
  if (node !== undefined) return runOn(node)
  setup()
  const reports = []
  for (const name of chosen) {
    const { title, metrics, run } = require(`./${name}`)
    const notes = []
    const cases = await run(options, notes)
    for (const one of cases) {
      one.metrics ??= metrics
      one.versus = versusBest(one.results, Object.keys(one.metrics)[0])
    }
    const report = { subject: name, title, notes, metrics, cases }
    console.log(formatReport(report))
    reports.push(report)
  }
  if (reports.every(({ cases }) => cases.length === 0)) fail('nothing has these names of --case and --only')
  const header = {
    date: new Date().toISOString(),
    machine: describeMachine(),
    rounds: options.rounds,
    seconds: options.seconds,
  }
  const write = (file, which) => {
    fs.mkdirSync(path.dirname(path.resolve(file)), { recursive: true })
    fs.writeFileSync(file, `${JSON.stringify({ ...header, reports: which }, null, 2)}\n`)
  }
  if (json) write(json, reports)
  else for (const report of reports) write(path.join(__dirname, 'results', `${report.subject}.json`), [report])
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
