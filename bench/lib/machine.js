'use strict'

// Describes the machine of the measurements, and chooses the cores to use.

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const { root } = require('../../scripts/setup.js')

function commit() {
  try {
    const head = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()
    const changed = execFileSync('git', ['status', '--porcelain', '--untracked-files=no'], {
      cwd: root,
      encoding: 'utf8',
    })
    return changed ? `${head} with changes` : head
  } catch {
    return undefined
  }
}

function describeMachine() {
  return {
    cpu: os.cpus()[0]?.model.trim(),
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    os: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    v8: process.versions.v8,
    libuv: process.versions.uv,
    ironwire: require('../../package.json').version,
    commit: commit(),
  }
}

function onPath(command) {
  return (process.env.PATH ?? '')
    .split(require('node:path').delimiter)
    .some((place) => fs.existsSync(`${place}/${command}`))
}

/**
 * Two cores to pin processes to, one for what is measured and one for its driver. Undefined if that is impossible; the
 * reason is added to `notes`.
 */
function twoCores(notes) {
  let allowed = []
  try {
    const [, list] = /Cpus_allowed_list:\s*(.*)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))
    allowed = list.split(',').flatMap((range) => {
      const [from, to = from] = range.split('-').map(Number)
      return Array.from({ length: to - from + 1 }, (_, i) => from + i)
    })
  } catch {}
  if (allowed.length >= 2 && onPath('taskset')) return { measured: allowed[0], load: allowed[1] }
  notes.push(
    `processes are not pinned to a core each (${allowed.length >= 2 ? 'no taskset here' : 'no two cores to choose from'}): ` +
      'CPU time per operation stays comparable, rates and latencies less so',
  )
}

module.exports = { describeMachine, twoCores, onPath }
