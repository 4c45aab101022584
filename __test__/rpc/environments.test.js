'use strict'

// With frozen intrinsics, without code generation or permissions, and with replaced globals, the results are the same
// as in the plain environment.

const test = require('node:test')
const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { join } = require('node:path')

const script = join(__dirname, 'fixtures', 'environment.js')

function run(flags, ...args) {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--no-warnings', ...flags, script, ...args], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  // V8 warns about flags that `--jitless` disables, with a text that depends on the version.
  assert.equal(stderr.replace(/^Warning: disabling flag .*\n/gm, ''), '')
  assert.equal(status, 0)
  return JSON.parse(stdout)
}

const expected = run([])

test('the plain environment', () => {
  assert.equal(expected.echo, 'reply a')
  assert.equal(expected.large, 'reply 30000')
  assert.equal(expected.fails, 'RpcError E_FAILED failed true')
  assert.match(expected.late, /^RpcError IRONWIRE_RPC_TIMEOUT .* true$/)
  assert.equal(expected.record, '05fffe,5,-2')
})

const major = Number(process.versions.node.split('.')[0])
const permission = major >= 23 ? '--permission' : '--experimental-permission'
const net = process.allowedNodeEnvironmentFlags.has('--allow-net') ? ['--allow-net'] : []
// Before 21.6, the permission model did not restrict addons and had no flag to allow them.
const addons = process.allowedNodeEnvironmentFlags.has('--allow-addons') ? ['--allow-addons'] : []

const environments = {
  'frozen intrinsics': [['--frozen-intrinsics']],
  'frozen prototypes': [[], 'frozen'],
  'no __proto__': [['--disable-proto=throw']],
  'no just-in-time compiler': [['--jitless']],
  'no code from strings': [['--disallow-code-generation-from-strings']],
  permissions: [[permission, '--allow-fs-read=*', ...addons, ...net]],
  "others' globals": [[], 'poor globals'],
}
for (const [name, [flags, ...args]] of Object.entries(environments)) {
  test(name, () => assert.deepEqual(run(flags, ...args), expected))
}
