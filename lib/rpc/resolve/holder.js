'use strict'

/**
 * How long instances are kept that a restarted registry does not know yet, in milliseconds: two leases of the usual
 * length. Every live instance has registered again by then.
 */
const HOLD = 30_000

/**
 * Keeps a service's addresses stable when its registry is not. A registry that has lost its data starts a new epoch
 * with no instances: the known ones are kept for a while, until they have registered again. An empty list never
 * replaces one that is not empty, because an old address is better than none.
 */
class Holder {
  /** `none` is called when the registry has no instances and none were known before. */
  constructor(tell, clock, none = () => {}) {
    this.onChange = tell
    this.none = none
    this.clock = clock
    this.epoch = null
    /** The instances reported last, and those kept from an earlier epoch, by id. */
    this.known = new Map()
    this.held = new Map()
    /** What the registry reported last. */
    this.instances = []
    this.timer = null
  }

  tell(instances, epoch) {
    if (this.epoch !== null && epoch !== this.epoch) {
      for (const [id, instance] of this.known) this.held.set(id, instance)
      this.clock.clearTimeout(this.timer)
      this.timer = this.clock.setTimeout(() => this.letGo(), HOLD)
    }
    this.epoch = epoch
    this.instances = instances
    this.settle()
  }

  letGo() {
    this.timer = null
    this.held.clear()
    this.settle()
  }

  settle() {
    const known = new Map(this.held)
    for (const instance of this.instances) {
      known.set(instance.id, instance)
      // Registered again: from now on the registry decides.
      this.held.delete(instance.id)
    }
    if (known.size === 0) {
      if (this.known.size === 0) this.none()
      return
    }
    this.known = known
    this.onChange([...known.values()])
  }

  close() {
    this.clock.clearTimeout(this.timer)
  }
}

module.exports = { Holder }
