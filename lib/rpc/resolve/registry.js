'use strict'

const { Holder } = require('./holder')

/** The instances of a service that a registry knows. */
class RegistryResolver {
  /** `borrow` returns a client of the registry, as `borrowRegistry` does. */
  constructor(service, borrow) {
    this.service = service
    this.borrow = borrow
  }

  /** `none` is called when there are no instances so far. */
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
