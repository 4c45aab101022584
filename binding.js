'use strict'

// The native addon: `ironwire.<platform>-<arch>[-<libc>].node` beside this file, where `npm run build` puts it. What keeps it from
// loading is said in one line, with what can be done; Node's own error is the `cause`.

const { Buffer } = require('node:buffer')
const fs = require('node:fs')
const { createRequire } = require('node:module')
const path = require('node:path')
const process = require('node:process')
const { makeError } = require('./lib/errors.js')
const { once } = require('./lib/once.js')

/** The oldest release line that is tested; `engines` in package.json says the same. */
const OLDEST_NODE = 20

/** What the addon for this machine is called. */
function target() {
  const machine = `${process.platform}-${process.arch}`
  if (process.platform === 'win32') return `${machine}-msvc`
  if (process.platform !== 'linux') return machine
  return `${machine}-${isMusl() ? 'musl' : 'gnu'}${process.arch === 'arm' ? 'eabihf' : ''}`
}

/** Whether Node itself is linked to musl, as on Alpine: its head names the dynamic linker. */
function isMusl() {
  try {
    const file = fs.openSync('/proc/self/exe')
    try {
      const head = Buffer.alloc(2048)
      fs.readSync(file, head)
      return head.includes('/ld-musl-')
    } finally {
      fs.closeSync(file)
    }
  } catch {
    // Not to be read, as under --permission. If it is musl all the same, then the addon does not load, and that is explained.
    return false
  }
}

function load() {
  const { versions } = process
  const other = versions.deno ? `Deno ${versions.deno}` : versions.bun && `Bun ${versions.bun}`
  // Not tried: Bun ends the process at the first call of libuv.
  if (other)
    throw failure('UNSUPPORTED_RUNTIME', `it runs on Node's own libuv, which ${other} has not. Run it with Node`)
  if (Number.parseInt(versions.node, 10) < OLDEST_NODE) {
    throw failure('UNSUPPORTED_RUNTIME', `it needs Node ${OLDEST_NODE} or newer, and this is Node ${versions.node}`)
  }
  const name = target()
  try {
    // Bundlers find the file by this pattern: docs/bundling.md.
    return require(`./ironwire.${name}.node`)
  } catch (error) {
    if (error?.code === 'ERR_UNKNOWN_BUILTIN_MODULE') return loadBesideExecutable(name)
    throw explained(name, error)
  }
}

/** In a single executable application, `require` gives built-in modules only. */
function loadBesideExecutable(name) {
  try {
    return createRequire(process.execPath)(`./ironwire.${name}.node`)
  } catch (error) {
    throw explained(name, error)
  }
}

function failure(code, reason, cause) {
  const error = makeError(Error, `IRONWIRE_${code}`, `ironwire cannot be loaded: ${reason}.`, load)
  if (cause !== undefined) Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true })
  return error
}

/** `error`, which loading the addon for `name` ended with, in terms of what is missing. */
function explained(name, error) {
  const file = `ironwire.${name}.node`
  const [text] = String(error?.message).split('\n')
  if (error?.code === 'ERR_DLOPEN_DISABLED') {
    const remedy = process.permission ? 'add --allow-addons beside --permission' : 'leave out --no-addons'
    return failure('ADDONS_DISABLED', `Node was started so that it loads no native addons; ${remedy}`, error)
  }
  if (error?.code === 'ERR_ACCESS_DENIED') {
    const remedy = `add --allow-fs-read=${error.resource || 'its folder'}`
    return failure('ADDONS_DISABLED', `Node was started so that it may not read ${file}; ${remedy}`, error)
  }
  if (error?.code === 'MODULE_NOT_FOUND') return failure('ADDON_MISSING', missing(file), error)
  const wanted = /version [`']GLIBC_([\d.]+)' not found/.exec(text)?.[1]
  if (wanted) {
    const found = process.report?.getReport().header.glibcVersionRuntime ?? 'an older one'
    const reason = `${file} needs glibc ${wanted}, and this system has ${found}; ${rebuild('here')}`
    return failure('ADDON_INCOMPATIBLE', reason, error)
  }
  if (error?.code === undefined && /\brequire\b/.test(text)) {
    const reason = `a bundler has replaced the \`require\` that loads ${file} (${text}); docs/bundling.md says how to bundle it`
    return failure('ADDON_MISSING', reason, error)
  }
  return failure(
    'ADDON_INCOMPATIBLE',
    `${file} does not fit this Node or this system (${text}); ${rebuild('here')}`,
    error,
  )
}

/** What to say of an addon that is not there. */
function missing(file) {
  const others = neighbours().filter((name) => /^ironwire\..+\.node$/.test(name))
  if (others.length === 0) return `there is no native addon, ${file}; ${rebuild('first')}`
  return `it was built for another system (${others.join(', ')}) and has no ${file}; ${rebuild('here')}`
}

/** In a checkout it can be built; an installed package has to come from where it was. */
function rebuild(when) {
  if (neighbours().includes('Cargo.toml')) return `run \`npm run build\` ${when}, for which Rust must be installed`
  return 'install a package that was built on a system like this one; if it is bundled, docs/bundling.md says how'
}

function neighbours() {
  try {
    return fs.readdirSync(__dirname)
  } catch {
    // Not to be read, or bundled into an ECMAScript module, which has no such name.
    return []
  }
}

// Loaded twice, the addon would be initialised twice, and what that takes is never given back. A bundle has no path to tell it by.
const here = typeof __filename === 'string' && path.isAbsolute(__filename) && path.basename(__filename) === 'binding.js'

module.exports = here ? once(`addon of ${__filename}`, load) : load()
