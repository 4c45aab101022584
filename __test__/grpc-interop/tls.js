'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

/** Where a peer finds what it needs for TLS, `ca`, `key` and `cert`, as a variable of its environment. */
function secure(t, files) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-interop-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, `${name}.pem`), text)
  return { IRONWIRE_TLS: folder }
}

module.exports = { secure }
