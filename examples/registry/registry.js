'use strict'

// The addressing server. It keeps its registrations in a folder, so that they survive a crash.

const { rpc } = require('ironwire')

const registry = rpc.createRegistry({ folder: process.env.REGISTRY_FOLDER })

registry.listen(process.env.REGISTRY_PORT ?? 7400)
registry.on('listening', () => process.send?.({ port: registry.address().port }))

// The process that started this one has ended.
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
