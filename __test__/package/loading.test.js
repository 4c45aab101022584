'use strict'

// How the package is packed and installed, and what it says where it cannot be loaded.

const test = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { root } = require('../../scripts/setup.js')

const shell = process.platform === 'win32'
/** What the addon of this machine is called. */
const [addon] = fs.readdirSync(root).filter((name) => /^ironwire\..+\.node$/.test(name))

function temporary(t) {
  const place = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-loading-')))
  t.after(() => fs.rmSync(place, { recursive: true }))
  return place
}

function run(command, args, options) {
  const result = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000, ...options })
  assert.strictEqual(result.signal, null, result.stderr)
  return result
}

/** The package without its addon, as in a fresh clone. */
function unbuilt(t, { checkout = true } = {}) {
  const place = temporary(t)
  const names = ['index.js', 'binding.js', 'lib', 'package.json', 'scripts', 'LICENSE', 'README.md']
  for (const name of checkout ? [...names, 'Cargo.toml'] : names) {
    fs.cpSync(path.join(root, name), path.join(place, name), { recursive: true })
  }
  return place
}

/** What requiring the package in `place` throws. */
function failure(place, { flags = [], before = '' } = {}) {
  const code = `${before}
    try { require(${JSON.stringify(path.join(place, 'index.js'))}); console.log('{}') }
    catch ({ name, code, message, cause }) { console.log(JSON.stringify({ name, code, message, cause: cause?.code })) }`
  const { stdout, stderr } = run(process.execPath, [...flags, '-e', code], { cwd: place })
  assert.notStrictEqual(stdout, '', stderr)
  const thrown = JSON.parse(stdout)
  assert.strictEqual(thrown.name, 'Error', 'it loaded')
  assert.doesNotMatch(thrown.message, /\n/)
  return thrown
}

test('an unbuilt checkout says how to build it, and is not packed', (t) => {
  const place = unbuilt(t)
  const { code, message, cause } = failure(place)
  assert.deepStrictEqual({ code, cause }, { code: 'IRONWIRE_ADDON_MISSING', cause: 'MODULE_NOT_FOUND' })
  assert.ok(message.includes(addon) && message.includes('`npm run build`'), message)
  const packed = run('npm', ['pack', '--pack-destination', place], { cwd: place, shell })
  assert.notStrictEqual(packed.status, 0)
  assert.match(packed.stderr, /^ironwire: nothing was packed\. .*`npm run build`/m)
  assert.deepStrictEqual(
    fs.readdirSync(place).filter((name) => name.endsWith('.tgz')),
    [],
  )
})

test('a package of another system says so', (t) => {
  const place = unbuilt(t, { checkout: false })
  fs.writeFileSync(path.join(place, 'ironwire.plan9-mips.node'), '')
  const { code, message } = failure(place)
  assert.strictEqual(code, 'IRONWIRE_ADDON_MISSING')
  assert.match(message, /another system \(ironwire\.plan9-mips\.node\).*install a package/)
})

test('an addon that does not load says what the system said', (t) => {
  const place = unbuilt(t)
  fs.writeFileSync(path.join(place, addon), 'no library')
  const { code, message, cause } = failure(place)
  assert.deepStrictEqual({ code, cause }, { code: 'IRONWIRE_ADDON_INCOMPATIBLE', cause: 'ERR_DLOPEN_FAILED' })
  assert.match(message, /does not fit this Node or this system \(.+\); run `npm run build`/)
})

test('a bundler that has replaced `require` is named', (t) => {
  const place = unbuilt(t)
  const file = path.join(place, 'binding.js')
  const text = fs.readFileSync(file, 'utf8')
  // What @rollup/plugin-commonjs puts there without `ignoreDynamicRequires`.
  const bundled = text.replace('return require(`./', 'return commonjsRequire(`./')
  assert.notStrictEqual(bundled, text)
  const replacement = `function commonjsRequire(path) { throw new Error('Could not dynamically require "' + path + '". Please configure …') }`
  fs.writeFileSync(file, `${bundled}\n${replacement}\n`)
  const { code, message } = failure(place)
  assert.strictEqual(code, 'IRONWIRE_ADDON_MISSING')
  assert.match(message, /a bundler has replaced .* \(Could not dynamically require .*\); docs\/bundling\.md says/)
})

