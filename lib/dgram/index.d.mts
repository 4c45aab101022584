/** The same for `import`. */
import dgram from './index.js'

export * from './index.js'
export default dgram
