/** The same for `import`. */
import protobuf = require('./index.js')

export * from './index.js'
export default protobuf
