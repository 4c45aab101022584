/** The same for `import`. */
import ironwire from './index.js'

export * from './index.js'
export default ironwire
