'use strict'

// Runs before `npm pack` and `npm publish`: prevents a package without an addon that loads.

const { version } = require('../package.json')

function refuse(reason) {
  console.error(`ironwire: nothing was packed. ${reason}`)
  process.exit(1)
}

try {
  const built = require('../binding.js').version()
  if (built !== version)
    refuse(`The addon is of version ${built}, the package of ${version}: run \`npm run build\` first.`)
} catch (error) {
  refuse(error.message)
}
