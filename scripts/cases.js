'use strict'

// `node scripts/cases.js FOLDER`: runs small scripts that once showed a bug, and reports whether each prints the right
// answer, both without and with certain Node flags. A script gets the package's path in SUBJECT, and `iw` or `node` as
// its argument.

const { execFile } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { root, setup } = require('./setup.js')

const folder = path.resolve(process.argv[2] ?? '')

/** How many scripts run at once. Few, because some wait for timers, which are late on a busy machine. */
const AT_ONCE = 2

/** Node flags that must not change the output. They are also passed to the processes that a script starts. */
const SWITCHES = [
  '--frozen-intrinsics',
  '--disallow-code-generation-from-strings',
  '--disable-proto=throw',
  '--jitless',
]

/** Each check takes the output and returns `undefined`, or a text that says what is wrong. */
const has =
  (...patterns) =>
  (output) => {
    const missing = patterns.find((pattern) => !pattern.test(output))
    return missing && `nothing matches ${missing}`
  }
const hasNot = (pattern) => (output) => (pattern.test(output) ? `something matches ${pattern}` : undefined)
const both =
  (...checks) =>
  (output) => {
    for (const check of checks) {
      const wrong = check(output)
      if (wrong) return wrong
    }
  }

/** The output line of ironwire is the same as that of node. */
function asNode(output) {
  const [node, ours] = ['node', 'ironwire'].map((who) => new RegExp(`^${who} +(.+)$`, 'm').exec(output)?.[1])
  if (node === undefined || node !== ours) return `node: ${node}, ironwire: ${ours}`
}

/** A printed number is in a range. */
const between = (pattern, least, most) => (output) => {
  const number = Number(pattern.exec(output)?.[1])
  return number >= least && number <= most ? undefined : `${number} of ${pattern} is not from ${least} to ${most}`
}

/** The output of rpc-sync.js for each kind of handler. */
const HANDLERS = {
  syncBuffer: 'ok sync',
  syncOneParam: 'ok',
  thenable: 'ok th',
  asyncNothing: 'ok',
  cbZero: 'ok',
  cbFalse: 'ok',
  cbObject: '5 7',
  cbString: 'IRONWIRE_RPC_REMOTE text',
  throwNull: /^IRONWIRE_RPC_REMOTE .*\(handlerError\)$/,
  throwUndef: /^IRONWIRE_RPC_REMOTE .*\(handlerError\)$/,
  cbHuge: /^C+/,
  cbProxy: /^IRONWIRE_RPC_REMOTE /,
  // The handler has not answered yet.
  syncNothing: 'NOTHING in 1.2 s',
  ...Object.fromEntries(
    ['thenNotFunction', 'stream', 'generator', 'asyncString', 'asyncNumber', 'asyncObject', 'cbBadReply'].map(
      (name) => [name, /^(?:ERR|IRONWIRE)_\w+ .*\(handlerError\)$/],
    ),
  ),
}

function handlers(output) {
  for (const [name, wanted] of Object.entries(HANDLERS)) {
    const got = new RegExp(`^${name} +(.+?) *$`, 'm').exec(output)?.[1]
    if (got === undefined || (wanted instanceof RegExp ? !wanted.test(got) : got !== wanted)) return `${name}: ${got}`
  }
  return hasNot(/UNCAUGHT/)(output)
}

