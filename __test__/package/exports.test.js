'use strict'

// The package as a dependant sees it: by its own name, through require and through import.

const test = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
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
  const declared = /^export (?:declare )?(?:\* as|const|function|class|\{(?: default as)?) ?(\w+)/gm
  assert.deepStrictEqual([...types.matchAll(declared)].map(([, name]) => name).sort(), Object.keys(ironwire).sort())
})

test('the generated binding names what the addon exports', () => {
  // That the files are what the Rust generates, to the letter, is checked where they can be built: in .ci/run.
  const binding = require('../../binding.js')
  const script = fs.readFileSync(path.join(root, 'binding.js'), 'utf8')
  const types = fs.readFileSync(path.join(root, 'binding.d.ts'), 'utf8')
  const found = (text, pattern) => [...text.matchAll(pattern)].map(([, name]) => name).sort()
  const names = Object.keys(binding).sort()
  assert.ok(names.every((name) => binding[name] !== undefined))
  assert.deepStrictEqual(found(script, /^module\.exports\.(\w+) = /gm), names)
  assert.deepStrictEqual(found(types, /^export declare (?:const|class|function) (\w+)/gm), names)
  const [addon] = Object.keys(require.cache).filter((file) => file.startsWith(root) && file.endsWith('.node'))
  for (const name of Object.keys(require(addon))) assert.ok(names.includes(name), `${name} is in the addon`)
})

test('the native core and package.json say the same version', () => {
  assert.strictEqual(ironwire.version, require('../../package.json').version)
  assert.strictEqual(require('../../binding.js').version(), ironwire.version)
})

test('the packed package works where it is installed', (t) => {
  const place = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-pack-'))
  t.after(() => fs.rmSync(place, { recursive: true }))
  const shell = process.platform === 'win32'
  const packed = execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', place], { cwd: root, shell })
  const [{ filename, files }] = JSON.parse(packed)
  const names = files.map((file) => file.path)
  assert.ok(names.includes('index.d.ts') && names.includes('LICENSE'))
  assert.deepStrictEqual(
    names.filter((name) => /^(?:__test__|bench|target|src|\.ci|scripts|examples)\//.test(name)),
    [],
  )
  fs.writeFileSync(path.join(place, 'package.json'), '{"private":true}')
  const install = ['install', '--offline', '--ignore-scripts', '--silent', path.join(place, filename)]
  execFileSync('npm', install, { cwd: place, shell })
  const code = `const i = require('ironwire'); console.log(i.version, require.resolve('ironwire'))`
  const shown = execFileSync(process.execPath, ['-e', code], { cwd: place, encoding: 'utf8' })
  const installed = fs.realpathSync(path.join(place, 'node_modules', 'ironwire', 'index.js'))
  assert.strictEqual(shown, `${ironwire.version} ${installed}\n`)
})
