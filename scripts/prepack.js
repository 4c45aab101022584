'use strict'

// Before `npm pack` and `npm publish`: a package without an addon that loads must not go out.

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
