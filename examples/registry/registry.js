'use strict'

// The addressing server. It stores its data in a folder, so that it still has it after a crash.

const { rpc } = require('ironwire')

const registry = rpc.createRegistry({ folder: process.env.REGISTRY_FOLDER })

registry.listen(process.env.REGISTRY_PORT ?? 7400)
registry.on('listening', () => process.send?.({ port: registry.address().port }))

// The process that started it is gone.
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
