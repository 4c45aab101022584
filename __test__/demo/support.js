'use strict'

// Starts the demo in a process of its own, as a user does, and looks at what is left when it ends.

const { spawn } = require('node:child_process')
const path = require('node:path')

const ROOT = path.join(__dirname, '../..')

/** Starting takes a second; a machine busy with other tests may need many times that. */
const START_WITHIN_MS = 30_000

/**
 * Starts the demo on a free port. `command` is how; the default skips npm and the set-up.
 * It gets a process group of its own, as a terminal would give it, and the group is killed when the test ends.
 */
async function startDemo(t, { command = [process.execPath, 'demo/front.js'], args = [], env = {} } = {}) {
  const demo = launch(t, [...command, ...args], { PORT: '0', ...env })
  const timer = setTimeout(() => demo.child.kill('SIGKILL'), START_WITHIN_MS)
  await new Promise((resolve, reject) => {
    demo.child.stdout.on('data', () => {
      demo.url = /http:\/\/127\.0\.0\.1:\d+/.exec(demo.stdout)?.[0]
      if (demo.url) resolve()
    })
    demo.ended.then(() => reject(new Error(`The demo ended instead of starting:\n${demo.stdout}${demo.stderr}`)))
  })
  clearTimeout(timer)
  demo.state = async () => (await fetch(`${demo.url}/api/state`)).json()
  /** The backends by their names, as the front knows them. */
  demo.backends = async () => {
    const { services } = (await demo.state()).registry
    return Object.fromEntries(services[0].instances.map((instance) => [instance.id, instance]))
  }
  demo.backendsUp = () => until(async () => Object.values(await demo.backends()).every(({ status }) => status === 'up'))
  await demo.backendsUp()
  return demo
}

function launch(t, [file, ...args], env) {
  const child = spawn(file, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const demo = { child, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    demo.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    demo.stderr += text
  })
  demo.ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })))
  t.after(async () => {
    signalGroup(child.pid, 'SIGKILL')
    await demo.ended
  })
  return demo
}

/** What Ctrl-C does: the signal reaches every process that the terminal's foreground group has. */
function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Waits until the condition holds, for as long as the test may take. */
async function until(condition) {
  for (;;) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

module.exports = { startDemo, launch, signalGroup, alive, until }
