'use strict'

// The package as a dependant sees it: by its own name, through require and through import.

const test = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { execFileSync } = require('node:child_process')
const { root } = require('../../scripts/setup.js')
const ironwire = require('ironwire')

const evaluate = (code, ...flags) =>
  execFileSync(process.execPath, [...flags, '-e', code], { cwd: root, encoding: 'utf8', timeout: 60_000 })

test('import gives the same things under the same names as require', async () => {
  const imported = await import('ironwire')
  assert.deepStrictEqual(
    Object.keys(imported)
      .filter((name) => name !== 'default')
      .sort(),
    Object.keys(ironwire).sort(),
  )
  for (const name of Object.keys(ironwire)) assert.strictEqual(imported[name], ironwire[name], name)
  assert.strictEqual(imported.default, ironwire)
})

test('named imports resolve at link time', () => {
  const names = Object.keys(ironwire)
  const code = `import { ${names.join(', ')} } from 'ironwire'; console.log([${names.join(', ')}].every((it) => it != null))`
  assert.strictEqual(evaluate(code, '--input-type=module'), 'true\n')
})

test('index.d.ts declares exactly what there is', () => {
  const types = fs.readFileSync(path.join(root, 'index.d.ts'), 'utf8')
  const single = /^export (?:declare )?(?:\* as|const|function|class) (\w+)/gm
  const list = /^export \{ ([\w, ]+) \}/gm
  const declared = [...types.matchAll(single), ...types.matchAll(list)].flatMap(([, names]) => names.split(', '))
  assert.deepStrictEqual(declared.sort(), Object.keys(ironwire).sort())
})

test('binding.d.ts names what the addon exports', () => {
  // That it is what the Rust generates, to the letter, is checked where that can be built: in .ci/run.
  const types = fs.readFileSync(path.join(root, 'binding.d.ts'), 'utf8')
  const declared = [...types.matchAll(/^export declare (?:const|class|function) (\w+)/gm)].map(([, name]) => name)
  assert.deepStrictEqual(declared.sort(), Object.keys(require('../../binding.js')).sort())
})

const modules = ['codec', 'dgram', 'etcd', 'grpc', 'http', 'http2', 'https', 'net', 'protobuf', 'rpc', 'tls']

for (const name of modules) {
  test(`ironwire/${name} is the module, by require and by import`, async () => {
    assert.strictEqual(require(`ironwire/${name}`), ironwire[name])
    const imported = await import(`ironwire/${name}`)
    assert.strictEqual(imported.default, ironwire[name])
    if (name === 'protobuf') return
    // Of core's modules there are also names for what is no export of the CommonJS module's own.
    for (const key of Object.keys(ironwire[name])) assert.strictEqual(imported[key], ironwire[name][key], key)
  })
}

test('ironwire/static has what serves files, by require and by import', async () => {
  const { createStaticServer, serveStatic } = ironwire
  assert.deepStrictEqual({ ...require('ironwire/static') }, { serveStatic, createStaticServer })
  const imported = await import('ironwire/static')
  assert.strictEqual(imported.serveStatic, serveStatic)
  assert.strictEqual(imported.createStaticServer, createStaticServer)
  assert.strictEqual(imported.default, require('ironwire/static'))
})

test('a module is loaded when it is first asked for', () => {
  const code = `const ironwire = require('ironwire'), path = require('node:path')
    const loaded = () => ${JSON.stringify(modules)}.filter((name) => require.resolve('ironwire/' + name) in require.cache).join()
    console.log([loaded(), (ironwire.codec, loaded()), (ironwire.net, loaded()), Object.keys(ironwire).length].join(' '))`
  assert.strictEqual(evaluate(code), ` codec codec,net 15\n`)
})

test('TLS is loaded when it is first asked for, so that a Node built without OpenSSL has all the rest', () => {
  const code = `const { Module } = require('node:module'), { _load } = Module
    Object.defineProperty(process, 'versions', { value: { ...process.versions, openssl: undefined } })
    Module._load = function (id) {
      if (/^(?:node:)?(?:_tls_\\w+|crypto|https|http2|tls)$/.test(id)) throw Object.assign(new Error(id), { code: 'ERR_NO_CRYPTO' })
      return _load.apply(this, arguments)
    }
    const codeOf = (get) => { try { get() } catch ({ code }) { return code } }
    import('ironwire').then(({ default: ironwire, ...named }) => {
      for (const name of Object.keys(ironwire)) if (ironwire[name] !== named[name]) throw new Error(name)
      const { http, https } = named
      console.log(Object.keys(https).join(), codeOf(() => https.Server), codeOf(() => https.get('https://a')))
      const server = http.createServer((req, res) => res.end('hello')).listen(0, '127.0.0.1', () => {
        const { port } = server.address()
        http.get({ port, host: '127.0.0.1', agent: false }, (res) => res.on('data', (data) => console.log(String(data))).on('end', () => server.close()))
      })
    })`
  const names = Object.keys(require('node:https')).sort().join()
  const [first, ...rest] = evaluate(code).split('\n')
  const [found, ...codes] = first.split(' ')
  assert.deepStrictEqual([found.split(',').sort().join(), codes], [names, ['ERR_NO_CRYPTO', 'ERR_NO_CRYPTO']])
  assert.deepStrictEqual(rest, ['hello', ''])
})

test('an export can be replaced, as of any CommonJS module', () => {
  const code = `const ironwire = require('ironwire'); ironwire.http = 1; ironwire.codec = undefined; console.log(ironwire.http, ironwire.codec)`
  assert.strictEqual(evaluate(code), '1 undefined\n')
})

test('the native core and package.json say the same version', () => {
  assert.strictEqual(ironwire.version, require('../../package.json').version)
  assert.strictEqual(require('../../binding.js').version(), ironwire.version)
})
