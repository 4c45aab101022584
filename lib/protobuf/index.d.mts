/** The same for `import`. */
import protobuf from './index.js'

export default protobuf
