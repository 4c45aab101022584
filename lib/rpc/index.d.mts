/** The same for `import`. */
import rpc from './index.js'

export * from './index.js'
export default rpc
