/** The same for `import`. */
import protobuf = require('./minimal.js')

export * from './minimal.js'
export default protobuf
