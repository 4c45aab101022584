/** The same for `import`. */
import https from './index.js'

export * from './index.js'
export default https
