'use strict'

// Makes a checkout usable: installs npm packages and builds the native addon, each only if it is missing or out of
// date. Used by `npm start`, `npm test` and `npm run bench`. Needs only Node, npm, Rust and a C linker. Can be run
// alone: `node scripts/setup.js`.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')

const say = (line) => process.stderr.write(`ironwire: ${line}\n`)

/**
 * The output of a command goes to stderr, so that the stdout of `npm start` and `npm run bench` contains only their own
 * output.
 */
function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options })
  if (result.error) throw result.error
  if (result.status !== 0) {
    throw new Error(`\`${[command, ...args].join(' ')}\` failed (${result.signal ?? `exit code ${result.status}`})`)
  }
}

function npm(args, options) {
  // Under `npm run`, npm passes its path. On Windows npm.cmd can be started only through a shell.
  const script = process.env.npm_execpath
  if (script && /\.[cm]?js$/.test(script) && fs.existsSync(script)) run(process.execPath, [script, ...args], options)
  else run('npm', args, { shell: process.platform === 'win32', ...options })
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * Whether `node_modules` in `directory` matches the lockfile. npm records what it installed in
 * `node_modules/.package-lock.json`; optional packages of other platforms may be missing.
 */
function dependenciesAreCurrent(directory) {
  const wanted = readJson(path.join(directory, 'package-lock.json'))?.packages
  const installed = readJson(path.join(directory, 'node_modules', '.package-lock.json'))?.packages
  if (!wanted || !installed) return false
  for (const [where, { version, optional }] of Object.entries(wanted)) {
    if (where === '') continue
    if (installed[where] ? installed[where].version !== version : !optional) return false
  }
  return Object.keys(installed).every((where) => wanted[where])
}

/** Installs the packages of `directory`'s lockfile (by default the repository's own) unless they are installed. */
function ensureDependencies(directory = root) {
  if (dependenciesAreCurrent(directory)) return
  const where = path.relative(root, directory) || 'the repository'
  say(`installing the packages of ${where} (npm ci)`)
  // The build tool is a development dependency and needed even if NODE_ENV is production.
  npm(['ci', '--include=dev', '--no-audit', '--no-fund'], { cwd: directory })
}

function* files(place) {
  const entry = fs.statSync(place, { throwIfNoEntry: false })
  if (!entry) return
  if (!entry.isDirectory()) yield { file: place, changed: entry.mtimeMs }
  else for (const name of fs.readdirSync(place)) yield* files(path.join(place, name))
}

/** Why the addon must be built; undefined if it exists, is newer than its sources, and loads. */
function reasonToBuild() {
  const addons = fs.readdirSync(root).filter((name) => /^ironwire\..*\.node$/.test(name))
  if (addons.length === 0) return 'there is no native addon yet'
  const built = Math.max(...addons.map((name) => fs.statSync(path.join(root, name)).mtimeMs))
  // The addon contains the text of this file.
  for (const source of ['src', 'lib/protobuf/codec-body.js', 'build.rs', 'Cargo.toml', 'Cargo.lock']) {
    for (const { file, changed } of files(path.join(root, source))) {
      if (changed > built) return `${path.relative(root, file)} is newer than the native addon`
    }
  }
  // In another process, because an addon that fails to load (other platform, other C library) must not stay half loaded
  // here.
  const probe = spawnSync(process.execPath, ['-e', 'require("./binding.js")'], { cwd: root, stdio: 'ignore' })
  if (probe.status !== 0) return 'the native addon does not load here'
}

function requireCargo() {
  const found = spawnSync('cargo', ['--version'], { cwd: root, stdio: 'ignore', shell: process.platform === 'win32' })
  if (!found.error && found.status === 0) return
  // rustup installs into this folder. A shell that was opened before does not have it in its PATH.
  const home = path.join(process.env.CARGO_HOME ?? path.join(require('node:os').homedir(), '.cargo'), 'bin')
  if (fs.existsSync(path.join(home, process.platform === 'win32' ? 'cargo.exe' : 'cargo'))) {
    process.env.PATH = `${home}${path.delimiter}${process.env.PATH}`
    return
  }
  const { version } = /^rust-version = "(?<version>[^"]+)"/m.exec(
    fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8'),
  ).groups
  throw new Error(
    `cargo was not found, and ironwire is built from Rust source. Install Rust ${version} or newer ` +
      "(https://rustup.rs, or your system's packages) and run this again.",
  )
}

/** Builds the release addon and its generated `binding.d.ts`, if it is missing or out of date. */
function ensureAddon() {
  const reason = reasonToBuild()
  if (!reason) return
  requireCargo()
  say(`building the native addon: ${reason} (a minute or two the first time)`)
  npm(['run', '--silent', 'build'])
  // A build without changes leaves the old file with its old date, so update the date.
  const now = new Date()
  for (const name of fs.readdirSync(root)) {
    if (/^ironwire\..*\.node$/.test(name)) fs.utimesSync(path.join(root, name), now, now)
  }
}

/** Installs the packages and builds the addon. Reports its steps on stderr; silent if there is nothing to do. */
function setup() {
  try {
    ensureDependencies()
    ensureAddon()
  } catch (error) {
    say(error.message)
    process.exit(1)
  }
}

module.exports = { setup, ensureDependencies, dependenciesAreCurrent, root, run, requireCargo }

if (require.main === module) setup()