test('an addon of a newer C library says which', { skip: process.platform !== 'linux' }, (t) => {
  const place = unbuilt(t)
  const bytes = fs.readFileSync(path.join(root, addon))
  // Of the same length. The loader compares hashes of these names, which therefore do not matter.
  const text = bytes.toString('latin1').replace(/GLIBC_2\.\d\d(?=\0)/g, (name) => name.replace('2.', '9.'))
  if (text === bytes.toString('latin1')) return t.skip('not linked to glibc')
  fs.writeFileSync(path.join(place, addon), text, 'latin1')
  const { code, message } = failure(place)
  assert.strictEqual(code, 'IRONWIRE_ADDON_INCOMPATIBLE')
  assert.match(message, /needs glibc 9\.\d+, and this system has \d\.\d+;/)
})

test('a Node that may not load addons says which flag is missing', () => {
  const { code, message, cause } = failure(root, { flags: ['--no-addons'] })
  assert.deepStrictEqual({ code, cause }, { code: 'IRONWIRE_ADDONS_DISABLED', cause: 'ERR_DLOPEN_DISABLED' })
  assert.match(message, /leave out --no-addons/)
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission'
  assert.match(failure(root, { flags: [permission, '--allow-fs-read=*'] }).message, /add --allow-addons/)
  // Older ones look only at whether addons are allowed.
  if (Number.parseInt(process.versions.node, 10) < 26) return
  const readable = ['index.js', 'binding.js', 'package.json', 'lib/'].map((name) => path.join(root, name))
  const flags = [permission, '--allow-addons', ...readable.map((name) => `--allow-fs-read=${name}`)]
  const unreadable = failure(root, { flags })
  assert.strictEqual(unreadable.code, 'IRONWIRE_ADDONS_DISABLED')
  assert.ok(unreadable.message.includes(`--allow-fs-read=${path.join(root, addon)}`), unreadable.message)
})

test('an old Node and other runtimes are named', () => {
  const as = (versions) =>
    failure(root, { before: `Object.defineProperty(process, 'versions', { value: ${JSON.stringify(versions)} })` })
  const old = as({ node: '18.20.8' })
  assert.strictEqual(old.code, 'IRONWIRE_UNSUPPORTED_RUNTIME')
  assert.match(old.message, /needs Node 20 or newer, and this is Node 18\.20\.8/)
  assert.match(as({ node: '24.0.0', deno: '2.9.6' }).message, /Deno 2\.9\.6/)
  assert.match(as({ node: '24.0.0', bun: '1.4.0' }).message, /Bun 1\.4\.0/)
})

