'use strict'

// The addressing server. What it knows is in a folder, so that it knows it again after a crash.

const { rpc } = require('ironwire')

const registry = rpc.createRegistry({ folder: process.env.REGISTRY_FOLDER })

registry.listen(process.env.REGISTRY_PORT ?? 7400)
registry.on('listening', () => process.send?.({ port: registry.address().port }))

// Whoever started it is gone.
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
