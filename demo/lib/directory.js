'use strict'

// Who serves, as the page shows it: what the registry says, whom the client is connected to, and what became of the processes.

const { EventEmitter } = require('node:events')
const { rpc } = require('ironwire')

const SERVICE = 'courses'
/** The front is in the registry, too. Nobody calls it over rpc: it is there to be found. */
const FRONT = 'web'

/** Emits `change` when somebody has come or gone. */
class Directory extends EventEmitter {
  #target
  #registry
  #courses
  #supervisors
  /** What the registry says of each service. */
  #known = new Map([
    [SERVICE, []],
    [FRONT, []],
  ])
  /** The process of each name that has been up: it does not start any more, whatever is wrong with it. */
  #served = new Map()

  /** `target` is the registry's, `courses` who calls the backends, `supervisors` (by name) who keeps their processes. */
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

  /** Has the front known at this port. */
  register(port) {
    this.#registry.register(FRONT, { id: 'front', port, metadata: { pid: String(process.pid) } })
  }

  close() {
    this.#registry.destroy()
  }

  /** `{ address, services: [{ name, instances }] }`, each instance with its `status`: starting, up, silent or gone. */
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
    // Those that the front keeps alive are shown whether there or not, others as long as the registry knows them.
    return [...new Set([...this.#supervisors.keys(), ...known.keys()])].map((id) => {
      const supervisor = this.#supervisors.get(id)
      // Until its successor has registered, the registry may still know the process that was here before.
      const instance = isOf(known.get(id), supervisor) ? seen(known.get(id)) : null
      const member = instance && connected.get(`${id} ${instance.address}`)
      const answers = Boolean(member?.connected && !member.ejected)
      return {
        id,
        address: instance?.address ?? null,
        pid: supervisor ? supervisor.pid : instance.pid,
        // Only those that the front keeps alive; these while there is a process.
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
    // Whoever has just died is silent for a moment, until its supervisor hears of it.
    return { status: supervisor && this.#served.get(id) !== pid ? 'starting' : 'silent' }
  }
}

/** What the registry says of an instance. */
function seen({ id, address, metadata }) {
  return { id, address, pid: Number(metadata.pid) || null }
}

/** Whether an instance is the process that the supervisor has now; anyone's is, where there is none. */
function isOf(instance, supervisor) {
  return instance !== undefined && (!supervisor || instance.metadata.pid === String(supervisor.pid))
}

module.exports = { Directory }
