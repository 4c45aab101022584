/** The same for `import`. */
import http2 from './index.js'

export * from './index.js'
export default http2
