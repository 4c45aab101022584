/** The same for `import`. */
import files from './index.js'

export * from './index.js'
export default files
