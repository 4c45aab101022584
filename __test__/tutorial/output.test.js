'use strict'

// 07.js and the protocol-buffers script: what they print, which is the same on both sides and what the tutorial says.

const assert = require('node:assert')
const path = require('node:path')
const { test } = require('node:test')
const { copyScripts, start } = require('./support')

const PRINTS = {
  '07.js': `<Buffer 66 6c 74 65 6e 77 61 6c 6c>
<Buffer 01 02 03 04>
<Buffer 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00>
<Buffer 01 0c 03 04>
<Buffer 01 0c 02 00>
<Buffer 01 0c 00 02>
`,
  'Buffer-protocal/index.js': `Messages {
  Person: {
    type: 2,
    message: true,
    name: 'Person',
    buffer: true,
    encode: [Function: encode] { bytes: 0 },
    decode: [Function: decode] { bytes: 0 },
    encodingLength: [Function: encodingLength],
    dependencies: [ [Object], [Object] ]
  }
}
<Buffer 80 01 0c 02 09 66 6c 74 65 6e 77 61 6c 6c>
`,
}

for (const [script, expected] of Object.entries(PRINTS)) {
  for (const implementation of ['node', 'ironwire']) {
    test(`${script} on ${implementation}`, async (t) => {
      const run = start(t, path.join(copyScripts(t, implementation, 0), script))
      const { code } = await run.ended
      assert.strictEqual(run.stderr, '')
      assert.strictEqual(code, 0)
      assert.strictEqual(run.stdout, expected)
    })
  }
}
