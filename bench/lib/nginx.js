'use strict'

// nginx with one worker as a contender.

const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { setTimeout } = require('node:timers/promises')

const PLACES = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin']
const binary = () => PLACES.map((place) => path.join(place, 'nginx')).find((file) => fs.existsSync(file))

/** Why nginx cannot be compared; undefined if it can. */
function missing() {
  if (process.platform !== 'linux') return 'its CPU time is read from /proc'
  return binary() === undefined ? 'it is not installed (nginx-light of Debian will do)' : undefined
}

function version() {
  return spawnSync(binary(), ['-v'], { encoding: 'utf8' }).stderr.trim().replace('nginx version: ', '')
}

const config = (place, port, { listen, http, server }) => `
worker_processes 1;
daemon off;
master_process off;
pid ${place}/pid;
error_log ${place}/error.log;
worker_rlimit_nofile 20000;
events { worker_connections 19000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  send_timeout 3600s;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${place}/tmp;`).join('\n  ')}
  ${http}
  server {
    listen 127.0.0.1:${port} ${listen};
    ${server}
  }
}
`

/** Finds a port that is currently free. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** Has the methods of a `Child` that the cases use. */
class Nginx {
  /** `listen` is appended to the port; `http` and `server` are lines for these blocks. */
  constructor({ listen = '', http = '', server }, core) {
    this.config = { listen, http, server }
    this.core = core
    this.place = fs.mkdtempSync(path.join(os.tmpdir(), 'ironwire-nginx-'))
  }

  call(method) {
    return this[method]()
  }

  async listen() {
    const port = await freePort()
    const file = path.join(this.place, 'nginx.conf')
    fs.writeFileSync(file, config(this.place, port, this.config))
    const command = [binary(), '-c', file, '-e', path.join(this.place, 'error.log')]
    if (this.core !== undefined) command.unshift('taskset', '-c', String(this.core))
    this.child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] })
    for (let i = 0; i < 100; i++) {
      if (await answers(port)) return port
      if (this.child.exitCode !== null) break
      await setTimeout(50)
    }
    throw new Error(`nginx does not start: ${fs.readFileSync(path.join(this.place, 'error.log'), 'utf8')}`)
  }

  /** User and kernel time in microseconds; the kernel counts in hundredths of a second. */
  cpu() {
    const fields = fs.readFileSync(`/proc/${this.child.pid}/stat`, 'latin1').split(') ')[1].split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10_000
  }

  rss() {
    const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${this.child.pid}/status`, 'utf8'))
    return Number(kilobytes) * 1024
  }

  async stop() {
    if (this.child?.exitCode === null) {
      const ended = new Promise((resolve) => this.child.once('exit', resolve))
      this.child.kill()
      await ended
    }
    fs.rmSync(this.place, { recursive: true })
  }
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy())
  })
}

module.exports = { Nginx, missing, version }
