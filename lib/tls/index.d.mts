/** The same for `import`. */
import tls from './index.js'

export * from './index.js'
export default tls
