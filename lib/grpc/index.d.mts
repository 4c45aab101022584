/** The same for `import`. */
import grpc from './index.js'

export * from './index.js'
export default grpc
