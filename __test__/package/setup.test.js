'use strict'

// The rules by which `npm start` and `npm test` decide whether packages have to be installed.

const test = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { dependenciesAreCurrent, root } = require('../../scripts/setup.js')

function project(t, wanted, installed) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-setup-'))
  t.after(() => fs.rmSync(directory, { recursive: true }))
  fs.writeFileSync(path.join(directory, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...wanted } }))
  if (installed) {
    fs.mkdirSync(path.join(directory, 'node_modules'))
    const record = JSON.stringify({ packages: installed })
    fs.writeFileSync(path.join(directory, 'node_modules', '.package-lock.json'), record)
  }
  return directory
}

const a1 = { 'node_modules/a': { version: '1.0.0' } }
const a2 = { 'node_modules/a': { version: '2.0.0' } }
const foreign = { 'node_modules/a-win32': { version: '1.0.0', optional: true } }

test('packages count as current when what npm recorded is what the lockfile asks for', (t) => {
  assert.ok(dependenciesAreCurrent(root), 'this very checkout')
  assert.ok(dependenciesAreCurrent(project(t, a1, a1)))
  assert.ok(dependenciesAreCurrent(project(t, { ...a1, ...foreign }, a1)), 'an optional package of another platform')
})

test('packages are stale when missing, of another version, or no longer asked for', (t) => {
  assert.ok(!dependenciesAreCurrent(project(t, a1)), 'never installed')
  assert.ok(!dependenciesAreCurrent(project(t, a1, {})), 'package missing')
  assert.ok(!dependenciesAreCurrent(project(t, a2, a1)), 'version changed')
  assert.ok(!dependenciesAreCurrent(project(t, { ...a1, ...foreign }, foreign)), 'only the optional one there')
  assert.ok(!dependenciesAreCurrent(project(t, {}, a1)), 'package dropped')
})

test("the package's own lockfile can be installed: every dependency that it names is in it", () => {
  // npm leaves out an optional package that the registry lacks, and `npm ci` then refuses the whole file.
  for (const directory of [root, path.join(root, 'bench')]) {
    const { packages } = JSON.parse(fs.readFileSync(path.join(directory, 'package-lock.json'), 'utf8'))
    for (const [where, entry] of Object.entries(packages)) {
      for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
        const found = where.split('/node_modules/').some((_, i, parts) => {
          const prefix = parts.slice(0, i + 1).join('/node_modules/')
          return packages[`${prefix}/node_modules/${name}`]
        })
        assert.ok(found || packages[`node_modules/${name}`], `${name}, asked for by ${where || 'the project'}`)
      }
    }
  }
})
