/** The same for `import`. */
import protobuf = require('./light.js')

export * from './light.js'
export default protobuf
