'use strict'

const { borrowRegistry } = require('../registry/connect')
const { Holder } = require('./holder')

/** The instances that a registry knows of a service. */
class RegistryResolver {
  constructor(registry, service, secret) {
    this.registry = registry
    this.service = service
    this.secret = secret
  }

  resolve(update) {
    const { connected, giveBack } = borrowRegistry(this.registry, this.secret)
    const holder = new Holder((addresses) => update(null, addresses), connected.clock)
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
