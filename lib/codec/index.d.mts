/** The same for `import`. */
import codec from './index.js'

export * from './index.js'
export default codec
