'use strict'

// The backends and the front as the page shows them: the registry's data, the client's connections, and the state of
// the processes.

const { EventEmitter } = require('node:events')
const { rpc } = require('ironwire')

const SERVICE = 'courses'
/** The front registers too. Nobody calls it over rpc; it only shows up in the list. */
const FRONT = 'web'

/** Emits `change` when an instance appears or disappears. */
class Directory extends EventEmitter {
  #target
  #registry
  #courses
  #supervisors
  /** The registry's instances of each service. */
  #known = new Map([
    [SERVICE, []],
    [FRONT, []],
  ])
  /** The last pid of each name that was up. Such a process is not starting any more, whatever is wrong with it. */
  #served = new Map()

  /**
   * `target` is the registry's target, `courses` the rpc client, and `supervisors` a Map of the supervisors by name.
   */
  constructor(target, courses, supervisors) {
    super()
    this.#target = target
    this.#courses = courses
    this.#supervisors = supervisors
    this.#registry = rpc.connectRegistry(target)
    for (const service of this.#known.keys()) {
      this.#registry.watch(service, (instances) => {
        this.#known.set(service, instances)
        this.emit('change')
      })
    }
    for (const supervisor of supervisors.values()) supervisor.on('change', () => this.emit('change'))
  }

  /** Registers the front at this port. */
  register(port) {
    this.#registry.register(FRONT, { id: 'front', port, metadata: { pid: String(process.pid) } })
  }

  close() {
    this.#registry.destroy()
  }

  /**
   * Returns `{ address, services: [{ name, instances }] }`. The `status` of an instance is starting, up, silent or
   * gone.
   */
  state() {
    const fronts = this.#known.get(FRONT).map((instance) => ({ ...seen(instance), status: 'up' }))
    return {
      address: this.#target,
      services: [
        { name: SERVICE, instances: this.#backends() },
        { name: FRONT, instances: fronts },
      ],
    }
  }

  #backends() {
    const known = new Map(this.#known.get(SERVICE).map((instance) => [instance.id, instance]))
    const connected = new Map(this.#courses.addresses.map((member) => [`${member.id} ${member.address}`, member]))
    // Backends that the front keeps alive are always shown, others as long as the registry knows them.
    return [...new Set([...this.#supervisors.keys(), ...known.keys()])].map((id) => {
      const supervisor = this.#supervisors.get(id)
      // Until a new process has registered, the registry may still list the previous one.
      const instance = isOf(known.get(id), supervisor) ? seen(known.get(id)) : null
      const member = instance && connected.get(`${id} ${instance.address}`)
      const answers = Boolean(member?.connected && !member.ejected)
      return {
        id,
        address: instance?.address ?? null,
        pid: supervisor ? supervisor.pid : instance.pid,
        // Only backends that the front keeps alive can be killed, while they have a process.
        killable: supervisor && supervisor.pid !== null,
        ended: supervisor?.ended ?? 0,
        inFlight: member?.pending ?? 0,
        answered: this.#courses.answeredBy.get(id) ?? 0,
        ...this.#status(id, supervisor, answers),
      }
    })
  }

  #status(id, supervisor, answers) {
    const pid = supervisor?.pid
    if (supervisor && pid === null) {
      return { status: 'gone', reason: supervisor.reason ?? 'not started yet', startsInMs: supervisor.startsInMs }
    }
    if (answers) {
      this.#served.set(id, pid)
      return { status: 'up' }
    }
    // A backend that has just died is silent for a moment, until its supervisor notices.
    return { status: supervisor && this.#served.get(id) !== pid ? 'starting' : 'silent' }
  }
}

/** The registry's data about an instance. */
function seen({ id, address, metadata }) {
  return { id, address, pid: Number(metadata.pid) || null }
}

/** Whether an instance is the supervisor's current process. Always true without a supervisor. */
function isOf(instance, supervisor) {
  return instance !== undefined && (!supervisor || instance.metadata.pid === String(supervisor.pid))
}

module.exports = { Directory }
