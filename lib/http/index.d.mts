/** The same for `import`. */
import http from './index.js'

export * from './index.js'
export default http
