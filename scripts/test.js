'use strict'

// `npm test`: sets the checkout up, then runs the Rust tests and the node:test tests.
//
//   npm test                         everything except the long tests
//   npm test -- --rust | --js        one half of it
//   npm test -- --long               the long tests: `*.long.test.js`, also `npm run test:long`
//   npm test -- __test__/http        the node:test files of a folder, or one file
//
// Tests that need a browser, or packages that are not the repository's own, have separate scripts: `npm run test:e2e`,
// `npm run test:environments`, `npm run test:ecosystem`, `npm run test:schemas` and `npm run test:grpc-interop`.

const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { setup, root, run, requireCargo } = require('./setup.js')

/**
 * In milliseconds. A test that hangs ends after this time, and with Node 20 and 22 a file. The longest file takes a
 * minute alone on two cores; a machine that has more to do may need many times that.
 */
const TEST_TIMEOUT_MS = 600_000

/**
 * In milliseconds. A test file that has not ended after this time, whatever its tests say, is killed and has failed. What
 * its tests have left open does not keep it for so long: see ends.js.
 */
const FILE_TIMEOUT_MS = 900_000

/**
 * How many test files run at a time. Most of them wait for processes and timers, so Node's own default, one less than
 * there are cores, would leave cores idle.
 */
const FILES_AT_A_TIME = Math.max(2, os.availableParallelism())

/** Test files under `place`. `node --test` of Node 20 does not support patterns, so each file is named. */
function collect(place) {
  if (fs.statSync(place).isFile()) return [place]
  return fs
    .readdirSync(place, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => !/[\\/](?:node_modules|\.work)[\\/]/.test(file))
    .sort()
}

/** Folders that are not part of the normal tests. */
const apart = /[\\/]__test__[\\/](?:e2e|environments|ecosystem|schemas|grpc-interop)[\\/]/

/** Minutes of load, the benchmarks themselves, every stack depth: too long to run after each change. */
const isLong = (file) => file.endsWith('.long.test.js')

/**
 * Kills processes of test files that do not end. `--test-timeout` limits tests, but since Node 24 no longer files, so a
 * server that a failed test leaves open would keep `node --test` waiting for ever. Returns a function that stops the watch.
 */
function watchFiles(runner) {
  let seen = new Map()
  const look = () => {
    // Windows has no `ps`; there, nothing is killed.
    const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    const before = seen
    seen = new Map()
    for (const [, pid, parent, command] of (stdout ?? '').matchAll(/^ *(\d+) +(\d+) (.*)$/gm)) {
      if (Number(parent) !== runner.pid) continue
      const since = before.get(pid) ?? Date.now()
      seen.set(pid, since)
      if (Date.now() - since < FILE_TIMEOUT_MS) continue
      console.error(`ironwire: killed after ${FILE_TIMEOUT_MS / 1000} s: ${command.split(' ').at(-1)}`)
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch {} // It has ended since.
    }
  }
  const timer = setInterval(look, 10_000)
  return () => clearInterval(timer)
}

/** Runs node:test with the current Node. Resolves to whether all tests passed and at least one ran. */
function nodeTest(files) {
  const limits = [`--test-timeout=${TEST_TIMEOUT_MS}`, `--test-concurrency=${FILES_AT_A_TIME}`]
  const watch = ['--require', path.join(__dirname, 'ends.js')]
  const child = spawn(process.execPath, [...watch, '--test', '--test-reporter=spec', ...limits, ...files], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stopWatch = watchFiles(child)
  let tail = ''
  let ran = 0
  child.stdout.on('data', (chunk) => {
    process.stdout.write(chunk)
    tail = (tail + chunk).slice(-65536)
    // The reporter's summary. Output of the tests may surround it.
    ran = Number([...tail.matchAll(/^\S* ?tests (\d+)$/gm)].at(-1)?.[1] ?? ran)
  })
  return new Promise((resolve) => {
    child.on('close', (code) => {
      stopWatch()
      // node:test reports success if no test ran.
      if (ran === 0) console.error('ironwire: no test ran')
      resolve(code === 0 && ran > 0)
    })
  })
}

async function main() {
  const { values, positionals } = parseArgs({
    options: { rust: { type: 'boolean' }, js: { type: 'boolean' }, long: { type: 'boolean' } },
    allowPositionals: true,
  })
  const everything = !values.rust && !values.js && !values.long && positionals.length === 0
  setup()
  if (everything || values.rust) {
    requireCargo()
    console.log('\n# cargo test')
    try {
      run('cargo', ['test', '--locked'], { stdio: ['ignore', 'inherit', 'inherit'] })
    } catch (error) {
      fail(error)
    }
  }
  if (everything || values.js || values.long || positionals.length > 0) {
    const chosen = positionals.map((name) => path.resolve(name))
    const files = chosen.length
      ? chosen.flatMap(collect)
      : collect(path.join(root, '__test__')).filter(
          (file) => !apart.test(file) && isLong(file) === Boolean(values.long),
        )
    console.log(`\n# node --test, ${files.length} files, Node ${process.version}`)
    if (!(await nodeTest(files.map((file) => path.relative(root, file))))) process.exitCode = 1
  }
}

/** A failure does not stop the rest, so that one run shows everything that needs to be fixed. */
function fail(error) {
  console.error(`ironwire: ${error.message}`)
  process.exitCode = 1
}

main().catch(fail)
