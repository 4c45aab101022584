'use strict'

/**
 * How long instances stay that a registry which has forgotten everything does not know yet: as long as two leases of the usual length, in which
 * whoever still serves has long registered again.
 */
const HOLD = 30_000

/**
 * Lets a service not flap because its registry does. A registry that has lost what it knew begins another epoch, with nothing: what was known
 * before stays for a while, until those who serve have said so again. And a list that is empty never takes the place of one that is not: better
 * to knock where somebody was than nowhere.
 */
class Holder {
  /** `none` is called when the registry knows of nobody, and nobody was known before. */
  constructor(tell, clock, none = () => {}) {
    this.onChange = tell
    this.none = none
    this.clock = clock
    this.epoch = null
    /** What was told last, and what is held of it, by id. */
    this.known = new Map()
    this.held = new Map()
    /** What the registry says. */
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
      // Heard of again: from now on the registry knows better.
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
