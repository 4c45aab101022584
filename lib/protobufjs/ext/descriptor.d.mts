/** The same for `import`. */
import descriptor = require('./descriptor.js')

export default descriptor
