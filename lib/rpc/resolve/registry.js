'use strict'

const { Holder } = require('./holder')

/** The instances that a registry knows of a service. */
class RegistryResolver {
  /** `borrow` gives a client of the registry, as `borrowRegistry` does. */
  constructor(service, borrow) {
    this.service = service
    this.borrow = borrow
  }

  /** `none` hears that there is nobody so far. */
  resolve(update, none) {
    const { connected, giveBack } = this.borrow()
    const holder = new Holder((addresses) => update(null, addresses), connected.clock, none)
    const watch = connected.watch(
      this.service,
      (instances, epoch) => holder.tell(instances, epoch),
      (error) => update(error),
    )
    return {
      close() {
        watch.close()
        holder.close()
        giveBack()
      },
    }
  }
}

module.exports = { RegistryResolver }
