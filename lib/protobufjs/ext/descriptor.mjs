// The same for `import`.
import descriptor from './descriptor.js'

export default descriptor
