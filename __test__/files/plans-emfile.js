'use strict'

// A child process of plans.test.js: takes every descriptor that it can have, and asks for files.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { site, FOLDER } = require('./plans.js')

const root = fs.mkdtempSync(path.join(os.tmpdir(), FOLDER))

async function main() {
  const file = (name) => fs.writeFileSync(path.join(root, name), Buffer.alloc(100_000))
  for (let i = 0; i < 22; i++) file(`large-${i}`)
  const { plan, usage } = site(root)
  const status = async (target) => {
    const made = await plan(target)
    made.release()
    return made.status
  }
  for (let i = 0; i < 20; i++) await status(`/large-${i}`)
  const kept = usage().handles
  const taken = []
  const takeAll = () => {
    for (;;) {
      try {
        taken.push(fs.openSync(root))
      } catch (error) {
        if (error.code !== 'EMFILE') throw error
        return
      }
    }
  }
  takeAll()
  const made = await status('/large-20')
  const left = usage().handles
  takeAll()
  // The one that is kept open now is the plan's: with it in hand there is nothing to let go of.
  const held = await plan('/large-20')
  const none = await status('/large-21')
  held.release()
  for (const fd of taken) fs.closeSync(fd)
  const after = await status('/large-21')
  console.log(JSON.stringify({ kept, made, left, none, after }))
}

main().finally(() => fs.rmSync(root, { recursive: true, force: true }))