test('the packed package works where it is installed, without Rust', (t) => {
  const place = temporary(t)
  const packed = run('npm', ['pack', '--json', '--silent', '--pack-destination', place], { cwd: root, shell })
  const [{ filename, files }] = JSON.parse(packed.stdout)
  const names = files.map((file) => file.path)
  for (const name of ['index.d.ts', 'index.d.mts', 'LICENSE', 'THIRD-PARTY-NOTICES', addon])
    assert.ok(names.includes(name), name)
  assert.deepStrictEqual(
    names.filter((name) => /^(?:__test__|bench|target|src|\.ci|scripts|examples)\//.test(name)),
    [],
  )
  // Every file that package.json promises is there.
  const { exports } = require('../../package.json')
  const promised = JSON.stringify(exports).match(/(?<="\.\/)[^"]+\.\w+(?=")/g)
  for (const name of promised) assert.ok(names.includes(name) || `./${name}` in exports, name)

  fs.writeFileSync(path.join(place, 'package.json'), '{"private":true}')
  const rustless = process.env.PATH.split(path.delimiter).filter((folder) => !fs.existsSync(path.join(folder, 'cargo')))
  const env = { ...process.env, PATH: [path.dirname(process.execPath), ...rustless].join(path.delimiter) }
  const install = ['install', '--offline', '--silent', path.join(place, filename)]
  const installed = run('npm', install, { cwd: place, shell, env })
  assert.strictEqual(installed.status, 0, installed.stderr)
  fs.copyFileSync(path.join(root, '__test__', 'package', 'app.js'), path.join(place, 'app.js'))
  const { stdout, stderr } = run(process.execPath, ['app.js'], { cwd: place, env })
  assert.match(stdout, /^ironwire works: /, stderr)
  const where = run(process.execPath, ['-p', 'require.resolve("ironwire")'], { cwd: place, env })
  assert.strictEqual(where.stdout.trim(), path.join(place, 'node_modules', 'ironwire', 'index.js'))
})

test('loaded again and again, the package keeps one engine and one listener, and no memory', () => {
  // Emptied once with and once without the addon's own entry: jest's registry keeps that, others delete everything.
  const code = `const root = ${JSON.stringify(root)}
    const { createRequire } = require('node:module')
    const load = (all) => {
      // A require of its own: one keeps in its module what it loaded.
      const require = createRequire(root + '/again.js')
      for (const key of Object.keys(require.cache)) {
        if (key.startsWith(root) && (all || !key.endsWith('.node'))) delete require.cache[key]
      }
      const { http, net, rpc, codec, protobuf } = require(root)
      http.createServer()
      new net.Socket()
      rpc.createServer()
      rpc.connect('127.0.0.1:1', { reconnect: false }).on('error', () => {}).destroy()
      const { A } = protobuf('message A { optional int32 a = 1; }')
      A.decode(A.encode({ a: codec.readInt8(Buffer.from([1])) }))
      return require(root + '/lib/engine.js')
    }
    const turn = () => new Promise(setImmediate)
    ;(async () => {
      const first = load(false)
      let heap
      for (let i = 0; i < 100; i++) {
        if (load(i % 2 === 0) !== first) throw new Error('another engine')
        await turn()
        if (i % 50 === 49) {
          for (let j = 0; j < 3; j++) { gc(); await turn() }
          const { heapUsed, arrayBuffers } = process.memoryUsage()
          if (heap !== undefined) console.log(heapUsed + arrayBuffers - heap)
          heap = heapUsed + arrayBuffers
        }
      }
      console.log(process.listenerCount('exit'), JSON.stringify(first.usage()))
    })()`
  const { stdout, stderr } = run(process.execPath, ['--expose-gc', '-e', code])
  const [grown, listeners, usage] = stdout.split(/\s/)
  assert.strictEqual(listeners, '1', stderr)
  assert.deepStrictEqual(JSON.parse(usage).slots, 0)
  // 50 loads of a module graph of some 300 KB; before, each kept 45 KB of objects and its engine.
  assert.ok(Number(grown) < 500_000, `${grown} bytes in 50 loads`)
})

test('loading http leaves no open requests behind, also if fs.close is replaced', () => {
  const program = `
    const left = new Map()
    require('node:async_hooks')
      .createHook({ init: (id, type) => left.set(id, type), destroy: (id) => left.delete(id) })
      .enable()
    const fs = require('node:fs')
    const { close } = fs
    // As graceful-fs does it.
    if (process.argv[1] === 'replaced') fs.close = function (fd, callback) { return close.call(fs, fd, (...args) => callback(...args)) }
    require('./').http
    setImmediate(() => console.log(JSON.stringify([...left.values()])))`
  for (const how of ['genuine', 'replaced']) {
    const { stdout, stderr } = run(process.execPath, ['-e', program, how], { cwd: root })
    assert.strictEqual(stderr, '')
    const left = JSON.parse(stdout)
    assert.ok(left.includes('Immediate'))
    for (const type of ['FSREQCALLBACK', 'QueuedRequest']) assert.ok(!left.includes(type), `${how}: ${type}`)
  }
})
