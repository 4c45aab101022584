'use strict'

// A real etcd, if it is installed: one member or three, on loopback.

const { execFileSync, spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { once } = require('node:events')
const { setTimeout: pause } = require('node:timers/promises')
const { etcd } = require('../../index.js')
const { freePort } = require('../ports.js')

/** The data of a test may be lost, so etcd need not wait for the disk. */
const FLAGS = ['--unsafe-no-fsync', '--heartbeat-interval=50', '--election-timeout=500', '--snapshot-count=100000']

function version() {
  try {
    return execFileSync('etcd', ['--version'], { encoding: 'utf8', timeout: 120_000 })
  } catch {
    return undefined
  }
}

/** The reason to skip the tests that need etcd, or false. */
const missing = version() === undefined && 'there is no etcd: apt-get install etcd-server'

/** Different ones. */
async function freePorts(count) {
  const ports = new Set()
  while (ports.size < count) ports.add(await freePort())
  return [...ports]
}

class Member {
  constructor(name, port, peerPort, folder, scheme) {
    this.name = name
    this.port = port
    this.peerPort = peerPort
    this.folder = folder
    this.scheme = scheme
    this.endpoint = `${scheme === 'https' ? 'https://' : ''}127.0.0.1:${port}`
    this.child = null
    this.log = ''
  }

  get peerUrl() {
    return `http://127.0.0.1:${this.peerPort}`
  }

  start(cluster, flags) {
    const url = `${this.scheme}://127.0.0.1:${this.port}`
    const args = ['--name', this.name, '--data-dir', path.join(this.folder, this.name)]
    args.push('--listen-client-urls', url, '--advertise-client-urls', url)
    args.push('--listen-peer-urls', this.peerUrl, '--initial-advertise-peer-urls', this.peerUrl)
    args.push('--initial-cluster', cluster, ...FLAGS, ...flags)
    const child = spawn('etcd', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.child = child
    this.log = ''
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', (text) => {
        this.log = (this.log + text).slice(-20_000)
      })
    }
    this.ended = once(child, 'exit')
  }

  get runs() {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null
  }

  /** Ends it at once, without a clean shutdown. */
  async kill(signal = 'SIGKILL') {
    if (!this.runs) return
    this.child.kill(signal)
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await this.ended
  }
}

class Cluster {
  constructor(size, flags, scheme) {
    this.size = size
    this.flags = flags
    this.scheme = scheme
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-etcd-'))
    this.members = []
  }

  get endpoints() {
    return this.members.map(({ endpoint }) => endpoint)
  }

  /** The URL of the cluster, as rpc and grpc targets write it. */
  get url() {
    return `etcd://${this.members.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
  }

  async start(ready) {
    const ports = await freePorts(2 * this.size)
    this.members = Array.from(
      { length: this.size },
      (_, i) => new Member(`m${i}`, ports[2 * i], ports[2 * i + 1], this.folder, this.scheme),
    )
    this.peers = this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')
    await this.restart(this.members, ready)
  }

  /** Starts the members that are not running, and waits until they answer. */
  async restart(members = this.members, ready = {}) {
    for (const member of members) if (!member.runs) member.start(this.peers, this.flags)
    await Promise.all(members.map((member) => this.answers(member, ready)))
  }

  async answers(member, ready) {
    const client = etcd.connect(member.endpoint, ready)
    try {
      for (;;) {
        if (!member.runs) throw new Error(`etcd has ended:\n${member.log}`)
        try {
          await client.get('health', { timeout: 500 })
          return
        } catch {
          await pause(20)
        }
      }
    } finally {
      client.close()
    }
  }

  /** The leader, found by asking the running members. */
  async leader(members = this.members.filter(({ runs }) => runs)) {
    for (;;) {
      for (const member of members) {
        const client = etcd.connect(member.endpoint)
        try {
          const { header, leader } = await client.call('Maintenance/Status', {}, { timeout: 500 })
          if (leader === header.memberId) return member
        } catch {
          // Another member may know it, or this one soon.
        } finally {
          client.close()
        }
      }
      await pause(20)
    }
  }

  async end() {
    await Promise.all(this.members.map((member) => member.kill()))
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 20 })
  }
}

const running = new Set()
process.on('exit', () => {
  for (const { members } of running) for (const { child } of members) child?.kill('SIGKILL')
})

/** A cluster of one or more members, until `end()`. */
async function startCluster(size = 1, { flags = [], scheme = 'http', ready } = {}) {
  // A free port may be taken before etcd uses it; then try again.
  for (let attempt = 1; ; attempt++) {
    const cluster = new Cluster(size, flags, scheme)
    running.add(cluster)
    try {
      await cluster.start(ready)
      return cluster
    } catch (error) {
      await cluster.end()
      running.delete(cluster)
      if (attempt === 5 || !/address already in use/.test(error.message)) throw error
    }
  }
}

module.exports = { missing, startCluster }