const CASES = {
  'protobuf/f1-realm.js': {
    check: has(
      /ironwire "hi"$/m,
      /own realm (12050a01611001) \| other realm \1$/m,
      /other realm 1a040a026869/,
      /own realm (\[ 'Q' \]) \| other realm \1/,
    ),
  },
  'protobuf/frozen-rpc.js': {
    check: both(
      has(
        /^ok a$/m,
        /^bad rejected E_X x$/m,
        /^unknown rejected IRONWIRE_RPC_UNKNOWN_METHOD /m,
        /^arg rejected ERR_INVALID_ARG_TYPE /m,
        /^timeout rejected IRONWIRE_RPC_TIMEOUT /m,
        /^http ERR_INVALID_HTTP_TOKEN /m,
      ),
      hasNot(/NEVER ENDED|UNCAUGHT|UNHANDLED|END by timer/),
    ),
  },
  'protobuf/rpc-sync.js': { check: handlers },
  'protobuf/rpc-wrap.js': {
    check: has(
      ...['plain', 'asyncPlain', 'wrapped', 'defaulted'].map((name) => new RegExp(`^${name} +"real answer"$`, 'm')),
    ),
  },
  'robustness/close-hang.js': { check: both(has(/^served /m, / closed$/m), hasNot(/NEVER/)) },
  // Node waits up to a second longer, and timers may be late.
  'robustness/early-idle.js': { check: between(/closed (\d+) ms/, 1990, 5000), switches: false },
  'robustness/gen-loss.js': {
    check: has(/: 0 lost their list/, /-> 100000 elements/, /array iterator \[ 1, 2, 3 \]/),
  },
  'robustness/hang-push-upgrade.js': { check: has(/^pushed$/m, /^alive$/m) },
  // Node uses 190 MB here.
  'robustness/never-read.js': {
    args: ['iw', '40000', '20', 'lean'],
    check: between(/peak MB (\d+)/, 1, 400),
    switches: false,
  },
  // The limit is 64 MiB; the rest is used by Node itself.
  'robustness/pin-slab.js': { check: between(/"arrayBuffersMB":(\d+)/, 0, 70), switches: false },
  'robustness/push-lost.js': { check: has(/seen \/1 \/p \/p \/p \/2 responses 5$/m) },
  'robustness/segv-deep.js': { check: both(has(/^caught RangeError at depth \d+/m), hasNot(/' Error|TypeError/)) },
  'robustness/segv-recurse.js': { args: ['500'], check: has(/^ok, depth 501$|^caught \S+ RangeError /m) },
  'robustness/tap-upgrade.js': { check: has(/received "HEADLATER"$/m) },
  'robustness/tap-upgrade.js tap': { args: ['iw', 'tap'], check: has(/received "HEADLATER"$/m) },
  'http/m03-timeoutleak.js': { check: asNode },
  'http/m04-slowbody.js': { check: asNode, switches: false },
  'http/m05-crlf.js': { check: asNode, switches: false },
}

function runs() {
  const all = []
  for (const [name, { check, args = ['iw'], switches = true }] of Object.entries(CASES)) {
    const [file] = name.split(' ')
    for (const flag of ['', ...(switches ? SWITCHES : [])])
      all.push({ name: `${name} ${flag}`.trim(), file, args, flag, check })
  }
  return all
}

/** Runs a script to its end. Returns what is wrong, or undefined. */
function run({ file, args, flag, check }) {
  const script = path.join(folder, file)
  if (!fs.existsSync(script)) return 'the script is not there'
  const options = {
    cwd: root,
    env: { ...process.env, SUBJECT: path.join(root, 'index.js'), NODE_OPTIONS: flag, NODE_NO_WARNINGS: '1' },
    timeout: 60_000,
  }
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
      // The form in which Node prints an array when the intrinsics are frozen.
      const wrong = error?.signal ? `ended by ${error.signal}` : check(stdout.replaceAll(/\bObject\(\d+\) (?=\[)/g, ''))
      resolve(wrong && `${wrong}\n${(stdout + stderr).slice(0, 2000).replace(/^/gm, '    ')}`)
    })
  })
}

async function main() {
  setup()
  const waiting = runs()
  const total = waiting.length
  let failed = 0
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const wrong = await run(next)
      console.log(`${wrong ? 'WRONG' : 'right'} ${next.name}${wrong ? `: ${wrong}` : ''}`)
      if (wrong) failed++
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  console.log(`cases: ${total - failed} right, ${failed} wrong`)
  process.exitCode = failed > 0 ? 1 : 0
}

main()
